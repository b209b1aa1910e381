"""Small networks on moons and circles: what they learn, print, and where they change their mind."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import make_circles, make_moons

import prelunet as pn
from cli_runs import read_results
from prelunet import cli, data
from prelunet.recipes.boundary_grid import CURVE, Trained, draw_grid
from tolerances import elementary_roundings, sum_tolerance

RUN = ["reproduce", "two_moons"]
ONE = [*RUN, "--data", "moons", "--hidden", "5", "--layers", "none", "--activation", "tanh"]


def losses_of(printed):
    return {
        int(step): float(loss)
        for step, loss in re.findall(r"^Loss after iteration (\d+): (\S+)$", printed, re.MULTILINE)
    }


# ---- the same in NumPy -------------------------------------------------------------------------

HIDDEN = {
    "tanh": (np.tanh, lambda a: 1 - a**2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "relu": (lambda z: np.maximum(0, z), lambda a: np.where(a > 0, 1, 0)),
}


def numpy_losses(x, y, *, activation, units, passes, rate, l2):
    """Return the loss before the first pass and after the last, by the recipe's equations."""
    f, derivative = HIDDEN[activation]
    start = pn.Sequential([pn.Dense(units), pn.Dense(2)], input_shape=(2,), seed=0).parameters()
    w1, b1, w2, b2 = (np.float64(values).T for values in start.values())
    n, losses = len(x), []
    for each in range(passes + 1):
        a1 = f(x @ w1 + b1)
        scores = np.exp(a1 @ w2 + b2)
        p = scores / scores.sum(axis=1, keepdims=True)
        if each in (0, passes):
            penalty = l2 / 2 * (np.sum(w1**2) + np.sum(w2**2))
            losses.append(-np.mean(np.log(p[range(n), y])) + penalty)
        delta2 = (p - np.eye(2)[y]) / n
        delta1 = delta2 @ w2.T * derivative(a1)
        w2 = w2 - rate * (a1.T @ delta2 + l2 * w2)
        b2 = b2 - rate * delta2.sum(axis=0)
        w1 = w1 - rate * (x.T @ delta1 + l2 * w1)
        b1 = b1 - rate * delta1.sum(axis=0)
    return losses


@pytest.mark.parametrize("activation", HIDDEN)
def test_losses_are_those_of_numpy(activation, capsys):
    given = ["--passes", "40", "--learning-rate", "0.5", "--l2", "0.02", "--activation", activation]
    assert cli.main([*ONE, *given]) == 0
    printed = losses_of(capsys.readouterr().out)
    x, y = make_moons(200, noise=0.2, random_state=0)
    expected = numpy_losses(x, y, activation=activation, units=5, passes=40, rate=0.5, l2=0.02)
    assert list(printed) == [0, 40]
    # A pass rounds each parameter once, after a chain over 200 rows.
    roundings = 40 * (200 + 5 + 2 * elementary_roundings(np.float32))
    tolerance = sum_tolerance(roundings, np.float32) + 10.0**-6 / 2  # six digits are printed
    np.testing.assert_allclose(list(printed.values()), expected, rtol=0, atol=tolerance)
    assert expected[0] - expected[1] > 100 * tolerance


def test_a_line_is_printed_every_1000_passes(capsys):
    assert cli.main([*ONE, "--passes", "2500"]) == 0
    printed = capsys.readouterr().out
    losses = losses_of(printed)
    assert list(losses) == [0, 1000, 2000, 2500]
    assert sorted(losses.values(), reverse=True) == list(losses.values())
    assert printed.startswith("moons, 2-5-2, tanh\nLoss after iteration 0: ")


# ---- what a run shows --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory):
    """Return the folder of a quick run."""
    out = tmp_path_factory.mktemp("moons")
    assert cli.main([*RUN, "--quick", "--quiet", "--out", str(out)]) == 0
    return out


def test_a_run_leaves_figures_and_results(quick_run):
    names = {"results.json", "model.npz", "moons.png", "circles.png"}
    assert {path.name for path in quick_run.iterdir()} == names
    for figure in quick_run.glob("*.png"):
        with Image.open(figure) as image:
            assert len(image.convert("RGB").getcolors(1 << 20)) > 100
    results = read_results(quick_run)
    activations = ["tanh", "sigmoid", "relu", "prelu"]
    for name, table in zip(("Moons", "Circles"), results["tables"], strict=True):
        assert table["title"] == (
            f"{name} after 2,000 passes: accuracy of 200 points in training, of 1,000 held out"
        )
        assert table["header"] == ["network", *activations]
        assert [row[0] for row in table["rows"]] == ["2-5-2", "2-20-2", "2-5-5-5-2"]
    cells = [cell for table in results["tables"] for row in table["rows"] for cell in row[1:]]
    networks = results["networks"]
    assert cells == [f"{one['accuracy']:.1%}, {one['test_accuracy']:.1%}" for one in networks]
    assert [one["activation"] for one in networks] == 6 * activations
    assert [one["data"] for one in networks] == 12 * ["moons"] + 12 * ["circles"]
    for one in networks:
        passes, losses = one["loss"]
        assert passes == list(range(0, 2000, 20))
        assert losses[-1] < losses[0]


