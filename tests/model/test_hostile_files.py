"""Model files that demand more than they hold: refused before memory or time is spent."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile

import numpy as np
import pytest

import prelunet as pn
from interop_models import STACKS, network
from prelunet.formats import npz
from prelunet.layers.stacking import parameter_shapes

MEGABYTE = 1 << 20


def described(layers, *, shape=(4,), **changes):
    """Return the text of a model file without its arrays."""
    about = {"format": 1, "version": "0", "metadata": {}, "dtype": "float32", "seed": 0}
    about |= {"epochs_trained": 0, "layers": layers, "input_shape": shape}
    return json.dumps(about | changes)


def nested(levels):
    """Return a layer inside Residual layers."""
    layer = {"class": "ReLU"}
    for _ in range(levels):
        layer = {"class": "Residual", "layers": [layer]}
    return [layer]


def refused(path, text, message, arrays=None):
    """Assert that a file is refused without taking more memory than twice the file."""
    with path.open("wb") as stream:
        npz.write(stream, text, arrays or {})
    assert_refused(path, message)


def assert_refused(path, message):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"^load: .*m\.npz is .*{message}"):
            pn.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * path.stat().st_size + 16 * MEGABYTE
    finally:
        tracemalloc.stop()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.npz"


WIDE = {"class": "Dense", "units": 2**15}
RELU = {"class": "ReLU"}


def test_layers_that_the_file_has_no_tensors_for(path):
    """934 bytes took 7.7 GB before they were refused."""
    refused(path, described([WIDE, WIDE], shape=[784]), "tensor 'parameter/0.weight' is missing")
    tensors = {"parameter/0.weight": np.zeros((2, 3), "f4")}
    message = r"'parameter/0.weight' must have shape \(32768, 784\) .* got \(2, 3\)"
    refused(path, described([WIDE, WIDE], shape=[784]), message, tensors)


def test_a_sample_larger_than_memory(path):
    refused(path, described([RELU], shape=[2**20, 2**30, 2**30]), "at most 2.*59 elements")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (nested(33), "nested at most 32 deep"),
        (nested(150), "nested"),
        ([RELU] * 10_001, "layers must be at most 10,000, got 10,001"),
    ],
    ids=["deep", "deeper", "many"],
)
def test_descriptions_without_end(path, layers, message):
    refused(path, described(layers), message)


def test_a_text_nested_deeper_than_python_can_read(path):
    refused(path, "[" * 100_000, "not a model of prelunet, or is damaged: it is nested too deeply")


@pytest.mark.parametrize("count", [float("inf"), float("nan"), -1, 2**63, "3", None, True])
def test_epochs_that_are_no_count(path, count):
    refused(path, described([RELU], epochs_trained=count), "epochs_trained must be an integer")


def test_entries_are_not_compressed(path):
    """A compressed array can be a thousand times as large as the file."""
    entries = {"prelunet": np.array(described([RELU])), "x": np.zeros(64 * MEGABYTE, "u1")}
    np.savez_compressed(path, **entries)
    assert path.stat().st_size < MEGABYTE
    assert_refused(path, "entry 'prelunet' must be stored, got compression method 8")


def entry(shape, dtype="<f4"):
    """Return the header of an array."""
    stream = io.BytesIO()
    about = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(2**28,), (2**62, 2**62), (2**61,), (3,), (-4,)])
@pytest.mark.parametrize("dtype", ["<f4", "<U1000000", "<f8"])
def test_an_array_whose_header_claims_another_size(path, shape, dtype):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("prelunet.npy", entry(shape, dtype) + bytes(8))
    assert_refused(path, "is damaged: ")


@pytest.mark.parametrize("text", [b"(" * 3000, b"-" * 9000, b"{" * 90, b"'''", b"1_0L " * 9])
def test_a_header_that_pythons_parser_cannot_read(path, text):
    """The parser raises MemoryError where a text is nested deeply."""
    header = b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("prelunet.npy", header + bytes(8))
    assert_refused(path, "is damaged: ")


def test_entries_that_share_their_bytes(path):
    """A zip file may list one member under many names."""
    tensor = entry((MEGABYTE,), "|u1") + bytes(MEGABYTE)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("prelunet.npy", tensor)
        (info,) = archive.infolist()
        for number in range(100):
            other = zipfile.ZipInfo(f"{number}.npy")
            other.header_offset, other.CRC = info.header_offset, info.CRC
            other.file_size = other.compress_size = info.file_size
            archive.filelist.append(other)
    assert_refused(path, "the entries declare .* bytes in a file of")


@pytest.mark.parametrize("name", STACKS)
def test_shapes_of_parameters_are_those_of_the_core(name):
    """They are known without building a model."""
    model = network(name)
    found = parameter_shapes(model.layers, model.input_shape)
    expected = {name: info["shape"] for name, info in model.engine.infos().items()}
    assert {name: shape for name, _, shape in found} == expected


# ---- models that no memory can hold ------------------------------------------------------------


def test_a_model_too_large_for_memory_names_the_layer_and_the_bytes():
    message = r"memory for the parameters: 1\.weight of a Dense has 27,487,790,694,400 bytes, all"
    layers = [pn.Dense(100), pn.Dense(2**36), pn.PReLU()]
    with pytest.raises(MemoryError, match=message):
        pn.Sequential(layers, input_shape=(784,))
    with pytest.raises(MemoryError, match=r"of a Conv2D has [0-9,]+ bytes"):
        pn.Sequential([pn.Conv2D(2**40, 3), pn.Flatten()], input_shape=(8, 8, 64), dtype="float64")
    with pytest.raises(MemoryError, match=r"0\.0\.weight of a Dense has [0-9,]+ bytes"):
        pn.Sequential([pn.Residual([pn.Dense(2**36)])], input_shape=(2**36,))
