"""Checks of configuration values: numbers, integers, sizes, flags and choices.

Every function returns the checked value as a plain Python object, so that NumPy scalars do not
reach files or messages.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, TypeGuard, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])
_LARGEST_SIZE = 2**63 - 1  # of an axis of an array


class UndefinedClassError(ValueError):
    """A file needs a class that no imported module defines."""


def real(
    owner: str,
    name: str,
    value: object,
    *,
    minimum: float | None = None,
    exclusive_minimum: float | None = None,
    maximum: float | None = None,
    exclusive_maximum: float | None = None,
) -> float:
    """Return `value` as a finite float within the given bounds."""
    error: type[Exception] = TypeError
    if isinstance(value, (float, Real)) and not isinstance(value, bool):
        error = ValueError
        try:
            number = float(value)
        except OverflowError:  # an int above the largest float
            number = math.inf
        if (
            math.isfinite(number)
            and (minimum is None or number >= minimum)
            and (exclusive_minimum is None or number > exclusive_minimum)
            and (maximum is None or number <= maximum)
            and (exclusive_maximum is None or number < exclusive_maximum)
        ):
            return number
    bounds = ((minimum, ">="), (exclusive_minimum, ">"), (maximum, "<="), (exclusive_maximum, "<"))
    expected = " and".join(f" {sign} {bound:g}" for bound, sign in bounds if bound is not None)
    raise error(f"{owner}: {name} must be a finite number{expected}, got {value!r}")


def is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    """Return whether `value` is a list, a tuple or an array with axes."""
    return isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) > 0


def numbers(owner: str, name: str, value: object) -> tuple[float, ...]:
    """Return a list, a tuple or an array of finite numbers as a tuple, which is not empty."""
    if not is_sequence(value):
        raise TypeError(f"{owner}: {name} must be a sequence of numbers, got {value!r}")
    found = tuple(real(owner, f"an entry of {name}", one) for one in value)
    if not found:
        raise ValueError(f"{owner}: {name} must have at least one number, got {value!r}")
    return found


def integer(
    owner: str,
    name: str,
    value: object,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
) -> int:
    """Return `value` as an int within the given bounds."""
    error: type[Exception] = TypeError
    if isinstance(value, (int, Integral)) and not isinstance(value, bool):
        number = int(value)
        if (minimum is None or number >= minimum) and (maximum is None or number <= maximum):
            return number
        error = ValueError
    bounds = ((minimum, ">="), (maximum, "<="))
    expected = " and".join(f" {sign} {bound}" for bound, sign in bounds if bound is not None)
    raise error(f"{owner}: {name} must be an integer{expected}, got {value!r}")


def size(owner: str, name: str, value: object) -> int:
    """Return `value` as a valid size of an array axis."""
    number = integer(owner, name, value, minimum=1)
    if number > _LARGEST_SIZE:
        raise ValueError(f"{owner}: {name} must be an integer >= 1 and below 2**63, got {value!r}")
    return number


def size_pair(owner: str, name: str, value: object) -> tuple[int, int]:
    """Return two sizes, for rows and columns, from one integer or a pair."""
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"{owner}: {name} must be an integer or two of them, got {value!r}")
        return size(owner, name, value[0]), size(owner, name, value[1])
    number = size(owner, name, value)
    return number, number


def boolean(owner: str, name: str, value: object) -> bool:
    """Return `value` if it is True or False."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise TypeError(f"{owner}: {name} must be True or False, got {value!r}")
    return bool(value)


def function(owner: str, name: str, value: _Function) -> _Function:
    """Return `value` if it can be called."""
    if not callable(value):
        raise TypeError(f"{owner}: {name} must be callable, got {value!r}")
    return value


def path_text(owner: str, name: str, value: object) -> str:
    """Return a path as a string."""
    found = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(found, str):
        raise TypeError(f"{owner}: {name} must be a str or a PathLike of one, got {value!r}")
    return found


def choice(
    owner: str,
    name: str,
    value: object,
    options: Collection[str],
    hints: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return `value` if it is one of the strings in `options`.

    `hints` are the names of other libraries, with the advice that an error adds.
    """
    listed = ", ".join(repr(option) for option in options)
    if not isinstance(value, str):
        raise TypeError(f"{owner}: {name} must be one of {listed}, got {value!r}")
    if value not in options:
        hint = hints.get(value.lower())
        advice = "" if hint is None else f" ({hint})"
        raise ValueError(f"{owner}: {name} must be one of {listed}, got {value!r}{advice}")
    return value
