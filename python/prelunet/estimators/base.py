"""The base class of MLPClassifier and MLPRegressor, which trains."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import is_regressor
from sklearn.utils import Tags, check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight

from .._arrays import refuse_masked
from .batches import Rows
from .features import Features
from .fit_data import FitData
from .fitted import FittedMLP
from .lbfgs import Minimization
from .limits import check_weights, within_float64
from .network import draw_weights
from .parameters import STOCHASTIC, Hidden, check_parameters
from .rates import Rates
from .records import Records
from .stochastic import batch_size, prepare_stochastic

Array = npt.NDArray[Any]


class Solver(Protocol):
    """Prepared training."""

    def run(self) -> object:
        """Train; keep weights and records consistent, also after an exception."""


class BaseMLP(FittedMLP):
    """The base of the estimators, which trains; subclasses document parameters and attributes."""

    random_state: int | np.random.RandomState | None
    warm_start: bool

    _optimizer: Rates | None = None  # None for lbfgs

    def _store(self, arguments: Mapping[str, object]) -> None:
        """Store the constructor's ``locals()`` unchanged; `fit` checks them, as in scikit-learn."""
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
    ) -> Self:
        """Train.

        If training raises an exception (from a warning, a callback, a scorer or a signal), the
        estimator keeps the weights trained so far, with consistent attributes; the records count
        complete epochs only. An exception before the first step leaves the estimator unchanged.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, features)
        y : array-like of shape (n,) or (n, outputs)
        sample_weight : array-like of shape (n,), optional
            Non-negative, with a sum of at most 1e289.
        X_val, y_val : array-like, optional
            Validation data with the format of X and y, scored after each epoch. With
            `early_stopping` this score decides when to stop, and no rows of X are held out.
        sample_weight_val : array-like, optional
            Sample weights of the validation data, used in scores.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are invalid, or weights became infinite. For regression,
            squared errors must be finite in the dtype of the network.
        """
        if (X_val is None) != (y_val is None):
            raise ValueError(f"{type(self).__name__}: X_val and y_val must be given together")
        held_out = None if X_val is None else (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, held_out, incremental=False)

    # ---- implemented by the two estimators -------------------------------------------------------

    @abstractmethod
    def _take_y(self, y: Array, *, keeps: bool, incremental: bool) -> Array:
        """Return targets for the engine; if `keeps`, labels refer to the earlier fit's classes."""

    @abstractmethod
    def _outputs_of(self, targets: Array) -> tuple[str, int]:
        """Return the activation of the outputs and their number."""

    @abstractmethod
    def _score_of(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        """Return the default score, from the final outputs."""

    def _check_targets(self, name: str, data: FitData) -> None:
        """Reject targets whose losses overflow; labels never do."""

    def _warn_about_targets(self, targets: Array) -> None:
        """Warn if a new network will hardly learn such targets; labels are always fine."""

    def _training_weights(self, data: FitData, *, incremental: bool) -> Array | None:
        """Return the sample weights for training."""
        return data.weights

    # ---- training --------------------------------------------------------------------------------

    def _fit(
        self,
        X: object,
        y: object,
        sample_weight: object,
        held_out: tuple[object, object, object] | None,
        *,
        incremental: bool,
        note_classes: Callable[[], None] | None = None,
    ) -> Self:
        before = dict(vars(self))
        try:
            if note_classes is not None:
                note_classes()
            solver = self._prepare(X, y, sample_weight, held_out, incremental=incremental)
        except BaseException:
            self.__dict__ = before  # nothing was trained, so the estimator stays unchanged
            raise
        self._trains = True
        try:
            solver.run()
        finally:
            self._take_weights(trains=False)
        if not all(np.isfinite(w).all() for w in [*self.coefs_, *self.intercepts_]):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed."
            )
        return self

    def _prepare(
        self,
        X: object,
        y: object,
        sample_weight: object,
        held_out: tuple[object, object, object] | None,
        *,
        incremental: bool,
    ) -> Solver:
        """Check all arguments; return a solver."""
        hidden = check_parameters(self)
        if held_out is not None and self.solver not in STOCHASTIC:
            raise ValueError(f"{type(self).__name__}: X_val must be None where solver is 'lbfgs'")
        keeps = "coefs_" in self.__dict__ and (self.warm_start or incremental)
        if keeps and self._trains:  # a signal interrupted the last fit before it read the weights
            self._take_weights(trains=False)
        data = self._take(X, y, sample_weight, keeps=keeps, incremental=incremental)
        self._random_state = check_random_state(self.random_state)
        if keeps:
            self._check_kept(data, hidden)
        else:
            self._begin(data, hidden)
        goes_on = self._prepare_network(hidden, self._arithmetic(data), keeps=keeps)
        self._check_targets("y", data)
        if not keeps:
            self._warn_about_targets(data.targets)
        weights = self._training_weights(data, incremental=incremental)
        rows = Rows(Features(self._network.engine.core, data.X), data.targets, weights)
        if self.solver not in STOCHASTIC:
            self._optimizer = None
            return Minimization(self, self._network, self._head(), rows)
        held = None
        if held_out is not None:
            held = self._take(*held_out, keeps=True, incremental=True, suffix="_val")
            outputs, wanted = held.targets.shape[1:], data.targets.shape[1:]
            if outputs != wanted:
                raise ValueError(
                    f"{type(self).__name__}: y_val must have outputs of shape {wanted} as y, "
                    f"got {outputs}"
                )
            self._check_targets("y_val", held)
        loop = prepare_stochastic(
            self,
            Records(self.__dict__),
            self._network,
            self._head(),
            data,
            rows,
            held,
            rates=self._optimizer if goes_on and incremental else None,
            default_score=self._score_of,
            random_state=self._random_state,
            incremental=incremental,
        )
        self._optimizer = self._network.rates
        return loop

    def _take(
        self,
        X: object,
        y: object,
        sample_weight: object,
        *,
        keeps: bool,
        incremental: bool,
        suffix: str = "",
    ) -> FitData:
        """Check data; `keeps` requires them to match an earlier fit."""
        for name, value in (("X", X), ("y", y), ("sample_weight", sample_weight)):
            refuse_masked("fit", name, value)
        checked_X, checked_y = self._validated(
            X, y, multi_output=True, y_numeric=is_regressor(self), reset=not keeps
        )
        if checked_y.ndim == 2 and checked_y.shape[1] == 1:
            checked_y = column_or_1d(checked_y, warn=True)
        weights = None
        if sample_weight is not None:
            if not np.asarray(sample_weight).any():
                raise ValueError("Sample weights must contain at least one non-zero number.")
            name, alpha = f"sample_weight{suffix}", 0.0 if suffix else self.alpha
            with within_float64(type(self).__name__, name):
                weights = _check_sample_weight(sample_weight, checked_X, dtype=np.float64)
            check_weights(type(self).__name__, name, weights, alpha=alpha)
        targets = self._take_y(checked_y, keeps=keeps, incremental=incremental)
        return FitData(checked_X, checked_y, targets, weights, (X, y))

    def _arithmetic(self, data: FitData) -> str:
        """Return the dtype of the network."""
        if self.dtype != "auto":
            return str(self.dtype)
        if self.solver == "lbfgs":
            return "float64"
        several = data.count > batch_size(self, data.count)
        return "float32" if several or data.X.dtype == np.float32 else "float64"

    def _begin(self, data: FitData, hidden: Hidden) -> None:
        """Discard earlier fits and draw the initial weights."""
        out_activation, outputs = self._outputs_of(data.targets)
        dtype = np.float32 if data.X.dtype == np.float32 else np.float64
        units = [self.n_features_in_, *hidden.units, outputs]
        try:
            drawn = draw_weights(units, hidden.activations, self._random_state, dtype)
        except MemoryError as error:
            raise MemoryError(f"{type(self).__name__}: {error}") from error
        Records(self.__dict__).forget()
        self.out_activation_, self.n_outputs_ = out_activation, outputs
        self.n_layers_ = len(hidden.units) + 2
        self.coefs_, self.intercepts_ = drawn
        self.__dict__.pop("prelu_alphas_", None)

    def _check_kept(self, data: FitData, hidden: Hidden) -> None:
        """Check that the weights of an earlier fit match the network and the data."""
        outputs = self._outputs_of(data.targets)[1]
        wanted = list(pairwise([self.n_features_in_, *hidden.units, outputs]))
        kept = [np.shape(coefs) for coefs in self.coefs_]
        if kept != wanted:
            raise ValueError(
                f"{type(self).__name__}: hidden_layer_sizes and the outputs of y must match the "
                f"weights of the earlier fit: coefs_ have the shapes {kept}, got {wanted}"
            )

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC:
            raise AttributeError(
                f"partial_fit is there for the solvers 'sgd' and 'adam', not for {self.solver!r}"
            )
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
