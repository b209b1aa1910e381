"""The options of ``prelunet train``."""

from __future__ import annotations

import argparse

from prelunet import _options as options
from prelunet import layers
from prelunet.cli import network
from prelunet.dtypes import CORES
from prelunet.tables import TASKS, is_table_file
from prelunet.tables.files import SUFFIXES
from prelunet.tables.targets import MAX_INTEGER_CLASSES, ROWS_PER_INTEGER_CLASS

# With these, seeds 0 to 99 all reach at least 97.8% on the digits, in about half a second.
HIDDEN = "256,128"
DROPOUT = 0.2
LEARNING_RATE = 3e-3
EPOCHS = 50
TABLE_EPOCHS = 256  # of both presets
BATCH_SIZE = 32
DATA = "digits"
TEST_FRACTION = 0.2
SCORINGS = "accuracy, log_loss, roc_auc, rmse, mae"

PRESETS = ("realmlp-td-s", "realmlp-td")
OF_TABLES = ("target", "task", "preset", "scoring", "test_fraction")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add all options, in groups."""
    data_group = parser.add_argument_group(
        "data",
        "The model is tested on the test rows of the data. Without test rows, a fifth of the data "
        "is held out, stratified if scikit-learn is installed. Each epoch is validated on the test "
        "rows, unless --validation-split or --patience is given. Images are scaled to 0..1; other "
        "features are not scaled.",
    )
    options.add_data_options(data_group, default=DATA)
    text = "hold out this share of the training rows for validation"
    data_group.add_argument("--validation-split", type=options.share, metavar="SHARE", help=text)
    _add_table_options(parser)
    _add_network_options(parser.add_argument_group("network"))
    _add_optimizer_options(parser.add_argument_group("optimizer"))
    _add_training_options(parser.add_argument_group("training"))
    _add_output_options(parser.add_argument_group("output"))


def _add_table_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "tables",
        "With --target the data are a CSV or Parquet file, whose columns are numbers, text, bool, "
        "categories and dates with missing cells, and the network is that of TabularClassifier or "
        "TabularRegressor. Of the other options, --epochs, --seed, --threads, --out, --save and "
        "--quiet apply.",
    )
    add = group.add_argument
    add("--target", metavar="COLUMN", help="the column to predict")
    text = (
        "default: classification if the target is text, bool, a category, or integers with at most "
        f"{MAX_INTEGER_CLASSES} values, each in {ROWS_PER_INTEGER_CLASS} rows in the mean; "
        "otherwise regression"
    )
    add("--task", choices=TASKS, help=text)
    add("--preset", choices=PRESETS, help=f"network and training (default: {PRESETS[0]})")
    text = (
        f"score of held-out training rows that decides the best epoch, such as {SCORINGS} "
        "(default: accuracy or rmse); log_loss gives good probabilities"
    )
    add("--scoring", metavar="NAME", help=text)
    text = f"hold out this share of the rows for the test (default: {TEST_FRACTION})"
    add("--test-fraction", type=options.share, metavar="SHARE", help=text)


def check_for_table(arguments: argparse.Namespace) -> None:
    """Raise a ValueError for options that do not apply with --target."""
    if not is_table_file(arguments.data):
        raise ValueError(
            f"train: --target needs a file that ends in {', '.join(SUFFIXES)}, got {arguments.data}"
        )
    parser = argparse.ArgumentParser()
    add_options(parser)
    usual = vars(parser.parse_args([]))
    both = {"data", "source", "epochs", "seed", "threads", "out", "save", "quiet", *OF_TABLES}
    for name, value in usual.items():
        if name not in both and getattr(arguments, name) != value:
            raise ValueError(f"train: --{name.replace('_', '-')} cannot be used with --target")


def check_without_table(arguments: argparse.Namespace) -> None:
    """Raise a ValueError for options that need --target; complete the default epochs."""
    for name in OF_TABLES:
        if getattr(arguments, name) is not None:
            raise ValueError(f"train: --{name.replace('_', '-')} needs --target")
    if arguments.epochs is None:
        arguments.epochs = EPOCHS


def _add_network_options(group: argparse._ArgumentGroup) -> None:
    add, number = group.add_argument, options.number
    text = "hidden layers, such as 400x6 or 128,64, or none"
    add("--hidden", type=options.hidden_units, default=HIDDEN, metavar="UNITS", help=text)
    activation = group.add_mutually_exclusive_group()
    text = "PReLU with one learned alpha per layer or per unit"
    kinds = ("shared", "channel")
    activation.add_argument("--prelu", choices=kinds, default="channel", help=text)
    names = [layer.activation for layer in layers.ACTIVATION_LAYERS.values()]
    text = "activation to use instead of PReLU"
    activation.add_argument("--activation", choices=names, help=text)
    add("--alpha-init", type=number, default=0.25, metavar="ALPHA", help="initial alpha")
    text = "dropout rate of the hidden layers"
    add("--dropout", type=number, default=DROPOUT, metavar="RATE", help=text)
    text = "data type of parameters and computation"
    add("--dtype", choices=tuple(CORES), default="float32", help=text)


def _add_optimizer_options(group: argparse._ArgumentGroup) -> None:
    add, number = group.add_argument, options.number
    add("--optimizer", choices=tuple(network.OPTIMIZERS), default="adam", help="optimizer")
    add("--momentum", type=number, metavar="SHARE", help="momentum of sgd (default: none)")
    text = "initial learning rate"
    add("--learning-rate", type=number, default=LEARNING_RATE, metavar="RATE", help=text)
    text = (
        "decay of the learning rate over the training: none; three steps to a tenth each; "
        "exponential to a hundredth; cosine to 0"
    )
    add("--schedule", choices=tuple(network.SCHEDULES), default="cosine", help=text)
    text = "number of updates over which the rate rises to --learning-rate"
    add("--warmup", type=options.count_or_zero, default=0, metavar="UPDATES", help=text)
    text = "decoupled weight decay (default: 0.01 for adamw, otherwise 0)"
    add("--weight-decay", type=number, metavar="DECAY", help=text)
    add("--l2", type=number, default=0.0, metavar="PENALTY", help="L2 penalty of the weights")


def _add_training_options(group: argparse._ArgumentGroup) -> None:
    add, count = group.add_argument, options.count
    text = f"passes over the training rows (default: {EPOCHS}, and {TABLE_EPOCHS} with --target)"
    add("--epochs", type=count, metavar="N", help=text)
    text = "rows per update, or full for all rows"
    add("--batch-size", type=options.batch_size, default=BATCH_SIZE, metavar="N|full", help=text)
    text = (
        "stop after this many epochs without a lower validation loss and restore the best model; "
        "validates on a tenth of the training rows unless --validation-split is given"
    )
    add("--patience", type=count, metavar="EPOCHS", help=text)
    text = (
        "seed of the initial weights, the order of rows and dropout; the held-out rows do not "
        "depend on it"
    )
    add("--seed", type=options.count_or_zero, default=0, metavar="N", help=text)
    options.add_threads_option(group)
    text = (
        "train on all processes that mpiexec has started, as in mpiexec -n 4 prelunet train --mpi; "
        "the result has the bits of one process"
    )
    group.add_argument("--mpi", action="store_true", help=text)


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    text = (
        "folder for results.json, model.npz, history.png, confusion_matrix.png and, with one alpha "
        "per unit, alphas.png; with --target importance.png and, in a regression, residuals.png; "
        "existing files are overwritten; none writes no files (default: "
        "runs/NAME, NAME being the data)"
    )
    add("--out", metavar="DIR", help=text)
    add("--save", metavar="FILE", help="also write the model to this file, .npz or .safetensors")
    add("--quiet", action="store_true", help="print only the result")
