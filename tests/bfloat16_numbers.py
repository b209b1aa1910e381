"""Numbers on which roundings, flushing and special values of bfloat16 products turn."""

from __future__ import annotations

import numpy as np


def bits(rng, shape, low=1, high=254):
    """Return bfloat16 numbers whose exponents are between `low` and `high`, as bits."""
    exponent = rng.integers(low, high + 1, shape, dtype=np.uint16)
    rest = rng.integers(0, 256, shape, dtype=np.uint16)
    return ((rest & 0x80) << 8) | (exponent << 7) | (rest & 0x7F)


def mixed(rng, shape, special):
    """Return numbers around one, and a special one here and there, as bits."""
    chosen = rng.choice(np.array(special, np.uint16), shape)
    return np.where(rng.random(shape) < 0.05, chosen, bits(rng, shape, 118, 136))


def cancelling(rng, shape):
    """Return numbers of few sizes, so that sums cancel to nothing or nearly so, as bits."""
    return rng.choice(np.array([0x3F80, 0xBF80, 0x3F81, 0xBF81, 0x3B80, 0xBB80], np.uint16), shape)


KINDS = {
    "around one": lambda rng, shape: bits(rng, shape, 118, 136),
    "of every size": bits,
    "any bits": lambda rng, shape: rng.integers(0, 1 << 16, shape, dtype=np.uint16),
    "cancelling": cancelling,
    "subnormal products": lambda rng, shape: bits(rng, shape, 56, 72),
    "tiny": lambda rng, shape: bits(rng, shape, 0, 66),
    "overflowing": lambda rng, shape: bits(rng, shape, 186, 194),
    "signed zeros": lambda rng, shape: mixed(rng, shape, [0x0000, 0x8000, 0x0001, 0x8001]),
    "inf and NaN": lambda rng, shape: mixed(rng, shape, [0x7F80, 0xFF80, 0x7FC0, 0x7F81, 0xFFFF]),
}


def starts(rng, kind, shape):
    """Return float32 to continue from, of the sizes of a kind, subnormal ones among them."""
    upper = KINDS[kind](rng, shape).astype(np.uint32) << 16
    return (upper | rng.integers(0, 1 << 16, shape, dtype=np.uint32)).view(np.float32)
