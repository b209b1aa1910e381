"""`fit_many` with rows: the bits and errors of copies, without copies of X."""

from __future__ import annotations

import re

import numpy as np
import pytest
import scipy.sparse

import prelunet as pn
from memory_use import needs_linux
from network_models import dense, labelled, mlp
from prelunet.training import subset
from subprocesses import run_code
from tolerances import assert_same_bits

ROWS = 60


def residual_metric(y, outputs):
    return float(np.abs(outputs).mean() + y.mean())


def own_loss(outputs, targets):
    rows = outputs - np.eye(5)[targets]
    return (rows**2).sum(axis=1), 2.0 * rows


ARGUMENTS = {
    "batches": {"batch_size": 8, "epochs": 3},
    "a short last batch left out": {"batch_size": 8, "epochs": 3, "drop_last": True},
    "in order": {"batch_size": 8, "epochs": 2, "shuffle": False},
    "one batch": {"batch_size": None, "epochs": 3},
    "one batch in order": {"batch_size": None, "epochs": 3, "shuffle": False},
    "blocks": {"batch_size": 8, "epochs": 2, "shuffle": "blocks"},
    "class weights": {"batch_size": 8, "class_weight": "balanced"},
    "validation split": {"batch_size": 8, "validation_split": 0.25},
}


def compiled(kind):
    if kind == "loss":
        return mlp(loss=own_loss, metrics=())
    if kind == "metric":
        return mlp(metrics=["accuracy", residual_metric])
    return mlp()


def spied(monkeypatch):
    """Return a list that gets a Subset whenever one is made."""
    made = []
    begin = subset.Subset.__init__

    def init(self, *arguments):
        begin(self, *arguments)
        made.append(self)

    monkeypatch.setattr(subset.Subset, "__init__", init)
    return made


def assert_same_fits(X, y, rows, kind="plain", *, in_place, monkeypatch, weights=None, **arguments):
    """Assert that a fit of some rows gives the bits of one on copies, and whether X is copied."""
    one, other = compiled(kind), compiled(kind)
    made = spied(monkeypatch)
    each = {name: [value] for name, value in arguments.items()}
    (history,) = pn.fit_many([one], X, y, rows=[rows], sample_weight=weights, **each)
    assert bool(made) == in_place
    own = None if weights is None else weights[rows]
    assert history == other.fit(X[rows], y[rows], sample_weight=own, **arguments)
    for name, values in other.parameters().items():
        assert_same_bits(one.parameters()[name], values, name)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_rows_give_the_bits_of_copies(rng, monkeypatch, name, watched, weighted):
    X, y = labelled(rng, ROWS)
    rows = rng.integers(0, ROWS, 45)
    arguments = dict(ARGUMENTS[name])
    if watched:
        arguments["callbacks"] = [pn.LambdaCallback(on_train_batch_end=lambda *_: None)]
    weights = rng.uniform(0.0, 2.0, ROWS) if weighted else None
    in_place = name not in ("blocks", "class weights", "validation split")
    assert_same_fits(
        X, y, rows, in_place=in_place, monkeypatch=monkeypatch, weights=weights, **arguments
    )


@pytest.mark.parametrize(
    ("kind", "in_place"), [("loss", False), ("metric", False), ("few", False), ("sparse", False)]
)
def test_rows_that_are_copied(rng, monkeypatch, kind, in_place):
    X, y = labelled(rng, ROWS)
    rows = rng.integers(0, ROWS, 7 if kind == "few" else 45)
    if kind == "sparse":
        X = scipy.sparse.csr_matrix(np.where(X > 0.5, X, 0.0))
    assert_same_fits(X, y, rows, kind, in_place=in_place, monkeypatch=monkeypatch, batch_size=8)


def test_only_chosen_labels_are_checked(rng, monkeypatch):
    X, y = labelled(rng, ROWS)
    rows = np.arange(20, ROWS)
    y[:20] = -1
    assert_same_fits(X, y, rows, in_place=True, monkeypatch=monkeypatch, batch_size=8)
    y[30] = 7
    with pytest.raises(ValueError, match="got 7 in row 10"):
        mlp().fit(X[rows], y[rows])
    with pytest.raises(ValueError, match="got 7 in row 10"):
        pn.fit_many([mlp()], X, y, rows=[rows])


def test_only_chosen_codes_are_checked(rng):
    X = rng.integers(0, 9, (ROWS, 1)).astype(np.float32)
    y, rows = rng.integers(0, 5, ROWS), np.arange(20, ROWS)
    X[:20] = 77
    models = []
    for _ in range(2):
        models.append(pn.Sequential([pn.Embedding(9, 3), pn.Flatten(), dense(5)], seed=3))
        models[-1].compile(pn.Adam(0.01))
    pn.fit_many(models[:1], X, y, rows=[rows])
    models[1].fit(X[rows], y[rows])
    for name, values in models[1].parameters().items():
        assert_same_bits(models[0].parameters()[name], values, name)


def test_a_checkpoint_resumes_rows_and_copies(rng, tmp_path):
    X, y = labelled(rng, ROWS)
    rows, path = rng.integers(0, ROWS, 45), tmp_path / "a.ckpt"
    whole = mlp()
    whole.fit(X[rows], y[rows], epochs=4)

    def saved():
        return [pn.Checkpoint(path, resume=True)]

    pn.fit_many([mlp()], X, y, rows=[rows], epochs=2, callbacks=[saved()])
    mlp().fit(X[rows], y[rows], epochs=3, callbacks=saved())
    last = mlp()
    pn.fit_many([last], X, y, rows=[rows], epochs=4, callbacks=[saved()])
    for name, values in whole.parameters().items():
        assert_same_bits(last.parameters()[name], values, name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": np.zeros(50, int)}, "y must have as many rows as X, 60, got 50"),
        ({"sample_weight": np.ones(50)}, "sample_weight must have as many rows as X, 60, got 50"),
        ({"rows": [[]]}, "rows must hold integers"),
        ({"rows": [np.empty(0, int)]}, "X must have at least one row, got none"),
    ],
    ids=lambda value: None,
)
@pytest.mark.parametrize("in_place", [True, False])
def test_wrong_rows(rng, changes, message, in_place):
    X, y = labelled(rng, ROWS)
    given = {"X": X, "y": y, "rows": [np.arange(40 if in_place else 5)]} | changes
    error = TypeError if "integers" in message else ValueError
    with pytest.raises(error, match=re.escape(message)):
        pn.fit_many([mlp()], **given)


@needs_linux
def test_memory_grows_by_the_models_alone():
    """60,000 images of 784 bytes; copies of the rows would take 47 MB a model."""
    code = """
    import numpy as np, prelunet as pn
    from memory_use import peak
    pn.set_num_threads(2)
    rng = np.random.default_rng(0)
    X, y = np.zeros((60_000, 784), np.uint8), np.zeros(60_000, np.uint8)
    X[:] = rng.integers(0, 256, 784, np.uint8)
    folds = [np.flatnonzero(rng.random(60_000) < 0.8) for _ in range(32)]
    models = [pn.Sequential([pn.Dense(8), pn.Dense(10)], seed=n) for n in range(32)]
    for model in models:
        model.compile(pn.Adam())
    small = {"batch_size": 4096, "epochs": 1}
    pn.fit_many(models[:1], X, y, **small)
    print(peak(lambda: pn.fit_many(models[1:], X, y, rows=folds[1:], **small)))
    """
    # Weights, gradients, two moments, and weights in the layout of the kernels.
    models = 31 * 6 * 4 * 8 * 785
    # For each of two threads: labels, order and rows, of 8 bytes each, and a block of rows.
    threads = 2 * (4 * 8 * 60_000 + 4 * 2**20)
    assert int(run_code(code)) < models + threads + 4 * 2**20
