"""ONNX files that we read: our own, and such as PyTorch's exporter writes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import prelunet as pn
from interop_models import STACKS, assert_ported, network, random_network, samples
from network_models import mlp
from onnx_runs import graph, run
from tolerances import assert_same_bits

NORMAL = np.random.default_rng(7).standard_normal


def imported(content, path):
    """Write a graph to a file and read it."""
    onnx.save(content, path / "graph.onnx")
    return pn.from_onnx(path / "graph.onnx")


def written_and_read(model, path, **options):
    model.to_onnx(path / "m.onnx", **options)
    return pn.from_onnx(path / "m.onnx")


# ---- our own -----------------------------------------------------------------------------------

NORMALS = pn.initializers.Normal(0.5, stddev=0.3)
SIX = [0.5, -1.0, 0.25, 2.0, 0.125, -0.75]
FEATURES = {"input_shape": (6,)}
# A model of each layer that an ONNX file can hold, and the layer itself.
EACH_LAYER = {
    "Dense": (pn.Dense(5, pn.PReLU(init=NORMALS), name="d"), FEATURES),
    "Conv2D": (pn.Conv2D(4, 3, 2, "same", activation="gelu", name="c"), {"input_shape": (7, 6, 2)}),
    "MaxPool2D": (pn.MaxPool2D(2, 1, name="m"), {"input_shape": (5, 6, 2)}),
    "PReLU": (pn.PReLU(init=NORMALS, name="p"), FEATURES),
    "Parametric": (pn.Parametric("gelu", NORMALS, name="p"), FEATURES),
    "Scale": (pn.Scale(NORMALS, name="s"), FEATURES),
    "LayerNorm": (pn.LayerNorm(epsilon=0.25, beta_init=NORMALS, name="n"), FEATURES),
    "Clip": (pn.Clip(-0.5, 0.75, name="c"), FEATURES),
    "Flatten": (pn.Flatten(name="f"), {"input_shape": (3, 2)}),
    "Rescaling": (pn.Rescaling(SIX, [2.0 * one for one in SIX], name="r"), FEATURES),
    "Imputation": (pn.Imputation(SIX, name="i"), FEATURES),
    "OneHot": (pn.OneHot([[0, 1], [2, 0, 1], [1], [5, 4], [3], [0]], name="o"), FEATURES),
    "Residual": (
        pn.Residual([pn.Dense(6, "tanh", name="in"), pn.Rescaling(0.5)], 0.25, name="r"),
        FEATURES,
    ),
    "Columns": (
        pn.Columns(
            [
                ("codes", [pn.OneHot([[0, 1]]), pn.Dense(2, name="d")], [4]),
                ("all", [pn.Scale(NORMALS), pn.Rescaling(2.0, name="two")], list(range(6))),
            ],
            name="parts",
        ),
        FEATURES,
    ),
    "Embedding": (pn.Embedding(4, 3, name="e"), FEATURES),
    "PeriodicEmbeddings": (pn.PeriodicEmbeddings(5, n_frequencies=7, name="p"), FEATURES),
    "PiecewiseLinearEmbeddings": (
        pn.PiecewiseLinearEmbeddings(
            [[-1, 1], [0, 0.5, 1], [-2, -1, 0, 2], [0, 1], [0, 9], [-1, 0.25, 1]],
            5,
            activation=True,
            version="A",
            name="p",
        ),
        FEATURES,
    ),
    **{
        name: (layer(*((0.25,) if layer.parameter else ()), name="a"), FEATURES)
        for name, layer in pn.ACTIVATION_LAYERS.items()
    },
}
WITHOUT_NODES = {"Dropout", "Lambda"}  # the file leaves out the first, and refuses the second


def test_there_is_a_model_of_every_layer():
    public = [getattr(pn.layers, name) for name in pn.layers.__all__ if name[0].isupper()]
    abstract = {"ACTIVATION_LAYERS", "Activation", "Layer"}
    names = {kind.__name__ for kind in public if isinstance(kind, type)} - abstract
    assert set(EACH_LAYER) == names - WITHOUT_NODES


@pytest.mark.parametrize("name", EACH_LAYER)
def test_every_layer_comes_back_with_its_name(name, rng, tmp_path, dtype):
    layer, options = EACH_LAYER[name]
    flatten = [] if name == "Flatten" else [pn.Flatten()]
    rest = [*flatten, pn.Dense(2)] if len(options["input_shape"]) > 1 else []
    model = pn.Sequential([layer, *rest], **options, dtype=np.dtype(dtype).name, seed=3)
    values = {key: rng.uniform(0.1, 1, v.shape) for key, v in model.parameters().items()}
    model.set_parameters(values)
    other = written_and_read(model, tmp_path)
    x = samples(rng, model)
    if name in ("Imputation", "PiecewiseLinearEmbeddings"):
        x[::3, 1:4] = np.nan
    assert_ported(other.predict(x), model.predict(x), name)
    of_one_node = dtype == np.float32 or not isinstance(layer, (pn.LeakyReLU, pn.ELU, pn.SELU))
    if of_one_node:
        expected = without_initializers([layer, *rest])
        assert without_initializers(other.layers) == expected
        assert list(other.parameters()) == list(model.parameters())
        for key, expected in model.parameters().items():
            assert_ported(other.parameters()[key], expected, key)


def without_initializers(layer):
    """Return a layer's description without what the file does not hold."""
    if isinstance(layer, dict):
        dropped = [key for key in layer if key.endswith("init") or key == "frequency_init_scale"]
        return {key: without_initializers(v) for key, v in layer.items() if key not in dropped}
    if isinstance(layer, (list, tuple)):
        return [without_initializers(one) for one in layer]
    return without_initializers(layer.config()) if isinstance(layer, pn.layers.Layer) else layer


