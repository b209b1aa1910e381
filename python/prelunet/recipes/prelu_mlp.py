"""Six hidden layers of PReLU on MNIST, full batch, with shared and with channel alphas.

The document implements 784 - 6 x 400 - 10 in TensorFlow, with all gradients written out:

    z_i = W_i a_(i-1) + b_i,  a_i = z_i where z_i > 0, else alpha_i z_i
    p = softmax(z_7),  loss = mean over the n images of -log(p of the label)
    dz_7 = (p - one-hot labels) / n,  da_i = W_(i+1)^T dz_(i+1)
    dz_i = da_i * (1 where z_i > 0, else alpha_i)
    dalpha_i = sum of da_i * (0 where z_i > 0, else z_i)

It does so with one alpha per layer (shared) and with one per unit (channel, where the sum is over
images only). W is drawn from N(0, 0.1), b is 0, and alpha starts at 0.001. W, b and alpha are
updated by plain gradient descent at a rate of 0.001, in 10,000 steps over all 60,000 images.

After the updates of steps 0, 100, 200, ... it prints the loss, the accuracies on the training
images and on the 10,000 test ("dev") images, and mean((n dz_7)^2) with the dz_7 of the step. With
shared alphas it also prints each alpha and its gradient. The loss clips p at 1e-7 for shared alphas
(as in Keras) and at 1e-11 for channel alphas (as in scikit-learn).

Differences: pixels stay bytes and are scaled in the first layer; the default is 300 steps, with at
least 30 log lines; both kinds start from the same weights. With --out an interrupted run resumes
with bit-identical results. The saved model is that of the last kind.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import prelunet as pn
from prelunet import _options as read
from prelunet import data, plots
from prelunet.recipes import inputs
from prelunet.recipes.figures import Panel, draw_panels
from prelunet.recipes.prelu_log import PReLULog
from prelunet.recipes.report import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = 30  # minimum number of log lines, if there are enough steps
EPS = {"shared": 1e-7, "channel": 1e-11}  # clipping limits of the loss
SHOWN = {
    "loss": ("Training loss", "loss (nats)"),
    "accuracy": ("Training accuracy", "accuracy (share of images)"),
    "dev_accuracy": ("Dev accuracy", "accuracy (share of images)"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the recipe."""
    add = parser.add_argument
    add("--kinds", type=inputs.names, default=",".join(EPS), metavar="KIND,...", help="alpha kinds")
    add("--epochs", type=read.count, metavar="N", help="steps (default: 300, with --quick 8)")
    every = "steps between log lines (default: 100, or fewer for at least 30 lines)"
    add("--every", type=read.count, metavar="N", help=every)
    add("--hidden", type=read.hidden_units, default="400x6", metavar="UNITS", help="of each layer")
    add("--alpha", type=read.number, default=0.001, metavar="SLOPE", help="where alphas start")
    add("--learning-rate", type=read.number, default=0.001, metavar="RATE", help="of everything")
    add("--restart", action="store_true", help="ignore checkpoints in --out")


def network(kind: str, options: argparse.Namespace) -> pn.Sequential:
    """Return the document's network."""
    normal = pn.initializers.Normal(stddev=0.1)
    layers: list[pn.Layer] = [pn.Rescaling(1 / 255)]
    for number, units in enumerate(options.hidden, start=1):
        layers.append(pn.Dense(units, weight_init=normal))
        layers.append(pn.PReLU(kind, init=options.alpha, name=f"hidden_{number}"))
    layers.append(pn.Dense(10, weight_init=normal))
    model = pn.Sequential(layers, input_shape=(784,), seed=options.seed)
    model.compile(pn.SGD(options.learning_rate), metrics=["accuracy"])
    return model


