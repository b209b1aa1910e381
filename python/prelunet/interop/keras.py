"""`from_keras`, which imports Keras models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .. import layers
from .._extras import require
from ..model import Sequential
from .chain import Chain

if TYPE_CHECKING:
    import keras

DTYPES = ("float32", "float64")


def from_keras(model: keras.Model) -> Sequential:
    """Import a Keras model, with its weights.

    Parameters
    ----------
    model : keras.Model
        A Sequential, or a functional model that is a chain, with a known input shape. It may
        contain nested models and Dense, Conv2D, MaxPooling2D, PReLU, ReLU, LeakyReLU, ELU,
        Activation, Softmax, LayerNormalization of the last axes, Dropout, Flatten, Rescaling and
        InputLayer layers. Activations, also inside Dense and Conv2D, may be linear, relu,
        leaky_relu, elu, gelu, silu, selu, mish, softsign, tanh, sigmoid and a final softmax. A
        PReLU must have one slope in all or one per channel. Keras's default for images, one slope
        per pixel, is rejected; ``shared_axes=[1, 2]`` gives one per channel.

    Returns
    -------
    Sequential
        The model, with ``seed=0`` and the dtype of the layers. A final softmax is removed and the
        model is compiled with ``"softmax_cross_entropy"``: `Sequential.predict` then returns
        logits, and `Sequential.predict_proba` the output of the Keras model. Layers keep their
        `trainable` attribute.

    Raises
    ------
    TypeError
        If `model` is not a Keras model, or contains an unsupported layer; the message names it.
    ValueError
        If a layer has an unsupported option or activation, the model is not a chain, or its input
        shape is unknown.
    ImportError
        If Keras is not installed.
    """
    keras = require("keras", extra=None, purpose="from_keras")
    if not isinstance(model, keras.Model):
        raise TypeError(f"from_keras: model must be a keras.Model, got {model!r}")
    parts = list(_flat(keras, model))
    reader = _Reader(keras, Chain("from_keras", _input_shape(model)))
    for part in parts:
        reader.add(part)
    return reader.chain.model(_dtype(parts), softmax=reader.softmax)


def _flat(keras: ModuleType, model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers in order, including those of nested models."""
    if type(model) is keras.Sequential:
        chain = model.layers
    elif type(model).__name__ == "Functional":
        chain = _checked_chain(model)
    else:
        raise TypeError(
            f"from_keras: {_where(model)} must be a Sequential or a functional model, since what "
            "its call does is not known"
        )
    for layer in chain:
        if isinstance(layer, keras.Model):
            yield from _flat(keras, layer)
        elif type(layer) is not keras.layers.InputLayer:
            yield layer


def _checked_chain(model: keras.Model) -> list[keras.Layer]:
    """Return the layers of a functional model, checked to be a chain."""
    rest: list[keras.Layer] = model.layers[1:]
    value = model.layers[0].output
    for layer in rest:
        nodes = [n for n in layer._inbound_nodes if _is_only(n.input_tensors, value)]
        if not nodes:
            raise ValueError(f"from_keras: {_where(model)} must be a chain of layers")
        value = nodes[-1].output_tensors[0]
    if not _is_only(model.outputs, value):
        raise ValueError(f"from_keras: {_where(model)} must be a chain of layers")
    return rest


def _is_only(tensors: list[keras.KerasTensor], value: keras.KerasTensor) -> bool:
    return len(tensors) == 1 and tensors[0] is value


def _input_shape(model: keras.Model) -> tuple[int, ...]:
    shape = model.input_shape[1:] if model.built else (None,)
    if None in shape:
        raise ValueError(
            f"from_keras: {_where(model)} must know the shape of its input, got {shape}; begin it "
            "with keras.Input"
        )
    return tuple(shape)


def _dtype(parts: list[keras.Layer]) -> str:
    found = {part.compute_dtype for part in parts} | {part.variable_dtype for part in parts}
    if len(found) != 1 or not found <= set(DTYPES):
        got = ", ".join(sorted(map(str, found)))
        raise ValueError(f"from_keras: layers must be float32 or float64 alone, got {got}")
    return str(found.pop())


