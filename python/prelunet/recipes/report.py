"""What recipes share: their data, their log, their table and their figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy.typing as npt

import prelunet as pn
from prelunet import data, plots
from prelunet.callbacks import Callback
from prelunet.callbacks.base import Logs
from prelunet.plots import style

Array = npt.NDArray[Any]
T = TypeVar("T")

# Okabe and Ito's colours, in an order in which neighbours differ in lightness; and line styles.
LOOKS = (
    ("#0072B2", "-"),
    ("#D55E00", "--"),
    ("#009E73", "-."),
    ("#CC79A7", ":"),
    ("#000000", (0, (5, 1, 1, 1, 1, 1))),
)


# ---- options and data --------------------------------------------------------------------------


def names(text: str) -> tuple[str, ...]:
    """Return the names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def choose(
    owner: str, argument: str, known: Mapping[str, T], wanted: Sequence[str] | None
) -> list[T]:
    """Return those of `known` that are wanted, all where none are named.

    Raises
    ------
    ValueError
        If a name is not known.
    """
    for name in wanted or ():
        if name not in known:
            raise ValueError(
                f"{owner}: {argument} must be names among {', '.join(known)}, got {name!r}"
            )
    return [value for name, value in known.items() if not wanted or name in wanted]


def digits_28(options: argparse.Namespace) -> data.Dataset:
    """Return MNIST; with ``--quick`` 5,000 digits of it, a fifth of them for the test."""
    if not options.quick:
        return data.load("mnist", data_dir=options.data_dir)
    return data.split(data.load("mnist-5k"), test_size=0.2, seed=0)


def hold_out_last(dataset: data.Dataset, share: float) -> tuple[Array, Array, Array, Array]:
    """Return x and y to train on and, the last rows, to validate on: x, x, y, y."""
    kept = len(dataset.x_train) - round(len(dataset.x_train) * share)
    x, y = dataset.x_train, dataset.y_train
    return x[:kept], x[kept:], y[:kept], y[kept:]


def test_rows(dataset: data.Dataset) -> tuple[Array, Array]:
    """Return the test rows of data that have them."""
    assert dataset.x_test is not None
    assert dataset.y_test is not None
    return dataset.x_test, dataset.y_test


# ---- what is printed ---------------------------------------------------------------------------


def say(options: argparse.Namespace, text: str) -> None:
    """Print a line, unless asked to be quiet."""
    if not options.quiet:
        print(text, flush=True)


def say_quick(options: argparse.Namespace) -> None:
    """Print what ``--quick`` makes of a comparison."""
    if options.quick:
        print("A part of the data and few steps: the document's figures are for the whole.")


class StepLog(Callback):
    """Loss and accuracy of each so many steps: kept, and printed as assignments do."""

    def __init__(self, every: int, *, quiet: bool) -> None:
        self.steps_between = every
        self.quiet = quiet
        self.steps: list[int] = []
        self.logs: list[Logs] = []

    def on_steps(self, steps: int, logs: Logs | None = None) -> None:
        """Keep and print."""
        self.steps.append(steps)
        self.logs.append(dict(logs or {}))
        if not self.quiet and not sys.stderr.isatty():  # a bar shows the same
            print(f"step {steps}, training accuracy {self.logs[-1]['accuracy']:.4g}", flush=True)

    def curve(self, name: str) -> dict[str, list[float]]:
        """Return the steps and the values of one quantity."""
        return {"step": list(map(float, self.steps)), "value": [log[name] for log in self.logs]}


def accuracy_table(results: Mapping[str, Mapping[str, Any]], remark: str) -> None:
    """Print the test accuracy of each run beside the document's."""
    width = max(len(result["title"]) for result in results.values())
    print(f"\n{'':<{width}}  test accuracy  in the document  seconds")
    for result in results.values():
        seed = result["seed_test_accuracy"]
        print(
            f"{result['title']:<{width}}  {result['test_accuracy']:>13.4f}  "
            f"{'a figure' if seed is None else f'{seed:.4f}':>15}  {result['seconds']:>7.1f}"
        )
    print(remark)


# ---- files and figures --------------------------------------------------------------------------


def save(options: argparse.Namespace, model: pn.Sequential) -> None:
    """Write ``model.npz``."""
    if options.out is not None:
        model.save(options.out / "model.npz")


def draw_runs(options: argparse.Namespace, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw loss and accuracy in training of all runs: ``runs.png``."""
    if options.out is None:
        return
    figure = style.new_figure(11.0, 4.2)
    panels = figure.subplots(1, 2)
    for panel, key, name, unit in (
        (panels[0], "training_accuracy", "Training accuracy", "share of rows since the last point"),
        (panels[1], "training_loss", "Training loss", "nats"),
    ):
        for (color, line), result in zip(LOOKS, results.values(), strict=False):
            curve = result[key]
            label = f"{result['title']} (test {result['test_accuracy']:.2%})"
            marker = "o" if len(curve["step"]) == 1 else ""  # one point makes no line
            panel.plot(
                *(curve["step"], curve["value"]),
                color=color,
                marker=marker,
                linestyle=line,
                label=label,
            )
        style.label_axes(
            panel, title=f"{name} by step", xlabel="step", ylabel=f"{name.split()[1]} ({unit})"
        )
        style.open_frame(panel)
    panels[1].set_yscale("log")
    panels[0].legend(fontsize=style.TICK_SIZE, frameon=False, loc="lower right")
    style.save(figure, options.out / "runs.png")


def draw_filters(options: argparse.Namespace, name: str, title: str, weight: Array) -> None:
    """Draw the filters of a run's first layer: ``filters_<run>.png``."""
    if options.out is None:
        return
    display = plots.WeightsDisplay.from_weights(weight, title=f"First layer's filters, {title}")
    style.save(display.figure_, options.out / f"filters_{name}.png")


def draw_misclassified(
    options: argparse.Namespace, model: pn.Sequential, dataset: data.Dataset
) -> None:
    """Draw test images that the model gets wrong: ``misclassified.png``."""
    if options.out is None:
        return
    x, y = test_rows(dataset)
    predicted = model.predict(x).argmax(axis=1)
    display = plots.MisclassifiedDisplay.from_predictions(x, y, predicted)
    style.save(display.figure_, options.out / "misclassified.png")
