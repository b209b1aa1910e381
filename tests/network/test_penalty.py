"""The penalty over the weight of a batch, and its part of the loss that training adds up."""

import numpy as np
import pytest

import prelunet as pn
from prelunet import _core
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance

ROWS, RATE, L2 = 600, 0.1, 0.4  # rows of three blocks


def made(*, dtype=np.float64, l2=0.0, **options):
    layers = [pn.Dense(40), pn.PReLU(), pn.Dense(2)]
    model = pn.Sequential(layers, input_shape=(50,), dtype=np.dtype(dtype).name, seed=3)
    model.compile(pn.SGD(RATE, momentum=0.5, l2=l2, **options), "mean_squared_error")
    return model


def data(rng, *, weighted=False):
    weights = rng.uniform(0.5, 2.0, ROWS) if weighted else None
    return rng.standard_normal((ROWS, 50)), rng.standard_normal((ROWS, 2)), weights


def train(model, x, y, weights, **penalty):
    """Make one step of all rows; return what it adds up to."""
    network, totals = model.engine.core, _core.Totals()
    rows, targets = network.rows("fit", x), network.targets("fit", y, weights)
    network.train(rows, targets, None, len(x), np.array([RATE]), [totals], **penalty)
    return totals


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"clip_value": 1e-3}, {"clip_norm": 0.05}, {"decay_all": True}],
    ids=["plain", "clip value", "clip norm", "of all"],
)
def test_it_is_l2_over_the_weight_of_the_batch(rng, options, weighted, threads):
    pn.set_num_threads(threads)
    x, y, weights = data(rng, weighted=weighted)
    weight = ROWS if weights is None else sum(weights)
    penalized, other = made(**options), made(l2=L2 * (1.0 / weight), **options)
    train(penalized, x, y, weights, l2_per_batch_weight=L2)
    train(other, x, y, weights)
    for name, values in other.parameters().items():
        assert_same_bits(penalized.parameters()[name], values, name)


def test_it_comes_on_top_of_the_optimizers_own(rng):
    x, y, _ = data(rng)
    both, other = made(l2=0.25), made(l2=0.25 + L2 / ROWS)
    train(both, x, y, None, l2_per_batch_weight=L2)
    train(other, x, y, None)
    for name, values in other.parameters().items():
        bound = sum_tolerance(4, np.float64)
        assert_close_to_scale(both.parameters()[name], values, bound, name)


@pytest.mark.parametrize("decay_all", [False, True])
@pytest.mark.parametrize("in_loss", [0.0, 1.0, 2.5])
def test_the_loss_has_it_from_before_the_update(rng, dtype, in_loss, decay_all):
    x, y, weights = data(rng, weighted=True)
    model = made(dtype=dtype, decay_all=decay_all)
    kinds = ("weight", "bias", "alpha") if decay_all else ("weight",)
    before = [v.astype(np.float64) for n, v in model.parameters().items() if n.endswith(kinds)]
    penalty = L2 / weights.sum() / 2.0 * sum((values**2).sum() for values in before)
    plain = train(made(dtype=dtype, decay_all=decay_all), x, y, weights).loss / ROWS
    found = train(model, x, y, weights, l2_per_batch_weight=L2, penalty_in_loss=in_loss).loss / ROWS
    terms = sum(values.size for values in before)
    assert_close_to_scale(
        np.array(found), np.array(plain + in_loss * penalty), sum_tolerance(terms, np.float64)
    )


def test_any_number_of_threads_adds_the_same_bits(rng):
    x, y, weights = data(rng, weighted=True)
    found = set()
    for threads in (1, 2, 3, 5):
        pn.set_num_threads(threads)
        found.add(train(made(), x, y, weights, l2_per_batch_weight=L2).loss)
    assert len(found) == 1


def test_a_batch_of_no_weight_has_none(rng):
    x, y, _ = data(rng)
    model = made()
    before = {name: values.copy() for name, values in model.parameters().items()}
    assert train(model, x, y, np.zeros(ROWS), l2_per_batch_weight=L2).loss == 0.0
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)


def test_apply_gradients_takes_it_too(rng):
    x, y, _ = data(rng)
    models = made(), made(l2=0.25)
    for model, l2 in zip(models, (0.25, 0.0), strict=True):
        network = model.engine.core
        network.loss_and_gradients(network.rows("fit", x), network.targets("fit", y, None))
        network.apply_gradients({}, RATE, l2)
    for name, values in models[1].parameters().items():
        assert_same_bits(models[0].parameters()[name], values, name)