@pytest.mark.parametrize("kind", ["plr", "B"])
def test_other_kinds_of_embeddings_come_back(kind, rng, tmp_path, dtype):
    layer = (
        pn.PeriodicEmbeddings(3, n_frequencies=4, kind=kind)
        if kind == "plr"
        else pn.PiecewiseLinearEmbeddings([[-1, 0, 1], [0.1, 0.3]], 4, version=kind)
    )
    stack = [pn.Dense(2, "tanh", name="first"), layer, pn.Dense(3, name="last")]
    model = pn.Sequential(stack, input_shape=(6,), dtype=np.dtype(dtype).name, seed=3)
    values = {key: rng.uniform(-1, 1, v.shape) for key, v in model.parameters().items()}
    model.set_parameters(values)
    other = written_and_read(model, tmp_path)
    x = samples(rng, model)
    assert_ported(other.predict(x), model.predict(x), kind)
    assert [one.name for one in other.layers] == ["first", None, "last"]
    assert list(other.parameters()) == list(model.parameters())


def test_layers_next_to_each_other_stay_two(rng, tmp_path):
    stack = [pn.Scale(NORMALS), pn.Rescaling(0.5, name="half"), pn.Scale(NORMALS, name="s")]
    model = pn.Sequential(stack, input_shape=(6,), seed=3)
    other = written_and_read(model, tmp_path)
    assert [(type(one), one.name) for one in other.layers] == [
        (type(one), one.name) for one in stack
    ]
    x = samples(rng, model)
    assert_ported(other.predict(x), model.predict(x))


def test_a_remainder_comes_back(tmp_path):
    columns = pn.Columns([("a", [pn.Dense(2)], [1])], remainder="passthrough")
    other = written_and_read(pn.Sequential([columns], **FEATURES, seed=0), tmp_path)
    assert repr(other.layers[0]) == repr(columns)


NOT_READ = {"nothing but dropout"}


@pytest.mark.parametrize("name", sorted(set(STACKS) - NOT_READ))
def test_every_layer_comes_back(name, rng, tmp_path, dtype):
    model = network(name, dtype)
    if name.startswith("parametric") and dtype == np.float64:  # ELU and SELU have two nodes there
        with pytest.raises(ValueError, match="joins other values than x and f"):
            written_and_read(model, tmp_path)
        return
    other = written_and_read(model, tmp_path)
    assert (other.input_shape, other.dtype) == (model.input_shape, model.dtype)
    x = samples(rng, model)
    assert_ported(other.predict(x), model.predict(x), name)
    assert len(other.parameters()) >= len(model.parameters())  # slopes that became constants


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_come_back(seed, tmp_path, dtype):
    rng = np.random.default_rng(seed)
    model = random_network(rng, dtype)
    x = samples(rng, model)
    assert_ported(written_and_read(model, tmp_path).predict(x), model.predict(x), repr(model))


