"""Confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from prelunet._extras import require
from prelunet.plots import style
from prelunet.plots.predictions import predicted_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sklearn.metrics import ConfusionMatrixDisplay

    from prelunet.model import Sequential

# Cells of larger matrices are too small for numbers.
NUMBERS_UP_TO = 25
# Color scale exponent: errors are few compared with correct predictions, and a linear scale would
# leave them white.
COLOR_POWER = 0.4


def plot_confusion_matrix(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    title: str = "Confusion matrix",
    ax: Axes | None = None,
) -> ConfusionMatrixDisplay:
    """Draw the confusion matrix of a classifier.

    Parameters
    ----------
    y_true : array-like of int, shape (n,)
        The labels, 0 to classes - 1.
    y_pred : array-like of int, shape (n,)
        The predicted labels.
    class_names : sequence of str, optional
        A name for each label; by default the labels that occur, as numbers.
    title : str, default "Confusion matrix"
        The title; the number of rows is appended.
    ax : Axes, optional
        The axes to draw on; a new figure by default.

    Returns
    -------
    sklearn.metrics.ConfusionMatrixDisplay
        With ``figure_``, ``ax_``, ``im_`` and ``text_``. Notebooks show it as a picture.

    Raises
    ------
    ImportError
        If Matplotlib or scikit-learn is not installed.
    ValueError
        If a label has no name, or the arrays differ in length.
    """
    colors = style.matplotlib("colors")
    metrics = require("sklearn.metrics", extra="plot", purpose="drawing a confusion matrix")
    true, predicted = np.asarray(y_true), np.asarray(y_pred)
    labels = np.union1d(true, predicted) if class_names is None else np.arange(len(class_names))
    unnamed = np.setdiff1d(np.union1d(true, predicted), labels)
    if unnamed.size:
        raise ValueError(
            f"plot_confusion_matrix: class_names must name every label, got {len(labels)} names "
            f"and the label {unnamed[0]}"
        )
    matrix = metrics.confusion_matrix(true, predicted, labels=labels)
    if ax is None:
        side = min(4.0 + 0.36 * len(labels), 12.0)
        ax = style.new_figure(side + 0.6, side).add_subplot()
    names = [str(label) for label in (labels if class_names is None else class_names)]
    crowded = len(labels) > NUMBERS_UP_TO or max(map(len, names)) > 3
    bases = (style.Display, metrics.ConfusionMatrixDisplay)
    display = type("ConfusionMatrixDisplay", bases, {})(matrix, display_labels=names)
    display.plot(
        ax=ax,
        cmap=style.SEQUENTIAL_MAP,
        include_values=len(labels) <= NUMBERS_UP_TO,
        values_format="d",
        xticks_rotation="vertical" if crowded else "horizontal",
        im_kw={"norm": colors.PowerNorm(COLOR_POWER, vmin=0, vmax=max(int(matrix.max()), 1))},
        text_kw={"fontsize": style.TICK_SIZE},
    )
    _color_numbers(display)
    style.label_axes(
        ax,
        title=f"{title} ({matrix.sum():,} rows)",
        xlabel="predicted class",
        ylabel="true class",
    )
    bar = display.im_.colorbar
    bar.set_label("rows", fontsize=style.LABEL_SIZE)
    bar.ax.tick_params(labelsize=style.TICK_SIZE)
    return display


def plot_confusion_matrix_of(
    model: Sequential,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    title: str = "Confusion matrix",
    ax: Axes | None = None,
) -> ConfusionMatrixDisplay:
    """Draw the confusion matrix of a model.

    Parameters
    ----------
    model : Sequential
        Its prediction is the class of the largest output, or whether its only output, a logit, is
        above 0.
    X : array-like of shape ``(n, *input_shape)``
    y : array-like of int, shape (n,)
        The labels, 0 to classes - 1.
    class_names, title, ax
        As for `plot_confusion_matrix`.

    Returns
    -------
    sklearn.metrics.ConfusionMatrixDisplay

    Raises
    ------
    ImportError, ValueError
        As for `plot_confusion_matrix`.
    """
    predicted = predicted_classes(model, X)
    return plot_confusion_matrix(y, predicted, class_names=class_names, title=title, ax=ax)


def _color_numbers(display: ConfusionMatrixDisplay) -> None:
    """Make each number readable on its cell, and omit zeros so that errors stand out.

    The display chooses text colors for a linear scale.
    """
    if display.text_ is None:
        return
    for (row, column), text in np.ndenumerate(display.text_):
        count = display.confusion_matrix[row, column]
        red, green, blue, _ = display.im_.cmap(display.im_.norm(count))
        # Rec. 709 luma; above one half, dark text has more contrast.
        dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5
        text.set_color("black" if dark else "white")
        if count == 0:
            text.set_text("")
