"""Arrays of other libraries: taken without a copy by way of DLPack, or refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp
from prelunet._arrays import as_rows
from tolerances import assert_same_bits

CPU, CUDA = 1, 2  # DLPack's types of devices


class Foreign:
    """An array that speaks DLPack and nothing else."""

    def __init__(self, array, device=(CPU, 0)):
        self._array, self._device = array, device

    def __dlpack_device__(self):
        return self._device

    def __dlpack__(self, **options):
        if self._device[0] != CPU:
            raise BufferError("device 0 is not the CPU")
        return self._array.__dlpack__(**options)


class OldForeign(Foreign):
    """One of before DLPack 1.0: it cannot say that it is read-only."""

    def __dlpack__(self, stream=None):
        return self._array.__dlpack__()


class Copied(Foreign):
    """One on another device, whose library copies it when NumPy asks."""

    def __array__(self, dtype=None, copy=None):
        return self._array.copy()


class Unwilling(Foreign):
    """One whose library does not copy by itself."""

    def __array__(self, dtype=None, copy=None):
        raise TypeError("cannot be converted; use .cpu() to copy it")


@pytest.mark.parametrize("kind", [Foreign, OldForeign])
@pytest.mark.parametrize("layout", ["rows", "columns", "strided"])
def test_memory_is_shared(kind, layout, rng, dtype):
    whole = np.asarray(
        rng.standard_normal((6, 8)), dtype, order="F" if layout == "columns" else "C"
    )
    array = whole[::2, ::-1] if layout == "strided" else whole
    taken = as_rows("f", "X", kind(array))
    assert np.shares_memory(taken, array)
    assert_same_bits(taken, array)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_memory_of_any_dtype_that_both_have_is_shared(dtype):
    array = np.ones((3, 2), dtype)
    taken = as_rows("f", "X", Foreign(array))
    assert taken.dtype == array.dtype
    assert np.shares_memory(taken, array)


def test_models_take_them_as_they_take_arrays(rng):
    model, other = mlp(dtype="float32"), mlp(dtype="float32")
    X, y = labelled(rng, 40, dtype=np.float32)
    assert_same_bits(model.predict(Foreign(X)), model.predict(X))
    history = model.fit(Foreign(X), Foreign(y), sample_weight=Foreign(np.ones(40)))
    assert history == other.fit(X, y, sample_weight=np.ones(40))
    bias = np.arange(5.0)
    model.set_parameters({"4.bias": Foreign(bias)})
    assert (model.parameters()["4.bias"] == bias).all()


@pytest.mark.parametrize("view", ["negative", "conjugate", "both"])
def test_views_that_pytorch_marks_are_made_whole(view):
    """Tensors with a negative or a conjugate bit share memory that holds other values."""
    torch = pytest.importorskip("torch")
    tensor = torch.tensor([[1.0 + 2.0j, 3.0 - 4.0j], [0.5j, -1.0 + 0j]]).conj()
    tensor = {"negative": tensor.imag, "conjugate": tensor, "both": -tensor.imag}[view]
    wanted = tensor.resolve_conj().resolve_neg().numpy()
    taken = as_rows("f", "X", tensor)
    assert_same_bits(taken.real, wanted.real)
    assert_same_bits(taken.imag, wanted.imag)


def test_a_negated_weight_of_pytorch_is_read_as_it_is():
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(2, 3)
    negated = torch.complex(torch.zeros(3, 2), -layer.weight.detach()).conj().imag
    assert negated.is_neg()
    layer.weight = torch.nn.Parameter(negated)
    model = pn.from_torch(torch.nn.Sequential(layer), input_shape=(2,))
    assert_same_bits(model.parameters()["0.weight"], layer.weight.detach().resolve_neg().numpy())


def test_arrays_that_are_read_only_go_in(rng):
    X, _ = labelled(rng, 40)
    frozen = X.copy()
    frozen.flags.writeable = False
    taken = as_rows("f", "X", Foreign(frozen))
    assert np.shares_memory(taken, frozen)
    assert not taken.flags.writeable
    assert_same_bits(mlp().predict(Foreign(frozen)), mlp().predict(X))


def test_a_copy_is_taken_where_memory_cannot_be_shared(rng):
    X, _ = labelled(rng, 40)
    there = Copied(X, device=(CUDA, 0))
    assert not np.shares_memory(as_rows("f", "X", there), X)
    assert_same_bits(mlp().predict(there), mlp().predict(X))


def test_what_cannot_be_read_is_refused_with_the_reason():
    frozen = np.ones((3, 19))
    frozen.flags.writeable = False
    for value, reason in [
        (Foreign(np.ones((3, 19)), device=(CUDA, 0)), "a Foreign: device 0 is not the CPU"),
        (
            Unwilling(np.ones((3, 19)), device=(CUDA, 0)),
            r"an? Unwilling: .*use \.cpu\(\) to copy it",
        ),
        (OldForeign(frozen), "a OldForeign: Cannot export readonly array"),
        (Foreign(np.array(["a"])), "a Foreign: DLPack only supports"),
    ]:
        expected = (
            rf"^predict: X must be an array that NumPy can read in the CPU's memory, got {reason}"
        )
        with pytest.raises(ValueError, match=expected):
            mlp().predict(value)
    with pytest.raises(ValueError, match=r"^predict: X must be an array of rows, got Foreign"):
        mlp().predict(Foreign(np.array(1.0)))


# ---- libraries that people have ----------------------------------------------------------------


def test_tensors_of_torch_share_their_memory():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    tensor = torch.ones(3, 2)
    taken = as_rows("f", "X", tensor)
    tensor[0, 0] = 7
    assert taken[0, 0] == 7
    with pytest.raises(ValueError, match=r"got a Tensor: .*detach"):
        as_rows("f", "X", tensor.requires_grad_())
    with pytest.raises(ValueError, match=r"got a Tensor: .*BFloat16"):
        as_rows("f", "X", torch.ones(3, 2, dtype=torch.bfloat16))


def test_arrays_of_jax_share_their_memory():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    array = jax.numpy.ones((3, 2))
    taken = as_rows("f", "X", array)
    assert taken.ctypes.data == array.unsafe_buffer_pointer()
    model = pn.Sequential([pn.Dense(2)], input_shape=(2,))
    with pytest.raises(TypeError, match="bfloat16"):
        model.predict(array.astype("bfloat16"))
