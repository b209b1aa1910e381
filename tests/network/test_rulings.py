"""The rulings on numerics and meaning that concern the engine, one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

import prelunet as pn
from network_models import (
    ACTIVATIONS,
    dense,
    identity,
    inputs,
    labelled,
    mlp,
    parameter_copies,
    targets,
)
from tolerances import assert_close_to_scale, assert_same_bits, assert_within, sum_tolerance, ulp

EXACT_ENOUGH = 8  # roundings of a loss that is done by hand below


def by_hand(loss, outputs, wanted, weights=None):
    """Return a loss and the sum over the rows of its gradients by the outputs."""
    model = identity(np.shape(outputs)[1], loss)
    value, gradients = model.loss_and_gradients(outputs, wanted, sample_weight=weights)
    evaluated = model.evaluate(outputs, wanted, sample_weight=weights)["loss"]
    assert_close_to_scale(value, evaluated, sum_tolerance(EXACT_ENOUGH, np.float64))
    return value, gradients["0.bias"]


# ---- shapes, defaults, draws -------------------------------------------------------------------


def test_weights_are_units_by_features_and_images_flatten_in_c_order(rng):
    model = pn.Sequential(
        [pn.Flatten(), pn.Dense(4), pn.PReLU(), pn.Dense(2), pn.PReLU("shared", name="last")],
        input_shape=(3, 2, 5),
    )
    shapes = {name: values.shape for name, values in model.parameters().items()}
    assert shapes == {
        "1.weight": (4, 30),
        "1.bias": (4,),
        "2.alpha": (4,),
        "3.weight": (2, 4),
        "3.bias": (2,),
        "last.alpha": (1,),
    }
    flat = pn.Sequential([pn.Flatten(), pn.LeakyReLU(1.0)], input_shape=(3, 2, 5))
    X = inputs(rng, 4, (3, 2, 5), np.float32)
    assert_same_bits(flat.predict(X), X.reshape(4, 30))


def test_defaults():
    model = pn.Sequential([pn.Dense(40), pn.PReLU(), pn.Dense(3)], input_shape=(20,), seed=0)
    parameters = model.parameters()
    assert {values.dtype for values in parameters.values()} == {np.dtype(np.float32)}
    assert not parameters["0.bias"].any()
    assert (parameters["1.alpha"] == np.float32(0.25)).all()
    limit = math.sqrt(6 / (20 + 40))  # Glorot and Bengio's
    assert 0.9 * limit < np.abs(parameters["0.weight"]).max() <= limit * (1 + ulp(np.float32))


def test_the_same_seed_draws_the_same_weights_in_both_dtypes():
    models = [mlp(dtype=name, seed=6) for name in ("float32", "float64")]
    single, double = (model.parameters() for model in models)
    for name, values in double.items():
        assert_same_bits(single[name], values.astype(np.float32), name)
        assert values.any()
    for name, values in mlp(seed=7).parameters().items():
        assert not np.array_equal(values, double[name])


# ---- PReLU and ReLU ----------------------------------------------------------------------------


def at_kinks(layer):
    """Return outputs and the gradient by alpha, or by the input's scale, at some points."""
    model = pn.Sequential([layer], input_shape=(6,), dtype="float64")
    X = np.array([[0.0, -0.0, 2.0, -2.0, np.inf, -np.inf]])
    return model.predict(X)[0], model.predict(np.full((1, 6), np.nan))[0]


def test_prelu_at_zero_and_nan():
    values, of_nan = at_kinks(pn.PReLU(init=0.5))
    assert_same_bits(values, np.array([0.0, -0.0, 2.0, -1.0, np.inf, -np.inf]))
    assert np.isnan(of_nan).all()
    # The bias's gradient is the derivative at z = 0: alpha; and by alpha it is z itself, 0.
    model = pn.Sequential([pn.Dense(1), pn.PReLU(init=0.5)], input_shape=(2,), dtype="float64")
    model.compile(loss="half_squared_error")
    _, gradients = model.loss_and_gradients(np.zeros((1, 2)), [[-3.0]])
    assert gradients["0.bias"].tolist() == [0.5 * 3.0]
    assert gradients["1.alpha"].tolist() == [0.0]


