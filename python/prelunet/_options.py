"""Command-line options shared by several commands: types, options and help formatting."""

from __future__ import annotations

import argparse
import math
import re
from typing import TypeAlias

from prelunet import data

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


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
    """Add the options that select the data; `--data` is required if `default` is None."""
    parser.add_argument(
        "--data",
        metavar="NAME|PATH",
        default=default,
        required=default is None,
        help=f"a data set by name ({', '.join(data.NAMES)}), or an NPZ, CSV or IDX file, or a "
        "folder of IDX files",
    )
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


def load_data(options: argparse.Namespace) -> data.Dataset:
    """Load the data selected by the options of `add_data_options`."""
    column: str | int | None = options.label_column
    if isinstance(column, str) and re.fullmatch(r"-?\d+", column):
        column = int(column)
    return data.load(options.data, data_dir=options.data_dir, label_column=column)
