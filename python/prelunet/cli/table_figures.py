"""The figures of ``prelunet train --target``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from prelunet import plots
from prelunet._extras import require
from prelunet.cli.results import CONFUSION_MATRIX, HISTORY
from prelunet.cli.rows import Array
from prelunet.plots import style
from prelunet.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESIDUALS = "residuals.png"
IMPORTANCE = "importance.png"

MOST_ROWS = 2000  # that columns are permuted in
REPEATS = 5
MOST_BARS = 30
_NAME_LENGTH = 30  # characters of a column's name


class Importance(NamedTuple):
    """How much worse the score of the test rows is with permuted columns.

    `means` and `deviations` are those of several permutations, by column.
    """

    what: str
    means: dict[str, float]
    deviations: dict[str, float]


def importance_of(model: object, X: Table, y: Array, *, classes: bool, seed: int) -> Importance:
    """Return the permutation importance of the columns, the most important ones first."""
    inspection = require("sklearn.inspection", extra="sklearn", purpose="permuting columns")
    found = inspection.permutation_importance(
        model,
        X.iloc[:MOST_ROWS],
        y[:MOST_ROWS],
        scoring="accuracy" if classes else "neg_root_mean_squared_error",
        n_repeats=REPEATS,
        random_state=seed,
    )
    order = np.argsort(-found.importances_mean, kind="stable")
    names = [str(X.columns[place]) for place in order]
    return Importance(
        "loss of accuracy" if classes else "increase of RMSE",
        dict(zip(names, found.importances_mean[order].tolist(), strict=True)),
        dict(zip(names, found.importances_std[order].tolist(), strict=True)),
    )


def write_figures(
    folder: Path,
    *,
    history: Mapping[str, Sequence[float]],
    y_true: Array,
    y_pred: Array,
    class_names: Sequence[str] | None,
    target: str,
    importance: Importance,
) -> tuple[list[Path], list[str]]:
    """Draw the figures that the installed packages support.

    `y_true` and `y_pred` are labels 0, 1, ... of `class_names`, or numbers. Returns the paths, and
    the missing requirement of each figure that was not drawn.
    """
    figures: dict[str, Callable[[], Figure]] = {
        HISTORY: lambda: plots.HistoryDisplay.from_history(history).figure_,
        IMPORTANCE: lambda: draw_importance(importance),
    }
    if class_names is None:
        figures[RESIDUALS] = lambda: draw_residuals(y_true, y_pred, target)
    else:
        figures[CONFUSION_MATRIX] = lambda: (
            plots.plot_confusion_matrix(y_true, y_pred, class_names=class_names).figure_
        )
    written, missing = [], []
    for name in (HISTORY, CONFUSION_MATRIX, RESIDUALS, IMPORTANCE):
        # Remove figures of earlier runs, which could be mistaken for this run's.
        (folder / name).unlink(missing_ok=True)
    for name, draw in figures.items():
        try:
            style.save(draw(), folder / name)
        except ImportError as error:
            missing.append(str(error))
            continue
        written.append(folder / name)
    return written, missing


def draw_residuals(y: Array, predicted: Array, target: str) -> Figure:
    """Draw predicted against actual values, and residuals against predicted values."""
    figure = style.new_figure(10.0, 4.8)
    left, right = figure.subplots(1, 2)
    look: Any = {"s": 14, "alpha": 0.5, "linewidths": 0, "color": style.COLORS[0]}
    low, high = float(min(y.min(), predicted.min())), float(max(y.max(), predicted.max()))
    left.scatter(y, predicted, **look)
    left.plot([low, high], [low, high], **style.REFERENCE)
    left.set_aspect("equal", adjustable="box")
    right.scatter(predicted, y - predicted, **look)
    right.axhline(0.0, **style.REFERENCE)
    title = f"Predicted against actual ({len(y):,} test rows)"
    style.label_axes(left, title=title, xlabel=f"actual {target}", ylabel=f"predicted {target}")
    style.label_axes(
        right, title="Residuals", xlabel=f"predicted {target}", ylabel="actual - predicted"
    )
    for ax in (left, right):
        style.open_frame(ax)
    return figure


def draw_importance(importance: Importance) -> Figure:
    """Draw bars of the most important columns."""
    names = list(importance.means)[:MOST_BARS]
    figure = style.new_figure(7.5, 1.6 + 0.28 * len(names))
    ax = figure.subplots()
    labels = [n if len(n) <= _NAME_LENGTH else f"{n[: _NAME_LENGTH - 3]}..." for n in names]
    ax.barh(
        range(len(names)),
        [importance.means[name] for name in names],
        xerr=[importance.deviations[name] for name in names],
        color=style.COLORS[0],
        ecolor="black",
        error_kw={"linewidth": 1.0},
    )
    ax.set_yticks(range(len(names)), labels)
    ax.invert_yaxis()
    of = f", {len(names)} of {len(importance.means)}" if len(names) < len(importance.means) else ""
    style.label_axes(
        ax,
        title=f"Permutation importance of columns{of}",
        xlabel=f"{importance.what} on test rows when the column is permuted",
        ylabel="",
    )
    style.open_frame(ax)
    ax.grid(axis="y", visible=False)
    return figure
