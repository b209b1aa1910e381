"""TensorBoard: what its own reader finds in the files that training has written."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import prelunet as pn
from fit_checks import assert_same_models, lengths_of_calls, recorded
from network_models import labelled, mlp
from tolerances import assert_close_to_scale, assert_within, gamma, sum_tolerance

STATISTICS = ("mean", "stddev", "max", "min")
STEPS = 5  # of an epoch: 25 rows in batches of 5


@pytest.fixture
def data(rng):
    return labelled(rng, 25)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "a"


def rows(y_true, outputs):
    """Stand for a metric that is a function."""
    return float(len(y_true))


def fit(model, data, *callbacks, **options):
    return model.fit(*data, batch_size=5, callbacks=callbacks, **options)


def read(folder):
    """Return a reader that keeps everything."""
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    reader.Reload()
    return reader


def steps(reader, tag):
    return [event.step for event in reader.Scalars(tag)]


def values(reader, tag):
    return [event.value for event in reader.Scalars(tag)]


def assert_statistics(reader, name, expected):
    """Assert what is written of a tensor, given as (step, elements) each time.

    The files hold float32; sums were made in float64, the stddev's of numbers up to the largest.
    """
    for statistic in STATISTICS:
        assert steps(reader, f"{name}/{statistic}") == [step for step, _ in expected]
    written = zip(*(values(reader, f"{name}/{key}") for key in STATISTICS), strict=True)
    for (_, elements), (mean, stddev, largest, smallest) in zip(expected, written, strict=True):
        v = np.asarray(elements, np.float64)
        bound = np.abs(v).max() * (gamma(1, np.float32) + gamma(2 * v.size + 4, np.float64))
        centre = v.sum() / v.size
        assert_within(mean, centre, bound, name)
        assert_within(stddev, math.sqrt(((v - centre) ** 2).sum() / v.size), 2 * bound, name)
        assert (largest, smallest) == (np.float32(v.max()), np.float32(v.min()))


def assert_histograms(reader, name, expected):
    """Assert that histograms hold every element of a tensor between its least and its largest."""
    events = reader.Histograms(name)
    assert [event.step for event in events] == [step for step, _ in expected]
    for event, (_, elements) in zip(events, expected, strict=True):
        histogram = event.histogram_value
        assert histogram.num == sum(histogram.bucket) == elements.size
        assert (histogram.min, histogram.max) == (elements.min(), elements.max())
        wide = elements.astype(np.float64).ravel()
        assert_within(histogram.sum, wide.sum(), gamma(wide.size, np.float64) * abs(wide).sum())
        edges = [-math.inf, *histogram.bucket_limit]
        np.testing.assert_array_equal(histogram.bucket, np.histogram(wide, edges)[0])


# ---- epochs ------------------------------------------------------------------------------------


def test_scalars_are_the_history(data, folder):
    model = mlp()
    model.compile(metrics=["accuracy", rows])
    history = fit(model, data, pn.TensorBoard(folder), epochs=3, validation_data=data)
    reader = read(folder)
    assert len(history) == 6
    for name, expected in history.items():
        assert values(reader, name) == [np.float32(value) for value in expected]
        assert steps(reader, name) == [STEPS, 2 * STEPS, 3 * STEPS]
    assert "steps/loss" not in reader.Tags()["scalars"]


def test_the_learning_rate_is_the_one_at_the_step_reached(data, folder):
    schedule = pn.schedules.CosineDecay(0.1, 50)
    fit(mlp(optimizer=pn.SGD(schedule)), data, pn.TensorBoard(folder, every=4), epochs=2)
    reader = read(folder)
    assert steps(reader, "learning_rate") == [4, 5, 8, 10]
    expected = [np.float32(schedule(step)) for step in (4, 5, 8, 10)]
    assert values(reader, "learning_rate") == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_once_an_epoch(data, folder, dtype):
    model = mlp(dtype=dtype)
    watch, seen = recorded(STEPS)
    fit(model, data, pn.TensorBoard(folder), watch, epochs=3)
    reader = read(folder)
    assert set(reader.Tags()["histograms"]) == set(model.parameters())
    for name in model.parameters():
        expected = [(step, copies[name]) for step, copies in seen]
        assert_statistics(reader, name, expected)
        assert_histograms(reader, name, expected)


def test_every_scalar_has_a_known_name(data, folder):
    model = mlp()
    fit(model, data, pn.TensorBoard(folder, every=2))
    tensors = {f"{name}/{key}" for name in model.parameters() for key in STATISTICS}
    logs = {"loss", "accuracy", "steps/loss", "steps/accuracy", "learning_rate"}
    assert set(read(folder).Tags()["scalars"]) == tensors | logs


# ---- every -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "shuffle"),
    [(1, False), (3, True), (STEPS, True), (7, False), (12, True), (100, True)],
)
def test_parameters_each_so_many_steps_over_two_fits(data, folder, every, shuffle):
    model = mlp()
    watch, seen = recorded(every)
    callback = pn.TensorBoard(folder, every=every)
    for epochs in (3, 2):
        fit(model, data, callback, watch, epochs=epochs, shuffle=shuffle)
    assert len(list(folder.iterdir())) == 2  # within a second, yet neither lost
    reader = read(folder)
    assert [step for step, _ in seen] == list(range(every, 26, every))
    assert steps(reader, "loss") == [5, 10, 15, 20, 25]
    for name in model.parameters() if seen else ():
        expected = [(step, copies[name]) for step, copies in seen]
        assert_statistics(reader, name, expected)
        assert_histograms(reader, name, expected)
    assert bool(reader.Tags()["histograms"]) == bool(seen)


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "half_squared_error"])
def test_loss_and_accuracy_of_the_steps_since_the_last_time(data, folder, loss):
    X, y = data[0], np.eye(5)[data[1]]
    model, stepped = (mlp(loss=loss, optimizer=pn.SGD(0.01)) for _ in range(2))
    fit(model, (X, y), pn.TensorBoard(folder, every=7), epochs=4, shuffle=False)
    batches = np.split(np.arange(25), STEPS) * 4
    reports = [stepped.train_on_batch(X[rows], y[rows]) for rows in batches]
    reader = read(folder)
    for name in ("loss", "accuracy"):
        assert steps(reader, f"steps/{name}") == [7, 14]
        parts = [[report[name] for report in reports[begin : begin + 7]] for begin in (0, 7)]
        whole = np.sum if (name, loss) == ("loss", "half_squared_error") else np.mean
        tolerance = sum_tolerance(1, np.float32) + sum_tolerance(20 * 25, np.float64)
        expected = [whole(part) for part in parts]
        assert_close_to_scale(values(reader, f"steps/{name}"), expected, tolerance)


def test_the_first_steps_of_a_fit_are_not_those_of_the_one_before(data, folder):
    model, calls = mlp(), []
    for _ in range(2):
        watch = pn.LambdaCallback(on_steps=lambda *call: calls.append(call), steps_between=4)
        history = fit(model, data, watch, shuffle=False)
    assert [step for step, _ in calls] == [4, 8]
    assert calls[1][1]["loss"] > history["loss"][0]  # the last two steps are not in it


# ---- what watching costs -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (None, [[25], [25], [25]]),
        (25, [[25], [25], [25]]),
        (10, [[10, 10, 5], [5, 10, 10], [10, 10, 5]]),
        (40, [[25], [15, 10], [25]]),
        (1000, [[25], [25], [25]]),
    ],
)
def test_steps_between_are_made_in_one_call(data, folder, monkeypatch, every, expected):
    model = mlp()
    lengths = lengths_of_calls(monkeypatch, model)
    model.fit(*data, batch_size=1, epochs=3, callbacks=[pn.TensorBoard(folder, every=every)])
    assert lengths == [count for epoch in expected for count in epoch]


@pytest.mark.parametrize("every", [None, 3])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [4, None])
def test_writing_changes_no_bit(data, folder, every, shuffle, batch_size):
    watched, alone = mlp(optimizer=pn.Adam()), mlp(optimizer=pn.Adam())
    options = {"epochs": 4, "batch_size": batch_size, "shuffle": shuffle}
    callback = pn.TensorBoard(folder, every=every, activations=data[0])
    history = watched.fit(*data, callbacks=[callback], **options)
    assert history == alone.fit(*data, **options)
    assert_same_models(watched, alone)


# ---- activations -------------------------------------------------------------------------------


def outputs_by_prefix(model, X):
    """Return each layer's output by way of the model that ends there."""
    outputs = {}
    for end in range(1, len(model.layers) + 1):
        layers = model.layers[:end]
        if isinstance(layers[-1], pn.Flatten):
            continue
        flat = pn.Flatten(name="so that the engine takes it")
        prefix = pn.Sequential(
            [*layers, flat], input_shape=model.input_shape, dtype=model.dtype, seed=0
        )
        prefix.set_parameters({name: model.parameters()[name] for name in prefix.parameters()})
        outputs[layers[-1].name or str(end - 1)] = prefix.predict(X)
    return outputs


