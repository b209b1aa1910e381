"""``prelunet export``: write a model in a format for other programs."""

from __future__ import annotations

import argparse

import prelunet as pn
from prelunet import _options as options
from prelunet import data
from prelunet.cli.rows import Array, as_input
from prelunet.formats import checked_path


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "export",
        help="write a model as ONNX or C, for other programs to run",
        description="Write a saved model as an ONNX file or a C header. The input x of an ONNX "
        "file is any number of rows in the model's input shape. Its output is named outputs or "
        "probabilities. A C header has a function NAME_predict(x, y) for one row. The ONNX file of "
        "a model that was trained on a table has an input for each column.",
        formatter_class=options.HelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a model file, as written by train")
    parser.add_argument("file", metavar="FILE", help="the file to write; must end in .onnx or .h")
    text = "output probabilities instead of the network's raw outputs"
    parser.add_argument("--probabilities", action="store_true", help=text)
    text = "prefix of all names in a C header (default: net)"
    parser.add_argument("--name", metavar="NAME", help=text)
    text = "store the weights of products in a C header as 8-bit integers; needs --calibration"
    parser.add_argument("--quantize", choices=("int8",), help=text)
    text = (
        "data whose training rows determine the scale of each quantized layer's inputs: a data "
        f"set by name ({', '.join(data.NAMES)}), or an NPZ, CSV or IDX file, or a folder of IDX "
        "files"
    )
    parser.add_argument("--calibration", metavar="DATA", help=text)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Load, write, and print the file's input and output."""
    checked_path("export", arguments.file, (".onnx", ".h"), argument="FILE")
    in_c = arguments.file.endswith(".h")
    for option in () if in_c else ("name", "quantize", "calibration"):
        if getattr(arguments, option) is not None:
            raise ValueError(
                f"export: --{option} is for files that end in .h, got {arguments.file!r}"
            )
    if (arguments.quantize is None) != (arguments.calibration is None):
        raise ValueError("export: --quantize int8 and --calibration DATA must be given together")
    model = pn.load(arguments.model)
    if isinstance(model, pn.Sequential):
        _export_network(model, arguments)
    else:
        _export_table_model(model, arguments)


def _export_network(model: pn.Sequential, arguments: argparse.Namespace) -> None:
    """Write a network, and print its input and output."""
    in_c = arguments.file.endswith(".h")
    if in_c:
        model.to_c(
            arguments.file,
            name="net" if arguments.name is None else arguments.name,
            probabilities=arguments.probabilities,
            quantize=arguments.quantize,
            calibration=_calibration(model, arguments.calibration),
        )
    else:
        model.to_onnx(arguments.file, probabilities=arguments.probabilities)
    output = "probabilities" if arguments.probabilities else "outputs"
    rows = [] if in_c else ["rows"]
    shapes = [
        ", ".join([*rows, *map(str, shape or ())])
        for shape in (model.input_shape, model.output_shape)
    ]
    print(f"wrote {arguments.file}: {model.dtype}, x ({shapes[0]}) to {output} ({shapes[1]})")


def _export_table_model(
    model: pn.TabularClassifier | pn.TabularRegressor, arguments: argparse.Namespace
) -> None:
    """Write an estimator, which reads the columns of a table, and print its inputs and outputs."""
    name, classifies = type(model).__name__, isinstance(model, pn.TabularClassifier)
    if arguments.file.endswith(".h"):
        raise ValueError(
            f"export: a {name} reads the columns of a table, which a C header cannot: write a file "
            "that ends in .onnx, or the network alone in Python, "
            f"load({arguments.model!r}).to_sequential().to_c({arguments.file!r}), for rows of "
            "encode"
        )
    if arguments.probabilities and not classifies:
        raise ValueError(f"export: --probabilities is for classifiers, got a {name}")
    model.to_onnx(arguments.file)
    columns = ", ".join(str(column["name"]) for column in model.describe_columns())
    outputs = "label, probabilities" if classifies else "variable"
    print(f"wrote {arguments.file}: {model.dtype}, {columns} to {outputs}")


def _calibration(model: pn.Sequential, source: str | None) -> Array | None:
    """Return the training rows of a data set in the model's input shape."""
    return None if source is None else as_input(model, data.load(source).x_train)
