"""What is measured is whole, and is what the names say."""

from __future__ import annotations

import numpy as np
import pytest

from prelunet import ops
from prelunet.bench.cases.kernels import KERNELS
from prelunet.bench.cases.predictions import PREDICTIONS
from prelunet.bench.cases.scaling import SCALING_CASES
from prelunet.bench.cases.steps import CHECK_ROWS, CHECK_STEPS, QUICK_STEPS, STEPS

# The work of a step, counted by hand: 2 operations for each weight and row, three times over, less
# the gradient of the data.
FLOPS = {"W0m": 0.778e9, "W0s": 365e9, "W2": 16.0e6, "W3": 52.4e6, "W1m": 40e3, "W4": 72.5e9}
# A convolution has its places in addition: 2 * 784 * 25 * 32 for an image, then 3 * 2 * (196 * 800
# * 64 + 3136 * 1024 + 1024 * 10).
FLOPS |= {"W6": 4.10e9}
# 2 * 2 * 784 * 25 * 6 for an image, then 3 * 2 * (196 * 150 * 16 + 784 * 120 + 120 * 84 + 84 * 10).
FLOPS |= {"W7": 502e6}


def test_the_registries_are_measured_whole():
    measured = {case.op for case in KERNELS.values()}
    activations = {
        f"{name}_{way}" for name in ("prelu", *ops.ACTIVATIONS) for way in ("forward", "backward")
    }
    updates = {"sgd_update", "momentum", "adam_update"}
    products = {"gemm_forward", "gemm_grad_x", "gemm_grad_weight"}
    assert measured >= activations | set(ops.LOSSES) | updates | products
    assert products == {case.op for case in KERNELS.values() if case.dtype == "bfloat16"}
    weighted = {f"{op}_{way}" for op in ("scale", "parametric") for way in ("forward", "backward")}
    assert measured >= weighted | {"cos_2pi", "sin_2pi"}
    assert measured >= {"exp", "log", "softmax_forward", "column_sums", "layer_norm_backward"}
    images = {f"{op}_{way}" for op in ("conv2d", "max_pool2d") for way in ("forward", "backward")}
    assert measured >= images


def test_operations_of_convolutions_and_bytes_of_pooling():
    flops = {"conv1": 2 * 50 * 784 * 25 * 32, "conv2": 2 * 50 * 196 * 800 * 64}
    for name, count in flops.items():
        assert KERNELS[f"{name} forward"].flops == count
        assert KERNELS[f"{name} backward"].flops == 2 * count
    whole, pooled = 4 * 50 * 28 * 28 * 32, 4 * 50 * 14 * 14 * 32
    assert KERNELS["max_pool2d forward"].size == whole + pooled
    assert KERNELS["max_pool2d backward"].size == 2 * whole + pooled


@pytest.mark.parametrize("name", FLOPS)
def test_operations_of_a_step(name):
    assert f"{STEPS[name].flops:.2e}" == f"{FLOPS[name]:.2e}" or STEPS[name].flops == pytest.approx(
        FLOPS[name], rel=5e-3
    )


@pytest.mark.parametrize("case", [*STEPS.values(), *SCALING_CASES.values()], ids=lambda c: c.name)
def test_steps_are_whole_batches(case):
    assert case.rows % case.batch == 0
    check = case.for_check()
    assert check.rows <= max(CHECK_ROWS, CHECK_STEPS * case.batch)
    assert check.steps * check.passes == CHECK_STEPS
    weight, bias = check.network.parameters()[:2]
    assert len(weight) == len(bias) == case.network.layers[0].units
    assert check.data()[0].shape == (check.rows, *case.network.input_shape)


def test_shapes_of_the_network_of_images():
    network = STEPS["W6"].network
    assert network.shapes == [(28, 28, 1), (14, 14, 32), (7, 7, 64), (1024,), (10,)]
    assert [p.shape for p in network.parameters()] == [
        *((32, 5, 5, 1), (32,), (64, 5, 5, 32), (64,)),
        *((1024, 3136), (1024,), (10, 1024), (10,)),
    ]


@pytest.mark.parametrize("name", [name for name, case in STEPS.items() if "W6" in name])
def test_dropout_is_timed_and_not_checked(name):
    case = STEPS[name]
    assert [layer.dropout for layer in case.network.layers] == [0, 0, 0.5, 0]
    assert not any(layer.dropout for layer in case.for_check().network.layers)


@pytest.mark.parametrize("name", STEPS)
def test_both_dtypes_begin_with_the_same_numbers(name):
    case = STEPS[name].for_check()
    exact = case.in_float64()
    for a, b in zip(case.network.parameters(), exact.network.parameters(), strict=True):
        assert a.dtype == case.network.variable_dtype
        assert b.dtype == np.float64
        assert (a == b).all()
    for a, b in zip(case.data(), exact.data(), strict=True):
        assert (a == b).all()


def test_cases_in_bfloat16_are_those_in_float32():
    cases = {**STEPS, **PREDICTIONS}
    mixed = {name for name, case in cases.items() if case.network.dtype == "mixed_bfloat16"}
    assert mixed == {f"{name}-bf16" for name in ("W0m", "W0s", "W3", "W4096", "W6", "P10k")}
    for name in mixed:
        case, plain = cases[name], cases[name.removesuffix("-bf16")]
        assert case.network.layers == plain.network.layers
        assert (case.rows, case.flops) == (plain.rows, plain.flops)
        assert getattr(case, "batch", None) == getattr(plain, "batch", None)
        assert (case.network.compute_dtype, plain.network.compute_dtype) == ("bfloat16", "float32")


def test_quick_cases_exist():
    assert set(QUICK_STEPS) <= set(STEPS)
    assert not set(STEPS) & (set(PREDICTIONS) | set(KERNELS) | set(SCALING_CASES))
