"""Which rows fit trains on, which it validates with, and what they weigh."""

from __future__ import annotations

import math

import numpy as np
import pytest

import prelunet as pn
from fit_checks import assert_refused, assert_same_models
from network_models import labelled, mlp
from tolerances import assert_close_to_scale, sum_tolerance

ROWS, CLASSES = 40, 5


@pytest.fixture
def data(rng):
    return labelled(rng, ROWS)


# ---- validation --------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [tuple, list])
@pytest.mark.parametrize("weighted", [False, True])
def test_validation_data_are_evaluated_after_each_epoch(data, rng, pack, weighted):
    held = [*labelled(rng, 15), rng.uniform(size=15)][: 3 if weighted else 2]
    model = mlp()
    seen = []
    watch = pn.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(
            model.evaluate(held[0], held[1], sample_weight=held[2] if weighted else None)
        )
    )
    history = model.fit(*data, epochs=3, validation_data=pack(held), callbacks=[watch])
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history["val_loss"] == [logs["loss"] for logs in seen]
    assert history["val_accuracy"] == [logs["accuracy"] for logs in seen]
    plain = mlp()
    plain.fit(*data, epochs=3)
    assert_same_models(model, plain)  # validating moves nothing


def test_validation_weights_may_be_none(data, rng):
    X, y = labelled(rng, 15)
    histories = [mlp().fit(*data, validation_data=held) for held in ((X, y), (X, y, None))]
    assert histories[0] == histories[1]


@pytest.mark.parametrize(("share", "held"), [(0.25, 10), (0.04, 2), (0.98, 39)])
def test_validation_split_holds_out_the_last_rows(data, rng, share, held):
    X, y = data
    kept = ROWS - held
    weights = rng.uniform(size=ROWS)
    for of_kept, of_held in ((None, None), (weights[:kept], weights[kept:])):
        split, apart = mlp(), mlp()
        one = split.fit(
            X,
            y,
            epochs=2,
            validation_split=share,
            sample_weight=None if of_kept is None else weights,
        )
        other = apart.fit(
            X[:kept],
            y[:kept],
            epochs=2,
            sample_weight=of_kept,
            validation_data=(X[kept:], y[kept:], of_held),
        )
        assert one == other
        assert_same_models(split, apart)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"validation_split": 1.0}, ValueError, "fit: validation_split must be .* < 1, got 1.0"),
        ({"validation_split": -0.5}, ValueError, "fit: validation_split must be .*, got -0.5"),
        ({"validation_split": math.nan}, ValueError, "fit: validation_split must be .*, got nan"),
        ({"validation_split": True}, TypeError, "fit: validation_split must be .*, got True"),
        ({"validation_split": 0.001}, ValueError, "leave rows in both parts of 40 rows, got 0.001"),
        ({"validation_split": 0.99}, ValueError, "leave rows in both parts of 40 rows, got 0.99"),
        ({"validation_data": 5}, ValueError, r"validation_data must be \(X, y\) or \(X, y, samp"),
        ({"validation_data": ()}, ValueError, r"validation_data must be \(X, y\)"),
        ({"validation_data": {"X": 1, "y": 2}}, ValueError, r"validation_data must be \(X, y\)"),
        (
            {"validation_data": ([[1.0]], [0])},
            ValueError,
            "fit: validation_data: X must have shape",
        ),
    ],
)
def test_bad_validation(data, arguments, error, message):
    assert_refused(data, error, message, **arguments)


def test_validation_data_that_do_not_fit_the_training_data(data, rng):
    X, y = labelled(rng, 15)
    for held, error, message in [
        ((X, y[1:]), ValueError, "validation_data: y must have as many rows as X, 15, got 14"),
        ((X, y + 1), ValueError, "validation_data: y must hold labels from 0 to 4, got 5"),
        ((X, y, -np.ones(15)), ValueError, "validation_data: sample_weight must hold finite"),
        ((X[:, :3], y), ValueError, r"validation_data: X must have shape \(n, 19\)"),
    ]:
        assert_refused(data, error, f"^fit: {message}", validation_data=held)
    message = "validation_split must be 0 where validation_data is given"
    assert_refused(data, ValueError, message, validation_data=(X, y), validation_split=0.1)
    late = pn.Sequential([pn.Dense(CLASSES)])
    late.compile()
    with pytest.raises(ValueError, match=r"validation_data: X must have shape \(n, 19\)"):
        late.fit(*data, validation_data=(X[:, :3], y))
    assert late.input_shape is None


