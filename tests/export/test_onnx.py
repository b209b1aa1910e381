"""ONNX files that we write: ONNX's checker accepts them and other programs compute the same."""

from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest

import prelunet as pn
from interop_models import STACKS, assert_ported, network, random_network, samples
from network_models import LOSSES, mlp
from onnx_runs import run, session
from prelunet import cli


def exported(model, path, **options):
    """Write a model, have it checked, and return what ONNX reads."""
    file = path / "m.onnx"
    model.to_onnx(file, **options)
    content = onnx.load(file)
    onnx.checker.check_model(content, full_check=True)
    return content


# ---- what other programs compute ---------------------------------------------------------------


@pytest.mark.parametrize("name", STACKS)
def test_every_layer_gives_the_same_elsewhere(name, rng, tmp_path, dtype):
    model = network(name, dtype)
    content = exported(model, tmp_path)
    for rows in (1, 7):
        x = samples(rng, model, rows)
        assert_ported(run(content, x), model.predict(x), name)


@pytest.mark.parametrize("seed", range(20))
def test_random_networks_give_the_same_elsewhere(seed, tmp_path, dtype):
    rng = np.random.default_rng(seed)
    model = random_network(rng, dtype)
    x = samples(rng, model, 20)
    assert_ported(run(exported(model, tmp_path), x), model.predict(x), repr(model))


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
def test_probabilities_are_those_of_the_loss(loss, rng, tmp_path, dtype):
    model = mlp(loss=loss, dtype=np.dtype(dtype).name)
    x = samples(rng, model)
    content = exported(model, tmp_path, probabilities=True)
    assert [value.name for value in content.graph.output] == ["probabilities"]
    assert_ported(run(content, x), model.predict_proba(x))


@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
def test_constants_keep_the_precision_of_the_model(name, rng, tmp_path):
    """Attributes of nodes are float32: 0.3 is not one."""
    model = network(name, np.float64)
    x = samples(rng, model)
    assert_ported(run(exported(model, tmp_path), x), model.predict(x))
    halves = [pn.LeakyReLU(0.5), pn.ELU(0.5)]
    plain = pn.Sequential(halves, input_shape=(3,), dtype="float64")
    assert [node.op_type for node in exported(plain, tmp_path).graph.node] == ["LeakyRelu", "Elu"]


def test_epsilon_keeps_the_precision_of_the_model(rng, tmp_path):
    """Where the attribute rounds epsilon, a factor before the node makes up for it."""
    for epsilon, dtype, nodes in (
        (1e-3, "float64", ["Mul", "LayerNormalization"]),
        (0.25, "float64", ["LayerNormalization"]),
        (1e-3, "float32", ["LayerNormalization"]),
    ):
        stack = [pn.LayerNorm(epsilon=epsilon)]
        model = pn.Sequential(stack, input_shape=(6,), dtype=dtype)
        content = exported(model, tmp_path)
        assert [node.op_type for node in content.graph.node] == nodes
        x = (1e-2 * samples(rng, model)).astype(dtype)  # epsilon matters
        assert_ported(run(content, x), model.predict(x))


# ---- the file ----------------------------------------------------------------------------------


def test_a_file_says_what_it_is(tmp_path):
    model = network("images throughout")
    content = exported(model, tmp_path)
    assert [(entry.domain, entry.version) for entry in content.opset_import] == [("", 17)]
    assert content.ir_version == 8
    assert (content.producer_name, content.producer_version) == ("prelunet", pn.__version__)
    reader = session(content)
    properties = {"prelunet": pn.__version__, "dtype": "float32", "metadata": "{}"}
    assert reader.get_modelmeta().custom_metadata_map == properties
    (x,), (outputs,) = reader.get_inputs(), reader.get_outputs()
    assert (x.name, x.shape, x.type) == ("x", ["batch", 9, 8, 3], "tensor(float)")
    assert (outputs.name, outputs.shape) == ("outputs", ["batch", 4])


def test_slopes_have_all_the_axes_of_what_they_act_on(tmp_path):
    content = exported(network("images throughout"), tmp_path)
    shapes = {value.name: list(value.dims) for value in content.graph.initializer}
    assert shapes["1.alpha"] == [1, 1, 1, 3]  # before the first convolution: channels are last
    assert shapes["2.alpha"] == [1, 4, 1, 1]
    assert shapes["3.0.alpha"] == [1, 1, 1, 1]
    flat = exported(network("prelu-channel"), tmp_path)
    assert [1, 6] in [list(value.dims) for value in flat.graph.initializer]


