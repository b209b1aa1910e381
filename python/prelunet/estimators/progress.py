"""An estimator's records after each epoch, and scikit-learn's stopping rule."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..callbacks import Callback
from ..callbacks.base import Logs
from .console import say
from .network import EstimatorNetwork
from .parameters import Estimator
from .records import Records


class Patience(NamedTuple):
    """Ends training after more than `most` successive epochs without improvement.

    An epoch improves unless its loss exceeds ``least - tol``, where `least` is the lowest loss
    before. The last `so_far` epochs were without improvement.
    """

    tol: float
    least: float
    most: float
    so_far: float


class Progress(Callback):
    """Keep an estimator's training records; stop training without improvement.

    An exception, such as one from a signal handler, may interrupt any statement here. Therefore
    each fact is written once, by one append to a list, and `settle` derives the other records.

    The network must have its rates. An epoch has `rows` rows. With `incremental`, as in
    `partial_fit`, there is no warning about too few epochs.
    """

    def __init__(
        self,
        estimator: Estimator,
        records: Records,
        network: EstimatorNetwork,
        *,
        rows: int,
        incremental: bool,
    ) -> None:
        self._estimator = estimator
        self._records = records
        self._network = network
        self._rows = rows
        self._incremental = incremental
        self._epochs_before = self._settled = len(estimator.loss_curve_)
        self._rows_before = estimator.t_

    @property
    def epochs(self) -> int:
        """The epochs of this fit with a recorded loss."""
        return len(self._estimator.loss_curve_) - self._epochs_before

    @property
    def sure_epochs(self) -> float:
        """The epochs that are certain to run before training can stop."""
        estimator = self._estimator
        most = float(estimator.n_iter_no_change) + 1.0  # float: a small integer could overflow
        return max(1.0, most - float(self._records.no_improvement_count))

    @property
    def patience(self) -> Patience | None:
        """The rule that ends training; None if the engine cannot apply it."""
        estimator = self._estimator
        # Python computes with other types, such as float32, in their own precision.
        if estimator.best_loss_ is None or not isinstance(estimator.tol, (int, float)):
            return None
        most = float(estimator.n_iter_no_change)
        count = float(self._records.no_improvement_count)
        return Patience(float(estimator.tol), estimator.best_loss_, most, count)

    def note_epochs(self, losses: Sequence[float]) -> None:
        """Record epochs that nothing watched, of which only the last may end training."""
        self._estimator.loss_curve_.extend(losses)
        self._end_epochs(self._epochs_without_improvement(losses))

    def note_loss(self, loss: float) -> None:
        """Record a trained epoch before scorers and callbacks run."""
        self._estimator.loss_curve_.append(loss)
        self._count()
        if self._estimator.verbose:  # avoids formatting in most fits, whose epochs may be short
            say(f"Iteration {self.epochs}, loss = {loss:.8f}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Record scores, count epochs without improvement, change the learning rate."""
        assert logs is not None
        if "val_loss" in logs:
            self._note_validation(logs)
        if not self._estimator.early_stopping:
            count = self._epochs_without_improvement([self._estimator.loss_])
        else:
            count = 0 if self._score_improved() else self._records.no_improvement_count + 1
        self._end_epochs(count)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Warn if max_iter was too small."""
        if not self._incremental and not self.model.stop_training:
            most = self._estimator.max_iter
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({most}) reached and the optimization "
                "hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def settle(self) -> None:
        """Derive all records from the loss and score curves; idempotent."""
        estimator = self._estimator
        self._count()
        if estimator.best_loss_ is not None:
            # A signal may have raised after a loss was recorded: several may be new.
            losses = estimator.loss_curve_[self._settled :]
            estimator.best_loss_ = min([estimator.best_loss_, *losses])
            self._settled += len(losses)
        if not estimator.validation_scores_:
            return
        assert estimator.validation_loss_curve_ is not None
        del estimator.validation_loss_curve_[len(estimator.validation_scores_) :]
        best, score = estimator.best_validation_score_, estimator.validation_scores_[-1]
        assert best is not None
        improved = estimator.early_stopping and score > best
        self._records.set_best_score(
            float(np.nanmax([best, score])), self._network.parameters() if improved else None
        )

    def finish(self) -> None:
        """Leave consistent records and, with `early_stopping`, the best weights."""
        estimator = self._estimator
        self.settle()
        if estimator.early_stopping and estimator.validation_scores_:
            self._network.set_parameters(self._records.best_parameters)

    def _count(self) -> None:
        estimator = self._estimator
        estimator.n_iter_ = self.epochs
        estimator.t_ = self._rows_before + self.epochs * self._rows
        if self.epochs:
            estimator.loss_ = estimator.loss_curve_[-1]

    def _note_validation(self, logs: Logs) -> None:
        losses, scores = self._estimator.validation_loss_curve_, self._estimator.validation_scores_
        assert losses is not None
        assert scores is not None
        losses.append(logs["val_loss"])
        scores.append(logs["val_score"])
        self._say(f"Validation score: {logs['val_score']:f}")

    def _score_improved(self) -> bool:
        scores, best = self._estimator.validation_scores_, self._estimator.best_validation_score_
        assert scores is not None
        assert best is not None
        return not scores[-1] < best + self._estimator.tol

    def _epochs_without_improvement(self, losses: Sequence[float]) -> int:
        """Return the epochs since the last improvement, after epochs with new losses."""
        best, tol = self._estimator.best_loss_, self._estimator.tol
        assert best is not None
        count = self._records.no_improvement_count
        for loss in losses:
            count = count + 1 if loss > best - tol else 0
            best = min(best, loss)
        return count

    def _end_epochs(self, count: int) -> None:
        """Update the records after epochs; the last `count` were without improvement."""
        self.settle()
        self._records.no_improvement_count = count
        self._network.rates.end_epoch(self._estimator.t_)
        if count > self._estimator.n_iter_no_change:
            self._stop_or_slow_down()

    def _stop_or_slow_down(self) -> None:
        estimator = self._estimator
        watched = "Validation score" if estimator.early_stopping else "Training loss"
        message = (
            f"{watched} did not improve more than tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} consecutive epochs."
        )
        rates = self._network.rates
        if rates.decrease():
            self._records.no_improvement_count = 0
            self._say(f"{message} Setting learning rate to {rates.learning_rate:f}")
            return
        self._say(f"{message} Stopping.")
        self.model.stop_training = True

    def _say(self, message: str) -> None:
        if self._estimator.verbose:
            say(message)
