"""The figure of a run: error against training time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prelunet.plots import style

from ..peers.tables import TABLE_PEERS
from .runs import Result
from .summary import summarize

MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # as many as colors, so that both repeat together
FADED = 0.55  # opacity of intervals


def save_figure(results: Sequence[Result], against: str, path: str | Path) -> None:
    """Draw the error of each peer against its training time, both relative to one peer's."""
    rows = [row for row in summarize(results, against) if row.error and row.fit]
    figure = style.new_figure(9.0, 5.4)
    ax = figure.subplots()
    for place, row in enumerate(rows):
        assert row.error is not None
        assert row.fit is not None
        color = style.COLORS[place % len(style.COLORS)]
        again = place >= len(style.COLORS)
        marker: Any = MARKERS[(place + again) % len(MARKERS)]
        low, high = row.error.mean - row.error.low, row.error.high - row.error.mean
        bars = ax.errorbar(row.fit.mean, row.error.mean, [[low], [high]], fmt="none", ecolor=color)
        for line in bars[2]:
            line.set_alpha(FADED)
        ax.scatter(
            row.fit.mean,
            row.error.mean,
            s=62,
            marker=marker,
            color="white" if again else color,
            edgecolors=color,
            linewidths=1.6,
            zorder=3,
            label=TABLE_PEERS[row.peer].title,
        )
    ax.axhline(1.0, **style.REFERENCE)
    ax.axvline(1.0, **style.REFERENCE)
    ax.set_xscale("log")
    title = TABLE_PEERS[against].title
    style.label_axes(
        ax,
        title=f"Error and training time relative to {title}: geometric means over tables",
        xlabel=f"CPU time of fit / that of {title} (log scale)",
        ylabel="test error / that of it, with 90% intervals",
    )
    style.open_frame(ax)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=style.TICK_SIZE, frameon=False)
    style.save(figure, path)
