"""Weights as images: the patterns that units or filters respond to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from prelunet.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[Any]

# Two hues from white: sign and magnitude are visible, also to color-blind readers.
DIVERGING_MAP = "RdBu_r"
GAP = 1  # pixels between images


class WeightsDisplay(style.Display):
    """The weights of a layer, one image per unit or filter, on one color scale.

    Make one with `from_weights`.

    Parameters
    ----------
    images : array-like, shape (n, height, width)
    limit : float, optional
        The color scale goes from -limit to limit; by default the largest absolute weight.
    title : str, default "Weights"

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
    ax_ : matplotlib.axes.Axes
    im_ : matplotlib.image.AxesImage
        All images, drawn as one.

    Raises
    ------
    ValueError
        If the shape of `images` is invalid.
    """

    def __init__(
        self, images: npt.ArrayLike, *, limit: float | None = None, title: str = "Weights"
    ) -> None:
        self.images = np.asarray(images)
        if self.images.ndim != 3 or self.images.size == 0:
            raise ValueError(
                f"WeightsDisplay: images must have shape (n, height, width), got "
                f"{self.images.shape}"
            )
        self.limit = float(np.abs(self.images).max()) if limit is None else float(limit)
        self.title = title

    @classmethod
    def from_weights(
        cls,
        weight: npt.ArrayLike,
        *,
        image_shape: tuple[int, int] | None = None,
        limit: float | None = None,
        title: str = "Weights",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the weights of a Dense layer on images, or of a Conv2D layer.

        Parameters
        ----------
        weight : array-like, shape (units, height * width) or (filters, height, width, channels)
            For several channels the mean is drawn.
        image_shape : (int, int), optional
            Height and width, for a Dense layer.
        limit, title
            As for the class.
        ax : Axes, optional
            As for `plot`.

        Returns
        -------
        WeightsDisplay
        """
        values = np.asarray(weight)
        if values.ndim == 2 and image_shape is not None:
            images = values.reshape(len(values), *image_shape)
        elif values.ndim == 4:
            images = values.mean(axis=3)
        else:
            raise ValueError(
                "WeightsDisplay: weight must have shape (filters, height, width, channels), or "
                f"(units, features) with image_shape, got {values.shape}"
            )
        return cls(images, limit=limit, title=title).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : Axes, optional
            The axes to draw on; a new figure by default.

        Returns
        -------
        WeightsDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        sheet = mosaic(self.images)
        if ax is None:
            height, width = sheet.shape
            ax = style.new_figure(7.0, max(1.8, 6.0 * height / width + 0.6)).add_subplot()
        self.ax_ = ax
        self.figure_ = ax.figure
        self.im_ = ax.imshow(sheet, cmap=DIVERGING_MAP, vmin=-self.limit, vmax=self.limit)
        ax.set_title(f"{self.title} ({len(self.images)})", fontsize=style.TITLE_SIZE)
        ax.set_axis_off()
        bar = self.figure_.colorbar(self.im_, ax=ax, shrink=0.9)
        bar.set_label("weight", fontsize=style.LABEL_SIZE)
        bar.ax.tick_params(labelsize=style.TICK_SIZE)
        return self


def mosaic(images: Array) -> Array:
    """Return the images side by side, in a grid about twice as wide as high, padded with NaN.

    All rows but the last are full, and the last one is as full as the number of rows allows.
    """
    count, height, width = images.shape
    rows = -(-count // min(count, int(np.ceil(np.sqrt(2.0 * count * height / width)))))
    columns = -(-count // rows)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), np.nan)
    for place, image in enumerate(images):
        i, j = divmod(place, columns)
        top, left = i * (height + GAP), j * (width + GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet
