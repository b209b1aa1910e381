"""A residual network as Euler's method: gradient descent against Adam, four activations.

The notebook (NTNU, "Neural Network From Scratch") separates two classes with a state that evolves
for K = 20 steps of h = 0.1 and is then projected to a number between 0 and 1:

    Y_{k+1} = Y_k + h sigma(W_k Y_k + b_k),   Z = eta(Y_K^T omega + mu),   eta the sigmoid
    J = 1/2 sum over the images of (Z_i - c_i)^2,   c_i the class, 0 or 1

W, b, omega and mu are drawn from N(0, 1). Each iteration uses all images. U = (W, b, omega, mu) is
updated by gradient descent, U - tau grad J, or by Adam (0.9, 0.999, 1e-8), both with tau = 0.01.
The notebook plots J on training and validation data, saves and loads a model, and predicts labels.

The notebook ends before its data, so the data are ours. Points on two spirals get a third
coordinate, 0: a flow in the plane cannot separate them, and all activations but tanh stay below 87%
(``--width 2``). Digits 1 and 7 of MNIST are averaged to 4 x 4 numbers, because with N(0, 1) a state
grows with its width until eta' vanishes. With ReLU eta' is initially 1e-9, where Adam learns and
gradient descent does not; with 7 x 7 numbers it is 0, and neither learns (``--pixels 7 --digits
3,8``: tanh 96.7%; with ``--stddev 0.3`` Adam exceeds 95% for all four).

Two errors of the notebook are corrected: its forward_prop omits the Y_k of the equation, and its
Adam makes no first step. Costs by iteration are per row: training costs before the iteration,
validation costs after it.
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
from prelunet.loading import load_sequential
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
    """Add the options of the recipe."""
    two_classes.add_options(parser)
    add = parser.add_argument
    add("--layers", type=read.count, default=20, metavar="K", help="steps of Euler's method")
    add("--step", type=read.number, default=0.1, metavar="H", help="length of a step")
    add("--stddev", type=read.number, default=1.0, metavar="S", help="of the initial parameters")
    add("--learning-rate", type=read.number, default=0.01, metavar="TAU", help="of both optimizers")
    for name, known in WANTED.items():
        text = f"among {', '.join(known)} (default: all)"
        add(f"--{name}", type=inputs.names, metavar="NAME,...", help=text)


def network(task: Task, activation: str, options: argparse.Namespace) -> pn.Sequential:
    """Return the notebook's network; its first layer, which is not trained, maps rows to states."""
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
    """Train one network; return the results, with costs as J per image, and the network."""
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
    """Return the model after saving and loading it."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(path := Path(folder, "model.npz"))
        return load_sequential(path)


def solve(task: Task, options: argparse.Namespace, report: Report) -> dict[str, Any]:
    """Train with each optimizer and activation; show costs and the best model's predictions."""
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
    """Solve the selected tasks; save the best model of the last one and return its accuracy."""
    report = Report(options)
    found = {task.name: solve(task, options, report) for task in two_classes.tasks(options)}
    *_, last = found.values()
    return report.results(test_accuracy=last["test_accuracy"], **found)
