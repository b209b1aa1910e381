"""Parameter groups against the oracle's trainer, and against plain optimizers."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import prelunet as pn
from network_models import NOT_OF_UPDATES, labelled, mlp, parameter_copies, twin
from reference import network as oracle
from tolerances import ORACLE_GRADIENT, assert_close_to_scale, assert_same_bits

STEPS, BATCH = 5, 20

GROUPS = [
    pn.ParameterGroup("0.*", learning_rate_factor=0.3, weight_decay_factor=2.5),
    pn.ParameterGroup("*.bias", learning_rate_factor=0.1, weight_decay_factor=0.0),
    pn.ParameterGroup("[12].weight", learning_rate_factor=2.0),
    pn.ParameterGroup("1.alpha", learning_rate_factor=0.0),
]
SCALED = [*GROUPS[:2], pn.ParameterGroup("4.weight", learning_rate_factor=0.5, epsilon_factor=40.0)]
FACTORS = {
    "0.weight": {"learning_rate": 0.3, "weight_decay": 2.5},
    "0.bias": {"learning_rate": 0.3, "weight_decay": 2.5},
    "2.weight": {"learning_rate": 2.0},
    "2.bias": {"learning_rate": 0.1, "weight_decay": 0.0},
    "4.bias": {"learning_rate": 0.1, "weight_decay": 0.0},
    "1.alpha": {"learning_rate": 0.0},
}
SCALED_FACTORS = {name: FACTORS[name] for name in ("0.weight", "0.bias", "2.bias", "4.bias")}
SCALED_FACTORS |= {"4.weight": {"learning_rate": 0.5, "epsilon": 40.0}}

NAMED = pn.optimizers.Optimizer.named()


def with_groups(make):
    """Return an optimizer of a class with groups; epsilon has a factor if there is one."""
    has_epsilon = "epsilon" in make.checks()
    options = {"epsilon": 1e-3} if has_epsilon else {}
    return make(0.01, l2=0.1, weight_decay=0.5, groups=SCALED if has_epsilon else GROUPS, **options)


OPTIMIZERS = {name: with_groups(make) for name, make in NAMED.items()} | {
    "plain": pn.SGD(0.1, groups=GROUPS),
    "of all": pn.SGD(0.1, l2=0.1, weight_decay=0.3, decay_all=True, groups=GROUPS),
    "nesterov": pn.SGD(0.1, momentum=0.5, nesterov=True, weight_decay=0.3, groups=GROUPS),
    "clip": pn.SGD(0.1, l2=0.5, clip_value=0.02, clip_norm=0.05, groups=GROUPS),
    "adam of all": pn.Adam(0.01, epsilon=1e-3, weight_decay=2.0, decay_all=True, groups=SCALED),
}


def batches(rng):
    return [labelled(rng, BATCH) for _ in range(STEPS)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_step_is_the_oracles(rng, name):
    optimizer = OPTIMIZERS[name]
    model, given = mlp(optimizer=optimizer), batches(rng)
    other = twin(model)
    factors = FACTORS if optimizer.groups == tuple(GROUPS) else SCALED_FACTORS
    places = {full: place for place, full in other.names.items()}
    options = {n: v for n, v in optimizer.config().items() if n not in NOT_OF_UPDATES}
    options["penalize"] = ("weight", "bias", "alpha") if options.pop("decay_all") else ("weight",)
    losses, history = oracle.train(
        other.layers,
        given,
        loss="softmax_cross_entropy",
        optimizer=optimizer.update,
        factors={places[full]: value for full, value in factors.items()},
        **options,
    )
    for step, (X, y) in enumerate(given):
        loss = model.train_on_batch(X, y)["loss"]
        assert_close_to_scale(loss, losses[step], ORACLE_GRADIENT, f"loss of step {step}")
        expected = other.renamed(history[step])
        for key, values in model.parameters().items():
            assert_close_to_scale(values, expected[key], ORACLE_GRADIENT, f"step {step}: {key}")


def scaled_history(given, **options):
    """Return the oracle's parameters of networks ``c x W^T + b`` after training, W / c as drawn.

    The factor is a Rescaling layer before each Dense layer, so the oracle needs no other update.
    """
    model = mlp()
    scales = {"0": 1 / np.sqrt(19), "2": 1 / np.sqrt(33), "4": 1 / np.sqrt(18)}
    other = twin(model)
    layers, names = [], {}
    for place, entry in enumerate(other.layers):
        if entry["layer"] == "dense":
            scale = scales[str(place)]
            layers.append({"layer": "rescaling", "scale": scale, "offset": 0.0})
            entry = entry | {"weight": entry["weight"] / scale}
        names |= {
            f"{len(layers)}.{key}": f"{place}.{key}"
            for key in ("weight", "bias", "alpha")
            if key in entry
        }
        layers.append(entry)
    _, history = oracle.train(layers, given, loss="softmax_cross_entropy", **options)
    last = {names[name]: value for name, value in history[-1].items()}
    return {n: v * scales[n[0]] if n.endswith("weight") else v for n, v in last.items()}, scales


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_they_are_the_neural_tangent_parametrization(rng, decay):
    """Adam, and SGD with the square of the factor, equal training with an explicit factor."""
    given = batches(rng)
    common = {"learning_rate": 0.05, "weight_decay": decay}
    adam, scales = scaled_history(given, optimizer="adam", **common, epsilon=1e-3)
    sgd, _ = scaled_history(given, optimizer="sgd", **common)
    for make, expected, power, options in (
        (pn.Adam, adam, 1, {"epsilon": 1e-3}),
        (pn.SGD, sgd, 2, {}),
    ):
        # Decay multiplies a weight by the same number, whatever its scale.
        groups = [
            pn.ParameterGroup(
                f"{layer}.weight",
                learning_rate_factor=s**power,
                weight_decay_factor=s**-power,
                epsilon_factor=1 / s if make is pn.Adam else 1.0,
            )
            for layer, s in scales.items()
        ]
        model = mlp(optimizer=make(**common, **options, groups=groups))
        for X, y in given:
            model.train_on_batch(X, y)
        for key, values in model.parameters().items():
            assert_close_to_scale(values, expected[key], ORACLE_GRADIENT, f"{make}: {key}")


@pytest.mark.parametrize("name", NAMED)
def test_factors_of_1_change_no_bit(rng, dtype, name):
    plain = NAMED[name]
    X, y = labelled(rng, 70)
    models = [
        mlp(dtype=dtype, optimizer=plain(0.01, l2=0.1, groups=groups))
        for groups in ((), [pn.ParameterGroup("*")])
    ]
    for model in models:
        model.fit(X, y, epochs=3, batch_size=32, verbose=0)
    for key, values in models[0].parameters().items():
        assert_same_bits(models[1].parameters()[key], values, key)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_fused_and_unfused_updates_have_the_same_bits(rng, threads):
    """A long run keeps weights in panels; a limit that clips nothing prevents fusion."""
    X, y = labelled(rng, 320)
    found = []
    for options in ({}, {"clip_norm": 1e9}):
        pn.set_num_threads(threads)
        optimizer = pn.Adam(0.01, weight_decay=0.1, groups=SCALED, **options)
        model = mlp(dtype="float32", widths=(64, 48, 5), optimizer=optimizer)
        model.fit(X, y, epochs=3, batch_size=16, verbose=0)
        found.append(parameter_copies(model))
    pn.set_num_threads(1)
    model = mlp(
        dtype="float32",
        widths=(64, 48, 5),
        optimizer=pn.Adam(0.01, weight_decay=0.1, groups=SCALED),
    )
    model.fit(X, y, epochs=3, batch_size=16, verbose=0)
    for key, values in model.parameters().items():
        assert_same_bits(found[0][key], values, key)
        assert_same_bits(found[1][key], values, key)


@pytest.mark.parametrize("copied", ["npz", "pickle", "deepcopy"])
def test_a_copy_trains_on_as_the_model_does(rng, tmp_path, copied):
    X, y = labelled(rng, BATCH)
    model = mlp(optimizer=OPTIMIZERS["adamw"])
    model.train_on_batch(X, y)
    if copied == "npz":
        model.save(tmp_path / "m.npz")
        other = pn.load(tmp_path / "m.npz")
    else:
        other = copy.deepcopy(model) if copied == "deepcopy" else pickle.loads(pickle.dumps(model))
    assert other.engine.compiled.optimizer == model.engine.compiled.optimizer
    for one in (model, other):
        one.train_on_batch(X, y)
    for key, values in model.parameters().items():
        assert_same_bits(other.parameters()[key], values, key)


def test_a_pattern_without_parameters_is_refused(rng):
    model = mlp()
    before = parameter_copies(model)
    groups = [pn.ParameterGroup("*.weight"), pn.ParameterGroup("*.Bias")]
    message = r"pattern '\*\.Bias' of a ParameterGroup matches no parameter; .* 0\.weight, 0\.bias"
    with pytest.raises(ValueError, match=message):
        model.compile(pn.SGD(0.1, groups=groups))
    assert model.engine.compiled.optimizer == pn.SGD(0.1)
    X, y = labelled(rng, 8)
    later = pn.Sequential([pn.Dense(5)], seed=0)
    later.compile(pn.SGD(0.1, groups=groups))
    with pytest.raises(ValueError, match=r"matches no parameter; the parameters are 0\.weight"):
        later.fit(X, y, verbose=0)
    assert not later.engine.is_built
    for key, values in model.parameters().items():
        assert_same_bits(values, before[key], key)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: pn.SGD(groups="x"), TypeError, "SGD: groups must be a list of ParameterGroup"),
        (lambda: pn.SGD(groups=["*"]), TypeError, "SGD: groups must hold ParameterGroup only, got"),
        (
            lambda: pn.Lion(groups=[pn.ParameterGroup("*", epsilon_factor=2.0)]),
            ValueError,
            r"Lion: groups must have an epsilon_factor of 1, .* got 2.0 for '\*'",
        ),
        (
            lambda: pn.ParameterGroup(""),
            ValueError,
            "ParameterGroup: pattern must be a string that is not empty",
        ),
        (lambda: pn.ParameterGroup(3), TypeError, "pattern must be a string, got int"),
        (
            lambda: pn.ParameterGroup("*", learning_rate_factor=-1.0),
            ValueError,
            "ParameterGroup: learning_rate_factor must be .*, got -1",
        ),
        (
            lambda: pn.ParameterGroup("*", weight_decay_factor=np.nan),
            ValueError,
            "ParameterGroup: weight_decay_factor must be .*, got nan",
        ),
        (
            lambda: pn.ParameterGroup("*", epsilon_factor=0.0),
            ValueError,
            "ParameterGroup: epsilon_factor must be .*, got 0",
        ),
    ],
)
def test_wrong_groups_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
