"""Answers are told apart from rounding: right ones pass, wrong ones are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prelunet.bench import agreement
from prelunet.bench.cases.kernels import KERNELS
from prelunet.bench.cases.predictions import PREDICTIONS
from prelunet.bench.cases.steps import STEPS
from prelunet.bench.peers import PEERS, UnsupportedError

SMALL_STEPS = ["W2", "W3", "W1m", "W5", "W6", "W7", "W0m64", "W0m-uint8"]


def parameters_after(peer, case):
    """Return the parameters after the case's steps."""
    training = PEERS[peer].make().training(case)
    training.train(case.passes)
    return training.parameters()


@pytest.mark.parametrize("name", SMALL_STEPS)
def test_prelunet_and_numpy_agree_with_float64_arithmetic(name):
    case = STEPS[name]
    expected = parameters_after("numpy", case.for_check().in_float64())
    for peer in ("prelunet", "numpy"):
        actual = parameters_after(peer, case.for_check())
        assert agreement.check_parameters(name, case, actual, expected) <= 1


@pytest.mark.parametrize("name", ["W2", "W5", "W6"])
def test_both_agree_in_float64_too(name):
    case = STEPS[name].in_float64()
    expected = parameters_after("numpy", case.for_check())
    actual = parameters_after("prelunet", case.for_check())
    assert agreement.check_parameters(name, case, actual, expected) <= 1


@pytest.mark.parametrize("name", ["W2", "W5"])
def test_another_learning_rate_is_noticed(name):
    case = STEPS[name]
    expected = parameters_after("numpy", case.for_check().in_float64())
    wrong = replace(case.for_check(), learning_rate=1.1 * case.for_check().learning_rate)
    actual = parameters_after("numpy", wrong)
    with pytest.raises(agreement.DisagreementError, match=f"{name}: array .* rounding explains"):
        agreement.check_parameters(name, case, actual, expected)


def test_a_wrong_shape_and_a_nan_are_noticed():
    case = PREDICTIONS["P1"]
    right = [np.ones((1, 10), np.float32)]
    assert agreement.check_arrays("P1", case, right, right) == 0
    with pytest.raises(agreement.DisagreementError, match=r"shapes .*\(2, 5\).*expected"):
        agreement.check_arrays("P1", case, [right[0].reshape(2, 5)], right)
    with pytest.raises(agreement.DisagreementError, match="off by nan"):
        agreement.check_arrays("P1", case, [np.full_like(right[0], np.nan)], right)


@pytest.mark.parametrize("name", [n for n, case in KERNELS.items() if "memory" not in n])
def test_kernels_agree_with_numpy(name):
    case = KERNELS[name]
    try:
        expected = PEERS["numpy"].make().kernel(case)()
    except UnsupportedError as error:
        pytest.skip(str(error))
    actual = PEERS["prelunet"].make().kernel(case)()
    assert agreement.check_arrays(name, case, actual, expected) <= 1
