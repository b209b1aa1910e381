"""``prelunet evaluate``: the quality of a model on rows that it was not trained on."""

from __future__ import annotations

import argparse

import prelunet as pn
from prelunet import _options as options
from prelunet.cli import results, rows
from prelunet.cli.metadata import Metadata
from prelunet.loading import load


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "evaluate",
        help="test a saved model",
        description="Test a saved model on the test rows of the data. Without test rows, use the "
        "rows held out when it was trained on the same data, or else all rows.",
        formatter_class=options.HelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a model file, as written by train")
    options.add_data_options(parser, default=None)
    text = "the target of a table (default: that of the model)"
    parser.add_argument("--target", metavar="COLUMN", help=text)
    options.add_threads_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Load the model and the data, evaluate, and print the result."""
    if arguments.threads is not None:
        pn.set_num_threads(arguments.threads)
    options.choose_data(arguments, default=None)
    model = load(arguments.model)
    if not isinstance(model, pn.Sequential):
        # Imported here: it imports the estimators and scikit-learn.
        from prelunet.cli import table_predictions

        table_predictions.evaluate(arguments, model)
        return
    if arguments.target is not None:
        raise ValueError("evaluate: --target needs a model of train --target")
    metadata = Metadata.from_json(model.metadata)
    dataset = rows.with_labels_of(metadata, options.load_data(arguments))
    chosen = rows.rows_to_evaluate(dataset, metadata)
    scores = model.evaluate(rows.as_input(model, chosen.x), chosen.y)
    if arguments.json:
        about = {"data": dataset.name, "rows": len(chosen.x), "what": chosen.what}
        print(results.to_json({**scores, **about}))
        return
    values = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
    print(f"{values} ({dataset.name}: {len(chosen.x):,} {chosen.what})")
