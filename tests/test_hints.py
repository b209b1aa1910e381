"""Names of other libraries are refused with the name that they have here."""

from __future__ import annotations

import pytest

import prelunet as pn

LOSSES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "sparse_categorical_crossentropy": "softmax_cross_entropy",
    "categorical_crossentropy": "softmax_cross_entropy",
    "binary_crossentropy": "sigmoid_cross_entropy",
}


def compiled(**given):
    model = pn.Sequential([pn.Dense(2)], input_shape=(3,))
    model.compile(**{"optimizer": "adam", "loss": "mean_squared_error"} | given)
    return model


@pytest.mark.parametrize(("theirs", "ours"), LOSSES.items())
def test_losses(theirs, ours):
    with pytest.raises(ValueError, match=rf"got '{theirs}' \(it is '{ours}' here"):
        compiled(loss=theirs)
    compiled(loss=ours)


@pytest.mark.parametrize("theirs", ["SGD", "Adam", "AdamW"])
def test_optimizers(theirs):
    with pytest.raises(ValueError, match=rf"got '{theirs}' \(it is '{theirs.lower()}' here\)"):
        compiled(optimizer=theirs)


def test_metrics():
    with pytest.raises(ValueError, match=r"got 'acc' \(it is 'accuracy' here\)"):
        compiled(metrics=["acc"])
    with pytest.raises(ValueError, match=r"got 'mae' \(pass a function"):
        compiled(metrics=["mae"])


@pytest.mark.parametrize(("theirs", "ours"), [("swish", "silu"), ("logistic", "sigmoid")])
def test_activations(theirs, ours):
    with pytest.raises(ValueError, match=rf"got '{theirs}' \(it is '{ours}' here\)"):
        pn.Dense(3, theirs)
    pn.Dense(3, ours)


def test_activations_that_are_none_here():
    with pytest.raises(ValueError, match=r"got 'softmax' \(softmax belongs to the loss"):
        pn.Dense(3, "softmax")
    with pytest.raises(ValueError, match=r"got 'linear' \(leave the activation out\)"):
        pn.Dense(3, "linear")


def test_initializers():
    with pytest.raises(ValueError, match=r"got 'xavier' \(it is 'glorot_uniform' or"):
        pn.Dense(3, weight_init="xavier")
