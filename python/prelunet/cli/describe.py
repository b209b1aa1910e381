"""``prelunet info MODEL``: what a model file contains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import prelunet as pn
from prelunet import serialization
from prelunet.loading import load

if TYPE_CHECKING:
    from prelunet.estimators import TabularClassifier, TabularRegressor

_LINE_WIDTH = 100


def describe(path: str) -> dict[str, Any]:
    """Return the description of a model file as JSON values."""
    _, state = serialization.read(path)
    model = load(path)
    about = {
        "file": path,
        "model": type(model).__name__,
        "written_by": f"prelunet {state['description'].get('version', 'of unknown version')}",
    }
    own = _of_sequential(model) if isinstance(model, pn.Sequential) else _of_table(model)
    return {**about, **own}


def text(found: dict[str, Any]) -> str:
    """Return a description as lines, with tables of columns and layers at the end."""
    found = dict(found)
    layers, columns = found.pop("summary"), found.pop("columns", None)
    width = max(map(len, found))
    lines = [
        f"{name.replace('_', ' '):<{width}}  {_shown(value)}"
        for name, value in found.items()
        if value not in (None, {}, [])
    ]
    if columns is not None:
        names = [str(column["name"]) for column in columns]
        width = max(map(len, names))
        lines += ["", "columns"]
        for name, column in zip(names, columns, strict=True):
            lines.append(f"  {name:<{width}}  {column['kind']}{_levels(column)}".rstrip())
    return "\n".join([*lines, "", layers])


def _of_sequential(model: pn.Sequential) -> dict[str, Any]:
    compiled = model.engine.compiled
    return {
        "input_shape": model.input_shape,
        "output_shape": model.output_shape,
        "dtype": model.dtype,
        "loss": None if compiled is None else str(compiled.loss),
        "optimizer": None if compiled is None else str(compiled.optimizer),
        "classes": model.metadata.get("class_names"),
        "metadata": {k: v for k, v in model.metadata.items() if k != "class_names"},
        "fingerprint": _fingerprint(model),
        "summary": str(model.summary()),
    }


def _of_table(model: TabularClassifier | TabularRegressor) -> dict[str, Any]:
    members = vars(model).get("estimators_", [model])
    classes = vars(model).get("classes_")
    return {
        "preset": model.preset,
        "networks": len(members),
        "best_epoch": [member.best_epoch_ for member in members],
        "score": [member.best_score_ for member in members],
        "dtype": model.dtype,
        "classes": None if classes is None else classes.tolist(),
        "metadata": model.metadata_,
        "fingerprint": model.fingerprint(),
        "columns": model.describe_columns(),
        "summary": str(members[0].to_sequential().summary()),
    }


def _fingerprint(model: pn.Sequential) -> str:
    try:
        return model.fingerprint()
    except ValueError as error:  # functions in layers
        return f"none: {error}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}: {v}" for k, v in value.items() if v is not None)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return _shortened([_shown(item) for item in value])
    return str(value)


def _shortened(words: list[str]) -> str:
    """Return words between commas, as many as a line takes."""
    joined = ", ".join(words)
    if len(joined) <= _LINE_WIDTH:
        return joined
    count, length = 0, 0
    while length + len(words[count]) + 2 < _LINE_WIDTH:
        length += len(words[count]) + 2
        count += 1
    count = max(count, 1)
    return f"{', '.join(words[:count])}, and {len(words) - count} more"


def _levels(column: dict[str, Any]) -> str:
    if "levels" not in column:
        return ""
    levels = [str(level) for level in column["levels"]]
    return f": {_shortened(levels)}" if levels else ": no value in training"
