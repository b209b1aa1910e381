"""Hostile arguments: numbers, objects, and arrays that are nearly right."""

from __future__ import annotations

import decimal
import fractions

import numpy as np
from numpy.lib.stride_tricks import as_strided
from scipy import sparse

DTYPES = [
    *(bool, "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g", "c8", "c16"),
    *("O", "S3", "U3", "V4", "M8[s]", "m8[s]", ">f4", ">f8", ">i8", ">u2", ">f2"),
]
EXTREMES = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-40, 1e-310, 3e38, 1e300, -1e300, 2.0**63]
SMALL_ENOUGH = 1 << 20  # bytes of an array that is compared before and after


class Subclass(np.ndarray):
    """An array class of a user's own."""


class Convertible:
    """An object that NumPy can convert, and no more."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._array, dtype)


class Unconvertible:
    """An object whose conversions fail."""

    def __array__(self, dtype=None, copy=None):
        raise ValueError("no array today")

    def __len__(self):
        raise TypeError("no length today")

    def __index__(self):
        raise TypeError("no index today")

    def __float__(self):
        raise ValueError("no number today")

    def __bool__(self):
        raise ValueError("neither true nor false")


class Sequence:
    """A sequence by protocol only, one of whose items is another sequence."""

    def __len__(self):
        return 3

    def __getitem__(self, place):
        if place >= 3:
            raise IndexError(place)
        return [1.0, 2.0] if place == 1 else 1.0


def anything(*arguments):
    """Return nothing, whatever the arguments."""


def scalars():
    """Return numbers and objects where a number, a flag, a string or an array is expected."""
    return [
        *(0, 1, -1, 2, 3, 7, 2**31, 2**63, -(2**63), 2**64, 10**400, True, False, None),
        *(0.5, 1.0, -0.5, 0.0, -0.0, 1e-320, 1e308, float("nan"), float("inf"), -float("inf")),
        *("", "1", "relu", "adam", "same", "accuracy", "balanced", "auto", "nul\0", "\udc80", b"x"),
        *(1j, np.float32(0.5), np.int64(3), np.uint64(2**64 - 1), np.float16(1), np.True_),
        *(np.array(1.0), np.array([1]), np.array([1, 2]), np.array(None), np.longdouble(2)),
        *([], (), {}, set(), [1], (1, 2), [[1.0], [1.0, 2.0]], {"a": 1}, range(3), slice(2)),
        *(fractions.Fraction(1, 3), decimal.Decimal("0.1"), object(), Unconvertible(), Sequence()),
        *(len, int, anything, Ellipsis, NotImplemented, bytearray(b"abcd"), memoryview(b"a")),
    ]


SCALARS = scalars()


def scalar(rng):
    """Return one of `scalars`."""
    return SCALARS[rng.integers(len(SCALARS))]


def _overlapping(rng, array):
    """Return a view of the array's memory shifted by an element, as far as it goes."""
    if not array.flags.c_contiguous or array.size < 2:
        return array
    shape = tuple(max(size - 1, 0) for size in array.shape)
    return as_strided(array.reshape(-1)[1:], shape, array.strides)


def _huge(rng, array):
    """Return a view of one element with a shape beyond all memory."""
    shape = list(array.shape) or [1]
    shape[rng.integers(len(shape))] = int(rng.choice([2**31, 2**40, 2**55]))
    try:
        return np.broadcast_to(array.ravel()[:1].reshape([1] * len(shape)), shape)
    except ValueError:
        return array


