"""``prelunet info``: the installation and the data sets it finds, or a model file."""

from __future__ import annotations

import argparse
from importlib import metadata
from typing import Any

from prelunet import _options as options
from prelunet import data
from prelunet.cli import describe, results

# Optional distributions, and the extra that installs each.
OPTIONAL = {
    "scikit-learn": "sklearn",
    "pandas": "tables",
    "pyarrow": "tables",
    "matplotlib": "plot",
    "plotly": "plot",
    "tqdm": "progress",
    "pooch": "data",
    "mlxtend": "data",
    "pillow": "data",
    "tensorboardX": "tensorboard",
    "safetensors": "io",
    "onnx": "io",
}


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "info",
        help="show the installation, or what a model file contains",
        description="Print the version, the instruction set in use, threads, compiler, optional "
        "packages and the locations of data sets. Downloads nothing. With a model file, print its "
        "shape, layers, classes, columns, metadata, version and fingerprint instead.",
        formatter_class=options.HelpFormatter,
    )
    text = "a model file (.npz or .safetensors)"
    parser.add_argument("model", metavar="MODEL", nargs="?", help=text)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Collect the information and print it."""
    if arguments.model is not None:
        found = describe.describe(arguments.model)
        print(results.to_json(found) if arguments.json else describe.text(found))
        return
    environment = results.environment()
    packages = {name: _version(name) for name in OPTIONAL}
    places = {name: data.where(name) for name in data.NAMES}
    if arguments.json:
        print(results.to_json({**environment, "packages": packages, "data": places}))
        return
    versions = environment["versions"]
    available = ", ".join(environment["isas_available"])
    order = environment["bfloat16_order"]
    _print_table(
        "prelunet",
        {
            "version": versions["prelunet"],
            "ISA": f"{environment['isa']} (this machine has {available})",
            "bfloat16": f"order {order}, on {environment['bfloat16_runs_on']}",
            "threads": environment["threads"],
            "compiler": environment["compiler"],
            "Python": f"{versions['python']} on {environment['platform']}",
            "NumPy": versions["numpy"],
        },
    )
    _print_table(
        "optional packages",
        {
            name: version or f"not installed: pip install 'prelunet[{OPTIONAL[name]}]'"
            for name, version in packages.items()
        },
    )
    _print_table("data", places)


def _print_table(title: str, values: dict[str, Any]) -> None:
    width = max(map(len, values))
    print(title)
    for name, value in values.items():
        print(f"  {name:<{width}}  {value}")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
