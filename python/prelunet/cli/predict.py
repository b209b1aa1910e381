"""``prelunet predict``: predict the classes of images or rows."""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import prelunet as pn
from prelunet import _options as options
from prelunet._files import reading
from prelunet.cli import results
from prelunet.cli.images import FORMATS, read_image
from prelunet.cli.metadata import Metadata
from prelunet.cli.rows import Array, as_input
from prelunet.data.files import existing_file
from prelunet.formats.npz import Archive
from prelunet.loading import load
from prelunet.tables.files import SUFFIXES

ROWS_KEY = "X"


class Source(NamedTuple):
    """The rows of one file."""

    path: Path
    x: Array
    is_image: bool
    inverted: bool = False


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "predict",
        help="predict the classes or numbers of images or rows",
        description="Print the most probable class of each image or row, and its probability. A "
        "model of train --target reads the columns that it was trained on by their names, and "
        "ignores others; without classes it prints numbers. "
        "Images are converted to grayscale, resized to the model's image size, and inverted if "
        "their background is light, because MNIST digits are light on dark.",
        formatter_class=options.HelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a model file, as written by train")
    text = (
        f"an image ({', '.join(FORMATS)}), or an NPZ file with rows under the name {ROWS_KEY}; a "
        f"table ({', '.join(SUFFIXES)}) for a model of train --target"
    )
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help=text)
    options.add_threads_option(parser)
    text = "print JSON, with the probabilities of all classes"
    parser.add_argument("--json", action="store_true", help=text)
    text = "write the predictions of a table to this CSV file"
    parser.add_argument("--out", metavar="FILE", help=text)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read all files before predicting, so that an invalid file is reported before any output."""
    if arguments.threads is not None:
        pn.set_num_threads(arguments.threads)
    model = load(arguments.model)
    if not isinstance(model, pn.Sequential):
        # Imported here: it imports the estimators and scikit-learn.
        from prelunet.cli import table_predictions

        table_predictions.predict(arguments, model)
        return
    if arguments.out is not None:
        raise ValueError("predict: --out needs a model of train --target")
    metadata = Metadata.from_json(model.metadata)
    sources = [read_source(path, metadata) for path in arguments.files]
    predictions = [
        prediction for source in sources for prediction in _predict(model, source, metadata)
    ]
    if arguments.json:
        print(results.to_json(predictions))
        return
    for prediction in predictions:
        place = "" if "row" not in prediction else f"[{prediction['row']}]"
        remark = "  (inverted: its background is light)" if prediction.get("inverted") else ""
        print(
            f"{prediction['file']}{place}: {prediction['class']}  "
            f"{prediction['probability']:.4f}{remark}"
        )


def read_source(path: Path, metadata: Metadata) -> Source:
    """Read the rows of an NPZ file, or an image.

    Raises
    ------
    OSError, ValueError, MemoryError, ImportError
        If the file cannot be read; the message names it.
    """
    with reading("predict", existing_file("predict", path)) as stream:
        if zipfile.is_zipfile(stream):
            with Archive(stream) as archive:
                if ROWS_KEY not in archive.names:
                    raise ValueError(
                        f"the file must hold rows under the name {ROWS_KEY!r}, got "
                        f"{', '.join(archive.names) or 'nothing'}"
                    )
                return Source(path, archive.read(ROWS_KEY), False)
        stream.seek(0)
        picture = read_image(stream, metadata)
    return Source(path, picture.row[np.newaxis], True, picture.inverted)


def _predict(model: pn.Sequential, source: Source, metadata: Metadata) -> Iterator[dict[str, Any]]:
    """Yield the prediction of each row as JSON values."""
    probabilities = model.predict_proba(as_input(model, source.x))
    if probabilities.shape[1] == 1:  # a single sigmoid output: the probability of class 1
        probabilities = np.concatenate([1 - probabilities, probabilities], axis=1)
    for row, probability in enumerate(probabilities):
        label = int(probability.argmax())
        yield {
            "file": str(source.path),
            **({"inverted": source.inverted} if source.is_image else {"row": row}),
            "label": label,
            "class": metadata.class_name(label),
            "probability": float(probability[label]),
            "probabilities": [float(value) for value in probability],
        }
