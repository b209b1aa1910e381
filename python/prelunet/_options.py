"""Command-line options shared by several commands: types, options and help formatting."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from typing import TypeAlias

from prelunet import data

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


SOURCE = "source"


class CommandParser(argparse.ArgumentParser):
    """A parser whose optional positional argument DATA may follow options.

    Before Python 3.12, argparse takes it as missing there.
    """

    def parse_known_args(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, and take one argument that is left over as DATA."""
        found, rest = super().parse_known_args(args, namespace)
        if rest and not rest[0].startswith("-") and vars(found).get(SOURCE, "") is None:
            setattr(found, SOURCE, rest.pop(0))
        return found, rest


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """A help formatter that shows defaults except None and False."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


def integer_from(minimum: int, text: str) -> int:
    """Parse an integer of at least `minimum`."""
    try:
        value = int(text)
    except ValueError:
        value = minimum - 1
    if value < minimum:
        raise argparse.ArgumentTypeError(f"must be an integer >= {minimum}, got {text!r}")
    return value


def count(text: str) -> int:
    """Parse an integer of at least 1."""
    return integer_from(1, text)


def count_or_zero(text: str) -> int:
    """Parse an integer of at least 0."""
    return integer_from(0, text)


def number(text: str) -> float:
    """Parse a finite number; the library checks its range."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a finite number, got {text!r}")
    return value


def share(text: str) -> float:
    """Parse a number between 0 and 1."""
    value = number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be a number between 0 and 1, got {text!r}")
    return value


def hidden_units(text: str) -> tuple[int, ...]:
    """Parse the units of the hidden layers: ``400x6``, ``128,64``, ``256x2,32`` or ``none``."""
    if text == "none":
        return ()
    units: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"([1-9]\d{0,8})(?:x([1-9]\d{0,3}))?", part.strip())
        if match is None:
            raise argparse.ArgumentTypeError(
                f"must be units, or units x layers, between commas (400x6; 128,64; 256x2,32), or "
                f"none, got {text!r}"
            )
        units += [int(match[1])] * int(match[2] or 1)
    return tuple(units)


def batch_size(text: str) -> int | None:
    """Parse a batch size; ``full`` gives None, the whole data set."""
    if text == "full":
        return None
    try:
        return count(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"must be an integer >= 1, or full for the whole set, got {text!r}"
        ) from None


def names(text: str) -> tuple[str, ...]:
    """Parse names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def add_data_options(parser: argparse._ActionsContainer, *, default: str | None) -> None:
    """Add the options that select the data; `choose_data` completes them."""
    text = (
        f"a data set by name ({', '.join(data.NAMES)}), or an NPZ, CSV or IDX file, or a "
        "folder of IDX files"
    )
    if default is not None:
        text += f" (default: {default})"
    parser.add_argument(SOURCE, metavar="DATA", nargs="?", help=text)
    parser.add_argument("--data", metavar="NAME|PATH", help="the same as DATA")
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="where to look for mnist and fashion-mnist first; then come $PRELUNET_DATA, the "
        "cache, the system's folder and a download",
    )
    parser.add_argument(
        "--label-column",
        metavar="COLUMN",
        help="for CSV: the column of the labels, by its number from 0 (negative from the end) or "
        "its name; the last unless given",
    )


def add_threads_option(parser: argparse._ActionsContainer) -> None:
    """Add ``--threads``."""
    parser.add_argument(
        "--threads", type=count, metavar="N", help="threads; all this process may use unless given"
    )


def choose_data(arguments: argparse.Namespace, *, default: str | None) -> None:
    """Set `data` to DATA, ``--data`` or the default, and remove `source`.

    Raises
    ------
    ValueError
        If both are given, or neither without a default.
    """
    source = vars(arguments).pop(SOURCE)
    if source is not None and arguments.data is not None:
        raise ValueError(f"DATA and --data cannot both be given: {source} and {arguments.data}")
    arguments.data = source or arguments.data or default
    if arguments.data is None:
        raise ValueError("DATA or --data must be given")


def load_data(options: argparse.Namespace) -> data.Dataset:
    """Load the data selected by the options of `add_data_options`."""
    column: str | int | None = options.label_column
    if isinstance(column, str) and re.fullmatch(r"-?\d+", column):
        column = int(column)
    return data.load(options.data, data_dir=options.data_dir, label_column=column)