def test_relu_at_zero_and_nan():
    values, of_nan = at_kinks(pn.ReLU())
    assert values.tolist() == [0.0, 0.0, 2.0, 0.0, np.inf, 0.0]
    assert np.isnan(of_nan).all()
    for inside in ([pn.Dense(1, activation="relu")], [pn.Dense(1), pn.ReLU()]):
        model = pn.Sequential(inside, input_shape=(2,), dtype="float64")
        model.compile(loss="half_squared_error")
        _, gradients = model.loss_and_gradients(np.zeros((1, 2)), [[-3.0]])
        assert gradients["0.bias"].tolist() == [0.0]
        assert np.isnan(model.predict([[np.nan, 0.0]])).all()


# ---- losses ------------------------------------------------------------------------------------

OUTPUTS, TARGETS = [[3.0, 1.0], [-1.0, 1.0]], np.zeros((2, 2))


@pytest.mark.parametrize(
    ("loss", "plain", "gradient", "weighted"),
    [
        ("mean_squared_error", 12 / 4, [1.0, 1.0], (3 * 5 + 1) / 4),
        ("batch_mean_squared_error", 12 / 2, [2.0, 2.0], (3 * 10 + 2) / 4),
        ("half_squared_error", 12 / 2, [2.0, 2.0], (3 * 10 + 2) / 2),
        ("mean_absolute_error", 6 / 4, [0.0, 0.5], (3 * 2 + 1) / 4),
        (pn.losses.Huber(2.0), (4 + 0.5 + 0.5 + 0.5) / 4, [0.25, 0.5], (3 * 2.25 + 0.5) / 4),
    ],
    ids=str,
)
def test_reductions_scale_loss_and_gradient(loss, plain, gradient, weighted):
    value, sums = by_hand(loss, OUTPUTS, TARGETS)
    assert value == plain
    assert sums.tolist() == gradient
    assert by_hand(loss, OUTPUTS, TARGETS, [3.0, 1.0])[0] == weighted
    doubled, same = (by_hand(loss, OUTPUTS, TARGETS, w) for w in ([6.0, 2.0], [2.0, 2.0]))
    share = 2 if loss == "half_squared_error" else 1  # sums grow with weights, means do not
    assert (doubled[0], same[0]) == (share * weighted, share * plain)


def test_softmax_cross_entropy_takes_labels_or_rows_that_need_not_sum_to_1():
    logits = np.log([[1.0, 3.0]])
    tolerance = sum_tolerance(EXACT_ENOUGH, np.float64)
    for wanted in ([1], [[0.0, 1.0]], np.array([1], np.uint8)):
        value, gradient = by_hand("softmax_cross_entropy", logits, wanted)
        assert_close_to_scale(value, math.log(4 / 3), tolerance)
        assert_close_to_scale(gradient, [0.25, -0.25], tolerance)
    value, gradient = by_hand("softmax_cross_entropy", logits, [[2.0, 1.0]])
    assert_close_to_scale(value, 2 * math.log(4) + math.log(4 / 3), tolerance)
    assert_close_to_scale(gradient, [3 * 0.25 - 2, 3 * 0.75 - 1], tolerance)  # p sum(t) - t
    value, gradient = by_hand(pn.losses.SoftmaxCrossEntropy(0.5), logits, [1])
    assert_close_to_scale(value, 0.25 * math.log(4) + 0.75 * math.log(4 / 3), tolerance)
    assert_close_to_scale(gradient, [0.25 - 0.25, 0.75 - 0.75], tolerance)


def test_huge_logits_stay_finite():
    for loss, wanted in (("softmax_cross_entropy", [0]), ("sigmoid_cross_entropy", [[0.0, 1.0]])):
        value, gradient = by_hand(loss, [[1e4, -1e4]], wanted)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_weights_of_0_leave_rows_out_and_all_0_moves_nothing(rng):
    X, y = labelled(rng, 40)
    weights = np.repeat([1.0, 0.0], 20)
    model = mlp()
    _, some = model.loss_and_gradients(X, y, sample_weight=weights)
    _, half = model.loss_and_gradients(X[:20], y[:20])
    for name, gradient in half.items():
        tolerance = sum_tolerance(len(X), np.float64)
        assert_close_to_scale(some[name], gradient, tolerance, name)
    before = parameter_copies(model)
    assert model.train_on_batch(X, y, sample_weight=np.zeros(40))["loss"] == 0.0
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)


