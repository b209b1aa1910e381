"""One look for all figures: legible in print, in grey, and to colour-blind eyes."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from prelunet._extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

# Blue and vermillion of M. Okabe and K. Ito, "Color Universal Design" (2008): they differ for every
# kind of colour vision, in lightness too; line styles and markers differ as well, for grey print.
TRAINING: dict[str, Any] = {"color": "#0072B2", "linestyle": "-", "marker": ""}
VALIDATION: dict[str, Any] = {
    "color": "#D55E00",
    "linestyle": "--",
    "marker": "o",
    "markersize": 4.5,
    "markerfacecolor": "white",
}
REFERENCE: dict[str, Any] = {"color": "black", "linestyle": (0, (1, 2)), "linewidth": 1.2}
# Seven of Okabe and Ito's colours, neighbours differing in lightness, and five kinds of line: 35
# curves that differ.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
SEQUENTIAL_MAP = "Blues"  # light to dark in one hue, so grey print keeps the order

TITLE_SIZE = 12
LABEL_SIZE = 10
TICK_SIZE = 9
GRID_COLOR = "#D9D9D9"
DOTS_PER_INCH = 150


def matplotlib(module: str) -> ModuleType:
    """Return a module of Matplotlib, or raise ImportError with the extra that brings it."""
    return require(f"matplotlib.{module}", extra="plot", purpose="drawing figures")


def look(place: int) -> dict[str, Any]:
    """Return colour and kind of line of the curve in this place among several, from 0."""
    return {"color": COLORS[place % len(COLORS)], "linestyle": LINES[place % len(LINES)]}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` x `height` inches that pyplot knows nothing of."""
    made: Figure = matplotlib("figure").Figure(figsize=(width, height))
    # "compressed" keeps a colour bar as high as the square that it belongs to; pads are in inches.
    made.set_layout_engine("compressed", w_pad=0.08, h_pad=0.06)
    return made


def label_axes(ax: Axes, *, title: str, xlabel: str, ylabel: str) -> None:
    """Write the title and what the axes show, with units."""
    ax.set_title(title, fontsize=TITLE_SIZE)
    ax.set_xlabel(xlabel, fontsize=LABEL_SIZE)
    ax.set_ylabel(ylabel, fontsize=LABEL_SIZE)
    ax.tick_params(labelsize=TICK_SIZE)


def open_frame(ax: Axes) -> None:
    """Leave the two spines that carry a scale, over a pale grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=GRID_COLOR, linewidth=0.8)
    ax.set_axisbelow(True)


def integer_ticks() -> Locator:
    """Return a locator of ticks at whole numbers, for epochs."""
    made: Locator = matplotlib("ticker").MaxNLocator(integer=True, steps=[1, 2, 5, 10])
    return made


def save(figure: Figure, path: str | Path) -> None:
    """Write the figure into a file whose suffix names the format."""
    figure.savefig(path, dpi=DOTS_PER_INCH)
