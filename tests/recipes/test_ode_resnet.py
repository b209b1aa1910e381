"""A residual network as a flow: the notebook's equations, and what a run shows."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import prelunet as pn
from cli_runs import read_results
from network_models import roundings
from prelunet import cli, data
from prelunet.recipes import ode_resnet, two_classes
from prelunet.recipes.ode_figures import draw_costs
from tolerances import assert_close_to_scale, assert_same_bits, assert_within, sum_tolerance

RUN = ["reproduce", "ode_resnet", "--threads", "1"]  # the bits are those of more
QUICK = [*RUN, "--quick", "--quiet"]
ITERATIONS = 6


def options_of(*given):
    """Return the recipe's options, as the command line gives them."""
    parser = argparse.ArgumentParser()
    ode_resnet.add_options(parser)
    parser.set_defaults(seed=0, quick=True, quiet=True, data_dir=None, out=None)
    return parser.parse_args(given)


# ---- the notebook in NumPy ---------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_derivative(x):
    return 1 / np.square(np.exp(x / 2) + np.exp(-x / 2))


FUNCTIONS = {
    "sigmoid": (sigmoid, sigmoid_derivative),
    "tanh": (np.tanh, lambda x: 4 / np.square(np.exp(x) + np.exp(-x))),
    "relu": (lambda x: np.maximum(0, x), lambda x: np.heaviside(x, 0)),
    "leaky_relu": (
        lambda x: np.maximum(0.1 * x, x),
        lambda x: 0.1 + np.heaviside(x, 0) * (1 - 0.1),
    ),
}


def forward(U, Y, h, sigma):
    """Return all states, a column for each image."""
    states = [Y]
    for W, b in zip(U["W"], U["b"], strict=True):
        states.append(states[-1] + h * sigma(W @ states[-1] + b))
    return states


def gradients(U, states, c, h, derivative):
    """Return the cost and the notebook's gradients, by its P."""
    output = states[-1].T @ U["omega"] + U["mu"]
    error = sigmoid(output) - c
    through = error * sigmoid_derivative(output)
    P, grad_W, grad_b = np.outer(U["omega"], through), [], []
    for W, b, Y in reversed(list(zip(U["W"], U["b"], states, strict=False))):
        weighted = derivative(W @ Y + b) * P
        grad_W.insert(0, h * weighted @ Y.T)
        grad_b.insert(0, h * weighted.sum(axis=1, keepdims=True))
        P = P + h * W.T @ weighted
    gradient = {"W": np.array(grad_W), "b": np.array(grad_b)}
    gradient |= {"omega": states[-1] @ through, "mu": through.sum()}
    return (error**2).sum() / 2, gradient


def plain_vanilla(U, gradient, tau, memory):
    return {name: U[name] - tau * gradient[name] for name in U}


def adam(U, gradient, tau, memory):
    j = memory["j"] = memory.get("j", 0) + 1
    moved = {}
    for name, g in gradient.items():
        m, v = memory.get(name, (0, 0))
        m, v = 0.9 * m + (1 - 0.9) * g, 0.999 * v + (1 - 0.999) * g * g
        memory[name] = m, v
        m_hat, v_hat = m / (1 - 0.9**j), v / (1 - 0.999**j)
        moved[name] = U[name] - tau * m_hat / (np.sqrt(v_hat) + 1e-8)
    return moved


