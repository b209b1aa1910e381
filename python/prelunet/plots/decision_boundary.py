"""Decision boundaries of classifiers with two features."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from prelunet._extras import require
from prelunet._validation import integer, real
from prelunet.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from prelunet.model import Sequential

Array = npt.NDArray[Any]

OWNER = "DecisionBoundaryDisplay"
LEVELS = np.linspace(0, 1, 11)
MARKERS = "o^sDvP*"
POINT_AREA = 20  # square points
PALE = 0.5  # share of color in the surface; the rest is white


class DecisionBoundaryDisplay(style.Display):
    """The predictions of a classifier of two features on the plane, with rows as points.

    scikit-learn's display of the same name draws the surface. Make one with `from_model`.

    Parameters
    ----------
    xx0, xx1 : ndarray of shape (n, m)
        The features on a grid, as returned by `numpy.meshgrid`.
    response : ndarray of shape (n, m)
        For two classes, the probability of the second class, or a score with the boundary at 0.5.
        For more classes, the index of the class.
    classes : int, default 2
        At most 7.
    X : array-like of shape (rows, 2), optional
        Rows drawn as points.
    y : array-like of int of shape (rows,), optional
        Their labels.
    class_names : sequence of str, optional
        A name for each label.
    title : str, default "Decision boundary"
    legend : bool, default True
        Whether to draw a legend and, for two classes, a color bar.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
    ax_ : matplotlib.axes.Axes
    surface_ : matplotlib.contour.QuadContourSet or matplotlib.collections.QuadMesh
        Contours for two classes, cells for more.
    boundary_ : list of matplotlib.contour.ContourSet
        The line between two classes, or the outline of each of several classes; empty if all
        predictions are the same.
    points_ : list of matplotlib.collections.PathCollection
        One collection per class.
    """

    def __init__(
        self,
        xx0: Array,
        xx1: Array,
        response: Array,
        *,
        classes: int = 2,
        X: npt.ArrayLike | None = None,
        y: npt.ArrayLike | None = None,
        class_names: Sequence[str] | None = None,
        title: str = "Decision boundary",
        legend: bool = True,
    ) -> None:
        self.xx0, self.xx1, self.response = xx0, xx1, response
        self.classes = integer(OWNER, "classes", classes, minimum=2, maximum=len(MARKERS))
        self.X = np.empty((0, 2)) if X is None else np.asarray(X)
        self.y = np.empty(0, int) if y is None else np.asarray(y)
        self.class_names = [
            str(n) for n in (range(classes) if class_names is None else class_names)
        ]
        self.title = title
        self.legend = legend
        if len(self.class_names) != self.classes:
            raise ValueError(
                f"{OWNER}: class_names must name {self.classes} classes, got "
                f"{len(self.class_names)} names"
            )
        if self.X.shape != (len(self.y), 2) or not np.isin(self.y, range(classes)).all():
            raise ValueError(
                f"{OWNER}: X must have shape (rows, 2), and y for each row a label from 0 to "
                f"{classes - 1}, got {self.X.shape} and {np.unique(self.y)} of {self.y.shape}"
            )

    @classmethod
    def from_model(
        cls,
        model: Sequential,
        X: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        *,
        grid_resolution: int = 200,
        eps: float = 0.5,
        class_names: Sequence[str] | None = None,
        title: str = "Decision boundary",
        legend: bool = True,
        ax: Axes | None = None,
    ) -> Self:
        """Evaluate a model on the plane and draw its predictions.

        Parameters
        ----------
        model : Sequential
            Compiled, with two features. With several outputs, the largest is the prediction. A
            single output is the second class's probability, or its score if the loss does not use
            logits.
        X : array-like of shape (rows, 2)
            Determines the extent of the plane.
        y : array-like of int of shape (rows,), optional
            Labels; without them no points are drawn.
        grid_resolution : int, default 200
            Number of grid points along each axis.
        eps : float, default 0.5
            Margin around `X`.
        class_names, title, legend
            See the class.
        ax : Axes, optional
            See `plot`.

        Returns
        -------
        DecisionBoundaryDisplay

        Raises
        ------
        RuntimeError
            If the model is not compiled.
        TypeError, ValueError
            If an argument is invalid.
        """
        count = integer(OWNER, "grid_resolution", grid_resolution, minimum=2)
        margin = real(OWNER, "eps", eps, minimum=0.0)
        rows = np.asarray(X)
        if rows.ndim != 2 or rows.shape[1] != 2 or len(rows) == 0:
            raise ValueError(f"{OWNER}: X must have shape (rows, 2), not empty, got {rows.shape}")
        sides = np.linspace(rows.min(axis=0) - margin, rows.max(axis=0) + margin, count)
        xx0, xx1 = np.meshgrid(*sides.T)
        response, classes = _ask(model, np.column_stack([xx0.ravel(), xx1.ravel()]))
        display = cls(
            xx0,
            xx1,
            response.reshape(xx0.shape),
            classes=classes,
            X=None if y is None else rows,
            y=y,
            class_names=class_names,
            title=title,
            legend=legend,
        )
        return display.plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw surface, boundary and points.

        Parameters
        ----------
        ax : Axes, optional
            The axes to draw on; a new figure by default.

        Returns
        -------
        DecisionBoundaryDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib or scikit-learn is not installed.
        """
        if ax is None:
            ax = style.new_figure(6.2, 4.2).add_subplot()
        self.ax_ = ax
        self.figure_ = ax.figure
        self._draw_surface(ax)
        self._draw_boundary(ax)
        self.points_ = [
            ax.scatter(
                self.X[self.y == label, 0],
                self.X[self.y == label, 1],
                s=POINT_AREA,
                color=style.COLORS[label],
                marker=MARKERS[label],
                edgecolors="white",
                linewidths=0.5,
                label=name,
            )
            for label, name in enumerate(self.class_names)
        ]
        style.label_axes(ax, title=self.title, xlabel="first feature", ylabel="second feature")
        if self.legend:
            self._draw_legend(ax)
        return self

    def _draw_surface(self, ax: Axes) -> None:
        colors = style.matplotlib("colors")
        purpose = "drawing a decision boundary"
        surface = require("sklearn.inspection", extra="plot", purpose=purpose)
        pale = [
            tuple(1 - PALE * (1 - part) for part in colors.to_rgb(color))
            for color in style.COLORS[: self.classes]
        ]
        if self.classes == 2:
            fading = colors.LinearSegmentedColormap.from_list("", [pale[0], "white", pale[1]])
            beyond = self.response.min() < LEVELS[0] or self.response.max() > LEVELS[-1]
            look = {"cmap": fading, "levels": LEVELS, "extend": "both" if beyond else "neither"}
        else:
            ends = {"vmin": -0.5, "vmax": self.classes - 0.5}
            look = {"plot_method": "pcolormesh", "cmap": colors.ListedColormap(pale), **ends}
        display = surface.DecisionBoundaryDisplay
        given: dict[str, Any] = {"xx0": self.xx0, "xx1": self.xx1, "response": self.response}
        if "n_classes" in inspect.signature(display).parameters:  # scikit-learn 1.9 and later
            given["n_classes"] = 2  # otherwise it chooses the colors for more classes
        self.surface_ = display(**given).plot(ax=ax, **look).surface_

    def _draw_boundary(self, ax: Axes) -> None:
        if self.classes == 2:
            sides = [self.response]
        else:
            sides = [(self.response == label).astype(float) for label in range(self.classes)]
        self.boundary_ = [
            ax.contour(self.xx0, self.xx1, side, levels=[0.5], colors="black", linewidths=1.4)
            for side in sides
            if side.min() < 0.5 < side.max()
        ]

    def _draw_legend(self, ax: Axes) -> None:
        if self.classes == 2:
            bar = self.figure_.colorbar(self.surface_, ax=ax, ticks=LEVELS[::2])
            name = self.class_names[1]
            bar.set_label(f"output for class {name} (boundary: 0.5)", fontsize=style.LABEL_SIZE)
            bar.ax.tick_params(labelsize=style.TICK_SIZE)
        if len(self.X):
            # Between axes and title, because points may be anywhere within the axes.
            ax.legend(
                loc="lower center",
                bbox_to_anchor=(0.5, 1.0),
                borderaxespad=0.2,
                handletextpad=0.2,
                scatteryoffsets=[0.5],
                ncols=self.classes,
                fontsize=style.TICK_SIZE,
                frameon=False,
            )
            ax.set_title(self.title, fontsize=style.TITLE_SIZE, pad=2.2 * style.TICK_SIZE)


def _ask(model: Sequential, grid: Array) -> tuple[Array, int]:
    """Return a model's predictions for points, and its number of classes."""
    try:
        outputs, scores = model.predict_proba(grid), False
    except ValueError:  # the loss does not use logits
        outputs, scores = model.predict(grid), True
    classes = max(2, outputs.shape[1])
    if classes > 2:
        return outputs.argmax(axis=1), classes
    if scores and outputs.shape[1] == 2:
        return (1 + outputs[:, 1] - outputs[:, 0]) / 2, classes
    return outputs[:, -1], classes
