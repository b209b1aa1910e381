"""Windows over images along one axis, as every library has them: sizes and padding.

``size`` is the image's, ``window`` the kernel's, both in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

Pair = tuple[int, int]


def output_size(size: int, window: int, stride: int, padding: str) -> int:
    """Return how many windows there are: ``padding`` is "valid" or "same"."""
    return -(-size // stride) if padding == "same" else (size - window) // stride + 1


def same_padding(size: int, window: int, stride: int) -> Pair:
    """Return what padding "same" adds before and after: where the number is odd, more after."""
    missing = (output_size(size, window, stride, "same") - 1) * stride + window - size
    missing = max(missing, 0)
    return missing // 2, missing - missing // 2


def padding_name(
    sizes: Sequence[int], windows: Sequence[int], strides: Sequence[int], pads: Sequence[Pair]
) -> str | None:
    """Return the name of the padding that adds `pads` along each axis; None if it has none."""
    if all(pad == (0, 0) for pad in pads):
        return "valid"
    axes = zip(sizes, windows, strides, strict=True)
    return "same" if [same_padding(*axis) for axis in axes] == list(pads) else None
