"""``prelunet bench --tables``: estimators for tables beside the installed peers."""

from __future__ import annotations

import argparse
from pathlib import Path

from prelunet import _options as options
from prelunet.cli import results
from prelunet.plots import style

RESULTS, FIGURE = "tables.jsonl", "tables.png"
SEEDS = 3

_ONLY_HERE = ("seeds", "peers", "rows")
_NOT_HERE = ("threads", "quick", "check", "scaling", "estimators", "many")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that only ``--tables`` has."""
    group = parser.add_argument_group(
        "tables",
        "Each estimator is trained on three quarters of each table and tested on the others, in "
        "its own process and on one thread. With --json or --out each result is written when it is "
        "there, and a later run continues. --only selects tables, and --against the estimator that "
        "the others are compared with.",
    )
    text = (
        "compare estimators on the CSV and Parquet files of this folder; the target is the column "
        "__target__ or target, or the last one; text, bool and few integers are classes"
    )
    group.add_argument("--tables", metavar="DIR", help=text)
    text = f"divisions of each table into training and test rows (default: {SEEDS})"
    group.add_argument("--seeds", type=options.count, metavar="N", help=text)
    text = "estimators, in this order (default: all that are installed)"
    group.add_argument("--peers", type=options.names, metavar="PEER,...", help=text)
    text = "use at most this many rows of a table"
    group.add_argument("--rows", type=options.count, metavar="N", help=text)


def check(arguments: argparse.Namespace) -> None:
    """Raise a ValueError for options that do not apply together."""
    tables = arguments.tables is not None
    for name in _NOT_HERE if tables else _ONLY_HERE:
        if getattr(arguments, name) not in (None, False):
            how = "cannot be used with" if tables else "needs"
            raise ValueError(f"bench: --{name} {how} --tables")


def run(arguments: argparse.Namespace) -> None:
    """Measure what is missing, print, write."""
    from prelunet import bench  # imported here: most commands do not need it

    tables = bench.tables
    lines = None if arguments.json is None else Path(arguments.json)
    figure = None if arguments.figure is None else Path(arguments.figure)
    if arguments.out is not None:
        folder = results.writable_folder(arguments.out)
        lines, figure = lines or folder / RESULTS, figure or folder / FIGURE
    against = arguments.against or (None,)
    if len(against) > 1:
        raise ValueError("bench: --against must be one estimator with --tables")
    if lines is not None:
        results.writable_folder(lines.parent)
    if figure is not None:
        results.writable_folder(figure.parent)
        if arguments.figure is not None:
            style.matplotlib("figure")  # fails now, not after hours of measuring
    wanted = tables.Options(
        folder=arguments.tables,
        seeds=arguments.seeds or SEEDS,
        only=arguments.only,
        peers=arguments.peers,
        rows=arguments.rows,
        json=None if lines is None else str(lines),
        quiet=arguments.quiet,
    )
    tables.report.check_reference(wanted, against[0])
    found, failures = tables.run(wanted)
    results.note(failures)
    if not found:
        raise ValueError("bench: no estimator could be measured: see above")
    reference = tables.report.reference_of(found, against[0])
    print(tables.report.text(found, reference))
    if figure is not None:
        try:
            tables.save_figure(found, reference, figure)
        except ImportError as error:
            results.note([str(error)])
