"""Output sizes and padding of convolutions and pooling along one axis.

``size`` is the size of the image and ``window`` that of the kernel, both in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

Pair = tuple[int, int]


def output_size(size: int, window: int, stride: int, padding: str) -> int:
    """Return the output size; `padding` is "valid" or "same"."""
    return -(-size // stride) if padding == "same" else (size - window) // stride + 1


def same_padding(size: int, window: int, stride: int) -> Pair:
    """Return the padding of "same" before and after; an odd total adds one more after."""
    missing = (output_size(size, window, stride, "same") - 1) * stride + window - size
    missing = max(missing, 0)
    return missing // 2, missing - missing // 2


def padding_name(
    sizes: Sequence[int], windows: Sequence[int], strides: Sequence[int], pads: Sequence[Pair]
) -> str | None:
    """Return the name of the padding that equals `pads` along the axes, or None."""
    if all(pad == (0, 0) for pad in pads):
        return "valid"
    axes = zip(sizes, windows, strides, strict=True)
    return "same" if [same_padding(*axis) for axis in axes] == list(pads) else None
