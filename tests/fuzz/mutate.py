"""Random changes of bytes, JSON values, arrays and zip archives."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from contextlib import suppress

import numpy as np

INTEGERS = [0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 1000, 32767, 65535, 65536, 2**20, 2**24]
INTEGERS += [2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
VALUES = [None, True, False, -1, -(2**31), -(2**63), 0.0, 0.5, -1.5, 1e-300, 1e308]
VALUES += [float("inf"), float("-inf"), float("nan"), 10**400, *INTEGERS]
VALUES += ["", "x", "0", "\0", "\ud800", "ü" * 40, "a.b", "a" * 3000, [], {}, [[]], [1], {"": 0}]
DTYPES = ["?", "i1", "u1", ">i2", "i4", "u4", "i8", "u8", "f2", ">f4", "f4", "f8", "c8", "U3", "S2"]
DTYPES += ["g", "M8[s]", "V4"]


def pick(rng, options):
    """Return one of a sequence."""
    return options[int(rng.integers(len(options)))]


def some(rng, content, count=None):
    """Return bytes after a few changes that know nothing of their meaning."""
    data = bytearray(content)
    for _ in range(count or int(rng.integers(1, 5))):
        _change(rng, data)
    return bytes(data)


def _change(rng, data):
    size = len(data)
    place = int(rng.integers(size + 1))
    end = min(size, place + int(pick(rng, [1, 2, 4, 8, 16, 64, 500])))
    kind = int(rng.integers(8))
    if kind == 0 and place < size:
        data[place] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        width = int(pick(rng, [1, 2, 4, 8]))
        value = int(pick(rng, INTEGERS)) & (256**width - 1)
        order = str(pick(rng, ["little", "big"]))
        data[place : place + width] = value.to_bytes(width, order)
    elif kind == 2:
        data[place:] = b""
    elif kind == 3:
        data[place:end] = b""
    elif kind == 4:
        data[place:place] = data[place:end]
    elif kind == 5:
        data[place:end] = rng.bytes(end - place)
    elif kind == 6:
        other = int(rng.integers(size + 1))
        data[other : other + end - place] = data[place:end]
    else:
        data += rng.bytes(int(rng.integers(1, 40)))


def places(value, path=()):
    """Yield the path of each value inside JSON values."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, item in items:
        yield from places(item, (*path, key))


def json_value(rng, value, count=None):
    """Return JSON values after a few changes."""
    value = copy.deepcopy(value)
    with suppress(RecursionError):  # too deep to be changed again
        for _ in range(count or int(rng.integers(1, 4))):
            value = _changed_json(rng, value)
    return value


def _changed_json(rng, value):
    found = list(places(value))
    path = pick(rng, found)
    new = copy.deepcopy(pick(rng, VALUES))
    if rng.random() < 0.3:  # a value from elsewhere
        new = copy.deepcopy(_at(value, pick(rng, found)))
    if rng.random() < 0.03:
        residual = rng.random() < 0.5
        for _ in range(int(pick(rng, [10, 40, 100]))):
            new = {"class": "Residual", "layers": [new]} if residual else [new]
    if not path:
        return new if rng.random() < 0.05 else value
    outer, last = _at(value, path[:-1]), path[-1]
    kind = int(rng.integers(5))
    if kind == 0:
        del outer[last]
    elif kind == 1 and isinstance(outer, list):
        outer[last:last] = [copy.deepcopy(outer[last])] * int(pick(rng, [1, 2, 20]))
    elif kind == 1:
        outer[str(pick(rng, ["class", "x", "name", "layers", "trainable"]))] = new
    else:
        outer[last] = new
    return value


def _at(value, path):
    for key in path:
        value = value[key]
    return value


def text_of(value):
    """Return JSON text; Infinity and NaN are what Python's reader accepts too."""
    return json.dumps(value)


