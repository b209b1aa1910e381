"""prelunet: fast training of small and medium neural networks on CPUs.

>>> import prelunet as pn
>>> model = pn.Sequential([pn.Dense(64), pn.PReLU(), pn.Dense(10)], seed=0)
>>> model.compile(optimizer=pn.Adam(), loss="softmax_cross_entropy", metrics=["accuracy"])
"""

from __future__ import annotations

import importlib
from typing import Any

from . import callbacks, initializers, layers, losses, metrics, ops, optimizers, schedules
from ._core import __version__
from .callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    LambdaCallback,
    LearningRateSchedule,
    ParameterHistory,
    ProgressBar,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)
from .clipping import clip_norm
from .history import History
from .layers import (
    ACTIVATION_LAYERS,
    Clip,
    Columns,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Imputation,
    Lambda,
    Layer,
    LayerNorm,
    MaxPool2D,
    OneHot,
    Parametric,
    PeriodicEmbeddings,
    PiecewiseLinearEmbeddings,
    PReLU,
    Rescaling,
    Residual,
    Scale,
    compute_bins,
)
from .loading import load
from .model import Sequential
from .optimizers import SGD, Adam, AdamW, Lion, RMSprop
from .parameter_groups import ParameterGroup
from .runtime import get_num_threads, set_num_threads, show_config

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Callback",
    "Checkpoint",
    "Clip",
    "Columns",
    "Conv2D",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "Flatten",
    "History",
    "Imputation",
    "Lambda",
    "LambdaCallback",
    "Layer",
    "LayerNorm",
    "LearningRateSchedule",
    "MaxPool2D",
    "OneHot",
    "RMSprop",
    "Lion",
    "PReLU",
    "ParameterGroup",
    "Parametric",
    "ParameterHistory",
    "ProgressBar",
    "ReduceLROnPlateau",
    "PeriodicEmbeddings",
    "PiecewiseLinearEmbeddings",
    "Rescaling",
    "Residual",
    "Scale",
    "Sequential",
    "TensorBoard",
    "TerminateOnNaN",
    "__version__",
    "callbacks",
    "check_gradients",
    "clip_norm",
    "compute_bins",
    "fit_many",
    "from_keras",
    "from_onnx",
    "from_torch",
    "get_num_threads",
    "initializers",
    "layers",
    "load",
    "losses",
    "metrics",
    "ops",
    "optimizers",
    "predict_many",
    "schedules",
    "set_num_threads",
    "show_config",
    *ACTIVATION_LAYERS,
]

# Imported on first use, since training does not need them.
_LAZY = ("data", "distributions", "estimators", "interop", "plots")
# These need scikit-learn.
_ESTIMATORS = ("MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor", "fold")
# Functions of `many`.
_MANY = ("fit_many", "predict_many")
# Functions and the modules of interop that define them.
_FROM_OTHERS = {"from_keras": "keras", "from_onnx": "onnx", "from_torch": "torch"}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_LAZY, *_ESTIMATORS})


def __getattr__(name: str) -> Any:
    if name in ACTIVATION_LAYERS:
        return ACTIVATION_LAYERS[name]
    if name in _ESTIMATORS:
        return getattr(importlib.import_module(".estimators", __name__), name)
    if name == "check_gradients":
        from .gradient_check import check_gradients

        return check_gradients
    if name in _MANY:
        return getattr(importlib.import_module(".many", __name__), name)
    if name in _LAZY:
        return importlib.import_module(f".{name}", __name__)
    if name in _FROM_OTHERS:
        return getattr(importlib.import_module(f".interop.{_FROM_OTHERS[name]}", __name__), name)
    raise AttributeError(f"module 'prelunet' has no attribute {name!r}")