def test_class_weights_multiply_sample_weights(rng):
    X, y = labelled(rng, 60)
    weights = rng.uniform(size=60)
    by_class, by_row, balanced, counted = (mlp() for _ in range(4))
    by_class.fit(X, y, sample_weight=weights, class_weight={0: 3.0, 2: 0.5})
    factor = np.select([y == 0, y == 2], [3.0, 0.5], 1.0)
    by_row.fit(X, y, sample_weight=weights * factor)
    balanced.fit(X, y, class_weight="balanced")
    counted.fit(X, y, sample_weight=60 / (5 * np.bincount(y))[y])
    for one, other in ((by_class, by_row), (balanced, counted)):
        for name, values in one.parameters().items():
            assert_same_bits(other.parameters()[name], values, name)


def test_softmax_refuses_a_column_of_labels(rng):
    X, y = labelled(rng, 20)
    with pytest.raises(ValueError, match=r"fit: y must have shape \(n,\) .* got \(20, 1\)"):
        mlp().fit(X, y[:, np.newaxis])


# ---- targets -----------------------------------------------------------------------------------


TARGETS_OUT_OF_RANGE = [
    ("sigmoid_cross_entropy", -0.1, "from 0 to 1, got -0.1 in row 1"),
    ("sigmoid_cross_entropy", 1.5, "from 0 to 1, got 1.5 in row 1"),
    ("sigmoid_cross_entropy", np.nan, "from 0 to 1, got -?nan in row 1"),
    ("softmax_cross_entropy", -0.1, r"from 0 to 9.2\d*e\+18, got -0.1 in row 1"),
    ("softmax_cross_entropy", np.inf, r"from 0 to 9.2\d*e\+18, got inf in row 1"),
    ("mean_squared_error", 1e19, r"from -9.2\d*e\+18 to 9.2\d*e\+18, got 1e\+19 in row 1"),
    ("batch_mean_squared_error", -np.inf, r"to 9.2\d*e\+18, got -inf in row 1"),
    ("half_squared_error", -1e19, r"to 9.2\d*e\+18, got -1e\+19 in row 1"),
    ("mean_absolute_error", 1e39, r"to 3.4\d*e\+38, got 1e\+39 in row 1"),
    ("huber", np.inf, r"to 3.4\d*e\+38, got inf in row 1"),
    ("poisson", -1.0, r"from 0 to 9.2\d*e\+18, got -1 in row 1"),
    ("poisson", np.nan, r"from 0 to 9.2\d*e\+18, got -?nan in row 1"),
    ("gamma", 0.0, r"from 1.17\d*e-38 to 3.4\d*e\+38, got 0 in row 1"),
    ("gamma", np.nan, r"from 1.17\d*e-38 to 3.4\d*e\+38, got -?nan in row 1"),
]


@pytest.mark.parametrize(("loss", "target", "message"), TARGETS_OUT_OF_RANGE)
@pytest.mark.parametrize("layout", ["rows", "columns", "strided"])
def test_targets_without_a_meaning_are_refused(rng, loss, target, message, layout):
    y = np.full((3, 400), loss == "gamma", float, order="F" if layout == "columns" else "C")
    y[1, 150 if layout != "strided" else 300] = target
    if layout == "strided":
        y = y[:, ::2]
    model = identity(y.shape[1], loss, dtype="float32")
    for call in (model.evaluate, model.fit, model.train_on_batch, model.loss_and_gradients):
        with pytest.raises(
            ValueError,
            match=f"y must hold numbers {'.*' if 'from' not in message else ''}{message}",
        ):
            call(np.zeros(y.shape), y)


def test_the_largest_targets_have_a_finite_loss():
    largest = {"float32": 9.2e18, "float64": 6.7e153}
    for dtype, value in largest.items():
        for loss in ("mean_squared_error", "half_squared_error", "batch_mean_squared_error"):
            model = identity(2, loss, dtype=dtype)
            assert np.isfinite(model.evaluate([[0.0, 0.0]], [[value, -value]])["loss"])


