"""The base class of TabularClassifier and TabularRegressor."""

from __future__ import annotations

import math
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags, check_consistent_length
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..._arrays import refuse_masked
from ...dtypes import variable_dtype
from ...formats import checked_path
from ...losses import Loss
from ...model import Sequential
from ...tables import Column, Table, TableEncoder, choose_kinds, read_columns
from ..limits import check_weights
from . import files, onnx_table
from .bagging import Job, train_members
from .member import Member
from .parameters import Tabular, check_parameters
from .recipe import Recipe
from .rows import Data, Plan
from .splitting import jobs_of
from .training import HeldOut, Trained, Training

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_SEEDS = 2**31 - 1  # exclusive upper bound


class BaseTabular(BaseEstimator, Tabular, ABC):
    """The base of the estimators; subclasses document parameters and attributes."""

    n_features_in_: int
    _members: list[Member]

    _task: str  # a key of the presets

    def _store(self, arguments: Mapping[str, object]) -> None:
        """Store the constructor's ``locals()`` unchanged; scikit-learn has `fit` check them."""
        self.__dict__.update({name: arguments[name] for name in self._get_param_names()})

    # ---- for users -----------------------------------------------------------------------------

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: object = None,
        y_val: object = None,
        sample_weight_val: npt.ArrayLike | None = None,
        groups: npt.ArrayLike | None = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : data frame, Arrow table, array or list of rows
            Columns of numbers, text, bool, categories and dates, with missing values.
        y : array-like of shape (n,), or (n, outputs) for regression
        sample_weight : array-like of shape (n,), optional
            At least 0. Weights count rows in the loss, in medians and quartiles, and in scores.
        X_val, y_val : optional
            Validation data, like X and y, in place of held-out rows of X. They choose the best
            epoch.
        sample_weight_val : array-like, optional
            Weights of the validation data.
        groups : array-like of shape (n,), optional
            Rows of a group are either trained on or held out. With `cv`, passed to the splitter.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are invalid; the estimator is unchanged then.
        """
        before = dict(vars(self))
        try:
            self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), groups)
        except BaseException:
            self.__dict__ = before
            raise
        return self

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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted estimator to a file, which contains no pickle.

        `prelunet.load` returns the estimator. Parameters that JSON cannot represent, such as
        callbacks, scorers and random states, are not saved: they get their defaults.

        Parameters
        ----------
        path : path-like
            Must end in ``.npz``, or in ``.safetensors``, which needs the package of that name.

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
        files.write(path, type(self).__name__, parameters, records, self._members)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Export what the estimator predicts from columns to an ONNX file (opset 17).

        Each column is an input of shape (batch, 1) with its name, or "x0", "x1", ... without names:
        text, in which "" is missing, or double, in which NaN is missing. Bool is 0 and 1. The
        outputs are named as by skl2onnx: "label" (batch,) and "probabilities" (batch, classes), or
        "variable" (batch, outputs).

        Parameters
        ----------
        path : path-like
            Must end in ``.onnx``.

        Raises
        ------
        OSError
            If the file cannot be written; an existing file is unchanged.
        TypeError, ValueError
            If `path` is invalid, or a column holds dates, or both text and numbers.
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

    # ---- implemented by the two estimators -----------------------------------------------------

    @abstractmethod
    def _loss(self) -> Loss:
        """Return the loss of the network."""

    @abstractmethod
    def _check_own(self) -> None:
        """Check the parameters that the other estimator lacks."""

    @abstractmethod
    def _take_y(self, y: object, *, reset: bool) -> Array:
        """Return checked targets; `reset` makes the classes or the number of outputs known."""

    @abstractmethod
    def _outputs(self) -> int:
        """Return the number of outputs of the network."""

    @abstractmethod
    def _plan(self, data: Data, held: Data, recipe: Recipe) -> Plan:
        """Return what the network is trained on for rows, and the score of the held-out rows."""

    def _needs_held_out(self) -> bool:
        """Return whether a temperature is fitted in any case."""
        return False

    def _calibrates(self) -> bool:
        """Return whether a temperature is fitted to the held-out rows."""
        return False

    def _calibrated(self, member: Member, X: Array | None, held: Data) -> Member:
        """Return the member with a temperature, fitted to the held-out rows encoded as X, if any.

        X is None without held-out rows, and if `_calibrates` is False.
        """
        return member

    @abstractmethod
    def _with_calibration_of(self, member: Member, first: Member) -> Member:
        """Return a refitted member with the calibration and records of the first one."""

    @abstractmethod
    def _score_of(self, predictions: Floats, data: Data) -> float:
        """Return the score of predictions as `_combine` returns them."""

    @abstractmethod
    def _onnx_function(self) -> str | None:
        """Return the operator of ONNX that `_combine` applies to the outputs, if any."""

    def _onnx_ranks(self) -> list[int] | None:
        """Return the places of the predictions of a row among the sorted ones, if it is sorted."""
        return None

    @abstractmethod
    def _combine(self, outputs: Sequence[Floats]) -> Floats:
        """Return the mean prediction of members: probabilities, or numbers."""

    @abstractmethod
    def _records(self) -> dict[str, Any]:
        """Return the fitted attributes that the members lack, as JSON values."""

    @abstractmethod
    def _set_records(self, records: Mapping[str, Any]) -> None:
        """Restore what `_records` returned; raise if it is damaged."""

    # ---- training ------------------------------------------------------------------------------

    def _fit(
        self,
        X: object,
        y: object,
        sample_weight: object,
        validation: tuple[object, object, object],
        groups: npt.ArrayLike | None,
    ) -> None:
        owner = type(self).__name__
        self._check_own()
        recipe = check_parameters(self, self._task)
        data = self._take(X, y, sample_weight, reset=True)
        given = None
        if validation[0] is not None or validation[1] is not None:
            if validation[0] is None or validation[1] is None:
                raise ValueError(f"{owner}: X_val and y_val must be given together")
            if self.cv is not None:
                raise ValueError(f"{owner}: X_val must be None where cv is given")
            if self.refit:
                raise ValueError(f"{owner}: refit must be False where X_val is given")
            given = self._take(*validation, reset=False, suffix="_val")
        jobs = jobs_of(self, data, groups, holds_out=given is None)
        if given is None and self._needs_held_out() and not all(len(job.held) for job in jobs):
            raise ValueError(f"{owner}: calibration='temperature' needs held-out rows, got none")
        verbose = self.verbose if len(jobs) == 1 else False
        training = Training(
            *(owner, recipe, self._loss(), self._outputs(), self.dtype),
            calibrates=self._calibrates(),
            verbose=verbose,
            callbacks=self.callbacks or (),
            cancelled=threading.Event(),
        )

        def train(job: Job, deadline: float) -> Member:
            if self.refit and len(job.held):
                return self._refitted(training, data, job, deadline)
            held = data.take(job.held) if given is None else given
            return self._train(training, data.take(job.trained), held, job.seed, deadline)

        self._forget()
        self._members = train_members(
            owner,
            jobs,
            train,
            time_limit=self.time_limit,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            cancelled=training.cancelled,
        )
        self._set_attributes()
        if self.cv is not None:
            self._set_out_of_fold(data, jobs)

    def _train(
        self,
        training: Training,
        data: Data,
        held: Data,
        seed: int,
        deadline: float,
        *,
        epochs: int | None = None,
    ) -> Member:
        """Return a member trained on `data`, whose best epoch `held` decides if it has rows."""
        recipe, dtype = training.recipe, variable_dtype(self.dtype)
        plan = self._plan(data, held, recipe)
        encoder = TableEncoder.fit(
            data.columns, data.row_counts(), max_one_hot_levels=recipe.max_one_hot()
        )
        X = encoder.transform(data.columns, dtype)
        validation = X_val = None
        if held.count:
            X_val = encoder.transform(held.columns, dtype)
            validation = HeldOut(X_val, plan.score_of)
        trained = training.run(
            *(encoder, X, plan.targets, plan.weights, validation),
            seed=seed,
            deadline=deadline,
            epochs=epochs,
        )
        records = records_of(trained)
        member = Member(encoder, trained.network, plan.scaling, records)
        return self._calibrated(member, X_val if training.calibrates else None, held)

    def _refitted(self, training: Training, data: Data, job: Job, deadline: float) -> Member:
        """Return a member of all rows, trained until the best epoch of a member of some."""
        now = time.monotonic()
        trained, held = data.take(job.trained), data.take(job.held)
        first = self._train(training, trained, held, job.seed, now + 0.5 * (deadline - now))
        rows = np.union1d(job.trained, job.held)
        epochs = first.records["best_epoch_"] + 1
        again = self._train(
            *(training, data.take(rows), data.take(rows[:0]), job.seed, deadline), epochs=epochs
        )
        return self._with_calibration_of(again, first)

    def _take(
        self, X: object, y: object, sample_weight: object, *, reset: bool, suffix: str = ""
    ) -> Data:
        """Check rows; `reset` makes the columns and targets those of later rows."""
        owner = type(self).__name__
        refuse_masked("fit", f"y{suffix}", y)
        columns = self._columns("fit", X, reset=reset, y=y)
        targets = self._take_y(y, reset=reset)
        check_consistent_length(columns[0].values, targets)
        weights = None
        if sample_weight is not None:
            name = f"sample_weight{suffix}"
            refuse_masked("fit", name, sample_weight)
            weights = _check_sample_weight(sample_weight, columns[0].values, dtype=np.float64)
            check_weights(owner, name, weights)
            if not weights.any():
                raise ValueError("Sample weights must contain at least one non-zero number.")
        return Data(columns, targets, weights)

    def _columns(
        self, operation: str, X: Table, *, reset: bool = False, y: object = 0
    ) -> list[Column]:
        """Return the columns of X, after scikit-learn's checks of names and their number."""
        if not reset:
            check_is_fitted(self, "n_features_in_")
        columns = read_columns(operation, X)
        rows = len(columns[0].values) if columns else 0
        if not columns or not rows:
            kind, count = ("sample", len(columns)) if columns else ("feature", 0)
            raise ValueError(
                f"Found array with 0 {kind}(s) (shape=({rows}, {count})) while a minimum of 1 is "
                "required."
            )
        validate_data(self, X, y, reset=reset, skip_check_array=True)
        if reset:
            columns = choose_kinds("fit", X, columns, self.categorical_features)
        return columns

    # ---- fitted state --------------------------------------------------------------------------

    def _forget(self) -> None:
        """Delete the attributes of an earlier fit that the next one may lack."""
        for name in ("estimators_", "oof_prediction_", "oof_score_", *_RECORDS, "temperature_"):
            self.__dict__.pop(name, None)

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

    def _set_out_of_fold(self, data: Data, jobs: Sequence[Job]) -> None:
        """Predict the rows that each member's fold leaves out, and score them."""
        total, counts = None, np.zeros(data.count)
        for job, member in zip(jobs, self._members, strict=True):
            assert job.fold is not None
            rows = data.take(job.fold)
            found = self._combine([member.outputs(rows.columns)])
            if total is None:
                total = np.zeros((data.count, *found.shape[1:]))
            total[job.fold] += found
            counts[job.fold] += 1.0
        assert total is not None
        covered = np.flatnonzero(counts)
        prediction = np.full(total.shape, np.nan)
        prediction[covered] = (total[covered].T / counts[covered]).T
        self.oof_prediction_ = prediction
        scored = np.intersect1d(covered, data.present())
        self.oof_score_ = self._score_of(prediction[scored], data.take(scored))

    def _predictions(self, operation: str, X: object) -> Floats:
        """Return the mean prediction of all members."""
        check_is_fitted(self)
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
            if not member.records.keys() <= {*_RECORDS, "temperature_"}:
                raise ValueError(f"unknown records of a member: {', '.join(member.records)}")
        estimator._members = parts.members
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


_RECORDS = ("best_epoch_", "best_score_", "loss_curve_", "validation_scores_")
_SHARED = ("n_features_in_", "feature_names_in_", "classes_", "n_outputs_", "_is_1d")


def records_of(trained: Trained) -> dict[str, Any]:
    """Return the fitted attributes of a training, as JSON values."""
    score = trained.scores[trained.best_epoch] if trained.scores else math.nan
    best = None if math.isnan(score) else score
    values = (trained.best_epoch, best, trained.losses, trained.scores)
    return dict(zip(_RECORDS, values, strict=True))
