"""Layers as descriptions: arguments, records, names; the engine's tests have their arithmetic."""

from __future__ import annotations

import inspect
import math
import pickle
import re

import numpy as np
import pytest

import prelunet as pn
from description_checks import assert_covers_the_family, assert_is_a_record
from prelunet import initializers, layers
from prelunet.layers import ACTIVATION_LAYERS, Activation, Layer, activation
from prelunet.layers.columns import Branch

REGISTRY = list(ACTIVATION_LAYERS.values())
WITH_PARAMETER = [layer for layer in REGISTRY if layer.parameter]
EXAMPLES = [
    pn.Dense(3),
    pn.Dense(3, "relu", name="first", trainable=False),
    pn.Dense(
        2,
        activation=pn.PReLU("shared", init=initializers.Normal(stddev=0.1)),
        weight_init=initializers.TruncatedNormal(stddev=0.2),
        bias_init=0.5,
        use_bias=False,
    ),
    pn.Conv2D(3, 5),
    pn.Conv2D(
        4,
        (3, 2),
        (1, 2),
        "same",
        activation="prelu",
        weight_init=initializers.TruncatedNormal(stddev=0.1),
        bias_init=0.1,
        use_bias=False,
        name="first",
    ),
    pn.MaxPool2D(),
    pn.MaxPool2D((2, 3), 1, "same", name="pool", trainable=False),
    pn.PReLU(),
    pn.PReLU("shared", init=0.1, name="slopes", trainable=False),
    pn.LayerNorm(),
    pn.LayerNorm((-2, -1), 1e-5, center=False, gamma_init=0.5, name="norm", trainable=False),
    pn.Parametric("mish"),
    pn.Parametric(pn.LeakyReLU(0.2), 0.5, name="between", trainable=False),
    pn.Clip(-1, 2.5),
    pn.Clip(-1.0, 2.5, in_training=False, name="range"),
    pn.Scale(),
    pn.Scale(0.5, name="factors", trainable=False),
    pn.Dropout(0.25),
    pn.Flatten(),
    pn.Flatten(name="flat"),
    pn.Rescaling(1 / 255),
    pn.Rescaling(2.0, -1.0, name="pixels"),
    pn.Rescaling((1.0, 0.5), (0.0, -3.0), name="columns", trainable=False),
    pn.Imputation((1.0, -2.5)),
    pn.Imputation((0.0,), name="gaps", trainable=False),
    pn.OneHot(((0.0, 1.0), (3.0, -1.5, 2.0))),
    pn.OneHot(((7.0,),), name="codes", trainable=False),
    pn.Residual([pn.Dense(3, "tanh")]),
    pn.Residual(
        [pn.Dense(3, pn.PReLU("shared"), name="in"), pn.Residual([pn.Tanh()], -0.5), pn.Flatten()],
        step=0.1,
        name="block",
        trainable=False,
    ),
    pn.Columns([("a", [], 0)]),
    pn.Columns(
        [
            ("a", [pn.Dense(2), pn.Tanh()], slice(1, None, 2)),
            ("b", [pn.Columns([("c", [], 0)])], [3, 1]),
        ],
        "passthrough",
        name="parts",
        trainable=False,
    ),
    Branch([pn.Dense(2)], slice(3), name="a"),
    pn.Embedding(4, 2),
    pn.Embedding(9, 1, weight_init="uniform", name="city", trainable=False),
    pn.PeriodicEmbeddings(),
    pn.PeriodicEmbeddings(24, n_frequencies=48, frequency_init_scale=0.01, kind="plr", name="x"),
    pn.PiecewiseLinearEmbeddings(((0.0, 1.0), (-1.5, 0.0, 2.0)), 3),
    pn.PiecewiseLinearEmbeddings(
        ((0.0, 1.0),), 2, activation=True, version="A", name="x", trainable=False
    ),
    *(layer() for layer in REGISTRY),
    *(layer(0.125, name="a", trainable=False) for layer in WITH_PARAMETER),
]
COMMON = ("name", "trainable")
NAMES = {name: getattr(layers, name) for name in layers.__all__} | vars(initializers)
NAMES["Branch"] = Branch


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_is_a_record(example):
    assert_is_a_record(Layer, example, NAMES)


