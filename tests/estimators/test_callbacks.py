"""Callbacks in the estimators' training, what verbose prints, and Ctrl-C."""

from __future__ import annotations

import os
import pickle
import signal
import threading

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning

import prelunet as pn
from prelunet.estimators import stochastic
from tolerances import assert_same_bits

X, Y = make_classification(450, 8, n_informative=6, n_classes=3, random_state=0)  # 3 batches


def classifier(**settings):
    settings = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0} | settings
    return pn.MLPClassifier(**settings)


class Log(pn.Callback):
    """Note what happens."""

    def __init__(self):
        self.happened = []

    def on_train_begin(self, logs=None):
        self.happened.append(("begin", self.params["epochs"], self.params["steps"]))

    def on_epoch_end(self, epoch, logs=None):
        model = self.model
        self.happened.append((epoch, dict(logs), model.steps_trained, model.learning_rate))

    def on_train_end(self, logs=None):
        self.happened.append("end")


def test_epochs_have_logs():
    log = Log()
    found = classifier(callbacks=[log]).fit(X[:410], Y[:410], X_val=X[410:], y_val=Y[410:])
    assert log.happened[0] == ("begin", 4, 3)
    assert log.happened[-1] == "end"
    for epoch, (number, logs, steps, rate) in enumerate(log.happened[1:-1]):
        assert (number, steps, rate) == (epoch, 3 * (epoch + 1), 0.001)
        assert logs == {
            "loss": found.loss_curve_[epoch],
            "val_loss": found.validation_loss_curve_[epoch],
            "val_score": found.validation_scores_[epoch],
        }


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_hooks_of_batches_leave_training_as_it_is(alpha):
    batches, steps = [], []

    class Watch(pn.Callback):
        steps_between = 2

        def on_train_batch_end(self, batch, logs=None):
            batches.append((batch, logs["loss"]))

        def on_steps(self, done, logs=None):
            steps.append((done, logs["loss"]))

    watched = classifier(callbacks=[Watch()], alpha=alpha).fit(X, Y)
    plain = classifier(alpha=alpha).fit(X, Y)
    assert watched.loss_curve_ == plain.loss_curve_
    assert_same_bits(watched.coefs_[0], plain.coefs_[0])
    assert [number for number, _ in batches] == [0, 1, 2] * 4
    assert [loss for number, loss in batches if number == 2] == plain.loss_curve_
    assert [done for done, _ in steps] == [2, 4, 6, 8, 10, 12]


def test_early_stopping_of_prelunet_ends_training_without_a_warning():
    stop = pn.EarlyStopping("val_score", min_delta=1.0, patience=2)
    found = classifier(callbacks=[stop], max_iter=30).fit(X, Y, X_val=X, y_val=Y)
    assert found.n_iter_ == stop.stopped_epoch + 1 == 3
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
        classifier(max_iter=2).fit(X, Y)


def test_best_weights_are_put_back():
    keep = pn.EarlyStopping("val_score", patience=100, restore_best_weights=True)
    found = classifier(callbacks=[keep], max_iter=30, learning_rate_init=0.3)
    found.fit(X[:300], Y[:300], X_val=X[300:], y_val=Y[300:])
    assert found.validation_scores_[-1] < keep.best
    assert found.score(X[300:], Y[300:]) == keep.best


@pytest.mark.parametrize(
    "settings", [{}, {"solver": "sgd", "learning_rate": "invscaling", "momentum": 0.0}]
)
def test_a_callback_sets_the_learning_rate(settings):
    """From there on it holds, in place of scikit-learn's schedule."""

    class Freeze(Log):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.learning_rate = 0.0

    freeze = Freeze()
    found = classifier(callbacks=[freeze], **settings).fit(X, Y)
    assert [rate for *_, rate in freeze.happened[2:-1]] == [0.0] * 3
    once = classifier(max_iter=1, **settings).fit(X, Y)
    assert_same_bits(found.coefs_[0], once.coefs_[0])


def test_tensorboard_and_progress_bar(tmp_path, capsys):
    pytest.importorskip("tensorboardX")
    callbacks = [pn.TensorBoard(str(tmp_path)), pn.ProgressBar()]
    classifier(callbacks=callbacks, activation="prelu").fit(X, Y)
    assert list(tmp_path.iterdir())
    assert capsys.readouterr().err.count("epoch ") == 4


def test_a_checkpoint_is_refused(tmp_path):
    keep = pn.Checkpoint(tmp_path / "a.ckpt")
    with pytest.raises(ValueError, match="Checkpoint"):
        classifier(callbacks=[keep]).fit(X, Y)


