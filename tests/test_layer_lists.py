"""The lists of layers in the tests: each holds every public layer, so that none is forgotten."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import prelunet as pn
from c_models import every_network
from interop_models import samples
from network_models import twin
from network_runs import RUNS, build, train
from prelunet.layers.stacking import all_layers
from reference import network as oracle
from tolerances import ORACLE_GRADIENT, assert_within

ACTIVATIONS = set(pn.ACTIVATION_LAYERS.values())
PUBLIC = {
    kind
    for name in pn.layers.__all__
    if inspect.isclass(kind := getattr(pn.layers, name)) and not inspect.isabstract(kind)
} - ACTIVATIONS


def layers_of(models):
    """Return the public layers in the models."""
    return {type(layer) for model in models for _, layer in all_layers(model.layers)} & PUBLIC


def fuzzed(monkeypatch, module):
    """Return a module of the fuzzers."""
    monkeypatch.syspath_prepend(str(Path(__file__).with_name("fuzz")))
    return pytest.importorskip(module)


def test_the_runs_of_the_bit_identity_tests():
    defaults = inspect.signature(train).parameters
    options = [name for name in inspect.signature(build).parameters if name != "dtype"]
    models = [
        build("float32", **{name: run.get(name, defaults[name].default) for name in options})
        for run in RUNS.values()
    ]
    assert layers_of(models) == PUBLIC - {pn.Lambda}


def test_the_networks_that_are_exported_to_c(rng):
    assert layers_of(every_network(rng, np.float32)[0].values()) == PUBLIC - {pn.Lambda}


def test_the_models_whose_damaged_files_are_read(monkeypatch):
    assert layers_of(fuzzed(monkeypatch, "models").models()) == PUBLIC - {pn.Lambda}


def test_the_models_that_are_called_with_hostile_arguments(monkeypatch):
    calls = fuzzed(monkeypatch, "call_models")
    models = [calls.Model(np.random.default_rng(seed)).model for seed in range(200)]
    assert layers_of(models) >= PUBLIC - {pn.Embedding}  # most of its inputs are refused


def test_the_oracle_knows_every_layer(rng):
    models, _ = every_network(rng, np.float64)
    for name, model in models.items():
        x = samples(rng, model)
        expected = oracle.forward(twin(model).layers, x)
        allowed = ORACLE_GRADIENT * (1 + np.abs(expected[-1]).max())
        assert_within(model.predict(x), expected[-1], allowed, name)
        grad_x, gradients = oracle.backward(twin(model).layers, expected, expected[-1])
        own_x, own = model.vjp(x)[1](expected[-1])
        assert_within(own_x, grad_x, ORACLE_GRADIENT * (1 + np.abs(grad_x).max()), name)
        for key, value in twin(model).renamed(gradients).items():
            allowed = ORACLE_GRADIENT * (1 + np.abs(value).max())
            assert_within(own[key], value, allowed, f"{name}: {key}")
