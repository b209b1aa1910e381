"""What an epoch visits, in which order, and what it reports."""

from __future__ import annotations

import math

import numpy as np
import pytest

import prelunet as pn
from network_models import dense, inputs, labelled, mlp, parameter_copies, targets
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance


def order_of(seed, epoch, rows):
    """Return the order of rows as ruled: Fisher and Yates with words of NumPy's Philox."""
    order = list(range(rows))
    for draw in range(rows - 1):
        block, word = divmod(draw, 4)
        counter = epoch + (block << 64) + (1 << 192)
        words = np.random.Philox(key=[seed, 0], counter=(counter - 1) % 2**256).random_raw(4)
        left = rows - draw
        other = int(words[word]) * left >> 64
        order[left - 1], order[other] = order[other], order[left - 1]
    return np.array(order)


def assert_same_model(model, other):
    """Assert that two models have the same parameters."""
    for name, values in other.parameters().items():
        assert_same_bits(model.parameters()[name], values, name)


# ---- the order of rows -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 5, 2**63 - 1])
@pytest.mark.parametrize("batch_size", [1, 7, 32, 50, 64, None])
def test_rows_are_visited_in_an_order_of_seed_and_epoch_alone(rng, seed, batch_size):
    X, y = labelled(rng, 50)
    fitted, ordered = mlp(seed=seed), mlp(seed=seed)
    fitted.fit(X, y, epochs=2, batch_size=batch_size)
    fitted.fit(X, y, epochs=1, batch_size=batch_size)
    for epoch in range(3):
        # A batch of all rows is taken as it lies.
        order = order_of(seed, epoch, 50) if batch_size in (1, 7, 32) else np.arange(50)
        ordered.train_epoch(X, y, order=order, batch_size=batch_size)
    assert_same_model(fitted, ordered)


def test_the_order_does_not_depend_on_dtype_layers_or_validation(rng):
    X, y = labelled(rng, 50)
    for options in ({"dtype": "float32"}, {"widths": (5,)}, {"activation": "tanh"}):
        fitted, ordered = mlp(**options), mlp(**options)
        fitted.fit(X, y, validation_data=(X, y), batch_size=8)
        ordered.train_epoch(X, y, order=order_of(5, 0, 50), batch_size=8)
        assert_same_model(fitted, ordered)


def test_no_shuffle_is_the_order_in_which_rows_lie(rng):
    X, y = labelled(rng, 50)
    fitted, ordered, plain = mlp(), mlp(), mlp()
    fitted.fit(X, y, epochs=2, shuffle=False, batch_size=8)
    for _ in range(2):
        ordered.train_epoch(X, y, order=np.arange(50), batch_size=8)
        plain.train_epoch(X, y, batch_size=8)
    assert_same_model(fitted, ordered)
    assert_same_model(fitted, plain)


def test_the_last_short_batch_is_used(rng):
    X, y = labelled(rng, 21)
    whole, parts = mlp(), mlp()
    whole.train_epoch(X, y, batch_size=10)
    for begin, end in ((0, 10), (10, 20), (20, 21)):
        parts.train_on_batch(X[begin:end], y[begin:end])
    assert_same_model(whole, parts)


def test_an_order_may_leave_rows_out_and_repeat_them(rng):
    X, y = labelled(rng, 30)
    chosen = [3, 3, 29, 0, 3, 17, 0]
    by_order, by_copy = mlp(), mlp()
    logs = by_order.train_epoch(X, y, order=chosen, batch_size=4)
    assert logs == by_copy.train_epoch(X[chosen], y[chosen], batch_size=4)
    assert_same_model(by_order, by_copy)


def test_batch_size_none_is_one_batch_and_one_larger_than_the_set_too(rng):
    X, y = labelled(rng, 300)
    models = [mlp() for _ in range(4)]
    models[0].train_epoch(X, y, batch_size=None)
    models[1].train_epoch(X, y, batch_size=300)
    models[2].train_epoch(X, y, batch_size=2**62)
    models[3].train_on_batch(X, y)
    for model in models[1:]:
        assert_same_model(model, models[0])


def test_no_epoch_is_no_training(rng):
    X, y = labelled(rng, 30)
    model = mlp()
    before = parameter_copies(model)
    assert "loss" not in model.fit(X, y, epochs=0)
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)


# ---- what is reported --------------------------------------------------------------------------