# ---- class_weight ------------------------------------------------------------------------------


def fits_of_weights(X, y, pairs, *, model=mlp):
    """Return the models that fit makes with each pair of class_weight and sample_weight."""
    models = []
    for class_weight, sample_weight in pairs:
        models.append(model())
        models[-1].fit(X, y, epochs=2, class_weight=class_weight, sample_weight=sample_weight)
    return models


def test_class_weights_are_weights_of_rows(data, rng):
    X, y = data
    weights = rng.uniform(size=ROWS)
    by_row = np.array([2.0, 1.0, 0.0, 1.0, 0.5])[y]
    by_class = {0: 2, np.int64(2): 0.0, 4: np.float32(0.5)}
    one, other = fits_of_weights(X, y, [(by_class, None), (None, by_row)])
    assert_same_models(one, other)
    one, other = fits_of_weights(X, y, [(by_class, weights), (None, by_row * weights)])
    assert_same_models(one, other)
    one, other = fits_of_weights(X, y, [({}, None), (None, np.ones(ROWS))])
    assert_same_models(one, other)


def test_balanced_gives_classes_the_same_weight_in_all(data):
    X, _ = data
    y = np.repeat([0, 1, 4], [25, 10, 5])  # classes 2 and 3 are not there
    by_class = {0: 40 / (3 * 25), 1: 40 / (3 * 10), 4: 40 / (3 * 5)}
    total = sum(by_class[label] for label in y)
    assert_close_to_scale(total, ROWS, sum_tolerance(ROWS + 2, np.float64))
    one, other = fits_of_weights(X, y, [("balanced", None), (by_class, None)])
    assert_same_models(one, other)


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"),
    [
        ("softmax_cross_entropy", 5, lambda y: np.eye(5)[y]),
        ("mean_squared_error", 5, lambda y: np.eye(5)[y]),
        ("sigmoid_cross_entropy", 1, lambda y: (y % 2).astype(float)),
        ("sigmoid_cross_entropy", 1, lambda y: (y % 2)[:, None]),
    ],
)
def test_classes_of_rows_of_targets(data, loss, outputs, targets):
    X, y = data
    classes = y if outputs == 5 else y % 2
    by_row = np.array([3.0, 1.0, 1.0, 1.0, 1.0])[classes]
    one, other = fits_of_weights(
        X,
        targets(y),
        [({0: 3.0}, None), (None, by_row)],
        model=lambda: mlp(widths=(8, outputs), loss=loss),
    )
    assert_same_models(one, other)


@pytest.mark.parametrize(
    ("class_weight", "error", "message"),
    [
        (
            "even",
            ValueError,
            "class_weight .unless a mapping. must be one of 'balanced', got 'even'",
        ),
        ([1.0, 2.0], TypeError, r"class_weight must be a mapping .* got \[1.0, 2.0\]"),
        (np.ones(5), TypeError, "class_weight must be a mapping from class to weight"),
        ({"0": 1.0}, TypeError, "a class in class_weight must be an integer, got '0'"),
        ({-1: 1.0}, ValueError, "class_weight must have keys among the classes 0, .*, 4, got -1"),
        ({CLASSES: 1.0}, ValueError, "class_weight must have keys among the classes .*, got 5"),
        ({0: 1e308, 1: 1e308}, ValueError, "class_weight must have a finite sum"),
        ({0: 1e-320}, ValueError, "class_weight must hold weights of 0 or from 2.22507e-308"),
        ({0: -1.0}, ValueError, r"class_weight\[0\] must be a finite number >= 0, got -1.0"),
        ({3: math.nan}, ValueError, r"class_weight\[3\] must be a finite number >= 0, got nan"),
        ({3: "a"}, TypeError, r"class_weight\[3\] must be a finite number >= 0, got 'a'"),
    ],
)
def test_bad_class_weights(data, class_weight, error, message):
    assert_refused(data, error, f"^fit: {message}", class_weight=class_weight)


@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", "mean_squared_error"])
@pytest.mark.parametrize("label", [2, -1])
def test_class_weights_of_yes_and_no_know_0_and_1(rng, loss, label):
    model = mlp(widths=(33, 1), loss=loss)
    X, _ = labelled(rng, ROWS)
    y = rng.integers(2, size=ROWS).astype(float)
    with pytest.raises(ValueError, match=f"keys among the classes 0, 1, got {label}"):
        model.fit(X, y, class_weight={label: 2.0})
    model.fit(X, y, class_weight={0: 1.0, 1: 2.0})


