"""The C source of exported networks: `c_source/`, in functions that a header holds as needed.

The files are C with the prefix ``net_``, and ``NET_`` for macros. A header gets the prefix of the
network's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

TYPES = {"float32": "float", "float64": "double", "int8": "signed char", "int32": "int"}
_PARTS = ("common", "activations", "layers", "integers", "checks")
_NAME = re.compile(
    r"^(?:static (?:inline|NET_NOINLINE) [\w ]+?\*? ?|#define |\} )((?:net|NET)_\w+)", re.MULTILINE
)
_USE = re.compile(r"\b(?:net|NET)_\w+")
_SPECIAL = {"nan": "NAN", "inf": "INFINITY", "-inf": "-INFINITY"}
_WIDTH = 100  # characters of a line of numbers
# Keywords of C23 and C++23: no prefix may be one.
_KEYWORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t
char8_t class co_await co_return co_yield compl concept const const_cast consteval constexpr
constinit continue decltype default delete do double dynamic_cast else enum explicit export
extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq
nullptr operator or or_eq private protected public register reinterpret_cast requires restrict
return short signed sizeof static static_assert static_cast struct switch template this
thread_local throw true try typedef typeid typename typeof typeof_unqual union unsigned using
virtual void volatile wchar_t while xor xor_eq
"""
_LONGEST_NAME = 31  # characters of an external name that every C99 compiler distinguishes


def checked_name(operation: str, name: object) -> str:
    """Return the prefix of a header's names, which must be a C identifier."""
    expected = (
        f"{operation}: name must be a C identifier of ASCII letters, digits and single underscores "
        f"that begins with a letter, ends without an underscore, has at most {_LONGEST_NAME} "
        f"characters and is no keyword of C or C++, got {name!r}"
    )
    if not isinstance(name, str):
        raise TypeError(expected)
    words = re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name)
    if words is None or len(name) > _LONGEST_NAME or name in _KEYWORDS.split():
        raise ValueError(expected)
    return name


def renamed(text: str, name: str) -> str:
    """Return C text with the prefix of a network's names."""
    prefixes = {"net_": f"{name}_", "NET_": f"{name.upper()}_"}
    return re.sub(r"\b(?:net|NET)_", lambda found: prefixes[found[0]], text)


@cache
def source(name: str) -> str:
    """Return the text of a file of `c_source`."""
    return (Path(__file__).with_name("c_source") / f"{name}.h").read_text(encoding="utf-8")


@cache
def _library(dtype: str) -> dict[str, str]:
    """Return the C text of each function, type and macro by its name."""
    parts = [*_PARTS, "math_float" if dtype == "float32" else "math_double"]
    blocks = [block for part in parts for block in source(part).strip().split("\n\n")]
    named = [(_NAME.search(block), block) for block in blocks]
    return {found[1]: block for found, block in named if found is not None}


def has(name: str, dtype: str) -> bool:
    """Return whether there is a function of that name."""
    return name in _library(dtype)


def needed(text: str, dtype: str) -> list[str]:
    """Return the definitions that C text needs, in the order in which C wants them."""
    library, seen, found = _library(dtype), set[str](), list[str]()

    def add(user: str) -> None:
        for name in _USE.findall(user):
            if name in library and name not in seen:
                seen.add(name)
                add(library[name])
                found.append(library[name])

    add(text)
    return found


def comment(text: str) -> str:
    """Return text as a C comment; characters that end one, or that C replaces, are changed."""
    plain = text.encode("ascii", "backslashreplace").decode()
    for sign, other in (("*/", "* /"), ("/*", "/ *"), ("??", "? ?"), ("\\", "/")):
        plain = plain.replace(sign, other)
    printable = "".join(sign if sign == "\n" or sign.isprintable() else "?" for sign in plain)
    lines = [f" * {line}".rstrip() for line in printable.splitlines()]
    return "/*" + "\n".join(lines).removeprefix(" *") + " */"


def literal(value: np.floating[Any]) -> str:
    """Return a number as C text that stands for the same bits."""
    return literals(np.array([value]))[0]


def literals(values: Array) -> list[str]:
    """Return numbers as C text that stands for the same bits."""
    suffix = "f" if values.dtype == np.float32 else ""
    texts: list[str] = values.ravel().astype(str).tolist()
    if values.dtype.kind != "f":
        return texts
    return [_SPECIAL.get(text) or text + suffix for text in texts]


def array(name: str, values: Array) -> str:
    """Return the definition of a constant array."""
    kind = TYPES[values.dtype.name]
    real = "net_real" if values.dtype == np.float32 else kind
    lines = "\n".join(_lines(literals(values)))
    return f"static const {real} {name}[{values.size}] = {{\n{lines}\n}};"


def _lines(texts: list[str]) -> Iterator[str]:
    line = ""
    for text in texts:
        if len(line) + len(text) + 2 > _WIDTH:
            yield line
            line = ""
        line += f" {text}," if line else f"  {text},"
    yield line.removesuffix(",")