def steps_of(model, X, y, batch_size, weights=None):
    """Train in steps of one batch; return (rows, loss, accuracy) of each before it is made."""
    reports = []
    for begin in range(0, len(X), batch_size):
        part = slice(begin, begin + batch_size)
        own = None if weights is None else weights[part]
        before = model.evaluate(X[part], y[part], sample_weight=own)
        model.train_on_batch(X[part], y[part], sample_weight=own)
        reports.append((len(X[part]), before["loss"], before.get("accuracy", math.nan)))
    return np.array(reports).T


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("optimizer", [pn.SGD(0.5), pn.SGD(0.5, l2=0.3), pn.AdamW(0.05)], ids=repr)
def test_the_loss_is_that_of_each_step_at_the_weights_it_began_with(rng, optimizer, weighted):
    X, y = labelled(rng, 47)
    weights = rng.uniform(size=47) if weighted else None
    fitted, stepped = mlp(optimizer=optimizer), mlp(optimizer=optimizer)
    logs = fitted.train_epoch(X, y, batch_size=10, sample_weight=weights)
    rows, losses, accuracies = steps_of(stepped, X, y, 10, weights)
    tolerance = sum_tolerance(47, np.float64)
    assert rows.tolist() == [10, 10, 10, 10, 7]
    assert_close_to_scale(logs["loss"], rows @ losses / 47, tolerance)
    assert_close_to_scale(logs["accuracy"], rows @ accuracies / 47, tolerance)
    assert logs["loss"] != fitted.evaluate(X, y, sample_weight=weights)["loss"]


def test_the_loss_of_a_sum_is_the_sum_over_the_steps(rng):
    X, y = inputs(rng, 47), targets(rng, 47, 5, loss="half_squared_error")
    optimizer = pn.SGD(1e-3)
    fitted, stepped = (mlp(optimizer=optimizer, loss="half_squared_error") for _ in range(2))
    history = fitted.fit(X, y, batch_size=10, shuffle=False)
    _, losses, _ = steps_of(stepped, X, y, 10)
    assert_close_to_scale(history["loss"], [losses.sum()], sum_tolerance(47, np.float64))
    assert "accuracy" not in history


def test_history_holds_what_each_epoch_reports(rng):
    X, y = labelled(rng, 100)
    held = labelled(rng, 30)
    fitted, stepped = mlp(), mlp()
    history = fitted.fit(X, y, epochs=4, batch_size=9, validation_data=held)
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    for epoch in range(4):
        logs = stepped.train_epoch(X, y, order=order_of(5, epoch, 100), batch_size=9)
        logs |= {f"val_{name}": value for name, value in stepped.evaluate(*held).items()}
        assert logs == {name: values[epoch] for name, values in history.items()}


def test_evaluate_is_one_batch_whatever_its_size(rng):
    X, y = labelled(rng, 1000)
    weights = rng.uniform(size=1000)
    model = mlp()
    got = model.evaluate(X, y, sample_weight=weights)
    logits = model.predict(X)
    right = logits.argmax(axis=1) == y
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(1000), y]
    expected = weights @ losses / weights.sum()
    assert_close_to_scale(got["loss"], expected, sum_tolerance(1000 + 40, np.float64))
    assert got["accuracy"] == right.mean()  # of rows, not of weights


def test_metrics_that_are_functions_see_targets_and_outputs(rng):
    X, y = labelled(rng, 60)
    seen = []

    def largest(y_true, outputs):
        seen.append((y_true, outputs))
        return outputs.max()

    model = mlp(metrics=["accuracy", largest])
    got = model.evaluate(X, y)
    assert list(got) == ["loss", "accuracy", "largest"]
    assert got["largest"] == model.predict(X).max()
    assert_same_bits(seen[0][0], y)
    assert_same_bits(seen[0][1], model.predict(X))
    history = model.fit(X, y, validation_data=(X, y))
    assert history["largest"] == history["val_largest"] == [model.predict(X).max()]


def test_validation_split_takes_the_last_rows(rng):
    X, y = labelled(rng, 40)
    weights = rng.uniform(size=40)
    split, given = mlp(), mlp()
    history = split.fit(X, y, validation_split=0.25, sample_weight=weights)
    expected = given.fit(
        X[:30],
        y[:30],
        sample_weight=weights[:30],
        validation_data=(X[30:], y[30:], weights[30:]),
    )
    assert history == expected
    assert_same_model(split, given)


def test_training_learns(rng):
    """Something must come out of it: two classes that a line divides."""
    X = inputs(rng, 400, (2,))
    y = (X.sum(axis=1) > 0).astype(np.int64)
    model = pn.Sequential([dense(8), pn.PReLU(), dense(2)], input_shape=(2,), seed=0)
    model.compile(pn.Adam(0.01), metrics=["accuracy"])
    history = model.fit(X, y, epochs=30)
    assert history["accuracy"][-1] > 0.97 > history["accuracy"][0]
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("batch_size", [8, 64])
def test_orders_of_several_epochs_are_taken_one_after_another(rng, batch_size):
    X, y = labelled(rng, 50)
    together, apart = mlp(), mlp()
    orders = np.array([rng.permutation(50)[:30] for _ in range(3)])
    totals = np.zeros((3, 3))
    rates = np.full(3 * math.ceil(30 / batch_size), 0.05)
    for model in (together, apart):
        model.compile(pn.SGD(0.05, momentum=0.9))
    engine = together.engine.core
    rows, labels = engine.rows("fit", X), engine.targets("fit", y, None)
    engine.train_epochs(rows, labels, orders.ravel(), batch_size, rates, totals)
    for order, sums in zip(orders, totals, strict=True):
        logs = apart.train_epoch(X, y, order=order, batch_size=batch_size)
        assert sums[2] == 30
        assert logs["loss"] == sums[0] / 30
    assert_same_model(together, apart)
    before = parameter_copies(together)
    uneven = "as many rows, at least one, for each of 3 epochs"
    for wrong, said in ((orders[0, :20], uneven), (orders[0, :0], uneven), (orders, "shape")):
        with pytest.raises(ValueError, match=said):
            engine.train_epochs(rows, labels, wrong, batch_size, rates, totals)
    past = orders.ravel().copy()
    past[-1] = 50
    with pytest.raises(ValueError, match="row numbers from 0 to 49, got 50 in row 89"):
        engine.train_epochs(rows, labels, past, batch_size, rates, totals)
    for name, values in before.items():
        assert_same_bits(together.parameters()[name], values, name)


