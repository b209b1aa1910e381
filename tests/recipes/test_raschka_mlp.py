"""The perceptron that lecture notes write in NumPy: their lines, digit for digit."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import train_test_split

import prelunet as pn
from cli_runs import read_results
from prelunet import cli, data

DOCUMENT = Path(__file__).with_name("raschka_mlp_relu.txt").read_text().splitlines()
RUN = ["reproduce", "raschka_mlp"]


@pytest.fixture(scope="module")
def digits():
    """Return the 5,000 digits of a quick run in its order, as x and y."""
    parts = data.split(data.load("mnist-5k"), test_size=0.2, seed=0)
    x = np.concatenate([parts.x_train, parts.x_test])
    return x, np.concatenate([parts.y_train, parts.y_test])


@pytest.fixture
def mnist():
    """Skip where MNIST is not."""
    if not Path(data.where("mnist")).is_dir():
        pytest.skip("MNIST is not on this machine: set PRELUNET_DATA")


def epoch_lines(text):
    return [line for line in text.splitlines() if line.startswith("Epoch")]


# ---- the document's lines ----------------------------------------------------------------------


@pytest.mark.usefixtures("mnist")
def test_the_first_lines_are_the_documents(capsys):
    assert cli.main([*RUN, "--epochs", "3"]) == 0
    expected = [line.replace("/040", "/003") for line in DOCUMENT[:3]]
    assert epoch_lines(capsys.readouterr().out) == expected


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_all_lines_are_the_documents(capsys):
    assert cli.main(RUN) == 0
    printed = capsys.readouterr().out
    assert len(DOCUMENT) == 40
    assert epoch_lines(printed) == DOCUMENT
    assert re.search(r"^test accuracy +96\.09% +96\.09%$", printed, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_the_sigmoid_from_scratch(capsys):
    """It ends where plain NumPy does; the document's model had been trained before."""
    assert cli.main([*RUN, "--activation", "sigmoid"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^test accuracy +94\.39% +94\.13%$", printed, re.MULTILINE)
    assert "The document's model had been trained before; from scratch: 94.13%." in printed


# ---- the same in NumPy, on few digits ----------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


HIDDEN = {
    "relu": (lambda z: np.maximum(0, z), lambda a: np.where(a > 0, 1, 0)),
    "sigmoid": (sigmoid, lambda a: a * (1 - a)),
}


def splits(x, y, seed):
    x, _, y, _ = train_test_split(x, y, test_size=len(x) // 7, random_state=seed, stratify=y)
    return train_test_split(x, y, test_size=len(x) // 12, random_state=seed, stratify=y)


def numpy_lines(x, y, *, activation, epochs, units=30, seed=123, batch=100):
    """Return what the document's program prints, a last, short batch of training used."""
    f, derivative = HIDDEN[activation]
    x, x_valid, y, y_valid = splits((x / 255.0 - 0.5) * 2, y, seed)
    draw = np.random.RandomState(seed)
    w_h, w_out = draw.normal(0, 0.1, (units, x.shape[1])), draw.normal(0, 0.1, (10, units))
    b_h, b_out = np.zeros(units), np.zeros(10)
    draw = np.random.RandomState(seed)

    def shuffled(count):
        indices = np.arange(count)
        draw.shuffle(indices)
        return [indices[start : start + batch] for start in range(0, count, batch)]

    def evaluate(x, y):
        shuffled(len(x))
        outputs = sigmoid(f(x @ w_h.T + b_h) @ w_out.T + b_out)
        return np.mean((np.eye(10)[y] - outputs) ** 2), np.mean(outputs.argmax(axis=1) == y)

    lines = []
    for epoch in range(1, epochs + 1):
        for rows in shuffled(len(x)):
            a_h = f(x[rows] @ w_h.T + b_h)
            a_out = sigmoid(a_h @ w_out.T + b_out)
            delta_out = 2 * (a_out - np.eye(10)[y[rows]]) / len(rows) * a_out * (1 - a_out)
            delta_h = delta_out @ w_out * derivative(a_h)
            w_out -= 0.1 * delta_out.T @ a_h
            b_out -= 0.1 * delta_out.sum(axis=0)
            w_h -= 0.1 * delta_h.T @ x[rows]
            b_h -= 0.1 * delta_h.sum(axis=0)
        (mse, accuracy), (_, valid) = evaluate(x, y), evaluate(x_valid, y_valid)
        lines.append(
            f"Epoch: {epoch:03d}/{epochs:03d} | Train MSE: {mse:.4f} | "
            f"Train Acc: {accuracy * 100:.2f}% | Valid Acc: {valid * 100:.2f}%"
        )
    return lines


@pytest.mark.parametrize("activation", HIDDEN)
def test_the_lines_are_those_of_numpy(activation, digits, capsys):
    given = ["--quick", "--activation", activation, "--epochs", "3", "--hidden", "30"]
    assert cli.main([*RUN, *given]) == 0
    expected = numpy_lines(*digits, activation=activation, epochs=3)
    assert len(expected) == 3
    assert epoch_lines(capsys.readouterr().out) == expected


# ---- what a run shows --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory):
    """Return the folder of a quick run."""
    out = tmp_path_factory.mktemp("raschka")
    assert cli.main([*RUN, "--quick", "--quiet", "--out", str(out)]) == 0
    return out


def test_a_run_leaves_figures_and_results(quick_run):
    assert {path.name for path in quick_run.iterdir()} == {
        *("results.json", "model.npz", "components.html", "history.png", "misclassified.png"),
        *("upside_down.png", "weights.png"),
    }
    for figure in quick_run.glob("*.png"):
        with Image.open(figure) as image:
            assert len(image.convert("RGB").getcolors(1 << 20)) > 10
    results = read_results(quick_run)
    assert results["test_accuracy"] > 0.8
    history = results["history"]
    assert {name: len(values) for name, values in history.items()} == dict.fromkeys(
        ["mean_squared_error", "accuracy", "val_mean_squared_error", "val_accuracy"], 5
    )
    (table,) = results["tables"]
    assert table["rows"] == [
        ["training MSE", "0.0048", f"{history['mean_squared_error'][-1]:.4f}"],
        ["training accuracy", "97.44%", f"{history['accuracy'][-1]:.2%}"],
        ["validation accuracy", "96.30%", f"{history['val_accuracy'][-1]:.2%}"],
        ["test accuracy", "96.09%", f"{results['test_accuracy']:.2%}"],
    ]


def test_digits_are_turned_by_half_a_turn(quick_run, digits):
    """The model kept with the results says the same of the digits turned here."""
    results, model = read_results(quick_run), pn.load(quick_run / "model.npz")
    _, x_test, _, y_test = train_test_split(
        *digits, test_size=714, random_state=123, stratify=digits[1]
    )
    assert np.mean(model.predict(x_test).argmax(axis=1) == y_test) == results["test_accuracy"]
    for digit in range(10):
        image = x_test[y_test == digit][0].reshape(28, 28)
        turned = np.rot90(np.rot90(image)).reshape(1, 784)
        assert model.predict(turned).argmax() == results["upside_down"][digit]


def test_another_activation_has_no_figures_of_the_document(capsys):
    given = ["--quick", "--quiet", "--activation", "prelu", "--epochs", "1", "--hidden", "8"]
    assert cli.main([*RUN, *given]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("\nHidden units prelu, after epoch 1\n")
    assert re.search(r"^test accuracy +- +\d\d\.\d\d%$", printed, re.MULTILINE)


def test_batches_and_rate_may_vary(capsys):
    lines = []
    for more in ([], ["--batch-size", "50"], ["--learning-rate", "0.2"], ["--seed", "1"]):
        assert cli.main([*RUN, "--quick", "--epochs", "1", "--hidden", "8", *more]) == 0
        lines += epoch_lines(capsys.readouterr().out)
    assert len(set(lines)) == 4


# ---- what may be missing -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("sklearn.model_selection", "data"),
        ("sklearn.decomposition", "plot"),
        ("plotly.graph_objects", "plot"),
    ],
)
def test_a_missing_package_is_named_before_training(module, extra, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    assert cli.main([*RUN, "--quick", "--out", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    package = module.partition(".")[0]
    assert f"needs the package {package!r}, which is not installed" in printed.err
    assert f"pip install 'prelunet[{extra}]'" in printed.err
    assert not epoch_lines(printed.out)
