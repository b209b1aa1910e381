"""A residual network as Euler's method: gradient descent against Adam, four activations.

The notebook (NTNU, "Neural Network From Scratch") tells two classes apart by letting a state flow
for K = 20 steps of h = 0.1 and projecting it on a number between 0 and 1:

    Y_{k+1} = Y_k + h sigma(W_k Y_k + b_k),   Z = eta(Y_K^T omega + mu),   eta the sigmoid
    J = 1/2 sum over the images of (Z_i - c_i)^2,   c_i the class, 0 or 1

W, b, omega and mu come from N(0, 1). Each iteration sees all images; U = (W, b, omega, mu) moves by
plain gradient descent, U - tau grad J, or by Adam (0.9, 0.999, 1e-8), both at tau = 0.01. J on
training and on validation data is drawn by iteration; a model is saved, loaded, predicts integers.

The text breaks off before its data. Here points on two spirals get a third number, 0: in the plane
a flow has no way round, and all but tanh stop below 87% (``--width 2``). 1 and 7 of MNIST are
averaged to 4 x 4 numbers, for from N(0, 1) a state grows with its width until eta' vanishes: with
ReLU it is 1e-9 at first, where Adam learns and descent does not, and 0 with 7 x 7 numbers, where
nothing does (``--pixels 7 --digits 3,8``: tanh 96.7%; with ``--stddev 0.3`` Adam passes 95% with
all four). The notebook's forward_prop forgets the Y_k of its equation, and its Adam makes no first
step; done right here. Costs by iteration are per row: in training before it, in validation after.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import prelunet as pn
from prelunet import _options as read
from prelunet.recipes import inputs, two_classes
from prelunet.recipes.ode_report import RUN, show_predictions, show_runs
from prelunet.recipes.report import Report
from prelunet.recipes.two_classes import Task

ACTIVATIONS = {
    "sigmoid": ("sigmoid", pn.Sigmoid()),
    "tanh": ("tanh", pn.Tanh()),
    "relu": ("ReLU", pn.ReLU()),
    "leaky_relu": ("leaky ReLU", pn.LeakyReLU(0.1)),
}
OPTIMIZERS = {"descent": ("gradient descent", pn.SGD), "adam": ("Adam", pn.Adam)}
WANTED = {"optimizers": OPTIMIZERS, "activations": ACTIVATIONS}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what may be varied."""
    two_classes.add_options(parser)
    add = parser.add_argument
    add("--layers", type=read.count, default=20, metavar="K", help="steps of Euler's method")
    add("--step", type=read.number, default=0.1, metavar="H", help="their length")
    add("--stddev", type=read.number, default=1.0, metavar="S", help="of parameters at the start")
    add("--learning-rate", type=read.number, default=0.01, metavar="TAU", help="of both optimizers")
    for name, known in WANTED.items():
        text = f"among {', '.join(known)}; all unless given"
        add(f"--{name}", type=inputs.names, metavar="NAME,...", help=text)


def network(task: Task, activation: str, options: argparse.Namespace) -> pn.Sequential:
    """Return the notebook's network; its first layer, which is not trained, makes the states."""
    normal = pn.initializers.Normal(stddev=options.stddev)
    init: dict[str, Any] = {"weight_init": normal, "bias_init": normal}
    width, features = task.embedding.shape
    state = pn.Dense(width, use_bias=False, trainable=False, name="state")
    flow = [
        pn.Residual([pn.Dense(width, ACTIVATIONS[activation][1], **init)], step=options.step)
        for _ in range(options.layers)
    ]
    layers = [state, *flow, pn.Dense(1, "sigmoid", **init)]
    model = pn.Sequential(layers, input_shape=(features,), dtype="float64", seed=options.seed)
    model.set_parameters({"state.weight": task.embedding})
    return model


def train(
    task: Task, optimizer: str, activation: str, options: argparse.Namespace
) -> tuple[dict[str, Any], pn.Sequential]:
    """Train one network; return what came out, costs as J over the number of images, and it."""
    model = network(task, activation, options)
    title, kind = OPTIMIZERS[optimizer]
    model.compile(kind(options.learning_rate), loss="half_squared_error", metrics=["accuracy"])
    (x, y), held_out = task.parts["training"], task.parts["validation"]
    z = model.predict(x)
    began = time.perf_counter()
    history = model.fit(
        *(x, y),
        epochs=task.iterations,
        batch_size=None,
        validation_data=held_out,
        verbose=False if options.quiet else "auto",
    )
    seconds = time.perf_counter() - began
    found = {part: model.evaluate(*rows) for part, rows in task.parts.items()}
    return {
        "optimizer": title,
        "activation": ACTIVATIONS[activation][0],
        "first_slope": float(np.mean(z * (1 - z))),
        "cost": {part: found[part]["loss"] / len(y) for part, (_, y) in task.parts.items()},
        "accuracy": {part: logs["accuracy"] for part, logs in found.items()},
        "seconds": seconds,
        "training_costs": [cost / len(x) for cost in history["loss"]],
        "validation_costs": [cost / len(held_out[0]) for cost in history["val_loss"]],
    }, model


def save_and_load(model: pn.Sequential) -> pn.Sequential:
    """Return the model as its file has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        model.save(path)
        return pn.load(path)


def solve(task: Task, options: argparse.Namespace, report: Report) -> dict[str, Any]:
    """Train with each optimizer and activation; show costs, and integers that the best predicts."""
    wanted = [
        inputs.choose(
            "ode_resnet", argument, {name: name for name in known}, getattr(options, argument)
        )
        for argument, known in WANTED.items()
    ]
    runs: dict[str, dict[str, Any]] = {}
    models: dict[str, pn.Sequential] = {}
    for optimizer, activation in itertools.product(*wanted):
        name = f"{optimizer}_{activation}"
        report.say(f"{task.title}: {optimizer}, {activation}")
        runs[name], models[name] = train(task, optimizer, activation, options)
    show_runs(report, task, runs, models)
    best = min(runs, key=lambda name: runs[name]["cost"]["validation"])
    loaded, (x, _) = save_and_load(models[best]), task.parts["test"]
    same = np.array_equal(loaded.predict(x), models[best].predict(x))
    show_predictions(report, task, loaded, title=RUN.format(**runs[best]), same=same)
    report.model(loaded)
    accuracy = runs[best]["accuracy"]["test"]
    return {"runs": runs, "best": best, "loaded_is_the_same": same, "test_accuracy": accuracy}


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Solve the tasks wanted; the last one's best model is kept, and its accuracy returned."""
    report = Report(options)
    found = {task.name: solve(task, options, report) for task in two_classes.tasks(options)}
    *_, last = found.values()
    return report.results(test_accuracy=last["test_accuracy"], **found)
