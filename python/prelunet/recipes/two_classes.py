"""Binary classification tasks: the arms of two spirals, or two digits of MNIST."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from prelunet import _options as read
from prelunet.recipes import inputs
from prelunet.recipes.inputs import Array

Rows = tuple[Array, Array]

SIDE = 28  # pixels of MNIST's images
TEST_POINTS = 1000
NOISE = 0.02  # of spiral points; the spirals have radius 1


@dataclass(frozen=True)
class Task:
    """Rows with labels 0 and 1."""

    name: str
    title: str
    class_names: tuple[str, str]
    parts: Mapping[str, Rows]  # "training", "validation" and "test"
    embedding: Array  # (width, features): maps a row to the network's first state
    iterations: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the data and of the state size."""
    add, count = parser.add_argument, read.count
    add("--data", choices=(*TASKS, "both"), default="both", help="the classes to separate")
    add("--digits", type=digit_pair, default="1,7", metavar="A,B", help="two MNIST digits")
    add("--rows", type=count, metavar="N", help="training rows (default: 1,000, with --quick 500)")
    add(
        "--width",
        type=count,
        default=3,
        metavar="D",
        help="size of points' states, padded with zeros",
    )
    text = "side of digits' states; each number is the mean of a square of pixels"
    add("--pixels", type=int, choices=(4, 7, 14, 28), default=4, help=text)
    text = "training steps (default: spirals 1,000, with --quick 500; digits 200, with --quick 80)"
    add("--iterations", type=count, metavar="N", help=text)


def tasks(options: argparse.Namespace) -> list[Task]:
    """Return the selected tasks."""
    return [make(options) for name, make in TASKS.items() if options.data in (name, "both")]


def digit_pair(text: str) -> tuple[int, int]:
    """Parse two digits, such as ``3,8``."""
    first, _, second = text.replace(" ", "").partition(",")
    if not all(len(digit) == 1 and digit in "0123456789" for digit in (first, second)):
        raise argparse.ArgumentTypeError(f"must be two digits, such as 3,8, got {text!r}")
    if first == second:
        raise argparse.ArgumentTypeError(f"must be two digits that differ, got {text!r}")
    return int(first), int(second)


def spirals(options: argparse.Namespace) -> Task:
    """Return points on two arms that turn once around each other, optionally padded with zeros."""
    count = _training_rows(options)
    points, labels = draw_spirals(count + count // 2 + TEST_POINTS, options.seed)
    if options.width < 2:
        raise ValueError(f"ode_resnet: width must be at least 2 for points, got {options.width}")
    return Task(
        "spirals",
        f"Two spirals, states of {options.width} numbers",
        ("first arm", "second arm"),
        _parts(
            (points[:-TEST_POINTS], labels[:-TEST_POINTS]),
            (points[-TEST_POINTS:], labels[-TEST_POINTS:]),
            count,
        ),
        np.eye(options.width, 2),
        options.iterations or (500 if options.quick else 1000),
    )


def draw_spirals(count: int, seed: int) -> Rows:
    """Return points, distributed uniformly over the unit disc plus noise, and their arms."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    radius = np.sqrt(draw.random(count))
    angle = 2 * np.pi * radius + np.pi * labels
    points = radius * np.stack([np.cos(angle), np.sin(angle)])
    return points.T + NOISE * draw.standard_normal((count, 2)), labels


def digits(options: argparse.Namespace) -> Task:
    """Return images of two digits; squares of their pixels are averaged for the state."""
    dataset = inputs.digits_28(options)
    training = _of_pair(dataset.x_train, dataset.y_train, options.digits)
    test = _of_pair(*inputs.test_rows(dataset), options.digits)
    first, second = options.digits
    return Task(
        "digits",
        f"{first} and {second} of MNIST, states of {options.pixels} x {options.pixels} numbers",
        (str(first), str(second)),
        _parts(training, test, _training_rows(options)),
        averaging(options.pixels),
        options.iterations or (80 if options.quick else 200),
    )


def averaging(pixels: int) -> Array:
    """Return the matrix that averages images to `pixels` x `pixels` and scales bytes to 0..1."""
    length = SIDE // pixels
    along_one_side = np.kron(np.eye(pixels), np.full(length, 1 / length))
    matrix: Array = np.kron(along_one_side, along_one_side) / 255
    return matrix


TASKS: Mapping[str, Callable[[argparse.Namespace], Task]] = {"spirals": spirals, "digits": digits}


def _training_rows(options: argparse.Namespace) -> int:
    count: int = options.rows or (500 if options.quick else 1000)
    return count


def _of_pair(x: Array, y: Array, pair: tuple[int, int]) -> Rows:
    chosen = np.isin(y, pair)
    return x[chosen], (y[chosen] == pair[1]).astype(np.int64)


def _parts(rows: Rows, test: Rows, count: int) -> dict[str, Rows]:
    """Return the first `count` rows for training and the next half as many for validation."""
    x, y = rows
    last = count + count // 2
    if count < 2 or last > len(x):
        raise ValueError(
            f"ode_resnet: rows must be from 2 to {2 * len(x) // 3}, as half as many validate, "
            f"got {count}"
        )
    validation = x[count:last], y[count:last]
    return {"training": (x[:count], y[:count]), "validation": validation, "test": test}
