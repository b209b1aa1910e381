"""`parameters_vector` and `set_parameters_vector`: all parameters as one vector."""

from __future__ import annotations

import numpy as np
import pytest

from network_models import mlp
from tolerances import assert_same_bits


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_vector_holds_all_parameters_in_order(dtype):
    one, other = mlp(seed=1, dtype=dtype), mlp(seed=2, dtype=dtype)
    vector = one.parameters_vector()
    parts = [values.ravel() for values in one.parameters().values()]
    assert_same_bits(vector, np.concatenate(parts))
    out = np.empty_like(vector)
    assert one.parameters_vector(out=out) is out
    assert_same_bits(out, vector)
    other.set_parameters_vector(vector)
    for name, values in one.parameters().items():
        assert_same_bits(other.parameters()[name], values, name)


def test_wrong_vectors():
    model = mlp()
    with pytest.raises(ValueError, match=r"vector must have shape \(\d+,\), got \(3,\)"):
        model.set_parameters_vector(np.zeros(3))
    with pytest.raises(TypeError, match="real numbers"):
        model.set_parameters_vector(np.zeros(model.parameters_vector().shape, complex))
    with pytest.raises(ValueError, match=r"out must have shape \(\d+,\), got \(3,\)"):
        model.parameters_vector(out=np.zeros(3))
    with pytest.raises(TypeError, match="out must be an array of float64"):
        model.parameters_vector(out=np.zeros(3, np.float32))
