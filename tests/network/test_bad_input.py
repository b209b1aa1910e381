"""Data that no model takes: an error that names call and argument, and nothing has moved."""

from __future__ import annotations

import re

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp, parameter_copies
from tolerances import assert_same_bits

ROWS, FEATURES, CLASSES = 40, 19, 5
CALLS = ["fit", "train_epoch", "train_on_batch", "loss_and_gradients", "evaluate"]
TAKES_X = [*CALLS, "predict", "predict_proba"]


@pytest.fixture
def data(rng):
    return labelled(rng, ROWS)


@pytest.fixture
def model(data):
    """Return a model with moments, steps and epochs behind it."""
    trained = mlp(optimizer=pn.Adam(0.01))
    trained.fit(*data, epochs=2)
    return trained


def state(model):
    """Return all that training moves: parameters, moments, steps, epochs."""
    moments = [m.copy() for slot in model.engine.core.state("test")[1] for m in slot]
    return [
        *parameter_copies(model).values(),
        *moments,
        model.engine.core.steps,
        model.epochs_trained,
    ]


def assert_refused(model, call, error, *says):
    """Assert the kind of error, that its message has each text, and that the model is as it was."""
    before = state(model)
    with pytest.raises(error) as caught:
        call()
    for text in says:
        assert text in str(caught.value)
    for got, expected in zip(state(model), before, strict=True):
        assert_same_bits(got, expected)


def same_shape(array, dtype):
    """Return zeros of the array's shape."""
    return np.zeros(array.shape, dtype)


# ---- X -----------------------------------------------------------------------------------------

WRONG_X = {
    "one axis": (lambda X: X[0], ValueError, "shape (n, 19), got (19,)"),
    "three axes": (lambda X: X[None], ValueError, "shape (n, 19), got (1, 40, 19)"),
    "too few features": (lambda X: X[:, 1:], ValueError, "shape (n, 19), got (40, 18)"),
    "transposed": (lambda X: X.T, ValueError, "shape (n, 19), got (19, 40)"),
    "no features": (lambda X: X[:, :0], ValueError, "shape (n, 19), got (40, 0)"),
    "a number": (lambda X: 3.0, ValueError, "got 3.0"),
    "None": (lambda X: None, ValueError, "got None"),
    "a dictionary": (lambda X: {"X": X}, ValueError, "array of rows"),
    "ragged": (lambda X: [[1.0], [1.0, 2.0]], ValueError, "inhomogeneous"),
    "complex": (lambda X: X.astype(complex), TypeError, "complex128"),
    "objects": (lambda X: X.astype(object), TypeError, "object"),
    "strings": (lambda X: X.astype(str), TypeError, "<U"),
    "dates": (lambda X: same_shape(X, "M8[s]"), TypeError, "datetime64"),
    "records": (lambda X: same_shape(X, [("a", "f8")]), TypeError, "('a'"),
}


@pytest.mark.parametrize("call", TAKES_X)
@pytest.mark.parametrize("wrong", WRONG_X)
def test_samples(model, data, call, wrong):
    make, error, text = WRONG_X[wrong]
    X = make(data[0])
    y = () if call.startswith("predict") else (data[1],)
    owner = "predict" if call == "predict_proba" else call
    assert_refused(model, lambda: getattr(model, call)(X, *y), error, f"{owner}: X ", text)


@pytest.mark.parametrize("call", CALLS)
def test_no_rows(model, data, call):
    X, y = data
    function = getattr(model, call)
    assert_refused(model, lambda: function(X[:0], y[:0]), ValueError, f"{call}: X ", "got none")


def test_no_rows_have_no_predictions(model):
    outputs = model.predict(np.zeros((0, FEATURES)))
    assert outputs.shape == (0, CLASSES)
    assert outputs.dtype == model.dtype
    assert model.predict_proba(np.zeros((0, FEATURES))).shape == (0, CLASSES)


# ---- y -----------------------------------------------------------------------------------------


def with_last(y, value):
    """Return the labels with another one in the last row."""
    return np.append(y[:-1], np.asarray(value))