def parameters_of(model, layers):
    values = model.parameters()
    places = range(1, layers + 1)  # after the layer that makes the states
    return {
        "W": np.array([values[f"{k}.0.weight"] for k in places]),
        "b": np.array([values[f"{k}.0.bias"][:, np.newaxis] for k in places]),
        "omega": values[f"{layers + 1}.weight"][0].copy(),
        "mu": values[f"{layers + 1}.bias"][0],
    }


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("optimizer", ["descent", "adam"])
def test_training_is_the_notebooks(optimizer, activation):
    given = ["--data", "spirals", "--rows", "60", "--iterations", str(ITERATIONS)]
    given += ["--layers", "7", "--step", "0.2", "--learning-rate", "0.02", "--stddev", "0.8"]
    options = options_of(*given)
    (task,) = two_classes.tasks(options)
    sigma, derivative = FUNCTIONS[activation]
    (x, c), (x_valid, c_valid) = task.parts["training"], task.parts["validation"]
    U = parameters_of(ode_resnet.network(task, activation, options), 7)
    update, memory = {"descent": plain_vanilla, "adam": adam}[optimizer], {}
    costs, validation_costs = [], []
    for _ in range(ITERATIONS):
        states = forward(U, np.vstack([x.T, np.zeros(len(x))]), 0.2, sigma)
        cost, gradient = gradients(U, states, c, 0.2, derivative)
        U = update(U, gradient, 0.02, memory)
        held_out = forward(U, np.vstack([x_valid.T, np.zeros(len(x_valid))]), 0.2, sigma)[-1]
        errors = sigmoid(held_out.T @ U["omega"] + U["mu"]) - c_valid
        costs.append(cost / len(x))
        validation_costs.append((errors**2).sum() / 2 / len(x_valid))

    results, model = ode_resnet.train(task, optimizer, activation, options)
    tolerance = sum_tolerance(ITERATIONS * roundings(model, len(x)), np.float64)
    for name, values in parameters_of(model, 7).items():
        assert_close_to_scale(values, U[name], tolerance, name)
    assert_close_to_scale(results["training_costs"], costs, tolerance)
    assert_close_to_scale(results["validation_costs"], validation_costs, tolerance)
    assert results["cost"]["validation"] == results["validation_costs"][-1]


def test_all_parameters_start_from_one_normal_distribution():
    def start(stddev):
        given = ["--data", "spirals", "--width", "12", "--stddev", stddev]
        options = options_of(*given)
        (task,) = two_classes.tasks(options)
        return parameters_of(ode_resnet.network(task, "tanh", options), 20)

    values, halves = start("1"), start("0.5")
    for name, drawn in values.items():
        assert_same_bits(halves[name], drawn * 0.5, name)
    for name in ("W", "b"):
        error = 5 / np.sqrt(values[name].size)  # five standard errors
        assert abs(values[name].mean()) < error
        assert abs(values[name].std() - 1) < error


# ---- what a run shows --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory):
    """Return the folder of a quick run."""
    out = tmp_path_factory.mktemp("ode")
    assert cli.main([*QUICK, "--out", str(out)]) == 0
    return out


def test_a_run_leaves_figures_tables_and_results(quick_run):
    assert {path.name for path in quick_run.iterdir()} == {
        *("results.json", "model.npz", "cost_spirals.png", "boundaries_spirals.png"),
        *("cost_digits.png", "predicted.png", "misclassified.png"),
    }
    for figure in quick_run.glob("*.png"):
        with Image.open(figure) as image:
            assert len(image.convert("RGB").getcolors(1 << 20)) > 10
    results = read_results(quick_run)
    pairs = itertools.product(ode_resnet.OPTIMIZERS, ode_resnet.ACTIVATIONS)
    names = [f"{optimizer}_{activation}" for optimizer, activation in pairs]
    for task, iterations, table in (
        ("spirals", 500, results["tables"][0]),
        ("digits", 80, results["tables"][2]),
    ):
        runs = results[task]["runs"]
        assert list(runs) == names
        for run, row in zip(runs.values(), table["rows"], strict=True):
            assert len(run["training_costs"]) == len(run["validation_costs"]) == iterations
            assert row[0] == f"{run['optimizer']}, {run['activation']}"
            assert row[4:7] == [f"{run['accuracy'][part]:.2%}" for part in run["accuracy"]]


