"""Where a window goes over one axis of an image, as TensorFlow's VALID and SAME define it."""

from __future__ import annotations


def places(size, window, stride, padding):
    """Return (places, before, after): how many windows, and the padding on either side."""
    if padding == "valid":
        return max(0, (size - window) // stride + 1), 0, 0
    count = -(-size // stride)
    total = max((count - 1) * stride + window - size, 0)
    return count, total // 2, total - total // 2
