"""Products of bfloat16 matrices, and the conversion to bfloat16."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._core import ops as _ops
from .._validation import boolean, choice

Array = npt.NDArray[Any]


def _bits(x: Any) -> Any:
    """Return an ml_dtypes bfloat16 array as its bits, everything else as it is."""
    is_bfloat16 = isinstance(x, np.ndarray) and x.dtype.name == "bfloat16"
    return x.view(np.uint16) if is_bfloat16 else x


def to_bfloat16(x: Array) -> Array:
    """Round float32 to bfloat16.

    To nearest even, as x86's VCVTNEPS2BF16 does on every machine: a subnormal number becomes zero
    of its sign, what rounds past the largest bfloat16 (3.39e38) becomes infinity, and NaN stays
    NaN, made quiet, with the upper bits of its payload.

    Parameters
    ----------
    x : ndarray of float32

    Returns
    -------
    ndarray of uint16
        The bits, of the shape of `x`. ``bits.view(ml_dtypes.bfloat16)`` makes them numbers where
        ml_dtypes is installed; ``(bits.astype("uint32") << 16).view("float32")`` does so without.

    Raises
    ------
    TypeError
        If `x` is not a float32 array.
    ValueError
        If its layout does not fit.
    """
    return _ops.to_bfloat16(x)


def bfloat16_gemm(
    a: Array,
    b: Array,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    c: Array | None = None,
    order: str | None = None,
) -> Array:
    """Matrix product of bfloat16 numbers, summed in float32: ``c + op(a) @ op(b)``.

    Results have the same bits for any number of threads, and on any x86 machine for the same order,
    apart from the sign and the payload of a NaN.

    Parameters
    ----------
    a : ndarray of shape (m, k), or (k, m) with `transpose_a`
        float32, which is rounded as `to_bfloat16` does; or bfloat16: an array of
        ``ml_dtypes.bfloat16``, or of uint16, which holds the bits.
    b : ndarray of shape (k, n), or (n, k) with `transpose_b`
        As `a`; the two may differ in type.
    transpose_a, transpose_b : bool, default False
        Use the transpose: ``bfloat16_gemm(x, weight, transpose_b=True)`` is a layer's forward
        product, ``bfloat16_gemm(dz, weight)`` and ``bfloat16_gemm(dz, x, transpose_a=True)`` are
        its gradients.
    c : ndarray of shape (m, n), optional
        float32; the sums continue from it. It is not changed. A sum over k cut at a multiple of 32
        and continued has the bits of one that is not cut.
    order : {"amx", "vdpbf16"}, optional
        The order of the sums; by default that of this machine, or of ``PRELUNET_BF16``: see
        `prelunet.show_config`. Where the processor lacks the instruction of an order, its bits are
        computed with float32 arithmetic.

    Returns
    -------
    ndarray of float32, shape (m, n)

    Raises
    ------
    TypeError
        If an argument is not an array of the right dtype.
    ValueError
        If a shape, a layout or a name does not fit.

    Notes
    -----
    Each order is that of an x86 instruction. ``"amx"`` (TDPBF16PS) takes k in groups of 32, the
    last one padded with zeros; in each it sums the products of even k and those of odd k, each as
    one chain of fused multiply-adds from zero, adds the two sums, and adds that to the element.
    ``"vdpbf16"`` (VDPBF16PS) is one chain of fused multiply-adds, the odd k of each pair before the
    even one. Both round to nearest even, and both flush: a subnormal number counts as zero,
    whether input or result.
    """
    boolean("bfloat16_gemm", "transpose_a", transpose_a)
    boolean("bfloat16_gemm", "transpose_b", transpose_b)
    if order is not None:
        choice("bfloat16_gemm", "order", order, ("amx", "vdpbf16"))
    return _ops.bfloat16_gemm(_bits(a), _bits(b), transpose_a, transpose_b, c, order)
