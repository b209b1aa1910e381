"""Output of ode_resnet: the final costs of its runs, and the predictions of one model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import prelunet as pn
from prelunet import plots
from prelunet.recipes.figures import draw_image_rows
from prelunet.recipes.ode_figures import draw_boundaries, draw_costs
from prelunet.recipes.report import Report
from prelunet.recipes.two_classes import SIDE, Task

RUN = "{optimizer}, {activation}"
HEADER = (
    "",
    "slope at first",
    "cost",
    "in validation",
    "accuracy",
    "validation",
    "test",
    "seconds",
)
CELLS = (
    "{first_slope:.1g}|{cost[training]:.2g}|{cost[validation]:.2g}|{accuracy[training]:.2%}|"
    "{accuracy[validation]:.2%}|{accuracy[test]:.2%}|{seconds:.1f}"
)
REMARK = (
    "Slope at first: the mean of eta' over the training rows, 0.25 at most; gradients go with it. "
    "Costs: J over the number of rows, 0.125 where all outputs are 1/2."
)
SHOWN = 10  # test rows
DRAWN = 300  # points over a boundary


def show_runs(
    report: Report,
    task: Task,
    runs: Mapping[str, Mapping[str, Any]],
    models: Mapping[str, pn.Sequential],
) -> None:
    """Print the final results of runs; draw their costs and, for points, their boundaries."""
    rows = [[RUN.format(**run), *CELLS.format(**run).split("|")] for run in runs.values()]
    report.table(task.title, HEADER, rows, remark=REMARK)
    title = f"Costs by iteration: {task.title}"
    report.figure(f"cost_{task.name}", title, partial(draw_costs, list(runs.values())))
    x, y = task.parts["test"]
    if x.shape[1] == 2:
        titled = {RUN.format(**runs[name]): model for name, model in models.items()}
        columns = len({run["activation"] for run in runs.values()})
        draw = partial(draw_boundaries, titled, x[:DRAWN], y[:DRAWN], columns=columns)
        report.figure(f"boundaries_{task.name}", f"Boundaries: {task.title}", draw)


def show_predictions(
    report: Report, task: Task, model: pn.Sequential, *, title: str, same: bool
) -> None:
    """Print predicted and true labels; draw images with their predictions, and errors."""
    x, y = task.parts["test"]
    outputs = model.predict(x)[:, 0]
    predicted = (outputs > 0.5).astype(int)
    rows = [
        [str(row), str(y[row]), str(predicted[row]), f"{outputs[row]:.4f}"] for row in range(SHOWN)
    ]
    names = task.class_names
    remark = (
        f"0 stands for {names[0]}, 1 for {names[1]}. The model saved and loaded again gives "
        f"{'the same' if same else 'other'} outputs for all {len(x):,} test rows."
    )
    header = ("test row", "true", "predicted", "output")
    report.table(f"Integers predicted: {task.title}, {title}", header, rows, remark=remark)
    if x.shape[1] == SIDE**2:
        images = x.reshape(-1, SIDE, SIDE)
        captions = [f"{names[y[row]]} read {names[predicted[row]]}" for row in range(SHOWN)]
        title = f"The first {SHOWN} test images ({title})"
        draw = partial(draw_image_rows, title, [(images[:SHOWN], captions)])
        report.figure("predicted", title, draw)
        from_predictions = plots.MisclassifiedDisplay.from_predictions
        misread = partial(from_predictions, images, y, predicted, class_names=names)
        report.figure("misclassified", "Test images misread", lambda: misread().figure_)
