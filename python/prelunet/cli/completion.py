"""``prelunet --completion SHELL``: a script that completes commands, options and files."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from typing import Any

from prelunet._extras import require

SHELLS = ("bash", "zsh", "fish", "tcsh")
# Metavars of arguments that are, or may be, files.
FILES = re.compile(r"FILE|DIR|PATH|MODEL|DATA")


class PrintCompletion(argparse.Action):
    """Prints the script of a shell for the parser that meets the option, and exits."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Print and exit."""
        shtab = require("shtab", extra=None, purpose="shell completion")
        for action in _actions(parser):
            if action.choices is None and FILES.search(str(action.metavar)):
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab reads it
        print(shtab.complete(parser, values))
        parser.exit()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