def test_images_are_turned_at_the_edges_alone(tmp_path):
    ops = [node.op_type for node in exported(network("images throughout"), tmp_path).graph.node]
    assert ops.count("Transpose") == 2
    for name in ("conv2d, one pixel", "conv2d, one channel"):
        ops = [node.op_type for node in exported(network(name), tmp_path).graph.node]
        assert ops.count("Transpose") == 1  # nothing to turn back


def test_names_are_the_models(tmp_path):
    model = pn.Sequential([pn.Dense(2, name="first"), pn.Dense(3)], input_shape=(4,))
    content = exported(model, tmp_path)
    assert {value.name for value in content.graph.initializer} == set(model.parameters())


# ---- what is refused ---------------------------------------------------------------------------


def test_what_cannot_be_written_is_refused(tmp_path):
    inside = pn.Residual([pn.Lambda(np.tanh, lambda g, x, y: g * (1 - y * y))], name="block")
    path = tmp_path / "m.onnx"
    with pytest.raises(TypeError, match=r"^to_onnx: layer block\.0 is a Lambda, which no ONNX"):
        pn.Sequential([inside], input_shape=(3,)).to_onnx(path)
    with pytest.raises(RuntimeError, match="input_shape is not known yet"):
        pn.Sequential([pn.Dense(3)]).to_onnx(path)
    with pytest.raises(RuntimeError, match=r"^to_onnx: compile the model first"):
        network("dense").to_onnx(path, probabilities=True)
    for loss in set(LOSSES) - {"softmax_cross_entropy", "sigmoid_cross_entropy"}:
        with pytest.raises(ValueError, match=r"^to_onnx: the loss must be a cross-entropy, got"):
            mlp(loss=loss).to_onnx(path, probabilities=True)
    with pytest.raises(TypeError, match=r"^to_onnx: probabilities must be True or False, got 1"):
        mlp().to_onnx(path, probabilities=1)
    with pytest.raises(ValueError, match=r"^to_onnx: path must end in \.onnx, got 'm\.npz'"):
        mlp().to_onnx("m.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layer", [pn.SiLU(), pn.Dense(3, "silu")])
def test_an_activation_that_onnx_lacks_is_named(layer, tmp_path, monkeypatch):
    monkeypatch.delitem(pn.export.onnx._ACTIVATIONS, "silu")
    model = pn.Sequential([pn.Residual([layer], name="block")], input_shape=(3,))
    message = r"^to_onnx: layer block\.0 has the activation 'silu'; the ONNX exporter knows relu, "
    with pytest.raises(ValueError, match=message):
        model.to_onnx(tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_file_that_was_there(tmp_path):
    (tmp_path / "m.onnx").mkdir()  # the last step, the renaming, cannot be done
    with pytest.raises(IsADirectoryError):
        mlp().to_onnx(tmp_path / "m.onnx")
    with pytest.raises(FileNotFoundError):
        mlp().to_onnx(tmp_path / "nowhere" / "m.onnx")
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.onnx"]


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"an ONNX file needs .* 'prelunet\[io\]'"):
        mlp().to_onnx(tmp_path / "m.onnx")


# ---- the command -------------------------------------------------------------------------------


def test_the_command_writes_what_the_method_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = mlp()
    model.save("m.safetensors")
    for options in ([], ["--probabilities"]):
        assert cli.main(["export", "m.safetensors", "m.onnx", *options]) == 0
        model.to_onnx("n.onnx", probabilities=bool(options))
        assert (tmp_path / "m.onnx").read_bytes() == (tmp_path / "n.onnx").read_bytes()
    first, second = capsys.readouterr().out.splitlines()
    assert first == "wrote m.onnx: float64, x (rows, 19) to outputs (rows, 5)"
    assert second == "wrote m.onnx: float64, x (rows, 19) to probabilities (rows, 5)"
    assert cli.main(["export", "m.safetensors", "m.pt"]) == 2
    assert "FILE must end in .onnx or .h, got 'm.pt'" in capsys.readouterr().err
