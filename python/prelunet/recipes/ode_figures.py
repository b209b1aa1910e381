"""The figures of ode_resnet: small multiples of costs, and of decision boundaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import prelunet as pn
from prelunet import plots
from prelunet.plots import style
from prelunet.recipes.inputs import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.15  # around the points
RESOLUTION = 150  # about the number of pixels of a panel
LOOKS = {"training": "-", "validation": "--"}


def draw_costs(runs: Sequence[Mapping[str, Any]]) -> Figure:
    """Return the costs of runs by iteration, one panel per activation, on a common scale."""
    panels: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        panels.setdefault(run["activation"], []).append(run)
    columns = min(len(panels), 2)
    lines = -(-len(panels) // columns)
    figure = style.new_figure(4.5 * columns, 2.9 * lines + 0.6)
    sheet = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for place, (ax, (title, several)) in enumerate(zip(sheet, panels.items(), strict=False)):
        _draw_panel(ax, title, several)
        if place % columns:
            ax.set_ylabel("")
        if place + columns < len(panels):
            ax.set_xlabel("")
        else:
            ax.tick_params(labelbottom=True)
    for ax in sheet[len(panels) :]:
        ax.set_axis_off()
    handles, labels = sheet[0].get_legend_handles_labels()
    figure.legend(
        *(handles, labels),
        loc="outside lower center",
        ncols=2 * columns,
        fontsize=style.TICK_SIZE,
        frameon=False,
    )
    return figure


def draw_boundaries(
    models: Mapping[str, pn.Sequential], points: Array, labels: Array, *, columns: int
) -> Figure:
    """Return the decision boundaries of models, in `columns` columns."""
    lines = len(models) // columns
    figure = style.new_figure(2.6 * columns + 1.0, 2.3 * lines + 0.4)
    sheet = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    for ax, (title, model) in zip(sheet.ravel(), models.items(), strict=True):
        display = plots.DecisionBoundaryDisplay.from_model(
            model, points, labels, grid_resolution=RESOLUTION, eps=MARGIN, legend=False, ax=ax
        )
        ax.set_title(title, fontsize=style.LABEL_SIZE)
        ax.set_aspect("equal")
        ax.label_outer()
    bar = figure.colorbar(display.surface_, ax=sheet, ticks=[0, 0.5, 1])
    bar.set_label("output (the line: 0.5)", fontsize=style.LABEL_SIZE)
    bar.ax.tick_params(labelsize=style.TICK_SIZE)
    return figure


def _draw_panel(ax: Axes, title: str, runs: Sequence[Mapping[str, Any]]) -> None:
    for run, color in zip(runs, style.COLORS, strict=False):
        for part, line in LOOKS.items():
            costs = run[f"{part}_costs"]
            ax.plot(
                range(1, len(costs) + 1),
                costs,
                color=color,
                linestyle=line,
                marker="o" if len(costs) == 1 else "",  # a single point has no line
                label=f"{run['optimizer']}, {part}",
            )
    style.label_axes(ax, title=title, xlabel="iteration", ylabel="cost per row")
    style.open_frame(ax)
    ax.set_yscale("log")
