"""Construction of a compiled model from the options of ``prelunet train``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from typing import Any

import prelunet as pn
from prelunet import layers
from prelunet.data import Dataset
from prelunet.optimizers import Optimizer
from prelunet.schedules import Schedule, WarmUp

OPTIMIZERS = Optimizer.named()
SCHEDULES = Schedule.named()


def build(
    arguments: argparse.Namespace, dataset: Dataset, *, classes: int, rows: int
) -> pn.Sequential:
    """Return a compiled model for the features of a data set.

    `rows` is the number of training rows, as schedules span the whole training. Raises a ValueError
    if an option is out of range, or two options conflict.
    """
    largest = pixel_max(dataset)
    scaling = [] if largest is None else [pn.Rescaling(1 / largest)]
    model = pn.Sequential(
        [*scaling, *_hidden_layers(arguments), pn.Dense(classes)],
        input_shape=dataset.x_train.shape[1:],
        dtype=arguments.dtype,
        seed=arguments.seed,
    )
    model.compile(
        optimizer=build_optimizer(arguments, rows),
        loss="softmax_cross_entropy",
        metrics=["accuracy"],
    )
    return model


def pixel_max(dataset: Dataset) -> float | None:
    """Return the largest pixel value: 255 in most images, 16 in `digits`; None without images.

    For images that are all black the result is 1; any positive number would do.
    """
    return None if dataset.image_shape is None else float(dataset.x_train.max()) or 1.0


def describe(arguments: argparse.Namespace, dataset: Dataset, *, classes: int) -> str:
    """Return the widths, the activation and the dtype in one line."""
    widths = [dataset.x_train.shape[1], *arguments.hidden, classes]
    parts = ["-".join(map(str, widths))]
    if arguments.hidden:
        parts.append(arguments.activation or f"PReLU ({arguments.prelu})")
        parts.append(f"dropout {arguments.dropout:g}")
    return ", ".join([*parts, arguments.dtype])


def _hidden_layers(arguments: argparse.Namespace) -> Iterator[layers.Layer]:
    for units in arguments.hidden:
        if arguments.activation is None:
            yield pn.Dense(units)
            yield pn.PReLU(arguments.prelu, init=arguments.alpha_init)
        else:
            yield pn.Dense(units, activation=arguments.activation)
        if arguments.dropout != 0:
            yield pn.Dropout(arguments.dropout)


def build_optimizer(arguments: argparse.Namespace, rows: int) -> Optimizer:
    """Return the optimizer for a number of training rows."""
    steps = arguments.epochs * math.ceil(rows / (arguments.batch_size or rows))
    given: dict[str, Any] = {"learning_rate": build_schedule(arguments, steps), "l2": arguments.l2}
    if arguments.weight_decay is not None:  # the default depends on the optimizer
        given["weight_decay"] = arguments.weight_decay
    if arguments.momentum is not None:
        if arguments.optimizer != "sgd":
            raise ValueError(
                "train: --momentum must be left out unless --optimizer is sgd, got "
                f"--optimizer {arguments.optimizer}"
            )
        given["momentum"] = arguments.momentum
    return OPTIMIZERS[arguments.optimizer](**given)


def build_schedule(arguments: argparse.Namespace, steps: int) -> Schedule:
    """Return the learning-rate schedule for a number of updates, including the warm-up."""
    warmup = arguments.warmup
    if warmup >= steps:
        raise ValueError(
            f"train: --warmup must be fewer than the {steps} updates of the training, got {warmup}"
        )
    schedule = SCHEDULES[arguments.schedule].over(arguments.learning_rate, steps - warmup)
    return WarmUp(schedule, steps=warmup) if warmup else schedule
