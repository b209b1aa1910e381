"""A fitted estimator: weights, which attributes and network both hold, predictions and files."""

from __future__ import annotations

import os
from abc import ABC
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils.validation import check_is_fitted, validate_data

from .._arrays import native, refuse_masked
from ..model import Sequential
from .features import Features
from .heads import Head, head_of
from .inputs import ENGINE_DTYPES, rows_as_they_are
from .limits import within_float64
from .network import EstimatorNetwork, Weights, build
from .parameters import Estimator, Hidden

Array = npt.NDArray[Any]

_SEEDS = 2**31 - 1  # exclusive upper bound of the dropout seed


class FittedMLP(BaseEstimator, Estimator, ABC):
    """What an estimator has after `fit`; `BaseMLP` makes it."""

    n_features_in_: int
    n_layers_: int
    out_activation_: str
    coefs_: list[Array]
    intercepts_: list[Array]
    prelu_alphas_: list[Array | None]

    _network: EstimatorNetwork
    _made_of: tuple[Hidden, str]  # the configuration of the network; a change requires a new one
    _random_state: np.random.RandomState
    _trains = False  # whether the network's weights are newer than the attributes

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

    # ---- weights ---------------------------------------------------------------------------------

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

    def _validated(self, *data: object, **options: Any) -> tuple[Any, ...]:
        """Check X, or X and y, as scikit-learn does, and convert them for the engine."""
        options |= {"accept_sparse": "csr", "dtype": ENGINE_DTYPES}
        try:
            with within_float64(type(self).__name__, "data"):
                found = validate_data(self, *data, **options)
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
