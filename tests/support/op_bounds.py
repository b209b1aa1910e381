"""Runs every op on arrays that end, and then begin, where the memory of the process does.

A read or write one byte outside an array hits a page without access and kills the process, which
the sanitizer cannot promise: it does not see the loads of vector intrinsics.
"""

from __future__ import annotations

import ctypes
import mmap

import numpy as np

from op_cases import op_cases
from tolerances import assert_same_bits

SHAPES = [
    (1, 1, 1),
    (3, 5, 2),
    (9, 10, 17),
    (8, 16, 16),
    (16, 5, 2),
    (19, 2, 3),
    (17, 47, 33),
    (65, 50, 40),
    (25, 97, 3),
]
PROT_NONE = 0


def fenced(array, *, at_end):
    """Return a copy of the array between two pages without access, touching one of them."""
    page = mmap.PAGESIZE
    pages = max(1, -(-array.nbytes // page))
    memory = mmap.mmap(-1, (pages + 2) * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    for fence in (address, address + (pages + 1) * page):
        if protect(ctypes.c_void_p(fence), ctypes.c_size_t(page), PROT_NONE) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = page + (pages * page - array.nbytes if at_end else 0)
    copy = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    copy[...] = array
    return copy


def check(case):
    """Run the case at both fences; the results must be those of ordinary arrays."""
    expected = case.results()
    for at_end in (True, False):
        arrays = {name: fenced(array, at_end=at_end) for name, array in case.arrays.items()}
        for got, wanted in zip(case.results(arrays), expected, strict=True):
            assert_same_bits(got, wanted, case.label)
        if case.takes_out:
            out = fenced(expected[0], at_end=at_end)
            out[...] = np.nan
            case.call(arrays, out=out)
            assert_same_bits(out, expected[0], case.label)


if __name__ == "__main__":
    for dtype in (np.float32, np.float64):
        for rows, columns, depth in SHAPES:
            for case in op_cases(rows, columns, dtype, depth=depth):
                check(case)
