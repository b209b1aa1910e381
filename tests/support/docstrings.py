"""What a numpydoc docstring says, read as simply as the tests need it."""

from __future__ import annotations

import inspect
import re

SECTION = re.compile(r"^(\w[\w ]*)\n-+$", re.MULTILINE)
ENTRY = re.compile(r"^(\S[^:\n]*?)(?: : .*)?$", re.MULTILINE)


def sections(documented):
    """Return the text of each section of a docstring by heading; the summary has the heading ""."""
    text = inspect.getdoc(documented) or ""
    parts = SECTION.split(text)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def documented_parameters(documented):
    """Return the names in the section Parameters; "name, trainable" are two of them."""
    entries = ENTRY.findall(sections(documented).get("Parameters", ""))
    return [name.lstrip("*") for entry in entries for name in entry.split(", ")]


def parameters(callable_):
    """Return the names of the arguments, without self."""
    return [name for name in inspect.signature(callable_).parameters if name not in ("self", "cls")]
