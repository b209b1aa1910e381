"""LayerNorm in networks: gradients, blocks, and what optimizers do to gamma and beta."""

from __future__ import annotations

import pytest

import prelunet as pn
from gradient_checks import assert_agrees_with_the_oracle, assert_gradients_are_derivatives
from network_models import dense, inputs, labelled, names_that_decay, parameter_copies, targets
from tolerances import ORACLE_GRADIENT, assert_same_bits

NORMAL = pn.initializers.Normal(stddev=0.5)
BLOCK_ROWS = 256  # of the engine


def layer_norm(axes=-1, **options):
    """Return a LayerNorm whose gamma and beta are not the defaults."""
    return pn.LayerNorm(axes, gamma_init=NORMAL, beta_init=NORMAL, **options)


def network(shape=(7,), axes=-1, units=12, **options):
    """Return a compiled network with a LayerNorm at the bottom and one between Dense layers."""
    layers = [layer_norm(axes, **options), *([pn.Flatten()] if len(shape) > 1 else [])]
    layers += [dense(units), layer_norm(**options), pn.PReLU(), dense(5)]
    model = pn.Sequential(layers, input_shape=shape, dtype="float64", seed=3)
    model.compile(pn.SGD(0.1), "softmax_cross_entropy")
    return model


@pytest.mark.parametrize("rows", [1, 9, BLOCK_ROWS + 21])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        *(((7,), -1), ((1,), -1), ((70,), -1), ((4, 6), -1), ((4, 6), (-2, -1))),
        *(((3, 4, 5), -1), ((3, 4, 5), (-2, -1)), ((3, 4, 5), (-3, -2, -1)), ((2, 1, 1), -1)),
    ],
)
def test_gradients_agree_with_the_oracle(rng, shape, axes, rows):
    model = network(shape, axes)
    weights = rng.uniform(0.5, 1.5, rows)
    X, y = labelled(rng, rows, shape)
    assert_agrees_with_the_oracle(model, X, y, weights, tolerance=ORACLE_GRADIENT)


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("epsilon", [1e-3, 0.5])
def test_options(rng, center, scale, epsilon):
    model = network(center=center, scale=scale, epsilon=epsilon)
    expected = [name for name, is_there in (("gamma", scale), ("beta", center)) if is_there]
    own = [name.partition(".")[2] for name in model.parameters() if name.startswith("2.")]
    assert own == expected
    X, y = labelled(rng, 40, (7,))
    assert_agrees_with_the_oracle(model, X, y, None, tolerance=ORACLE_GRADIENT)


def test_inside_a_residual_and_at_the_end(rng):
    layers = [dense(6), pn.Residual([layer_norm(), dense(6, activation="tanh")], step=0.5)]
    layers += [pn.Residual([dense(6), layer_norm()]), layer_norm()]
    model = pn.Sequential(layers, input_shape=(7,), dtype="float64", seed=3)
    model.compile(loss="softmax_cross_entropy")
    X, y = inputs(rng, 300, (7,)), targets(rng, 300, 6)
    assert_agrees_with_the_oracle(model, X, y, None, tolerance=ORACLE_GRADIENT)


@pytest.mark.parametrize(("shape", "axes"), [((4,), -1), ((2, 3), (-2, -1)), ((2, 2, 3), -1)])
def test_gradients_are_central_differences(rng, shape, axes):
    model = network(shape, axes, units=4)
    assert_gradients_are_derivatives(model, *labelled(rng, 9, shape))


@pytest.mark.parametrize("axes", [-1, (-3, -2, -1)])
def test_vjp_gives_the_gradient_of_the_input(rng, axes):
    stack = [layer_norm(axes), pn.Flatten()]
    model = pn.Sequential(stack, input_shape=(2, 3, 4), dtype="float64", seed=1)
    X, grad_y = inputs(rng, 30, (2, 3, 4)), inputs(rng, 30, (2, 3, 4))
    outputs, backward = model.vjp(X)
    grad_x, gradients = backward(grad_y.reshape(30, 24))
    gamma, beta = (model.parameters()[f"0.{name}"] for name in ("gamma", "beta"))
    assert_same_bits(outputs, pn.ops.layer_norm_forward(X, gamma, beta).reshape(30, 24))
    expected = pn.ops.layer_norm_backward(grad_y, X, gamma)
    for got, right in zip((grad_x, *gradients.values()), expected, strict=True):
        assert_same_bits(got, right)


@pytest.mark.parametrize("features", [1, 3, 16, 40, 100])
def test_a_prediction_does_not_depend_on_other_rows(rng, dtype, features):
    model = pn.Sequential([layer_norm()], input_shape=(features,), dtype=dtype, seed=1)
    X = inputs(rng, 37, (features,), dtype)
    whole = model.predict(X)
    for i in range(len(X)):
        assert_same_bits(model.predict(X[i : i + 1]), whole[i : i + 1])


def test_a_layer_starts_as_the_plain_normalization(rng):
    model = pn.Sequential([pn.LayerNorm()], input_shape=(9,), dtype="float64")
    values = model.parameters()
    assert (values["0.gamma"] == 1).all()
    assert (values["0.beta"] == 0).all()
    plain = pn.Sequential(
        [pn.LayerNorm(center=False, scale=False)], input_shape=(9,), dtype="float64"
    )
    X = inputs(rng, 20, (9,))
    assert_same_bits(model.predict(X), plain.predict(X))


@pytest.mark.parametrize("decay_all", [False, True])
@pytest.mark.parametrize("penalty", ["l2", "weight_decay"])
def test_gamma_and_beta_decay_only_if_asked(rng, penalty, decay_all):
    found = names_that_decay(network, rng, penalty, decay_all)
    assert "1.weight" in found
    own = {"0.gamma", "0.beta", "2.gamma", "2.beta"}
    assert found & own == (own if decay_all else set())


def test_what_is_not_trainable_stays(rng):
    X, y = labelled(rng, 40, (7,))
    model = network(trainable=False)
    before = parameter_copies(model)
    model.fit(X, y, epochs=2)
    for name, values in model.parameters().items():
        if name.startswith(("0.", "2.")):
            assert_same_bits(values, before[name])
        else:
            assert (values != before[name]).any()


def test_a_file_keeps_it(rng, tmp_path):
    model = network((4, 6), (-2, -1))
    model.save(tmp_path / "m.npz")
    other = pn.load(tmp_path / "m.npz")
    assert other.layers == model.layers
    X = inputs(rng, 9, (4, 6))
    assert_same_bits(other.predict(X), model.predict(X))


def test_more_axes_than_the_input_has_are_refused():
    message = r"layer 0 \(LayerNorm\): axes must be at most the 1 axes of the input \(7,\), got 2"
    with pytest.raises(ValueError, match=message):
        pn.Sequential([pn.LayerNorm((-2, -1))], input_shape=(7,))
