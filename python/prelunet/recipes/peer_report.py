"""Comparison of the same training in several libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prelunet.recipes.figures import Panel, draw_panels
from prelunet.recipes.inputs import Array
from prelunet.recipes.report import Report

OURS = "prelunet"


@dataclass(frozen=True)
class Setting:
    """A configuration of the training, used in each library."""

    weights: str  # the source of the initial weights
    learning_rate: float
    clip_delta: float | None
    program: str = ""  # the document's program with this configuration, if any
    document: tuple[str, ...] = ()  # its published test accuracies by epoch

    @property
    def title(self) -> str:
        """A description of the configuration."""
        deltas = "free" if self.clip_delta is None else f"within {self.clip_delta:g}"
        return f"{self.weights}, rate {self.learning_rate:g}, deltas {deltas}"


def show_runs(
    report: Report, settings: Sequence[Setting], runs: Sequence[Mapping[str, Any]]
) -> None:
    """Show test accuracies, seconds, curves, and the loss differences at equal steps.

    The first two settings differ only in the limit of the deltas. A run has ``library``,
    ``setting``, the ``losses`` of its steps, and ``test_accuracy`` and ``seconds`` of its epochs.
    Each setting includes a run of prelunet.
    """
    ours = {run["setting"]: run for run in runs if run["library"] == OURS}
    show_epochs(report, settings, runs, ours)
    others = [run for run in runs if run["library"] != OURS]
    if others:
        rows = [
            (run["setting"].title, run["library"], f"{gap(run, ours[run['setting']]).max():.0e}")
            for run in others
        ]
        title = "Largest difference of a step's loss from prelunet's, as a share of it"
        report.table(title, ("setting", "library", "difference"), rows)
    panels = [
        Panel("Training loss by step", "step", "loss (nats)", curves(ours, "losses"), True),
        Panel(
            "Test accuracy by epoch",
            "epoch",
            "accuracy (share of rows)",
            curves(ours, "test_accuracy"),
        ),
    ]
    report.figure("curves", "Loss and accuracy in prelunet", lambda: draw_panels(panels))


def show_epochs(
    report: Report,
    settings: Sequence[Setting],
    runs: Sequence[Mapping[str, Any]],
    ours: Mapping[Setting, Mapping[str, Any]],
) -> None:
    """Print test accuracies and seconds; append the document's accuracies."""
    header = ("setting", "library", *(f"epoch {n + 1}" for n in range(len(runs[0]["seconds"]))))
    accuracies, seconds = [], []
    for setting in settings:
        for run in runs:
            if run["setting"] == setting:
                start = (setting.title, run["library"])
                accuracies.append((*start, *(f"{value:.4f}" for value in run["test_accuracy"])))
                seconds.append((*start, *(f"{value:.2f}" for value in run["seconds"])))
        if setting.program:
            found = [*setting.document, *["-"] * len(header)][: len(header) - 2]
            accuracies.append((setting.title, f"{setting.program} in the document", *found))
    first, second = (np.array(ours[setting]["losses"]) for setting in settings[:2])
    changed = ~np.isclose(first, second, rtol=0.0, atol=0.0, equal_nan=True)
    remark = f"The limit of the deltas changed {changed.sum()} of {len(first)} losses."
    report.table("Test accuracy after each epoch", header, accuracies, remark=remark)
    remark = "The first epoch of the other libraries includes their setup."
    other = any(run["library"] != OURS for run in runs)
    report.table("Seconds of each epoch", header, seconds, remark=remark if other else "")


def gap(run: Mapping[str, Any], other: Mapping[str, Any]) -> Array:
    """Return the differences of the losses from another run's, relative to the latter."""
    losses, others = np.array(run["losses"]), np.array(other["losses"])
    share: Array = np.abs(losses - others) / others
    return share


def curves(
    runs: Mapping[Setting, Mapping[str, Any]], name: str
) -> dict[str, tuple[Sequence[float], Sequence[float]]]:
    """Return a recorded quantity, numbered from 1."""
    return {
        setting.title: (range(1, len(run[name]) + 1), run[name]) for setting, run in runs.items()
    }
