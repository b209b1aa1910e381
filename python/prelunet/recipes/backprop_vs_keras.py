"""A perceptron on raw pixels whose deltas are clipped, beside the same net in Keras or PyTorch.

The assignment ("Final Backprop", 2022) writes back-propagation in NumPy for any list of widths and
activations and runs it with one hidden layer, 784 - 128 - 10, ReLU, on pixels of 0 to 255:

    z_k = W_k a_{k-1} + b_k,  a_k = relu(z_k),  p = softmax(z_2)
    loss = mean over the batch of -log(p of the label),  t = the label, one-hot
    delta_2 = clip(p - t),  delta_1 = clip(W_2^T delta_2 * relu'(z_1)),  to [-1, 1]
    dW_k = mean over the batch of delta_k a_{k-1}^T,  db_k = mean of delta_k

with W_k from N(0, 1 / features), that number a standard deviation, b_k = 0, batches of 128, a rate
of 1e-5, 3 epochs: 0.857. Keras beside it, from Glorot's uniform weights and at 1e-4, has 0.843 and
0.870 after two; the text breaks off before the third.

What differs: its last, short batch of an epoch ended in an exception that nothing reported; here it
trains. It took delta_1 through a W_2 that had been moved already; here it goes through that of the
forward pass. Its 0.857 is a mean of batches' accuracies, ours the share of all test images. Its
relu'(0) is 1, ours 0: no z of these is 0. It counted in float64, we do in float32 unless asked.
Each library starts here from the same weights, sees the same batches and takes the same rate; the
same network with its deltas free shows what the limit changes.
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
    """Add what may be varied."""
    add = parser.add_argument
    add("--hidden", type=read.hidden_units, default="128", metavar="UNITS", help="400x2; 64,32")
    text = f"of hidden layers, one for all or one each, among {', '.join(ACTIVATIONS)}"
    add("--activation", type=inputs.names, default="relu", metavar="NAME,...", help=text)
    add("--epochs", type=read.count, default=3, metavar="N", help="passes over the data")
    add("--batch-size", type=read.count, default=128, metavar="N", help="images of a step")
    text = "of the document's own network"
    add("--learning-rate", type=read.number, default=1e-5, metavar="RATE", help=text)
    text = "of the document's network in Keras"
    add("--keras-rate", type=read.number, default=1e-4, metavar="RATE", help=text)
    add("--clip-delta", type=read.number, default=1.0, metavar="LIMIT", help="of each delta")
    add("--dtype", choices=("float32", "float64"), default="float32", help="in each library")
    text = f"among {', '.join(peer_nets.NETS)}, or none; those that are installed, unless given"
    add("--against", type=inputs.names, metavar="NAME,...", help=text)


def settings(options: argparse.Namespace) -> list[Setting]:
    """Return the document's own, the same with deltas free, and that of its network in Keras."""
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
    """Return the name of each hidden layer's activation.

    Raises
    ------
    ValueError
        If there is neither one name nor one for each layer, or if one is not known.
    """
    names, count = options.activation, len(options.hidden)
    inputs.choose("backprop_vs_keras", "activation", dict.fromkeys(ACTIVATIONS), names)
    if len(names) not in (1, count):
        raise ValueError(
            f"backprop_vs_keras: activation must be one name or {count}, got {len(names)}"
        )
    return [*names] * (count if len(names) == 1 else 1)


def network(setting: Setting, options: argparse.Namespace) -> pn.Sequential:
    """Return our network; those of other libraries start as its copies."""
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
    """Train; return the loss of each step, the test accuracy and the seconds of each epoch."""
    x, y, (x_test, y_test) = dataset.x_train, dataset.y_train, inputs.test_rows(dataset)
    stream = np.random.default_rng(options.seed)
    losses, accuracies, seconds = [], [], []
    for epoch in range(1, options.epochs + 1):
        order, began = stream.permutation(len(x)), time.perf_counter()
        for start in range(0, len(x), options.batch_size):
            rows = order[start : start + options.batch_size]  # the last ones may be fewer
            losses.append(net.train_on_batch(x[rows], y[rows])["loss"])
        seconds.append(time.perf_counter() - began)
        accuracies.append(float(np.mean(net.predict(x_test).argmax(axis=1) == y_test)))
        say(f"{title}: epoch {epoch}, test accuracy {accuracies[-1]:.4f}")
    return {"losses": losses, "test_accuracy": accuracies, "seconds": seconds}


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Train in each setting and library; show accuracies, seconds and how far losses differ."""
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
