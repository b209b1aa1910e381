"""pn.ops as a module: its names, its documentation, and that wrappers pass on what they are given.

The numbers are in tests/ops/.
"""

from __future__ import annotations

import inspect
import pickle
import re

import numpy as np
import pytest

import prelunet as pn
from docstrings import documented_parameters, parameters, sections
from op_cases import op_cases
from prelunet._core import ops as core
from prelunet.optimizers import Optimizer
from tolerances import assert_same_bits

FUNCTIONS = [name for name in pn.ops.__all__ if not name.isupper()]
IN_PLACE = (*(f"{name}_update" for name in pn.ops.UPDATES), "clip_by_value")


# ---- names -------------------------------------------------------------------------------------


def test_the_registries_are_the_cores():
    assert dict(pn.ops.ACTIVATIONS) == {
        row[0]: row[3] if row[2] else None for row in core.ACTIVATIONS
    }
    assert dict(pn.ops.LOSSES) == {row[0]: row[4] if row[3] else None for row in core.LOSSES}
    assert dict(pn.ops.UPDATES) == {row[0]: tuple(s for s, _ in row[1]) for row in core.UPDATES}
    assert pn.ops.ACTIVATIONS.items() >= {"relu": None, "leaky_relu": 0.01}.items()
    assert pn.ops.LOSSES.items() >= {"huber": 1.0, "mean_squared_error": None}.items()
    assert pn.ops.UPDATES["adam"] == ("first_moment", "second_moment")
    for registry in (pn.ops.ACTIVATIONS, pn.ops.LOSSES, pn.ops.UPDATES):
        with pytest.raises(TypeError, match="item assignment"):
            registry["swish"] = None


def test_every_op_of_the_core_has_a_wrapper_and_the_other_way_round():
    of_core = {name for name, op in vars(core).items() if inspect.isbuiltin(op)}
    assert of_core == set(FUNCTIONS)
    assert len(FUNCTIONS) == len(set(FUNCTIONS))
    assert set(pn.ops.LOSSES) < set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_names(name):
    function = getattr(pn.ops, name)
    assert inspect.isfunction(function)
    assert function.__name__ == function.__qualname__ == name
    assert name in dir(pn.ops)
    assert pickle.loads(pickle.dumps(function)) is function
    assert parameters(function) == parameters_of_core(name)


def parameters_of_core(name):
    """Return the arguments of the core's op that a user gives, in the user's order."""
    for update, states, options in core.UPDATES:
        if name == f"{update}_update":
            step = ["step"] if Optimizer.named()[update].uses_step else []
            arrays = ["parameter", "gradient", *(state for state, _ in states)]
            return [*arrays, *step, "learning_rate", *options, "l2", "weight_decay"]
    signature = re.match(r"\w+\((.*)\) ->", getattr(core, name).__doc__.splitlines()[0])[1]
    names = re.findall(r"(\w+): ", signature)
    option = {row[0]: row[3] for row in core.LOSSES}.get(name)
    names = [option if argument == "options" else argument for argument in names]
    if any(
        name in (f"{a}_forward", f"{a}_backward") for a, p in pn.ops.ACTIVATIONS.items() if not p
    ):
        names.remove("parameter")
    return [argument for argument in names if argument]


def test_names_that_are_not_there():
    with pytest.raises(AttributeError, match=r"module 'prelunet\.ops' has no attribute 'nonsense'"):
        _ = pn.ops.nonsense


# ---- documentation -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_documentation(name):
    function = getattr(pn.ops, name)
    found = sections(function)
    summary = found[""].split("\n\n")[0]
    assert "\n" not in summary
    assert summary.endswith(".")
    assert documented_parameters(function) == parameters(function)
    assert ("Returns" in found) == (name not in IN_PLACE)


@pytest.mark.parametrize("name", pn.ops.ACTIVATIONS)
def test_the_registrys_equations_are_in_the_documentation(name):
    equation = next(row[4] for row in core.ACTIVATIONS if row[0] == name)
    for kind in ("forward", "backward"):
        assert equation in getattr(pn.ops, f"{name}_{kind}").__doc__


# ---- what is passed on -------------------------------------------------------------------------


def test_every_wrapper_is_tried_elsewhere():
    """The cases of tests/ops/ hold every op."""
    assert {case.op for case in op_cases(3, 4, np.float32)} == set(FUNCTIONS)


@pytest.mark.parametrize("name", [n for n, value in pn.ops.ACTIVATIONS.items() if value])
def test_defaults_of_activations_are_the_registrys(name, rng, dtype):
    default = pn.ops.ACTIVATIONS[name]
    x, grad = rng.standard_normal((2, 9)).astype(dtype)
    forward, backward = getattr(pn.ops, f"{name}_forward"), getattr(pn.ops, f"{name}_backward")
    assert_same_bits(forward(x), forward(x, default))
    assert_same_bits(backward(grad, x), backward(grad, x, default))
    for made in (forward(x, parameter=2 * default), backward(grad, x, parameter=2 * default)):
        assert not np.array_equal(made, forward(x))
        assert not np.array_equal(made, backward(grad, x))


def test_defaults_of_losses_are_the_registrys(rng):
    outputs, targets = rng.standard_normal((2, 5, 3)) * 3
    options = {"softmax_cross_entropy": "label_smoothing", "huber": "delta", "pinball": "quantile"}
    for name, option in options.items():
        function, default = getattr(pn.ops, name), pn.ops.LOSSES[name]
        assert inspect.signature(function).parameters[option].default == default
        assert function(outputs, targets)[0] == function(outputs, targets, **{option: default})[0]
        assert function(outputs, targets)[0] != function(outputs, targets, **{option: 0.4})[0]


def test_out_is_returned(rng):
    x, out = rng.standard_normal((2, 4, 3))
    for name in ("relu_forward", "leaky_relu_forward"):
        assert getattr(pn.ops, name)(x, out=out) is out
    assert pn.ops.prelu_forward(x, np.ones(1), out=out) is out
    assert pn.ops.gemm(x, x[:3], out=out) is out


def test_gemm_passes_everything_on(rng):
    a, b = rng.standard_normal((3, 4)), rng.standard_normal((5, 3))
    bias, alpha = rng.standard_normal((2, 5))
    out = np.empty((4, 5))
    got = pn.ops.gemm(
        a,
        b,
        transpose_a=True,
        transpose_b=True,
        bias=bias,
        activation="prelu",
        alpha=alpha,
        out=out,
    )
    assert got is out
    plain = pn.ops.gemm(a.T.copy(), b.T.copy()) + bias
    assert_same_bits(got, pn.ops.prelu_forward(plain, alpha))
