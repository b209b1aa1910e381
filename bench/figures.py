"""Figures: times relative to prelunet, shares of the ceiling, time against size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prelunet.plots import style

from .benchmark import ONE_THREAD, Results
from .peers import OURS, PEERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colors (see prelunet.plots.style), prelunet first.
COLORS = {
    OURS: "#0072B2",
    "numpy": "#E69F00",
    "products": "#999999",
    "jax-loop": "#009E73",
    "jax": "#7FCEB9",
    "torch": "#D55E00",
    "torch-compile": "#EFA47A",
    "keras": "#CC79A7",
    "sklearn": "#56B4E9",
}
PALE = "#8FC1E3"
LOW_BAR = 10.0  # percent
LEGEND = {"fontsize": style.TICK_SIZE, "frameon": False}


def save_times(results: Results, path: str | Path) -> None:
    """Draw bars: peers' times divided by prelunet's, and the shares of the ceiling."""
    cases = [c for c in [*results["steps"], *results["predictions"]] if c["timings"]]
    figure = style.new_figure(max(11.0, 3.0 + 0.85 * len(cases)), 7.6)
    above, below = figure.subplots(2, 1)
    _draw_ratios(above, cases)
    _draw_shares(below, cases, results["threads"])
    machine = results["machine"]
    figure.suptitle(
        f"prelunet {machine['prelunet']} ({machine['isa']}) on {machine['processor']}, "
        f"{results['threads']} threads",
        fontsize=style.TITLE_SIZE,
    )
    style.save(figure, path)


def _draw_ratios(ax: Axes, cases: Sequence[Results]) -> None:
    names = [n for n in PEERS if n != OURS and any(n in c["timings"] for c in cases)]
    width = 0.84 / max(len(names), 1)
    for number, name in enumerate(names):
        places, heights = [], []
        for place, case in enumerate(cases):
            if name in case["timings"]:
                ours = case["timings"][OURS]["best_seconds"]
                places.append(place + (number - (len(names) - 1) / 2) * width)
                heights.append(case["timings"][name]["best_seconds"] / ours)
        # Bars start at 1: up for slower libraries, down for faster ones.
        rises = [height - 1 for height in heights]
        label, color = PEERS[name].title, COLORS[name]
        ax.bar(places, rises, 0.92 * width, bottom=1, label=label, color=color)
    ax.axhline(1.0, color=COLORS[OURS], linewidth=1.4)
    ax.set_yscale("log")
    _plain_log(ax.yaxis)
    _name_cases(ax, cases)
    style.label_axes(
        ax, title="Time of others, ours being 1", xlabel="", ylabel="times ours (log scale)"
    )
    style.open_frame(ax)
    ax.grid(axis="x", visible=False)
    ax.legend(ncols=2, loc="upper left", bbox_to_anchor=(1.0, 1.0), **LEGEND)


def _draw_shares(ax: Axes, cases: Sequence[Results], threads: int) -> None:
    many = "1 thread" if threads == 1 else f"{threads} threads"
    series = [(OURS, many, COLORS[OURS], "white"), (ONE_THREAD, "1 thread", PALE, "black")]
    series = [entry for entry in series if any(entry[0] in c["timings"] for c in cases)]
    width = 0.8 / max(len(series), 1)
    for number, (name, label, color, ink) in enumerate(series):
        known = [(i, c["timings"][name]) for i, c in enumerate(cases) if name in c["timings"]]
        places = [i + (number - (len(series) - 1) / 2) * width for i, _ in known]
        heights = [100 * timing["share"] for _, timing in known]
        ax.bar(places, heights, 0.94 * width, label=label, color=color)
        for place, height in zip(places, heights, strict=True):
            # At the bottom of the bar, below the goal line; above bars that are too low.
            low = height < LOW_BAR
            ax.text(
                *(place, height + 1 if low else 2.0, f"{height:.0f}"),
                ha="center",
                color="black" if low else ink,
                fontsize=style.TICK_SIZE,
            )
    for place, case in enumerate(cases):
        if case["target"]:
            goal = 100 * case["target"]
            ax.plot([place - 0.42, place + 0.42], [goal, goal], color="black", linewidth=1.4)
    ax.plot([], [], color="black", linewidth=1.4, label="goal")
    _name_cases(ax, cases)
    ax.set_ylim(0, 108)
    style.label_axes(
        ax,
        title="Share of the FMA ceiling",
        xlabel="",
        ylabel="% of the ceiling at the same number of threads",
    )
    style.open_frame(ax)
    ax.grid(axis="x", visible=False)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), **LEGEND)


def _name_cases(ax: Axes, cases: Sequence[Results]) -> None:
    ax.set_xticks(range(len(cases)), [case["name"].replace("-", "\n") for case in cases])
    ax.set_xlim(-0.6, len(cases) - 0.4)


def _plain_log(axis: Any) -> None:
    """Label the axis 0.5, 1, 2, 5, 10 and so on instead of powers of ten."""
    ticker = style.matplotlib("ticker")
    axis.set_major_locator(ticker.LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axis.set_minor_locator(ticker.NullLocator())


def save_scaling(results: Results, path: str | Path) -> None:
    """Draw lines: the time of a step, or of a row of it, against each size."""
    scaling = results["scaling"]
    figure = style.new_figure(11.0, 6.4)
    panels = figure.subplots(2, 3).ravel()
    for ax, (axis, points) in zip(panels, scaling.items(), strict=False):
        _draw_axis(ax, axis, points)
    last = panels[len(scaling)]
    last.axis("off")
    handles, labels = panels[0].get_legend_handles_labels()
    last.legend(handles, labels, loc="center", **LEGEND)
    machine = results["machine"]
    figure.suptitle(
        f"784-2x256-10, channel PReLU, batch 128, one size changed at a time; "
        f"{machine['processor']}, {results['threads']} threads",
        fontsize=style.TITLE_SIZE,
    )
    style.save(figure, path)


def _draw_axis(ax: Axes, axis: str, points: Sequence[Results]) -> None:
    values = [point["value"] for point in points]
    for name, marker in ((OURS, "o"), ("numpy", "s")):
        times = [1e3 * point["seconds"][name] for point in points]
        look: Any = {"color": COLORS[name], "marker": marker, "markersize": 4}
        ax.plot(values, times, label=PEERS[name].title, **look)
    bound = [1e3 * point["flops"] / point["ceiling_flops"] for point in points]
    ax.plot(values, bound, "k:", linewidth=1.2, label="its products at the FMA ceiling")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(values, [f"{value:,}" for value in values])
    ax.minorticks_off()
    _plain_log(ax.yaxis)
    words = {
        "batch": "rows of a batch",
        "width": "units of a hidden layer",
        "depth": "hidden layers",
        "rows": "rows of a full batch",
        "threads": "threads (batch 256)",
    }
    style.label_axes(ax, title=f"Time against {axis}", xlabel=words[axis], ylabel="ms a step")
    style.open_frame(ax)