def test_examples_cover_the_family():
    function = pn.Lambda(abs, abs)  # no JSON can hold it: test_lambda.py
    assert_covers_the_family(Layer, [*EXAMPLES, function])


def test_reprs_show_what_is_not_the_default():
    assert [repr(example) for example in EXAMPLES[:11]] == [
        "Dense(units=3)",
        "Dense(units=3, activation=ReLU(), name='first', trainable=False)",
        "Dense(units=2, activation=PReLU(kind='shared', init=Normal(stddev=0.1)), "
        "weight_init=TruncatedNormal(stddev=0.2), bias_init=Constant(value=0.5), use_bias=False)",
        "Conv2D(filters=3, kernel_size=(5, 5))",
        "Conv2D(filters=4, kernel_size=(3, 2), stride=(1, 2), padding='same', activation=PReLU(), "
        "weight_init=TruncatedNormal(stddev=0.1), bias_init=Constant(value=0.1), use_bias=False, "
        "name='first')",
        "MaxPool2D()",
        "MaxPool2D(size=(2, 3), stride=(1, 1), padding='same', name='pool', trainable=False)",
        "PReLU()",
        "PReLU(kind='shared', init=Constant(value=0.1), name='slopes', trainable=False)",
        "LayerNorm()",
        "LayerNorm(axes=(-2, -1), epsilon=1e-05, center=False, gamma_init=Constant(value=0.5), "
        "name='norm', trainable=False)",
    ]


def test_equality_is_by_value():
    assert pn.Dense(3, "relu") == pn.Dense(3, pn.ReLU())
    assert pn.Dense(3) != pn.Dense(4)
    assert pn.ReLU() != pn.Tanh()
    assert pn.ReLU() != "relu"
    assert len({pn.Dense(3, "relu"), pn.Dense(3, pn.ReLU()), pn.Dense(3)}) == 2


# ---- the classes of the registry ---------------------------------------------------------------


def without_types(layer):
    """Return a signature as text, with names and defaults alone."""
    found = inspect.signature(layer)
    parameters = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=parameters, return_annotation=found.empty))


def test_the_registry_has_the_activations_of_the_design():
    signatures = {name: without_types(layer) for name, layer in ACTIVATION_LAYERS.items()}
    common = "*, name=None, trainable=True)"
    assert (
        signatures.items()
        >= {
            "ReLU": f"({common}",
            "LeakyReLU": f"(slope=0.01, {common}",
            "ELU": f"(scale=1.0, {common}",
            "GELU": f"({common}",
            "SiLU": f"({common}",
            "Tanh": f"({common}",
            "Sigmoid": f"({common}",
        }.items()
    )


@pytest.mark.parametrize("layer", REGISTRY)
def test_a_class_of_the_registry_is_like_one_that_is_written_out(layer):
    name = layer.__name__
    assert issubclass(layer, Activation)
    assert getattr(pn, name) is getattr(layers, name) is getattr(activation, name) is layer
    assert pickle.loads(pickle.dumps(layer)) is layer
    assert layer.__module__ == "prelunet.layers.activation"
    assert layer.__qualname__ == name
    assert name in dir(pn)
    assert name in dir(layers)
    assert re.match(r"y = .*\.\n", layer.__doc__)
    documented = re.findall(r"^ {4}(\w+) : float, default (\S+)$", layer.__doc__, re.MULTILINE)
    defaults = {p.name: p.default for p in inspect.signature(layer).parameters.values()}
    assert documented == [(n, f"{defaults[n]:g}") for n in defaults if n not in COMMON]