def test_layers_and_bits_come_back(tmp_path):
    stack = [
        *(pn.Rescaling(0.5, 0.25), pn.Conv2D(3, (3, 2), 2, "same"), pn.PReLU(), pn.MaxPool2D(2)),
        *(pn.Flatten(), pn.Dense(6, use_bias=False), pn.LeakyReLU(0.5), pn.ELU(0.5), pn.GELU()),
        pn.LayerNorm(epsilon=0.25),
        pn.Residual([pn.Dense(6), pn.SiLU(), pn.Residual([pn.Tanh()])], step=0.5),
        *(pn.ReLU(), pn.Sigmoid(), pn.Dense(2)),
    ]
    model = pn.Sequential(stack, input_shape=(9, 8, 2), seed=1)
    other = written_and_read(model, tmp_path)
    assert list(map(repr, other.layers)) == list(map(repr, stack))
    assert list(other.parameters()) == list(model.parameters())
    for name, values in model.parameters().items():
        assert_same_bits(other.parameters()[name], values, name)


def test_probabilities_come_back(rng, tmp_path):
    model = mlp(dtype="float32")
    x = samples(rng, model)
    other = written_and_read(model, tmp_path, probabilities=True)
    assert_ported(other.predict_proba(x), model.predict_proba(x))
    assert_ported(other.predict(x), model.predict(x))
    other.fit(x, np.arange(7) % 5)  # it is compiled
    model = mlp(dtype="float32", loss="sigmoid_cross_entropy")
    other = written_and_read(model, tmp_path, probabilities=True)
    assert_ported(other.predict(x), model.predict_proba(x))


# ---- those of others ---------------------------------------------------------------------------

CONVOLUTION = {"w": NORMAL((4, 3, 3, 3)), "b": NORMAL(4)}
OUTPUT = {"v": NORMAL((2, 4 * 4 * 3)), "c": NORMAL(2)}
IMAGE = (3, 8, 6)  # channels first, as PyTorch has them
CONV = "h = Conv <pads: ints = [1, 1, 1, 1], kernel_shape: ints = [3, 3], group: int = 1> (x, w, b)"
POOL = "p = MaxPool <kernel_shape: ints = [2, 2], strides: ints = [2, 2], ceil_mode: int = 0> (h)"
GEMM = "y = Gemm <transB: int = 1, alpha: float = 1.0, beta: float = 1.0> (f, v, c)"
CNN = {"shape": IMAGE, **CONVOLUTION, **OUTPUT}
SIX = {"shape": (6,), "s": NORMAL(6)}