def _misaligned(rng, array):
    raw = np.empty(array.nbytes + 1, np.uint8)
    copy = raw[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _readonly(rng, array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _extreme(rng, array):
    copy = array.copy()
    if copy.size and copy.dtype.kind == "f":
        with np.errstate(over="ignore"):
            copy.flat[rng.integers(copy.size)] = EXTREMES[rng.integers(len(EXTREMES))]
    elif copy.size and copy.dtype.kind in "iu":
        limits = np.iinfo(copy.dtype)
        copy.flat[rng.integers(copy.size)] = rng.choice([limits.min, limits.max, 7])
    return copy


def _resized(rng, array):
    if array.ndim == 0:
        return array[np.newaxis]
    axis = int(rng.integers(array.ndim))
    size = int(rng.choice([0, 1, array.shape[axis] + 1]))
    return (
        np.take(array, np.arange(size) % max(array.shape[axis], 1), axis) if array.size else array
    )


def _cast(rng, array):
    dtype = np.dtype(DTYPES[rng.integers(len(DTYPES))])
    with np.errstate(all="ignore"):
        try:
            return array.astype(dtype)
        except (TypeError, ValueError, OverflowError):
            return np.zeros(array.shape, dtype)


def _masked(rng, array):
    mask = rng.random(array.shape) < 0.2
    return np.ma.array(array, mask=mask if rng.random() < 0.7 else False)


def _buffer(rng, array):
    return memoryview(np.ascontiguousarray(array))


def _frame(rng, array):
    try:
        import pandas as pd
    except ImportError:
        return array
    if array.ndim == 1:
        return pd.Series(array)
    return pd.DataFrame(array) if array.ndim == 2 else array


def _sparse(rng, array):
    if array.ndim != 2 or array.dtype.kind not in "iufb":
        return array
    forms = [sparse.csr_array, sparse.csc_matrix, sparse.coo_array, sparse.dia_matrix]
    return forms[rng.integers(len(forms))](array)


def _ragged(rng, array):
    listed = array.tolist()
    if isinstance(listed, list) and listed:
        listed[-1] = [listed[-1]]
    return listed


LAYOUTS = [
    lambda rng, a: a.copy(),
    lambda rng, a: np.asfortranarray(a),
    lambda rng, a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a,
    lambda rng, a: a[::-1].copy()[::-1] if a.ndim else a,
    lambda rng, a: a[..., ::-1] if a.ndim else a,
    lambda rng, a: np.broadcast_to(a.ravel()[:1], a.shape) if a.size else a,
    lambda rng, a: np.broadcast_to(a[:1], a.shape) if a.ndim and len(a) else a,
    lambda rng, a: a.astype(a.dtype.newbyteorder()),
    lambda rng, a: a.view(Subclass),
    lambda rng, a: np.stack([a, a], axis=1)[:, 0],
    lambda rng, a: a.T,
    _misaligned,
    _readonly,
    _extreme,
    _extreme,
]
SHAPES = [
    lambda rng, a: a[np.newaxis],
    lambda rng, a: a[..., np.newaxis],
    lambda rng, a: a.reshape(-1),
    lambda rng, a: a[0] if a.ndim and len(a) else a,
    lambda rng, a: a[:0] if a.ndim else a,
    lambda rng, a: a[..., :0] if a.ndim else a,
    lambda rng, a: a.reshape((1,) * 20 + a.shape),
    _resized,
    _resized,
    _overlapping,
]
KINDS = [
    _cast,
    _cast,
    _masked,
    _buffer,
    _frame,
    _sparse,
    _ragged,
    lambda rng, a: a.tolist(),
    lambda rng, a: Convertible(a),
    lambda rng, a: np.matrix(a) if a.ndim <= 2 else a,
    lambda rng, a: np.rec.fromarrays([a]),
]


def variant(rng, array, *, huge=True):
    """Return an array in another layout, shape, dtype or container; often still a valid one."""
    # A huge view stays as it is, and so do other classes than NumPy's plain one: NumPy itself
    # crashes where a matrix of three axes is converted.
    if type(array) is not np.ndarray or array.nbytes > SMALL_ENOUGH:
        return array
    changes = [LAYOUTS, SHAPES, KINDS][rng.choice(3, p=[0.45, 0.25, 0.3])]
    if huge and rng.random() < 0.03:
        return _huge(rng, array)
    try:
        changed = changes[rng.integers(len(changes))](rng, array)
    except (TypeError, ValueError, IndexError):  # the array does not support this change
        return array
    return variant(rng, changed, huge=huge) if rng.random() < 0.2 else changed


def hostile(rng, array, *, huge=True):
    """Return a variant of an array, or an object in its place."""
    return scalar(rng) if rng.random() < 0.12 else variant(rng, array, huge=huge)


def snapshot(value):
    """Return a copy of the data of an array, nested in lists, tuples or mappings; else None."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return np.asarray(value).tobytes() if value.nbytes <= SMALL_ENOUGH else None
    if isinstance(value, (list, tuple)):
        return [snapshot(item) for item in value]
    if isinstance(value, dict):
        return [snapshot(item) for item in value.values()]
    return None
