"""`Chain`, which builds a model from the layers of another library."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..layers import (
    ACTIVATION_LAYERS,
    Activation,
    Columns,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Imputation,
    Layer,
    LayerNorm,
    MaxPool2D,
    OneHot,
    Parametric,
    PeriodicEmbeddings,
    PiecewiseLinearEmbeddings,
    PReLU,
    Rescaling,
    Residual,
    Scale,
)
from ..layers.stacking import layer_keys
from ..layers.windows import Pair, output_size, padding_name
from ..model import Sequential

Array = npt.NDArray[Any]


class Chain:
    """A list of layers, the values of their parameters, and the current output shape.

    If the other library stores images as (channels, height, width), its Flatten orders features
    differently. A chain tracks this order and permutes the parameters of the next layer.

    Attributes
    ----------
    shape : tuple of int
        Shape of one sample of the last layer's output; images are (height, width, channels).
    feature_order : (height, width, channels) or None
        Shape of the image whose flattened features have the order of the other library; None if
        the order is that of prelunet.
    layers : list of Layer
    """

    def __init__(self, operation: str, shape: tuple[int, ...]) -> None:
        self.operation, self.shape = operation, shape
        self._input_shape = shape
        self.feature_order: tuple[int, int, int] | None = None  # (height, width, channels)
        self.layers: list[Layer] = []
        self._values: list[dict[str, Array]] = []
        self._keys: list[str] = []  # names of layers, and their indices, by `label`

    def fault(self, where: str, message: str) -> ValueError:
        """Return the error for a part of the other model that cannot be imported."""
        return ValueError(f"{self.operation}: {where}: {message}")

    def add(self, layer: Layer, **values: Array | None) -> None:
        """Add a layer that preserves the shape, with the values of its parameters."""
        self.layers.append(layer)
        self._values.append({name: v for name, v in values.items() if v is not None})

    def dense(
        self, where: str, weight: Array, bias: Array | None, *, trainable: bool = True
    ) -> None:
        """Add a Dense layer with weight (units, features) and bias (units,)."""
        units, features = weight.shape
        if self.shape != (features,):
            raise self.fault(where, f"input must have shape ({features},), got {self.shape}")
        layer = Dense(units, use_bias=bias is not None, trainable=trainable)
        self.add(layer, weight=self._in_our_order(weight), bias=bias)
        self.shape, self.feature_order = (units,), None

    def conv2d(
        self,
        where: str,
        weight: Array,
        bias: Array | None,
        *,
        stride: Pair,
        padding: str | Sequence[Pair],
        trainable: bool = True,
    ) -> None:
        """Add a Conv2D layer with weight (filters, height, width, channels).

        `padding` is a name, or the numbers of zeros before and after along each axis.
        """
        filters, *size, channels = weight.shape
        if len(self.shape) != 3 or self.shape[2] != channels:
            expected = f"(height, width, {channels})"
            raise self.fault(where, f"input must have shape {expected}, got {self.shape}")
        name = self._padding(where, size, stride, padding)
        layer = Conv2D(filters, size, stride, name, use_bias=bias is not None, trainable=trainable)
        self.add(layer, weight=weight, bias=bias)
        self._walk(size, stride, name, filters)

    def max_pool2d(
        self, where: str, *, size: Pair, stride: Pair, padding: str | Sequence[Pair]
    ) -> None:
        """Add a MaxPool2D layer; `padding` as for `conv2d`."""
        if len(self.shape) != 3:
            raise self.fault(where, f"input must be an image, got shape {self.shape}")
        name = self._padding(where, size, stride, padding)
        self.add(MaxPool2D(size, stride, name))
        self._walk(size, stride, name, self.shape[2])

    def prelu(self, where: str, alpha: Array, *, trainable: bool = True) -> None:
        """Add a PReLU layer with alpha of shape (1,), shared, or (channels,)."""
        if alpha.shape == (1,):
            self.add(PReLU("shared", trainable=trainable), alpha=alpha)
        elif alpha.shape == self.shape[-1:]:
            self.add(PReLU("channel", trainable=trainable), alpha=self._in_our_order(alpha))
        else:
            expected = f"one slope, or one for each of {self.shape[-1]} channels"
            raise self.fault(where, f"must have {expected}, got shape {alpha.shape}")

    def scale(self, where: str, weight: Array) -> None:
        """Add a Scale layer with weight (channels,)."""
        if weight.shape != self.shape[-1:]:
            expected = f"one factor for each of {self.shape[-1]} channels"
            raise self.fault(where, f"must have {expected}, got shape {weight.shape}")
        self.add(Scale(), weight=self._in_our_order(weight))

    def parametric(self, where: str, inner: Sequence[Layer], weight: Array) -> None:
        """Add a Parametric layer of one activation, with weight (channels,)."""
        if len(inner) != 1 or not isinstance(inner[0], Activation):
            raise self.fault(where, "must weight an activation without learned parameters")
        activation = Activation.from_config(inner[0].config() | {"name": None})
        self.add(Parametric(activation), weight=self._in_our_order(weight))

    def embedding(self, where: str, weight: Array) -> None:
        """Add an Embedding layer with weight (codes, values)."""
        if len(self.shape) != 1:
            raise self.fault(where, f"input must have one axis, got shape {self.shape}")
        self.add(Embedding(*weight.shape), weight=weight)
        self.shape = (self.shape[0] * weight.shape[1],)

    def columns_of(self, where: str, columns: Sequence[int]) -> Chain:
        """Return an empty chain whose input is some columns of this one's output."""
        self._need_features(where)
        return Chain(self.operation, (len(columns),))

    def columns(self, where: str, branches: Sequence[tuple[str, Chain, Sequence[int]]]) -> None:
        """Add a Columns layer of results of `columns_of`, with their names and columns."""
        count, groups, width = self.shape[0], [], 0
        values: dict[str, Array] = {}
        names = [name for name, _, _ in branches]
        for place, (name, inner, columns) in enumerate(branches):
            if any(not -count <= column < count for column in columns):
                raise self.fault(where, f"columns must be among {count}, got {list(columns)}")
            if len(inner.shape) != 1:
                raise self.fault(where, f"parts must have one axis, got shape {inner.shape}")
            key = name if name and names.count(name) == 1 else f"branch_{place}"
            groups.append((key, inner.layers, [column % count for column in columns]))
            values |= {f"{key}.{name}": value for name, value in inner.parameters().items()}
            width += inner.shape[0]
        rest = groups[-1] if groups[-1][0] == "remainder" and not groups[-1][1] else None
        layer = Columns(groups)
        if rest is not None and len(groups) > 1:
            passing = Columns(groups[:-1], remainder="passthrough")
            if passing.rest(count) == tuple(rest[2]):
                layer = passing
        self.add(layer, **values)
        self.shape = (width,)

    def layer_norm(
        self,
        where: str,
        gamma: Array | None,
        beta: Array | None,
        *,
        axes: Sequence[int],
        epsilon: float,
        channels_first: bool = False,
        trainable: bool = True,
    ) -> None:
        """Add a LayerNorm over the last axes, whose sizes are `axes`.

        With `channels_first` an image has the axes (channels, height, width) in the other library.
        """
        sizes, shape = tuple(axes), self.shape
        turns = channels_first and len(shape) == 3
        if turns:
            shape = (shape[2], shape[0], shape[1])
        if sizes != shape[len(shape) - len(sizes) :] or (turns and len(sizes) < 3):
            expected = f"all axes {shape}" if turns else f"the last of the axes {shape}"
            raise self.fault(where, f"must normalize {expected}, got sizes {sizes}")
        values = {"gamma": gamma, "beta": beta}
        for name, value in values.items():
            if value is not None and value.shape != sizes:
                raise self.fault(where, f"{name} must have shape {sizes}, got {value.shape}")
            if value is not None:
                values[name] = value.transpose(1, 2, 0) if turns else self._in_our_order(value)
        self.add(
            LayerNorm(
                tuple(range(-len(sizes), 0)),
                epsilon,
                center=beta is not None,
                scale=gamma is not None,
                trainable=trainable,
            ),
            **values,
        )

    def activation(self, name: str, **constants: float) -> None:
        """Add an activation layer given by its class name, such as ``"LeakyReLU", slope=0.1``."""
        self.add(Layer.from_config({"class": name, **constants}))

    def rescale(self, where: str, scale: float | Array, offset: float | Array) -> None:
        """Add a Rescaling layer, or set the offset of a preceding one.

        Arrays have shape (channels,).
        """
        factors, offsets = (self._numbers(where, values) for values in (scale, offset))
        last = self.layers[-1] if self.layers else None
        if factors == 1.0 and isinstance(last, Rescaling) and last.offset == 0.0:
            self.layers[-1] = Rescaling(last.scale, offsets, name=last.name)
        else:
            self.add(Rescaling(factors, offsets))

    def _numbers(self, where: str, values: float | Array) -> float | tuple[float, ...]:
        array = np.asarray(values, np.float64)
        if array.ndim == 0:
            return float(array)
        if array.shape != self.shape[-1:]:
            expected = f"one number, or one for each of {self.shape[-1]} channels"
            raise self.fault(where, f"must have {expected}, got shape {array.shape}")
        return tuple(self._in_our_order(array).tolist())

    def imputation(self, where: str, values: Array) -> None:
        """Add an Imputation layer with values (channels,)."""
        self.made(where, lambda: Imputation(self._in_our_order(values).tolist()))

    def one_hot(self, where: str, positions: Array, categories: Array) -> None:
        """Add a OneHot layer: of categories, and the position of the feature of each."""
        self._need_features(where)
        (count,) = self.shape
        found: list[list[float]] = [[] for _ in range(count)]
        if not np.isin(positions, range(count)).all() or (np.diff(positions) < 0).any():
            raise self.fault(where, f"must compare {count} columns in their order, each in a row")
        for position, category in zip(positions.tolist(), categories.tolist(), strict=True):
            found[position].append(category)
        self.made(where, lambda: OneHot(found))
        self.shape = (len(positions),)

    def periodic_embeddings(
        self, where: str, frequency: Array, weight: Array, bias: Array, phase: Array | None = None
    ) -> None:
        """Add a PeriodicEmbeddings layer; PLR if there is no phase."""
        self._need_features(where)
        kind = "plr" if phase is None else "pbld"
        outputs = weight.shape[1] + (kind == "pbld")
        self.made(
            where,
            lambda: PeriodicEmbeddings(outputs, n_frequencies=frequency.shape[1], kind=kind),
            frequency=frequency,
            phase=phase,
            weight=weight,
            bias=bias,
        )
        self.shape = (self.shape[0] * outputs,)

    def piecewise_linear_embeddings(
        self,
        where: str,
        left: Array,
        width: Array,
        low: Array,
        high: Array,
        weight: Array,
        bias: Array,
        linear: Array | None = None,
    ) -> None:
        """Add a PiecewiseLinearEmbeddings layer; version "A" if there is no linear factor.

        Left edges, widths and limits have shape (features, bins), the weight has one more axis. The
        upper limit of a feature's last bin is infinite, those of bins that it lacks are 0.
        """
        self._need_features(where)
        expected = "must be encodings with infinite limits of the first and the last bin"
        arrays = (left, width, low, high)
        if any(a.shape != weight.shape[:2] for a in arrays) or not np.isinf(high).any(axis=1).all():
            raise self.fault(where, expected)
        counts = np.isinf(high).argmax(axis=1) + 1
        used = np.arange(weight.shape[1]) < counts[:, np.newaxis]
        lowest, highest = np.zeros(left.shape), used.astype(np.float64)
        lowest[:, 0] = -np.inf
        highest[np.arange(len(counts)), counts - 1] = np.inf
        if not (np.array_equal(low, lowest) and np.array_equal(high, highest)):
            raise self.fault(where, expected)
        edges = []
        for lefts, widths, count in zip(left, width, counts, strict=True):
            begin = lefts[:count].astype(np.float64)
            if not np.allclose(widths[: count - 1], np.diff(begin), rtol=1e-3):
                raise self.fault(where, "each bin must begin where the one before it ends")
            edges.append([*begin.tolist(), float(begin[-1] + widths[count - 1])])
        version, outputs = "A" if linear is None else "B", weight.shape[2]
        self.made(
            where,
            lambda: PiecewiseLinearEmbeddings(edges, outputs, version=version),
            weight=weight[used],
            linear=linear,
            bias=bias,
        )
        self.shape = (self.shape[0] * outputs,)

    def made(self, where: str, make: Callable[[], Layer], **values: Array | None) -> None:
        """Add a layer, whose parameters must have the shapes of the values."""
        try:
            layer = make()
            shapes, _ = layer.shapes(self.shape)
        except (TypeError, ValueError) as error:
            raise self.fault(where, str(error)) from None
        given = {name: array.shape for name, array in values.items() if array is not None}
        if given != shapes:
            raise self.fault(where, f"constants must have the shapes {shapes}, got {given}")
        self.add(layer, **values)

    def _need_features(self, where: str) -> None:
        if len(self.shape) != 1 or self.feature_order is not None:
            raise self.fault(where, "must read rows of numbers that are no images")

    def flatten(self, *, channels_first: bool) -> None:
        """Add a Flatten layer, unless samples are already flat."""
        if len(self.shape) == 1:
            return
        self.add(Flatten())
        if channels_first and len(self.shape) == 3:
            height, width, channels = self.shape
            if min(height * width, channels) > 1:  # otherwise both orders are the same
                self.feature_order = (height, width, channels)
        self.shape = (math.prod(self.shape),)

    def label(self, before: int, key: str) -> None:
        """Name the layer that was added since there were `before`, unless `key` is an index.

        An activation with the name of the layer before it becomes the activation of that layer.
        """
        if len(self.layers) != before + 1:
            return
        self._keys += [""] * (before - len(self._keys)) + [key]
        if before and self._keys[before - 1] == key:
            joined = _with_activation(self.layers[before - 1], self.layers[before])
            if joined is not None:
                self.layers[before - 1 :] = [joined]
                self._values[before - 1 :] = [self._values[before - 1] | self._values[before]]
                del self._keys[before:]
            else:
                self.layers[before - 1] = _named(self.layers[before - 1], None)
                self._keys[before - 1] = ""
        if key and not key.isdigit() and self._keys.count(key) == 1:
            self.layers[-1] = _named(self.layers[-1], key)

    def branch(self) -> Chain:
        """Return an empty chain whose input is this one's output."""
        inner = Chain(self.operation, self.shape)
        inner.feature_order = self.feature_order
        return inner

    def residual(self, where: str, inner: Chain, step: float) -> None:
        """Add ``x + step * inner(x)``, where `inner` is a result of `branch`."""
        if inner.shape != self.shape:
            message = f"what is added must have shape {self.shape}, got {inner.shape}"
            raise self.fault(where, message)
        if inner.feature_order != self.feature_order:
            raise self.fault(where, "adds to features of an image, which have another order here")
        self.add(Residual(inner.layers, step), **inner.parameters())

    def model(self, dtype: str, *, softmax: bool = False) -> Sequential:
        """Return the model; with `softmax`, compiled so that `predict_proba` applies it."""
        if self.feature_order is not None:
            raise self.fault(
                "the outputs", "an image is flattened and no layer with weights follows"
            )
        made = Sequential(self.layers, input_shape=self._input_shape, dtype=dtype, seed=0)
        made.set_parameters(self.parameters())
        if softmax:
            made.compile(loss="softmax_cross_entropy", metrics=["accuracy"])
        return made

    def parameters(self) -> dict[str, Array]:
        """Return the values of the parameters by name."""
        named = zip(layer_keys(self.layers), self._values, strict=True)
        return {f"{key}.{name}": v for key, values in named for name, v in values.items()}

    # ---- inside --------------------------------------------------------------------------------

    def _in_our_order(self, values: Array) -> Array:
        """Permute the last axis, the features, to prelunet's order."""
        if self.feature_order is None:
            return values
        height, width, channels = self.feature_order
        pixels = values.reshape(-1, channels, height * width)
        return np.ascontiguousarray(pixels.swapaxes(1, 2)).reshape(values.shape)

    def _padding(
        self, where: str, size: Sequence[int], stride: Pair, padding: str | Sequence[Pair]
    ) -> str:
        if isinstance(padding, str):
            return padding
        name = padding_name(self.shape[:2], size, stride, padding)
        if name is None:
            raise self.fault(
                where,
                f"padding must be none, or what 'same' adds around an image {self.shape[:2]}, got "
                f"{tuple(padding)} before and after rows and columns",
            )
        return name

    def _walk(self, size: Sequence[int], stride: Pair, padding: str, channels: int) -> None:
        height, width = (
            output_size(*axis, padding) for axis in zip(self.shape[:2], size, stride, strict=True)
        )
        self.shape = (height, width, channels)


def _named(layer: Layer, name: str | None) -> Layer:
    """Return a layer with another name."""
    return Layer.from_config(layer.config() | {"name": name})


def _with_activation(layer: Layer, activation: Layer) -> Layer | None:
    """Return the layer with this activation fused into it, or None."""
    config = layer.config()
    if not isinstance(activation, (Activation, PReLU)) or config.get("activation", True):
        return None
    config["activation"] = activation.config()
    if isinstance(layer, PiecewiseLinearEmbeddings):
        if layer.version == "B" or activation != ACTIVATION_LAYERS["ReLU"]():
            return None
        config["activation"] = True
    return Layer.from_config(config)
