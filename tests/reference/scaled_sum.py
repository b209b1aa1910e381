"""factor * x + y."""

from __future__ import annotations

import numpy as np


def scaled_sum(x, y, factor):
    """Return factor * x + y."""
    return factor * np.asarray(x, np.float64) + np.asarray(y, np.float64)
