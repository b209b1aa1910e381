"""The networks of pytabkit for tables, with defaults, on one thread."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from prelunet.tables import CLASSIFICATION

from .tables import Estimator


def real_mlp_td_s(task: str, seed: int) -> Estimator:
    """Return RealMLP-TD-S."""
    return _make("RealMLP_TD_S", task, seed)


def real_mlp_td(task: str, seed: int) -> Estimator:
    """Return RealMLP-TD."""
    return _make("RealMLP_TD", task, seed)


def tab_m(task: str, seed: int) -> Estimator:
    """Return TabM."""
    return _make("TabM_D", task, seed)


def _make(name: str, task: str, seed: int) -> Estimator:
    warnings.simplefilter("ignore")
    module: Any = importlib.import_module("pytabkit")
    kind = getattr(module, f"{name}_{'Classifier' if task == CLASSIFICATION else 'Regressor'}")
    made: Estimator = kind(device="cpu", n_threads=1, random_state=seed, verbosity=0)
    return made
