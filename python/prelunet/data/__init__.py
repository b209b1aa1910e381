"""Data sets by name or path, file readers, and train/test splits.

Importing this package imports only NumPy and the standard library. Functions that need
scikit-learn, mlxtend or pooch import them.
"""

from __future__ import annotations

from prelunet.data.catalog import NAMES, load, where
from prelunet.data.csv_tables import read_csv
from prelunet.data.dataset import Dataset
from prelunet.data.idx import read_idx
from prelunet.data.splitting import split
from prelunet.data.tables import read_npz
from prelunet.data.toys import circles, moons
from prelunet.row_sources.arrow import ParquetRows

__all__ = [
    "NAMES",
    "Dataset",
    "ParquetRows",
    "circles",
    "load",
    "moons",
    "read_csv",
    "read_idx",
    "read_npz",
    "split",
    "where",
]
