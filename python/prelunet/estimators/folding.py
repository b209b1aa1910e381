"""`fold`, which turns a fitted pipeline of scikit-learn into one model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.validation import check_is_fitted

from ..layers import Clip, Columns, Imputation, Layer, OneHot, Rescaling
from ..model import Sequential
from .base import BaseMLP

Array = npt.NDArray[Any]


def fold(pipeline: object, *, dtype: str = "float64") -> Sequential:
    """Return one model that computes what a fitted pipeline of scikit-learn computes.

    The model takes the columns of the pipeline's X, as numbers in the order of training. `save`,
    `to_onnx` and the other exports of `Sequential` then contain the preparation of the data too.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted. Its last step is an `MLPClassifier` or `MLPRegressor` of prelunet. The steps before
        may be `SimpleImputer`, `StandardScaler`, `MinMaxScaler`, `MaxAbsScaler`, `RobustScaler`,
        `OneHotEncoder` of numbers, ``"passthrough"``, and a `ColumnTransformer` or `Pipeline` of
        these.
    dtype : {"float64", "float32"}, default "float64"
        The dtype of the model. float32 is not exact enough for columns whose mean is large compared
        with their standard deviation.

    Returns
    -------
    Sequential
        Compiled with the loss of the estimator. For two classes it has one output, the logit of the
        second one. `metadata` has the class names and, if the pipeline knows them, the names of
        the columns as ``"feature_names"``.

    Raises
    ------
    TypeError, ValueError
        If a step cannot be represented; the message names it. A `OneHotEncoder` of text is such a
        step: encode text as numbers before the pipeline.
    sklearn.exceptions.NotFittedError
        If the pipeline is not fitted.

    Notes
    -----
    Values that a `OneHotEncoder` has not seen get zeros, also with ``handle_unknown="error"``.

    Examples
    --------
    >>> import prelunet as pn
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> pipeline = make_pipeline(StandardScaler(), pn.MLPClassifier((8,), max_iter=500, tol=1e-3))
    >>> model = pn.fold(pipeline.fit(X, y))
    >>> model.predict_proba(X[:2]).shape
    (2, 3)
    """
    if not isinstance(pipeline, Pipeline):
        raise TypeError(f"fold: pipeline must be a Pipeline, got {type(pipeline).__name__}")
    check_is_fitted(pipeline)
    *preparation, (name, estimator) = pipeline.steps
    if not isinstance(estimator, BaseMLP):
        raise TypeError(
            f"fold: the last step {name!r} must be an MLPClassifier or MLPRegressor of prelunet, "
            f"got {type(estimator).__name__}"
        )
    layers = [layer for step in preparation for layer in _layers(*step)]
    network = estimator.to_sequential()
    first = _first_that_counts(pipeline)
    shape = (first.n_features_in_,)
    model = Sequential([*layers, *network.layers], input_shape=shape, dtype=dtype)
    model.set_parameters(network.parameters())
    assert network.engine.compiled is not None
    model.engine.compile(network.engine.compiled)
    model.metadata = dict(network.metadata)
    model.metadata.pop("feature_names", None)  # those of the prepared columns
    if hasattr(first, "feature_names_in_"):
        model.metadata["feature_names"] = [str(one) for one in first.feature_names_in_]
    return model


def _first_that_counts(pipeline: Pipeline) -> Any:
    """Return the first step that knows its number of features; "passthrough" does not."""
    for _, step in pipeline.steps:
        found = _first_that_counts(step) if isinstance(step, Pipeline) else step
        if hasattr(found, "n_features_in_"):
            return found
    return None


def _layers(name: str, step: object) -> list[Layer]:
    """Return the layers of a transformer, which is a step with this name."""
    if step is None or isinstance(step, str):  # "passthrough"
        return []
    writer = next((w for kind, w in _WRITERS.items() if isinstance(step, kind)), None)
    if writer is None:
        known = ", ".join(kind.__name__ for kind in _WRITERS if kind is not FunctionTransformer)
        raise TypeError(
            f"fold: the step {name!r} must be one of {known}, got {type(step).__name__}"
        )
    return writer(name, step)


def _refuse(name: str, expected: str, got: object) -> ValueError:
    return ValueError(f"fold: the step {name!r} must {expected}, got {got}")


def _of_pipeline(name: str, step: Pipeline) -> list[Layer]:
    return [layer for key, inner in step.steps for layer in _layers(f"{name}: {key}", inner)]


def _of_function(name: str, step: FunctionTransformer) -> list[Layer]:
    if step.func is not None:
        raise _refuse(name, "have no function", f"func={step.func!r}")
    return []


def _of_imputer(name: str, step: SimpleImputer) -> list[Layer]:
    missing = step.missing_values
    if not (isinstance(missing, float) and np.isnan(missing)):
        raise _refuse(name, "have missing_values=nan", repr(missing))
    if step.add_indicator:
        raise _refuse(name, "have add_indicator=False", "True")
    try:
        values = np.asarray(step.statistics_).astype(float)
    except ValueError:
        raise _refuse(name, "impute numbers", step.statistics_.tolist()) from None
    if not np.isfinite(values).all():
        place = int(np.argmin(np.isfinite(values)))
        raise _refuse(name, "keep all columns", f"no value for column {place}, which it drops")
    return [Imputation(values.tolist())]


def _rescaled(scale: Array, offset: Array) -> list[Layer]:
    return [Rescaling(np.asarray(scale).tolist(), np.asarray(offset).tolist())]


def _centered(center: Array | None, scale: Array | None, count: int) -> list[Layer]:
    """Return ``(x - center) / scale``; None stands for 0 and for 1."""
    factor = np.ones(count) if scale is None else 1.0 / np.asarray(scale, float)
    return _rescaled(factor, np.zeros(count) if center is None else -np.asarray(center) * factor)


def _of_standard_scaler(name: str, step: StandardScaler) -> list[Layer]:
    center = step.mean_ if step.with_mean else None
    return _centered(center, step.scale_, step.n_features_in_)


def _of_robust_scaler(name: str, step: RobustScaler) -> list[Layer]:
    center = step.center_ if step.with_centering else None
    scale = step.scale_ if step.with_scaling else None
    return _centered(center, scale, step.n_features_in_)


def _of_max_abs_scaler(name: str, step: MaxAbsScaler) -> list[Layer]:
    limits: list[Layer] = [Clip(-1.0, 1.0)] if getattr(step, "clip", False) else []
    return _centered(None, step.scale_, step.n_features_in_) + limits


def _of_min_max_scaler(name: str, step: MinMaxScaler) -> list[Layer]:
    limits: list[Layer] = [Clip(*map(float, step.feature_range))] if step.clip else []
    return _rescaled(step.scale_, step.min_) + limits


def _of_one_hot_encoder(name: str, step: OneHotEncoder) -> list[Layer]:
    for place, values in enumerate(step.categories_):
        if values.dtype.kind not in "biuf":
            raise _refuse(name, "encode numbers", f"{values[0]!r} as a category of column {place}")
        if not np.isfinite(values.astype(float)).all():
            raise _refuse(name, "have finite categories", f"{values[-1]} in column {place}")
    if any(one is not None for one in getattr(step, "infrequent_categories_", [None])):
        raise _refuse(name, "have no infrequent categories", "some")
    dropped = step.drop_idx_
    kept = [
        values if dropped is None or dropped[place] is None else np.delete(values, dropped[place])
        for place, values in enumerate(step.categories_)
    ]
    used = [place for place, values in enumerate(kept) if len(values)]
    if not used:
        raise _refuse(name, "have outputs", "only dropped categories")
    encoder = OneHot([kept[place].astype(float).tolist() for place in used])
    if len(used) == len(kept):
        return [encoder]
    return [Columns([("kept", [encoder], used)])]  # a column of one category may have no output


def _of_column_transformer(name: str, step: ColumnTransformer) -> list[Layer]:
    if step.transformer_weights:
        raise _refuse(name, "have no transformer_weights", step.transformer_weights)
    branches: list[tuple[str, Sequence[Layer], Sequence[int]]] = []
    names = getattr(step, "feature_names_in_", None)
    for key, inner, columns in step.transformers_:
        places = _places(columns, step.n_features_in_, names)
        if places and not (isinstance(inner, str) and inner == "drop"):
            branch = str(key).replace(".", "_").replace("\0", "_")
            branches.append((branch, _layers(f"{name}: {key}", inner), places))
    if not branches:
        raise _refuse(name, "have outputs", "only dropped columns")
    return [Columns(branches)]


def _places(columns: object, count: int, names: Array | None) -> list[int]:
    """Return the positions of columns given by name, position, slice or mask."""
    everything = np.arange(count)
    if isinstance(columns, slice) and any(
        isinstance(end, str) for end in (columns.start, columns.stop)
    ):
        known = [] if names is None else list(names)
        start = 0 if columns.start is None else known.index(columns.start)
        stop = count if columns.stop is None else known.index(columns.stop) + 1
        columns = slice(start, stop, columns.step)
    if isinstance(columns, slice):
        return [int(place) for place in everything[columns]]
    given = np.atleast_1d(np.asarray(columns))
    if given.dtype.kind in "biu":
        return [int(place) for place in everything[given]]
    if given.size == 0:
        return []
    known = [] if names is None else list(names)
    return [known.index(one) for one in given]


_WRITERS: dict[type[Any], Callable[[str, Any], list[Layer]]] = {
    SimpleImputer: _of_imputer,
    StandardScaler: _of_standard_scaler,
    MinMaxScaler: _of_min_max_scaler,
    MaxAbsScaler: _of_max_abs_scaler,
    RobustScaler: _of_robust_scaler,
    OneHotEncoder: _of_one_hot_encoder,
    ColumnTransformer: _of_column_transformer,
    Pipeline: _of_pipeline,
    FunctionTransformer: _of_function,
}