WRONG_LABELS = {
    "too large": (lambda y: with_last(y, 5), ValueError, "from 0 to 4, got 5 in row 39"),
    "negative": (lambda y: with_last(y, -1), ValueError, "from 0 to 4, got -1 in row 39"),
    "int8": (lambda y: with_last(y, -128).astype(np.int8), ValueError, "got -128 in row 39"),
    "wraps in int64": (
        lambda y: np.append(y[:-1].astype(np.uint64), np.uint64(2**64 - 1)),
        ValueError,
        "got 18446744073709551615 in row 39",
    ),
    "wraps in int32": (lambda y: with_last(y, 2**32), ValueError, "got 4294967296 in row 39"),
    "floats": (lambda y: y.astype(float), TypeError, "integer labels"),
    "strings": (lambda y: y.astype(str), TypeError, "np.unique(y, return_inverse=True) makes"),
    "text objects": (lambda y: y.astype(str).astype(object), TypeError, "TabularClassifier"),
    "objects": (lambda y: y.astype(object), TypeError, "object"),
    "complex": (lambda y: y.astype(complex), TypeError, "complex128"),
    "a column": (lambda y: y[:, None], ValueError, "y.ravel()"),
    "too few": (lambda y: y[1:], ValueError, "as many rows as X, 40, got 39"),
    "too many": (lambda y: np.append(y, 0), ValueError, "as many rows as X, 40, got 41"),
    "none": (lambda y: y[:0], ValueError, "as many rows as X, 40, got 0"),
    "None": (lambda y: None, ValueError, "got None"),
    "a number": (lambda y: 1, ValueError, "got 1"),
    "float16 labels": (lambda y: y.astype(np.float16), TypeError, "integer labels"),
    "rows of 4": (lambda y: np.zeros((ROWS, 4)), ValueError, "shape (n, 5), got (40, 4)"),
    "three axes": (lambda y: np.zeros((ROWS, 5, 1)), ValueError, "shape (n, 5), got (40, 5, 1)"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("wrong", WRONG_LABELS)
def test_labels(model, data, call, wrong):
    make, error, text = WRONG_LABELS[wrong]
    X, y = data
    function = getattr(model, call)
    assert_refused(model, lambda: function(X, make(y)), error, f"{call}: y ", text)


@pytest.mark.parametrize(
    ("shape", "expected"), [((ROWS,), "(n, 5)"), ((ROWS, 4), "(n, 5)"), ((1, 5), "as many rows")]
)
def test_target_rows(data, shape, expected):
    model = mlp(loss="mean_squared_error")
    for call in CALLS:
        function = getattr(model, call)
        refused = (lambda f=function: f(data[0], np.zeros(shape))), ValueError
        assert_refused(model, *refused, f"{call}: y ", expected)


def test_booleans_are_the_labels_0_and_1(data):
    X, y = data[0], data[1] > 2
    assert mlp().evaluate(X, y) == mlp().evaluate(X, y.astype(int))


# ---- weights -----------------------------------------------------------------------------------

WRONG_WEIGHTS = {
    "NaN": (np.append(np.ones(ROWS - 1), np.nan), ValueError, "got nan in row 39"),
    "infinity": (np.append(np.ones(ROWS - 1), np.inf), ValueError, "got inf in row 39"),
    "negative": (np.append(np.ones(ROWS - 1), -1.0), ValueError, "in row 39"),
    "too few": (np.ones(ROWS - 1), ValueError, "shape (40,), got (39,)"),
    "a column": (np.ones((ROWS, 1)), ValueError, "shape (40,), got (40, 1)"),
    "a number": (2.0, ValueError, "got 2.0"),
    "complex": (np.ones(ROWS, complex), TypeError, "complex128"),
    "strings": (["a"] * ROWS, TypeError, "<U1"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("wrong", WRONG_WEIGHTS)
def test_sample_weights(model, data, call, wrong):
    weights, error, text = WRONG_WEIGHTS[wrong]
    function = getattr(model, call)
    options = [{"sample_weight": weights}]
    if call == "fit":
        options.append({"sample_weight": weights, "class_weight": {0: 2.0}})
    for given in options:
        refused = (lambda given=given: function(*data, **given)), error
        assert_refused(model, *refused, f"{call}: sample_weight ", text)


@pytest.mark.parametrize(
    "weights",
    [
        {0: np.nan},
        {0: -1.0},
        {1: np.inf},
        {0: "2"},
        {0: None},
        {0: [1.0, 2.0]},
        {0: True},
        {"0": 1.0},
        {0.5: 1.0},
        {-1: 1.0},
        [1.0] * CLASSES,
        "equal",
        3,
    ],
    ids=str,
)
def test_class_weights(model, data, weights):
    refused = (lambda: model.fit(*data, class_weight=weights)), (TypeError, ValueError)
    assert_refused(model, *refused, "fit: ", "class_weight", " got ")


def test_class_weights_of_quantities(data):
    model = mlp(loss="mean_squared_error")
    y = np.full((ROWS, CLASSES), 0.5)
    refused = (lambda: model.fit(data[0], y, class_weight={0: 1.0})), ValueError
    assert_refused(model, *refused, "class_weight", "not classes")


# ---- order and batch size ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ([0, ROWS], ValueError),
        ([-1], ValueError),
        (np.array([2**63], np.uint64), ValueError),
        ([0.0], TypeError),
        (np.ones(ROWS, bool), TypeError),
        ([], ValueError),
        ([[0, 1]], ValueError),
        (3, ValueError),
        (["a"], TypeError),
        (np.array([0], object), TypeError),
    ],
    ids=str,
)
def test_order(model, data, order, error):
    refused = (lambda: model.train_epoch(*data, order=order)), error
    assert_refused(model, *refused, "train_epoch: order ", " got ")


@pytest.mark.parametrize("call", ["fit", "train_epoch"])
@pytest.mark.parametrize("size", [0, -1, 2.0, True, "8", np.nan, np.float64(8), [8]], ids=str)
def test_batch_size(model, data, call, size):
    refused = (lambda: getattr(model, call)(*data, batch_size=size)), (TypeError, ValueError)
    assert_refused(model, *refused, f"{call}: batch_size", f"got {size!r}")


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": -1},
        {"epochs": 1.0},
        {"epochs": True},
        {"shuffle": 1},
        {"verbose": "loud"},
        {"verbose": None},
        {"validation_split": 1.0},
        {"validation_split": np.nan},
        {"validation_split": 0.001},
        {"validation_data": (1,)},
        {"validation_data": (np.zeros((3, 4)), [0, 0, 0])},
        {"validation_data": (np.zeros((3, 19)), [0, 0, 5])},
        {"validation_data": (np.zeros((0, 19)), np.zeros(0, int))},
        {"callbacks": ["early"]},
        {"callbacks": pn.EarlyStopping()},
    ],
)
def test_other_arguments_of_fit(model, data, options):
    refused = (lambda: model.fit(*data, **options)), (TypeError, ValueError)
    (name,) = options
    assert_refused(model, *refused, "fit", name)


def test_every_message_has_one_line(model, data):
    for make, error, _ in WRONG_X.values():
        with pytest.raises(error) as caught:
            model.predict(make(data[0]))
        assert re.fullmatch(r"predict: X must .+", str(caught.value))
