"""Sequential as users have it: building, compiling, using, printing. Training is in test_fit.py."""

from __future__ import annotations

import math

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp
from tolerances import assert_same_bits


def unbuilt(**options):
    return pn.Sequential([pn.Dense(6), pn.PReLU(), pn.Dense(5)], seed=3, **options)


# ---- building ----------------------------------------------------------------------------------


def test_a_model_is_built_early_or_late(rng):
    X, y = labelled(rng, 20)
    models = [unbuilt(input_shape=(19,)), unbuilt(), unbuilt(), unbuilt()]
    assert [model.input_shape for model in models] == [(19,), None, None, None]
    models[1].build([np.int64(19)])
    models[2].predict(X)
    models[3].compile()
    models[3].evaluate(X, y)
    for model in models:
        assert model.input_shape == (19,)
        assert model.output_shape == (5,)
        for name, values in models[0].parameters().items():
            assert_same_bits(model.parameters()[name], values, name)


def test_compiling_before_and_after_building_is_the_same(rng):
    X, y = labelled(rng, 50)
    before, after = unbuilt(), unbuilt(input_shape=(19,))
    for model in (before, after):
        model.compile(pn.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
    assert before.fit(X, y) == after.fit(X, y)
    assert_same_bits(before.predict(X), after.predict(X))


def test_a_model_is_built_once():
    model = unbuilt(input_shape=(19,))
    with pytest.raises(ValueError, match=r"build: already built, for samples \(19,\)"):
        model.build((19,))


def test_what_is_not_built_says_so():
    model = unbuilt()
    for use in (model.parameters, model.summary, lambda: model.output_shape):
        with pytest.raises(RuntimeError, match="input_shape is not known yet; pass it, or call"):
            use()


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ([pn.Dense(3)], (4, 4), r"\(Dense\): input must have shape \(features,\), got \(4,4\)"),
        ([pn.PReLU()], (4, 4), r"must give one axis of outputs, got shape \(4, 4\); add Flatten"),
        ([pn.Dense(3)], (), "input_shape must have at least one axis"),
        ([pn.Dense(3)], (0,), "an entry of input_shape must be an integer >= 1, got 0"),
        ([pn.Dense(3)], (2**63,), r"an entry of input_shape must be .* below 2\*\*63"),
    ],
)
def test_layers_that_do_not_fit(layers, shape, message):
    with pytest.raises(ValueError, match=message):
        pn.Sequential(layers, input_shape=shape)
    late = pn.Sequential(layers)
    with pytest.raises(ValueError, match=message):
        late.build(shape)
    assert late.input_shape is None


def test_a_refused_optimizer_leaves_a_model_unbuilt():
    class Mine(pn.optimizers.Optimizer):
        name = "mine"
        slots = 0

        def __init__(self):
            super().__init__(
                0.1, l2=0.0, weight_decay=0.0, clip_value=None, clip_norm=None, decay_all=False
            )

    model = unbuilt()
    model.compile(Mine())
    with pytest.raises(TypeError, match=r"optimizer must have an update .*, got Mine"):
        model.build((19,))
    assert model.input_shape is None


# ---- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: pn.Sequential([]), ValueError, "layers must hold at least one that computes"),
        (lambda: pn.Sequential([pn.Flatten()]), ValueError, "layers must hold at least one"),
        (lambda: pn.Sequential(pn.Dense(3)), TypeError, r"must be a list .* got Dense\(units=3\)"),
        (lambda: pn.Sequential(None), TypeError, "layers must be a list of layers, got None"),
        (lambda: pn.Sequential([pn.Dense]), TypeError, "layers must be layers, got <class"),
        (lambda: pn.Sequential(["relu"]), TypeError, "layers must be layers, got 'relu'"),
        (lambda: unbuilt(input_shape=19), TypeError, "input_shape must be a tuple of int.* got 19"),
        (lambda: unbuilt(input_shape=(1.5,)), TypeError, "entry of input_shape .*, got 1.5"),
        (lambda: unbuilt(input_shape="19"), TypeError, "entry of input_shape .*, got '1'"),
        (lambda: unbuilt(dtype=None), ValueError, "dtype must be 'float32', .* got None"),
        (lambda: unbuilt(dtype="float16"), ValueError, "dtype must be .*, got 'float16'"),
        (lambda: unbuilt(dtype="double float"), ValueError, "dtype must be .*, got 'double float'"),
        (lambda: unbuilt(dtype=">f4"), ValueError, "dtype must be .*, got '>f4'"),
        (lambda: pn.Sequential([pn.Dense(1)], seed=-1), ValueError, "seed must be an integer >= 0"),
        (lambda: pn.Sequential([pn.Dense(1)], seed=2**63), ValueError, "seed must be an integer"),
        (lambda: pn.Sequential([pn.Dense(1)], seed=0.5), TypeError, "seed must be an integer"),
        (lambda: pn.Sequential([pn.Dense(1)], seed=True), TypeError, "seed must be an integer"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=f"^Sequential: .*{message}"):
        make()


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64"), float])
def test_dtypes_are_numpys(dtype):
    model = unbuilt(dtype=dtype, input_shape=(19,))
    assert model.dtype == "float64"
    assert {values.dtype for values in model.parameters().values()} == {np.dtype(np.float64)}


def test_without_a_seed_there_is_a_random_one_that_can_be_used_again():
    layers = [pn.Dense(4)]
    first, second = (pn.Sequential(layers, input_shape=(3,)) for _ in range(2))
    assert first.seed != second.seed
    again = pn.Sequential(layers, input_shape=(3,), seed=first.seed)
    assert_same_bits(again.parameters()["0.weight"], first.parameters()["0.weight"])
    assert pn.Sequential(layers, seed=2**63 - 1, input_shape=(3,)).seed == 2**63 - 1