@pytest.mark.parametrize("pixels", [np.uint8, np.float16, np.float64])
def test_outputs_of_every_layer(rng, folder, pixels):
    X, y = rng.integers(256, size=(25, 3, 4, 2)).astype(np.uint8), rng.integers(5, size=25)
    samples = X[:6].astype(pixels)  # float16 would be too narrow for training
    model = pn.Sequential(
        [
            pn.Flatten(name="first"),
            pn.Rescaling(1 / 255),
            pn.Dense(7, pn.PReLU(), name="dense"),
            pn.Dropout(0.5),
            pn.Residual([pn.Dense(9, "tanh", name="inner"), pn.Dense(7)], step=0.5),
            pn.PReLU("shared", name="1 flat"),
            pn.Dense(5, trainable=False),
        ],
        seed=3,
    )
    model.compile(pn.SGD(0.1))
    watch, seen = recorded(3, lambda model: outputs_by_prefix(model, X[:6]))
    callback = pn.TensorBoard(folder, every=3, activations=samples)
    samples[:] = 0  # the callback has its own
    fit(model, (X, y), callback, watch, epochs=2)
    reader = read(folder)
    for key in ("1", "dense", "3", "4", "1 flat", "6"):
        name = key.replace(" ", "_") + "/output"  # tensorboardX's own rule for tags
        expected = [(step, outputs[key]) for step, outputs in seen]
        assert len(expected) == 3
        assert_statistics(reader, name, expected)
        assert_histograms(reader, name, expected)
    assert "first/output" not in reader.Tags()["histograms"]
    tensors = [tag for tag in reader.Tags()["histograms"] if not tag.endswith("/output")]
    assert set(tensors) == {name.replace(" ", "_") for name in model.parameters()}


