"""File formats of models, one module per format, selected by the suffix of the path.

In every format, a file contains a JSON text that describes the model, and arrays by name. Each
module defines ``write(stream, text, arrays)``, ``read(stream) -> (text, arrays)`` and ``PACKAGE``,
the name of the optional package that it needs, or None.
"""

from __future__ import annotations

from collections.abc import Collection
from types import ModuleType

from .._extras import require
from .._validation import path_text
from . import npz, safetensors

_BY_SUFFIX: dict[str, ModuleType] = {".npz": npz, ".safetensors": safetensors}


def checked_path(
    operation: str, path: object, suffixes: Collection[str], *, argument: str = "path"
) -> str:
    """Return a path as a string, with its type and its suffix checked."""
    checked = path_text(operation, argument, path)
    if not checked.endswith(tuple(suffixes)):
        expected = " or ".join(suffixes)
        raise ValueError(f"{operation}: {argument} must end in {expected}, got {checked!r}")
    return checked


def format_of(operation: str, path: object, *, argument: str = "path") -> tuple[str, ModuleType]:
    """Return the path of a model file as a string, and the module of its format.

    Raises an ImportError if the format needs a package that is not installed.
    """
    checked = checked_path(operation, path, _BY_SUFFIX, argument=argument)
    suffix = next(suffix for suffix in _BY_SUFFIX if checked.endswith(suffix))
    found = _BY_SUFFIX[suffix]
    if found.PACKAGE is not None:
        require(found.PACKAGE, extra="io", purpose=f"a model in a {suffix} file")
    return checked, found
