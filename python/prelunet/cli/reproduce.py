"""``prelunet reproduce``: experiments of lecture notes and assignments, one command each."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import prelunet as pn
from prelunet import _options as options
from prelunet import recipes
from prelunet.cli import results
from prelunet.recipes import page

REPORT = "report.html"


def add_parser(commands: options.Commands) -> None:
    """Add the command, with one subcommand per recipe."""
    parser = commands.add_parser(
        "reproduce",
        help="reproduce a well-known experiment from lecture notes, with figures",
        description="Run a well-known experiment from lecture notes and assignments. Print the "
        "results next to the published ones and draw the figures.",
        formatter_class=options.HelpFormatter,
    )
    chosen = parser.add_subparsers(title="experiments", metavar="NAME", required=True)
    for name in recipes.NAMES:
        _add_recipe(chosen, name)
    every = chosen.add_parser(
        "all", help=f"run all experiments and write {REPORT} with all tables and figures"
    )
    _add_common(every)
    every.add_argument("--restart", action="store_true", help="ignore checkpoints in --out")
    every.set_defaults(run=_run_all, seed=None)  # each recipe uses its own default seed


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"prelunet.recipes.{name}")


def _text(module: ModuleType) -> str:
    return module.__doc__ or ""


def _add_recipe(chosen: options.Commands, name: str) -> None:
    module = _module(name)
    parser = chosen.add_parser(
        name,
        help=_text(module).splitlines()[0].rstrip("."),
        description=_text(module),
        formatter_class=_RecipeFormatter,
    )
    _add_common(parser)
    module.add_options(parser)
    parser.set_defaults(run=lambda arguments: _run(name, arguments))


class _RecipeFormatter(options.HelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keep the line breaks of the docstring."""


def _add_common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--quick", action="store_true", help="run a small version in seconds")
    add("--out", metavar="DIR", help="write results.json, figures and the model to this folder")
    text = "seed of all random numbers"
    add("--seed", type=options.count_or_zero, default=0, metavar="N", help=text)
    text = "first place to search for mnist; see prelunet train --help"
    add("--data-dir", metavar="DIR", help=text)
    options.add_threads_option(parser)
    add("--quiet", action="store_true", help="print only results, no log and no progress bar")


def _run(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run one recipe; return the contents of ``results.json``."""
    if arguments.threads is not None:
        pn.set_num_threads(arguments.threads)
    if arguments.out is not None:
        arguments.out = results.writable_folder(arguments.out)
    began = time.perf_counter()
    found: dict[str, object] = _module(name).run(arguments)
    summary = _summary(name, arguments, found, time.perf_counter() - began)
    if arguments.out is not None:
        results.write(arguments.out, summary)
        print(f"wrote      {arguments.out}")
    return summary


def _summary(
    name: str, arguments: argparse.Namespace, found: Mapping[str, object], seconds: float
) -> dict[str, Any]:
    from prelunet import bench  # imported here: most commands do not need it

    kept = {key: value for key, value in vars(arguments).items() if key not in ("run", "out")}
    summary = {**found, "recipe": name, "seconds": seconds, "configuration": kept}
    return {**summary, "processor": bench.machine.processor(), **results.environment()}


def _run_all(arguments: argparse.Namespace) -> None:
    """Run every recipe, even if others fail; update the page after each."""
    folder = None if arguments.out is None else results.writable_folder(arguments.out)
    began, count = time.perf_counter(), len(recipes.NAMES)
    parts: list[page.Part] = []
    for number, name in enumerate(recipes.NAMES, start=1):
        print(f"\n==== {name} ({number} of {count}, {_since(began)} so far) ====", flush=True)
        parts.append(_attempt(name, _options_of(name, arguments, folder)))
        if folder is not None:
            now = time.strftime("%Y-%m-%d %H:%M")
            remark = f"{number} of {count} experiments in {_since(began)}, {now}"
            text = page.make_page(parts, remark=remark)
            (folder / REPORT).write_text(text, encoding="utf-8")
    if folder is not None:
        print(f"\nwrote      {folder / REPORT}")
    failed = [part.name for part in parts if part.error]
    if failed:
        raise ValueError(f"reproduce all: {', '.join(failed)} failed: see above")


def _options_of(
    name: str, arguments: argparse.Namespace, folder: Path | None
) -> argparse.Namespace:
    """Return a recipe's options: its defaults, overridden by the common ones."""
    parser = argparse.ArgumentParser()
    _add_common(parser)
    _module(name).add_options(parser)
    own = vars(parser.parse_args([]))
    given = {name: v for name, v in vars(arguments).items() if v is not None and name in own}
    if folder is not None:
        given["out"] = folder / name
    return argparse.Namespace(**own | given)


def _attempt(name: str, arguments: argparse.Namespace) -> page.Part:
    began, error = time.perf_counter(), ""
    try:
        summary = _run(name, arguments)
    except Exception as problem:  # an unexpected error must not stop the other recipes
        error = traceback.format_exc()
        summary = _summary(name, arguments, {}, time.perf_counter() - began)
        print(f"prelunet: error: {name}: {problem}", file=sys.stderr, flush=True)
    return page.Part(name, _text(_module(name)), arguments.out, summary, error)


def _since(began: float) -> timedelta:
    return timedelta(seconds=round(time.perf_counter() - began))
