"""``prelunet reproduce``: the experiments, in their quick versions."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from PIL import Image

import prelunet as pn
from cli_runs import read_results
from prelunet import cli, recipes
from prelunet.recipes.report import Report

MOST_LINES = 150  # of a recipe: it is read in class


@pytest.mark.parametrize("name", recipes.NAMES)
def test_a_recipe_reads_like_a_lesson(name):
    module = importlib.import_module(f"prelunet.recipes.{name}")
    assert len(Path(module.__file__).read_text().splitlines()) <= MOST_LINES
    assert len(module.__doc__.splitlines()) > 5


@pytest.mark.parametrize("steps", [20, pytest.param(80, marks=pytest.mark.slow)])
def test_mnist_cnn_trains_prints_and_draws(steps, tmp_path, capsys):
    out = tmp_path / "cnn"
    board = tmp_path / "board"
    arguments = ["reproduce", "mnist_cnn", "--quick", "--runs", "relu_adam,prelu_adam"]
    if steps != 80:  # the default of --quick
        arguments += ["--steps", str(steps)]
    assert cli.main([*arguments, "--out", str(out), "--tensorboard", str(board)]) == 0
    printed = capsys.readouterr().out
    written = read_results(out)
    assert list(written["runs"]) == ["relu_adam", "prelu_adam"]
    for run in written["runs"].values():
        # 80 steps take it from chance, 0.1, to well above it.
        assert run["test_accuracy"] > (0.5 if steps == 80 else 0.0)
        assert run["accuracy"][0] == list(range(10, steps + 1, 10))
        assert f"{run['title']:<11}  {run['test_accuracy']:>13.4f}" in printed
    assert written["test_accuracy"] == written["runs"]["relu_adam"]["test_accuracy"]
    assert written["runs"]["relu_adam"]["document"] == "0.9889"
    assert f"step {steps}, training accuracy" in printed
    assert {path.name for path in out.iterdir()} == {
        *("results.json", "model.npz", "runs.png", "misclassified.png"),
        *("filters_relu_adam.png", "filters_prelu_adam.png"),
    }
    for figure in out.glob("*.png"):
        with Image.open(figure) as image:
            assert len(image.convert("RGB").getcolors(1 << 20)) > 10
    assert {path.name for path in board.iterdir()} == {"relu_adam", "prelu_adam"}
    model = pn.load(out / "model.npz")
    assert model.parameters()["1.weight"].shape == (32, 5, 5, 1)


def test_the_same_seed_gives_the_same_results(tmp_path, monkeypatch):
    monkeypatch.setattr(Report, "figure", lambda *_: None)
    arguments = ["reproduce", "mnist_cnn", "--quick", "--quiet", "--steps", "4"]
    arguments += ["--runs", "tanh_sgd_xavier"]
    runs = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert cli.main([*arguments, "--seed", str(seed), "--out", str(tmp_path / name)]) == 0
        runs.append(read_results(tmp_path / name)["runs"]["tanh_sgd_xavier"]["loss"])
    assert runs[0] == runs[1] != runs[2]


def listen_to_recipes(monkeypatch):
    """Let no recipe train; return a mapping that gets the options of those asked to."""
    seen = {}

    def listen_to(name):
        def run(options):
            seen[name] = options
            return {"test_accuracy": 1.0}

        monkeypatch.setattr(f"prelunet.recipes.{name}.run", run)

    for name in recipes.NAMES:
        listen_to(name)
    return seen


def test_all_runs_every_recipe(tmp_path, monkeypatch, capsys):
    """Each with its own options' defaults; what a recipe does is not of interest here."""
    seen = listen_to_recipes(monkeypatch)
    assert cli.main(["reproduce", "all", "--quick", "--out", str(tmp_path)]) == 0
    assert tuple(seen) == recipes.NAMES
    printed = capsys.readouterr().out
    for number, (name, options) in enumerate(seen.items(), start=1):
        assert (options.out, options.quick) == (tmp_path / name, True)
        assert read_results(tmp_path / name)["test_accuracy"] == 1.0
        assert f"==== {name} ({number} of {len(recipes.NAMES)}, 0:00:0" in printed
    assert f"wrote      {tmp_path / 'report.html'}\n" in printed
    assert seen["mnist_cnn"].dropout == 0.5


def test_all_goes_on_after_any_error_and_fails_in_the_end(monkeypatch, capsys):
    seen = listen_to_recipes(monkeypatch)
    first = recipes.NAMES[0]

    def break_off(options):
        raise RuntimeError("no error that a user is told of otherwise")

    monkeypatch.setattr(f"prelunet.recipes.{first}.run", break_off)
    assert cli.main(["reproduce", "all", "--quick"]) == 2
    assert tuple(seen) == recipes.NAMES[1:]
    printed = capsys.readouterr()
    assert f"error: {first}: no error that a user is told of otherwise\n" in printed.err
    assert f"error: reproduce all: {first} failed: see above\n" in printed.err
    assert "report.html" not in printed.out


def test_the_page_is_there_after_each_recipe(tmp_path, monkeypatch):
    listen_to_recipes(monkeypatch)
    first, second, *_ = recipes.NAMES

    def interrupt(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"prelunet.recipes.{second}.run", interrupt)
    assert cli.main(["reproduce", "all", "--quick", "--out", str(tmp_path)]) == 130
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"1 of {len(recipes.NAMES)} experiments in 0:00:0" in text
    assert f'<section id="{first}">' in text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], {"mnist_cnn": 0, "raschka_mlp": 123}),
        (["--seed", "0"], {"mnist_cnn": 0, "raschka_mlp": 0}),
        (["--seed", "7"], {"mnist_cnn": 7, "raschka_mlp": 7}),
    ],
)
def test_a_recipe_may_have_a_seed_of_its_own(given, expected, monkeypatch):
    seen = listen_to_recipes(monkeypatch)
    assert cli.main(["reproduce", "all", "--quick", *given]) == 0
    assert {name: seen[name].seed for name in expected} == expected
    seen.clear()
    for name in expected:
        assert cli.main(["reproduce", name, "--quick", *given]) == 0
    assert {name: options.seed for name, options in seen.items()} == expected


def test_an_unknown_run_is_refused(capsys):
    assert cli.main(["reproduce", "mnist_cnn", "--quick", "--runs", "relu"]) == 2
    message = capsys.readouterr().err
    assert "mnist_cnn: runs must be names among relu_adam, " in message
    assert "got 'relu'" in message
