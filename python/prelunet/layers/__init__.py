"""Layers, the immutable descriptions of a network's parts. C++ computes them."""

from __future__ import annotations

from .activation import ACTIVATION_LAYERS, Activation, PReLU
from .base import Layer
from .clip import Clip
from .columns import Columns
from .conv2d import Conv2D
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .function import Lambda
from .imputation import Imputation
from .layer_norm import LayerNorm
from .max_pool2d import MaxPool2D
from .one_hot import OneHot
from .parametric import Parametric
from .periodic_embeddings import PeriodicEmbeddings
from .piecewise_linear_embeddings import PiecewiseLinearEmbeddings, compute_bins
from .reshaping import Flatten, Rescaling
from .residual import Residual
from .scale import Scale

__all__ = [
    "ACTIVATION_LAYERS",
    "Activation",
    "Clip",
    "Columns",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Imputation",
    "Lambda",
    "Layer",
    "LayerNorm",
    "MaxPool2D",
    "PReLU",
    "Parametric",
    "PeriodicEmbeddings",
    "PiecewiseLinearEmbeddings",
    "OneHot",
    "Rescaling",
    "Residual",
    "Scale",
    "compute_bins",
    *ACTIVATION_LAYERS,
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> type[Activation]:
    if name in ACTIVATION_LAYERS:
        return ACTIVATION_LAYERS[name]
    raise AttributeError(f"module 'prelunet.layers' has no attribute {name!r}")
