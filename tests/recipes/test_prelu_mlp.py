"""Six layers of PReLU, all images in each step: the document's log, and runs that are cut off."""

from __future__ import annotations

import os
import re
import signal
import time

import numpy as np
import pytest
from PIL import Image

import prelunet as pn
from checkpoint_runs import start_fork
from cli_runs import read_results
from network_models import roundings
from prelunet import cli, data
from prelunet.recipes.prelu_log import log_loss
from prelunet.recipes.report import Report
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance, ulp

RUN = ["reproduce", "prelu_mlp", "--quick"]
SMALL = [*RUN, "--hidden", "30,20"]
LINE = ("step", "loss", "accuracy", "dev_accuracy", "mean_square", "alphas", "gradients")


@pytest.fixture(scope="module")
def digits():
    """Return the 5,000 digits of a quick run, 1,000 of them for the test."""
    return data.split(data.load("mnist-5k"), test_size=0.2, seed=0)


# ---- the same in NumPy -------------------------------------------------------------------------


def numpy_lines(digits, kind, *, eps, steps, widths=(30, 20), rate=0.001):
    """Return what the document's program comes to, in float64 from the same weights."""
    layers = [pn.Rescaling(1 / 255)]
    for units in (*widths, 10):
        layers.append(pn.Dense(units, weight_init=pn.initializers.Normal(stddev=0.1)))
        layers += [pn.PReLU(kind, init=0.001)] if units != 10 else []
    start = pn.Sequential(layers, input_shape=(784,), seed=0)
    values = {name: np.float64(v) for name, v in start.parameters().items()}
    W, b, alpha = (
        [v for n, v in values.items() if n.endswith(kind)] for kind in ("weight", "bias", "alpha")
    )
    x, x_dev = digits.x_train / 255, digits.x_test / 255
    y, y_dev, n = digits.y_train, digits.y_test, len(x)

    def forward(x):
        a, z = [x], []
        for i in range(len(W)):
            z.append(a[-1] @ W[i].T + b[i])
            a.append(np.where(z[-1] <= 0, alpha[i] * z[-1], z[-1]) if i < len(alpha) else z[-1])
        e = np.exp(a[-1] - a[-1].max(axis=1, keepdims=True))
        return z, a, e / e.sum(axis=1, keepdims=True)

    lines = []
    for step in range(steps):
        z, a, p = forward(x)
        dz = (p - np.eye(10)[y]) / n
        line = {"step": step, "mean_square": np.mean((dz * n) ** 2)}
        gradients, weights = [], [w.copy() for w in W]
        for i in reversed(range(len(W))):
            W[i] -= rate * dz.T @ a[i]
            b[i] -= rate * dz.sum(axis=0)
            if i > 0:
                da = dz @ weights[i]
                each = da * np.where(z[i - 1] <= 0, z[i - 1], 0)
                gradients.insert(0, each.sum(axis=0) if kind == "channel" else each.sum())
                dz = da * np.where(z[i - 1] <= 0, alpha[i - 1], 1)
        alpha = [one - rate * gradient for one, gradient in zip(alpha, gradients, strict=True)]
        p = forward(x)[2]
        line["loss"] = -np.mean(np.log(np.clip(p[range(n), y], eps, 1 - eps)))
        line["accuracy"] = np.mean(p.argmax(axis=1) == y)
        line["dev_accuracy"] = np.mean(forward(x_dev)[2].argmax(axis=1) == y_dev)
        shared = kind == "shared"
        line["alphas"] = [one.item() for one in alpha] if shared else []
        line["gradients"] = [one.item() for one in gradients] if shared else []
        lines.append(line)
    return lines, sum_tolerance(steps * roundings(start, n), np.float32)