# ---- compiling ---------------------------------------------------------------------------------


def test_strings_and_defaults(rng):
    X, y = labelled(rng, 30)
    plain, said = mlp(), mlp()
    plain.compile()
    said.compile(pn.SGD(0.01), pn.losses.SoftmaxCrossEntropy(), [])
    assert plain.fit(X, y) == said.fit(X, y)
    assert_same_bits(plain.predict(X), said.predict(X))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"optimizer": "adagrad"},
            ValueError,
            "compile: optimizer .*'sgd', 'adam', 'adamw'.*, got",
        ),
        ({"optimizer": 0.1}, TypeError, "compile: optimizer .* got 0.1"),
        ({"loss": "mse"}, ValueError, "compile: loss .*'mean_squared_error'.* got 'mse'"),
        ({"loss": None}, TypeError, "compile: loss .* got None"),
        ({"metrics": "accuracy"}, TypeError, "metrics must be a list of metrics"),
        ({"metrics": ["accuracy", "accuracy"]}, ValueError, "metrics must differ in name"),
        ({"metrics": ["auc"]}, ValueError, "must be one of 'accuracy', got 'auc'"),
    ],
)
def test_a_compile_that_is_refused_changes_nothing(rng, arguments, error, message):
    X, y = labelled(rng, 30)
    model = mlp(optimizer=pn.SGD(0.25, momentum=0.5))
    model.train_on_batch(X, y)
    with pytest.raises(error, match=message):
        model.compile(**arguments)
    assert model.learning_rate == 0.25
    assert list(model.evaluate(X, y)) == ["loss", "accuracy"]
    assert model.engine.core.steps == 1
    assert any(slot.any() for slot in model.engine.core.state("test")[1][0])


def test_a_loss_that_the_engine_does_not_know_is_refused():
    class Mine(pn.losses.Loss):
        name = "mine"

    with pytest.raises(ValueError, match=r"compile: loss's name must be one of .*, got 'mine'"):
        mlp().compile(loss=Mine())


# ---- the learning rate -------------------------------------------------------------------------


def test_the_learning_rate_is_that_of_the_next_update(rng):
    X, y = labelled(rng, 30)
    model = unbuilt()
    model.compile(pn.SGD(pn.schedules.StepDecay(1.0, factor=0.5, every=2)))
    assert model.learning_rate == 1.0  # not built yet
    rates = []
    for _ in range(4):
        rates.append(model.learning_rate)
        model.train_on_batch(X, y)
    assert rates == [1.0, 1.0, 0.5, 0.5]
    model.learning_rate = 0.125  # in place of the schedule
    assert model.learning_rate == 0.125
    model.train_on_batch(X, y)
    assert model.learning_rate == 0.125
    model.learning_rate = pn.schedules.StepDecay(1.0, factor=0.5, every=5)
    assert model.learning_rate == 0.5  # five updates are made
    model.compile(pn.SGD(0.75))
    assert model.learning_rate == 0.75


@pytest.mark.parametrize(
    ("value", "error"), [(-0.1, ValueError), (math.nan, ValueError), ("1", TypeError)]
)
def test_a_bad_learning_rate_is_refused(value, error):
    model = mlp(optimizer=pn.SGD(0.5))
    with pytest.raises(error, match=r"Sequential: learning_rate \(unless a Schedule\) must be"):
        model.learning_rate = value
    assert model.learning_rate == 0.5


def test_the_learning_rate_comes_with_compile():
    model = unbuilt()
    with pytest.raises(RuntimeError, match="learning_rate: compile the model first"):
        _ = model.learning_rate
    with pytest.raises(RuntimeError, match="learning_rate: compile the model first"):
        model.learning_rate = 0.1


# ---- text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"input_shape": (19,)}])
def test_a_repr_is_the_call_that_makes_the_model(options):
    model = unbuilt(**options)
    other = eval(repr(model), vars(pn) | {"PReLU": pn.PReLU})
    assert repr(other) == repr(model)
    assert (other.layers, other.input_shape) == (model.layers, model.input_shape)
    assert (other.dtype, other.seed) == (model.dtype, model.seed)


def test_summary():
    model = pn.Sequential(
        [
            pn.Rescaling(1 / 255),
            pn.ReLU(trainable=False),
            pn.Flatten(),
            pn.Dense(1000, pn.PReLU("shared"), name="wide"),
            pn.Dense(10, trainable=False),
            pn.Residual([pn.Dense(3, name="in"), pn.Residual([pn.Tanh()]), pn.Dense(10)], 0.5),
        ],
        input_shape=(4, 6, 2),
        seed=0,
    )
    summary = model.summary()
    assert summary.splitlines() == [
        "Sequential, input 4x6x2 (48 values)",
        "layer                output  parameters",
        "0      Rescaling      4x6x2           0",
        "1      ReLU           4x6x2           0",
        "2      Flatten           48           0",
        "wide   Dense, PReLU    1000      49,001  weight 1000x48, bias 1000, alpha 1",
        "4      Dense             10      10,010  weight 10x1000, bias 10, frozen",
        "5      Residual          10          73",
        "5.in     Dense            3          33  weight 3x10, bias 3",
        "5.1      Residual         3           0",
        "5.1.0      Tanh           3           0",
        "5.2      Dense           10          40  weight 10x3, bias 10",
        "59,084 parameters, 236,336 bytes, float32",
    ]
    assert repr(summary) == str(summary)  # what a notebook shows
