"""The fitted state of TabularClassifier and TabularRegressor: predictions, and files."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from ...formats import checked_path
from ...losses import Loss
from ...model import Sequential
from ...tables import Column, Table, choose_kinds, column_names, read_columns
from . import files, onnx_table
from .member import Member
from .parameters import Tabular

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

RECORDS = ("best_epoch_", "best_score_", "loss_curve_", "validation_scores_")  # of a training
_SHARED = ("n_features_in_", "feature_names_in_", "classes_", "n_outputs_", "_is_1d")


class FittedTabular(BaseEstimator, Tabular, ABC):
    """What the estimators do with trained members."""

    n_features_in_: int
    metadata_: dict[str, Any]
    _members: list[Member]

    # ---- for users -------------------------------------------------------------------------------

    def encode(self, X: object) -> Array:
        """Return the rows of a table as the numbers that the network reads.

        Parameters
        ----------
        X : table
            As in `fit`.

        Returns
        -------
        ndarray of shape (n, features)
            The input of `to_sequential`.
        """
        member = self._only_member("encode")
        return member.encoder.transform(self._columns("encode", X), member.network.variable_dtype)

    def to_sequential(self) -> Sequential:
        """Return a copy of the network as a `Sequential`, which predicts from rows of `encode`.

        Its outputs are logits divided by the temperature, or numbers in the units of y; their
        logarithms for the losses "poisson" and "gamma".

        Raises
        ------
        ValueError
            If the estimator has several members; `estimators_` has an estimator for each.
        """
        model = self._only_member("to_sequential").to_sequential()
        model.compile(loss=self._loss())
        return model

    def describe_columns(self) -> list[dict[str, Any]]:
        """Return what each column of X held in training.

        Returns
        -------
        list of dict
            For each column: ``"name"``, its name, or its position without names; ``"kind"``,
            "number", "category" or "date"; and for categories ``"levels"``, the values that
            occurred in training.
        """
        check_is_fitted(self)
        names = vars(self).get("feature_names_in_", range(self.n_features_in_))
        found: list[dict[str, Any]] = []
        for place, name in enumerate(names):
            states = [member.encoder.encoders[place].state() for member in self._members]
            kind = states[0]["kind"]
            if "levels" not in states[0]:
                found.append({"name": name, "kind": kind})
                continue
            levels = dict.fromkeys(level for state in states for level in state["levels"])
            found.append({"name": name, "kind": "category", "levels": list(levels)})
        return found

    def fingerprint(self) -> str:
        """Return a hash of encodings and networks: 16 hexadecimal digits.

        Two estimators with the same fingerprint give the same bits for the same table.
        """
        check_is_fitted(self)
        return files.fingerprint(self._records(), self._members)

    def save(
        self, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Save the fitted estimator to a file, which contains no pickle.

        `prelunet.load` returns the estimator. Parameters that JSON cannot represent, such as
        callbacks, scorers and random states, are not saved: they get their defaults.

        Parameters
        ----------
        path : path-like
            Must end in ``.npz``, or in ``.safetensors``, which needs the package of that name.
        metadata : mapping, optional
            JSON values that `load` restores as the attribute `metadata_`; by default those of the
            file that the estimator comes from, if any.

        Raises
        ------
        OSError
            If the file cannot be written; an existing file is unchanged.
        ImportError
            If the safetensors package is needed but not installed.
        """
        check_is_fitted(self)
        parameters = self.get_params(deep=False)
        names = getattr(self, "feature_names_in_", None)
        records = self._records() | {
            "n_features_in_": self.n_features_in_,
            "feature_names_in_": None if names is None else names.tolist(),
        }
        if metadata is None:
            metadata = vars(self).get("metadata_", {})
        files.write(path, type(self).__name__, parameters, records, self._members, metadata)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Export what the estimator predicts from columns to an ONNX file (opset 17).

        Each column is an input of shape (batch, 1) with its name, or "x0", "x1", ... without names:

        - text, in which "" is missing;
        - int64 for dates: microseconds since 1970, with the smallest integer where missing, as in
          ``dates.to_numpy("datetime64[us]").astype("int64")``;
        - double, in which NaN is missing. Bool is 0 and 1.

        The outputs are named as by skl2onnx: "label" (batch,) and "probabilities" (batch, classes),
        or "variable" (batch, outputs).

        Parameters
        ----------
        path : path-like
            Must end in ``.onnx``.

        Raises
        ------
        OSError
            If the file cannot be written; an existing file is unchanged.
        TypeError, ValueError
            If `path` is invalid, or a column holds both text and numbers.
        ImportError
            If the onnx package is not installed.
        """
        check_is_fitted(self)
        target = checked_path("to_onnx", path, (".onnx",))
        names = getattr(self, "feature_names_in_", None)
        inputs = [f"x{i}" for i in range(self.n_features_in_)] if names is None else list(names)
        classes = vars(self).get("classes_")
        onnx_table.write(
            target,
            self._members,
            inputs,
            classes,
            function=self._onnx_function(),
            ranks=self._onnx_ranks(),
        )

    # ---- implemented by the two estimators -------------------------------------------------------

    @abstractmethod
    def _loss(self) -> Loss:
        """Return the loss of the network."""

    @abstractmethod
    def _outputs(self) -> int:
        """Return the number of outputs of the network."""

    @abstractmethod
    def _combine(self, outputs: Sequence[Floats]) -> Floats:
        """Return the mean prediction of members: probabilities, or numbers."""

    @abstractmethod
    def _onnx_function(self) -> str | None:
        """Return the operator of ONNX that `_combine` applies to the outputs, if any."""

    def _onnx_ranks(self) -> list[int] | None:
        """Return the places of the predictions of a row among the sorted ones, if it is sorted."""
        return None

    @abstractmethod
    def _records(self) -> dict[str, Any]:
        """Return the fitted attributes that the members lack, as JSON values."""

    @abstractmethod
    def _set_records(self, records: Mapping[str, Any]) -> None:
        """Restore what `_records` returned; raise if it is damaged."""

    # ---- fitted state ----------------------------------------------------------------------------

    def _columns(
        self, operation: str, X: Table, *, reset: bool = False, y: object = 0
    ) -> list[Column]:
        """Return the columns of X, after scikit-learn's checks of names and their number."""
        columns = read_columns(operation, X)
        rows = len(columns[0].values) if columns else 0
        if not columns or not rows:
            kind, count = ("sample", len(columns)) if columns else ("feature", 0)
            raise ValueError(
                f"Found array with 0 {kind}(s) (shape=({rows}, {count})) while a minimum of 1 is "
                "required."
            )
        if reset or not self._is_of_fit(X, len(columns)):
            validate_data(self, X, y, reset=reset, skip_check_array=True)
        if reset:
            columns = choose_kinds("fit", X, columns, self.categorical_features)
        return columns

    def _is_of_fit(self, X: Table, count: int) -> bool:
        """Return whether a table has the number of columns of `fit`, and its names if any."""
        names, fitted = column_names(X), getattr(self, "feature_names_in_", None)
        if fitted is not None:
            return bool(names == fitted.tolist())
        named = names is not None and any(isinstance(name, str) for name in names)
        return count == self.n_features_in_ and not named

    def _set_attributes(self) -> None:
        """Set the public attributes of the members."""
        if len(self._members) == 1:
            self.__dict__.update(self._members[0].records)
            return
        self.estimators_ = []
        for member in self._members:
            own = clone(self).set_params(n_estimators=1, cv=None)
            fitted = {n: v for n, v in vars(self).items() if n in _SHARED}
            own.__dict__.update(fitted, _members=[member])
            own._set_attributes()
            self.estimators_.append(own)

    def _predictions(self, operation: str, X: object) -> Floats:
        """Return the mean prediction of all members."""
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)  # raises
        columns = self._columns(operation, X)
        return self._combine([member.outputs(columns) for member in self._members])

    @classmethod
    def of_parts(cls, parts: files.Parts) -> Self:
        """Return the estimator of a file.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the file is damaged.
        """
        estimator = cls(**parts.parameters)
        names = parts.records["feature_names_in_"]
        estimator.n_features_in_ = int(parts.records["n_features_in_"])
        if names is not None:
            estimator.feature_names_in_ = np.array(names, dtype=object)
        estimator._set_records(parts.records)
        for member in parts.members:
            wanted = (estimator._outputs(), estimator.n_features_in_)
            if (len(member.scaling.factor), len(member.encoder.encoders)) != wanted:
                raise ValueError("the members must have the outputs and columns of the estimator")
            if not member.records.keys() <= {*RECORDS, "temperature_"}:
                raise ValueError(f"unknown records of a member: {', '.join(member.records)}")
        estimator._members = parts.members
        estimator.metadata_ = parts.metadata
        estimator._set_attributes()
        return estimator

    def _only_member(self, operation: str) -> Member:
        check_is_fitted(self)
        if len(self._members) > 1:
            raise ValueError(
                f"{operation}: the estimator must have one member, got {len(self._members)}; use "
                "one of estimators_"
            )
        return self._members[0]

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `fit` has succeeded."""
        return "_members" in vars(self)

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags
