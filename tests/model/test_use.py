"""What a model does with data, call by call: predictions, probabilities, single steps."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp, parameter_copies
from tolerances import assert_same_bits


class Frame:
    """What NumPy can make an array of without being one, as data frames are."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


# ---- data --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.ndarray.tolist, Frame], ids=["lists", "frames"])
def test_lists_and_frames_are_data(rng, kind):
    X, y = labelled(rng, 40)
    weights, order = rng.uniform(size=40), rng.permutation(40)
    given, plain = mlp(), mlp()
    for model, of in ((given, kind), (plain, np.asarray)):
        model.fit(of(X), of(y), sample_weight=of(weights), validation_data=(of(X), of(y)))
        model.train_epoch(of(X), of(y), order=of(order), sample_weight=of(weights))
        model.train_on_batch(of(X), of(y), sample_weight=of(weights))
    assert_same_bits(given.predict(kind(X)), plain.predict(X))
    assert_same_bits(given.predict_proba(kind(X)), plain.predict_proba(X))
    assert given.evaluate(kind(X), kind(y)) == plain.evaluate(X, y)


def test_pandas(rng):
    pandas = pytest.importorskip("pandas")
    X, y = labelled(rng, 40)
    frame, series = pandas.DataFrame(X), pandas.Series(y)
    given, plain = mlp(), mlp()
    assert given.fit(frame, series, validation_split=0.25) == plain.fit(X, y, validation_split=0.25)
    assert_same_bits(given.predict(frame), plain.predict(X))


# ---- probabilities -----------------------------------------------------------------------------


def test_probabilities_belong_to_losses_of_logits(rng):
    X, _ = labelled(rng, 30)
    model = mlp()
    logits = model.predict(X)
    assert_same_bits(model.predict_proba(X), pn.ops.softmax_forward(logits))
    model.compile(loss="sigmoid_cross_entropy")
    assert_same_bits(model.predict_proba(X), pn.ops.sigmoid_forward(logits))
    model.compile(loss="huber")
    with pytest.raises(ValueError, match=r"predict_proba: the loss must be .*, got 'huber'"):
        model.predict_proba(X)
    with pytest.raises(RuntimeError, match="predict_proba: compile the model first"):
        pn.Sequential([pn.Dense(3)]).predict_proba(X)


# ---- single steps ------------------------------------------------------------------------------


def test_train_on_batch_is_one_update_and_reports_what_was_before(rng):
    X, y = labelled(rng, 300)  # more than a block
    weights = rng.uniform(size=300)
    model, fitted = mlp(), mlp()
    before = model.evaluate(X, y, sample_weight=weights)
    logs = model.train_on_batch(X, y, sample_weight=weights)
    assert logs == before
    fitted.fit(X, y, sample_weight=weights, batch_size=None, shuffle=False)
    for name, values in fitted.parameters().items():
        assert_same_bits(model.parameters()[name], values, name)
    assert model.epochs_trained == 0
    assert fitted.epochs_trained == 1


@pytest.mark.parametrize(
    ("order", "error", "message"),
    [
        ([], ValueError, r"order must have shape \(n,\) with n at least 1, got \(0,\)"),
        ([[0, 1]], ValueError, r"order must have shape \(n,\) .*, got \(1, 2\)"),
        (3, ValueError, "order must be an array of rows, got 3"),
        ([0.0, 1.0], TypeError, "order must hold integers, the numbers of rows, got dtype float64"),
        ([True, False], TypeError, "order must hold integers, .*, got dtype bool"),
        ([0, 30], ValueError, "order must hold .* from 0 to 29, got 30 in row 1"),
        ([0, -1], ValueError, "order must hold .* from 0 to 29, got -1 in row 1"),
    ],
)
def test_a_bad_order_is_refused(rng, order, error, message):
    X, y = labelled(rng, 30)
    model = mlp()
    before = parameter_copies(model)
    with pytest.raises(error, match=f"^train_epoch: {message}"):
        model.train_epoch(X, y, order=order)
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)


def test_loss_and_gradients_are_those_of_the_next_step(rng):
    X, y = labelled(rng, 30)
    weights = rng.uniform(size=30)
    model = mlp(optimizer=pn.SGD(1.0))
    before = parameter_copies(model)
    loss, gradients = model.loss_and_gradients(X, y, sample_weight=weights)
    assert type(loss) is float
    logs = model.train_on_batch(X, y, sample_weight=weights)
    assert logs["loss"] == loss
    assert list(gradients) == list(before)
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name] - gradients[name], name)


def test_set_parameters_writes_all_or_nothing():
    model = mlp()
    before = parameter_copies(model)
    for bad, error, message in [
        ({"0.bias": np.ones(33), "nonsense": 1.0}, ValueError, "among 0.weight, .* got 'nonsense'"),
        ({"0.bias": np.ones(33), "2.bias": np.ones(3)}, ValueError, r"shape \(18,\), got \(3,\)"),
        ({"0.bias": np.ones(33), "2.bias": ["a"] * 18}, TypeError, "2.bias must hold real numbers"),
        (None, TypeError, "parameters must be a mapping by name, got None"),
    ]:
        with pytest.raises(error, match=f"^set_parameters: .*{message}"):
            model.set_parameters(bad)
        for name, values in model.parameters().items():
            assert_same_bits(values, before[name], name)
    model.set_parameters({"0.bias": list(range(33)), "1.alpha": [True] * 33})
    assert model.parameters()["0.bias"].tolist() == list(range(33))
    assert model.parameters()["1.alpha"].tolist() == [1.0] * 33
    assert_same_bits(model.parameters()["0.weight"], before["0.weight"])


# ---- predictions into an array ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
def test_predictions_are_written_into_out(rng, dtype):
    X, _ = labelled(rng, 30)
    model = pn.Sequential([pn.Dense(7), pn.ReLU(), pn.Dense(5)], dtype=dtype, seed=0)
    model.compile()
    kept = np.full((40, 5), np.nan, model.variable_dtype)
    out = kept[5:35]
    assert model.predict(X, out=out) is out  # the first use, which builds the model
    assert_same_bits(out, model.predict(X))
    assert model.predict(X.tolist(), out=out) is out
    assert model.predict_proba(X, out=out) is out
    assert_same_bits(out, model.predict_proba(X))
    model.compile(loss="sigmoid_cross_entropy")
    assert model.predict_proba(X, out=out) is out
    assert_same_bits(out, model.predict_proba(X))
    assert np.isnan(kept[:5]).all()
    assert np.isnan(kept[35:]).all()
    row = np.zeros(24, X.dtype)
    row[:19] = X[0]
    if X.dtype == out.dtype:  # beside X in one buffer
        model.predict(row[np.newaxis, :19], out=row[np.newaxis, 19:])
        assert_same_bits(row[19:], model.predict(X[:1])[0])


def test_sparse_rows_are_predicted_into_out(rng):
    sparse = pytest.importorskip("scipy.sparse")
    X, _ = labelled(rng, 30)
    model, out = mlp(dtype="float32"), np.empty((30, 5), np.float32)
    assert model.predict(sparse.csr_matrix(X), out=out) is out
    assert_same_bits(out, model.predict(sparse.csr_matrix(X)))


def read_only(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (lambda X: [[0.0] * 5] * 4, TypeError, "be a NumPy array, got list"),
        (lambda X: np.zeros((4, 5)), TypeError, "have dtype float32 as the model, got float64"),
        (lambda X: np.zeros((4, 5), ">f4"), TypeError, "have native byte order, got >f4"),
        (lambda X: np.zeros((4, 6), "f4"), ValueError, r"have shape \(4, 5\), got \(4, 6\)"),
        (lambda X: np.zeros(20, "f4"), ValueError, r"have shape \(4, 5\), got \(20,\)"),
        (lambda X: np.zeros((5, 4), "f4").T, ValueError, "be C-contiguous, got strides"),
        (lambda X: np.zeros((4, 10), "f4")[:, ::2], ValueError, "be C-contiguous, got strides"),
        (lambda X: read_only(np.zeros((4, 5), "f4")), ValueError, "be writeable, got a read-only"),
        (lambda X: X.base[1][:20].reshape(4, 5), ValueError, "not overlap X, got arrays that sh"),
        (lambda X: X.base[6][18:].reshape(4, 5), ValueError, "not overlap X, got arrays that sh"),
    ],
)
def test_a_bad_out_is_refused(rng, bad, error, message):
    model, X = (
        mlp(dtype="float32"),
        np.ones((8, 38), np.float32)[6::-2, :19],
    )  # rows backward, with gaps
    out = bad(X)
    for method in (model.predict, model.predict_proba):
        with pytest.raises(error, match=f"^predict: out must {message}"):
            method(X, out=out)
    assert not np.any(out) or np.shares_memory(out, X.base)
    assert (X == 1.0).all()
