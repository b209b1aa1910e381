"""`from_torch`, which imports PyTorch modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from .. import layers
from .._extras import require
from ..engine import checked_shape
from ..layers.windows import Pair
from ..model import Sequential
from .chain import Chain

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]


def from_torch(module: torch.nn.Module, *, input_shape: Sequence[int] | None = None) -> Sequential:
    """Import a sequence of PyTorch modules, with their weights.

    Parameters
    ----------
    module : torch.nn.Module
        A supported module or an ``nn.Sequential``, possibly nested, of them: Linear, Conv2d,
        MaxPool2d, PReLU, ReLU, LeakyReLU, ELU, GELU, SiLU, SELU, Mish, Softsign, Tanh, Sigmoid,
        LayerNorm, Dropout, Flatten and Identity. A LayerNorm of images normalizes channels, height
        and width together. Softmax is rejected: remove it and compile the model with softmax
        cross-entropy; `Sequential.predict_proba` then returns probabilities.
    input_shape : tuple of int, optional
        The shape of one sample in prelunet's order: (height, width, channels) for images, which are
        (channels, height, width) in PyTorch. Required unless a Linear precedes all Conv2d and
        MaxPool2d modules.

    Returns
    -------
    Sequential
        The model, with ``seed=0`` and the dtype of the weights. Weights after Flatten are permuted
        to prelunet's order of features. Modules without parameters that require gradients are not
        trainable.

    Raises
    ------
    TypeError
        If `module` is not a module, or contains an unsupported one; the message names it.
    ValueError
        If a module has an unsupported option, or shapes do not match.
    ImportError
        If PyTorch is not installed.
    """
    torch = require("torch", extra=None, purpose="from_torch")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"from_torch: module must be a torch.nn.Module, got {module!r}")
    modules = list(_flat(torch, module, ""))
    shape = _input_shape(torch, modules) if input_shape is None else checked_shape(input_shape)
    reader = _Reader(torch, Chain("from_torch", shape))
    for name, part in modules:
        reader.add(name, part)
    return reader.chain.model(_dtype(torch, module))


def _flat(
    torch: ModuleType, module: torch.nn.Module, name: str
) -> Iterator[tuple[str, torch.nn.Module]]:
    """Yield the names, for messages, and the modules, including nested ones."""
    kind = type(module)
    if isinstance(module, torch.nn.Sequential) and kind.forward is torch.nn.Sequential.forward:
        for key, inner in module.named_children():
            yield from _flat(torch, inner, f"{name}.{key}" if name else key)
    else:
        yield f"module {name or '0'} ({kind.__name__})", module


def _input_shape(torch: ModuleType, modules: list[tuple[str, torch.nn.Module]]) -> tuple[int, ...]:
    for name, module in modules:
        if isinstance(module, torch.nn.Linear):
            return (module.in_features,)
        if isinstance(module, (torch.nn.Conv2d, torch.nn.MaxPool2d)):
            raise ValueError(
                f"from_torch: input_shape must be given as (height, width, channels), since {name} "
                "takes images of any size"
            )
    raise ValueError("from_torch: input_shape must be given, since there is no Linear")


def _dtype(torch: ModuleType, module: torch.nn.Module) -> str:
    names = {torch.float32: "float32", torch.float64: "float64"}
    found = {parameter.dtype for parameter in module.parameters()} or {torch.float32}
    if len(found) > 1 or not found <= names.keys():
        got = ", ".join(sorted(map(str, found)))
        raise ValueError(
            f"from_torch: parameters must be torch.float32 or torch.float64 alone, got {got}"
        )
    return names[found.pop()]


class _Reader:
    """Methods with arguments (name, module), one per module class, that add layers to a chain."""

    def __init__(self, torch: ModuleType, chain: Chain) -> None:
        self.torch, self.chain = torch, chain

    def add(self, name: str, module: torch.nn.Module) -> None:
        """Add one module; subclasses of known classes are rejected, since they may differ."""
        method = _METHODS.get(type(module).__name__)
        if method is None or type(module) is not getattr(
            self.torch.nn, type(module).__name__, None
        ):
            known = ", ".join(_METHODS)
            advice = (
                "; remove it: predict_proba applies it if the loss is a softmax cross-entropy"
                if isinstance(module, (self.torch.nn.Softmax, self.torch.nn.LogSoftmax))
                else ""
            )
            raise TypeError(f"from_torch: {name} must be one of {known}{advice}")
        method(self, name, module)

    def linear(self, name: str, module: torch.nn.Module) -> None:
        weight, bias = _values(module.weight), _bias(module)
        self.chain.dense(name, weight, bias, trainable=_is_trainable(module))

    def conv2d(self, name: str, module: torch.nn.Module) -> None:
        self.expect(name, module, groups=1, dilation=(1, 1), padding_mode="zeros")
        padding = module.padding  # "same" exists only for stride 1, where it equals ours
        self.chain.conv2d(
            name,
            _values(module.weight).transpose(0, 2, 3, 1),
            _bias(module),
            stride=module.stride,
            padding=padding if isinstance(padding, str) else [(pad, pad) for pad in padding],
            trainable=_is_trainable(module),
        )

    def max_pool2d(self, name: str, module: torch.nn.Module) -> None:
        self.expect(name, module, ceil_mode=False, return_indices=False)
        self.expect(name, module, dilation=(1, 1))
        self.chain.max_pool2d(
            name,
            size=_pair(module.kernel_size),
            stride=_pair(module.stride),
            padding=[(pad, pad) for pad in _pair(module.padding)],
        )

    def prelu(self, name: str, module: torch.nn.Module) -> None:
        if len(self.chain.shape) == 2 and module.num_parameters > 1:
            raise self.chain.fault(name, "channels must be the last axis, not one before it")
        self.chain.prelu(name, _values(module.weight), trainable=_is_trainable(module))

    def layer_norm(self, name: str, module: torch.nn.LayerNorm) -> None:
        gamma, beta = (None if v is None else _values(v) for v in (module.weight, module.bias))
        self.chain.layer_norm(
            name,
            gamma,
            beta,
            axes=module.normalized_shape,
            epsilon=module.eps,
            channels_first=True,
            trainable=gamma is None or _is_trainable(module),
        )

    def leaky_relu(self, name: str, module: torch.nn.Module) -> None:
        self.chain.activation("LeakyReLU", slope=module.negative_slope)

    def elu(self, name: str, module: torch.nn.Module) -> None:
        self.chain.activation("ELU", scale=module.alpha)

    def gelu(self, name: str, module: torch.nn.Module) -> None:
        self.expect(name, module, approximate="none")
        self.chain.add(layers.GELU())

    def dropout(self, name: str, module: torch.nn.Module) -> None:
        self.chain.add(layers.Dropout(module.p))

    def flatten(self, name: str, module: torch.nn.Module) -> None:
        self.expect(name, module, start_dim=1, end_dim=-1)
        self.chain.flatten(channels_first=True)

    def identity(self, name: str, module: torch.nn.Module) -> None:
        """Add nothing."""

    def expect(self, name: str, module: torch.nn.Module, **expected: object) -> None:
        """Reject a module with other values of these options."""
        for option, value in expected.items():
            got = getattr(module, option)
            if got != value and (got, got) != value:
                raise self.chain.fault(name, f"{option} must be {value!r}, got {got!r}")


def _values(parameter: torch.nn.Parameter) -> Array:
    values: Array = parameter.detach().cpu().resolve_neg().numpy()
    return values


def _bias(module: torch.nn.Module) -> Array | None:
    return None if module.bias is None else _values(module.bias)


def _is_trainable(module: torch.nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in module.parameters())


def _pair(value: int | Pair) -> Pair:
    return value if isinstance(value, tuple) else (value, value)


def _plain(layer: type[layers.Layer]) -> Callable[[_Reader, str, torch.nn.Module], None]:
    return lambda reader, name, module: reader.chain.add(layer())


_METHODS: dict[str, Callable[[_Reader, str, torch.nn.Module], None]] = {
    "Linear": _Reader.linear,
    "Conv2d": _Reader.conv2d,
    "MaxPool2d": _Reader.max_pool2d,
    "PReLU": _Reader.prelu,
    "LayerNorm": _Reader.layer_norm,
    "ReLU": _plain(layers.ReLU),
    "LeakyReLU": _Reader.leaky_relu,
    "ELU": _Reader.elu,
    "GELU": _Reader.gelu,
    "SiLU": _plain(layers.SiLU),
    "SELU": _plain(layers.SELU),
    "Mish": _plain(layers.Mish),
    "Softsign": _plain(layers.Softsign),
    "Tanh": _plain(layers.Tanh),
    "Sigmoid": _plain(layers.Sigmoid),
    "Dropout": _Reader.dropout,
    "Flatten": _Reader.flatten,
    "Identity": _Reader.identity,
}
