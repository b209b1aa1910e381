"""A perceptron with one hidden layer on MNIST; reproduces a NumPy implementation exactly.

The lecture notes, after chapter 11 of Raschka et al., train 784 - 50 - 10 with sigmoid outputs:

    a_h = f(W_h x + b_h),  a_out = sigmoid(W_out a_h + b_out)
    loss = the mean over a batch of sum_j (a_out_j - t_j)^2, batches of 100, rate 0.1

on pixels ((x / 255) - 0.5) * 2, in 40 passes over 55,000 of the 70,000 images. f is the sigmoid
and, as an exercise, ReLU. Weights are drawn from N(0, 0.1), biases are 0. The printed MSE is also a
mean over outputs, which is a tenth of the loss.

With ReLU, this recipe reproduces the 40 printed lines and the test accuracy of 96.09% exactly: in
float64, with rows split by scikit-learn, and weights and orders from the same RandomState streams.
(The notes also shuffle when they compute the MSE, so the stream must advance in the same way.) With
the sigmoid, the notes print 92.42% to 94.39%, because that model had been trained before; trained
from scratch it ends at 94.13%, here and in plain NumPy.

Differences: pixels stay bytes and are scaled in the first layer; a short last batch is used, while
the notes skip it (55,000 rows have none); all digits are turned upside down, not a random 6; the
page of principal components shows 2,000 digits, not 10,000.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import numpy as np

import prelunet as pn
from prelunet import _options as read
from prelunet import data, layers
from prelunet._extras import require
from prelunet.recipes import figures, inputs
from prelunet.recipes.epoch_lines import epoch_lines
from prelunet.recipes.inputs import Array
from prelunet.recipes.pca_page import make_pca_page
from prelunet.recipes.report import Report

ACTIVATIONS = ("prelu", *(layer.activation for layer in layers.ACTIVATION_LAYERS.values()))
MSE = "mean_squared_error"
SHOWN = ("training MSE", "training accuracy", "validation accuracy", "test accuracy")
DOCUMENT = {
    "relu": ("0.0048", "97.44%", "96.30%", "96.09%"),
    "sigmoid": ("0.0082", "95.47%", "94.76%", "94.39%"),
}
REMARKS = {"sigmoid": "The document's model had been trained before; from scratch: 94.13%."}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the recipe; the default seed is the document's."""
    add = parser.add_argument
    add("--activation", choices=ACTIVATIONS, default="relu", help="hidden activation")
    add("--hidden", type=read.count, default=50, metavar="UNITS", help="units of the hidden layer")
    add("--epochs", type=read.count, metavar="N", help="epochs (default: 40, with --quick 5)")
    add("--batch-size", type=read.count, default=100, metavar="N", help="images per step")
    add("--learning-rate", type=read.number, default=0.1, metavar="RATE", help="rate of SGD")
    parser.set_defaults(seed=123)


def load(options: argparse.Namespace) -> data.Dataset:
    """Return 60,000 digits for training and validation and 10,000 for the test, in a new split."""
    require("sklearn.model_selection", extra="data", purpose="the document's split")
    together = inputs.with_test_rows_last(inputs.digits_28(options))
    return data.split(together, test_size=len(together.x_train) // 7, seed=options.seed)


def network(options: argparse.Namespace) -> pn.Sequential:
    """Return the document's network, with weights drawn from its stream: hidden, then output."""
    hidden = pn.Dense(options.hidden, options.activation)
    model = pn.Sequential(
        [pn.Rescaling(2 / 255, -1), hidden, pn.Dense(10, "sigmoid")],
        input_shape=(784,),
        dtype="float64",
        seed=options.seed,
    )
    stream = np.random.RandomState(options.seed)
    for name in ("1.weight", "2.weight"):
        shape = model.parameters()[name].shape
        model.set_parameters({name: stream.normal(loc=0.0, scale=0.1, size=shape)})
    model.compile(pn.SGD(options.learning_rate), loss="batch_mean_squared_error")
    return model


def judge(model: pn.Sequential, x: Array, y: Array) -> dict[str, float]:
    """Return the squared error, its mean over all outputs, and the accuracy."""
    outputs = model.predict(x)
    error, found = np.eye(10)[y] - outputs, outputs.argmax(axis=1) == y
    return {MSE: float(np.mean(error**2)), "accuracy": float(np.mean(found))}


def train(
    model: pn.Sequential, dataset: data.Dataset, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Train, print the document's lines, return the quantities of each epoch."""
    x, y = dataset.x_train, dataset.y_train
    x, x_valid, y, y_valid = data.split(x, y, test_size=len(x) // 12, seed=options.seed)
    stream = np.random.RandomState(options.seed)
    epochs = options.epochs or (5 if options.quick else 40)
    history: dict[str, list[float]] = {}
    with epoch_lines(epochs, quiet=options.quiet) as say:
        for epoch in range(1, epochs + 1):
            order = stream.permutation(len(x))
            model.train_epoch(x, np.eye(10)[y], order=order, batch_size=options.batch_size)
            for prefix, rows in (("", (x, y)), ("val_", (x_valid, y_valid))):
                stream.permutation(len(rows[0]))  # the order of the document's MSE pass
                for name, value in judge(model, *rows).items():
                    history.setdefault(prefix + name, []).append(value)
            say(
                f"Epoch: {epoch:03d}/{epochs:03d} | Train MSE: {history[MSE][-1]:.4f} | Train "
                f"Acc: {history['accuracy'][-1]:.2%} | Valid Acc: {history['val_accuracy'][-1]:.2%}"
            )
    return history


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Plot the test digits, train, and show the learned weights and the errors."""
    report = Report(options)
    dataset = load(options)
    x, y = inputs.test_rows(dataset)
    title = f"{len(x):,} test digits in three dimensions"
    page = partial(make_pca_page, title=title, seed=options.seed)
    report.page("components", title, lambda: page(x / 127.5 - 1, y))

    model = network(options)
    history = train(model, dataset, options)
    accuracy = judge(model, x, y)["accuracy"]
    shares = (history["accuracy"][-1], history["val_accuracy"][-1], accuracy)
    here = (f"{history[MSE][-1]:.4f}", *(f"{share:.2%}" for share in shares))
    rows = zip(SHOWN, DOCUMENT.get(options.activation, "----"), here, strict=True)
    title = f"Hidden units {options.activation}, after epoch {len(history[MSE])}"
    remark = REMARKS.get(options.activation, "")
    report.table(title, ("", "in the document, after 40", "here"), list(rows), remark=remark)

    report.figure("history", "Error and accuracy", partial(figures.draw_history, history))
    wrong = partial(figures.draw_misclassified, model, dataset)
    report.figure("misclassified", "Test images that it gets wrong", wrong)
    upright = x[[np.flatnonzero(y == digit)[0] for digit in range(10)]].reshape(-1, 28, 28)
    turned = np.rot90(upright, k=2, axes=(1, 2))
    taken = model.predict(turned.reshape(10, -1)).argmax(axis=1).tolist()
    pairs = ((upright, "0123456789"), (turned, [f"taken for {digit}" for digit in taken]))
    title = "Each digit's first test image, and the same upside down"
    report.figure("upside_down", title, partial(figures.draw_image_rows, title, pairs))
    title = "Weights of the hidden units"
    weights = partial(figures.draw_weights, model, "1.weight", title, image_shape=(28, 28))
    report.figure("weights", title, partial(weights, limit=1.0))
    report.model(model)
    return report.results(test_accuracy=accuracy, history=history, upside_down=taken)