def test_adam_tells_both_apart_where_descent_may_not(quick_run):
    results = read_results(quick_run)
    for task in ("spirals", "digits"):
        runs = results[task]["runs"]
        for activation in ode_resnet.ACTIVATIONS:
            reached, slow = runs[f"adam_{activation}"], runs[f"descent_{activation}"]
            assert reached["accuracy"]["test"] > 0.9
            assert reached["cost"]["training"] < slow["cost"]["training"]
    stuck, moving = (results["digits"]["runs"][f"descent_{name}"] for name in ("relu", "tanh"))
    assert stuck["first_slope"] < 1e-6 < 0.1 < moving["first_slope"] <= 0.25
    assert stuck["accuracy"]["test"] < 0.6 < 0.9 < moving["accuracy"]["test"]


def test_the_model_kept_predicts_the_integers_shown(quick_run):
    results, model = read_results(quick_run), pn.load(quick_run / "model.npz")
    task = two_classes.tasks(options_of("--data", "digits"))[0]
    x, y = task.parts["test"]
    outputs = model.predict(x)[:, 0]
    assert np.mean(np.round(outputs) == y) == results["test_accuracy"]
    best = results["digits"]["best"]
    costs = {name: run["cost"]["validation"] for name, run in results["digits"]["runs"].items()}
    assert costs[best] == min(costs.values())
    assert results["digits"]["loaded_is_the_same"] is True
    table = results["tables"][3]
    assert table["rows"] == [
        [str(row), str(y[row]), f"{outputs[row]:.0f}", f"{outputs[row]:.4f}"] for row in range(10)
    ]
    assert table["remark"].startswith("0 stands for 1, 1 for 7. The model saved and loaded again ")
    assert "gives the same outputs for all " in table["remark"]


def test_one_task_some_runs_and_no_folder(capsys):
    given = ["--data", "spirals", "--activations", "relu", "--optimizers", "adam,descent"]
    assert cli.main([*RUN, "--quick", *given, "--iterations", "3", "--layers", "2"]) == 0
    printed = capsys.readouterr().out
    lines = [line.split("  ")[0] for line in printed.splitlines()]
    log = [f"Two spirals, states of 3 numbers: {name}, relu" for name in ("descent", "adam")]
    assert lines[:2] == log
    assert lines[5:7] == ["gradient descent, ReLU", "Adam, ReLU"]
    assert "MNIST" not in printed


def test_panels_are_one_for_each_activation():
    def run_of(optimizer, activation, costs):
        other = {"training_costs": costs, "validation_costs": costs[::-1]}
        return {"optimizer": optimizer, "activation": activation, **other}

    runs = [run_of(o, a, [0.1, 0.2, 0.3]) for o in ("slow", "fast") for a in ("f", "g", "h")]
    figure = draw_costs(runs)
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title() for ax in shown] == ["f", "g", "h"]
    assert [ax.get_yscale() for ax in shown] == ["log"] * 3
    assert [ax.get_xlabel() for ax in shown] == ["", "iteration", "iteration"]
    lines = shown[1].get_lines()
    labels = ["slow, training", "slow, validation", "fast, training", "fast, validation"]
    assert [line.get_label() for line in lines] == labels
    assert [line.get_linestyle() for line in lines] == ["-", "--"] * 2
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    assert list(lines[3].get_ydata()) == [0.3, 0.2, 0.1]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == labels
    alone = draw_costs([run_of("slow", "f", [0.1])])
    assert [line.get_marker() for line in alone.axes[0].get_lines()] == ["o", "o"]


# ---- full MNIST --------------------------------------------------------------------------------


def accuracies(tmp_path, *given):
    if not Path(data.where("mnist")).is_dir():
        pytest.skip("MNIST is not on this machine: set PRELUNET_DATA")
    run = [*RUN, "--quiet", "--data", "digits", "--optimizers", "adam", *given]
    assert cli.main([*run, "--out", str(tmp_path)]) == 0
    runs = read_results(tmp_path)["digits"]["runs"]
    return {name: run["accuracy"]["test"] for name, run in runs.items()}