def test_the_network_kept_is_the_best_in_training(quick_run):
    results, model = read_results(quick_run), pn.load(quick_run / "model.npz")
    best = max(results["networks"], key=lambda one: one["accuracy"])
    assert results["test_accuracy"] == best["test_accuracy"] > 0.8
    draw = {"moons": data.moons, "circles": lambda **given: data.circles(factor=0.5, **given)}
    points = draw[best["data"]](rows=200, noise=0.2, seed=0)
    held_out = draw[best["data"]](rows=1000, noise=0.2, seed=1)
    assert model.evaluate(points.x_train, points.y_train)["accuracy"] == best["accuracy"]
    assert model.evaluate(held_out.x_train, held_out.y_train)["accuracy"] == best["test_accuracy"]


def test_circles_are_scikit_learns(capsys):
    x, y = make_circles(300, noise=0.1, factor=0.25, random_state=3)
    points = ["--rows", "300", "--noise", "0.1", "--factor", "0.25", "--seed", "3"]
    given = ["--data", "circles", "--passes", "1", "--l2", "0", *points]
    assert cli.main([*ONE, *given]) == 0
    model = pn.Sequential([pn.Dense(5, "tanh"), pn.Dense(2)], input_shape=(2,), seed=3)
    model.compile()
    assert losses_of(capsys.readouterr().out)[0] == float(f"{model.evaluate(x, y)['loss']:f}")


def test_units_and_layers_say_which_networks(capsys):
    given = ["--quiet", "--passes", "1", "--data", "moons", "--activation", "elu, relu"]
    assert cli.main([*RUN, *given, "--hidden", "2,7", "--layers", "4x2,3"]) == 0
    title, header, *rows = capsys.readouterr().out.splitlines()[1:]
    assert title.startswith("Moons after 1 passes")
    assert header.split() == ["network", "elu", "relu"]
    assert [row.split()[0] for row in rows] == ["2-2-2", "2-7-2", "2-4-4-3-2"]


def test_without_options_there_are_five_widths_and_a_deep_one(capsys):
    assert cli.main([*RUN, "--quiet", "--passes", "1", "--data", "circles"]) == 0
    rows = capsys.readouterr().out.splitlines()[3:]
    expected = ["2-3-2", "2-5-2", "2-6-2", "2-10-2", "2-20-2", "2-5-5-5-2"]
    assert [row.split()[0] for row in rows] == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["--hidden", "none", "--layers", "none"],
            "two_moons: --hidden, --layers and --activation",
        ),
        (["--activation", ","], "must name a network"),
        (["--activation", "tanh,swish"], "Dense: activation must be"),
        (["--noise", "-1"], "moons: noise must be a finite number >= 0, got -1.0"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_training(given, message, capsys):
    assert cli.main([*RUN, *given]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert not losses_of(printed.out)


# ---- the sheet ---------------------------------------------------------------------------------


def trained(network, activation, losses):
    model = pn.Sequential([pn.Dense(4, activation), pn.Dense(2)], input_shape=(2,), seed=0)
    model.compile()
    return Trained("moons", network, activation, model, losses, 0.5, 0.25)


def test_a_sheet_has_a_row_for_each_network_and_names_everything():
    points = data.moons(rows=20)
    every = [
        trained(network, activation, [1.0, 0.5])
        for network in ("2-4-2", "2-4-4-2")
        for activation in ("tanh", "relu")
    ]
    figure = draw_grid("Moons", points, every)
    assert figure.get_suptitle().startswith("Moons\nshading: ")
    axes = np.reshape(figure.axes, (2, 3))
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["2-4-2", "2-4-4-2"]
    titles = ["tanh: 50.0%, 25.0%", "relu: 50.0%, 25.0%", "cross-entropy (nats) by pass"]
    assert [[ax.get_title() for ax in row] for row in axes] == [titles, titles]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("class upper", "class lower", "loss, tanh", "loss, relu")
    ]
    for ax in axes[:, 2]:
        for line in ax.get_lines():
            assert list(line.get_ydata()) == [1.0, 0.5]


def test_a_network_that_diverged_is_drawn_and_hides_no_other():
    diverged = trained("2-4-2", "relu", [0.75, 1e30, np.inf, np.nan])
    weight = np.full((4, 2), np.nan)
    diverged.model.set_parameters({"0.weight": weight})
    figure = draw_grid("Moons", data.moons(rows=20), [trained("2-4-2", "tanh", [1.0]), diverged])
    assert figure.axes[-1].get_ylim() == (0, 1.2)
    figure.draw_without_rendering()


def test_a_curve_keeps_100_losses_at_most():
    losses = list(np.linspace(1.0, 0.0, 20_001))
    passes, kept = trained("2-4-2", "tanh", losses).curve
    assert len(kept) <= CURVE
    assert passes[:2] == [0, 201]
    assert kept == losses[::201]
