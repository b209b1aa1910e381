"""Plot of the gradients of a model, parameter by parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from prelunet.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from prelunet.model import Sequential


class GradientDisplay(style.Display):
    """The root mean square of the gradient of each parameter, on a logarithmic scale.

    Gradients that vanish or explode show as bars that shrink or grow from layer to layer. Make one
    with `from_model` or `from_gradients`.

    Parameters
    ----------
    gradients : mapping of str to array-like of float
        By parameter name, as `Sequential.loss_and_gradients` returns them.
    title : str, optional

    Attributes
    ----------
    sizes : dict of str to float
        The root mean squares.
    figure_ : matplotlib.figure.Figure
    ax_ : matplotlib.axes.Axes
    bars_ : matplotlib.container.BarContainer
        A bar for each parameter, the first on top. It is empty where the gradient is 0 or not
        finite.

    Raises
    ------
    ValueError
        If there are no gradients.
    """

    def __init__(self, gradients: Mapping[str, npt.ArrayLike], *, title: str | None = None) -> None:
        if not gradients:
            raise ValueError("GradientDisplay: gradients must be of at least one parameter")
        self.sizes = {name: _root_mean_square(given) for name, given in gradients.items()}
        self.title = title

    @classmethod
    def from_gradients(
        cls,
        gradients: Mapping[str, npt.ArrayLike],
        *,
        title: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw gradients.

        Parameters
        ----------
        gradients, title
            As for the class.
        ax : Axes, optional
            As for `plot`.

        Returns
        -------
        GradientDisplay
        """
        return cls(gradients, title=title).plot(ax=ax)

    @classmethod
    def from_model(
        cls,
        model: Sequential,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        title: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the gradients of a compiled model's loss.

        Parameters
        ----------
        model : Sequential
        X, y : array-like
            As for `Sequential.loss_and_gradients`.
        title : str, optional
        ax : Axes, optional
            As for `plot`.

        Returns
        -------
        GradientDisplay
        """
        return cls.from_gradients(model.loss_and_gradients(X, y)[1], title=title, ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : Axes, optional
            The axes to draw on; a new figure by default.

        Returns
        -------
        GradientDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        count = len(self.sizes)
        if ax is None:
            ax = style.new_figure(6.4, 1.2 + 0.28 * count).add_subplot()
        self.ax_ = ax
        self.figure_ = ax.figure
        style.open_frame(ax)
        sizes = np.array(list(self.sizes.values()))
        drawn = np.isfinite(sizes) & (sizes > 0.0)
        low = 10.0 ** np.floor(np.log10(sizes[drawn].min()) - 0.5) if drawn.any() else 1.0
        widths = np.where(drawn, sizes, low)
        rows = np.arange(count)[::-1]
        self.bars_ = ax.barh(rows, widths - low, left=low, color=style.TRAINING["color"])
        ax.set_xscale("log")
        ax.set_xlim(low, 10.0 * widths.max())  # room for the numbers
        for row, size, width in zip(rows, sizes, widths, strict=True):
            ax.annotate(
                f"{size:.2g}",
                (width, row),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=style.TICK_SIZE,
            )
        ax.set_yticks(rows, list(self.sizes))
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False, axis="y")
        style.label_axes(
            ax,
            title=self.title or "Gradients by parameter",
            xlabel="root mean square of the gradient",
            ylabel="parameter",
        )
        return self


def _root_mean_square(values: npt.ArrayLike) -> float:
    numbers: npt.NDArray[Any] = np.asarray(values, dtype=np.float64)
    return float(np.sqrt(np.mean(numbers**2)))
