"""A perceptron on raw pixels with clipped deltas, compared with Keras and PyTorch.

The assignment ("Final Backprop", 2022) implements back-propagation in NumPy for any list of widths
and activations. It uses one hidden layer, 784 - 128 - 10, ReLU, on pixels of 0 to 255:

    z_k = W_k a_{k-1} + b_k,  a_k = relu(z_k),  p = softmax(z_2)
    loss = mean over the batch of -log(p of the label),  t = the label, one-hot
    delta_2 = clip(p - t),  delta_1 = clip(W_2^T delta_2 * relu'(z_1)),  to [-1, 1]
    dW_k = mean over the batch of delta_k a_{k-1}^T,  db_k = mean of delta_k

W_k is drawn from N(0, 1 / features), where 1 / features is the standard deviation; b_k = 0, the
batch size is 128, the rate 1e-5. The accuracy after 3 epochs is 0.857. In Keras, with Glorot's
uniform weights and a rate of 1e-4, it is 0.870 after 2 epochs, where the document ends.

Differences: in the document the short last batch of an epoch raised an exception that was not
reported; here it is used. The document computed delta_1 from the updated W_2; here W_2 is that of
the forward pass. Its 0.857 is a mean over batch accuracies; ours is the accuracy on all test
images. Its relu'(0) is 1, ours 0; no z is exactly 0. It used float64; we use float32 by default.
All libraries use the same initial weights, batches and rate. A run without clipping shows the
effect of the limit.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import prelunet as pn
from prelunet import _options as read
from prelunet import data
from prelunet.recipes import inputs, peer_nets
from prelunet.recipes.epoch_lines import epoch_lines
from prelunet.recipes.peer_report import Setting, show_runs
from prelunet.recipes.report import Report

ACTIVATIONS = ("relu", "sigmoid", "tanh")
IN_NUMPY, IN_KERAS = ("-", "-", "0.8575"), ("0.8426", "0.8696", "-")  # by epoch, in the document
ITS_OPTIONS = ("hidden", "activation", "batch_size", "learning_rate", "keras_rate", "clip_delta")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the recipe."""
    add = parser.add_argument
    add("--hidden", type=read.hidden_units, default="128", metavar="UNITS", help="as in 400x2,64")
    text = f"of all hidden layers, or one for each, among {', '.join(ACTIVATIONS)}"
    add("--activation", type=inputs.names, default="relu", metavar="NAME,...", help=text)
    add("--epochs", type=read.count, default=3, metavar="N", help="passes over the data")
    add("--batch-size", type=read.count, default=128, metavar="N", help="images per step")
    text = "rate of the document's NumPy network"
    add("--learning-rate", type=read.number, default=1e-5, metavar="RATE", help=text)
    text = "rate of the document's Keras network"
    add("--keras-rate", type=read.number, default=1e-4, metavar="RATE", help=text)
    add("--clip-delta", type=read.number, default=1.0, metavar="LIMIT", help="limit of each delta")
    add("--dtype", choices=("float32", "float64"), default="float32", help="in each library")
    text = f"among {', '.join(peer_nets.NETS)}, or none (default: all that are installed)"
    add("--against", type=inputs.names, metavar="NAME,...", help=text)


def settings(options: argparse.Namespace) -> list[Setting]:
    """Return the document's network, the same without clipping, and its Keras network."""
    own, rate = "N(0, 1/features)", options.learning_rate
    parser = argparse.ArgumentParser()
    add_options(parser)
    asked = vars(parser.parse_args([]))
    documents = all(getattr(options, name) == asked[name] for name in ITS_OPTIONS)
    numpy, keras = (("NumPy", IN_NUMPY), ("Keras", IN_KERAS)) if documents else ((), ())
    return [
        Setting(own, rate, options.clip_delta, *numpy),
        Setting(own, rate, None),
        Setting("Glorot", options.keras_rate, None, *keras),
    ]


def activations(options: argparse.Namespace) -> Sequence[str]:
    """Return the name of each hidden layer's activation, from one name or one for each layer."""
    names, count = options.activation, len(options.hidden)
    inputs.choose("backprop_vs_keras", "activation", dict.fromkeys(ACTIVATIONS), names)
    if len(names) not in (1, count):
        raise ValueError(
            f"backprop_vs_keras: activation must be one name or {count}, got {len(names)}"
        )
    return [*names] * (count if len(names) == 1 else 1)


def network(setting: Setting, options: argparse.Namespace) -> pn.Sequential:
    """Return our network; the networks of other libraries are copies of it."""
    features, layers = 784, []
    for units, name in zip((*options.hidden, 10), (*activations(options), None), strict=True):
        own = pn.initializers.Normal(stddev=1 / features)
        init = "glorot_uniform" if setting.weights == "Glorot" else own
        layers.append(pn.Dense(units, name, weight_init=init))
        features = units
    model = pn.Sequential(layers, input_shape=(784,), dtype=options.dtype, seed=options.seed)
    model.compile(pn.SGD(setting.learning_rate), clip_delta=setting.clip_delta)
    return model


def train(
    net: peer_nets.Net,
    title: str,
    dataset: data.Dataset,
    options: argparse.Namespace,
    say: Callable[[str], None],
) -> dict[str, list[float]]:
    """Train; return the loss of each step, and the test accuracy and seconds of each epoch."""
    x, y, (x_test, y_test) = dataset.x_train, dataset.y_train, inputs.test_rows(dataset)
    stream = np.random.default_rng(options.seed)
    losses, accuracies, seconds = [], [], []
    for epoch in range(1, options.epochs + 1):
        order, began = stream.permutation(len(x)), time.perf_counter()
        for start in range(0, len(x), options.batch_size):
            rows = order[start : start + options.batch_size]  # the last batch may be smaller
            losses.append(net.train_on_batch(x[rows], y[rows])["loss"])
        seconds.append(time.perf_counter() - began)
        accuracies.append(float(np.mean(net.predict(x_test).argmax(axis=1) == y_test)))
        say(f"{title}: epoch {epoch}, test accuracy {accuracies[-1]:.4f}")
    return {"losses": losses, "test_accuracy": accuracies, "seconds": seconds}


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Train all settings in all libraries; show accuracies, seconds and loss differences."""
    report, dataset = Report(options), inputs.digits_28(options)
    names, peers = activations(options), peer_nets.choose(options.against)
    models = [(setting, network(setting, options)) for setting in settings(options)]
    nets: list[tuple[Setting, str, peer_nets.Net]] = []
    for setting, model in models:
        nets.append((setting, "prelunet", model))
        nets += [
            (setting, kind.title, kind(model, names, setting.learning_rate, setting.clip_delta))
            for kind in peers
        ]
    runs: list[dict[str, Any]] = []
    with epoch_lines(options.epochs * len(nets), quiet=options.quiet) as say:
        for setting, library, net in nets:
            found = train(net, f"{library}, {setting.title}", dataset, options, say)
            runs.append({"library": library, "setting": setting, **found})
    show_runs(report, [setting for setting, _ in models], runs)
    report.model(models[0][1])
    kept = [{**run, "setting": run["setting"].title} for run in runs]
    return report.results(test_accuracy=runs[0]["test_accuracy"][-1], runs=kept)
