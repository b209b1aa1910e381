"""``prelunet bench``: benchmarks against the machine's ceiling, NumPy and installed peers."""

from __future__ import annotations

import argparse
from pathlib import Path

import prelunet as pn
from prelunet import _options as options
from prelunet.cli import bench_tables, results
from prelunet.plots import style

TIMES, SCALING = "times.png", "scaling.png"


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "bench",
        help="time kernels and training steps against the machine's ceiling and other libraries",
        description="Measure the FMA ceiling of this machine, then kernels, whole training steps "
        "and predictions of prelunet, NumPy and each installed peer. Each library runs in its own "
        "process. Their answers are compared before they are timed. With --tables, compare scores "
        "and times of estimators on tables instead.",
        formatter_class=options.HelpFormatter,
    )
    add = parser.add_argument
    text = (
        "numpy, products (only the matrix products, in NumPy's BLAS), jax-loop, jax, torch, "
        "torch-compile, keras, sklearn (default: all that are installed; with --quick, numpy and "
        "products)"
    )
    add("--against", type=options.names, metavar="PEER,...", help=text)
    options.add_threads_option(parser)
    text = "cases by name or pattern: W0m, 'W*', P1; with --tables, tables by name"
    add("--only", type=options.names, metavar="CASE,...", help=text)
    add("--quick", action="store_true", help="run a small selection in less than a minute")
    add("--check", action="store_true", help="compare answers without timing")
    text = "also measure time against batch size, width, depth, rows, threads"
    add("--scaling", action="store_true", help=text)
    text = "also compare MLPClassifier with scikit-learn's"
    add("--estimators", action="store_true", help=text)
    text = "also train many small networks at once, beside JAX, PyTorch and scikit-learn"
    add("--many", action="store_true", help=text)
    add("--json", metavar="FILE", help="write all results to this file")
    add("--figure", metavar="FILE", help="draw times relative to prelunet to this file")
    text = (
        f"write results.json, {TIMES} and, with --scaling, {SCALING}; with --tables, "
        f"{bench_tables.RESULTS} and {bench_tables.FIGURE}"
    )
    add("--out", metavar="DIR", help=text)
    add("--quiet", action="store_true", help="no progress")
    bench_tables.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure, print, write."""
    bench_tables.check(arguments)
    if arguments.tables is not None:
        bench_tables.run(arguments)
        return
    from prelunet import bench  # imported here: most commands do not need it

    folder = None if arguments.out is None else results.writable_folder(arguments.out)
    # Fail now, not after minutes of measuring, if a file cannot be written.
    if arguments.json is not None:
        results.writable_folder(Path(arguments.json).parent)
    if arguments.figure is not None:
        results.writable_folder(Path(arguments.figure).parent)
        style.matplotlib("figure")
    found = bench.run(
        bench.Options(
            threads=arguments.threads or pn.get_num_threads(),
            against=arguments.against,
            only=arguments.only,
            quick=arguments.quick,
            check=arguments.check,
            scaling=arguments.scaling,
            estimators=arguments.estimators,
            many=arguments.many,
            quiet=arguments.quiet,
        )
    )
    print(bench.report.text(found))
    if arguments.json is not None:
        Path(arguments.json).write_text(results.to_json(found) + "\n", encoding="utf-8")
    if arguments.figure is not None and not arguments.check:
        bench.figures.save_times(found, arguments.figure)
    if folder is not None:
        results.write(folder, found)
        try:
            if not arguments.check:
                bench.figures.save_times(found, folder / TIMES)
            if "scaling" in found:
                bench.figures.save_scaling(found, folder / SCALING)
        except ImportError as error:
            results.note([str(error)])
    failed = [c["name"] for c in [*found["steps"], *found["predictions"]] if c["failures"]]
    if arguments.check and failed:
        raise ValueError(f"bench: answers of {', '.join(failed)} are missing or wrong: see above")
