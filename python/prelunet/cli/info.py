"""``prelunet info``: the installation and the data sets it finds, or a model file."""

from __future__ import annotations

import argparse
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import prelunet
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
    "mpi4py": "mpi",
}

RELEASED = "2026-12-01"  # the date of this version, as in CHANGELOG.md and CITATION.cff
# Beginnings of the names of environment variables that change speed or results.
VARIABLES = ("PRELUNET_", "OMP_", "GOMP_", "KMP_")


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "info",
        help="show the installation, or what a model file contains",
        description="Print what a bug report needs: the version and its date, the instruction set "
        "in use, processor, threads, compiler, environment variables, optional packages and the "
        "locations of data sets. Downloads nothing. With a model file, print its shape, layers, "
        "classes, columns, metadata, version and fingerprint instead.",
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
    about: dict[str, Any] = {
        "released": RELEASED,
        "installed_in": str(Path(prelunet.__file__).parent),
        "processor": _processor(),
        "variables": {k: v for k, v in sorted(os.environ.items()) if k.startswith(VARIABLES)},
    }
    if arguments.json:
        found = {**environment, **about, "packages": packages, "data": places}
        print(results.to_json(found))
        return
    versions = environment["versions"]
    available = ", ".join(environment["isas_available"])
    order = environment["bfloat16_order"]
    _print_table(
        "prelunet",
        {
            "version": f"{versions['prelunet']} of {about['released']}",
            "installed in": about["installed_in"],
            "ISA": f"{environment['isa']} (this machine has {available})",
            "bfloat16": f"order {order}, on {environment['bfloat16_runs_on']}",
            "processor": about["processor"],
            "threads": f"{environment['threads']} of {environment['cpus']} CPUs",
            "compiler": environment["compiler"],
            "Python": f"{versions['python']} on {environment['platform']}",
            "NumPy": versions["numpy"],
        },
    )
    none = {" ".join(f"{name}*" for name in VARIABLES): "not set"}
    _print_table("environment variables", about["variables"] or none)
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


def _processor() -> str:
    from prelunet import bench  # imported here: most commands do not need it

    return str(bench.machine.processor())


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