@pytest.mark.parametrize("layer", WITH_PARAMETER)
def test_a_parameter_is_given_by_place_or_name(layer):
    assert layer(0.5) == layer(**{layer.parameter: 0.5})
    assert getattr(layer(0.5), layer.parameter) == 0.5
    assert layer(np.float32(0.5)).config()[layer.parameter] == 0.5
    with pytest.raises(
        ValueError, match=f"{layer.__name__}: {layer.parameter} must be .*, got nan"
    ):
        layer(math.nan)
    with pytest.raises(TypeError, match=f"{layer.__name__}: {layer.parameter} must be .*, got '1'"):
        layer("1")


@pytest.mark.parametrize("layer", REGISTRY)
def test_arguments_that_are_not_there_are_refused(layer):
    for wrong in (lambda: layer(0.1, 0.2), lambda: layer(nonsense=1)):
        with pytest.raises(TypeError, match=rf"^{layer.__name__}\.__init__\(\) "):
            wrong()


def test_names_that_are_not_there():
    for module in (pn, layers, activation):
        with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute"):
            _ = module.Swish


@pytest.mark.parametrize("base", [Layer, Activation])
def test_bases_are_abstract(base):
    with pytest.raises(TypeError, match="abstract"):
        base()


# ---- arguments ---------------------------------------------------------------------------------


def test_defaults():
    dense = pn.Dense(3)
    assert (dense.activation, dense.use_bias) == (None, True)
    assert dense.weight_init == initializers.GlorotUniform()
    assert dense.bias_init == initializers.Zeros()
    assert (dense.name, dense.trainable) == (None, True)
    assert pn.PReLU().kind == "channel"
    assert pn.PReLU().init == initializers.Constant(0.25)
    assert pn.Rescaling(0.5).offset == 0
    assert pn.Residual([pn.Tanh()]).step == 1


def test_strings_and_numbers_stand_for_initializers_and_activations():
    dense = pn.Dense(3, "prelu", weight_init="he_normal", bias_init=0.1)
    assert dense.activation == pn.PReLU()
    assert dense.weight_init == initializers.HeNormal()
    assert dense.bias_init == initializers.Constant(0.1)
    assert pn.PReLU(init="zeros").init == initializers.Zeros()
    for layer in REGISTRY:
        assert pn.Dense(3, layer.activation).activation == layer()


