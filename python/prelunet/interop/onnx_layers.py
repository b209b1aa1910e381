"""`Translation`, which converts the steps of an ONNX graph to layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import layers
from ..layers.windows import Pair
from .chain import Chain
from .onnx_graph import Step

Array = npt.NDArray[Any]

TO_CHANNELS_FIRST, TO_CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


class Translation:
    """Methods, one per operator, that add layers to a chain.

    `rows` is the batch size of the graph, 0 if variable. `channels_first` tells whether its input
    images are (channels, height, width). `own` tells whether `Sequential.to_onnx` has named the
    nodes and constants: layers then have their names, activations and kinds again.
    """

    def __init__(self, chain: Chain, rows: int, channels_first: bool, *, own: bool = False) -> None:
        self.chain, self.rows, self.channels_first, self.own = chain, rows, channels_first, own

    def steps(self, steps: Sequence[Step]) -> None:
        """Add steps in order."""
        for step in steps:
            method = _METHODS.get(step.op)
            if method is None:
                known = ", ".join(_METHODS)
                raise self.chain.fault(step.where, f"no layer does this; there are {known}")
            before = len(self.chain.layers)
            method(self, step)
            if self.own:
                self.chain.label(before, step.where.layer)

    def inside(self, chain: Chain, *, channels_first: bool) -> Translation:
        """Return a translation of the steps inside a layer."""
        return Translation(chain, self.rows, channels_first, own=self.own)

    def gemm(self, step: Step) -> None:
        """Add a Dense layer, without bias for a MatMul."""
        alpha, beta = step.attributes.get("alpha", 1.0), step.attributes.get("beta", 1.0)
        self.expect(step, transA=0)
        weight, bias = self.weights(step, axes=2)
        weight = weight if step.attributes.get("transB", 0) else weight.T
        if bias is not None:
            units = len(weight)
            if bias.shape not in ((), (1,), (1, 1), (units,), (1, units)):
                message = f"bias must have shape ({units},), got {bias.shape}"
                raise self.chain.fault(step.where, message)
            bias = beta * np.broadcast_to(bias.reshape(-1), (units,))
        self.chain.dense(step.where, alpha * weight, bias)

    def conv(self, step: Step) -> None:
        """Add a Conv2D layer."""
        self.expect(step, group=1, dilations=[1, 1])
        weight, bias = self.weights(step, axes=4)
        self.need_channels_first(step)
        stride, padding = self.windows(step)
        weight = weight.transpose(0, 2, 3, 1)
        self.chain.conv2d(step.where, weight, bias, stride=stride, padding=padding)

    def max_pool(self, step: Step) -> None:
        """Add a MaxPool2D layer."""
        self.expect(step, ceil_mode=0, dilations=[1, 1])
        self.need_channels_first(step)
        stride, padding = self.windows(step)
        size = tuple(step.attributes["kernel_shape"])
        self.chain.max_pool2d(step.where, size=size, stride=stride, padding=padding)

    def prelu(self, step: Step) -> None:
        """Add a PReLU layer, shared or with one slope per channel."""
        slope = step.operands[1]
        if slope is None:
            raise self.chain.fault(step.where, "slopes must be constants")
        self.chain.prelu(step.where, self.per_channel(step, "slope", slope))

    def leaky_relu(self, step: Step) -> None:
        """Add a LeakyReLU layer."""
        self.chain.activation("LeakyReLU", slope=step.attributes.get("alpha", 0.01))

    def elu(self, step: Step) -> None:
        """Add an ELU layer."""
        self.chain.activation("ELU", scale=step.attributes.get("alpha", 1.0))

    def gelu(self, step: Step) -> None:
        """Add a GELU layer; the tanh approximation is rejected."""
        self.expect(step, approximate="none")
        self.chain.add(layers.GELU())

    def layer_norm(self, step: Step) -> None:
        """Add a LayerNorm."""
        self.expect(step, stash_type=1)
        _, gamma, beta = (*step.operands, None)[:3]
        if gamma is None or step.operands[0] is not None:
            raise self.chain.fault(step.where, "scale and bias must be constants")
        axis, count = step.attributes.get("axis", -1), len(self.chain.shape)
        axes = -axis if axis < 0 else count + 1 - axis  # the graph has an axis of rows
        if not 1 <= axes <= count:
            raise self.chain.fault(step.where, f"axis must not be that of the rows, got {axis}")
        shape = self.chain.shape
        if self.channels_first:
            shape = (shape[2], *shape[:2])
        self.chain.layer_norm(
            step.where,
            gamma,
            beta,
            axes=shape[-axes:],
            epsilon=step.attributes.get("epsilon", 1e-5),
            channels_first=self.channels_first,
        )

    def affine(self, step: Step) -> None:
        """Add a Rescaling layer, or a Scale layer for one factor per channel."""
        factors, offsets = step.operands
        assert factors is not None
        assert offsets is not None
        scale, offset = map(_number, step.operands)
        fixed = self.own and step.attributes.get("fixed", False)
        if scale is None and not fixed:
            self.chain.scale(step.where, self.per_channel(step, "factor", factors))
            return
        self.chain.rescale(
            step.where,
            self.per_channel(step, "factor", factors) if scale is None else scale,
            self.per_channel(step, "offset", offsets) if offset is None else offset,
        )

    def clip(self, step: Step) -> None:
        """Add a Clip layer."""
        _, low, high = (*map(_number, step.operands), None, None)[:3]
        if low is None or high is None:
            raise self.chain.fault(step.where, "must have two constants, min and max")
        self.chain.add(layers.Clip(low, high))

    def dropout(self, step: Step) -> None:
        """Add a Dropout layer."""
        _, rate, training = (*step.operands, None, None)[:3]
        if training is not None and training.any():
            raise self.chain.fault(step.where, "training_mode must be false")
        self.chain.add(layers.Dropout(0.5 if rate is None else rate.item()))

    def identity(self, step: Step) -> None:
        """Add nothing."""

    def softmax(self, step: Step) -> None:
        """Reject a Softmax, since the caller has removed that of the last step."""
        raise self.chain.fault(step.where, "must be at the end")

    def flatten(self, step: Step) -> None:
        """Add a Flatten layer."""
        axis = step.attributes.get("axis", 1)
        if axis not in (1, -len(self.chain.shape)):
            raise self.chain.fault(step.where, f"axis must be 1, got {axis}")
        self.chain.flatten(channels_first=self.channels_first)
        self.channels_first = False

    def reshape(self, step: Step) -> None:
        """Add a Flatten layer; other new shapes are rejected."""
        target = step.operands[1]
        sizes = [] if target is None else target.tolist()
        features = math.prod(self.chain.shape)
        kept = {-1, self.rows or -1} | (set() if step.attributes.get("allowzero", 0) else {0})
        if len(sizes) != 2 or sizes[0] not in kept or sizes[1] not in (-1, features):
            message = f"must give (rows, {features}), got shape {sizes or 'not known before'}"
            raise self.chain.fault(step.where, message)
        self.chain.flatten(channels_first=self.channels_first)
        self.channels_first = False

    def transpose(self, step: Step) -> None:
        """Record the new axis order; no layer is needed."""
        turn = TO_CHANNELS_LAST if self.channels_first else TO_CHANNELS_FIRST
        if len(self.chain.shape) != 3 or step.attributes.get("perm") != turn:
            raise self.chain.fault(
                step.where, f"must permute the axes of an image by {turn}, got {step.attributes}"
            )
        self.channels_first = not self.channels_first

    def residual(self, step: Step) -> None:
        """Add a Residual layer of the inner steps; a final factor becomes its step size."""
        inner, steps = self.chain.branch(), list(step.inner)
        factor = _factor(steps[-1]) if len(steps) > 1 else None
        if self.own and steps[-1].where.path != step.where.path:  # it is of a layer inside
            factor = None
        if factor is not None:
            steps.pop()
        inside = self.inside(inner, channels_first=self.channels_first)
        inside.steps(steps)
        if not steps or inside.channels_first != self.channels_first:
            raise self.chain.fault(step.where, "must add x and f(x) with the same axes")
        self.chain.residual(step.where, inner, 1.0 if factor is None else factor)

    def parametric(self, step: Step) -> None:
        """Add a Parametric layer; the inner step is its activation."""
        inner = self.chain.branch()
        self.inside(inner, channels_first=self.channels_first).steps(step.inner)
        (weight,) = step.operands
        assert weight is not None
        weight = np.broadcast_to(self.per_channel(step, "weight", weight), self.chain.shape[-1:])
        self.chain.parametric(step.where, inner.layers, weight)

    def embedding(self, step: Step) -> None:
        """Add an Embedding layer."""
        (weight,) = step.operands
        assert weight is not None
        self.chain.embedding(step.where, weight)

    def columns(self, step: Step) -> None:
        """Add a Columns layer of the inner steps."""
        branches = []
        for branch in step.inner:
            (places,) = branch.operands
            assert places is not None
            inner = self.chain.columns_of(step.where, places.tolist())
            self.inside(inner, channels_first=False).steps(branch.inner)
            name = branch.where.layer if self.own else ""
            branches.append((name, inner, places.tolist()))
        self.chain.columns(step.where, branches)

    def periodic_embeddings(self, step: Step) -> None:
        """Add a PeriodicEmbeddings layer."""
        self.chain.periodic_embeddings(step.where, *_arrays(step))

    def piecewise_linear_embeddings(self, step: Step) -> None:
        """Add a PiecewiseLinearEmbeddings layer."""
        self.chain.piecewise_linear_embeddings(step.where, *_arrays(step))

    def imputation(self, step: Step) -> None:
        """Add an Imputation layer."""
        (values,) = _arrays(step)
        values = np.broadcast_to(self.per_channel(step, "value", values), self.chain.shape[-1:])
        self.chain.imputation(step.where, values)

    def one_hot(self, step: Step) -> None:
        """Add a OneHot layer."""
        self.chain.one_hot(step.where, *_arrays(step))

    # ---- parts of steps ------------------------------------------------------------------------

    def expect(self, step: Step, **expected: object) -> None:
        """Reject a node with other values of these attributes; missing ones are accepted."""
        for name, value in expected.items():
            got = step.attributes.get(name, value)
            if got != value:
                raise self.chain.fault(step.where, f"{name} must be {value}, got {got}")

    def weights(self, step: Step, *, axes: int) -> tuple[Array, Array | None]:
        """Return the weight and the bias, or None without a bias."""
        _, weight, bias = (*step.operands, None)[:3]
        if weight is None or weight.ndim != axes:
            raise self.chain.fault(step.where, f"weights must be constants of {axes} axes")
        return weight, bias

    def per_channel(self, step: Step, name: str, values: Array) -> Array:
        """Return one value, or one for each channel, as one axis."""
        axes = len(self.chain.shape) + 1
        shape = (1,) * (axes - values.ndim) + values.shape
        if values.size > 1 and values.size != shape[1 if self.channels_first else -1]:
            raise self.chain.fault(
                step.where,
                f"must have one {name}, or one for each channel, got shape {values.shape}",
            )
        return values.reshape(-1)

    def need_channels_first(self, step: Step) -> None:
        """Reject images that are not channels-first, as ONNX requires for Conv and MaxPool."""
        if not self.channels_first:
            message = "input must be an image (channels, height, width)"
            raise self.chain.fault(step.where, message)

    def windows(self, step: Step) -> tuple[Pair, str | Sequence[Pair]]:
        """Return the strides, and the padding as a name or as numbers of zeros."""
        rows, columns = step.attributes.get("strides", [1, 1])
        named = step.attributes.get("auto_pad", "NOTSET")
        if named != "NOTSET":
            names = {"SAME_UPPER": "same", "VALID": "valid"}
            if named not in names:
                raise self.chain.fault(step.where, f"auto_pad must not be {named}")
            return (rows, columns), names[named]
        top, left, bottom, right = step.attributes.get("pads", [0, 0, 0, 0])
        return (rows, columns), [(top, bottom), (left, right)]


def _arrays(step: Step) -> list[Array]:
    return [values for values in step.operands if values is not None]


def _number(values: Array | None) -> float | None:
    """Return the value of a constant array, or None."""
    if values is None or np.ptp(values) != 0:
        return None
    return float(values.flat[0])


def _factor(step: Step) -> float | None:
    """Return the factor of a step that only multiplies, or None."""
    if step.op != "Affine" or _number(step.operands[1]) != 0.0:
        return None
    return _number(step.operands[0])


def _plain(layer: type[layers.Layer]) -> Callable[[Translation, Step], None]:
    return lambda translation, step: translation.chain.add(layer())


_METHODS: dict[str, Callable[[Translation, Step], None]] = {
    "Gemm": Translation.gemm,
    "MatMul": Translation.gemm,
    "Conv": Translation.conv,
    "MaxPool": Translation.max_pool,
    "PRelu": Translation.prelu,
    "LeakyRelu": Translation.leaky_relu,
    "Elu": Translation.elu,
    "Gelu": Translation.gelu,
    "Relu": _plain(layers.ReLU),
    "Selu": _plain(layers.SELU),
    "Mish": _plain(layers.Mish),
    "Softsign": _plain(layers.Softsign),
    "Tanh": _plain(layers.Tanh),
    "Sigmoid": _plain(layers.Sigmoid),
    "SiLU": _plain(layers.SiLU),
    "GELU": _plain(layers.GELU),
    "LayerNormalization": Translation.layer_norm,
    "Affine": Translation.affine,
    "Clip": Translation.clip,
    "Dropout": Translation.dropout,
    "Identity": Translation.identity,
    "Softmax": Translation.softmax,
    "Flatten": Translation.flatten,
    "Reshape": Translation.reshape,
    "Transpose": Translation.transpose,
    "Residual": Translation.residual,
    "Parametric": Translation.parametric,
    "Embedding": Translation.embedding,
    "Columns": Translation.columns,
    "PeriodicEmbeddings": Translation.periodic_embeddings,
    "PiecewiseLinearEmbeddings": Translation.piecewise_linear_embeddings,
    "Imputation": Translation.imputation,
    "OneHot": Translation.one_hot,
}