def test_class_weights_of_a_loss_function_know_its_labels(rng):
    def ordinal(outputs, labels):
        d = outputs[:, 0] - labels
        return d**2, 2 * d[:, np.newaxis]

    X, _ = labelled(rng, ROWS)
    y = rng.integers(3, 7, size=ROWS)
    mlp(widths=(33, 1), loss=ordinal).fit(X, y, class_weight={6: 2.0})
    for wrong in (0, 2, 7):
        with pytest.raises(ValueError, match=f"keys among the classes 3, 4, 5, 6, got {wrong}"):
            mlp(widths=(33, 1), loss=ordinal).fit(X, y, class_weight={wrong: 2.0})
    with pytest.raises(ValueError, match="must be None where targets are not classes"):
        mlp(widths=(33, 1), loss=ordinal).fit(X, y + 0.5, class_weight={3: 2.0})


def test_class_weights_of_several_labels_a_row_are_refused(rng):
    X, _ = labelled(rng, ROWS)
    several = rng.integers(2, size=(ROWS, CLASSES))
    for y in (several, np.eye(CLASSES)[rng.integers(CLASSES, size=ROWS)]):
        for weights in ({0: 2.0}, "balanced"):
            with pytest.raises(ValueError, match="class_weight must be None for several yes/no"):
                mlp(loss="sigmoid_cross_entropy").fit(X, y, class_weight=weights)
    several[0] = 1
    with pytest.raises(ValueError, match="must be None where targets are not classes"):
        mlp(loss="mean_squared_error").fit(X, several, class_weight={0: 2.0})


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "half_squared_error"])
def test_weights_that_overflow_are_refused_before_anything_moves(rng, loss):
    model = mlp(loss=loss, dtype="float32")
    X, labels = labelled(rng, ROWS)
    y = labels if loss == "softmax_cross_entropy" else np.eye(CLASSES)[labels]
    before = {name: values.copy() for name, values in model.parameters().items()}
    rows = np.ones(ROWS)
    for weights, message in [
        (rows * 1e308, "sample_weight must have a finite sum|to 3.40282e"),
        (rows * 1e-310, "sample_weight must hold weights of 0 or from 2.22507e-308"),
    ]:
        for call in (model.fit, model.train_on_batch, model.evaluate, model.loss_and_gradients):
            with pytest.raises(ValueError, match=message):
                call(X, y, sample_weight=weights)
    for weights, factor, message in [
        (rows * 1e30, 1e300, "sample_weight times class_weight must"),
        (rows * 1e-200, 1e-200, "sample_weight times class_weight must not underflow"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(
                X, y, sample_weight=weights, class_weight=dict.fromkeys(range(CLASSES), factor)
            )
    model.fit(X, y, sample_weight=rows * 1e-300)  # near the end of the range, and learned from
    for name, values in model.parameters().items():
        assert np.isfinite(values).all()
        moved = (values != before[name]).any()
        assert moved == (loss == "softmax_cross_entropy")  # a sum has gradients as small


def test_weights_of_a_sum_have_the_range_of_the_dtype(rng):
    X, labels = labelled(rng, ROWS)
    y, weights = np.eye(CLASSES)[labels], np.full(ROWS, 1e39)
    with pytest.raises(ValueError, match=r"weights of 0 or from .* to 3.40282e\+38, got 1e\+39"):
        mlp(loss="half_squared_error", dtype="float32").fit(X, y, sample_weight=weights)
    mlp(loss="half_squared_error", dtype="float64").evaluate(X, y, sample_weight=weights)
    mlp(loss="mean_squared_error", dtype="float32").fit(X, y, sample_weight=weights)


def test_class_weights_need_classes_and_good_weights(data, rng):
    X, y = data
    model = mlp(loss="mean_squared_error")
    with pytest.raises(ValueError, match="class_weight must be None where targets are not classes"):
        model.fit(X, rng.uniform(size=(ROWS, CLASSES)), class_weight={0: 1.0})
    for weights in (np.ones(ROWS - 1), np.ones((ROWS, 1))):
        with pytest.raises(ValueError, match=r"fit: sample_weight must have shape \(40,\)"):
            mlp().fit(X, y, sample_weight=weights, class_weight="balanced")
    for labels in (y + 0.5, y.astype(str)):
        with pytest.raises(TypeError, match="fit: y must"):
            mlp().fit(X, labels, class_weight="balanced")
