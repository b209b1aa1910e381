"""The contract: what a user types runs, what is public is documented, registries are whole.

The house of the sources has its own file, test_house.py.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import prelunet as pn
from docstrings import documented_parameters, parameters, sections
from prelunet import _core
from prelunet.export import c_text
from reference import activation as oracle_activations
from reference.network import loss_function, update_function
from subprocesses import run_code
from tolerances import assert_same_bits

OPTIONAL = (
    *("sklearn", "scipy", "matplotlib", "tqdm", "pooch", "mlxtend", "PIL", "pandas"),
    *("tensorboardX", "safetensors", "onnx"),
)


# ---- what a user types -------------------------------------------------------------------------


def test_the_code_of_the_design_runs(rng, tmp_path):
    X = rng.integers(256, size=(300, 784)).astype(np.uint8)
    y = rng.integers(10, size=300)
    X_val, y_val = X[250:], y[250:]

    model = pn.Sequential(
        [
            pn.Rescaling(1 / 255),
            pn.Dense(40, weight_init=pn.initializers.Normal(stddev=0.1)),
            pn.PReLU("channel", init=0.25),
            pn.Dense(40),
            pn.PReLU("shared"),
            pn.Dense(10),
        ],
        input_shape=(784,),
        dtype="float32",
        seed=0,
    )
    model.compile(
        optimizer=pn.SGD(learning_rate=0.1), loss="softmax_cross_entropy", metrics=["accuracy"]
    )
    history = model.fit(
        X,
        y,
        epochs=10,
        batch_size=128,
        validation_data=(X_val, y_val),
        shuffle=True,
        sample_weight=None,
        class_weight=None,
        verbose="auto",
        callbacks=[
            pn.EarlyStopping(patience=3, restore_best_weights=True),
            pn.TensorBoard(tmp_path / "runs"),
            pn.Checkpoint(tmp_path / "a.ckpt", every=1, resume=True),
        ],
    )
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert len(history[name]) == len(history.epochs) <= 10
        assert np.isfinite(history[name]).all()
    assert list(model.evaluate(X_val, y_val)) == ["loss", "accuracy"]
    assert model.predict(X_val).shape == model.predict_proba(X_val).shape == (50, 10)
    views = model.parameters()
    assert list(views) == [
        "1.weight",
        "1.bias",
        "2.alpha",
        "3.weight",
        "3.bias",
        "4.alpha",
        "5.weight",
        "5.bias",
    ]
    assert not views["1.weight"].flags.writeable
    model.set_parameters({"1.bias": np.ones(40)})
    assert (views["1.bias"] == 1).all()  # no copy
    loss, gradients = model.loss_and_gradients(X, y)
    assert type(loss) is float
    assert list(gradients) == list(views)
    model.train_on_batch(X, y)
    model.train_epoch(X, y, order=rng.permutation(300), batch_size=128)
    assert "784" in model.summary()
    for name in ("m.npz", "m.safetensors"):
        model.save(tmp_path / name)
        assert_same_bits(pn.load(tmp_path / name).predict(X), model.predict(X))
    model.to_onnx(tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").stat().st_size > 4 * sum(v.size for v in views.values())
    x, alpha = rng.standard_normal((4, 3)), np.full(3, 0.25)
    grad_out = pn.ops.prelu_forward(x, alpha)
    grad_x, grad_alpha = pn.ops.prelu_backward(grad_out, x, alpha)
    assert (grad_x.shape, grad_alpha.shape) == ((4, 3), (3,))
    pn.set_num_threads(2)
    assert pn.get_num_threads() == 2
    assert pn.show_config(mode="dicts")["isa"] in ("baseline", "avx2", "avx512", "neon")


def test_every_layer_of_the_design_is_there():
    stack = [
        pn.Dense(8, activation=None, weight_init="he_normal", bias_init="zeros", use_bias=True),
        *(pn.PReLU("shared"), pn.PReLU("channel", init=0.25), pn.ReLU(), pn.LeakyReLU(0.01)),
        *(pn.ELU(), pn.GELU(), pn.SiLU(), pn.Tanh(), pn.Sigmoid()),
        pn.LayerNorm(-1, epsilon=1e-3, center=True, scale=True),
        *(pn.Dropout(0.5), pn.Flatten(), pn.Rescaling(0.5, offset=0)),
        pn.Residual([pn.Dense(8, "tanh")], step=0.1),
        pn.Columns([("wide", [], [0, 1]), ("deep", [pn.Dense(3)], slice(2, 8))], remainder="drop"),
        pn.PeriodicEmbeddings(4, n_frequencies=16, frequency_init_scale=0.1, kind="pbld"),
        pn.PiecewiseLinearEmbeddings([[0, 1]] * 20, 2, activation=False, version="B"),
        pn.Dense(8),
    ]
    for layer in stack:
        assert {"name", "trainable"} <= inspect.signature(type(layer)).parameters.keys()
    assert pn.Sequential(stack).predict(np.ones((2, 3))).shape == (2, 8)
    assert pn.Sequential([pn.Embedding(5, 2)]).predict([[4, 0], [1, 1]]).shape == (2, 4)
    images = [
        pn.Conv2D(4, 3, stride=1, padding="same"),
        pn.Conv2D(filters=5, kernel_size=2, activation="prelu"),
        pn.MaxPool2D(2, stride=None, padding="valid"),
        pn.Flatten(),
    ]
    assert pn.Sequential(images).predict(np.ones((2, 7, 7, 3))).shape == (2, 45)


# ---- what is public ----------------------------------------------------------------------------

MODULES = [
    pn,
    pn.callbacks,
    pn.data,
    pn.initializers,
    pn.layers,
    pn.losses,
    pn.metrics,
    pn.ops,
    pn.optimizers,
    pn.plots,
    pn.schedules,
]


def public_objects():
    """Return the classes and functions that a user meets, by qualified name."""
    found = {}
    for module in MODULES:
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
        for name in names:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                found[f"{module.__name__}.{name}"] = value
    return found


PUBLIC = public_objects()
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_public_names_exist(module):
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    for name in names:
        assert hasattr(module, name)
        assert name in dir(module)
    assert module.__doc__


def test_modules_that_are_not_needed_to_train_come_when_asked_for():
    assert {"data", "plots"} <= set(dir(pn))
    run_code(
        """
        import sys
        import prelunet as pn

        assert not {"prelunet.data", "prelunet.plots", "prelunet.cli"} & sys.modules.keys()
        pn.data.load("digits"), pn.plots
        assert {"prelunet.data", "prelunet.plots"} <= sys.modules.keys()
        """
    )
    with pytest.raises(AttributeError, match="module 'prelunet' has no attribute 'MLP'"):
        _ = pn.MLP


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings_name_every_parameter(name):
    value = PUBLIC[name]
    found = sections(value)
    assert found[""].split("\n\n")[0].rstrip().endswith(".")
    if not inspect.isabstract(value):  # nobody makes one of a base
        assert set(documented_parameters(value)) == set(parameters(value))


METHODS = {
    f"{name}.{method}": function
    for name, value in CLASSES.items()
    if name in ("prelunet.Sequential", "prelunet.History", "prelunet.data.Dataset")
    for method, function in inspect.getmembers(value, inspect.isfunction)
    if not method.startswith("_") and function.__module__.startswith("prelunet.")
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_documented(name):
    function = METHODS[name]
    summary = sections(function)[""].split("\n\n")[0].rstrip()
    assert summary.endswith(".")
    assert set(documented_parameters(function)) == set(parameters(function))


# ---- registries --------------------------------------------------------------------------------


def train(rng, stack, y, *, loss="softmax_cross_entropy"):
    """Train a small model and return its predictions."""
    X = rng.standard_normal((20, 4))
    model = pn.Sequential(stack, seed=0)
    model.compile(pn.SGD(0.01), loss)
    history = model.fit(X, y, epochs=3, batch_size=8, shuffle=False)
    assert history["loss"][-1] < history["loss"][0]
    return model.predict(X)


@pytest.mark.parametrize("name", pn.ops.ACTIVATIONS)
def test_an_activation_is_whole(name, rng):
    (layer,) = [c for c in pn.ACTIVATION_LAYERS.values() if c.activation == name]
    has_parameter = pn.ops.ACTIVATIONS[name] is not None
    assert bool(layer.parameter) == has_parameter
    for kind in ("forward", "backward"):
        assert callable(getattr(pn.ops, f"{name}_{kind}"))
        assert callable(getattr(oracle_activations, f"{name}_{kind}"))
    assert c_text.has(f"net_{name}", "float32")
    assert c_text.has(f"net_{name}", "float64")
    y = rng.integers(3, size=20)
    state = rng.bit_generator.state
    by_name = train(rng, [pn.Dense(8, name), pn.Dense(3)], y)
    rng.bit_generator.state = state
    by_layer = train(rng, [pn.Dense(8), layer(), pn.Dense(3)], y)
    assert_same_bits(by_name, by_layer)


def test_there_is_no_layer_without_an_activation():
    assert {layer.activation for layer in pn.ACTIVATION_LAYERS.values()} == set(pn.ops.ACTIVATIONS)


@pytest.mark.parametrize("name", pn.ops.LOSSES)
def test_a_loss_is_whole(name, rng):
    loss = pn.losses.get(name)
    assert loss.name == name
    arguments = [value for key, value in loss.config().items() if key != "class"]
    default = pn.ops.LOSSES[name]
    assert arguments == ([] if default is None else [default])
    assert callable(getattr(pn.ops, name))
    assert callable(loss_function(name))
    y = rng.integers(3, size=20) if name == "softmax_cross_entropy" else rng.random((20, 3))
    assert np.isfinite(train(rng, [pn.Dense(8, "prelu"), pn.Dense(3)], y, loss=name)).all()


def test_the_losses_are_those_of_the_engine():
    assert list(pn.losses.Loss.named()) == list(pn.ops.LOSSES)


@pytest.mark.parametrize("name", pn.ops.UPDATES)
def test_an_update_is_whole(name, rng):
    optimizer = pn.optimizers.get(name)
    assert (optimizer.name, optimizer.update) == (name, name)
    assert callable(getattr(pn.ops, f"{name}_update"))
    assert callable(update_function(name))
    (row,) = [row for row in _core.ops.UPDATES if row[0] == name]
    assert list(optimizer.options()) == list(row[2])
    model = pn.Sequential([pn.Dense(3)], input_shape=(4,))
    model.compile(optimizer)
    kept = [state for state, option in row[1] if not option or getattr(optimizer, option)]
    assert model.engine.core.slot_count == optimizer.slots == len(kept)


def test_every_optimizer_has_an_update():
    assert {c.update for c in pn.optimizers.Optimizer.named().values()} == set(pn.ops.UPDATES)


OPTIMIZER = {"l2": 0.0, "weight_decay": 0.0, "factors": [(1.0, 1.0, 1.0)] * 2, "clip_value": 0.0}
OPTIMIZER |= {
    "clip_norm": 0.0,
    "ema_momentum": None,
    "update": "sgd",
    "options": {"momentum": 0.0, "nesterov": 0.0},
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"update": "sgdd"}, "unknown update 'sgdd'"),
        ({"options": {"momentum": 0.5}}, "compile: sgd: missing option 'nesterov'"),
        ({"options": OPTIMIZER["options"] | {"rho": 1.0}}, "compile: sgd: unknown option 'rho'"),
        ({"loss": "hubert"}, "unknown loss 'hubert'"),
        (
            {"loss": "pinball", "loss_options": [0.1, 0.9]},
            "compile: quantile must be one number, or one for each of 3 outputs, got 2 numbers",
        ),
        ({"factors": []}, "compile: factors must be given for 2 parameters, got 0"),
        ({"accuracy": "argmin"}, "unknown accuracy 'argmin'"),
    ],
)
def test_the_core_refuses_names_that_it_does_not_know(changed, message):
    model = pn.Sequential([pn.Dense(3)], input_shape=(4,), seed=0)
    model.compile(pn.SGD(0.1), "mean_squared_error")
    X, y = np.ones((2, 4)), np.zeros((2, 3))
    loss, accuracy = changed.get("loss", "huber"), changed.get("accuracy", "argmax")
    config = OPTIMIZER | {key: value for key, value in changed.items() if key in OPTIMIZER}
    before = model.evaluate(X, y)
    options = changed.get("loss_options", [1.0])
    with pytest.raises(ValueError, match=message):
        model.engine.core.compile(loss, options, accuracy, 0.0, config, 0.0)
    assert model.evaluate(X, y) == before  # with the loss that it had


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"type": "densest"}, "unknown layer type 'densest'"),
        ({"type": "dense", "units": 3}, r"layer 0 \(Dense\): missing key 'use_bias'"),
        (
            {"type": "dense", "units": 3, "use_bias": True, "rate": 0.5},
            r"layer 0 \(Dense\): unknown key 'rate'",
        ),
        ({"type": "dropout", "rate": "0.5"}, r"layer 0 \(Dropout\): key 'rate' has a value of the"),
        (
            {"type": "layer_norm", "epsilon": 0.1, "scale": True, "center": True},
            r"layer 0 \(LayerNorm\): missing key 'axes'",
        ),
        (
            {"type": "layer_norm", "epsilon": 0.1, "scale": True, "center": True, "axes": 2},
            r"layer 0 \(LayerNorm\): axes must be at most the 1 axes of the input \(4,\), got 2",
        ),
        ({"type": "activation", "activation": "swish", "constant": 0.0}, "unknown activation"),
        ({"type": "prelu", "channel": 1.0}, r"layer 0 \(PReLU\): key 'channel' has a value of the"),
    ],
)
def test_the_core_refuses_layers_that_it_does_not_know(layer, message):
    with pytest.raises(ValueError, match=message):
        _core.Engine32((4,), [{"name": "0", **layer}], 0)


# ---- what the core does without ----------------------------------------------------------------


def test_training_needs_nothing_but_numpy():
    run_code(
        """
        import sys
        import numpy
        import prelunet as pn

        rng = numpy.random.default_rng(0)
        X, y = rng.standard_normal((50, 4)), rng.integers(3, size=50)
        model = pn.Sequential([pn.Dense(8, "prelu"), pn.Dropout(0.1), pn.Dense(3)], seed=0)
        model.compile(pn.Adam(), metrics=["accuracy"])
        model.fit(X, y, epochs=3, validation_split=0.2, callbacks=[pn.EarlyStopping()])
        model.predict_proba(X), model.summary(), pn.data.load("digits")
        loaded = {name.partition(".")[0] for name in sys.modules} & set(sys.argv[1:])
        assert not loaded, loaded
        """,
        *OPTIONAL,
    )


def test_show_config_prints_what_it_returns(capsys):
    config = pn.show_config(mode="dicts")
    assert pn.show_config() is None
    printed = capsys.readouterr().out
    lines = dict(line.split(None, 1) for line in printed.splitlines())
    assert list(lines) == list(config)
    for key, value in config.items():
        assert lines[key] == (", ".join(value) if isinstance(value, list) else str(value))
    assert config["version"] == pn.__version__
    assert config["isa"] in config["isas_available"]
    with pytest.raises(ValueError, match="show_config: mode must be one of 'text', 'dicts', got"):
        pn.show_config("json")
