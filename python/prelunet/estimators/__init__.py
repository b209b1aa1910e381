"""Estimators with scikit-learn's contract; see README.md beside this file.

This package is imported on first use, because it requires scikit-learn, an optional package.
"""

from __future__ import annotations

from .._extras import require

_FIRST = (1, 6)  # the first release with validate_data and the current tags

_found = require("sklearn", extra="sklearn", purpose="prelunet.estimators").__version__
if tuple(int(part) for part in _found.split(".")[:2]) < _FIRST:
    raise ImportError(
        f"prelunet.estimators needs scikit-learn 1.6 or newer, got {_found}: "
        "pip install 'prelunet[sklearn]'"
    )

from .classifier import MLPClassifier  # noqa: E402
from .folding import fold  # noqa: E402
from .regressor import MLPRegressor  # noqa: E402
from .tabular import TabularClassifier, TabularRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor", "fold"]
