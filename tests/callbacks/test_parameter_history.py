"""ParameterHistory: which parameters it records, and when."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from prelunet.plots import AlphaDisplay


def build():
    layers = [pn.Dense(3, name="first"), pn.PReLU("channel", name="slopes"), pn.Dense(2)]
    model = pn.Sequential(layers, input_shape=(4,), seed=0)
    model.compile(pn.SGD(learning_rate=0.1), "softmax_cross_entropy")
    return model


def fit(model, rng, *callbacks, epochs=2):
    X, y = rng.normal(size=(12, 4)).astype(np.float32), np.arange(12) % 2
    return model.fit(X, y, epochs=epochs, batch_size=4, callbacks=list(callbacks), verbose=False)


def test_it_records_before_training_and_after_each_epoch(rng):
    model, record = build(), pn.ParameterHistory("*.alpha")
    first = np.array(model.parameters()["slopes.alpha"])
    fit(model, rng, record)
    assert record.steps == [0, 3, 6]
    assert list(record.values) == ["slopes.alpha"]
    assert record["slopes.alpha"].shape == (3, 3)
    np.testing.assert_array_equal(record["slopes.alpha"][0], first)
    np.testing.assert_array_equal(record["slopes.alpha"][-1], model.parameters()["slopes.alpha"])
    fit(model, rng, record, epochs=1)
    assert record.steps == [0, 3, 6, 9]


def test_it_records_every_few_updates(rng):
    model = build()
    record = pn.ParameterHistory(["first.*", "*.alpha"], every=2)
    fit(model, rng, record)
    assert record.steps == [0, 2, 4, 6]
    assert list(record.values) == ["first.weight", "first.bias", "slopes.alpha"]
    assert all(len(values) == 4 for values in record.values.values())


def test_a_checkpoint_keeps_the_record(rng, tmp_path):
    path = tmp_path / "run.ckpt"
    data = rng.normal(size=(12, 4)).astype(np.float32), np.arange(12) % 2
    options = {"batch_size": 4, "verbose": False}
    whole, record = build(), pn.ParameterHistory()
    whole.fit(*data, epochs=4, callbacks=[record], **options)
    for epochs in (2, 4):
        model, resumed = build(), pn.ParameterHistory()
        callbacks = [resumed, pn.Checkpoint(path)]
        model.fit(*data, epochs=epochs, callbacks=callbacks, **options)
    assert resumed.steps == record.steps == [0, 3, 6, 9, 12]
    for name in record.values:
        np.testing.assert_array_equal(resumed[name], record[name])


def test_another_model_begins_a_new_record(rng):
    record = pn.ParameterHistory("*.alpha")
    fit(build(), rng, record)
    other = pn.Sequential([pn.PReLU("shared"), pn.Dense(2)], input_shape=(4,), seed=0)
    other.compile("sgd", "softmax_cross_entropy")
    fit(other, rng, record, epochs=1)
    assert (record.steps, list(record.values)) == ([0, 3], ["0.alpha"])


def test_bad_arguments():
    with pytest.raises(TypeError, match="ParameterHistory: patterns must be strings, got 3"):
        pn.ParameterHistory([3])
    with pytest.raises(ValueError, match="every must be an integer >= 1, got 0"):
        pn.ParameterHistory(every=0)


def test_a_pattern_that_matches_nothing_is_refused(rng):
    with pytest.raises(ValueError, match=r"match a parameter of first.weight, .*got '\*.slope'"):
        fit(build(), rng, pn.ParameterHistory("*.slope"))


def test_alphas_are_drawn_by_layer(rng):
    record = pn.ParameterHistory()
    fit(build(), rng, record)
    display = AlphaDisplay.from_parameter_history(record)
    (line,) = display.artists_.values()
    assert list(display.artists_) == ["slopes"]
    np.testing.assert_array_equal(line.get_xdata(), record.steps)
    np.testing.assert_allclose(line.get_ydata(), record["slopes.alpha"].mean(axis=1))
    without = pn.ParameterHistory("*.weight")
    fit(build(), rng, without)
    with pytest.raises(ValueError, match="at least one layer, got none"):
        AlphaDisplay.from_parameter_history(without)