def test_softmax_takes_rows_of_any_sum():
    """A row's sum weighs it: twice the targets have twice the loss."""
    model = identity(3, "softmax_cross_entropy")
    z, t = [[0.3, -1.0, 2.0]], np.array([[0.2, 0.3, 0.5]])
    once = model.evaluate(z, t)["loss"]
    assert model.evaluate(z, 2 * t)["loss"] == 2 * once


# ---- dtype and validation ----------------------------------------------------------------------


def test_bytes_are_0_to_255_unless_rescaled(rng):
    X = rng.integers(256, size=(20, 6)).astype(np.uint8)
    plain = pn.Sequential([pn.LeakyReLU(1.0)], input_shape=(6,), dtype="float64")
    scaled = pn.Sequential([pn.Rescaling(1 / 255, 0.5)], input_shape=(6,), dtype="float64")
    assert_same_bits(plain.predict(X), X.astype(np.float64))
    assert_close_to_scale(scaled.predict(X), X / 255 + 0.5, sum_tolerance(3, np.float64))


@pytest.mark.parametrize("bad", [5, -1, 2**40])
def test_one_bad_label_in_the_last_row_leaves_everything_as_it_was(rng, bad):
    X, y = labelled(rng, 600)
    wrong = np.append(y[:-1], bad)
    optimizer = pn.Adam(0.01)
    model, other = mlp(optimizer=optimizer), mlp(optimizer=optimizer)
    for one in (model, other):
        one.fit(X, y)
    before = parameter_copies(model)
    for call in (model.fit, model.train_epoch, model.train_on_batch, model.loss_and_gradients):
        with pytest.raises(ValueError, match=f"got {bad} in row 599"):
            call(X, wrong)
    with pytest.raises(ValueError, match=f"validation_data: y .* got {bad} in row 599"):
        model.fit(X, y, validation_data=(X, wrong))
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)
    for one in (model, other):  # nor have steps, moments or epochs moved
        one.fit(X, y)
    for name, values in model.parameters().items():
        assert_same_bits(values, other.parameters()[name], name)


def test_nan_in_samples_propagates_and_is_no_error(rng):
    X, y = labelled(rng, 30)
    X[7, 3] = np.nan
    for activation in ACTIVATIONS:
        model = mlp(activation=activation)
        outputs = model.predict(X)
        assert np.isnan(outputs[7]).all()
        assert np.isfinite(np.delete(outputs, 7, axis=0)).all()
        assert math.isnan(model.evaluate(X, y)["loss"])
        with pytest.warns(RuntimeWarning, match="X has NaN, .* in column 3"):
            assert math.isnan(model.fit(X, y)["loss"][0])
        assert np.isnan(model.parameters()["0.weight"]).any()


def test_predict_proba_is_softmax_or_sigmoid_of_the_outputs(rng):
    X = inputs(rng, 20)
    model = mlp()
    odds = np.exp(model.predict(X))
    expected = odds / odds.sum(axis=1, keepdims=True)
    tolerance = sum_tolerance(8 + 5, np.float64)
    assert_within(model.predict_proba(X), expected, tolerance)
    model = mlp(loss="sigmoid_cross_entropy")
    assert_within(model.predict_proba(X), 1 / (1 + np.exp(-model.predict(X))), tolerance)
    with pytest.raises(ValueError, match="predict_proba: the loss must be a cross-entropy"):
        mlp(loss="huber").predict_proba(X)


def test_outputs_of_one_unit_and_targets_of_one_axis(rng):
    X, y = inputs(rng, 20), targets(rng, 20, 1, loss="huber")[:, 0]
    model = pn.Sequential([dense(1)], input_shape=(19,), dtype="float64")
    model.compile(loss="mean_squared_error")
    expected = np.mean((model.predict(X)[:, 0] - y) ** 2)
    got = model.evaluate(X, y)["loss"]
    assert_close_to_scale(got, expected, sum_tolerance(len(X), np.float64))
