"""Figures of the pages, drawn when the site is built."""

from __future__ import annotations

import runpy
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

BLUE, VERMILION, GREEN, GRAY = "#0072B2", "#D55E00", "#009E73", "#666666"


def _box(ax, x, y, title, text, color, width=2.5, height=0.86):
    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0.02,rounding_size=0.08",
            facecolor="white",
            edgecolor=color,
            linewidth=1.8,
        )
    )
    ax.text(x, y + 0.17, title, ha="center", va="center", fontsize=10.5, weight="bold", color=color)
    ax.text(x, y - 0.17, text, ha="center", va="center", fontsize=8.5)


def _arrow(ax, start, end, **look):
    ax.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=13, color=GRAY, **look)
    )


def draw_training_step(path: Path) -> None:
    """Draw the two phases of a training step, with their barriers."""
    figure = Figure(figsize=(9.4, 6.3))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, 9.4)
    ax.set_ylim(0, 6.3)
    ax.set_axis_off()
    for bottom, top, label in (
        (2.2, 6.15, "Phase 1: each thread computes its own rows"),
        (0.42, 1.8, "Phase 2: all threads share the parameters"),
    ):
        ax.add_patch(
            FancyBboxPatch(
                (0.15, bottom),
                9.1,
                top - bottom,
                boxstyle="round,pad=0,rounding_size=0.12",
                facecolor="#F2F5F8",
                edgecolor="none",
            )
        )
        ax.text(0.35, top - 0.22, label, fontsize=10.5, va="center", color="#333333")
    left, middle, right = 1.75, 4.7, 7.65
    _box(ax, left, 5.3, "gather", "rows of the batch, converted", BLUE)
    _box(ax, left, 4.05, "forward, layer 1", "product + bias + PReLU", BLUE)
    _box(ax, left, 2.8, "forward, layer 2", "product + bias", BLUE)
    _box(ax, middle, 2.8, "loss", "of each row; its gradient", GREEN)
    _box(ax, right, 2.8, "backward, layer 2", "product + dz, dalpha, dbias", VERMILION)
    _box(ax, right, 4.05, "backward, layer 1", "the input needs no gradient", VERMILION)
    _arrow(ax, (left, 4.85), (left, 4.5))
    _arrow(ax, (left, 3.6), (left, 3.25))
    _arrow(ax, (left + 1.28, 2.8), (middle - 1.28, 2.8))
    _arrow(ax, (middle + 1.28, 2.8), (right - 1.28, 2.8))
    _arrow(ax, (right, 3.25), (right, 3.6))
    _box(ax, left + 0.9, 0.96, "gradients", "of weights: products over rows", BLUE, width=2.9)
    _box(ax, right - 0.9, 0.96, "update", "of weights and packed copies", GREEN, width=2.9)
    _arrow(ax, (left + 2.38, 0.96), (right - 2.38, 0.96))
    ax.text(middle, 1.1, "while in cache", ha="center", fontsize=8.5, color=GRAY)
    for height, label in (
        (1.99, "barrier"),
        (0.21, "barrier, then the next block of rows, or the next step"),
    ):
        ax.plot([0.15, 9.25], [height, height], color=GRAY, linewidth=1.2, linestyle=(0, (5, 3)))
        ax.text(
            middle, height, label, ha="center", va="center", fontsize=9, color=GRAY,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 2.5},
        )  # fmt: skip
    figure.savefig(path, facecolor="white", metadata={"Date": None})


def draw_machines(path: Path) -> None:
    """Draw the simulated speed-up of training on several machines."""
    cost = runpy.run_path(str(Path(__file__).parent / "programs" / "mpi_cost.py"))
    figure = Figure(figsize=(9.4, 4.6), layout="constrained")
    colors = (BLUE, VERMILION, GREEN, GRAY)
    axes = figure.subplots(1, 2, sharey=True)
    for ax, gigabits in zip(axes, cost["GIGABITS"], strict=True):
        for case, color in zip(cost["CASES"], colors, strict=True):
            found = [cost["speedup"](case, ranks, gigabits) for ranks in cost["RANKS"]]
            ax.plot(cost["RANKS"], found, marker="o", color=color, label=case)
        ax.axhline(1.0, color="black", linewidth=0.8)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log", base=2)
        ax.set_xticks(cost["RANKS"], [str(ranks) for ranks in cost["RANKS"]])
        ax.set_yticks((0.5, 1, 2, 4, 8, 16), ("0.5", "1", "2", "4", "8", "16"))
        ax.set_title(f"{gigabits} Gbit/s, 20 us")
        ax.set_xlabel("machines, one thread each")
    axes[0].set_ylabel("speed-up over one process (simulated)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.savefig(path, facecolor="white", metadata={"Date": None})


def draw_all(folder: Path) -> None:
    """Draw every figure into the folder of the page that shows it."""
    draw_training_step(folder / "how_it_works" / "training_step.svg")
    draw_machines(folder / "guide" / "machines.svg")
