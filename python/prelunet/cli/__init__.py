"""The command line: ``prelunet`` and ``python -m prelunet``.

One module per command. Each has ``add_parser``, which defines the options, and ``run``, which
executes the command. Commands report errors as exceptions; only `main` converts them to exit codes
and one-line messages.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import prelunet
from prelunet._options import CommandParser, HelpFormatter
from prelunet.cli import bench, evaluate, export, info, predict, reproduce, train

EXIT_ERROR = 2  # argparse's code for invalid arguments; here for all errors that the user can fix
EXIT_INTERRUPTED = 128 + 2  # the shell's code for a program ended by SIGINT
EXIT_BROKEN_PIPE = 128 + 13  # and by SIGPIPE


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; its result has ``run`` for the selected command."""
    parser = argparse.ArgumentParser(
        prog="prelunet",
        description="Train and run PReLU networks on the CPU.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"prelunet {prelunet.__version__}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=CommandParser
    )
    for command in (train, evaluate, predict, export, reproduce, bench, info):
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default that of the process; return the exit code.

    Options such as ``--help``, and unknown ones, raise argparse's SystemExit.
    """
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()  # detects a closed pipe here, not at interpreter exit
    except KeyboardInterrupt:
        print("prelunet: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (such as head) closed the pipe. The flush at interpreter exit must not fail on
        # it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except (ValueError, TypeError, ImportError, OSError, MemoryError) as error:
        print(f"prelunet: error: {_describe(error)}", file=sys.stderr)
        return EXIT_ERROR
    return 0


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
