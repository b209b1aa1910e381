"""Headers with products of 8-bit integers have the bits of a NumPy oracle."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

import prelunet as pn
from c_models import TABLES, export, random_networks
from c_runs import ARITHMETIC, CXX, FMA, STRICT, found, outputs, self_test
from network_models import conv2d, dense, mlp
from prelunet import data
from prelunet.layers.stacking import layer_keys
from prelunet.layers.weighted import Weighted
from reference import quantized
from tolerances import assert_same_bits


class Oracle:
    """The outputs of a model whose products are quantized; other layers are computed by models."""

    def __init__(self, model, calibration):
        self.values = model.parameters()
        self.layers = model.layers
        self.traced = model.trace(calibration.astype(np.float32))
        self.calibration = calibration.astype(np.float32)

    def __call__(self, x):
        return self._stack(self.layers, x, self.calibration, "")

    def _stack(self, stack, x, calibration, prefix):
        for key, layer in zip(layer_keys(stack), stack, strict=True):
            name = prefix + key
            x = self._layer(layer, x, calibration, name)
            calibration = self.traced.get(f"{name}.a", calibration)
        return x

    def _layer(self, layer, x, calibration, name):
        if isinstance(layer, Weighted):
            limit = float(abs(calibration).max())
            weight, bias = self.values[f"{name}.weight"], self.values.get(f"{name}.bias")
            if isinstance(layer, pn.Dense):
                y = quantized.dense(x, weight, bias, limit)
            else:
                walk = (layer.specifications()[0]["strides"], layer.padding)
                y = quantized.conv2d(x, weight, bias, limit, *walk)
            activation = layer.fused_activation
            return y if activation is None else self._alone(activation, y, name)
        if isinstance(layer, pn.Residual):
            inner = self._stack(layer.layers, x, calibration, f"{name}.")
            flat = (np.ascontiguousarray(a.reshape(len(x), -1)) for a in (inner, x))
            return pn.ops.scaled_sum(*flat, layer.step).reshape(x.shape)
        if isinstance(layer, pn.Columns):
            count = x.shape[1]
            parts = [
                self._stack(
                    branch.layers,
                    x[:, branch.positions(count)],
                    calibration[:, branch.positions(count)],
                    f"{name}.{branch.name}.",
                )
                for branch in layer.inner_layers()
            ]
            return np.concatenate([*parts, x[:, layer.rest(count)]], axis=1)
        return self._alone(layer, x, name)

    def _alone(self, layer, x, name):
        if isinstance(layer, pn.Flatten):
            return x.reshape(len(x), -1)
        ends = [pn.Flatten()] if x.ndim > 2 else []
        model = pn.Sequential([layer, *ends], input_shape=x.shape[1:])
        own = {
            f"{layer.name or 0}.{key.rpartition('.')[2]}": self.values[key]
            for key in self.values
            if key.rpartition(".")[0] == name
            and f"{layer.name or 0}.{key.rpartition('.')[2]}" in model.parameters()
        }
        model.set_parameters(own)
        y = model.predict(x)
        return y.reshape(len(x), *layer.shapes(x.shape[1:])[1])


def quantized_networks(folder, rng, count):
    """Write headers of models; return the models, rows and the oracle's outputs by name."""
    models, rows = random_networks(count)
    models = {name: model for name, model in models.items() if model.dtype == "float32"}
    models["table"] = pn.Sequential(TABLES["columns"](), input_shape=(6,), seed=1)
    rows["table"] = 3 * rng.standard_normal((9, 6)).astype(np.float32)
    rows["table"][:, [5, 0]] = rng.integers(7, size=(9, 2))
    expected = {}
    for name, model in models.items():
        calibration = rows[name][1:]  # the first row may be beyond the limits
        rows[name][0] *= 1 if name == "table" else 2
        model.to_c(folder / f"{name}.h", name=name, quantize="int8", calibration=calibration)
        expected[name] = Oracle(model, calibration)(rows[name])
    return models, {name: rows[name] for name in models}, expected


def test_the_bits_are_those_of_the_oracle(rng, tmp_path):
    models, rows, expected = quantized_networks(tmp_path, rng, 9)
    got = outputs(tmp_path, models, rows)
    for name, values in got.items():
        assert_same_bits(values, expected[name], repr(models[name]))


