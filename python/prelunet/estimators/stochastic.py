"""The solvers "sgd" and "adam": epochs of batches."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing

from ..callbacks import Callback
from ..history import History
from ..optimizers import SGD, Adam
from ..training import WatchedLoop
from .batches import Batches, Rows
from .features import features_of
from .heads import Head
from .held_out import HeldOut, Score
from .network import EstimatorNetwork
from .progress import Progress
from .rates import AdamRates, SGDRates
from .records import begin_records

if TYPE_CHECKING:
    from .base import Given

Array = npt.NDArray[Any]
_LARGEST_AUTO_BATCH = 200  # scikit-learn's
# What is drawn and trained at a time: so many rows, in so many epochs at most.
_ROWS_AHEAD = 1 << 20
_EPOCHS_AHEAD = 1000


def batch_size(estimator: Any, rows: int) -> int:
    """Return how many of so many rows make a step."""
    wanted = _LARGEST_AUTO_BATCH if estimator.batch_size == "auto" else estimator.batch_size
    return min(int(wanted), rows)


def prepare_stochastic(
    estimator: Any,
    given: Given,
    rows: Rows,
    held: Given | None,
    *,
    incremental: bool,
    goes_on: bool,
) -> _Loop:
    """Return the training of an estimator's network, with everything checked.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    given : Given
    rows : Rows
        The same, for the engine.
    held : Given, optional
        Validation data.
    incremental : bool
        Whether one epoch is wanted.
    goes_on : bool
        Whether the optimizer keeps its state.
    """
    if incremental and estimator.early_stopping:
        raise ValueError("partial_fit does not support early_stopping=True")
    visited = np.arange(given.X.shape[0])
    if estimator.early_stopping and held is None:
        visited, held = _split(estimator, given)
    network, head = estimator._network, estimator._head()
    size = batch_size(estimator, len(visited))
    if estimator.batch_size != "auto" and estimator.batch_size > size:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=2,
        )
    validation = None if held is None else _held_out(estimator, head, held)
    if not goes_on:
        _start(estimator, head)
    network.rates = estimator._optimizer
    begin_records(estimator, validates=held is not None)
    watched = estimator.verbose or estimator.callbacks or held is not None
    return _Loop(
        network,
        Batches(network, head, rows, estimator.alpha, len(visited)),
        validation,
        visited=visited,
        batch_size=size,
        shuffle=estimator.shuffle,
        random_state=estimator._random_state,
        epochs=1 if incremental else estimator.max_iter,
        progress=Progress(estimator, rows=len(visited), incremental=incremental),
        callbacks=estimator.callbacks or (),
        watched=bool(watched),
    )


class _Loop(WatchedLoop):
    """Epochs in the order of scikit-learn's draws.

    Where nobody watches single ones, the engine gets as many at a time as there are sure to be.
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
        super().__init__(model, data, validation, batch_size, shuffle, epochs, every)
        self._visited = visited
        self._random_state = random_state
        self._progress = progress
        self._watched = watched or not data.whole or model.rates.by_epoch
        # The epochs before the engine's last call, and what it has written of those in the call.
        self._call_of_engine = 0, np.zeros((0, 3))

    def run(self) -> History:
        """Train, and leave records and best weights right however training ends."""
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
        most = min(_EPOCHS_AHEAD, max(1, _ROWS_AHEAD // len(self._visited)))
        while not self.model.stop_training and self._epochs_left() > 0:
            self._train_epochs(int(min(self._progress.sure_epochs, self._epochs_left(), most)))
        self._call("on_train_end")

    def _epochs_left(self) -> int:
        return self.epochs - self._progress.epochs

    def _train_epochs(self, count: int) -> None:
        drawn = [self._order() for _ in range(count)]  # interrupted, it has drawn more than it took
        orders = drawn[0][np.newaxis] if count == 1 else np.array(drawn)
        totals = np.zeros((count, 3))
        self._call_of_engine = self._progress.epochs, totals
        try:
            self.data.train_epochs(orders, self.batch_size, totals)
        finally:  # interrupted in an epoch, it keeps those before
            self._note_epochs()

    def _note_epochs(self) -> None:
        """Note the epochs that the engine has finished, those noted already left out."""
        before, totals = self._call_of_engine
        done = totals[totals[:, 2] == len(self._visited)]
        for loss in self.data.history(done)["loss"][self._progress.epochs - before :]:
            epoch, logs = self._progress.epochs, {"loss": loss}
            self._progress.note_loss(loss)
            self.model.epochs_trained += 1
            self.history.append(logs)
            self._call("on_epoch_end", epoch, logs)


def _start(estimator: Any, head: Head) -> None:
    """Give the network an optimizer that knows nothing yet."""
    rate = estimator.learning_rate_init
    if estimator.solver == "adam":
        beta_1, beta_2 = estimator.beta_1, estimator.beta_2
        # Of gradients that are all a times as large, the same epsilon is a times as large.
        epsilon = estimator.epsilon / head.gradient_factor
        optimizer: Adam | SGD = Adam(rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
        estimator._optimizer = AdamRates(rate, beta_1=beta_1, beta_2=beta_2)
    else:
        momentum = estimator.momentum
        nesterov = bool(estimator.nesterovs_momentum and momentum > 0.0)
        optimizer = SGD(rate, momentum=momentum, nesterov=nesterov)
        estimator._optimizer = SGDRates(
            rate,
            schedule=estimator.learning_rate,
            power_t=estimator.power_t,
            factor=head.gradient_factor,
        )
    estimator._network.start(optimizer, head, estimator._optimizer)


def _split(estimator: Any, given: Given) -> tuple[Array, Given]:
    """Return the places of the rows to train on, and the other rows, by scikit-learn's draws."""
    alone = is_classifier(estimator) and estimator.n_outputs_ == 1
    visited, places = train_test_split(
        np.arange(given.X.shape[0]),
        random_state=estimator._random_state,
        test_size=estimator.validation_fraction,
        stratify=given.targets if alone else None,
    )
    if len(places) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    weights = None if given.weights is None else given.weights[places]
    checked, (X, y) = given.X[places], given.as_given
    # A frame keeps its names; a sparse matrix as it came may have no rows to take.
    as_given = (
        checked if issparse(checked) else _safe_indexing(X, places),
        _safe_indexing(y, places),
    )
    return visited, type(given)(checked, given.targets[places], weights, as_given)


def _held_out(estimator: Any, head: Head, held: Given) -> HeldOut:
    rows = Rows(features_of(estimator._network._network, held.X), held.targets, held.weights)
    return HeldOut(rows, head, estimator.coefs_[0].dtype, _score(estimator, held))


def _score(estimator: Any, held: Given) -> Score | None:
    """Return what scores the held-out rows; None where that is their loss."""
    if estimator.scoring is None:
        score: Score = estimator._score_of
        return score
    if isinstance(estimator.scoring, str) and estimator.scoring == "loss":
        return None
    scorer = check_scoring(estimator, estimator.scoring)
    weights = {} if held.weights is None else {"sample_weight": held.weights}

    def scored(outputs: Array, targets: Array, _: Array | None) -> float:
        return float(scorer(estimator, *held.as_given, **weights))

    return scored
