"""One clipping norm over several models: the optimizer's rule, on copies."""

from __future__ import annotations

import math

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp, parameter_copies
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance


def test_one_model_is_clipped_as_its_optimizer_does(rng):
    X, y = labelled(rng, 40)
    ours, theirs = mlp(optimizer=pn.SGD(0.5)), mlp(optimizer=pn.SGD(0.5, clip_norm=0.01))
    _, gradients = ours.loss_and_gradients(X, y)
    clipped, norm = pn.clip_norm(gradients, 0.01)
    assert ours.apply_gradients(clipped) < norm
    assert theirs.apply_gradients(gradients) == norm > 0.01
    expected = parameter_copies(theirs)
    for name, values in ours.parameters().items():
        assert_same_bits(values, expected[name], name)


@pytest.mark.parametrize("limit", [1e-3, 1e3])
def test_several_models_have_one_norm(rng, dtype, limit):
    shapes = [{"0.weight": (3, 4), "0.bias": (3,)}, {"0.weight": (2, 3)}, {}]
    models = [{n: rng.standard_normal(s).astype(dtype) for n, s in m.items()} for m in shapes]
    before = [{name: values.copy() for name, values in m.items()} for m in models]
    clipped, norm = pn.clip_norm(models, limit)
    every = np.concatenate([values.ravel() for m in models for values in m.values()])
    exact = float(np.linalg.norm(every.astype(np.float64)))
    tolerance = sum_tolerance(every.size + 4, dtype)
    assert_close_to_scale(norm, exact, tolerance)
    for was, given, got in zip(before, models, clipped, strict=True):
        assert list(got) == list(given)
        for name, values in got.items():
            assert_same_bits(given[name], was[name])
            assert values.dtype == dtype
            assert not np.shares_memory(values, given[name])
            assert_close_to_scale(values, min(1.0, limit / exact) * was[name], tolerance)


def test_other_numbers_become_float64():
    clipped, norm = pn.clip_norm(
        [{"a": [3]}, {"a": np.float32([[0.0, 4.0]]).T}, {"a": np.empty((0, 2))}], 10
    )
    assert norm == 5.0
    assert [m["a"].dtype for m in clipped] == 3 * [np.float64]
    assert clipped[1]["a"].tolist() == [[0.0], [4.0]]


def test_no_gradients_and_those_that_are_not_finite():
    assert pn.clip_norm({}, 1.0) == ({}, 0.0)
    assert pn.clip_norm([], 1.0) == ([], 0.0)
    _, norm = pn.clip_norm({"a": [1.0, math.nan]}, 1.0)
    assert math.isnan(norm)
    clipped, norm = pn.clip_norm({"a": [1e308, 1e308]}, 1.0)
    assert norm == math.inf
    assert np.isnan(clipped["a"]).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1.0], 1.0), TypeError, "gradients must be a mapping by name, or a list .*, got list"),
        ((np.ones(3), 1.0), TypeError, "gradients must be a mapping .*, got ndarray"),
        (({"a": ["b"]}, 1.0), TypeError, "a must hold real numbers, got dtype <U1"),
        (({"a": [1.0]}, 0.0), ValueError, "max_norm must be a finite number > 0, got 0"),
        (({"a": [1.0]}, None), TypeError, "max_norm must be a finite number > 0, got None"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=f"^clip_norm: {message}"):
        pn.clip_norm(*arguments)