def trained(X, y, order, epochs, **options):
    """Return a model after epochs of batches of 8 in one call, and the totals."""
    model = mlp(widths=(8, 5))
    model.compile(pn.SGD(0.05, momentum=0.9))
    core, totals = model.engine.core, np.zeros((epochs, 3))
    rows = 30 if isinstance(order, np.ndarray) or "subset" in options else len(X)
    rates = np.full(epochs * math.ceil(rows / 8), 0.05)
    given = core.rows("fit", X), core.targets("fit", y, None)
    core.train_epochs(*given, order, 8, rates, totals, **options)
    return model, totals


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("place", [0, 3, 623, 624])
def test_a_twister_shuffles_rows_in_place_as_numpy_does(rng, threads, place):
    X, y = labelled(rng, 50)
    pn.set_num_threads(threads)
    rows, other = rng.permutation(50)[:30], np.random.RandomState(7)
    key = other.get_state(legacy=False)["state"]["key"]
    other.set_state(("MT19937", key, place))
    twister = np.append(key, np.uint32(place))
    visited, orders = rows.copy(), []
    for _ in range(40):
        other.shuffle(visited)
        orders.append(visited.copy())
    expected, sums = trained(X, y, np.concatenate(orders), 40)
    model, totals = trained(X, y, rows, 40, twister=twister)
    assert_same_model(model, expected)
    assert_same_bits(totals, sums)
    assert np.array_equal(rows, visited)
    state = other.get_state(legacy=False)["state"]
    assert np.array_equal(twister, [*state["key"], state["pos"]])


@pytest.mark.parametrize("order", [None, (3, 4)])
def test_a_subset_is_trained_as_a_copy_of_its_rows(rng, order):
    X, y = labelled(rng, 50)
    rows = rng.integers(0, 50, 30)
    model, totals = trained(X, y, order, 3, subset=rows)
    expected, sums = trained(X[rows], y[rows], order, 3)
    assert_same_model(model, expected)
    assert_same_bits(totals, sums)


@pytest.mark.parametrize("threads", [1, 2])
def test_patience_ends_a_call_after_an_epoch(rng, threads):
    X, y = labelled(rng, 50)
    pn.set_num_threads(threads)
    _, losses = trained(X, y, (3, 0), 9)
    means = 3.0 * losses[:, 0] / 50
    least = float(means[2])
    assert (means[:2] > least).all()
    model, totals = trained(X, y, (3, 0), 9, patience=(3.0, 1e9, least, 4.0, 1.0))
    assert_same_bits(totals[:4], losses[:4])
    assert (totals[4:] == 0.0).all()
    assert_same_model(model, trained(X, y, (3, 0), 4)[0])
    # The loss that ends the run must exceed the least one by more than -tol.
    _, totals = trained(X, y, (3, 0), 9, patience=(3.0, -1e9, least, 0.0, 0.0))
    assert_same_bits(totals, losses)


def test_wrong_subsets_and_twisters_train_nothing(rng):
    X, y = labelled(rng, 50)
    twister = np.zeros(625, np.uint32)
    fixed = np.arange(30)
    fixed.flags.writeable = False
    cases = [
        (None, {"subset": np.array([50])}, ValueError, "row numbers from 0 to 49, got 50"),
        (None, {"subset": np.empty(0, np.int64)}, ValueError, "at least one row, without an"),
        (np.arange(50), {"subset": np.arange(30)}, ValueError, "at least one row, without an"),
        (np.arange(30.0), {"twister": twister}, TypeError, "C-contiguous array of int64"),
        (np.arange(60)[::2], {"twister": twister}, TypeError, "C-contiguous array of int64"),
        (np.empty(0, np.int64), {"twister": twister}, ValueError, "at least one row"),
        (fixed, {"twister": twister}, ValueError, "writeable"),
        (np.arange(30), {"twister": twister[1:]}, ValueError, "shape"),
    ]
    for order, options, error, said in cases:
        with pytest.raises(error, match=said):
            trained(X, y, order, 2, **options)
