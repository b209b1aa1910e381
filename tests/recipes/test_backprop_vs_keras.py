"""A perceptron on raw pixels with limited deltas: its losses, accuracies, and those of others."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import prelunet as pn
from cli_runs import read_results
from prelunet import cli, data
from prelunet.recipes import backprop_vs_keras, peer_nets
from tolerances import LOSS_CURVE, assert_within, sum_tolerance

RUN = ["reproduce", "backprop_vs_keras", "--against", "none"]

# Where deltas are kept so near, the limit acts on half of them and more.
DEEP = ["--hidden", "30,20", "--activation", "relu,tanh", "--clip-delta", "0.002"]


@pytest.fixture(scope="module")
def digits():
    """Return the digits of the wheel on 28 x 28 pixels of 0 to 255: 1,397 to train on, 400 not."""
    small = data.load("digits")
    images = np.pad(
        small.x_train.reshape(-1, 8, 8).repeat(3, 1).repeat(3, 2), [(0, 0), (2, 2), (2, 2)]
    )
    x, y = (images.reshape(-1, 784) * 15.9).astype(np.uint8), small.y_train
    return data.Dataset("digits", x[400:], y[400:], x[:400], y[:400])


def options(*given):
    parser = argparse.ArgumentParser()
    backprop_vs_keras.add_options(parser)
    return argparse.Namespace(**vars(parser.parse_args(given)), seed=0)


def train(net, digits, *given):
    said = []
    found = backprop_vs_keras.train(net, "a net", digits, options(*given), said.append)
    assert len(said) == len(found["seconds"]) == len(found["test_accuracy"])
    return found


# ---- the same in NumPy -------------------------------------------------------------------------


def relu(z):
    return np.maximum(0, z), np.where(z > 0, 1, 0)


def tanh(z):
    return np.tanh(z), 1 - np.tanh(z) ** 2


def numpy_losses(model, digits, *, rate, limit, epochs, batch=128):
    """Return the losses of the recipe's equations, hidden layers relu and tanh."""
    x, y = digits.x_train.astype(np.float64), np.eye(10)[digits.y_train]
    w1, b1, w2, b2, w3, b3 = (np.array(values) for values in model.parameters().values())
    draw, losses = np.random.default_rng(0), []

    def clip(delta):
        return np.clip(delta, -limit, limit)

    for _ in range(epochs):
        order = draw.permutation(len(x))
        for start in range(0, len(x), batch):
            a0, t = x[order[start : start + batch]], y[order[start : start + batch]]
            a1, slope1 = relu(a0 @ w1.T + b1)
            a2, slope2 = tanh(a1 @ w2.T + b2)
            p = np.exp(a2 @ w3.T + b3)
            p /= p.sum(axis=1, keepdims=True)
            losses.append(-np.mean(np.log(p[t == 1])))
            delta3 = clip(p - t)
            delta2 = clip(delta3 @ w3 * slope2)
            delta1 = clip(delta2 @ w2 * slope1)
            for w, b, a, delta in (
                (w3, b3, a2, delta3),
                (w2, b2, a1, delta2),
                (w1, b1, a0, delta1),
            ):
                w -= rate * delta.T @ a / len(a)
                b -= rate * delta.mean(axis=0)
    return losses


def test_losses_are_those_of_numpy(digits):
    given = [*DEEP, "--dtype", "float64", "--learning-rate", "1e-3", "--epochs", "2"]
    asked = options(*given)
    limited, free, _ = backprop_vs_keras.settings(asked)
    model = backprop_vs_keras.network(limited, asked)
    expected = numpy_losses(model, digits, rate=1e-3, limit=0.002, epochs=2)
    assert len(expected) == 22  # the last of 117 rows
    losses = train(model, digits, *given)["losses"]
    roundings = len(losses) * (784 + 30 + 20 + 10 + 128)  # the sums of a step, each on the last
    tolerance = sum_tolerance(roundings, np.float64) * expected[0]
    assert_within(losses, expected, tolerance, "losses")
    others = train(backprop_vs_keras.network(free, asked), digits, *given)["losses"]
    assert np.max(np.abs(np.subtract(losses, others))) > 100 * tolerance


def test_weights_come_from_the_documents_distribution():
    asked = options("--hidden", "128", "--dtype", "float64")
    own, _, keras = backprop_vs_keras.settings(asked)
    weights = backprop_vs_keras.network(own, asked).parameters()
    assert weights["0.weight"].shape == (128, 784)
    # Of n draws the deviation errs by a share of 1 / sqrt(2n): five of these are hardly ever met.
    for name, features in (("0.weight", 784), ("1.weight", 128)):
        assert_within(
            weights[name].std() * features, 1.0, 5 / np.sqrt(2 * weights[name].size), name
        )
    glorot = backprop_vs_keras.network(keras, asked).parameters()["0.weight"]
    assert 0.95 < glorot.max() / np.sqrt(6 / (784 + 128)) <= 1


# ---- other libraries ---------------------------------------------------------------------------