@pytest.mark.parametrize(("kind", "eps"), [("shared", 1e-7), ("channel", 1e-11)])
def test_the_log_is_that_of_numpy(kind, eps, digits, tmp_path):
    given = ["--kinds", kind, "--epochs", "5", "--quiet", "--out", str(tmp_path)]
    assert cli.main([*SMALL, *given]) == 0
    (found,) = read_results(tmp_path)["logs"].values()
    expected, tolerance = numpy_lines(digits, kind, eps=eps, steps=5)
    assert len(found) == 5
    for line, other in zip(found, expected, strict=True):
        for name in ("step", "accuracy", "dev_accuracy"):
            assert line[name] == other[name]
        for name in ("loss", "mean_square"):
            assert_close_to_scale(line[name], other[name], tolerance)
        for name in ("alphas", "gradients"):
            assert_close_to_scale(list(line[name].values()), other[name], tolerance)


def test_the_loss_is_clipped():
    p = np.array([[0.5, 0.5], [1.0, 0.0]], np.float32)
    for eps in (1e-7, 1e-11):
        expected = -np.log([0.5, eps]).mean()
        assert_close_to_scale(log_loss(p, np.array([0, 1]), eps), expected, 2 * ulp(np.float64))
    assert log_loss(p[1:], np.array([0]), 1e-7) == -np.log(1 - 1e-7)


# ---- what a run shows --------------------------------------------------------------------------


def test_a_quick_run(tmp_path, capsys):
    assert cli.main([*RUN, "--hidden", "20x6", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    results = read_results(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("results.json", "model.npz", "curves.png", "alpha_shared.png", "alpha_channel.png"),
        *("shared_quick.ckpt", "channel_quick.ckpt"),
    }
    for figure in tmp_path.glob("*.png"):
        with Image.open(figure) as image:
            assert len(image.convert("RGB").getcolors(1 << 20)) > 10
    for kind, lines in results["logs"].items():
        assert [line["step"] for line in lines] == list(range(8))
        assert (np.diff([line["loss"] for line in lines]) < 0).all()
        assert all(len(line["alphas"]) == (6 if kind == "shared" else 0) for line in lines)
        text = "\n".join(document_lines(line) for line in lines)
        assert f"\n{kind} alpha\n{text}\n" in printed
    fell = r"^Lines at which the loss fell +7 of 7 +7 of 7$"
    assert re.search(fell, printed, re.MULTILINE)
    assert "shared at 1e-07, channel at 1e-11. With --quick:" in printed
    assert results["accuracies"]["channel"] == results["test_accuracy"]
    model = pn.load(tmp_path / "model.npz")
    assert model.parameters()["hidden_6.alpha"].shape == (20,)
    assert model.steps_trained == 8


def document_lines(line):
    """Return a line of the log as the document prints it."""
    texts = [f"step: {line['step']},  loss: {line['loss']:.6f}"]
    texts += [f"{line[name]:.6g}" for name in LINE[2:5]]
    pairs = zip(line["alphas"].values(), line["gradients"].values(), strict=True)
    return "\n".join([*texts, *(f"{alpha:.6g} {gradient:.6g}" for alpha, gradient in pairs)])


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        (["--epochs", "1"], [0]),
        (["--epochs", "65"], list(range(0, 65, 2))),
        (["--epochs", "30", "--every", "12"], [0, 12, 24]),
    ],
)
def test_lines_come_after_each_so_many_steps(given, steps, tmp_path):
    options = ["--kinds", "channel", "--quiet", "--out", str(tmp_path)]
    assert cli.main([*RUN, "--hidden", "3", *given, *options]) == 0
    (lines,) = read_results(tmp_path)["logs"].values()
    assert [line["step"] for line in lines] == steps
    assert all(set(line) == set(LINE) for line in lines)


def test_nothing_is_kept_without_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main([*SMALL, "--quiet", "--epochs", "1", "--kinds", "shared"]) == 0
    assert not os.listdir()
    assert capsys.readouterr().out.startswith("\nFrom the log's first line to its last")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--hidden", "none"], "hidden must name the units of at least one layer, got none"),
        (["--kinds", "both"], "kinds must be names among shared, channel, got 'both'"),
    ],
)
def test_options_that_are_refused(given, message, capsys):
    assert cli.main([*RUN, *given]) == 2
    assert f"prelu_mlp: {message}" in capsys.readouterr().err


# ---- runs that are cut off ---------------------------------------------------------------------


@pytest.fixture
def _without_figures(monkeypatch):
    """Draw none, which takes longer than the training."""
    monkeypatch.setattr(Report, "figure", lambda *_: None)


