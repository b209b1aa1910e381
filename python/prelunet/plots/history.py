"""Training history: one panel per quantity, with a line for training and validation rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from prelunet.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

VALIDATION_PREFIX = "val_"
# A loss that falls by more than this factor is drawn on a logarithmic scale: on a linear scale, all
# but the first epochs would be close to zero.
LOGARITHMIC_FROM = 30.0
MARKERS_PER_LINE = 20

_History = Mapping[str, Sequence[float]]


def _are_runs(history: Mapping[str, Any]) -> bool:
    return bool(history) and all(isinstance(log, Mapping) for log in history.values())


class HistoryDisplay(style.Display):
    """Loss and metrics by epoch, for training rows and validation rows.

    Make one with `from_history`, or with `from_histories` to compare runs.

    Parameters
    ----------
    history : mapping of str to sequence of float, or of str to such mappings
        One number per epoch under each name; the prefix ``val_`` marks validation rows. This is the
        result of ``Sequential.fit``. Lines skip epochs with NaN. Or several of these, by the name
        of the run.
    metrics : sequence of str, optional
        The quantities to draw, without ``val_``; by default all in `history`.
    units : mapping of str to str, optional
        Units for the axis labels: ``{"loss": "nats"}``.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure that holds the panels.
    axes_ : ndarray of matplotlib.axes.Axes, shape (n_metrics,)
        The panels, in the order of `metrics`.
    lines_ : dict of str to matplotlib.lines.Line2D
        The lines by their names in `history`; those of several runs by ``"run: name"``.

    Raises
    ------
    ValueError
        If there is nothing to draw, a quantity is not in `history`, or the lines differ in length.
    """

    def __init__(
        self,
        history: _History | Mapping[str, _History],
        *,
        metrics: Sequence[str] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> None:
        runs: Mapping[str, Any] = history if _are_runs(history) else {"": history}
        self.runs = {run: {k: [float(v) for v in log[k]] for k in log} for run, log in runs.items()}
        names = [name for log in self.runs.values() for name in log]
        known = list(dict.fromkeys(name.removeprefix(VALIDATION_PREFIX) for name in names))
        self.metrics = known if metrics is None else list(metrics)
        self.units = dict(units or {})
        for metric in self.metrics:
            if metric not in known:
                raise ValueError(
                    f"HistoryDisplay: metrics must be among {', '.join(known)}, got {metric!r}"
                )
        for run, log in self.runs.items():
            lengths = {len(values) for values in log.values()}
            owner = f"HistoryDisplay: history{f' of {run!r}' if run else ''}"
            if not lengths or lengths == {0}:
                raise ValueError(f"{owner} must hold at least one epoch, got none")
            if len(lengths) > 1:
                raise ValueError(
                    f"{owner} must hold as many epochs under each name, got "
                    + ", ".join(f"{name}: {len(values)}" for name, values in log.items())
                )
        if not self.metrics:
            raise ValueError("HistoryDisplay: history must hold at least one epoch, got none")

    @classmethod
    def from_history(
        cls,
        history: Mapping[str, Sequence[float]],
        *,
        metrics: Sequence[str] | None = None,
        units: Mapping[str, str] | None = None,
        ax: Axes | Sequence[Axes] | None = None,
    ) -> Self:
        """Draw the result of ``fit``.

        Parameters
        ----------
        history : mapping of str to sequence of float
            As for the class.
        metrics : sequence of str, optional
            As for the class.
        units : mapping of str to str, optional
            As for the class.
        ax : Axes or sequence of Axes, optional
            As for `plot`.

        Returns
        -------
        HistoryDisplay
        """
        return cls(history, metrics=metrics, units=units).plot(ax=ax)

    @classmethod
    def from_histories(
        cls,
        histories: Mapping[str, _History],
        *,
        metrics: Sequence[str] | None = None,
        units: Mapping[str, str] | None = None,
        ax: Axes | Sequence[Axes] | None = None,
    ) -> Self:
        """Draw the results of several calls of ``fit``: a color for each run.

        Parameters
        ----------
        histories : mapping of str to mapping
            Results of ``fit`` by the name of the run, such as ``{"rate 0.1": a, "rate 1": b}``.
        metrics, units, ax
            As for `from_history`.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        TypeError
            If `histories` does not hold mappings.
        """
        if not _are_runs(histories):
            raise TypeError("from_histories: histories must map names of runs to results of fit")
        return cls(histories, metrics=metrics, units=units).plot(ax=ax)

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> Self:
        """Draw the lines.

        Parameters
        ----------
        ax : Axes or sequence of Axes, optional
            The axes to draw on, one per quantity; a new figure by default.

        Returns
        -------
        HistoryDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        ValueError
            If the number of axes differs from the number of quantities.
        """
        count = len(self.metrics)
        if ax is None:
            panels = style.new_figure(5.2 * count, 3.8).subplots(1, count, squeeze=False).ravel()
        else:
            panels = np.asarray(ax, dtype=object).ravel()
        if len(panels) != count:
            raise ValueError(
                f"HistoryDisplay: ax must be {count} axes, one for each of "
                f"{', '.join(self.metrics)}, got {len(panels)}"
            )
        self.axes_ = panels
        self.figure_ = panels[0].figure
        self.lines_: dict[str, Any] = {}
        for metric, panel in zip(self.metrics, panels, strict=True):
            self._draw_panel(panel, metric)
        if len(self.runs) > 1:  # one legend for all panels, beside them
            options = {"fontsize": style.TICK_SIZE, "frameon": False}
            if ax is None:
                lines, labels = panels[0].get_legend_handles_labels()
                self.figure_.legend(lines, labels, loc="outside right upper", **options)
            else:
                panels[-1].legend(**options)
        return self

    def _draw_panel(self, ax: Axes, metric: str) -> None:
        kinds = (
            (metric, "training", style.TRAINING),
            (VALIDATION_PREFIX + metric, "validation", style.VALIDATION),
        )
        for place, (run, log) in enumerate(self.runs.items()):
            for name, rows, look in kinds:
                if name not in log:
                    continue
                line = self._draw_line(ax, log[name], rows, look)
                if len(self.runs) > 1:
                    line.set(color=style.look(place)["color"], label=f"{run}, {rows}")
                self.lines_[f"{run}: {name}" if run else name] = line
        unit = self.units.get(metric)
        style.label_axes(
            ax,
            title=f"{_title(metric)} by epoch",
            xlabel="epoch",
            ylabel=_title(metric).lower() + (f" ({unit})" if unit else ""),
        )
        style.open_frame(ax)
        ax.set_yscale("log" if self._spans_decades(metric) else "linear")
        ax.xaxis.set_major_locator(style.integer_ticks())
        if len(self.runs) == 1:
            ax.legend(fontsize=style.TICK_SIZE, frameon=False)

    def _draw_line(
        self, ax: Axes, history: Sequence[float], rows: str, look: dict[str, Any]
    ) -> Line2D:
        """Draw a line through the epochs that have a value: not all epochs are validated."""
        values = np.array(history)
        epochs = 1 + np.arange(len(values))
        there = ~np.isnan(values)
        if not there[-1] and there.any():
            last = f"epoch {epochs[there][-1]}: {values[there][-1]:.4g}"
        else:
            last = f"last: {values[-1]:.4g}"
        (line,) = ax.plot(
            epochs[there],
            values[there],
            label=f"{rows} ({last})",
            markevery=max(1, -(-int(there.sum()) // MARKERS_PER_LINE)),
            **look,
        )
        if there.sum() == 1:
            line.set_marker("o")  # a single point has no line
        return line

    def _spans_decades(self, metric: str) -> bool:
        names = (metric, VALIDATION_PREFIX + metric)
        values = np.concatenate([log.get(n, []) for log in self.runs.values() for n in names])
        values = values[np.isfinite(values)]
        return bool(
            values.size and values.min() > 0 and values.max() / values.min() > LOGARITHMIC_FROM
        )


def _title(metric: str) -> str:
    return metric.replace("_", " ").capitalize()