@pytest.mark.parametrize("given", [[], DEEP], ids=["document", "deep"])
@pytest.mark.parametrize("name", peer_nets.NETS)
def test_another_library_has_the_same_losses(name, given, digits):
    if not peer_nets.is_installed(name):
        pytest.skip(f"{name} is not installed")
    given = [*given, "--dtype", "float64"]  # from Glorot's weights float32 errs more than the rule
    asked = options(*given)
    for setting in backprop_vs_keras.settings(asked):
        model = backprop_vs_keras.network(setting, asked)
        names = backprop_vs_keras.activations(asked)
        copy = peer_nets.NETS[name](model, names, setting.learning_rate, setting.clip_delta)
        ours, others = train(model, digits, *given), train(copy, digits, *given)
        assert len(others["losses"]) == 33
        bound = LOSS_CURVE * np.array(ours["losses"])
        assert_within(others["losses"], ours["losses"], bound, setting.title)
        assert others["test_accuracy"] == ours["test_accuracy"]


def test_others_take_part_where_they_are_installed(monkeypatch):
    found = [net.title for net in peer_nets.choose(None)]
    there = {"torch": "PyTorch", "keras": "Keras"}
    assert found == [title for name, title in there.items() if peer_nets.is_installed(name)]
    assert peer_nets.choose(["none"]) == []
    assert peer_nets.is_installed("numpy")
    assert not peer_nets.is_installed("no_such_library")
    monkeypatch.setattr(peer_nets, "is_installed", lambda name: True)
    assert peer_nets.choose(["keras", "torch"]) == list(peer_nets.NETS.values())


# ---- what a run shows --------------------------------------------------------------------------


def test_a_run_prints_draws_and_keeps(tmp_path, capsys):
    assert cli.main([*RUN, "--quick", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    results = read_results(tmp_path)
    own, free, keras = results["runs"]
    assert own["setting"] == "N(0, 1/features), rate 1e-05, deltas within 1"
    assert [run["library"] for run in results["runs"]] == ["prelunet"] * 3
    assert results["test_accuracy"] == own["test_accuracy"][-1] > 0.3
    accuracies, seconds = results["tables"]
    assert accuracies["header"] == ["setting", "library", "epoch 1", "epoch 2", "epoch 3"]
    assert [row[1:] for row in accuracies["rows"]] == [
        ["prelunet", *(f"{value:.4f}" for value in own["test_accuracy"])],
        ["NumPy in the document", "-", "-", "0.8575"],
        ["prelunet", *(f"{value:.4f}" for value in free["test_accuracy"])],
        ["prelunet", *(f"{value:.4f}" for value in keras["test_accuracy"])],
        ["Keras in the document", "0.8426", "0.8696", "-"],
    ]
    changed = sum(a != b for a, b in zip(own["losses"], free["losses"], strict=True))
    assert f"\nThe limit of the deltas changed {changed} of 96 losses. With --quick" in printed
    assert [row[2:] for row in seconds["rows"]] == [
        [f"{value:.2f}" for value in run["seconds"]] for run in results["runs"]
    ]
    line = f"prelunet, {own['setting']}: epoch 3, test accuracy {own['test_accuracy'][2]:.4f}\n"
    assert line in printed
    assert {path.name for path in tmp_path.iterdir()} == {
        *("results.json", "model.npz", "curves.png")
    }
    with Image.open(tmp_path / "curves.png") as image:
        assert len(image.convert("RGB").getcolors(1 << 20)) > 10
    assert pn.load(tmp_path / "model.npz").parameters()["0.weight"].shape == (128, 784)


def test_the_document_stands_beside_its_epochs_alone(capsys):
    given = ["--quick", "--quiet", "--epochs"]
    assert cli.main([*RUN, *given, "1"]) == 0
    assert re.search(r"within 1  NumPy in the document +-$", capsys.readouterr().out, re.MULTILINE)
    assert cli.main([*RUN, *given, "4"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"NumPy in the document +- +- +0.8575 +-$", printed, re.MULTILINE)


@pytest.mark.skipif(not Path(data.where("mnist")).is_dir(), reason="MNIST is not here")
def test_it_ends_where_the_document_does(tmp_path):
    assert cli.main([*RUN, "--quiet", "--out", str(tmp_path)]) == 0
    results = read_results(tmp_path)
    assert len(results["runs"][0]["losses"]) == 3 * 469
    assert 0.84 < results["test_accuracy"] < 0.88


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--activation", "relu,prelu"], "activation must be names among relu, sigmoid, tanh"),
        (["--activation", "relu,tanh"], "activation must be one name or 1, got 2"),
        (
            ["--against", "numpy"],
            "backprop_vs_keras: against must be names among torch, keras, none",
        ),
    ],
)
def test_what_is_not_there_is_refused(given, message, capsys):
    assert cli.main(["reproduce", "backprop_vs_keras", "--quick", *given]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ([], True),
        (["--epochs", "1", "--dtype", "float64", "--against", "none"], True),
        (["--learning-rate", "0.1"], False),
        (["--hidden", "none"], False),
        (["--batch-size", "100"], False),
        (["--activation", "tanh"], False),
    ],
)
def test_the_documents_figures_stand_beside_its_own_settings_alone(given, known):
    programs = [setting.program for setting in backprop_vs_keras.settings(options(*given))]
    assert programs == (["NumPy", "", "Keras"] if known else ["", "", ""])


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(peer_nets, "is_installed", lambda name: False)
    with pytest.raises(ValueError, match="against names torch, which is not installed"):
        peer_nets.choose(("torch",))
    assert peer_nets.choose(None) == peer_nets.choose(("none",)) == []
