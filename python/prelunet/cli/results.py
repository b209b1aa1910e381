"""The outputs of a run: ``results.json``, the model, figures, and the environment."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import prelunet as pn
from prelunet import plots
from prelunet.cli.rows import Array
from prelunet.formats import format_of
from prelunet.plots import style

RESULTS = "results.json"
MODEL = "model.npz"
HISTORY = "history.png"
CONFUSION_MATRIX = "confusion_matrix.png"
ALPHAS = "alphas.png"
VERSIONS = {"prelunet": "version", "numpy": "numpy", "python": "python"}
UNITS = {"loss": "nats", "accuracy": "share of rows"}


def environment() -> dict[str, Any]:
    """Return the environment that affects results, besides the configuration."""
    config = pn.show_config(mode="dicts")
    del config["bfloat16_ratio"]  # a speed, another in each process
    versions = {name: config.pop(key) for name, key in VERSIONS.items()}
    return {**config, "versions": versions}


def to_json(value: object) -> str:
    """Return `value` as JSON text; NaN and infinities, which JSON does not support, become null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def writable_folder(path: str | Path) -> Path:
    """Return the folder, created if missing.

    Raises an OSError, before training starts, if it cannot be written to.
    """
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder}: no permission to write there")
    return folder


def destinations(out: str | None, save: str | None, name: str) -> tuple[Path | None, list[Path]]:
    """Return the results folder, if any, and the model files of ``train``.

    Parameters
    ----------
    out : str or None
        ``--out``: "none" is no folder, and None a folder of the data's `name`.
    save : str or None
        ``--save``.
    name : str

    Raises
    ------
    OSError, ValueError
        Before training starts, if they cannot be written.
    """
    folder, files = None, []
    if out != "none":
        folder = writable_folder(out or Path("runs", name))
        files.append(folder / MODEL)
    if save is not None:
        file = Path(format_of("train", save, argument="--save")[0])
        writable_folder(file.parent)
        files.append(file)
    return folder, files


def write(folder: Path, summary: Mapping[str, Any]) -> Path:
    """Write ``results.json`` to the folder."""
    path = folder / RESULTS
    path.write_text(to_json(summary) + "\n", encoding="utf-8")
    return path


def write_figures(
    folder: Path,
    *,
    history: Mapping[str, Sequence[float]],
    y_true: Array,
    y_pred: Array,
    class_names: Sequence[str],
    model: pn.Sequential,
    alpha_init: float,
) -> tuple[list[Path], list[str]]:
    """Draw the figures that the installed packages support.

    Returns their paths, and the missing requirement of each figure that was not drawn.
    """
    written, missing = [], []
    metrics = [metric for metric in UNITS if metric in history]
    figures: dict[str, Callable[[], Any]] = {
        HISTORY: lambda: plots.HistoryDisplay.from_history(history, metrics=metrics, units=UNITS),
        CONFUSION_MATRIX: lambda: plots.plot_confusion_matrix(
            y_true, y_pred, class_names=class_names
        ),
    }
    if _has_channel_alphas(model):
        figures[ALPHAS] = lambda: plots.AlphaDisplay.from_model(model, start=alpha_init)
    for name in (HISTORY, CONFUSION_MATRIX, ALPHAS):
        # Remove figures of earlier runs, which could be mistaken for this run's.
        (folder / name).unlink(missing_ok=True)
    for name, draw in figures.items():
        try:
            display = draw()
        except ImportError as error:
            missing.append(str(error))
            continue
        style.save(display.figure_, folder / name)
        written.append(folder / name)
    return written, missing


def _has_channel_alphas(model: pn.Sequential) -> bool:
    """Return whether there are enough alphas for a histogram."""
    parameters = model.parameters().items()
    return any(name.endswith(".alpha") and values.size > 1 for name, values in parameters)


def note(lines: Iterable[str]) -> None:
    """Print notes to stderr, each line once."""
    for line in dict.fromkeys(lines):
        print(f"prelunet: note: {line}", file=sys.stderr)
