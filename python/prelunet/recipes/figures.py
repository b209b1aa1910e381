"""Figures that several recipes draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import prelunet as pn
from prelunet import data, plots
from prelunet.plots import style
from prelunet.recipes import inputs
from prelunet.recipes.inputs import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In units of the legend's font size: average width of letters, and width of line and gaps.
_LETTERS_PER_INCH, _HANDLE_LETTERS = 11.0, 7


@dataclass(frozen=True)
class Panel:
    """Curves on one pair of axes: x and y by label; the order determines the style."""

    title: str
    xlabel: str
    ylabel: str
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    logarithmic: bool = False


def draw_panels(panels: Sequence[Panel]) -> Figure:
    """Return a figure of panels side by side, with a common legend below."""
    figure = style.new_figure(5.5 * len(panels), 4.4)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, panel in zip(axes, panels, strict=True):
        _draw_curves(ax, panel)
    handles, labels = axes[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(
            *(handles, labels),
            loc="outside lower center",
            ncols=_columns(labels, figure.get_figwidth()),
            fontsize=style.TICK_SIZE,
            frameon=False,
        )
    return figure


def _columns(labels: Sequence[str], width: float) -> int:
    """Return the number of legend columns with few and even rows, at most `width` inches wide."""
    most = max(1, int(width * _LETTERS_PER_INCH / (_HANDLE_LETTERS + max(map(len, labels)))))
    return math.ceil(len(labels) / math.ceil(len(labels) / most))


def draw_history(history: Mapping[str, Sequence[float]]) -> Figure:
    """Return curves by epoch; the prefix ``val_`` marks validation rows."""
    units = {"accuracy": "share of rows"}
    figure: Figure = plots.HistoryDisplay.from_history(history, units=units).figure_
    return figure


def draw_image_rows(title: str, rows: Sequence[tuple[Array, Sequence[str]]]) -> Figure:
    """Return rows of images, (n, height, width) of 0 to 255, each image with a caption."""
    columns = len(rows[0][0])
    figure = style.new_figure(0.95 * columns, 1.08 * len(rows) + 0.3)
    figure.suptitle(title, fontsize=style.TITLE_SIZE)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for panels, (images, captions) in zip(axes, rows, strict=True):
        for ax, image, caption in zip(panels, images, captions, strict=True):
            ax.imshow(image, cmap="gray_r", vmin=0, vmax=255)
            ax.set_title(caption, fontsize=style.TICK_SIZE)
            ax.set_axis_off()
    return figure


def draw_misclassified(model: pn.Sequential, dataset: data.Dataset) -> Figure:
    """Return test images that a model misclassifies."""
    x, y = inputs.test_rows(dataset)
    predicted = model.predict(x).argmax(axis=1)
    images, _ = inputs.test_rows(dataset.as_images())
    display = plots.MisclassifiedDisplay.from_predictions(images, y, predicted)
    figure: Figure = display.figure_
    return figure


def draw_weights(
    model: pn.Sequential,
    name: str,
    title: str,
    *,
    image_shape: tuple[int, int] | None = None,
    limit: float | None = None,
) -> Figure:
    """Return the weights of the first layer on images, one image per unit."""
    display = plots.WeightsDisplay.from_weights(
        model.parameters()[name], title=title, image_shape=image_shape, limit=limit
    )
    return cast("Figure", display.figure_)  # not a SubFigure, because no axes were given


def _draw_curves(ax: Axes, panel: Panel) -> None:
    for place, (label, (x, y)) in enumerate(panel.curves.items()):
        marker = "o" if len(x) == 1 else ""  # a single point has no line
        ax.plot(x, y, marker=marker, label=label, **style.look(place))
    style.label_axes(ax, title=panel.title, xlabel=panel.xlabel, ylabel=panel.ylabel)
    style.open_frame(ax)
    ax.locator_params(axis="x", integer=True)  # steps and epochs
    if panel.logarithmic:
        ax.set_yscale("log")