def test_a_clone_has_callbacks_of_its_own():
    first = classifier(callbacks=[Log()])
    second = clone(first)
    second.fit(X, Y)
    assert first.callbacks[0].happened == []
    assert len(second.callbacks[0].happened) == 6


@pytest.mark.parametrize("callbacks", [3, [print], pn.EarlyStopping()])
def test_what_is_no_list_of_callbacks_is_refused(callbacks):
    with pytest.raises(TypeError, match="callbacks must be a list of Callbacks"):
        classifier(callbacks=callbacks).fit(X, Y)


SAID = [
    {"max_iter": 3},
    {"early_stopping": True, "n_iter_no_change": 2, "tol": 0.05, "max_iter": 50},
    {"solver": "sgd", "tol": 0.1, "n_iter_no_change": 2, "max_iter": 50},
]


@pytest.mark.parametrize("settings", SAID)
def test_verbose_prints_what_scikit_learn_prints(settings, capsys):
    settings = {"hidden_layer_sizes": (6,), "random_state": 0, "verbose": True} | settings
    printed = []
    for estimator in (
        theirs.MLPClassifier(**settings),
        pn.MLPClassifier(**settings, dtype="float64"),
    ):
        estimator.fit(X, Y)
        printed.append(capsys.readouterr().out)
    assert printed[1] == printed[0]
    assert printed[1].count("Iteration") == estimator.n_iter_


def test_verbose_tells_of_smaller_rates(capsys):
    settings = {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1}
    classifier(verbose=1, max_iter=100, **settings).fit(X, Y)
    printed = capsys.readouterr().out
    assert "Setting learning rate to 0.000200" in printed
    assert printed.endswith(
        "did not improve more than tol=0.500000 for 1 consecutive epochs. Stopping.\n"
    )


@pytest.mark.parametrize("early", [False, True])
def test_ctrl_c_ends_training_and_keeps_the_weights(early):
    def press(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    callbacks = [pn.LambdaCallback(on_epoch_end=press)]
    found = classifier(callbacks=callbacks, max_iter=50, early_stopping=early)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        found.fit(X, Y)
    assert found.n_iter_ == 3
    assert np.isfinite(found.predict_proba(X)).all()
    whole = classifier(max_iter=3, early_stopping=early).fit(X, Y)
    assert_same_bits(found.predict_proba(X), whole.predict_proba(X))


ALIKE = [
    {},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 2},
    {"solver": "sgd", "learning_rate": "invscaling"},
    {"n_iter_no_change": 1, "tol": 0.02},
    {"n_iter_no_change": np.inf, "activation": "prelu"},
    {"shuffle": False, "alpha": 0.0, "dropout": 0.2},
]


@pytest.mark.parametrize("settings", ALIKE)
@pytest.mark.parametrize("rows_ahead", [1, 1000, 1 << 20])
def test_unwatched_epochs_are_those_a_callback_sees(settings, rows_ahead, monkeypatch):
    """Several of them go to the engine in one call, but never past one that may be the last."""
    monkeypatch.setattr(stochastic, "_ROWS_AHEAD", rows_ahead)
    settings = {"max_iter": 40, "learning_rate_init": 0.01} | settings
    watched = classifier(callbacks=[Log()], **settings).fit(X, Y)
    plain = classifier(**settings).fit(X, Y)
    assert plain.loss_curve_ == watched.loss_curve_
    assert (plain.n_iter_, plain.t_) == (watched.n_iter_, watched.t_)
    assert_same_bits(plain.predict_proba(X), watched.predict_proba(X))
    for estimator in (plain, watched):
        estimator.partial_fit(X, Y)
    assert plain.loss_curve_ == watched.loss_curve_


def test_ctrl_c_between_two_of_many_epochs_keeps_those_before():
    found = classifier(max_iter=10_000_000, n_iter_no_change=np.inf)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        found.fit(X, Y)
    assert found.n_iter_ == len(found.loss_curve_) > 1
    assert found.t_ == found.n_iter_ * len(X)
    assert np.isfinite(found.predict_proba(X)).all()


def test_patience_may_be_a_small_integer():
    """Counted in its own type it would go round below 0, and training on past its end."""
    found = classifier(n_iter_no_change=np.uint8(2), tol=10.0, max_iter=50, warm_start=True)
    epochs = [len(found.fit(X, Y).loss_curve_) for _ in range(4)]
    plain = classifier(n_iter_no_change=2, tol=10.0, max_iter=50, warm_start=True)
    assert epochs == [len(plain.fit(X, Y).loss_curve_) for _ in range(4)]


def test_a_pickle_holds_no_rates_of_steps_to_come():
    few, many = (classifier(max_iter=n, batch_size=3).fit(X, Y) for n in (1, 30))
    assert len(pickle.dumps(many)) < len(pickle.dumps(few)) + 5000
