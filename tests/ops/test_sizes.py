"""Arrays with nothing in them, and sizes that no memory holds."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn


@pytest.mark.parametrize("name", pn.ops.LOSSES)
@pytest.mark.parametrize("shape", [(4, 0), (0, 0)])
def test_a_loss_of_no_outputs_is_refused(dtype, name, shape):
    outputs = np.empty(shape, dtype)
    with pytest.raises(ValueError, match=rf"{name}: outputs must .*, got"):
        getattr(pn.ops, name)(outputs, outputs)


@pytest.mark.parametrize("name", pn.ops.LOSSES)
def test_a_loss_of_no_rows_is_zero(dtype, name):
    outputs = np.empty((0, 4), dtype)
    value, grad = getattr(pn.ops, name)(outputs, outputs)
    assert (value, grad.shape, grad.dtype) == (0.0, (0, 4), dtype)


def test_empty_arrays_that_have_an_answer(dtype):
    none = np.empty((0, 4), dtype)
    assert pn.ops.column_sums(none).tolist() == [0.0] * 4
    assert pn.ops.softmax_forward(none).shape == (0, 4)
    assert pn.ops.softmax_forward(np.empty((4, 0), dtype)).shape == (4, 0)
    assert pn.ops.exp(none).shape == (0, 4)
    assert pn.ops.scaled_sum(none, none, 2.0).shape == (0, 4)
    grad_x, grad_alpha = pn.ops.prelu_backward(none, none, np.ones(4, dtype))
    assert grad_x.shape == (0, 4)
    assert grad_alpha.tolist() == [0.0] * 4


@pytest.mark.parametrize("side", [2**31, 2**32, 2**59])
def test_sizes_that_overflow_are_refused_before_anything_is_allocated(dtype, side):
    tall, wide = np.empty((side, 0), dtype), np.empty((0, side), dtype)
    with pytest.raises((ValueError, MemoryError), match=r"gemm: "):
        pn.ops.gemm(tall, wide)


@pytest.mark.parametrize("side", [2**31, 2**59])
def test_huge_empty_arrays(dtype, side):
    tall = np.empty((side, 0), dtype)
    assert pn.ops.gemm(tall, np.empty((0, 0), dtype)).shape == (side, 0)
    assert pn.ops.column_sums(tall).shape == (0,)
    assert pn.ops.relu_forward(tall).shape == (side, 0)
    assert pn.ops.softmax_forward(tall).shape == (side, 0)
