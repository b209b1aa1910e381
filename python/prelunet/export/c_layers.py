"""`code_of`: the statements and arrays of C that compute the layers of a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import layers
from ..layers.stacking import layer_keys
from ..layers.weighted import Weighted
from ..layers.windows import output_size, same_padding
from . import c_text
from .c_quantized import quantized

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Place:
    """Where the numbers of a sample are: at `start` of the working memory, or in the input x."""

    start: int | None
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def pointer(self) -> str:
        """The address, as C text."""
        if self.start is None:
            return "x"
        return f"work + {self.start}" if self.start else "work"

    def at(self, index: str) -> str:
        """Return the element of an index, as C text."""
        if self.start is None:
            return f"x[{index}]"
        return f"work[{self.start} + {index}]" if self.start else f"work[{index}]"

    def shaped(self, shape: tuple[int, ...]) -> Place:
        """Return the same memory in another shape."""
        return Place(self.start, shape)


@dataclass
class Code:
    """The C text of layers.

    Attributes
    ----------
    statements, arrays : list of str
    output : Place
    work, integer_inputs, integer_sums : int
        Elements of working memory: numbers, 8-bit inputs of a layer, and 32-bit sums.
    zeros : int
        Length of an array of zeros that convolutions read outside of images.
    """

    statements: list[str] = field(default_factory=list)
    arrays: list[str] = field(default_factory=list)
    output: Place = field(default_factory=lambda: Place(None, ()))
    work: int = 0
    integer_inputs: int = 0
    integer_sums: int = 0
    zeros: int = 0


def code_of(
    stack: Sequence[layers.Layer],
    parameters: Mapping[str, Array],
    *,
    input_shape: tuple[int, ...],
    dtype: str,
    limits: Mapping[str, float] | None = None,
) -> Code:
    """Return the C text of layers.

    Parameters
    ----------
    stack : sequence of Layer
    parameters : mapping of str to ndarray
        Of the network, by name.
    input_shape : tuple of int
    dtype : str
        "float32" or "float64".
    limits : mapping of str to float, optional
        The largest magnitude of the input of each `Dense` and `Conv2D`, by the layer's name: their
        products are computed in 8-bit integers.
    """
    program = _Program(parameters, dtype, limits)
    program.code.output = program.stack(stack, Place(None, input_shape))
    return program.code


class _Program:
    """Methods, one per layer class, that write the C text of a layer.

    Their arguments are the layer, the place of its input, the prefix of its parameters' names and
    that of its arrays in C. They return the place of the output.
    """

    def __init__(
        self,
        parameters: Mapping[str, Array],
        dtype: str,
        limits: Mapping[str, float] | None = None,
    ) -> None:
        self.parameters, self.dtype, self.limits = parameters, dtype, limits
        self.code = Code()
        self._held: list[Place] = []  # not to be overwritten

    def stack(
        self, stack: Sequence[layers.Layer], value: Place, prefix: str = "", own: str = "net"
    ) -> Place:
        """Write layers in order; return the place of their output.

        `prefix` begins the names of parameters, and `own` those of C's arrays.
        """
        for number, (key, layer) in enumerate(zip(layer_keys(stack), stack, strict=True)):
            value = self.layer(layer, value, prefix + key, f"{own}_{number}")
        return value

    def layer(self, layer: layers.Layer, value: Place, name: str, own: str) -> Place:
        """Write one layer; return the place of its output."""
        writer = next((w for kind, w in _WRITERS.items() if isinstance(layer, kind)), None)
        if writer is None:
            kind = type(layer).__name__
            raise TypeError(f"to_c: layer {name} is a {kind}, which C cannot compute")
        self.code.statements.append(f"  /* {own.removeprefix('net_')}: {type(layer).__name__} */")
        return writer(self, layer, value, name, own)

    # ---- helpers -------------------------------------------------------------------------------

    def take(self, shape: tuple[int, ...], *held: Place) -> Place:
        """Return a place that overlaps none of those given, and none that is held."""
        size, start = math.prod(shape), 0
        others = sorted((p.start, p.size) for p in (*held, *self._held) if p.start is not None)
        for other, length in others:
            if other < start + size:
                start = max(start, other + length)
        self.code.work = max(self.code.work, start + size)
        return Place(start, shape)

    def writable(self, value: Place) -> Place:
        """Return the place of a value if it may be overwritten, else a new one."""
        held = any(p.start == value.start for p in self._held)
        return self.take(value.shape, value) if value.start is None or held else value

    def constant(self, own: str, key: str, values: Array) -> str:
        """Add a constant array; return its name."""
        name = f"{own}_{key}"
        self.code.arrays.append(c_text.array(name, values))
        return name

    def number(self, value: float) -> str:
        """Return a number, rounded to the dtype, as C text."""
        return c_text.literal(np.dtype(self.dtype).type(value))

    def number_or_numbers(self, own: str, key: str, given: float | Sequence[float]) -> str:
        """Return a number, or the element j of a constant array, as C text."""
        if not isinstance(given, Sequence):
            return self.number(given)
        return f"{self.constant(own, key, np.array(given, self.dtype))}[j]"

    def positions(self, name: str, listed: Sequence[int]) -> str:
        """Add a constant array of positions; return its element j as C text."""
        text = ", ".join(map(str, listed))
        self.code.arrays.append(f"static const int {name}[{len(listed)}] = {{{text}}};")
        return f"{name}[j]"

    def each(self, value: Place, expression: str) -> Place:
        """Write a loop over elements; return its place.

        In the expression, ``@`` is the element, ``#`` its index and ``j`` that of the last axis.
        """
        to, columns = self.writable(value), value.shape[-1]
        rows = value.size // columns
        index = "j" if rows == 1 else f"i * {columns} + j"
        filled = expression.replace("@", value.at("#")).replace("#", index)
        text = f"{to.at(index)} = {filled};"
        loop = f"for (j = 0; j < {columns}; ++j) {text}"
        if rows > 1:
            loop = f"for (i = 0; i < {rows}; ++i) {{\n    {loop}\n  }}"
        self.code.statements.append(f"  {loop}")
        return to

    def copy(self, value: Place, positions: Sequence[int], to: Place, own: str) -> None:
        """Write a copy of some elements."""
        first, count = positions[0], len(positions)
        if list(positions) == list(range(first, first + count)):
            source = value.at(f"{first} + j" if first else "j")
        else:
            source = value.at(self.positions(f"{own}_columns", positions))
        self.code.statements.append(f"  for (j = 0; j < {count}; ++j) {to.at('j')} = {source};")

    # ---- layers --------------------------------------------------------------------------------

    def dense(self, layer: layers.Dense, value: Place, name: str, own: str) -> Place:
        rows = self.parameters[f"{name}.weight"].T  # outputs are adjacent
        to = self.take((layer.units,), value)
        arguments = f"{rows.shape[0]}, {layer.units}"
        self.products("dense", value, to, rows, arguments, name, own)
        return self.finish(layer, to, name, own)

    def conv2d(self, layer: layers.Conv2D, value: Place, name: str, own: str) -> Place:
        weight = self.parameters[f"{name}.weight"]
        windows, shape = self.windows(layer, value, own)
        to = self.take((*shape, layer.filters), value)
        taps = weight.reshape(layer.filters, -1).T
        arguments = f"&{windows}, {layer.filters}"
        if self.limits is None:
            self.code.zeros = max(self.code.zeros, value.shape[2])
            arguments = f"&{windows}, net_zeros, {layer.filters}"
        self.products("conv2d", value, to, taps, arguments, name, own)
        return self.finish(layer, to, name, own)

    def products(
        self, kind: str, x: Place, to: Place, rows: Array, arguments: str, name: str, own: str
    ) -> None:
        """Write x times `rows`, whose axes are k and the outputs."""
        if self.limits is None:
            weight = self.constant(own, "weight", rows)
            call = f"net_{kind}({x.pointer}, {weight}, {arguments}, {to.pointer});"
            self.code.statements.append(f"  {call}")
            return
        integers, factors, inverse = quantized(rows, self.limits[name], name)
        weight = self.constant(own, "weight", integers)
        scale = self.constant(own, "scale", factors)
        self.code.integer_inputs = max(self.code.integer_inputs, x.size)
        self.code.integer_sums = max(self.code.integer_sums, to.size)
        self.code.statements += [
            f"  net_quantize({x.pointer}, {c_text.literal(inverse)}, {x.size}, inputs);",
            f"  net_{kind}_integers(inputs, {weight}, {arguments}, sums);",
        ]
        self.each(to, f"(float)sums[#] * {scale}[j]")

    def finish(self, layer: Weighted, value: Place, name: str, own: str) -> Place:
        """Write bias and activation."""
        if layer.use_bias:
            bias = self.constant(own, "bias", self.parameters[f"{name}.bias"])
            value = self.each(value, f"@ + {bias}[j]")
        if layer.fused_activation is None:
            return value
        return self.layer(layer.fused_activation, value, name, own)

    def windows(
        self, layer: layers.Conv2D | layers.MaxPool2D, value: Place, own: str
    ) -> tuple[str, tuple[int, int]]:
        """Add the description of windows; return its name, and the number of places per axis."""
        found = layer.specifications()[0]
        axes = [*zip(value.shape[:2], found["window"], found["strides"], strict=True)]
        padding = [same_padding(*axis)[0] if found["same"] else 0 for axis in axes]
        high, wide = (output_size(*axis, layer.padding) for axis in axes)
        numbers = [*value.shape, *found["window"], *found["strides"], *padding, high, wide]
        name = f"{own}_windows"
        listed = ", ".join(map(str, numbers))
        self.code.arrays.append(f"static const net_windows {name} = {{{listed}}};")
        return name, (high, wide)

    def max_pool2d(self, layer: layers.MaxPool2D, value: Place, name: str, own: str) -> Place:
        windows, shape = self.windows(layer, value, own)
        to = self.take((*shape, value.shape[2]), value)
        self.code.statements.append(f"  net_max_pool2d({value.pointer}, &{windows}, {to.pointer});")
        return to

    def prelu(self, layer: layers.PReLU, value: Place, name: str, own: str) -> Place:
        alpha = self.constant(own, "alpha", self.parameters[f"{name}.alpha"])
        index = "j" if layer.kind == "channel" else "0"
        return self.each(value, f"net_leaky_relu(@, {alpha}[{index}])")

    def scale(self, layer: layers.Scale, value: Place, name: str, own: str) -> Place:
        weight = self.constant(own, "weight", self.parameters[f"{name}.weight"])
        return self.each(value, f"@ * {weight}[j]")

    def parametric(self, layer: layers.Parametric, value: Place, name: str, own: str) -> Place:
        weight = self.constant(own, "weight", self.parameters[f"{name}.weight"])
        inner = self.call(layer.inner, name)
        return self.each(value, f"NET_FMA_REAL({weight}[j], {inner}, (1 - {weight}[j]) * @)")

    def activation(self, layer: layers.Activation, value: Place, name: str, own: str) -> Place:
        return self.each(value, self.call(layer, name))

    def call(self, layer: layers.Activation, name: str) -> str:
        """Return the call of an activation."""
        function = f"net_{layer.activation}"
        if not c_text.has(function, self.dtype):
            raise ValueError(
                f"to_c: layer {name} has the activation {layer.activation!r}, which has no C text"
            )
        if not layer.parameter:
            return f"{function}(@)"
        return f"{function}(@, {self.number(getattr(layer, layer.parameter))})"

    def layer_norm(self, layer: layers.LayerNorm, value: Place, name: str, own: str) -> Place:
        axes = layer.specifications()[0]["axes"]
        columns = math.prod(value.shape[-axes:])
        rows = value.size // columns
        to = self.each(value, "@") if self.writable(value) != value else value
        epsilon = c_text.literal(np.float64(layer.epsilon))
        self.code.statements.append(f"  net_normalize({to.pointer}, {rows}, {columns}, {epsilon});")
        terms = []
        for key, has, otherwise in (("gamma", layer.scale, "1"), ("beta", layer.center, "0")):
            given = self.parameters[f"{name}.{key}"] if has else None
            terms.append(otherwise if given is None else f"{self.constant(own, key, given)}[j]")
        flat = self.each(to.shaped((rows, columns)), f"NET_FMA_REAL(@, {terms[0]}, {terms[1]})")
        return flat.shaped(value.shape)

    def clip(self, layer: layers.Clip, value: Place, name: str, own: str) -> Place:
        low, high = self.number(layer.low), self.number(layer.high)
        return self.each(value, f"@ < {low} ? {low} : @ > {high} ? {high} : @")

    def rescaling(self, layer: layers.Rescaling, value: Place, name: str, own: str) -> Place:
        scale = self.number_or_numbers(own, "scale", layer.scale)
        offset = self.number_or_numbers(own, "offset", layer.offset)
        return self.each(value, f"NET_FMA_REAL(@, {scale}, {offset})")

    def imputation(self, layer: layers.Imputation, value: Place, name: str, own: str) -> Place:
        return self.each(
            value, f"@ == @ ? @ : {self.number_or_numbers(own, 'values', layer.values)}"
        )

    def one_hot(self, layer: layers.OneHot, value: Place, name: str, own: str) -> Place:
        listed = [(place, one) for place, each in enumerate(layer.categories) for one in each]
        features, categories = zip(*listed, strict=True)
        to = self.take((len(listed),), value)
        feature = self.positions(f"{own}_features", features)
        category = self.number_or_numbers(own, "categories", categories)
        text = f"{to.at('j')} = {value.at(feature)} == {category} ? 1 : 0;"
        self.code.statements.append(f"  for (j = 0; j < {len(listed)}; ++j) {text}")
        return to

    def flatten(self, layer: layers.Flatten, value: Place, name: str, own: str) -> Place:
        return value.shaped((value.size,))

    def dropout(self, layer: layers.Dropout, value: Place, name: str, own: str) -> Place:
        return value

    def residual(self, layer: layers.Residual, value: Place, name: str, own: str) -> Place:
        self._held.append(value)
        inner = self.stack(layer.layers, value, f"{name}.", own)
        self._held.pop()
        flat, step = inner.shaped((inner.size,)), self.number(layer.step)
        sums = self.each(flat, f"NET_FMA_REAL({step}, @, {value.at('#')})")
        return sums.shaped(value.shape)

    def columns(self, layer: layers.Columns, value: Place, name: str, own: str) -> Place:
        (count,), (width,) = value.shape, layer.shapes(value.shape)[1]
        groups = [(b.name or "", b.positions(count), b.layers) for b in layer.inner_layers()]
        if rest := layer.rest(count):
            groups.append(("", rest, ()))
        to = self.take((width,), value)
        held, first = len(self._held), 0
        self._held += [value, to]
        for number, (key, positions, inside) in enumerate(groups):
            group = f"{own}_{number}"
            given = self.take((len(positions),))
            self.copy(value, positions, given, group)
            found = self.stack(inside, given, f"{name}.{key}.", group)
            assert to.start is not None
            part = Place(to.start + first, found.shape)
            self.copy(found, range(found.size), part, group)
            first += found.size
        del self._held[held:]
        return to

    def embedding(self, layer: layers.Embedding, value: Place, name: str, own: str) -> Place:
        weight = self.constant(own, "weight", self.parameters[f"{name}.weight"])
        to, width = self.take((value.size * layer.output_dim,), value), layer.output_dim
        row = f"net_code({value.at('i')}, {layer.input_dim}) * {width}"
        text = f"{to.at(f'i * {width} + j')} = {weight}[{row} + j];"
        inner = f"for (j = 0; j < {width}; ++j) {text}"
        self.code.statements.append(f"  for (i = 0; i < {value.size}; ++i) {{\n    {inner}\n  }}")
        return to

    def periodic_embeddings(
        self, layer: layers.PeriodicEmbeddings, value: Place, name: str, own: str
    ) -> Place:
        plr, features = layer.kind == "plr", value.size
        keys = ["frequency", *(() if plr else ("phase",)), "weight", "bias"]
        names = {key: self.constant(own, key, self.parameters[f"{name}.{key}"]) for key in keys}
        names.setdefault("phase", "0")
        to = self.take((features * layer.d_embedding,), value)
        waves = self.take((layer.n_frequencies * (1 + plr),), value, to)
        outputs = layer.d_embedding - (not plr)
        sizes = f"{features}, {layer.n_frequencies}, {outputs}, {int(plr)}"
        listed = ", ".join(names[key] for key in ("frequency", "phase", "weight", "bias"))
        pointers = f"{waves.pointer}, {to.pointer}"
        self.code.statements.append(
            f"  net_periodic({value.pointer}, {sizes}, {listed}, {pointers});"
        )
        return to

    def piecewise_linear_embeddings(
        self, layer: layers.PiecewiseLinearEmbeddings, value: Place, name: str, own: str
    ) -> Place:
        features, outputs = value.size, layer.d_embedding
        weight, bias = (self.parameters[f"{name}.{key}"] for key in ("weight", "bias"))
        base = np.empty_like(weight)  # sums over the bins before each, as in the engine
        row = 0
        for count, first in zip(layer.bin_counts, bias.astype(np.float64), strict=True):
            total = first
            for place in range(row, row + count):
                base[place] = total
                total = total + weight[place]
            row += count
        arrays = {"edges": np.concatenate(layer.bins), "base": base, "weight": weight}
        if layer.version == "B":
            arrays["linear"] = self.parameters[f"{name}.linear"]
        names = {key: self.constant(own, key, values) for key, values in arrays.items()}
        counts = f"{own}_bins"
        self.positions(counts, layer.bin_counts)
        to = self.take((features * outputs,), value)
        listed = ", ".join(names.get(key, "0") for key in ("edges", "base", "weight", "linear"))
        sizes = f"{features}, {outputs}, {counts}"
        self.code.statements.append(
            f"  net_piecewise_linear({value.pointer}, {sizes}, {listed}, {to.pointer});"
        )
        after = layer.fused_activation
        return to if after is None else self.layer(after, to, name, own)


_WRITERS: dict[type[Any], Callable[[_Program, Any, Place, str, str], Place]] = {
    layers.Dense: _Program.dense,
    layers.Conv2D: _Program.conv2d,
    layers.MaxPool2D: _Program.max_pool2d,
    layers.PReLU: _Program.prelu,
    layers.Activation: _Program.activation,
    layers.Scale: _Program.scale,
    layers.Parametric: _Program.parametric,
    layers.LayerNorm: _Program.layer_norm,
    layers.Clip: _Program.clip,
    layers.Rescaling: _Program.rescaling,
    layers.Imputation: _Program.imputation,
    layers.OneHot: _Program.one_hot,
    layers.Flatten: _Program.flatten,
    layers.Dropout: _Program.dropout,
    layers.Residual: _Program.residual,
    layers.Columns: _Program.columns,
    layers.Embedding: _Program.embedding,
    layers.PeriodicEmbeddings: _Program.periodic_embeddings,
    layers.PiecewiseLinearEmbeddings: _Program.piecewise_linear_embeddings,
}