def test_outputs_of_images(rng, folder):
    X, y = rng.standard_normal((25, 6, 7, 2)), rng.integers(5, size=25)
    model = pn.Sequential(
        [
            pn.Conv2D(4, 3, padding="same", activation="prelu"),
            pn.MaxPool2D(2),
            pn.Flatten(),
            pn.Dense(5),
        ],
        seed=3,
    )
    model.compile(pn.SGD(0.1))
    fit(model, (X, y), pn.TensorBoard(folder, activations=X))
    reader = read(folder)
    outputs = outputs_by_prefix(model, X)
    assert list(outputs) == ["0", "1", "3"]
    for key, rows in outputs.items():
        assert_statistics(reader, f"{key}/output", [(STEPS, rows)])
        assert_histograms(reader, f"{key}/output", [(STEPS, rows)])


def test_the_last_output_is_what_predict_gives(data, folder):
    model = mlp()
    fit(model, data, pn.TensorBoard(folder, activations=data[0].tolist()))
    assert_statistics(read(folder), "4/output", [(STEPS, model.predict(data[0]))])


# ---- options, errors ---------------------------------------------------------------------------


def test_without_histograms(data, folder):
    fit(mlp(), data, pn.TensorBoard(folder, histograms=False))
    assert read(folder).Tags()["histograms"] == []