BUILDS = [(STRICT, ("-O0",)), (STRICT, ("-O3", *FMA)), (CXX, ("-O2",))]
BUILDS += [(STRICT, ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("compiler", "language", "flags"),
    [(compiler, *build) for compiler, build in itertools.product(("gcc", "clang"), BUILDS)],
)
def test_compilers_agree(compiler, language, flags, rng, tmp_path):
    found(compiler)
    models, rows, expected = quantized_networks(tmp_path, rng, 60)
    options = {"compiler": compiler, "language": language, "flags": flags}
    for name, values in outputs(tmp_path, models, rows, **options).items():
        assert_same_bits(values, expected[name], repr(models[name]))


def test_extreme_inputs(rng, tmp_path):
    """NaN and infinity are clipped, and a layer whose inputs and weights are 0 computes 0."""
    model = pn.Sequential([dense(3), pn.Rescaling(0.0), dense(2)], input_shape=(4,), seed=0)
    model.set_parameters({"0.weight": np.eye(3, 4) * [[1], [0], [1]]})
    x = np.zeros((3, 4), np.float32)
    x[1:, 0] = np.nan, np.inf
    calibration = rng.standard_normal((5, 4))
    options = {"quantize": "int8", "calibration": calibration}
    export(tmp_path, {"net": model}, **options)
    got = outputs(tmp_path, {"net": model}, {"net": x})["net"]
    assert_same_bits(got, np.tile(model.parameters()["2.bias"], (3, 1)))
    assert self_test(tmp_path, ["net"], macros=ARITHMETIC) == 0


def test_the_self_test_compares_roughly(tmp_path, rng):
    model = mlp(dtype="float32", activation="relu")
    calibration = rng.standard_normal((50, 19))
    model.to_c(tmp_path / "net.h", quantize="int8", calibration=calibration)
    assert self_test(tmp_path, ["net"], macros=ARITHMETIC) == 0
    exact = "#define NET_TEST_TOLERANCE 1e-9\n"
    assert self_test(tmp_path, ["net"], macros=ARITHMETIC, start=exact) > 0
    text = (tmp_path / "net.h").read_text()
    assert "signed char net_0_weight[627]" in text
    assert "quantized to int8" in text


def test_wrong_arguments_are_refused(tmp_path, rng):
    path, x = tmp_path / "net.h", rng.standard_normal((5, 19))
    model = mlp(dtype="float32")
    for options, message in (
        ({"quantize": "int4", "calibration": x}, "quantize must be one of 'int8', got 'int4'"),
        ({"quantize": "int8"}, "calibration must be an array of samples"),
        ({"calibration": x}, "calibration must be None without quantize"),
        ({"quantize": "int8", "calibration": x[:, 1:]}, r"calibration must have shape \(n, 19\)"),
        (
            {"quantize": "int8", "calibration": x[:0]},
            r"calibration must have .* one row, got \(0, 19\)",
        ),
        ({"quantize": "int8", "calibration": x * np.nan}, "calibration must be finite"),
    ):
        with pytest.raises(ValueError, match=f"to_c: {message}"):
            model.to_c(path, **options)
    with pytest.raises(ValueError, match="needs a float32 model, got 'float64'"):
        mlp().to_c(path, quantize="int8", calibration=x)
    model.set_parameters({"0.bias": np.full(33, np.inf)})
    with pytest.raises(ValueError, match="to_c: the input of layer 2 must be finite"):
        model.to_c(path, quantize="int8", calibration=x)
    model.set_parameters({"0.bias": np.zeros(33), "4.weight": np.full((5, 18), np.inf)})
    with pytest.raises(ValueError, match=r"to_c: 4\.weight must be finite"):
        model.to_c(path, quantize="int8", calibration=x)
    long = pn.Sequential([pn.Dense(1, weight_init=1.0)], input_shape=(133_145,))
    with pytest.raises(ValueError, match="layer 0 must have sums of at most 2\\*\\*31 - 1"):
        long.to_c(path, quantize="int8", calibration=np.ones((1, 133_145)))
    assert not list(tmp_path.iterdir())
    shorter = pn.Sequential([pn.Dense(1, weight_init=1.0)], input_shape=(133_144,))
    shorter.to_c(path, quantize="int8", calibration=np.ones((1, 133_144)))
    got = outputs(tmp_path, {"net": shorter}, {"net": np.ones((1, 133_144), np.float32)})["net"]
    assert got == pytest.approx(133_144)


@pytest.mark.slow
def test_mnist_loses_half_a_point_at_most(tmp_path):
    if not Path(data.where("mnist")).is_dir():
        pytest.skip("MNIST is not on this machine: set PRELUNET_DATA")
    digits = data.load("mnist")
    hidden = [pn.Dense(128), pn.PReLU(), pn.Dense(64, "relu"), pn.Dense(10)]
    images = [conv2d(8, 5, stride=2, activation="prelu"), pn.MaxPool2D(2), pn.Flatten()]
    for layers, shape in (
        ([pn.Rescaling(1 / 255), *hidden], (784,)),
        ([pn.Rescaling(1 / 255), *images, pn.Dense(10)], (28, 28, 1)),
    ):
        model = pn.Sequential(layers, input_shape=shape, seed=0)
        model.compile(pn.Adam(2e-3), "softmax_cross_entropy", ["accuracy"])
        x, test = digits.x_train.reshape(-1, *shape), digits.x_test.reshape(-1, *shape)
        model.fit(x, digits.y_train, epochs=3, batch_size=128, verbose=0)
        model.to_c(tmp_path / "net.h", quantize="int8", calibration=x[:500])
        rows = {"net": test.astype(np.float32)}
        got = outputs(tmp_path, {"net": model}, rows, flags=("-O3", *FMA))["net"]
        accuracy = (got.argmax(axis=1) == digits.y_test).mean()
        assert accuracy >= model.evaluate(test, digits.y_test)["accuracy"] - 0.005
        assert self_test(tmp_path, ["net"], macros=ARITHMETIC) == 0