def train(
    kind: str, digits: data.Dataset, options: argparse.Namespace
) -> tuple[pn.Sequential, PReLULog]:
    """Train with one kind of alpha; resume an interrupted run in --out."""
    epochs = options.epochs or (8 if options.quick else 300)
    usual, model = max(1, min(100, epochs // LINES)), network(kind, options)
    how = {"every": options.every, "usual": usual, "eps": EPS[kind], "quiet": options.quiet}
    log = PReLULog(model, digits, shared=kind == "shared", **how)
    callbacks: list[pn.Callback] = [log]
    if options.out is not None:
        path = options.out / f"{kind}{'_quick' if options.quick else ''}.ckpt"
        callbacks.append(pn.Checkpoint(path, every=10, resume=not options.restart))
    x, y, verbose = digits.x_train, digits.y_train, not options.quiet
    model.fit(x, y, epochs=epochs, batch_size=None, verbose=verbose, callbacks=callbacks)
    return model, log


def draw_curves(logs: Mapping[str, PReLULog]) -> Figure:
    """Return the document's figures: loss and accuracies of both kinds."""
    panels = []
    for name, (title, ylabel) in SHOWN.items():
        lines = {f"{kind} alpha": (log["step"], log[name]) for kind, log in logs.items()}
        panels.append(Panel(f"{title} by step", "step", ylabel, lines))
    return draw_panels(panels)


def draw_alphas(kind: str, model: pn.Sequential, log: PReLULog, start: float) -> Figure:
    """Return shared alphas over time, or the final distribution of channel alphas."""
    if kind == "shared":
        alphas = {name: [line[name] for line in log["alphas"]] for name in log["alphas"][0]}
        display = plots.AlphaDisplay.from_history(log["step"], alphas, start=start)
    else:
        display = plots.AlphaDisplay.from_model(model, start=start, title="Channel alphas by layer")
    return cast("Figure", display.figure_)


def rows_of(logs: Mapping[str, PReLULog], accuracies: Mapping[str, float]) -> list[list[str]]:
    """Return the table: the first and last line of each log, and a summary of the others."""
    rows = [
        [title, *(f"{log[name][0]:.4f} to {log[name][-1]:.4f}" for log in logs.values())]
        for name, (title, _) in SHOWN.items()
    ]
    falls = [[after < before for before, after in pairwise(log["loss"])] for log in logs.values()]
    rows.append(["Lines at which the loss fell", *(f"{sum(f)} of {len(f)}" for f in falls)])
    rows.append(["Test accuracy after the last step", *(f"{a:.4f}" for a in accuracies.values())])
    return rows


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Train with both kinds of alpha; print the logs and the table, draw the figures."""
    if not options.hidden:
        raise ValueError("prelu_mlp: hidden must name the units of at least one layer, got none")
    report = Report(options)
    digits = inputs.digits_28(options)
    logs: dict[str, PReLULog] = {}
    accuracies: dict[str, float] = {}
    for kind in inputs.choose("prelu_mlp", "kinds", {kind: kind for kind in EPS}, options.kinds):
        report.say(f"\n{kind} alpha")
        model, logs[kind] = train(kind, digits, options)
        accuracies[kind] = model.evaluate(*inputs.test_rows(digits))["accuracy"]
        draw = partial(draw_alphas, kind, model, logs[kind], options.alpha)
        report.figure(f"alpha_{kind}", f"{kind.capitalize()} alphas", draw)
    report.model(model)
    report.figure("curves", "Loss and accuracies by step", partial(draw_curves, logs))
    title = f"From the log's first line to its last, after step {logs[kind]['step'][-1]}"
    header = ["", *(f"{kind} alpha" for kind in logs)]
    remark = "The document has figures, no numbers. Losses are clipped where it clips them: "
    remark += ", ".join(f"{kind} at {EPS[kind]:g}" for kind in logs) + "."
    report.table(title, header, rows_of(logs, accuracies), remark=remark)
    found = {"logs": {k: v.lines for k, v in logs.items()}, "accuracies": accuracies}
    found["kept_steps"] = {k: v.kept_steps for k, v in logs.items()}
    return report.results(test_accuracy=accuracies[kind], **found)
