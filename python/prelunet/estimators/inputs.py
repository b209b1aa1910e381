"""Rows to predict that need no conversion."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

ENGINE_DTYPES = [np.float64, np.float32, np.bool_]
"""Dtypes of X that the engine reads; scikit-learn's validation converts others to the first."""
ENGINE_DTYPES += [np.int8, np.int16, np.int32, np.int64]
ENGINE_DTYPES += [np.uint8, np.uint16, np.uint32, np.uint64]

_READ = frozenset(map(np.dtype, ENGINE_DTYPES))  # in native byte order
_MOST = 65536  # elements; for more, scikit-learn's validation takes little of the time


def rows_as_they_are(X: object, features: int, names: Array | None) -> Array | None:
    """Return X as an array if scikit-learn's validation would accept it without a warning.

    The validation takes 0.1 ms, and for data frames milliseconds. None means that it has to decide.

    Parameters
    ----------
    X : object
        The rows of the caller.
    features : int
        Their expected number of columns.
    names : ndarray of str or None
        The names of the columns, if the training data had names.
    """
    if names is not None:
        X = _numbers_of_frame(X, names)
    if type(X) is not np.ndarray or X.ndim != 2 or X.dtype not in _READ:
        return None
    if X.shape[1] != features or not 0 < X.size <= _MOST or not np.isfinite(X).all():
        return None
    return X


def _numbers_of_frame(X: object, names: Array) -> object:
    """Return the values of a pandas data frame with these columns, all of NumPy's dtypes."""
    if not hasattr(X, "iloc") or not hasattr(X, "columns"):
        return None
    if not hasattr(X, "dtypes") or not hasattr(X, "to_numpy"):
        return None
    if X.columns.tolist() != names.tolist():
        return None
    dtypes = X.dtypes.tolist()
    if not all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return None
    return X.to_numpy()