def test_numbers_of_numpy_become_pythons():
    config = pn.Dense(np.int64(3), bias_init=np.float32(0.5), use_bias=np.True_).config()
    assert type(config["units"]) is int
    assert type(config["bias_init"]["value"]) is float
    assert config["use_bias"] is True


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pn.Dense(0), "Dense: units must be an integer >= 1, got 0"),
        (lambda: pn.Dense(-3), "Dense: units must be an integer >= 1, got -3"),
        (
            lambda: pn.Dense(2**63),
            r"Dense: units must be .* below 2\*\*63, got 9223372036854775808",
        ),
        (
            lambda: pn.Dense(3, "swish"),
            r"Dense: activation must be one of 'prelu', 'relu', .*'swish'",
        ),
        (lambda: pn.Dense(3, weight_init="he"), "Dense: weight_init must be one of .*, got 'he'"),
        (lambda: pn.Dense(3, bias_init=math.inf), "Dense: bias_init .* finite number, got inf"),
        (lambda: pn.LayerNorm(1), "LayerNorm: axes must be -1 or the last axes, .*, got 1"),
        (lambda: pn.LayerNorm((-1, -3)), r"LayerNorm: axes must be .*, got \(-1, -3\)"),
        (lambda: pn.LayerNorm(()), r"LayerNorm: axes must be .*, got \(\)"),
        (lambda: pn.LayerNorm(epsilon=0), "LayerNorm: epsilon must be a finite number > 0, got 0"),
        (lambda: pn.PReLU("both"), "PReLU: kind must be one of 'channel', 'shared', got 'both'"),
        (lambda: pn.PReLU(init=math.nan), "PReLU: init .* must be a finite number, got nan"),
        (lambda: pn.Dropout(1.0), "Dropout: rate .* must be a finite number >= 0 and < 1, got 1.0"),
        (lambda: pn.Dropout(-0.1), "Dropout: rate .* must be .*, got -0.1"),
        (lambda: pn.Dropout(math.nan), "Dropout: rate .* must be .*, got nan"),
        (lambda: pn.Rescaling(math.inf), "Rescaling: scale must be a finite number, got inf"),
        (lambda: pn.Rescaling(10**400), "Rescaling: scale must be a finite number, got 1000"),
        (lambda: pn.Rescaling(1.0, math.nan), "Rescaling: offset must be .*, got nan"),
        (lambda: pn.Residual([]), "Residual: layers must hold at least one that computes"),
        (lambda: pn.Residual([pn.Flatten()]), "Residual: layers must hold at least one that comp"),
        (lambda: pn.Residual([pn.Tanh()], math.nan), "Residual: step must be a finite .*, got nan"),
        (
            lambda: pn.Residual([pn.Tanh(name="a"), pn.ReLU(name="a")]),
            "Residual: layers must differ in name, got 'a' twice",
        ),
        (lambda: pn.Flatten(name=""), "Flatten: name must be None or a string .*, got ''"),
        (lambda: pn.Dense(3, name="a.b"), r"Dense: name must be .* without dots, .*, got 'a\.b'"),
        (lambda: pn.Dense(3, name="a\0b"), r"Dense: name must be .* NUL .*, got 'a\\x00b'"),
        (lambda: pn.Dense(3, name="\ud800"), r"Dense: name must be .* surrogates, got '\\ud800'"),
        (lambda: Layer.from_config({"units": 3}), "Layer: class must be one of .*, got None"),
        (lambda: pn.Dense.from_config({"class": "ReLU"}), "Dense: class must be .*, got 'ReLU'"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pn.Dense(3.0), "Dense: units must be an integer >= 1, got 3.0"),
        (lambda: pn.Dense(True), "Dense: units must be an integer >= 1, got True"),
        (lambda: pn.Dense("3"), "Dense: units must be an integer >= 1, got '3'"),
        (lambda: pn.Dense(3, 5), "Dense: activation must be a name or an activation layer, got 5"),
        (lambda: pn.Dense(3, pn.Dense(3)), r"Dense: activation must be .*, got Dense\(units=3\)"),
        (lambda: pn.Dense(3, pn.ReLU), "Dense: activation must be .*, got <class"),
        (lambda: pn.Dense(3, weight_init=None), "Dense: weight_init .*, got None"),
        (lambda: pn.Dense(3, bias_init=True), "Dense: bias_init .*, got True"),
        (lambda: pn.Dense(3, use_bias=1), "Dense: use_bias must be True or False, got 1"),
        (lambda: pn.Dense(3, trainable="yes"), "Dense: trainable must be .*, got 'yes'"),
        (lambda: pn.PReLU(0.25), "PReLU: kind must be one of .*, got 0.25"),
        (lambda: pn.PReLU(init=pn.ReLU()), r"PReLU: init .*, got ReLU\(\)"),
        (lambda: pn.Dropout("0.5"), "Dropout: rate .* must be .*, got '0.5'"),
        (lambda: pn.Dropout(False), "Dropout: rate .* must be .*, got False"),
        (lambda: pn.Rescaling(None), "Rescaling: scale must be .*, got None"),
        (lambda: pn.Residual(pn.Tanh()), r"Residual: layers must be a list .*, got Tanh\(\)"),
        (lambda: pn.Residual(["tanh"]), "Residual: layers must be layers, got 'tanh'"),
        (lambda: pn.Residual([pn.Tanh()], "1"), "Residual: step must be .*, got '1'"),
        (lambda: pn.Residual([pn.Tanh()], trainable=1), "Residual: trainable must be .*, got 1"),
        (lambda: pn.ReLU(name=3), "ReLU: name must be None or a string without .*, got 3"),
        (lambda: pn.ReLU(trainable=None), "ReLU: trainable must be True or False, got None"),
    ],
)
def test_bad_types(make, message):
    with pytest.raises(TypeError, match=message):
        make()
