"""Decision boundaries and losses of many networks in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import prelunet as pn
from prelunet import data
from prelunet.plots import DecisionBoundaryDisplay, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOLUTION = 120  # about the number of pixels of a panel
MARGIN = 0.3
CURVE = 100  # number of equally spaced losses to keep per network
POINT_AREA = 14  # square points
SHADING = "shading: the answer, from one class to the other; black: where it is one half"


@dataclass(frozen=True)
class Trained:
    """A trained network with its data, its accuracies, and its losses before each pass."""

    data: str
    network: str
    activation: str
    model: pn.Sequential
    losses: Sequence[float]
    accuracy: float
    test_accuracy: float

    @property
    def scores(self) -> str:
        """The accuracies on training points and on held-out points."""
        return f"{self.accuracy:.1%}, {self.test_accuracy:.1%}"

    @property
    def curve(self) -> tuple[list[int], list[float]]:
        """Passes, and the losses before them."""
        between = -(-len(self.losses) // CURVE)
        return list(range(0, len(self.losses), between)), list(self.losses[::between])

    def results(self) -> dict[str, Any]:
        """Return the contents of `results.json`."""
        names = {"data": self.data, "network": self.network, "activation": self.activation}
        scores = {"accuracy": self.accuracy, "test_accuracy": self.test_accuracy}
        return {**names, **scores, "loss": self.curve}


def by_network(trained: Sequence[Trained]) -> dict[str, list[Trained]]:
    """Group the results by network; each group has one entry per activation."""
    rows: dict[str, list[Trained]] = {}
    for one in trained:
        rows.setdefault(one.network, []).append(one)
    return rows


def draw_grid(title: str, points: data.Dataset, trained: Sequence[Trained]) -> Figure:
    """Return a figure with one row per network: its boundaries, then its losses."""
    rows = by_network(trained)
    columns = max(map(len, rows.values())) + 1
    figure = style.new_figure(max(7.4, 2.15 * columns + 0.3), 1.85 * len(rows) + 1.3)
    figure.suptitle(f"{title}\n{SHADING}", fontsize=style.TITLE_SIZE)
    sheet = figure.subplots(len(rows), columns, squeeze=False)
    for (name, row), axes in zip(rows.items(), sheet, strict=True):
        for one, ax in zip(row, axes, strict=False):
            _draw_boundary(ax, points, one)
        axes[0].set_ylabel(name, fontsize=style.LABEL_SIZE)
        _draw_losses(axes[-1], row)
    handles, labels = sheet[0, 0].get_legend_handles_labels()
    curves, names = sheet[0, -1].get_legend_handles_labels()
    figure.legend(
        handles + curves,
        [f"class {label}" for label in labels] + [f"loss, {name}" for name in names],
        loc="outside lower center",
        ncols=columns + 1,
        fontsize=style.TICK_SIZE,
        frameon=False,
    )
    return figure


def _draw_boundary(ax: Axes, points: data.Dataset, trained: Trained) -> None:
    display = DecisionBoundaryDisplay.from_model(
        trained.model,
        points.x_train,
        points.y_train,
        grid_resolution=RESOLUTION,
        eps=MARGIN,
        class_names=points.class_names,
        legend=False,
        ax=ax,
    )
    for collection in display.points_:
        collection.set(sizes=[POINT_AREA], linewidths=0.3)
    ax.set_title(f"{trained.activation}: {trained.scores}", fontsize=style.TICK_SIZE)
    ax.set(xlabel="", ylabel="", xticks=[], yticks=[])


def _draw_losses(ax: Axes, row: Sequence[Trained]) -> None:
    for place, one in enumerate(row):
        ax.plot(*one.curve, label=one.activation, **style.look(place))
    ax.set_title("cross-entropy (nats) by pass", fontsize=style.TICK_SIZE)
    # A diverging loss would compress the other curves.
    ax.set_ylim(0, 1.2 * max(one.losses[0] for one in row))
    ax.locator_params(axis="x", nbins=3)
    ax.tick_params(labelsize=style.TICK_SIZE)
    style.open_frame(ax)
