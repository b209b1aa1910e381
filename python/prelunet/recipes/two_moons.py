"""Small networks that separate two moons and two circles: activations, widths, depths.

The first part of the assignment of mnist_cnn implements a network of one hidden layer in NumPy,

    z1 = X W1 + b1,  a1 = f(z1),  z2 = a1 W2 + b2,  p = softmax(z2)
    loss = mean of -log(p of the label) + l2 / 2 (sum of W1^2 + sum of W2^2)
    delta2 = (p - one-hot labels) / n,  delta1 = delta2 W2^T * f'(z1)
    dW2 = a1^T delta2 + l2 W2,  dW1 = X^T delta1 + l2 W1

trains it by full-batch gradient descent with tanh, sigmoid, ReLU and several widths, and plots its
decision boundaries. It repeats this with more layers, on moons and circles. It gives no numbers but
states that the sigmoid fits best and that the deep ReLU network assigns all moons to one class.

Differences: the document divides the loss by n twice and flips its sign, and its gradient omits l2;
here both are as above. It does not specify rows, noise, rate and passes; these are the course's. We
added PReLU and the held-out points, a second draw.

With a mean loss, the course's rate and l2 give the sigmoid a straight boundary. With the sum over
the 200 points, used in other versions of this network, they correspond to ``--learning-rate 2 --l2
0.00005`` here. Then, on moons, the sigmoid is best on held-out points and the deep ReLU network
dies, as the document states (and PReLU diverges). The document's circles overlap, as with
``--factor 0.8``.
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
HELD_OUT = 1000  # points in the second draw
PASSES_BETWEEN = 1000  # between log lines


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the recipe."""
    add = parser.add_argument
    add("--data", choices=(*DATA, "both"), default="both", help="the data sets")
    names = "tanh,sigmoid,relu,prelu"
    text = "activations of the hidden layers"
    add("--activation", type=inputs.names, default=names, metavar="NAME,...", help=text)
    widths = "units of networks with one hidden layer, or none (3,5,6,10,20, with --quick 5,20)"
    add("--hidden", type=read.hidden_units, metavar="UNITS,...", help=widths)
    deep = "units of the network with several hidden layers, or none"
    add("--layers", type=read.hidden_units, default="5x3", metavar="UNITS", help=deep)
    passes = "over all points (default: 20000, with --quick 2000)"
    add("--passes", type=read.count, metavar="N", help=passes)
    add("--learning-rate", type=read.number, default=0.01, metavar="RATE", help="rate of SGD")
    add("--l2", type=read.number, default=0.01, metavar="PENALTY", help="L2 penalty")
    add("--rows", type=read.count, default=200, metavar="N", help="training points")
    add("--noise", type=read.number, default=0.2, metavar="STDDEV", help="noise of each coordinate")
    text = "radius of the inner circle"
    add("--factor", type=read.number, default=0.5, metavar="RADIUS", help=text)


def draw_points(name: str, rows: int, seed: int, options: argparse.Namespace) -> data.Dataset:
    """Return a number of points of moons or circles."""
    if name == "moons":
        return data.moons(rows=rows, noise=options.noise, seed=seed)
    return data.circles(rows=rows, noise=options.noise, factor=options.factor, seed=seed)


def networks(options: argparse.Namespace) -> dict[tuple[str, str], pn.Sequential]:
    """Return the networks by units, such as 2-5-2, and activation."""
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
    """Return the training objective: the cross-entropy plus the penalty of the weights."""
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
    """Train all networks on moons or on circles; show accuracies and boundaries."""
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
    """Train on the selected data; save the network with the best training accuracy."""
    report = Report(options)
    chosen = DATA if options.data == "both" else (options.data,)
    found = [one for name in chosen for one in run_one(name, options, report)]
    best = max(found, key=lambda one: one.accuracy)
    report.model(best.model)
    networks = [one.results() for one in found]
    return report.results(test_accuracy=best.test_accuracy, networks=networks)