@pytest.mark.filterwarnings("ignore:fit. epoch .*the loss is")
@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e25, 1e200])
def test_a_run_that_diverges_is_written_to_its_end(data, folder, bad):
    model = mlp()
    model.set_parameters({"0.bias": np.full(33, bad)})
    fit(model, data, pn.TensorBoard(folder, every=2, activations=data[0]), epochs=2)
    reader = read(folder)
    assert steps(reader, "0.bias/max") == [2, 4, 6, 8, 10]
    first = values(reader, "0.bias/max")[0]
    assert not math.isfinite(first) or first >= np.float32(1e24)
    assert "0.bias" not in reader.Tags()["histograms"]


def test_files_are_closed_where_training_fails(data, folder):
    model = mlp()
    callback = pn.TensorBoard(folder, every=2)
    failing, _ = recorded(4, lambda model: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fit(model, data, callback, failing)
    assert steps(read(folder), "steps/loss") == [2, 4]
    callback.close()  # once more does no harm
    fit(model, data, callback)
    assert steps(read(folder), "steps/loss") == [2, 4, 6, 8]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"every": 0}, ValueError, "every must be an integer >= 1, got 0"),
        ({"every": 1.5}, TypeError, "every must be an integer >= 1, got 1.5"),
        ({"histograms": 1}, TypeError, "histograms must be True or False, got 1"),
        ({"log_dir": 3}, TypeError, "log_dir must be a str or a PathLike of one, got 3"),
        ({"log_dir": b"a"}, TypeError, "log_dir must be a str or a PathLike of one, got b'a'"),
        ({"log_dir": ""}, ValueError, "log_dir must name a folder, got ''"),
        ({"activations": 3.0}, ValueError, "activations must be an array of rows, got 3.0"),
        ({"activations": ["a"]}, TypeError, "activations must hold real numbers, got dtype <U1"),
        ({"activations": [1j]}, TypeError, "activations must hold real numbers, got dtype complex"),
        ({"activations": np.ones((0, 19))}, ValueError, r"activations must have at least one row"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=f"^TensorBoard: {message}"):
        pn.TensorBoard(**{"log_dir": "runs", **arguments})


@pytest.mark.parametrize("shape", [(3,), (3, 18), (3, 19, 1)])
def test_samples_of_another_shape(data, folder, shape):
    model, alone = mlp(), mlp()
    message = rf"^TensorBoard: activations must have shape \(n, 19\), got \({shape[0]},"
    with pytest.raises(ValueError, match=message):
        fit(model, data, pn.TensorBoard(folder, activations=np.ones(shape)))
    assert_same_models(model, alone)
    assert not folder.exists()


def test_without_tensorboardx(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    message = (
        "^TensorBoard needs the package 'tensorboardX', .*: pip install 'prelunet.tensorboard.'"
    )
    with pytest.raises(ImportError, match=message):
        pn.TensorBoard("runs")


@pytest.mark.filterwarnings("ignore:fit. epoch .*the loss is")
def test_a_run_that_diverges_is_written_without_a_warning_for_each_number(data, folder, caplog):
    model = mlp(optimizer=pn.SGD(1e200))
    with np.errstate(all="ignore"):
        fit(model, data, pn.TensorBoard(folder, every=1), shuffle=False)
    assert math.isnan(values(read(folder), "0.weight/mean")[-1])
    assert not caplog.records
