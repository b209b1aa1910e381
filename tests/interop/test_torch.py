"""Modules of PyTorch, where it is installed: the same outputs, or an error that names one."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest

import prelunet as pn
from interop_models import assert_ported

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn

IMAGE = (9, 8, 3)
MODULES = {
    "linear": ((6,), nn.Linear(6, 4)),
    "no bias": ((6,), nn.Sequential(nn.Linear(6, 4, bias=False))),
    **{
        type(activation).__name__ + f" {place}": ((6,), nn.Sequential(nn.Linear(6, 6), activation))
        for place, activation in enumerate(
            [
                *(nn.ReLU(), nn.LeakyReLU(0.2), nn.ELU(0.7), nn.GELU(), nn.SiLU(), nn.Tanh()),
                *(nn.Sigmoid(), nn.PReLU(), nn.PReLU(6), nn.Dropout(0.3), nn.Identity()),
                *(nn.SELU(), nn.Mish(), nn.Softsign()),
            ]
        )
    },
    "nested": (
        (6,),
        nn.Sequential(
            nn.Sequential(nn.Linear(6, 5), nn.Sequential(nn.Tanh())), nn.PReLU(5), nn.Linear(5, 2)
        ),
    ),
    "layer norm": (
        (6,),
        nn.Sequential(
            *(nn.LayerNorm(6), nn.Linear(6, 5), nn.LayerNorm(5, eps=0.25, bias=False)),
            *(nn.Linear(5, 4), nn.LayerNorm(4, elementwise_affine=False)),
        ),
    ),
    "layer norm of two axes": (
        (3, 4),
        nn.Sequential(nn.LayerNorm(4), nn.LayerNorm((3, 4)), nn.Flatten(), nn.Linear(12, 2)),
    ),
    "layer norm of images": (
        IMAGE,
        nn.Sequential(
            *(nn.LayerNorm((3, 9, 8)), nn.Conv2d(3, 4, 3), nn.LayerNorm((4, 7, 6))),
            *(nn.Flatten(), nn.LayerNorm(168), nn.Linear(168, 4)),
        ),
    ),
    "flat images": (IMAGE, nn.Sequential(nn.Flatten(), nn.PReLU(216), nn.Linear(216, 4))),
    "flat rows": ((6,), nn.Sequential(nn.Flatten(), nn.Linear(6, 4))),
    "two axes": ((3, 4), nn.Sequential(nn.PReLU(), nn.Flatten(), nn.Linear(12, 2))),
    "conv2d": (IMAGE, nn.Sequential(nn.Conv2d(3, 4, (3, 2)), nn.Flatten(), nn.Linear(196, 4))),
    "conv2d with padding": (
        IMAGE,
        nn.Sequential(
            *(
                nn.Conv2d(3, 4, 3, padding=1, bias=False),
                nn.PReLU(4),
                nn.Conv2d(4, 5, 5, (2, 1), 2),
            ),
            *(nn.Flatten(), nn.Tanh(), nn.PReLU(200), nn.Linear(200, 4)),
        ),
    ),
    "conv2d, same": (
        IMAGE,
        nn.Sequential(nn.Conv2d(3, 4, (2, 4), padding="same"), nn.Flatten(), nn.Linear(288, 4)),
    ),
    "conv2d, valid": (
        IMAGE,
        nn.Sequential(nn.Conv2d(3, 4, 8, padding="valid"), nn.Flatten(), nn.Linear(8, 4)),
    ),
    "max_pool2d": (
        IMAGE,
        nn.Sequential(
            *(nn.MaxPool2d(2), nn.MaxPool2d((3, 2), stride=1), nn.MaxPool2d(1, 3)),
            *(nn.Flatten(), nn.Linear(3, 4)),
        ),
    ),
    "max_pool2d with padding": (
        IMAGE,
        nn.Sequential(nn.MaxPool2d(3, 1, padding=1), nn.Flatten(), nn.Linear(216, 4)),
    ),
    "one channel": (
        IMAGE,
        nn.Sequential(nn.Conv2d(3, 1, 3), nn.PReLU(), nn.Flatten()),  # no order to keep
    ),
    "one pixel": (IMAGE, nn.Sequential(nn.Conv2d(3, 5, (9, 8)), nn.Flatten())),
}


def drawn(module, dtype):
    """Return a copy of a module with weights and slopes of no special value."""
    module = torch.nn.Sequential(module).to(getattr(torch, np.dtype(dtype).name)).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3, generator=generator)
    return module


def outputs(module, x):
    """Return what PyTorch gives for rows as prelunet has them."""
    with torch.no_grad():
        return module(torch.from_numpy(np.moveaxis(x, -1, 1).copy())).numpy()


# PyTorch's remark on the speed of even kernels that are padded.
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("name", MODULES)
def test_outputs_are_those_of_torch(name, rng, dtype):
    shape, module = MODULES[name]
    module = drawn(module, dtype)
    x = rng.standard_normal((7, *shape)).astype(dtype)
    model = pn.from_torch(module, input_shape=shape)
    assert model.dtype == np.dtype(dtype).name
    expected = outputs(module, x) if len(shape) == 3 else module(torch.from_numpy(x)).detach()
    assert_ported(model.predict(x), np.asarray(expected), name)


def test_weights_are_copies():
    module = nn.Linear(3, 2)
    model = pn.from_torch(module)
    assert model.input_shape == (3,)
    before = model.parameters()["0.weight"].copy()
    with torch.no_grad():
        module.weight += 1
    assert (model.parameters()["0.weight"] == before).all()


def test_what_needs_no_gradient_is_not_trained():
    module = nn.Sequential(nn.Linear(3, 3), nn.PReLU(), nn.Linear(3, 2))
    module[0].requires_grad_(False)
    module[1].requires_grad_(False)
    model = pn.from_torch(module)
    assert [layer.trainable for layer in model.layers] == [False, False, True]
    assert model.layers[0] == pn.Dense(3, trainable=False)


def test_dropout_acts_in_training():
    assert pn.from_torch(nn.Sequential(nn.Dropout(0.3), nn.Linear(3, 2))).layers[0] == pn.Dropout(
        0.3
    )


# ---- what is refused ---------------------------------------------------------------------------


class Own(nn.Sequential):
    def forward(self, x):
        return 2 * super().forward(x)


class OwnLinear(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


KINDS = {
    "BatchNorm1d": nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)),
    "Own": nn.Sequential(nn.Linear(3, 3), Own(nn.Linear(3, 3))),
    "OwnLinear": nn.Sequential(nn.Linear(3, 3), OwnLinear(3, 3)),
    "Linear": nn.Sequential(nn.Linear(3, 3), type("Linear", (OwnLinear,), {})(3, 3)),
    "ParametrizedLinear": nn.Sequential(
        nn.Linear(3, 3), nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_modules_of_another_kind_are_refused(kind):
    with pytest.raises(
        TypeError, match=rf"^from_torch: module 1 \({kind}\) must be one of Linear,"
    ):
        pn.from_torch(KINDS[kind])


def test_softmax_is_refused_with_advice():
    for softmax in (nn.Softmax(1), nn.LogSoftmax(1)):
        inner = nn.Sequential(nn.Linear(3, 3), softmax)
        with pytest.raises(TypeError, match=r"module head\.1 .*remove it: predict_proba applies"):
            pn.from_torch(nn.Sequential(OrderedDict(head=inner)))


OPTIONS = {
    "groups": (nn.Conv2d(3, 3, 3, groups=3), "groups must be 1, got 3"),
    "dilation": (nn.Conv2d(3, 3, 3, dilation=2), r"dilation must be \(1, 1\), got \(2, 2\)"),
    "padding_mode": (
        nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"),
        "padding_mode must be 'zeros', got 'reflect'",
    ),
    "padding": (nn.Conv2d(3, 3, 3, padding=2), r"padding must be none, or .* got \(\(2, 2\), "),
    "padding and stride": (nn.Conv2d(3, 3, 4, 2, 1), "padding must be none, or"),
    "channels": (
        nn.Conv2d(4, 3, 3),
        r"input must have shape \(height, width, 4\), got \(9, 8, 3\)",
    ),
    "ceil_mode": (nn.MaxPool2d(2, ceil_mode=True), "ceil_mode must be False, got True"),
    "indices": (nn.MaxPool2d(2, return_indices=True), "return_indices must be False, got True"),
    "pool's dilation": (nn.MaxPool2d(2, dilation=2), r"dilation must be \(1, 1\), got 2"),
    "GELU": (nn.GELU("tanh"), "approximate must be 'none', got 'tanh'"),
    "start_dim": (nn.Flatten(0), "start_dim must be 1, got 0"),
    "features": (nn.Linear(3, 2), r"input must have shape \(3,\), got \(9, 8, 3\)"),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_options_that_no_layer_has_are_refused(option):
    module, message = OPTIONS[option]
    kind = type(module).__name__
    with pytest.raises(ValueError, match=rf"^from_torch: module 0 \({kind}\): {message}"):
        pn.from_torch(nn.Sequential(module), input_shape=IMAGE)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(
        ValueError, match=r"input_shape must be given as .* since module 0 \(Conv2d"
    ):
        pn.from_torch(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)))
    with pytest.raises(ValueError, match="input_shape must be given, since there is no Linear"):
        pn.from_torch(nn.Sequential(nn.ReLU()))
    with pytest.raises(ValueError, match="an entry of input_shape must be an integer >= 1, got 0"):
        pn.from_torch(nn.Linear(3, 2), input_shape=(0,))
    with pytest.raises(ValueError, match="the outputs: an image is flattened and no layer with"):
        pn.from_torch(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()), input_shape=IMAGE)
    with pytest.raises(ValueError, match="channels must be the last axis, not one before it"):
        pn.from_torch(nn.Sequential(nn.PReLU(4), nn.Flatten()), input_shape=(4, 4))


def test_what_is_no_module_or_of_another_precision_is_refused():
    with pytest.raises(TypeError, match=r"^from_torch: module must be a torch.nn.Module, got \[\]"):
        pn.from_torch([])
    both = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3).double())
    for module, got in (
        (both, "torch.float32, torch.float64"),
        (nn.Linear(3, 2).half(), "float16"),
    ):
        with pytest.raises(ValueError, match=rf"must be torch.float32 or .* alone, got .*{got}"):
            pn.from_torch(module)