class _Reader:
    """Methods with argument (layer), one per layer class, that add layers to a chain."""

    def __init__(self, keras: ModuleType, chain: Chain) -> None:
        self.keras, self.chain = keras, chain
        self.softmax = False
        known = keras.activations
        self._activations = {
            getattr(known, name): name for name in _ACTIVATIONS if hasattr(known, name)
        }

    def add(self, layer: keras.Layer) -> None:
        """Add one layer; subclasses of known classes are rejected, since they may differ."""
        name = type(layer).__name__
        method = _METHODS.get(name)
        if method is None or type(layer) is not getattr(self.keras.layers, name, None):
            known = ", ".join(_METHODS)
            raise TypeError(f"from_keras: {_where(layer)} must be one of {known}")
        if self.softmax:
            raise self.chain.fault(_where(layer), "must not come after a softmax")
        method(self, layer)

    def dense(self, layer: keras.Layer) -> None:
        weight, bias = (*layer.get_weights(), None)[:2]
        self.chain.dense(_where(layer), weight.T, bias, trainable=layer.trainable)
        self.activation(layer)

    def conv2d(self, layer: keras.Layer) -> None:
        self.expect(layer, data_format="channels_last", dilation_rate=(1, 1), groups=1)
        weight, bias = (*layer.get_weights(), None)[:2]
        self.chain.conv2d(
            _where(layer),
            weight.transpose(3, 0, 1, 2),
            bias,
            stride=layer.strides,
            padding=layer.padding,
            trainable=layer.trainable,
        )
        self.activation(layer)

    def max_pooling2d(self, layer: keras.Layer) -> None:
        self.expect(layer, data_format="channels_last")
        self.chain.max_pool2d(
            _where(layer), size=layer.pool_size, stride=layer.strides, padding=layer.padding
        )

    def activation(self, layer: keras.Layer) -> None:
        """Add the activation of a layer."""
        if layer.activation is self.keras.activations.softmax:
            self.softmax = True
            return
        name = self._activations.get(layer.activation)
        if name is None:
            known = ", ".join([*self._activations.values(), "softmax"])
            message = f"activation must be one of {known}, got {layer.activation!r}"
            raise self.chain.fault(_where(layer), message)
        config = _ACTIVATIONS[name]
        if config is not None:
            self.chain.add(layers.Layer.from_config(config))

    def softmax_layer(self, layer: keras.Layer) -> None:
        self.expect(layer, axis=-1)
        self.softmax = True

    def prelu(self, layer: keras.Layer) -> None:
        (alpha,) = layer.get_weights()
        if alpha.size != alpha.shape[-1]:
            shared = list(range(1, alpha.ndim))
            message = f"must have one slope for each channel (shared_axes={shared}), got slopes of "
            raise self.chain.fault(_where(layer), f"{message}shape {alpha.shape}")
        self.chain.prelu(_where(layer), alpha.reshape(-1), trainable=layer.trainable)

    def layer_normalization(self, layer: keras.Layer) -> None:
        if getattr(layer, "rms_scaling", False):  # Keras 3.7 and later have it
            raise self.chain.fault(_where(layer), "rms_scaling must be False, got True")
        axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
        shape = (None, *self.chain.shape)
        places = sorted(axis % len(shape) for axis in axes)
        if places != list(range(len(shape) - len(places), len(shape))) or places[0] == 0:
            raise self.chain.fault(_where(layer), f"axis must be the last axes, got {layer.axis!r}")
        values = iter(layer.get_weights())
        self.chain.layer_norm(
            _where(layer),
            next(values) if layer.scale else None,
            next(values) if layer.center else None,
            axes=self.chain.shape[-len(places) :],
            epsilon=float(layer.epsilon),
            trainable=layer.trainable,
        )

    def relu(self, layer: keras.Layer) -> None:
        self.expect(layer, max_value=None, threshold=0.0)
        if layer.negative_slope == 0.0:
            self.chain.add(layers.ReLU())
        else:
            self.leaky_relu(layer)

    def leaky_relu(self, layer: keras.Layer) -> None:
        self.chain.activation("LeakyReLU", slope=float(layer.negative_slope))

    def elu(self, layer: keras.Layer) -> None:
        self.chain.activation("ELU", scale=float(layer.alpha))

    def dropout(self, layer: keras.Layer) -> None:
        self.expect(layer, noise_shape=None)
        self.chain.add(layers.Dropout(layer.rate))

    def flatten(self, layer: keras.Layer) -> None:
        self.expect(layer, data_format="channels_last")
        self.chain.flatten(channels_first=False)

    def rescaling(self, layer: keras.Layer) -> None:
        self.chain.rescale(_where(layer), layer.scale, layer.offset)

    def expect(self, layer: keras.Layer, **expected: object) -> None:
        """Reject a layer with other values of these options."""
        for option, value in expected.items():
            got = getattr(layer, option)
            if got != value:
                message = f"{option} must be {value!r}, got {got!r}"
                raise self.chain.fault(_where(layer), message)


def _where(layer: keras.Layer) -> str:
    return f"layer {layer.name!r} ({type(layer).__name__})"


# Keras's activation functions, with their default arguments.
_ACTIVATIONS: dict[str, dict[str, Any] | None] = {
    "linear": None,
    "relu": {"class": "ReLU"},
    "leaky_relu": {"class": "LeakyReLU", "slope": 0.2},
    "elu": {"class": "ELU", "scale": 1.0},
    "gelu": {"class": "GELU"},
    "silu": {"class": "SiLU"},
    "selu": {"class": "SELU"},
    "mish": {"class": "Mish"},
    "softsign": {"class": "Softsign"},
    "tanh": {"class": "Tanh"},
    "sigmoid": {"class": "Sigmoid"},
}

_METHODS: dict[str, Callable[[_Reader, keras.Layer], None]] = {
    "Dense": _Reader.dense,
    "Conv2D": _Reader.conv2d,
    "MaxPooling2D": _Reader.max_pooling2d,
    "Activation": _Reader.activation,
    "PReLU": _Reader.prelu,
    "LayerNormalization": _Reader.layer_normalization,
    "ReLU": _Reader.relu,
    "LeakyReLU": _Reader.leaky_relu,
    "ELU": _Reader.elu,
    "Softmax": _Reader.softmax_layer,
    "Dropout": _Reader.dropout,
    "Flatten": _Reader.flatten,
    "Rescaling": _Reader.rescaling,
}
