"""``prelunet reproduce``: experiments of lecture notes and assignments, one command each."""

from __future__ import annotations

import argparse
import importlib
import time
from typing import Any

import prelunet as pn
from prelunet import recipes
from prelunet.cli import options, results


def add_parser(commands: Any) -> None:
    """Add the command, with one of its own for each recipe."""
    parser = commands.add_parser(
        "reproduce",
        help="run an experiment that people know from lecture notes, with its figures",
        description="Run an experiment that people know from lecture notes and assignments; print "
        "what came out beside what stands there, and draw it.",
        formatter_class=options.HelpFormatter,
    )
    chosen = parser.add_subparsers(title="experiments", metavar="NAME", required=True)
    for name in recipes.NAMES:
        _add_recipe(chosen, name)
    every = chosen.add_parser("all", help="all of them, one after another")
    _add_common(every)
    every.set_defaults(run=_run_all, seed=None)  # each its own, unless given


def _module(name: str) -> Any:
    return importlib.import_module(f"prelunet.recipes.{name}")


def _add_recipe(chosen: Any, name: str) -> None:
    module = _module(name)
    parser = chosen.add_parser(
        name,
        help=module.__doc__.splitlines()[0].rstrip("."),
        description=module.__doc__,
        formatter_class=_RecipeFormatter,
    )
    _add_common(parser)
    module.add_options(parser)
    parser.set_defaults(run=lambda arguments: _run(name, arguments))


class _RecipeFormatter(options.HelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Leave the docstring's lines as they are."""


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="a small version, in seconds")
    parser.add_argument("--out", metavar="DIR", help="write results.json, figures and model there")
    parser.add_argument(
        "--seed", type=options.count_or_zero, default=0, metavar="N", help="of all randomness"
    )
    parser.add_argument(
        "--data-dir", metavar="DIR", help="where to look for mnist first; see prelunet train --help"
    )
    options.add_threads_option(parser)
    parser.add_argument("--quiet", action="store_true", help="no log and no bar, results alone")


def _run(name: str, arguments: argparse.Namespace) -> None:
    if arguments.threads is not None:
        pn.set_num_threads(arguments.threads)
    if arguments.out is not None:
        arguments.out = results.writable_folder(arguments.out)
    began = time.perf_counter()
    found = _module(name).run(arguments)
    seconds = time.perf_counter() - began
    if arguments.out is not None:
        kept = {key: value for key, value in vars(arguments).items() if key not in ("run", "out")}
        summary = {**found, "recipe": name, "seconds": seconds, "configuration": kept}
        results.write(arguments.out, {**summary, **results.environment()})
        print(f"wrote      {arguments.out}")


def _run_all(arguments: argparse.Namespace) -> None:
    given = {option: value for option, value in vars(arguments).items() if value is not None}
    for name in recipes.NAMES:
        own = argparse.ArgumentParser()
        _add_common(own)
        _module(name).add_options(own)
        part = argparse.Namespace(**vars(own.parse_args([])) | given)
        if arguments.out is not None:
            part.out = results.writable_folder(arguments.out) / name
        print(f"\n==== {name} ====", flush=True)
        _run(name, part)
