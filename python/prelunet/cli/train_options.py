"""The options of ``prelunet train``."""

from __future__ import annotations

import argparse

from prelunet import _options as options
from prelunet import layers
from prelunet.cli import network

# With these, all of the seeds 0 to 99 test at 97.8% or more on the digits, in about half a second.
HIDDEN = "256,128"
DROPOUT = 0.2
LEARNING_RATE = 3e-3
EPOCHS = 50
BATCH_SIZE = 32


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them all, in groups."""
    data_group = parser.add_argument_group(
        "data",
        "Data with test rows of their own are tested on these; of other data a fifth is held out, "
        "stratified where scikit-learn is installed. Every epoch is validated on the rows of the "
        "test, unless --validation-split or --patience says otherwise. Images are scaled to 0..1, "
        "other features taken as they are.",
    )
    options.add_data_options(data_group, default="digits")
    data_group.add_argument(
        "--validation-split",
        type=options.share,
        metavar="SHARE",
        help="validate on this share of the training rows, which are not trained on then",
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
        help="hidden layers: 400x6, or 128,64, or none",
    )
    activation = group.add_mutually_exclusive_group()
    activation.add_argument(
        "--prelu",
        choices=("shared", "channel"),
        default="channel",
        help="PReLU with one learned alpha a layer, or one a unit",
    )
    activation.add_argument(
        "--activation",
        choices=[layer.activation for layer in layers.ACTIVATION_LAYERS.values()],
        help="another activation in place of PReLU",
    )
    group.add_argument(
        "--alpha-init",
        type=options.number,
        default=0.25,
        metavar="ALPHA",
        help="alpha at the start",
    )
    group.add_argument(
        "--dropout",
        type=options.number,
        default=DROPOUT,
        metavar="RATE",
        help="share of each hidden layer's outputs that training drops",
    )
    group.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help="type of all numbers"
    )


def _add_optimizer_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--optimizer", choices=tuple(network.OPTIMIZERS), default="adam", help="the rule of updates"
    )
    group.add_argument(
        "--momentum",
        type=options.number,
        metavar="SHARE",
        help="momentum of sgd; none unless given",
    )
    group.add_argument(
        "--learning-rate",
        type=options.number,
        default=LEARNING_RATE,
        metavar="RATE",
        help="the first rate",
    )
    group.add_argument(
        "--schedule",
        choices=tuple(network.SCHEDULES),
        default="cosine",
        help="how the rate falls over the training: not at all; to a tenth, three times; by the "
        "same share with every update, to a hundredth; along a cosine, to 0",
    )
    group.add_argument(
        "--warmup",
        type=options.count_or_zero,
        default=0,
        metavar="UPDATES",
        help="updates over which the rate rises to the first one",
    )
    group.add_argument(
        "--weight-decay",
        type=options.number,
        metavar="DECAY",
        help="decoupled weight decay; 0.01 for adamw and 0 for the others unless given",
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
        "--epochs", type=options.count, default=EPOCHS, metavar="N", help="passes over the rows"
    )
    group.add_argument(
        "--batch-size",
        type=options.batch_size,
        default=BATCH_SIZE,
        metavar="N|full",
        help="rows of an update; full for all of them",
    )
    group.add_argument(
        "--patience",
        type=options.count,
        metavar="EPOCHS",
        help="stop when the validation loss has not fallen for so many epochs, and go back to the "
        "best; validates on a tenth of the training rows unless --validation-split says otherwise",
    )
    group.add_argument(
        "--seed",
        type=options.count_or_zero,
        default=0,
        metavar="N",
        help="of the first weights, the order of rows and dropout; the rows held out are always "
        "the same",
    )
    options.add_threads_option(group)


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--out",
        metavar="DIR",
        help="folder for results.json, model.npz, history.png, confusion_matrix.png and, where "
        "each unit has its alpha, alphas.png, which are overwritten; none for no folder; "
        "runs/NAME, by the name of the data, unless given",
    )
    group.add_argument(
        "--save", metavar="FILE", help="write the model there too: .npz or .safetensors"
    )
    group.add_argument("--quiet", action="store_true", help="print the result alone")
