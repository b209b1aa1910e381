"""Images that a classifier misclassifies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self, SupportsInt

import numpy as np
import numpy.typing as npt

from prelunet.plots import style
from prelunet.plots.predictions import as_images, predicted_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from prelunet.model import Sequential

COLUMNS = 5
MOST = 25


class MisclassifiedDisplay(style.Display):
    """Misclassified images, each with its true and its predicted class.

    Make one with `from_predictions` or `from_model`.

    Parameters
    ----------
    images : array-like, shape (n, height, width)
    y_true, y_pred : array-like of int, shape (n,)
        True and predicted labels of the images.
    errors, total : int
        The total number of errors, and of rows.
    class_names : sequence of str, optional

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
    axes_ : ndarray of matplotlib.axes.Axes
        One per image.
    """

    def __init__(
        self,
        images: npt.ArrayLike,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        errors: int,
        total: int,
        class_names: Sequence[str] | None = None,
    ) -> None:
        self.images = np.asarray(images)
        self.y_true, self.y_pred = np.asarray(y_true), np.asarray(y_pred)
        self.errors, self.total = errors, total
        self.class_names = class_names

    @classmethod
    def from_predictions(
        cls,
        images: npt.ArrayLike,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        class_names: Sequence[str] | None = None,
        ax: Sequence[Axes] | None = None,
    ) -> Self:
        """Draw the first 25 images whose prediction is wrong.

        Parameters
        ----------
        images : array-like, shape (n, height, width) or (n, height, width, 1)
        y_true, y_pred : array-like of int, shape (n,)
            True and predicted labels.
        class_names : sequence of str, optional
            A name for each label.
        ax : sequence of Axes, optional
            As for `plot`.

        Returns
        -------
        MisclassifiedDisplay

        Raises
        ------
        ValueError
            If the shapes of the arrays do not match.
        """
        pictures, true, predicted = np.asarray(images), np.asarray(y_true), np.asarray(y_pred)
        if pictures.ndim == 4 and pictures.shape[3] == 1:
            pictures = pictures[..., 0]
        if pictures.ndim != 3 or not len(pictures) == len(true) == len(predicted):
            raise ValueError(
                "MisclassifiedDisplay: images must have shape (n, height, width) with a label and "
                f"a prediction for each, got {pictures.shape}, {true.shape} and {predicted.shape}"
            )
        wrong = np.flatnonzero(true != predicted)
        shown = wrong[:MOST]
        display = cls(
            pictures[shown],
            true[shown],
            predicted[shown],
            errors=len(wrong),
            total=len(true),
            class_names=class_names,
        )
        return display.plot(ax=ax)

    @classmethod
    def from_model(
        cls,
        model: Sequential,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        image_shape: tuple[int, int] | None = None,
        class_names: Sequence[str] | None = None,
        ax: Sequence[Axes] | None = None,
    ) -> Self:
        """Draw the first 25 images that a model misclassifies.

        Parameters
        ----------
        model : Sequential
            Its prediction is the class of the largest output, or whether its only output, a logit,
            is above 0.
        X : array-like
            Images, or flat images of shape (n, height * width).
        y : array-like of int, shape (n,)
            True labels.
        image_shape : (int, int), optional
            Height and width of flat images; square by default.
        class_names, ax
            As for `from_predictions`.

        Returns
        -------
        MisclassifiedDisplay

        Raises
        ------
        ValueError
            If X does not fit `image_shape`, or y does not fit X.
        """
        images = as_images("MisclassifiedDisplay", X, image_shape)
        predicted = predicted_classes(model, X)
        return cls.from_predictions(images, y, predicted, class_names=class_names, ax=ax)

    def plot(self, ax: Sequence[Axes] | None = None) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : sequence of Axes, optional
            The axes to draw on, one per image; a new figure by default.

        Returns
        -------
        MisclassifiedDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        count = len(self.images)
        if ax is None:
            rows = max(1, -(-count // COLUMNS))
            figure = style.new_figure(1.35 * COLUMNS, 1.55 * rows + 0.6)
            panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
            for panel in panels:
                panel.set_axis_off()
            figure.suptitle(
                f"Misclassified: {self.errors:,} of {self.total:,}", fontsize=style.TITLE_SIZE
            )
        else:
            panels = np.asarray(ax, dtype=object).ravel()
        if len(panels) < count:
            raise ValueError(
                f"MisclassifiedDisplay: ax must be at least {count} axes, got {len(panels)}"
            )
        self.axes_ = panels[:count]
        self.figure_ = panels[0].figure
        for panel, image, true, predicted in zip(
            self.axes_, self.images, self.y_true, self.y_pred, strict=True
        ):
            panel.imshow(image, cmap="gray_r")
            panel.set_title(
                f"{self._name(true)} taken for {self._name(predicted)}", fontsize=style.TICK_SIZE
            )
            panel.set_axis_off()
        return self

    def _name(self, label: SupportsInt) -> str:
        return str(label) if self.class_names is None else self.class_names[int(label)]
