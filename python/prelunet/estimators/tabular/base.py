"""The training of TabularClassifier and TabularRegressor."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_sample_weight

from ..._arrays import refuse_masked
from ...dtypes import variable_dtype
from ...tables import TableEncoder
from ..limits import check_weights, within_float64
from .bagging import Job, train_members
from .fitted import RECORDS, FittedTabular
from .member import Member
from .outputs import OutputScaling
from .parameters import check_parameters
from .recipe import Recipe
from .rows import Data, Plan
from .splitting import jobs_of
from .training import HeldOut, Interrupted, Trained, Training

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


_OF_A_FIT = ("estimators_", "oof_prediction_", "oof_score_", "temperature_", "metadata_")


class BaseTabular(FittedTabular):
    """The base of the estimators; subclasses document parameters and attributes."""

    _task: str  # a key of the presets

    def _store(self, arguments: Mapping[str, object]) -> None:
        """Store the constructor's ``locals()`` unchanged; scikit-learn has `fit` check them."""
        self.__dict__.update({name: arguments[name] for name in self._get_param_names()})

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

        Notes
        -----
        With `warm_start`, a fit after another one begins with the fitted parameters. The columns,
        their encoding, the classes and the scaling of y stay those of the first fit; X and y must
        have the same columns, classes and outputs. A new optimizer trains all epochs, with the
        schedules of a first fit. Rows are held out anew: with ``random_state=None`` they are other
        rows, on which the parameters may have been trained. Records are those of the last fit.

        An exception in training, such as KeyboardInterrupt or one in a callback, leaves the best
        epoch so far. With several members, or before the end of the first epoch, it leaves the
        estimator unchanged.
        """
        before = dict(vars(self))
        try:
            self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), groups)
        except Interrupted as stop:
            if self.n_estimators > 1 or self.cv is not None:
                self.__dict__ = before
            else:
                self._members = [stop.kept]
                self._set_attributes()
            raise stop.error from None
        except BaseException:
            self.__dict__ = before
            raise
        return self

    # ---- implemented by the two estimators -------------------------------------------------------

    @abstractmethod
    def _check_own(self) -> None:
        """Check the parameters that the other estimator lacks."""

    @abstractmethod
    def _take_y(self, y: object, *, reset: bool, name: str = "y") -> Array:
        """Return checked targets; `reset` makes the classes or the number of outputs known."""

    @abstractmethod
    def _check_kept(self, data: Data, members: Sequence[Member], *, whole: bool) -> None:
        """Check that members of an earlier fit can be trained on rows of another one.

        `whole` means that these are all rows, not those of a `partial_fit`.
        """

    @abstractmethod
    def _plan(
        self, data: Data, held: Data, recipe: Recipe, scaling: OutputScaling | None = None
    ) -> Plan:
        """Return what the network is trained on for rows, and the score of the held-out rows.

        `scaling` is that of an earlier fit, which is kept.
        """

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

    # ---- training --------------------------------------------------------------------------------

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
        earlier = vars(self).get("_members") if self.warm_start else None
        data = self._take(X, y, sample_weight, reset=earlier is None)
        if earlier is not None:
            self._check_kept(data, earlier, whole=True)
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
        training = self._training(recipe, len(jobs))
        starts = self._starts(jobs, earlier)

        def train(job: Job, deadline: float) -> Member:
            start = starts.get(job)
            if self.refit and len(job.held):
                return self._refitted(training, data, job, deadline, start)
            held = data.take(job.held) if given is None else given
            rows = data.take(job.trained)
            return self._train(training, rows, held, job.seed, deadline, start=start)

        self._forget()
        self._members = train_members(
            owner,
            jobs,
            train,
            time_limit=self.time_limit,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )
        self._set_attributes()
        if self.cv is not None:
            self._set_out_of_fold(data, jobs)

    def _training(self, recipe: Recipe, members: int) -> Training:
        return Training(
            *(type(self).__name__, recipe, self._loss(), self._outputs(), self.dtype),
            calibrates=self._calibrates(),
            verbose=self.verbose if members == 1 else False,
            callbacks=self.callbacks or (),
        )

    def _starts(self, jobs: Sequence[Job], earlier: Sequence[Member] | None) -> dict[Job, Member]:
        """Return the members of an earlier fit from which members begin."""
        if earlier is None:
            return {}
        if len(earlier) != len(jobs):
            raise ValueError(
                f"{type(self).__name__}: cv and n_estimators must give {len(earlier)} members as "
                f"in the earlier fit, got {len(jobs)}"
            )
        return dict(zip(jobs, earlier, strict=True))

    def _train_part(
        self, X: object, y: object, sample_weight: object, *, known_targets: bool
    ) -> None:
        owner = type(self).__name__
        self._check_own()
        recipe = check_parameters(self, self._task).incremental()
        if self.cv is not None:
            raise ValueError(f"{owner}: cv must be None for partial_fit")
        earlier = vars(self).get("_members")
        first = earlier is None
        data = self._take(X, y, sample_weight, reset=first, new_targets=first and not known_targets)
        if earlier is not None:
            self._check_kept(data, earlier, whole=False)
        elif self._needs_held_out():
            raise ValueError(f"{owner}: calibration='temperature' needs held-out rows, got none")
        jobs = jobs_of(self, data, None, holds_out=False)
        starts = self._starts(jobs, earlier)
        training = self._training(recipe, len(jobs))

        def train(job: Job, _: float) -> Member:
            rows = data.take(job.trained)
            return self._trained_part(training, rows, job.seed, starts.get(job))

        self._forget()
        self._members = train_members(
            owner,
            jobs,
            train,
            time_limit=None,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )
        self._set_attributes()

    def _trained_part(
        self, training: Training, data: Data, seed: int, start: Member | None
    ) -> Member:
        """Return a member trained for one epoch, from its start if it has one."""
        recipe = training.recipe
        plan, encoder = self._plan_and_encoder(data, data.take(np.arange(0)), recipe, start)
        network, loss = training.run_part(
            *(encoder, encoder.transform(data.columns, variable_dtype(self.dtype))),
            *(plan.targets, plan.weights),
            seed=seed,
            start=None if start is None else start.network,
            continues=start is not None and start.recipe == recipe,
        )
        losses = [*([] if start is None else start.records["loss_curve_"]), loss]
        records = records_of(Trained(network, losses, [], len(losses) - 1))
        member = Member(encoder, network, plan.scaling, records, recipe)
        if start is None:
            return self._calibrated(member, None, data)
        kept = self._with_calibration_of(member, start)
        return replace(kept, records=start.records | records)

    def _plan_and_encoder(
        self, data: Data, held: Data, recipe: Recipe, start: Member | None
    ) -> tuple[Plan, TableEncoder]:
        """Return the plan and the encoder of rows, those of an earlier training if there is one."""
        if start is not None:
            return self._plan(data, held, recipe, start.scaling), start.encoder
        most = recipe.max_one_hot()
        encoder = TableEncoder.fit(data.columns, data.row_counts(), max_one_hot_levels=most)
        return self._plan(data, held, recipe), encoder

    def _train(
        self,
        training: Training,
        data: Data,
        held: Data,
        seed: int,
        deadline: float,
        *,
        epochs: int | None = None,
        start: Member | None = None,
    ) -> Member:
        """Return a member trained on `data`, whose best epoch `held` decides if it has rows."""
        recipe, dtype = training.recipe, variable_dtype(self.dtype)
        plan, encoder = self._plan_and_encoder(data, held, recipe, start)
        X = encoder.transform(data.columns, dtype)
        validation = X_val = None
        if held.count:
            X_val = encoder.transform(held.columns, dtype)
            validation = HeldOut(X_val, plan.score_of)

        def member_of(trained: Trained) -> Member:
            member = Member(encoder, trained.network, plan.scaling, records_of(trained))
            return self._calibrated(member, X_val if training.calibrates else None, held)

        try:
            trained = training.run(
                *(encoder, X, plan.targets, plan.weights, validation),
                seed=seed,
                deadline=deadline,
                epochs=epochs,
                start=None if start is None else start.network,
            )
        except Interrupted as stop:
            raise Interrupted(member_of(stop.kept), stop.error) from stop.error
        return member_of(trained)

    def _refitted(
        self, training: Training, data: Data, job: Job, deadline: float, start: Member | None
    ) -> Member:
        """Return a member of all rows, trained until the best epoch of a member of some."""
        now = time.monotonic()
        trained, held = data.take(job.trained), data.take(job.held)
        half = now + 0.5 * (deadline - now)
        first = self._train(training, trained, held, job.seed, half, start=start)
        rows = np.union1d(job.trained, job.held)
        epochs = first.records["best_epoch_"] + 1
        try:
            again = self._train(
                *(training, data.take(rows), data.take(rows[:0]), job.seed, deadline),
                epochs=epochs,
                start=start,
            )
        except Interrupted as stop:  # the first member was trained to its end
            raise Interrupted(first, stop.error) from stop.error
        return self._with_calibration_of(again, first)

    def _take(
        self,
        X: object,
        y: object,
        sample_weight: object,
        *,
        reset: bool,
        new_targets: bool | None = None,
        suffix: str = "",
    ) -> Data:
        """Check rows; `reset` makes the columns and targets those of later rows.

        `new_targets` is `reset` for targets, if they differ.
        """
        owner = type(self).__name__
        refuse_masked("fit", f"y{suffix}", y)
        columns = self._columns("fit", X, reset=reset, y=y)
        targets = self._take_y(
            y, reset=reset if new_targets is None else new_targets, name=f"y{suffix}"
        )
        check_consistent_length(columns[0].values, targets)
        weights = None
        if sample_weight is not None:
            name = f"sample_weight{suffix}"
            refuse_masked("fit", name, sample_weight)
            with within_float64(owner, name):
                weights = _check_sample_weight(sample_weight, columns[0].values, dtype=np.float64)
            check_weights(owner, name, weights)
            if not weights.any():
                raise ValueError("Sample weights must contain at least one non-zero number.")
        return Data(columns, targets, weights)

    def _forget(self) -> None:
        """Delete the attributes of an earlier fit that the next one may lack."""
        for name in (*_OF_A_FIT, *RECORDS):
            self.__dict__.pop(name, None)

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


def records_of(trained: Trained) -> dict[str, Any]:
    """Return the fitted attributes of a training, as JSON values."""
    score = trained.scores[trained.best_epoch] if trained.scores else math.nan
    best = None if math.isnan(score) else score
    values = (trained.best_epoch, best, trained.losses, trained.scores)
    return dict(zip(RECORDS, values, strict=True))
