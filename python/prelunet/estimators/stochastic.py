"""The solvers "sgd" and "adam": epochs of mini-batches."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from ..callbacks import Callback
from ..history import History
from ..optimizers import SGD, Adam
from ..training.loop import WatchedLoop
from .batches import Batches, Rows
from .features import Features
from .fit_data import FitData
from .heads import Head
from .held_out import HeldOut, Score
from .network import EstimatorNetwork
from .parameters import Estimator
from .progress import Progress
from .rates import AdamRates, Rates, SGDRates
from .records import Records

Array = npt.NDArray[Any]
_LARGEST_AUTO_BATCH = 200  # scikit-learn's value
# Upper bounds on one call of the engine: rows in orders that Python draws, steps, and epochs.
_ROWS_AHEAD = 1 << 20
_STEPS_AHEAD = 1 << 16
_EPOCHS_AHEAD = 1000


def batch_size(estimator: Estimator, rows: int) -> int:
    """Return the batch size for a number of rows."""
    wanted = _LARGEST_AUTO_BATCH if estimator.batch_size == "auto" else estimator.batch_size
    return min(int(wanted), rows)


def prepare_stochastic(
    estimator: Estimator,
    records: Records,
    network: EstimatorNetwork,
    head: Head,
    data: FitData,
    rows: Rows,
    held: FitData | None,
    *,
    rates: Rates | None,
    default_score: Score,
    random_state: np.random.RandomState,
    incremental: bool,
) -> StochasticLoop:
    """Check all arguments and return the training loop of an estimator's network.

    `rows` are the rows of `data` for the engine, and `held` is validation data. `rates` continues
    an existing optimizer; None starts a new one. `default_score` scores `held` if `scoring` is
    None. `incremental` means a single epoch.
    """
    if incremental and estimator.early_stopping:
        raise ValueError("partial_fit does not support early_stopping=True")
    visited = np.arange(data.count)
    if estimator.early_stopping and held is None:
        visited, held = _split(estimator, data, random_state)
    size = batch_size(estimator, len(visited))
    if not isinstance(estimator.batch_size, str) and estimator.batch_size > size:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=2,
        )
    validation = None
    if held is not None:
        held_rows = Rows(Features(network.engine.core, held.X), held.targets, held.weights)
        score = _score(estimator, held, default_score)
        validation = HeldOut(held_rows, head, estimator.coefs_[0].dtype, score)
    if rates is None:
        _start(estimator, network, head)
    else:
        network.rates = rates
    records.begin(
        network.parameters(),
        validates=held is not None,
        early_stopping=estimator.early_stopping,
    )
    progress = Progress(estimator, records, network, rows=len(visited), incremental=incremental)
    labels = getattr(estimator, "feature_names_in_", None)
    watched = estimator.verbose or estimator.callbacks or held is not None
    return StochasticLoop(
        network,
        Batches(network, head, rows, estimator.alpha, len(visited), labels=labels),
        validation,
        visited=visited,
        batch_size=size,
        shuffle=estimator.shuffle,
        random_state=random_state,
        epochs=1 if incremental else estimator.max_iter,
        progress=progress,
        callbacks=estimator.callbacks or (),
        watched=bool(watched),
    )


class StochasticLoop(WatchedLoop):
    """Epochs with row orders drawn as in scikit-learn.

    Without callbacks, one call of the engine trains many epochs and applies the stopping rule.
    """

    data: Batches

    def __init__(
        self,
        model: EstimatorNetwork,
        data: Batches,
        validation: HeldOut | None,
        *,
        visited: npt.NDArray[np.int64],
        batch_size: int,
        shuffle: bool,
        random_state: np.random.RandomState,
        epochs: int,
        progress: Progress,
        callbacks: Sequence[Callback],
        watched: bool,
    ) -> None:
        every = [progress, *callbacks]
        super().__init__(model, model.engine, data, validation, batch_size, shuffle, epochs, every)
        self._visited = np.ascontiguousarray(visited, np.int64)  # the engine shuffles it in place
        self._random_state = random_state
        self._progress = progress
        self._watched = watched or model.rates.by_epoch
        # The epochs before the engine's last call, and the totals that the call has written.
        self._call_of_engine = 0, np.zeros((0, 3))

    def run(self) -> History:
        """Train; always leave consistent records and the best weights."""
        try:
            super().run()
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        finally:
            self._note_epochs()
            self._progress.finish()
        return self.history

    def _order(self) -> npt.NDArray[np.int64]:
        if self.shuffle:
            numbers = np.arange(len(self._visited))
            self._random_state.shuffle(numbers)
            self._visited = self._visited.take(numbers)
        return self._visited

    def _epoch(self) -> dict[str, float]:
        logs = super()._epoch()
        self._progress.note_loss(logs["loss"])
        return logs

    def _epochs(self) -> None:
        if self._watched:
            return super()._epochs()
        self._call("on_train_begin")
        while not self.model.stop_training and self._epochs_left() > 0:
            self._train_epochs()
        self._call("on_train_end")

    def _epochs_left(self) -> int:
        return self.epochs - self._progress.epochs

    def _train_epochs(self) -> None:
        """Train in one call, until the rule ends training or for epochs that are sure to run."""
        patience = self._progress.patience
        state = self._twister_state() if self.shuffle else None
        count = int(min(self._epochs_left(), _EPOCHS_AHEAD, max(1, _STEPS_AHEAD // self.steps)))
        if patience is None or (self.shuffle and state is None):
            most = max(1, _ROWS_AHEAD // len(self._visited))
            count = int(min(self._progress.sure_epochs, count, most))
        orders = self._visited
        if self.shuffle and state is None:  # an interrupted call draws too many
            orders = np.array([self._order() for _ in range(count)])
        totals = np.zeros((count, 3))
        self._call_of_engine = self._progress.epochs, totals
        try:
            self.data.train_epochs(orders, self.batch_size, totals, patience, state)
        finally:  # an interrupted call keeps its complete epochs
            self._note_epochs()
            if state is not None:
                self._random_state.set_state(state)

    def _twister_state(self) -> dict[str, Any] | None:
        """Return the state from which the engine can draw orders; None if it cannot."""
        # Other threads may draw from NumPy's global state at the same time.
        if self._random_state is check_random_state(None):
            return None
        state: dict[str, Any] = self._random_state.get_state(legacy=False)
        return state if state["bit_generator"] == "MT19937" else None

    def _note_epochs(self) -> None:
        """Record the epochs that the engine has completed since the last call."""
        before, totals = self._call_of_engine
        done = totals[totals[:, 2] == len(self._visited)]
        losses = self.data.history(done)["loss"][self._progress.epochs - before :]
        if losses:
            self._progress.note_epochs(losses)
            self.engine.epochs_trained += len(losses)
            self.history.extend({"loss": losses})
            self._warn_not_finite(losses)


def _start(estimator: Estimator, network: EstimatorNetwork, head: Head) -> None:
    """Compile the network with a new optimizer."""
    rate = estimator.learning_rate_init
    if estimator.solver == "adam":
        beta_1, beta_2 = estimator.beta_1, estimator.beta_2
        # The engine's gradients are scikit-learn's divided by this factor, and so is epsilon.
        epsilon = estimator.epsilon / head.gradient_factor
        adam = Adam(rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, bias_correction=False)
        network.start(adam, head, AdamRates(rate, beta_1=beta_1, beta_2=beta_2))
        return
    momentum = estimator.momentum
    sgd = SGD(rate, momentum=momentum, nesterov=estimator.nesterovs_momentum and momentum > 0.0)
    rates = SGDRates(
        rate,
        schedule=estimator.learning_rate,
        power_t=estimator.power_t,
        factor=head.gradient_factor,
    )
    network.start(sgd, head, rates)


def _split(
    estimator: Estimator, data: FitData, random_state: np.random.RandomState
) -> tuple[Array, FitData]:
    """Return the indices of training rows and held-out rows, drawn as in scikit-learn.

    If all rows of a part have weight 0, which scikit-learn does not support, both parts are drawn
    again from the rows whose weight is not 0. Bagging gives many rows weight 0.
    """
    alone = is_classifier(estimator) and estimator.n_outputs_ == 1
    share, weights = estimator.validation_fraction, data.weights
    visited, places = train_test_split(
        np.arange(data.count),
        random_state=random_state,
        test_size=share,
        stratify=data.targets if alone else None,
    )
    if weights is not None and not (weights[visited].any() and weights[places].any()):
        visited, places = train_test_split(
            np.flatnonzero(weights), random_state=random_state, test_size=share
        )
    if len(places) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    return visited, data.take(places)


def _score(estimator: Estimator, held: FitData, default: Score) -> Score | None:
    """Return the score function for held-out rows; None if the score is their loss."""
    if estimator.scoring is None:
        return default
    if isinstance(estimator.scoring, str) and estimator.scoring == "loss":
        return None
    scorer = check_scoring(estimator, estimator.scoring)
    weights = {} if held.weights is None else {"sample_weight": held.weights}

    def scored(outputs: Array, targets: Array, _: Array | None) -> float:
        return float(scorer(estimator, *held.given, **weights))

    return scored
