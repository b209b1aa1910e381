"""Losses as configuration: names, attributes, records; their arithmetic is tested with the ops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from description_checks import assert_covers_the_family, assert_is_a_record
from prelunet import losses
from prelunet.losses import (
    BatchMeanSquaredError,
    HalfSquaredError,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from reference.network import loss_function

# Each with its name, probabilities, reduction and regression.
ATTRIBUTES = [
    (SoftmaxCrossEntropy(), "softmax_cross_entropy", "softmax", "mean", False),
    (SigmoidCrossEntropy(), "sigmoid_cross_entropy", "sigmoid", "mean", False),
    (MeanSquaredError(), "mean_squared_error", None, "mean", True),
    (BatchMeanSquaredError(), "batch_mean_squared_error", None, "mean", True),
    (HalfSquaredError(), "half_squared_error", None, "sum", True),
    (MeanAbsoluteError(), "mean_absolute_error", None, "mean", True),
    (Huber(), "huber", None, "mean", True),
    (losses.Poisson(), "poisson", None, "mean", True),
    (losses.Gamma(), "gamma", None, "mean", True),
    (losses.Pinball(), "pinball", None, "mean", True),
]
DEFAULTS = [make() for make in Loss.named().values()]
EXAMPLES = [*DEFAULTS, SoftmaxCrossEntropy(0.1), Huber(delta=2.5)]
EXAMPLES += [losses.Pinball([0.1, 0.5, 0.9])]


@pytest.mark.parametrize(
    ("loss", "name", "probabilities", "reduction", "regression"), ATTRIBUTES, ids=str
)
def test_attributes(loss, name, probabilities, reduction, regression):
    assert (loss.name, loss.probabilities) == (name, probabilities)
    assert (loss.reduction, loss.regression) == (reduction, regression)
    assert losses.get(name) == loss


@pytest.mark.parametrize("loss", DEFAULTS, ids=str)
def test_the_oracle_has_it_by_the_same_name(loss):
    assert loss_function(loss.name).__name__ == loss.name


@pytest.mark.parametrize("loss", DEFAULTS, ids=str)
def test_the_reduction_is_the_oracles(loss, rng):
    outputs = rng.standard_normal((3, 4))
    labelled = loss.probabilities == "softmax"
    targets = rng.integers(4, size=3) if labelled else np.abs(outputs) + 0.5
    once, twice = (
        loss_function(loss.name)(outputs, targets, [weight] * 3)[0] for weight in (1.0, 2.0)
    )
    assert twice == (once if loss.reduction == "mean" else 2 * once)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_is_a_record(example):
    assert_is_a_record(Loss, example, vars(losses))


def test_examples_cover_the_family():
    function = losses.FunctionLoss(max)  # no JSON can hold it: test_function_loss.py
    assert_covers_the_family(Loss, [*EXAMPLES, function])


def test_options_make_a_difference():
    assert SoftmaxCrossEntropy(0.1) != SoftmaxCrossEntropy()
    assert Huber(2.0) != Huber()
    assert MeanSquaredError() != BatchMeanSquaredError()


def test_get():
    mine = Huber(3.0)
    assert losses.get(mine) is mine
    with pytest.raises(ValueError, match=r"losses\.get: .*'huber'.* got 'hubert'"):
        losses.get("hubert")


@pytest.mark.parametrize("value", [None, 1, Huber])
def test_get_refuses_other_types(value):
    with pytest.raises(TypeError, match=r"losses\.get: value \(unless a Loss\) must be one of"):
        losses.get(value)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, math.nan])
def test_bad_label_smoothing(smoothing):
    with pytest.raises(ValueError, match=r"SoftmaxCrossEntropy: label_smoothing .* >= 0 and < 1,"):
        SoftmaxCrossEntropy(smoothing)


@pytest.mark.parametrize("delta", [-1.0, 0.0, math.inf])
def test_bad_delta(delta):
    with pytest.raises(ValueError, match="Huber: delta must be a finite number > 0, got"):
        Huber(delta)


@pytest.mark.parametrize("make", [SoftmaxCrossEntropy, Huber, losses.Pinball])
@pytest.mark.parametrize("value", ["0.5", None, True, np.array(0.5)])
def test_bad_types(make, value):
    with pytest.raises(TypeError, match="must be a finite number"):
        make(value)


def test_quantiles_have_one_axis():
    with pytest.raises(TypeError, match=r"Pinball: quantile must be .*, got \[0.1\]"):
        losses.Pinball([[0.1], [0.9]])
