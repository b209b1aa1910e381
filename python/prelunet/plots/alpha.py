"""Plots of the slopes that PReLU layers learn: over time, or their distribution over units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from prelunet.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from prelunet.callbacks import ParameterHistory
    from prelunet.model import Sequential

Array = npt.NDArray[Any]

AXIS = "alpha (slope below 0)"
BINS = 48  # of all histograms, from the smallest alpha to the largest
ROW_FILLED = 0.88  # height of the tallest bar, relative to its layer's row


class AlphaDisplay(style.Display):
    """The alphas of PReLU layers: one curve per layer over time, or one histogram per layer.

    Make one with `from_history`, `from_parameter_history`, `from_model` or `from_alphas`.

    Parameters
    ----------
    alphas : mapping of str to array-like of float
        By layer name. With `steps`, the layer's alpha at each step; without, the alphas of its
        channels (one value for a shared alpha).
    steps : sequence of float, optional
        The steps at which the alphas were recorded.
    start : float, optional
        The initial alpha, drawn as a thin line.
    xlabel : str, default "step"
        The unit of `steps`.
    title : str, optional

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
    ax_ : matplotlib.axes.Axes
    artists_ : dict of str to matplotlib.artist.Artist
        The curve or the histogram of each layer.

    Raises
    ------
    ValueError
        If there is nothing to draw, or `alphas` do not match `steps`.
    """

    def __init__(
        self,
        alphas: Mapping[str, npt.ArrayLike],
        *,
        steps: Sequence[float] | None = None,
        start: float | None = None,
        xlabel: str = "step",
        title: str | None = None,
    ) -> None:
        self.alphas = {name: np.asarray(alphas[name], dtype=np.float64) for name in alphas}
        self.steps = None if steps is None else np.asarray(steps)
        self.start = start
        self.xlabel = xlabel
        self.title = title
        if not self.alphas:
            raise ValueError("AlphaDisplay: alphas must hold those of at least one layer, got none")
        for name, values in self.alphas.items():
            if values.ndim != 1 or len(values) == 0:
                raise ValueError(
                    f"AlphaDisplay: alphas[{name!r}] must have shape (n,), n at least 1, got "
                    f"{values.shape}"
                )
            if self.steps is not None and len(values) != len(self.steps):
                raise ValueError(
                    f"AlphaDisplay: alphas[{name!r}] must have a value for each of the "
                    f"{len(self.steps)} steps, got {len(values)}"
                )

    @classmethod
    def from_history(
        cls,
        steps: Sequence[float],
        alphas: Mapping[str, npt.ArrayLike],
        *,
        start: float | None = None,
        xlabel: str = "step",
        title: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw shared alphas over time, one curve per layer.

        Parameters
        ----------
        steps, alphas, start, xlabel, title
            As for the class.
        ax : Axes, optional
            As for `plot`.

        Returns
        -------
        AlphaDisplay
        """
        display = cls(alphas, steps=steps, start=start, xlabel=xlabel, title=title)
        return display.plot(ax=ax)

    @classmethod
    def from_parameter_history(
        cls,
        record: ParameterHistory,
        *,
        start: float | None = None,
        title: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the alphas that a callback recorded, one curve per layer.

        The curve of a layer with channel alphas is their mean.

        Parameters
        ----------
        record : ParameterHistory
        start, title
            As for the class.
        ax : Axes, optional
            As for `plot`.

        Returns
        -------
        AlphaDisplay

        Raises
        ------
        ValueError
            If the callback recorded no alphas.
        """
        alphas = {
            name.removesuffix(".alpha"): record[name].mean(axis=1)
            for name in record.values
            if name.endswith(".alpha")
        }
        return cls.from_history(record.steps, alphas, start=start, title=title, ax=ax)

    @classmethod
    def from_alphas(
        cls,
        alphas: Mapping[str, npt.ArrayLike],
        *,
        start: float | None = None,
        title: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the histogram of each layer's channel alphas, the first layer on top.

        Parameters
        ----------
        alphas, start, title
            As for the class.
        ax : Axes, optional
            As for `plot`.

        Returns
        -------
        AlphaDisplay
        """
        return cls(alphas, start=start, title=title).plot(ax=ax)

    @classmethod
    def from_model(
        cls,
        model: Sequential,
        *,
        start: float | None = None,
        title: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the histogram of the alphas of each PReLU in a model.

        Parameters
        ----------
        model : Sequential
        start, title
            As for the class.
        ax : Axes, optional
            As for `plot`.

        Returns
        -------
        AlphaDisplay

        Raises
        ------
        ValueError
            If the model has no PReLU.
        """
        alphas = {
            name.removesuffix(".alpha"): values
            for name, values in model.parameters().items()
            if name.endswith(".alpha")
        }
        if not alphas:
            raise ValueError("AlphaDisplay: model must have a PReLU, got none")
        return cls.from_alphas(alphas, start=start, title=title, ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curves or the histograms.

        Parameters
        ----------
        ax : Axes, optional
            The axes to draw on; a new figure by default.

        Returns
        -------
        AlphaDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        count = len(self.alphas)
        if ax is None:
            curves = self.steps is not None
            height = max(3.8, 0.6 + 0.23 * count) if curves else 1.2 + 0.66 * count
            ax = style.new_figure(6.4, height).add_subplot()
        self.ax_ = ax
        self.figure_ = ax.figure
        self.artists_: dict[str, Any] = {}
        style.open_frame(ax)
        if self.steps is None:
            self._draw_histograms(ax)
        else:
            self._draw_curves(ax, self.steps)
        return self

    def _draw_curves(self, ax: Axes, steps: Array) -> None:
        if self.start is not None:
            ax.axhline(self.start, label=f"start: {self.start:g}", **style.REFERENCE)
        marker = "o" if len(steps) == 1 else ""  # a single point has no line
        for place, (name, values) in enumerate(self.alphas.items()):
            label = f"{name} (last: {values[-1]:.4g})"
            look = style.look(place)
            (self.artists_[name],) = ax.plot(steps, values, label=label, marker=marker, **look)
        title = self.title or f"Alpha by {self.xlabel}"
        style.label_axes(ax, title=title, xlabel=self.xlabel, ylabel=AXIS)
        ax.xaxis.set_major_locator(style.integer_ticks())
        ax.legend(
            title="layer",
            title_fontsize=style.TICK_SIZE,
            fontsize=style.TICK_SIZE,
            frameon=False,
            loc="center left",
            bbox_to_anchor=(1.01, 0.5),  # next to the curves, which may be anywhere
        )

    def _draw_histograms(self, ax: Axes) -> None:
        """Draw the histograms one above another on one scale, each with its median."""
        finite = {name: values[np.isfinite(values)] for name, values in self.alphas.items()}
        edges = np.histogram_bin_edges(np.concatenate(list(finite.values())), bins=BINS)
        counts = {name: np.histogram(values, edges)[0] for name, values in finite.items()}
        tallest = max(int(count.max()) for count in counts.values())
        rows = np.arange(len(counts))[::-1]
        notes = []
        for row, (name, values) in zip(rows, finite.items(), strict=True):
            heights = row + ROW_FILLED * counts[name] / max(tallest, 1)
            self.artists_[name] = ax.stairs(
                heights, edges, baseline=row, fill=True, color=style.TRAINING["color"]
            )
            ax.axhline(row, color=style.GRID_COLOR, linewidth=0.8)
            median = float(np.median(values)) if len(values) else float("nan")
            ax.plot([median, median], [row, row + ROW_FILLED], color="black", linewidth=1.6)
            notes.append(f"median {median:.3g}\nof {len(values):,}")
        title = f"{self.title or 'Alphas by layer'} (tallest bar: {tallest:,})"
        style.label_axes(ax, title=title, xlabel=AXIS, ylabel="layer")
        if self.start is not None:
            ax.axvline(self.start, **style.REFERENCE)
            ax.set_title(title, fontsize=style.TITLE_SIZE, pad=style.TICK_SIZE + 10)
            ax.annotate(
                f"start: {self.start:g}",
                (self.start, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 4),
                textcoords="offset points",
                ha="center",
                fontsize=style.TICK_SIZE,
            )
        ax.locator_params(axis="x", nbins=6)  # labels such as -0.0025 are wide
        middles = rows + ROW_FILLED / 2
        ax.set_ylim(-0.04, len(counts))
        ax.grid(visible=False, axis="y")
        ax.set_yticks(middles, list(counts), fontsize=style.TICK_SIZE)
        right = ax.secondary_yaxis("right")
        right.spines["right"].set_visible(False)
        right.set_yticks(middles, notes, fontsize=style.TICK_SIZE)
        for axis in (ax, right):
            axis.tick_params(axis="y", length=0)
