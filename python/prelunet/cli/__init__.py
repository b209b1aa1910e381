"""The command line: ``prelunet`` and ``python -m prelunet``.

One module a command. Each has ``add_parser``, which says what may be typed, and ``run``, which does
it. Neither knows of processes: what ends a command early is an exception, and `main` alone makes
exit codes and one-line messages of exceptions.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import prelunet
from prelunet._options import HelpFormatter
from prelunet.cli import bench, evaluate, export, info, predict, reproduce, train

EXIT_ERROR = 2  # argparse's, for what was typed; here for all that the user can put right
EXIT_INTERRUPTED = 128 + 2  # a shell's code for a program that SIGINT ended
EXIT_BROKEN_PIPE = 128 + 13  # and SIGPIPE


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; ``run`` in its result does what was asked for."""
    parser = argparse.ArgumentParser(
        prog="prelunet",
        description="Train and run PReLU networks on the CPU.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"prelunet {prelunet.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (train, evaluate, predict, export, reproduce, bench, info):
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        What was typed after ``prelunet``; the process's own arguments unless given.

    Returns
    -------
    int
        The exit code: 0, 2 after an error, 130 after Ctrl-C.

    Raises
    ------
    SystemExit
        By argparse: after ``--help`` and ``--version``, and with code 2 for unknown options.
    """
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()  # a reader that has gone is noticed here, not when Python exits
    except KeyboardInterrupt:
        print("prelunet: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (head, say) has seen enough. Python's flush at exit must not fail on it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except (ValueError, TypeError, ImportError, OSError) as error:
        print(f"prelunet: error: {_describe(error)}", file=sys.stderr)
        return EXIT_ERROR
    return 0


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
