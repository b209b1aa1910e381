"""Small networks that tell two moons apart, and two circles: activations, widths, depths.

The first part of the assignment of mnist_cnn writes a network of one hidden layer in NumPy,

    z1 = X W1 + b1,  a1 = f(z1),  z2 = a1 W2 + b2,  p = softmax(z2)
    loss = mean of -log(p of the label) + l2 / 2 (sum of W1^2 + sum of W2^2)
    delta2 = (p - one-hot labels) / n,  delta1 = delta2 W2^T * f'(z1)
    dW2 = a1^T delta2 + l2 W2,  dW1 = X^T delta1 + l2 W1

trains it by full-batch gradient descent with tanh, sigmoid, ReLU and several widths, draws where it
changes its mind, and does the same with more layers, on moons and circles. It gives no numbers: the
sigmoid fits best, it says, and the deep network with ReLU calls all moons one class.

What differs: the document divides the loss by n twice and flips its sign, and its gradient leaves
l2 out; here both are as above. It names no rows, noise, rate and passes: these are the course's.
PReLU is ours, and so are the points held out, a second draw.

Beside a mean, the course's rate and l2 leave the sigmoid a straight line. Beside a sum over the 200
points, as others write this network, they are ``--learning-rate 2 --l2 0.00005`` of here: then, on
moons, the sigmoid does best on points held out and the deep ReLU network dies, as the document says
(and PReLU diverges). The document's circles lie over each other, as with ``--factor 0.8``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import numpy as np

import prelunet as pn
from prelunet import _options as read
from prelunet import data
from prelunet.recipes import inputs
from prelunet.recipes.boundary_grid import Trained, by_network, draw_grid
from prelunet.recipes.epoch_lines import epoch_lines
from prelunet.recipes.report import Report

DATA = ("moons", "circles")
HELD_OUT = 1000  # points of the second draw
PASSES_BETWEEN = 1000  # from one line of the log to the next


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what may be varied."""
    add = parser.add_argument
    add("--data", choices=(*DATA, "both"), default="both", help="what is told apart")
    names = "tanh,sigmoid,relu,prelu"
    add(
        "--activation", type=inputs.names, default=names, metavar="NAME,...", help="of hidden units"
    )
    widths = "networks of one hidden layer: its units; 3,5,6,10,20, with --quick 5,20; or none"
    add("--hidden", type=read.hidden_units, metavar="UNITS,...", help=widths)
    deep = "the network of several: the units of each; or none"
    add("--layers", type=read.hidden_units, default="5x3", metavar="UNITS", help=deep)
    add("--passes", type=read.count, metavar="N", help="over all points; 20000, with --quick 2000")
    add("--learning-rate", type=read.number, default=0.01, metavar="RATE", help="of SGD")
    add("--l2", type=read.number, default=0.01, metavar="PENALTY", help="of the weights")
    add("--rows", type=read.count, default=200, metavar="N", help="points to train on")
    add("--noise", type=read.number, default=0.2, metavar="STDDEV", help="of each coordinate")
    add("--factor", type=read.number, default=0.5, metavar="RADIUS", help="of the inner circle")


def draw_points(name: str, rows: int, seed: int, options: argparse.Namespace) -> data.Dataset:
    """Return so many points of moons or circles."""
    if name == "moons":
        return data.moons(rows=rows, noise=options.noise, seed=seed)
    return data.circles(rows=rows, noise=options.noise, factor=options.factor, seed=seed)


def networks(options: argparse.Namespace) -> dict[tuple[str, str], pn.Sequential]:
    """Return the networks by their units, 2-5-2 say, and activation."""
    widths = (5, 20) if options.quick else (3, 5, 6, 10, 20)
    hidden = [(units,) for units in (widths if options.hidden is None else options.hidden)]
    hidden += [options.layers] if options.layers else []
    models: dict[tuple[str, str], pn.Sequential] = {}
    for units, f in product(hidden, options.activation):
        layers = [*(pn.Dense(count, f) for count in units), pn.Dense(2)]
        model = pn.Sequential(layers, input_shape=(2,), seed=options.seed)
        model.compile(pn.SGD(options.learning_rate, l2=options.l2), metrics=["accuracy"])
        models["-".join(map(str, (2, *units, 2))), f] = model
    if not models:
        raise ValueError("two_moons: --hidden, --layers and --activation must name a network")
    return models


def objective(model: pn.Sequential, points: data.Dataset, l2: float) -> float:
    """Return what training makes small: the cross-entropy and the penalty of the weights."""
    parameters = model.parameters().items()
    squares = sum(float(np.sum(w**2)) for name, w in parameters if name.endswith("weight"))
    return model.evaluate(points.x_train, points.y_train)["loss"] + l2 / 2 * squares


def train(
    model: pn.Sequential,
    points: data.Dataset,
    marks: list[int],
    l2: float,
    say: Callable[[str], None],
) -> list[float]:
    """Train on all points at once; print the document's lines; return the losses by pass."""
    x, y, losses = points.x_train, points.y_train, []
    for begin, end in pairwise(marks):
        say(f"Loss after iteration {begin}: {objective(model, points, l2):f}")
        losses += model.fit(x, y, epochs=end - begin, batch_size=None, verbose=False)["loss"]
    say(f"Loss after iteration {marks[-1]}: {objective(model, points, l2):f}")
    return losses


def run_one(name: str, options: argparse.Namespace, report: Report) -> list[Trained]:
    """Train all networks on moons or on circles; show their accuracies and boundaries."""
    points = draw_points(name, options.rows, options.seed, options)
    held_out = draw_points(name, HELD_OUT, options.seed + 1, options)
    passes = options.passes or (2000 if options.quick else 20000)
    marks = [*range(0, passes, PASSES_BETWEEN), passes]
    models, found = networks(options), []
    with epoch_lines(len(models) * (1 + len(marks)), quiet=options.quiet, unit="line") as say:
        for (net, f), model in models.items():
            say(f"{name}, {net}, {f}")
            losses = train(model, points, marks, options.l2, say)
            shares = [model.evaluate(p.x_train, p.y_train)["accuracy"] for p in (points, held_out)]
            found.append(Trained(name, net, f, model, losses, *shares))
    counts = f"{options.rows:,} points in training, of {HELD_OUT:,} held out"
    title = f"{name.capitalize()} after {passes:,} passes: accuracy of {counts}"
    rows = [[net, *(one.scores for one in row)] for net, row in by_network(found).items()]
    report.table(title, ["network", *options.activation], rows)
    report.figure(name, title, lambda: draw_grid(title, points, found))
    return found


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Train on what was asked for; keep the network that is best in training."""
    report = Report(options)
    chosen = DATA if options.data == "both" else (options.data,)
    found = [one for name in chosen for one in run_one(name, options, report)]
    best = max(found, key=lambda one: one.accuracy)
    report.model(best.model)
    networks = [one.results() for one in found]
    return report.results(test_accuracy=best.test_accuracy, networks=networks)