def array(rng, values):
    """Return another array."""
    kind = int(rng.integers(8))
    if kind == 0:
        return values.astype(np.float64, copy=False).astype(str(pick(rng, DTYPES[:13])))
    if kind == 1:
        return values.T
    if kind == 2:
        return values[..., np.newaxis]
    if kind == 3:
        return values.reshape(-1)[: int(rng.integers(values.size + 1))]
    if kind == 4:
        return np.concatenate([values.reshape(-1)] * 2)
    if kind == 5:
        return np.asfortranarray(values)
    if kind == 6:
        return np.full(
            values.shape, pick(rng, [np.nan, np.inf, 1e-40, -1.0]), values.dtype.str[-2:]
        )
    return np.zeros(
        pick(rng, [(), (0,), (1,), (0, 3), (2, 2, 2), (1,) * 20]), str(pick(rng, DTYPES))
    )


def arrays(rng, named):
    """Return arrays by name after one change."""
    named = dict(named)
    names = list(named)
    name = str(pick(rng, names)) if names else "x"
    kind = int(rng.integers(5))
    if kind == 0:
        named.pop(name, None)
    elif kind == 1 and names:
        other = pick(rng, ["x", "X", "y", "state/0", "slot/9/0.weight", "../x", "a\\b", "ü", ""])
        named[str(other)] = named.pop(name)
    elif kind == 2 and names:
        named[name] = named[str(pick(rng, names))]
    elif names:
        try:
            named[name] = array(rng, named[name])
        except (TypeError, ValueError):  # not every array becomes every other
            named.pop(name)
    return named


def npy(rng, values):
    """Return an array's bytes with a header that may lie."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, values, allow_pickle=False)
    content = stream.getvalue()
    start = 10 + int.from_bytes(content[8:10], "little")
    about = {
        "descr": values.dtype.str,
        "fortran_order": bool(rng.integers(2)),
        "shape": values.shape,
    }
    kind = int(rng.integers(7))
    if kind == 0:
        shape = list(values.shape) or [1]
        shape[int(rng.integers(len(shape)))] = int(pick(rng, INTEGERS)) - int(rng.integers(2))
        about["shape"] = tuple(shape)
    elif kind == 1:
        odd = ["|O", "<U1000000000", "|V0", "<f16", "<f3", "(1000,)f4", "", "|S0", "<M8[7Y]"]
        about["descr"] = str(pick(rng, [*DTYPES, *odd]))
    elif kind == 2:
        about["descr"] = [("a", "<f4"), ("b", "|O")]
    elif kind == 3:
        about["shape"] = pick(rng, [(-1,), (True,), ("3",), 3, None, (2**62, 2**62), (1,) * 80])
    elif kind == 4:
        return some(rng, content[:start], 1) + content[start:]
    text = repr(about).encode()
    if kind == 5:
        text = some(rng, text, 2)
    elif kind == 6:
        text = bytes(pick(rng, [b"(" * 3000, b"{" * 90, b"-" * 9000, b"'''", b"\\", b"1_0L " * 9]))
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\0" + min(len(text), 65535).to_bytes(2, "little") + text + content[start:]


# Offsets and widths of the fields of an entry in a zip file's directory, and in the end record.
ENTRY = [(4, 2), (6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2)]
ENTRY += [(42, 4)]
LOCAL = [(4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)]
END = [(4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]


def archive(rng, members, *, compressed=False):
    """Return a zip archive of {name: bytes}, with checksums that fit the bytes."""
    stream = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, content in members.items():
            made.writestr(zipfile.ZipInfo(name.replace("\0", "")), content, method)
    return stream.getvalue()


def zip_fields(rng, content):
    """Return an archive with one field of its structure changed."""
    kinds = [(b"PK\1\2", ENTRY), (b"PK\3\4", LOCAL), (b"PK\5\6", END)]
    mark, fields = pick(rng, kinds)
    starts, start = [], content.find(mark)
    while start >= 0:
        starts.append(start)
        start = content.find(mark, start + 1)
    if not starts:
        return content
    offset, width = pick(rng, fields)
    place = int(pick(rng, starts)) + offset
    value = int(pick(rng, [*INTEGERS, 8, 12, 14, 99])) & (256**width - 1)
    return content[:place] + value.to_bytes(width, "little") + content[place + width :]
