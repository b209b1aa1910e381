"""``prelunet export``: write a model in a format for other programs."""

from __future__ import annotations

import argparse

from prelunet import _options as options
from prelunet.loading import load_sequential


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "export",
        help="write a model as ONNX, for other programs to run",
        description="Write a saved model as an ONNX file. Its input x is any number of rows in the "
        "model's input shape. Its output is named outputs or probabilities.",
        formatter_class=options.HelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a model file, as written by train")
    parser.add_argument("file", metavar="FILE", help="the file to write; must end in .onnx")
    text = "output probabilities instead of the network's raw outputs"
    parser.add_argument("--probabilities", action="store_true", help=text)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Load, write, and print the file's input and output."""
    model = load_sequential(arguments.model)
    model.to_onnx(arguments.file, probabilities=arguments.probabilities)
    output = "probabilities" if arguments.probabilities else "outputs"
    print(
        f"wrote {arguments.file}: {model.dtype}, x {_shape(model.input_shape)} to "
        f"{output} {_shape(model.output_shape)}"
    )


def _shape(sample: tuple[int, ...] | None) -> str:
    return f"({', '.join(['rows', *map(str, sample or ())])})"
