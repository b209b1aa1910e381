"""Activations that scikit-learn lacks, one for each layer, and dropout."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification

import prelunet as pn
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance

X, Y = make_classification(240, 8, n_informative=6, n_classes=3, random_state=0)
NAMES = ["prelu", "prelu_shared", "leaky_relu", "elu", "gelu", "silu", "sigmoid"]


def fitted(**settings):
    settings = {"hidden_layer_sizes": (6, 5), "max_iter": 5, "random_state": 0} | settings
    return pn.MLPClassifier(**settings).fit(X, Y)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_layers(name):
    """The network is the one that its layers, written out, make of the same weights."""
    classifier = fitted(activation=name, dtype="float64")
    layer = {
        "prelu": pn.PReLU("channel"),
        "prelu_shared": pn.PReLU("shared"),
        "leaky_relu": pn.LeakyReLU(),
        "elu": pn.ELU(),
        "gelu": pn.GELU(),
        "silu": pn.SiLU(),
        "sigmoid": pn.Sigmoid(),
    }[name]
    layers = [pn.Dense(6), layer, pn.Dense(5), layer, pn.Dense(3)]
    model = pn.Sequential(layers, input_shape=(8,), dtype="float64")
    model.compile(loss="softmax_cross_entropy")
    values = {}
    for place, coefs, intercepts in zip(
        (0, 2, 4), classifier.coefs_, classifier.intercepts_, strict=True
    ):
        values |= {f"{place}.weight": coefs.T, f"{place}.bias": intercepts}
    if name.startswith("prelu"):
        values |= {f"{2 * i + 1}.alpha": a for i, a in enumerate(classifier.prelu_alphas_)}
    model.set_parameters(values)
    assert_same_bits(classifier.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("name", "shapes"), [("prelu", [(6,), (5,)]), ("prelu_shared", [(1,)] * 2)]
)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_slopes_are_learned(name, shapes, solver):
    slopes = fitted(activation=name, solver=solver).prelu_alphas_
    assert [slope.shape for slope in slopes] == shapes
    assert all((slope != 0.25).all() for slope in slopes)


def test_slopes_have_no_penalty():
    """A step of gradient descent on rows of zeros moves nothing but what the penalty decays."""
    zeros = np.zeros_like(X)
    settings = {"activation": "prelu", "solver": "sgd", "max_iter": 1, "alpha": 10.0}
    classifier = pn.MLPClassifier((4,), random_state=0, momentum=0.0, **settings)
    classifier.fit(zeros, Y)
    first = pn.MLPClassifier((4,), random_state=0, **settings)
    first.set_params(alpha=0.0, learning_rate_init=1e-300).fit(zeros, Y)
    assert (np.abs(classifier.coefs_[0]) < np.abs(first.coefs_[0])).all()
    data = pn.MLPClassifier((4,), random_state=0, momentum=0.0, **settings).set_params(alpha=0.0)
    assert_same_bits(classifier.prelu_alphas_[0], data.fit(zeros, Y).prelu_alphas_[0])


def test_an_activation_for_each_layer():
    classifier = fitted(activation=["tanh", pn.PReLU("shared", init=0.1)])
    assert classifier.prelu_alphas_[0] is None
    assert classifier.prelu_alphas_[1].shape == (1,)
    layers = classifier.to_sequential().layers
    assert [layer.activation for layer in layers[:2]] == [pn.Tanh(), pn.PReLU("shared", init=0.1)]
    as_layer, as_list = fitted(activation=pn.Tanh()), fitted(activation=("tanh", "tanh"))
    for ours in (as_layer, as_list):
        assert_same_bits(ours.predict_proba(X), fitted(activation="tanh").predict_proba(X))


def test_first_weights_are_those_of_the_layers_own_activation():
    """scikit-learn draws narrower ones for logistic layers."""
    settings = {"learning_rate_init": 1e-300, "max_iter": 1, "solver": "sgd"}
    mixed = fitted(activation=["logistic", "tanh"], **settings).coefs_
    logistic, tanh = (fitted(activation=name, **settings).coefs_ for name in ("logistic", "tanh"))
    assert_same_bits(mixed[0], logistic[0])
    assert_same_bits(mixed[1], tanh[1])
    assert_same_bits(mixed[2], tanh[2])
    assert not np.array_equal(logistic[1], tanh[1])


@pytest.mark.parametrize(
    ("activation", "error", "message"),
    [
        ("swish", ValueError, "activation must be one of 'identity', 'logistic', 'prelu'"),
        (["relu"], ValueError, "a list of 2, one for each hidden layer, got 1"),
        (3, TypeError, "activation must be a name, an activation layer or a list"),
        (["relu", pn.Dropout(0.5)], TypeError, "got Dropout"),
    ],
)
def test_what_is_no_activation_is_refused(activation, error, message):
    with pytest.raises(error, match=message):
        fitted(activation=activation)


# ---- dropout -----------------------------------------------------------------------------------


def test_dropout_acts_in_training_alone():
    with_dropout, without = fitted(dropout=0.5), fitted()
    assert with_dropout.loss_curve_[0] > without.loss_curve_[0]
    layers = with_dropout.to_sequential().layers
    assert [layer.rate for layer in layers if isinstance(layer, pn.Dropout)] == [0.5, 0.5]
    assert_same_bits(with_dropout.predict_proba(X), with_dropout.predict_proba(X))
    assert with_dropout.validation_loss_curve_ is None


def test_dropout_follows_from_random_state():
    assert fitted(dropout=0.5).loss_curve_ == fitted(dropout=0.5).loss_curve_
    assert fitted(dropout=0.5).loss_curve_ != fitted(dropout=0.5, random_state=1).loss_curve_


def test_dropout_of_one_layer():
    only = fitted(dropout=[0.0, 0.5]).to_sequential().layers
    kinds = [type(layer) for layer in only]
    assert kinds == [pn.Dense, pn.Dense, pn.Dropout, pn.Dense]


def test_dropout_goes_on_over_partial_fits():
    """Each step drops other units: a second look at the same rows sees another network."""
    settings = {"dropout": 0.5, "learning_rate_init": 1e-300, "solver": "sgd", "shuffle": False}
    classifier = pn.MLPClassifier((6,), random_state=0, **settings)
    for _ in range(2):
        classifier.partial_fit(X, Y, classes=[0, 1, 2])
    first, second = classifier.loss_curve_
    assert first != second


# ---- a Sequential of its own -------------------------------------------------------------------


def test_to_sequential_is_a_copy(tmp_path):
    classifier = fitted(activation="prelu", dropout=0.1)
    model = classifier.to_sequential()
    logits = model.predict(X).astype(np.float64)
    expected = pn.ops.softmax_forward(logits)
    assert_same_bits(classifier.predict_proba(X), expected)
    model.save(tmp_path / "m.npz")
    assert_same_bits(pn.load(tmp_path / "m.npz").predict(X), model.predict(X))
    before = classifier.predict_proba(X)
    model.fit(X, Y, epochs=1, verbose=False)
    assert_same_bits(classifier.predict_proba(X), before)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_to_sequential_of_a_regressor(loss):
    y = np.abs(X[:, 0])
    regressor = pn.MLPRegressor(loss, (5,), max_iter=3, random_state=0, dtype="float64").fit(X, y)
    outputs = regressor.to_sequential().predict(X).ravel()
    expected = np.exp(outputs) if loss == "poisson" else outputs
    assert_close_to_scale(regressor.predict(X), expected, sum_tolerance(1, np.float64))
