"""From options to layers, optimizer and schedule."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from prelunet import cli, data
from prelunet.cli import network, train_options

RATE = 0.5


def parse(*options):
    arguments = cli.build_parser().parse_args(["train", *map(str, options)])
    train_options.check_without_table(arguments)
    return arguments


def rates(schedule, *options, steps=100):
    arguments = parse("--schedule", schedule, "--learning-rate", RATE, *options)
    return network.build_schedule(arguments, steps)(np.arange(steps))


def test_layers_scale_images_and_drop_after_each_activation():
    images = data.load("digits")
    arguments = parse("--hidden", "8,4", "--prelu", "shared", "--alpha-init", 0.1, "--dropout", 0.3)
    model = network.build(arguments, images, classes=10, rows=100)
    alpha = {"kind": "shared", "init": 0.1}
    assert list(model.layers) == [
        pn.Rescaling(1 / 16),
        *(pn.Dense(8), pn.PReLU(**alpha), pn.Dropout(0.3)),
        *(pn.Dense(4), pn.PReLU(**alpha), pn.Dropout(0.3)),
        pn.Dense(10),
    ]


def test_features_that_are_no_pixels_are_taken_as_they_are():
    arguments = parse("--hidden", "8", "--activation", "silu", "--dropout", 0)
    model = network.build(arguments, data.load("moons"), classes=2, rows=100)
    assert list(model.layers) == [pn.Dense(8, activation="silu"), pn.Dense(2)]


@pytest.mark.parametrize(
    ("options", "optimizer"),
    [
        (("adam", "--l2", 0.1), pn.Adam(RATE, l2=0.1)),
        (("adamw",), pn.AdamW(RATE)),
        (("adamw", "--weight-decay", 0), pn.AdamW(RATE, weight_decay=0.0)),
        (("sgd", "--momentum", 0.9), pn.SGD(RATE, momentum=0.9)),
    ],
)
def test_optimizers(options, optimizer):
    arguments = parse("--schedule", "constant", "--learning-rate", RATE, "--optimizer", *options)
    built = network.build_optimizer(arguments, 100)
    constant = pn.schedules.Constant(RATE)
    assert built == type(optimizer)(**{**vars(optimizer), "learning_rate": constant})


def test_schedules_span_the_whole_training():
    assert set(rates("constant")) == {RATE}
    np.testing.assert_array_equal(
        rates("step")[[0, 24, 25, 49, 50, 74, 75, 99]],
        pn.schedules.StepDecay(RATE, factor=0.1, every=25)(np.arange(100))[
            [0, 0, 25, 25, 50, 50, 75, 75]
        ],
    )
    for schedule, end in (("exponential", 0.01 * RATE), ("cosine", 0.0)):
        every = network.SCHEDULES[schedule].over(RATE, 100)
        assert every(0) == RATE
        assert every(100) == end
        np.testing.assert_array_equal(rates(schedule), every(np.arange(100)))


def test_updates_are_counted_with_the_short_batch():
    arguments = parse("--epochs", 3, "--batch-size", 32, "--learning-rate", RATE)
    schedule = network.build_optimizer(arguments, 100).learning_rate
    assert schedule == pn.schedules.CosineDecay(RATE, steps=12)
    full = network.build_optimizer(parse("--epochs", 3, "--batch-size", "full"), 100)
    assert full.learning_rate.steps == 3


def test_warming_up_comes_first_and_counts():
    warmed = rates("cosine", "--warmup", 10)
    assert (np.diff(warmed[:10]) > 0).all()
    assert warmed[9] == warmed[10] == RATE
    np.testing.assert_array_equal(warmed[10:], rates("cosine", steps=90))