ACCEPTED = {
    "convolution": ([CONV, POOL, "f = Flatten(p)", GEMM], CNN),
    "axis from behind": ([CONV, POOL, "f = Flatten <axis: int = -3> (p)", GEMM], CNN),
    "reshape": (
        [CONV, POOL, "f = Reshape <allowzero: int = 1> (p, t)", GEMM],
        CNN | {"t": [-1, 48]},
    ),
    "reshape of rows": ([CONV, POOL, "f = Reshape(p, t)", GEMM], CNN | {"t": [0, -1]}),
    "a graph for seven rows": (
        [CONV, POOL, "f = Reshape(p, t)", GEMM],
        CNN | {"t": [7, -1], "rows": 7},
    ),
    "view": (
        [
            *(CONV, POOL, "n = Shape(x)", "r = Gather(n, i)", "u = Unsqueeze(r, z)"),
            *("t = Concat <axis: int = 0> (u, o)", "f = Reshape(p, t)", GEMM),
        ],
        CNN | {"i": np.array(0), "z": [0], "o": [-1]},
    ),
    "slopes of channels": (
        [CONV, "q = PRelu(h, s)", POOL.replace("(h)", "(q)"), "f = Flatten(p)", GEMM],
        CNN | {"s": NORMAL((4, 1, 1))},
    ),
    "slopes of flat channels": (
        [CONV, POOL, "g = Flatten(p)", "f = PRelu(g, s)", GEMM],
        CNN | {"s": NORMAL(48)},
    ),
    "activations of images": (
        [
            *(CONV, "a = Relu(h)", "d = Sigmoid(a)", "e = Mul(d, a)", POOL.replace("(h)", "(e)")),
            *("k, m = Dropout(p)", "f = Flatten(k)", GEMM),
        ],
        CNN,
    ),
    "a factor before the image": (
        [
            *("x1 = Sub(x, m)", "x2 = Div(x1, d)", CONV.replace("(x,", "(x2,")),
            *(POOL, "f = Flatten(p)", GEMM),
        ],
        CNN | {"m": 0.5, "d": [[[0.25]]]},
    ),
    "a residual of an image": (
        ["h = Conv <pads: ints = [1, 1, 1, 1]> (x, w)", "a = Add(h, x)", "f = Flatten(a)", GEMM],
        {"shape": IMAGE, "w": NORMAL((3, 3, 3, 3)), "v": NORMAL((2, 144)), "c": NORMAL(2)},
    ),
    "a residual of flat channels": (
        [CONV, POOL, "g = Flatten(p)", "a = PRelu(g, s)", "f = Add(a, g)", GEMM],
        CNN | {"s": NORMAL(48)},
    ),
    "automatic padding": (
        [
            'h = Conv <auto_pad: string = "SAME_UPPER", strides: ints = [3, 2]> (x, w, b)',
            'p = MaxPool <auto_pad: string = "VALID", kernel_shape: ints = [2, 2]> (h)',
            "f = Flatten(p)",
            "y = Gemm <transB: int = 1> (f, v, c)",
        ],
        {"shape": IMAGE, **CONVOLUTION, "v": NORMAL((2, 16)), "c": NORMAL(2)},
    ),
    "uneven padding": (
        [
            "h = Conv <pads: ints = [0, 0, 1, 1], strides: ints = [2, 2]> (x, w)",
            "f = Flatten(h)",
            "y = MatMul(f, v)",
        ],
        {"shape": IMAGE, "w": NORMAL((4, 3, 3, 3)), "v": NORMAL((48, 2))},
    ),
    "turned before": (
        ["t = Transpose <perm: ints = [0, 2, 3, 1]> (x)", "f = Flatten(t)", "y = MatMul(f, v)"],
        {"shape": IMAGE, "v": NORMAL((144, 2))},
    ),
    "an image without windows": (
        ["f = Flatten(x)", "y = MatMul(f, v)"],
        {"shape": IMAGE, "v": NORMAL((144, 2))},
    ),
    "a product and a sum": (
        ["h = MatMul(x, w)", "y = Add(b, h)"],
        {"shape": (6,), "w": NORMAL((6, 3)), "b": NORMAL(3)},
    ),
    "a product and a number": (
        ["h = MatMul(x, w)", "y = Add(h, b)"],
        {"shape": (6,), "w": NORMAL((6, 3)), "b": 0.5},
    ),
    "Gemm with factors": (
        ["y = Gemm <alpha: float = 0.5, beta: float = 2.0> (x, w, b)"],
        {"shape": (6,), "w": NORMAL((6, 3)), "b": NORMAL((1, 3))},
    ),
    "Gemm with one bias": (["y = Gemm(x, w, b)"], {"shape": (6,), "w": NORMAL((6, 3)), "b": 0.5}),
    "work on weights": (
        [
            *("one = Constant <value_float: float = 1.0> ()", "n = Neg(w)", "t = Transpose(n)"),
            *("u = Mul(t, one)", "y = MatMul(x, u)"),
        ],
        {"shape": (6,), "w": NORMAL((3, 6))},
    ),
    "slopes of units": (["y = PRelu(x, s)"], SIX),
    "slopes of an image": (
        ["p = PRelu(x, s)", "f = Flatten(p)", "y = MatMul(f, v)"],
        {"shape": (3, 2), "s": NORMAL(2), "v": NORMAL((6, 2))},
    ),
    "layer norm": (
        [
            "h = LayerNormalization(x, s)",
            "y = LayerNormalization <axis: int = 1, epsilon: float = 0.25> (h, s, b)",
        ],
        SIX | {"b": NORMAL(6)},
    ),
    "layer norm of an image": (
        [
            *("n = LayerNormalization <axis: int = -3> (x, s, t)", CONV.replace("(x,", "(n,")),
            *(POOL, "f = Flatten(p)", GEMM),
        ],
        CNN | {"s": NORMAL(IMAGE), "t": NORMAL(IMAGE)},
    ),
    "layer norm of flat channels": (
        [CONV, POOL, "g = Flatten(p)", "f = LayerNormalization(g, s)", GEMM],
        CNN | {"s": NORMAL(48)},
    ),
    "one slope": (["y = PRelu(x, s)"], SIX | {"s": [0.3]}),
    "defaults": (
        ["a = LeakyRelu(x)", "b = Elu(a)", "c = Identity(b)", "d = Tanh(c)", "y = Sigmoid(d)"],
        {"shape": (6,)},
    ),
    "attributes": (
        ["a = LeakyRelu <alpha: float = 0.5> (x)", "y = Elu <alpha: float = 0.5> (a)"],
        {"shape": (6,)},
    ),
    "Gelu": (['y = Gelu <approximate: string = "none"> (x)'], {"shape": (6,), "opset": 20}),
    "erf, as PyTorch has it": (
        ["a = Div(x, r)", "b = Erf(a)", "c = Add(b, one)", "d = Mul(x, c)", "y = Mul(d, half)"],
        {"shape": (6,), "r": 2**0.5, "one": 1.0, "half": 0.5},
    ),
    "erf, as Keras has it": (
        ["h = Mul(half, x)", "a = Mul(x, r)", "b = Erf(a)", "c = Add(one, b)", "y = Mul(h, c)"],
        {"shape": (6,), "r": 2**-0.5, "one": 1.0, "half": 0.5},
    ),
    "erf and a factor": (
        ["a = Div(x, r)", "b = Erf(a)", "c = Add(b, one)", "d = Mul(x, c)", "y = Mul(d, three)"],
        {"shape": (6,), "r": 2**0.5, "one": 1.0, "three": 3.0},
    ),
    "silu of silu": (
        ["a = Sigmoid(x)", "b = Mul(x, a)", "c = Sigmoid(b)", "y = Mul(c, b)"],
        {"shape": (6,)},
    ),
    "silu and a factor": (
        ["a = Sigmoid(x)", "b = Mul(x, a)", "y = Mul(b, three)"],
        {"shape": (6,), "three": 3.0},
    ),
    "factors": (
        ["a = Mul(x, two)", "b = Mul(a, two)", "c = Sub(two, b)", "y = Add(c, two)"],
        {"shape": (6,), "two": [2.0]},
    ),
    "residuals": (
        [
            *("a = Tanh(x)", "b = Relu(a)", "c = Add(a, b)", "d = Mul(c, h)", "e = Add(d, x)"),
            *("f = Mul(e, h)", "y = Add(e, f)"),
        ],
        {"shape": (6,), "h": 0.5},
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_graphs_of_others_are_read(name, rng, tmp_path):
    nodes, options = ACCEPTED[name]
    content = graph(nodes, **options)
    onnx.checker.check_model(content, full_check=True)
    x = rng.standard_normal((7, *options["shape"])).astype(np.float32)
    model = imported(content, tmp_path)
    images = model.input_shape != options["shape"]
    assert images == (name == "turned before" or (len(options["shape"]) == 3 and "w" in options))
    rows = np.moveaxis(x, 1, -1) if images else x
    assert_ported(model.predict(rows), run(content, x).reshape(7, -1), name)


def test_a_softmax_at_the_end_becomes_predict_proba(rng, tmp_path):
    content = graph(["h = MatMul(x, w)", "y = Softmax <axis: int = 1> (h)"], (6,), w=NORMAL((6, 3)))
    x = rng.standard_normal((7, 6)).astype(np.float32)
    assert_ported(imported(content, tmp_path).predict_proba(x), run(content, x))


def test_dropout_keeps_its_rate(tmp_path):
    content = graph(["a = Dropout(x, r)", "y = Relu(a)"], (6,), r=0.25)
    assert imported(content, tmp_path).layers == (pn.Dropout(0.25), pn.ReLU())


def test_constants_may_be_given_as_inputs_with_a_default(tmp_path):
    content = graph(["y = PRelu(x, s)"], **SIX)
    info = onnx.helper.make_tensor_value_info("s", onnx.TensorProto.FLOAT, [6])
    content.graph.input.append(info)
    assert imported(content, tmp_path).input_shape == (6,)