def train(out, *given):
    """Run small networks, 30 steps of each; return the exit code."""
    return cli.main([*SMALL, "--epochs", "30", "--every", "7", "--out", str(out), *given])


def assert_same_results(folder, other):
    """Assert that two runs have come to the same, bit for bit."""
    one, two = read_results(folder), read_results(other)
    for name in ("logs", "accuracies", "tables"):
        assert one[name] == two[name]
    models = [pn.load(path / "model.npz").parameters() for path in (folder, other)]
    for name, values in models[0].items():
        assert_same_bits(models[1][name], values, name)


@pytest.mark.usefixtures("_without_figures")
def test_killed_at_random_moments_and_started_again(tmp_path, rng, capsys):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(tmp_path / "warm", "--quiet")  # reads the data, imports what draws
    capsys.readouterr()
    began = time.perf_counter()
    assert train(whole) == 0
    seconds = time.perf_counter() - began
    expected = capsys.readouterr().out
    kept, killed = [], 0
    for _ in range(5):
        pid = start_fork(lambda: train(cut, "--quiet"))
        time.sleep(rng.uniform(0.2, 0.6) * seconds)
        os.kill(pid, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        kept.append(sorted(path.name for path in cut.glob("*.ckpt")))
    assert killed > 0
    assert kept[-1]  # there was something to go on from
    assert train(cut) == 0
    assert_same_results(whole, cut)
    # The whole log is printed, the lines of steps before the cut too, and that there was one.
    printed = capsys.readouterr().out.replace(str(cut), str(whole))
    said = r"resuming after (\d+) steps of an earlier run, with these lines:\n"
    steps = [int(count) for count in re.findall(said, printed)]
    assert steps
    assert max(steps) == max(read_results(cut)["kept_steps"].values())
    assert re.sub(said, "", printed) == expected


@pytest.mark.usefixtures("_without_figures")
def test_more_steps_go_on_and_restart_does_not(tmp_path, capsys):
    assert train(tmp_path / "whole", "--quiet") == 0
    assert train(tmp_path / "more", "--quiet", "--epochs", "10") == 0
    assert train(tmp_path / "more", "--quiet") == 0
    assert_same_results(tmp_path / "whole", tmp_path / "more")
    assert read_results(tmp_path / "more")["kept_steps"] == {"shared": 10, "channel": 10}
    capsys.readouterr()
    assert train(tmp_path / "more", "--quiet", "--every", "5") == 2
    assert "every must be 7, as in the run in --out, got 5" in capsys.readouterr().err
    assert train(tmp_path / "more", "--quiet", "--epochs", "29") == 2
    assert "epochs must be at least the 30 of the run in --out, got 29" in capsys.readouterr().err
    assert train(tmp_path / "more", "--quiet", "--seed", "1") == 2
    assert "shared_quick.ckpt is of another run: seed was 0, is 1." in capsys.readouterr().err
    assert train(tmp_path / "more", "--quiet", "--seed", "1", "--restart") == 0
    assert train(tmp_path / "other", "--quiet", "--seed", "1") == 0
    assert_same_results(tmp_path / "other", tmp_path / "more")


@pytest.mark.usefixtures("_without_figures")
def test_a_run_that_goes_on_keeps_its_spacing(tmp_path):
    options = [*RUN, "--hidden", "3", "--kinds", "channel", "--quiet", "--out", str(tmp_path)]
    for epochs in ("60", "150"):  # by themselves they have lines after each 2 and each 5 steps
        assert cli.main([*options, "--epochs", epochs]) == 0
    (lines,) = read_results(tmp_path)["logs"].values()
    assert [line["step"] for line in lines] == list(range(0, 150, 2))


def test_a_channel_of_one_unit_is_not_shared(tmp_path):
    options = ["--hidden", "5,1", "--kinds", "channel", "--epochs", "2", "--quiet"]
    assert cli.main([*RUN, *options, "--out", str(tmp_path)]) == 0
    (lines,) = read_results(tmp_path)["logs"].values()
    assert all(line["alphas"] == line["gradients"] == {} for line in lines)
