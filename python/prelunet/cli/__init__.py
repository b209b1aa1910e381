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
from prelunet._options import CommandParser
from prelunet.cli import bench, completion, evaluate, export, info, predict, reproduce, train

EXIT_ERROR = 2  # argparse's code for invalid arguments; here for all errors that the user can fix
EXIT_INTERRUPTED = 128 + 2  # the shell's code for a program ended by SIGINT
EXIT_BROKEN_PIPE = 128 + 13  # and by SIGPIPE

EXAMPLES = """\
examples:
  prelunet train
      trains on the digits in the package, and writes a model and figures to runs/digits
  prelunet evaluate runs/digits/model.npz --data digits
      tests that model on the digits that were held out
  prelunet train people.csv --target income
      trains on a table, to predict one of its columns
  prelunet reproduce two_moons --quick
      runs an experiment with figures
  prelunet train --help
      shows all options of a command

For a bug report, add what "prelunet info" prints.
"""


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """A formatter that keeps the lines of the examples."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 13  # argparse forgets that the names of commands are indented


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; its result has ``run`` for the selected command."""
    parser = argparse.ArgumentParser(
        prog="prelunet",
        description="Train neural networks on images, tables and arrays on the CPU, and run them.",
        epilog=EXAMPLES,
        formatter_class=_HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"prelunet {prelunet.__version__}")
    parser.add_argument(
        "--completion",
        metavar="SHELL",
        choices=completion.SHELLS,
        action=completion.PrintCompletion,
        help=f"print a script for completion in {', '.join(completion.SHELLS)} (needs shtab)",
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", parser_class=CommandParser
    )
    for command in (train, evaluate, predict, export, reproduce, bench, info):
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default that of the process; return the exit code.

    Without a command, print the help on stderr. Options such as ``--help``, and unknown ones, raise
    argparse's SystemExit.
    """
    parser = build_parser()
    try:
        options = parser.parse_args(arguments)
        if "run" not in options:
            parser.print_help(sys.stderr)
            return EXIT_ERROR
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
