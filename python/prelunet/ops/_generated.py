"""Helpers that generate functions and their docstrings from rows of a registry."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection
from typing import Any

_SECTION = re.compile(r"\n\n(?=\w[\w ]*\n-+\n)")
_REFERENCE = re.compile(r" \[\d+\]_")


def make_function(
    name: str, signature: str, body: str, documentation: str, names: dict[str, Any]
) -> Callable[..., Any]:
    """Compile a function of `prelunet.ops` from the parts of a ``def`` statement.

    `names` becomes the globals of the function.
    """
    exec(f"def {name}({signature}):\n    return {body}", names)
    function: Callable[..., Any] = names[name]
    function.__doc__ = documentation
    function.__module__ = "prelunet.ops"  # for pickle
    return function


def description_of(documented: type) -> str:
    """Return the part of a docstring before its first section, without references."""
    text = _SECTION.split(inspect.getdoc(documented) or "")[0]
    return _REFERENCE.sub("", text)


def parameters_of(documented: type, names: Collection[str]) -> str:
    """Return the entries of a docstring's Parameters section for `names`, without references."""
    sections = _SECTION.split(inspect.getdoc(documented) or "")
    (section,) = (text for text in sections if text.startswith("Parameters\n"))
    entries = re.split(r"\n(?=\S)", section)[2:]
    chosen = [entry for entry in entries if set(_names_of(entry)) <= set(names)]
    return _REFERENCE.sub("", "".join(f"{entry}\n" for entry in chosen))


def _names_of(entry: str) -> list[str]:
    return entry.partition(" :")[0].split("\n")[0].split(", ")
