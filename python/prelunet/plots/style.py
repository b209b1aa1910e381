"""A common style for all figures: legible in print, in grayscale, and for color-blind readers."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from prelunet._extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

# Blue and vermilion of M. Okabe and K. Ito, "Color Universal Design" (2008). They differ for all
# kinds of color vision, also in lightness. Line styles and markers differ too, for grayscale print.
TRAINING: dict[str, Any] = {"color": "#0072B2", "linestyle": "-", "marker": ""}
VALIDATION: dict[str, Any] = {
    "color": "#D55E00",
    "linestyle": "--",
    "marker": "o",
    "markersize": 4.5,
    "markerfacecolor": "white",
}
REFERENCE: dict[str, Any] = {"color": "black", "linestyle": (0, (1, 2)), "linewidth": 1.2}
# Seven of Okabe and Ito's colors, where neighbors differ in lightness, and five line styles: 35
# distinct curves.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
SEQUENTIAL_MAP = "Blues"  # light to dark in one hue, so grayscale print keeps the order

TITLE_SIZE = 12
LABEL_SIZE = 10
TICK_SIZE = 9
GRID_COLOR = "#D9D9D9"
DOTS_PER_INCH = 150


class Display:
    """A figure that notebooks show as the value of a cell's last line.

    Figures here do not belong to pyplot, which would otherwise show them.
    """

    def _repr_png_(self) -> bytes | None:
        """Return the picture, or None before `plot`."""
        figure = getattr(self, "figure_", None)
        if figure is None:
            return None
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
        return buffer.getvalue()


def matplotlib(module: str) -> ModuleType:
    """Return a module of Matplotlib, or raise ImportError with the extra that brings it."""
    return require(f"matplotlib.{module}", extra="plot", purpose="drawing figures")


def look(place: int) -> dict[str, Any]:
    """Return color and line style of the curve with this index, starting at 0."""
    return {"color": COLORS[place % len(COLORS)], "linestyle": LINES[place % len(LINES)]}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` x `height` inches, independent of pyplot."""
    made: Figure = matplotlib("figure").Figure(figsize=(width, height))
    # "compressed" keeps a color bar as high as its square axes; pads are in inches.
    made.set_layout_engine("compressed", w_pad=0.08, h_pad=0.06)
    return made


def label_axes(ax: Axes, *, title: str, xlabel: str, ylabel: str) -> None:
    """Set the title and the axis labels, with units."""
    ax.set_title(title, fontsize=TITLE_SIZE)
    ax.set_xlabel(xlabel, fontsize=LABEL_SIZE)
    ax.set_ylabel(ylabel, fontsize=LABEL_SIZE)
    ax.tick_params(labelsize=TICK_SIZE)


def open_frame(ax: Axes) -> None:
    """Keep only the two spines with scales, over a light grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=GRID_COLOR, linewidth=0.8)
    ax.set_axisbelow(True)


def integer_ticks() -> Locator:
    """Return a locator of ticks at whole numbers, for epochs."""
    made: Locator = matplotlib("ticker").MaxNLocator(integer=True, steps=[1, 2, 5, 10])
    return made


def save(figure: Figure, path: str | Path) -> None:
    """Save the figure; the suffix determines the format."""
    figure.savefig(path, dpi=DOTS_PER_INCH)
