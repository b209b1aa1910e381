"""The base class of MLPClassifier and MLPRegressor."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils import Tags, check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .._arrays import native, refuse_masked
from ..model import Sequential
from .batches import Rows
from .features import Features
from .fit_data import FitData
from .heads import Head, head_of
from .inputs import ENGINE_DTYPES, rows_as_they_are
from .lbfgs import Minimization
from .limits import check_weights
from .network import EstimatorNetwork, Weights, build, draw_weights
from .parameters import STOCHASTIC, Estimator, Hidden, check_parameters
from .rates import Rates
from .records import Records
from .stochastic import batch_size, prepare_stochastic

Array = npt.NDArray[Any]

_SEEDS = 2**31 - 1  # exclusive upper bound of the dropout seed


class Solver(Protocol):
    """Prepared training."""

    def run(self) -> object:
        """Train; keep weights and records consistent, also after an exception."""


class BaseMLP(BaseEstimator, Estimator, ABC):
    """The base of the estimators; subclasses document parameters and attributes."""

    random_state: int | np.random.RandomState | None
    warm_start: bool
    n_features_in_: int
    n_layers_: int
    out_activation_: str
    coefs_: list[Array]
    intercepts_: list[Array]
    prelu_alphas_: list[Array | None]

    _network: EstimatorNetwork
    _made_of: tuple[Hidden, str]  # the configuration of the network; a change requires a new one
    _optimizer: Rates | None = None  # None for lbfgs
    _random_state: np.random.RandomState
    _trains = False  # whether the network's weights are newer than the attributes

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

    def to_sequential(self) -> Sequential:
        """Return a copy of the network as a `Sequential`, for saving, export or inspection.

        Returns
        -------
        Sequential
            Compiled with the loss, so that `predict_proba` works for classifiers. For two classes
            it has one output, the logit of the second one. Its `metadata` has ``"class_names"``,
            the names of `classes_`, and ``"feature_names"`` if X had column names.
        """
        network = self._ready_network()
        model = Sequential(
            network.layers, input_shape=network.input_shape, dtype=network.dtype, seed=network.seed
        )
        model.compile(loss=self._head().loss)
        model.copy_from(network)
        if hasattr(self, "classes_"):
            model.metadata["class_names"] = [str(name) for name in self.classes_]
        if hasattr(self, "feature_names_in_"):
            model.metadata["feature_names"] = [str(name) for name in self.feature_names_in_]
        return model

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the network to a file that `prelunet.load` reads: ``to_sequential().save(path)``.

        Parameters
        ----------
        path : path-like
            Must end in ``.npz`` or ``.safetensors``. To save the estimator itself, use pickle.

        Raises
        ------
        OSError, TypeError, ValueError, ImportError
            As in `Sequential.save`.
        """
        self.to_sequential().save(path)

    def to_onnx(self, path: str | os.PathLike[str], *, probabilities: bool | None = None) -> None:
        """Export the network to an ONNX file; see `Sequential.to_onnx`.

        Parameters
        ----------
        path : path-like
            Must end in ``.onnx``.
        probabilities : bool, optional
            Whether the output is probabilities; by default so for classifiers. For two classes the
            output has one column, the probability of the second one (`predict_proba` has two).

        Raises
        ------
        OSError, TypeError, ValueError, ImportError
            As in `Sequential.to_onnx`.
        """
        wanted = not is_regressor(self) if probabilities is None else probabilities
        self.to_sequential().to_onnx(path, probabilities=wanted)

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
            weights = _check_sample_weight(sample_weight, checked_X, dtype=np.float64)
            name, alpha = f"sample_weight{suffix}", 0.0 if suffix else self.alpha
            check_weights(type(self).__name__, name, weights, alpha=alpha)
        targets = self._take_y(checked_y, keeps=keeps, incremental=incremental)
        return FitData(checked_X, checked_y, targets, weights, (X, y))

    def _validated(self, *data: object, **options: Any) -> tuple[Any, ...]:
        """Check X, or X and y, as scikit-learn does, and convert them for the engine."""
        try:
            found = validate_data(self, *data, accept_sparse="csr", dtype=ENGINE_DTYPES, **options)
        except OverflowError as error:
            owner = type(self).__name__
            raise ValueError(f"{owner}: data must hold numbers within float64: {error}") from error
        except ValueError as error:
            found = str(error).partition("\n")[0]
            text = "convert string" in found and np.asarray(data[0]).dtype.kind in "OSUT"
            if "X contains NaN" not in found and not text:
                raise
            tabular = "TabularRegressor" if is_regressor(self) else "TabularClassifier"
            raise ValueError(
                f"{found}\n{type(self).__name__} requires numbers without missing values. "
                f"prelunet.{tabular} accepts text, categories and missing values; or encode text "
                "with sklearn.preprocessing, and fill missing values with sklearn.impute."
            ) from None
        return tuple(map(native, found if isinstance(found, tuple) else (found,)))

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

    def _prepare_network(self, hidden: Hidden, dtype: str, *, keeps: bool) -> bool:
        """Ensure that a network holds the weights; return whether it already existed."""
        network = getattr(self, "_network", None)
        if keeps and network is not None and self.dtype == "auto":
            dtype = network.dtype
        made_of = (hidden, dtype)
        stays = keeps and network is not None and self._made_of == made_of
        if not stays:
            units = [self.n_features_in_, *hidden.units, self.n_outputs_]
            seed = self._random_state.randint(_SEEDS) if any(hidden.dropout) else 0
            self._network = build(
                units, hidden.activations, hidden.dropout, dtype=dtype, seed=int(seed)
            )
            self._made_of = made_of
        self._put_weights()
        return stays

    def _put_weights(self) -> None:
        """Copy coefs_, intercepts_ and prelu_alphas_ to the network if the caller has set them."""
        coefs, network = self.coefs_, self._network
        alphas = self.__dict__.get("prelu_alphas_") or [None] * (len(coefs) - 1)
        if network.holds([*coefs, *self.intercepts_, *alphas]):
            return
        weights = Weights(coefs, self.intercepts_, alphas)
        if not weights.are_in(network):
            network.set_parameters(weights.by_name(network))
        self._show(weights)

    def _take_weights(self, *, trains: bool) -> None:
        """Copy coefs_, intercepts_ and prelu_alphas_ from the network."""
        self._show(Weights.of(self._network, self.coefs_[0].dtype), _trains=trains)

    def _show(self, weights: Weights, **others: bool) -> None:
        """Make read-only arrays of the network's weights the attributes."""
        frozen = weights.frozen()
        self.__dict__.update(  # a single call: a signal may raise between two statements
            coefs_=frozen.coefs,
            intercepts_=frozen.intercepts,
            prelu_alphas_=frozen.alphas,
            **others,
        )
        self._network.held = [*frozen.coefs, *frozen.intercepts, *frozen.alphas]

    def _join_weights(self) -> None:
        """Synchronize attributes and network; during training the network's weights are newer."""
        if self._trains:
            self._take_weights(trains=True)
        else:
            self._put_weights()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state; callbacks may copy or pickle an estimator during training."""
        if self._trains:
            self._take_weights(trains=True)
        state: dict[str, Any] = super().__getstate__()
        return state | {"_trains": False} if self._trains else state

    # ---- prediction ------------------------------------------------------------------------------

    def _head(self) -> Head:
        return head_of(self.out_activation_, self.n_outputs_)

    def _ready_network(self) -> EstimatorNetwork:
        """Return the network, holding the current weights of the attributes."""
        if "_network" not in self.__dict__:
            check_is_fitted(self)
        self._join_weights()
        network: EstimatorNetwork = self._network
        return network

    def _outputs(self, X: object) -> Array:
        """Return the final outputs for the user's rows."""
        network = self._ready_network()
        names = self.__dict__.get("feature_names_in_")
        checked = rows_as_they_are(X, self.n_features_in_, names)
        if checked is not None:
            outputs = network.engine.core.predict_array("predict", checked)
        else:
            refuse_masked("predict", "X", X)
            (checked,) = self._validated(X, reset=False)
            outputs = Features(network.engine.core, checked, "predict").outputs()
        dtype = np.float64 if checked.dtype != np.float32 else self.coefs_[0].dtype
        return self._head().finish(outputs.astype(dtype, copy=False))

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