def test_adam_passes_95_percent_of_digits_held_out(tmp_path):
    (accuracy,) = accuracies(tmp_path, "--activations", "tanh").values()
    assert accuracy > 0.95


@pytest.mark.slow
def test_adam_passes_95_percent_with_every_activation(tmp_path):
    assert min(accuracies(tmp_path).values()) > 0.95
    hard = ["--digits", "3,8", "--pixels", "7"]
    assert accuracies(tmp_path, *hard, "--activations", "tanh")["adam_tanh"] > 0.95
    assert min(accuracies(tmp_path, *hard, "--stddev", "0.3").values()) > 0.95


# ---- the data ----------------------------------------------------------------------------------


def test_spirals_turn_once_around_each_other():
    points, labels = two_classes.draw_spirals(2000, seed=1)
    assert np.bincount(labels).tolist() == [1000, 1000]
    radius = np.hypot(*points.T)
    ends = 5 * two_classes.NOISE
    assert radius.max() < 1 + ends
    angle = 2 * np.pi * radius + np.pi * labels
    arm = radius[:, np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert np.hypot(*(points - arm).T).max() < ends * (1 + 2 * np.pi)  # a turn for a radius of 1
    assert (points != two_classes.draw_spirals(2000, seed=2)[0]).all()


@pytest.mark.parametrize("pixels", [4, 7, 14, 28])
def test_digits_states_are_averages_over_squares(pixels, rng):
    images = rng.integers(256, size=(3, 28, 28)).astype(np.uint8)
    states = images.reshape(3, 784) @ two_classes.averaging(pixels).T
    side = 28 // pixels
    squares = images.reshape(3, pixels, side, pixels, side) / 255
    expected = squares.mean(axis=(2, 4)).reshape(3, -1)
    assert_within(states, expected, sum_tolerance(784, np.float64))


def test_states_of_points_end_in_zeros():
    (task,) = two_classes.tasks(options_of("--data", "spirals", "--width", "5"))
    assert task.embedding.tolist() == np.eye(5)[:, :2].tolist()


def test_parts_are_rows_of_the_two_digits():
    options = options_of("--data", "digits", "--digits", "8, 3", "--rows", "100")
    (task,) = two_classes.tasks(options)
    assert task.class_names == ("8", "3")
    assert [len(y) for _, y in task.parts.values()][:2] == [100, 50]
    whole = data.split(data.load("mnist-5k"), test_size=0.2, seed=0)
    labels = whole.y_train[np.isin(whole.y_train, (3, 8))]
    both = np.concatenate([task.parts[part][1] for part in ("training", "validation")])
    assert both.tolist() == (labels[:150] == 3).astype(int).tolist()
    x, y = task.parts["test"]
    assert len(y) == np.isin(whole.y_test, (3, 8)).sum()
    assert (x == whole.x_test[np.isin(whole.y_test, (3, 8))]).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--digits", "3"], "must be two digits, such as 3,8, got '3'"),
        (["--digits", "3,12"], "must be two digits, such as 3,8, got '3,12'"),
        (["--digits", "3,3"], "must be two digits that differ, got '3,3'"),
        (["--width", "1"], "ode_resnet: width must be at least 2 for points, got 1"),
        (["--rows", "1"], "rows must be from 2 to "),
        (["--data", "digits", "--rows", "9999"], "validate, got 9999"),
        (["--optimizers", "sgd"], "optimizers must be names among descent, adam, got 'sgd'"),
        (["--activations", "elu"], "ode_resnet: activations must be names among sigmoid, tanh, "),
    ],
)
def test_what_is_refused(given, message, capsys):
    try:
        code = cli.main([*QUICK, *given])
    except SystemExit as stop:  # argparse's way
        code = stop.code
    assert code == 2
    assert message in capsys.readouterr().err
