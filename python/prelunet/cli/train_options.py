"""The options of ``prelunet train``."""

from __future__ import annotations

import argparse

from prelunet import _options as options
from prelunet import layers
from prelunet.cli import network

# With these, seeds 0 to 99 all reach at least 97.8% on the digits, in about half a second.
HIDDEN = "256,128"
DROPOUT = 0.2
LEARNING_RATE = 3e-3
EPOCHS = 50
BATCH_SIZE = 32


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add all options, in groups."""
    data_group = parser.add_argument_group(
        "data",
        "The model is tested on the test rows of the data. Without test rows, a fifth of the data "
        "is held out, stratified if scikit-learn is installed. Each epoch is validated on the test "
        "rows, unless --validation-split or --patience is given. Images are scaled to 0..1; other "
        "features are not scaled.",
    )
    options.add_data_options(data_group, default="digits")
    data_group.add_argument(
        "--validation-split",
        type=options.share,
        metavar="SHARE",
        help="hold out this share of the training rows for validation",
    )
    _add_network_options(parser.add_argument_group("network"))
    _add_optimizer_options(parser.add_argument_group("optimizer"))
    _add_training_options(parser.add_argument_group("training"))
    _add_output_options(parser.add_argument_group("output"))


def _add_network_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--hidden",
        type=options.hidden_units,
        default=HIDDEN,
        metavar="UNITS",
        help="hidden layers, such as 400x6 or 128,64, or none",
    )
    activation = group.add_mutually_exclusive_group()
    activation.add_argument(
        "--prelu",
        choices=("shared", "channel"),
        default="channel",
        help="PReLU with one learned alpha per layer or per unit",
    )
    activation.add_argument(
        "--activation",
        choices=[layer.activation for layer in layers.ACTIVATION_LAYERS.values()],
        help="activation to use instead of PReLU",
    )
    group.add_argument(
        "--alpha-init",
        type=options.number,
        default=0.25,
        metavar="ALPHA",
        help="initial alpha",
    )
    group.add_argument(
        "--dropout",
        type=options.number,
        default=DROPOUT,
        metavar="RATE",
        help="dropout rate of the hidden layers",
    )
    group.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        default="float32",
        help="data type of parameters and computation",
    )


def _add_optimizer_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--optimizer", choices=tuple(network.OPTIMIZERS), default="adam", help="optimizer"
    )
    group.add_argument(
        "--momentum",
        type=options.number,
        metavar="SHARE",
        help="momentum of sgd (default: none)",
    )
    group.add_argument(
        "--learning-rate",
        type=options.number,
        default=LEARNING_RATE,
        metavar="RATE",
        help="initial learning rate",
    )
    group.add_argument(
        "--schedule",
        choices=tuple(network.SCHEDULES),
        default="cosine",
        help="decay of the learning rate over the training: none; three steps to a tenth each; "
        "exponential to a hundredth; cosine to 0",
    )
    group.add_argument(
        "--warmup",
        type=options.count_or_zero,
        default=0,
        metavar="UPDATES",
        help="number of updates over which the rate rises to --learning-rate",
    )
    group.add_argument(
        "--weight-decay",
        type=options.number,
        metavar="DECAY",
        help="decoupled weight decay (default: 0.01 for adamw, otherwise 0)",
    )
    group.add_argument(
        "--l2",
        type=options.number,
        default=0.0,
        metavar="PENALTY",
        help="L2 penalty of the weights",
    )


def _add_training_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--epochs",
        type=options.count,
        default=EPOCHS,
        metavar="N",
        help="passes over the training rows",
    )
    group.add_argument(
        "--batch-size",
        type=options.batch_size,
        default=BATCH_SIZE,
        metavar="N|full",
        help="rows per update, or full for all rows",
    )
    group.add_argument(
        "--patience",
        type=options.count,
        metavar="EPOCHS",
        help="stop after this many epochs without a lower validation loss and restore the best "
        "model; validates on a tenth of the training rows unless --validation-split is given",
    )
    group.add_argument(
        "--seed",
        type=options.count_or_zero,
        default=0,
        metavar="N",
        help="seed of the initial weights, the order of rows and dropout; the held-out rows do not "
        "depend on it",
    )
    options.add_threads_option(group)


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--out",
        metavar="DIR",
        help="folder for results.json, model.npz, history.png, confusion_matrix.png and, with one "
        "alpha per unit, alphas.png; existing files are overwritten; none writes no files "
        "(default: runs/NAME, NAME being the data)",
    )
    group.add_argument(
        "--save", metavar="FILE", help="also write the model to this file, .npz or .safetensors"
    )
    group.add_argument("--quiet", action="store_true", help="print only the result")
