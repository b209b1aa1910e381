"""Labels, weights, rates and names an op must refuse, without changing a thing."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from op_cases import TARGET_KINDS, normal
from tolerances import assert_same_bits

LABELLED = [name for name, kinds in TARGET_KINDS.items() if "labels" in kinds]
NOT_NUMBERS = [True, "0.1", None, [0.1], 1j]
NOT_FINITE = [np.nan, np.inf, -np.inf]


def outputs_and_labels(rng, dtype):
    return normal(rng, (9, 10), dtype), rng.integers(10, size=9)


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize("bad", [-1, 10, 2**31, -(2**63), 2**63 - 1])
@pytest.mark.parametrize("where", [0, 4, 8])
def test_labels_out_of_range(rng, dtype, name, bad, where):
    outputs, labels = outputs_and_labels(rng, dtype)
    labels[where] = bad
    with pytest.raises(ValueError, match=rf"{name}: targets must .*, got {bad} in row {where}"):
        getattr(pn.ops, name)(outputs, labels)


@pytest.mark.parametrize("name", LABELLED)
def test_a_label_too_large_for_a_signed_integer(rng, dtype, name):
    outputs, labels = outputs_and_labels(rng, dtype)
    labels = labels.astype(np.uint64)
    labels[8] = 2**64 - 1
    with pytest.raises((ValueError, TypeError), match=rf"{name}: targets must .*, got"):
        getattr(pn.ops, name)(outputs, labels)


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize("kind", [np.float32, np.float64, object, np.complex64, "U1", "M8[s]"])
def test_labels_that_are_not_integers(rng, dtype, name, kind):
    outputs, labels = outputs_and_labels(rng, dtype)
    with pytest.raises((TypeError, ValueError), match=rf"{name}: targets must .*, got"):
        getattr(pn.ops, name)(outputs, labels.astype(kind))


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize("shape", [(9, 1), (1, 9), (8,), (10,), ()])
def test_labels_of_the_wrong_shape(rng, dtype, name, shape):
    outputs, _ = outputs_and_labels(rng, dtype)
    with pytest.raises(ValueError, match=rf"{name}: targets must .*, got"):
        getattr(pn.ops, name)(outputs, np.zeros(shape, np.int64))


@pytest.mark.parametrize("name", sorted(set(pn.ops.LOSSES) - set(LABELLED)))
def test_integer_targets_where_there_are_no_classes(rng, dtype, name):
    outputs, labels = outputs_and_labels(rng, dtype)
    with pytest.raises((TypeError, ValueError), match=rf"{name}: targets must .*, got"):
        getattr(pn.ops, name)(outputs, labels)


@pytest.mark.parametrize("name", pn.ops.LOSSES)
@pytest.mark.parametrize("bad", [-1.0, *NOT_FINITE])
def test_bad_sample_weights(rng, dtype, name, bad):
    outputs, weights = normal(rng, (9, 10), dtype), np.ones(9, dtype)
    weights[8] = bad
    with pytest.raises(ValueError, match=rf"{name}: sample_weight must .*, got"):
        getattr(pn.ops, name)(outputs, outputs, sample_weight=weights)


OPTIONS = {
    ("softmax_cross_entropy", "label_smoothing"): [-0.1, 1.0, 1.5],
    ("huber", "delta"): [-1.0, 0.0],
    ("pinball", "quantile"): [-0.1, 0.0, 1.0, [0.5, 1.0], []],
}


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_bad_loss_options(rng, dtype, name, option):
    outputs = normal(rng, (9, 10), dtype)
    for error, values in [
        (ValueError, [*OPTIONS[name, option], *NOT_FINITE]),
        (TypeError, [b for b in NOT_NUMBERS if name != "pinball" or b != [0.1]]),  # a list of one
    ]:
        for bad in values:
            with pytest.raises(error, match=rf"{name}: {option} must .*, got"):
                getattr(pn.ops, name)(outputs, outputs, **{option: bad})


@pytest.mark.parametrize("name", pn.ops.LOSSES)
def test_options_of_another_loss(rng, dtype, name):
    outputs = normal(rng, (9, 10), dtype)
    for owner, option in OPTIONS:
        if owner != name:
            with pytest.raises(TypeError):
                getattr(pn.ops, name)(outputs, outputs, **{option: 0.1})


RATES = {
    "sgd_update": {
        "learning_rate": [-0.1],
        "momentum": [-0.1, 1.0, 1.5],
        "l2": [-0.1],
        "weight_decay": [-0.1],
    },
    "adam_update": {
        "step": [0, -1],
        "learning_rate": [-0.1],
        "beta_1": [-0.1, 1.0],
        "beta_2": [-0.1, 1.0],
        "epsilon": [-1e-8, 0.0],
        "l2": [-0.1],
        "weight_decay": [-0.1],
    },
    "clip_by_value": {"limit": [-1.0, 0.0]},
    "clip_by_norm": {"limit": [-1.0, 0.0]},
}
VALID = {
    "sgd_update": {"learning_rate": 0.1, "momentum": 0.9},
    "adam_update": {"step": 1, "learning_rate": 0.1},
    "clip_by_value": {"limit": 1.0},
    "clip_by_norm": {"limit": 1.0},
}


def updated_arrays(op, rng, dtype):
    """Return the arrays of an update, and the positional arguments made of them."""
    count = {"sgd_update": 3, "adam_update": 4}.get(op, 1)
    arrays = [np.abs(normal(rng, (7,), dtype)) for _ in range(count)]
    return arrays, [arrays] if op == "clip_by_norm" else arrays


@pytest.mark.parametrize(("op", "rate"), [(op, rate) for op in RATES for rate in RATES[op]])
def test_bad_rates(rng, dtype, op, rate):
    arrays, arguments = updated_arrays(op, rng, dtype)
    before = [array.copy() for array in arrays]
    wrong_type = [1.5, *NOT_NUMBERS] if rate == "step" else NOT_NUMBERS
    wrong_value = RATES[op][rate] + ([] if rate == "step" else NOT_FINITE)
    for error, values in [(ValueError, wrong_value), (TypeError, wrong_type)]:
        for bad in values:
            with pytest.raises(error, match=rf"{op}: {rate} must .*, got"):
                getattr(pn.ops, op)(*arguments, **(VALID[op] | {rate: bad}))
    for array, kept in zip(arrays, before, strict=True):
        assert_same_bits(array, kept)


def test_nesterov_must_be_true_or_false(rng, dtype):
    _, arguments = updated_arrays("sgd_update", rng, dtype)
    for bad in (1, "yes", None):
        with pytest.raises(TypeError, match=r"sgd_update: nesterov must .*, got"):
            pn.ops.sgd_update(*arguments, learning_rate=0.1, momentum=0.9, nesterov=bad)


def test_momentum_needs_a_velocity(rng, dtype):
    p, g = normal(rng, (7,), dtype), normal(rng, (7,), dtype)
    with pytest.raises(ValueError, match=r"sgd_update: velocity must .*, got None"):
        pn.ops.sgd_update(p, g, learning_rate=0.1, momentum=0.9)


@pytest.mark.parametrize("bad", [np.ones(3), None, 5, "gradients"])
def test_clip_by_norm_takes_a_list(bad):
    with pytest.raises(TypeError, match=r"clip_by_norm: gradients"):
        pn.ops.clip_by_norm(bad, 1.0)


def gemm_operands(rng, dtype):
    return normal(rng, (3, 4), dtype), normal(rng, (4, 5), dtype)


def test_gemm_activation_names(rng, dtype):
    a, b = gemm_operands(rng, dtype)
    with pytest.raises(ValueError, match=r"gemm: activation must .*, got 'swish'"):
        pn.ops.gemm(a, b, activation="swish")
    with pytest.raises(TypeError, match=r"gemm: activation must .*, got"):
        pn.ops.gemm(a, b, activation=3)


def test_gemm_alpha_belongs_to_prelu(rng, dtype):
    a, b = gemm_operands(rng, dtype)
    alpha = np.ones(5, dtype)
    with pytest.raises((TypeError, ValueError), match=r"gemm: alpha must .*, got"):
        pn.ops.gemm(a, b, activation="prelu")
    for activation in (None, "relu"):
        with pytest.raises((TypeError, ValueError), match=r"gemm: alpha must .*, got"):
            pn.ops.gemm(a, b, activation=activation, alpha=alpha)


@pytest.mark.parametrize("flag", ["transpose_a", "transpose_b"])
@pytest.mark.parametrize("bad", [1, "yes", None])
def test_gemm_flags(rng, dtype, flag, bad):
    a, b = gemm_operands(rng, dtype)
    with pytest.raises(TypeError, match=rf"gemm: {flag} must .*, got"):
        pn.ops.gemm(a, b, **{flag: bad})


@pytest.mark.parametrize(
    "name", [name for name, default in pn.ops.ACTIVATIONS.items() if default is not None]
)
def test_bad_activation_parameters(rng, dtype, name):
    x = normal(rng, (5,), dtype)
    for error, values in [(ValueError, NOT_FINITE), (TypeError, NOT_NUMBERS)]:
        for bad in values:
            with pytest.raises(error, match=rf"{name}_forward: .* must .*, got"):
                getattr(pn.ops, f"{name}_forward")(x, bad)
            with pytest.raises(error, match=rf"{name}_backward: .* must .*, got"):
                getattr(pn.ops, f"{name}_backward")(x, x, bad)


@pytest.mark.parametrize("bad", [0, -1, 2**31, 2**64])
def test_thread_counts_out_of_range(bad):
    before = pn.get_num_threads()
    with pytest.raises(ValueError, match=r"set_num_threads: .* must .*, got"):
        pn.set_num_threads(bad)
    assert pn.get_num_threads() == before


@pytest.mark.parametrize("bad", [1.5, "2", True])
def test_thread_counts_that_are_not_integers(bad):
    with pytest.raises(TypeError, match=r"set_num_threads: .* must .*, got"):
        pn.set_num_threads(bad)
