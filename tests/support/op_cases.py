"""Every op of `pn.ops` as one list of calls with valid arrays, for the tests that hold of all ops.

Each case names its arrays as the op does. A test takes the cases at a size of its own, replaces an
array by a bad one, moves it to the edge of a page, or runs it with other threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import prelunet as pn
from prelunet._core import ops as core
from prelunet.optimizers import Optimizer

TARGET_KINDS = {"softmax_cross_entropy": ("labels", "rows")}
LOSS_OPTIONS = {
    "softmax_cross_entropy": {"label_smoothing": 0.1},
    "huber": {"delta": 0.7},
    "pinball": {"quantile": 0.8},
}

POSITIVE_TARGETS = ("poisson", "gamma")


@dataclass(frozen=True)
class OpCase:
    """One valid call: `function(**arrays, **options)`."""

    label: str
    op: str
    arrays: dict[str, np.ndarray]
    options: dict[str, Any] = field(default_factory=dict)
    in_place: tuple[str, ...] = ()  # the arrays that the op writes
    takes_out: bool = False
    adapter: Callable[..., Any] | None = None  # where the op does not take its arrays by name

    def __str__(self) -> str:
        return self.label

    def copies(self) -> dict[str, np.ndarray]:
        """Return new copies of the arrays, so that a call can be repeated."""
        return {name: array.copy() for name, array in self.arrays.items()}

    def call(self, arrays: dict[str, Any], **more: Any) -> Any:
        """Call the op with these arrays."""
        function = self.adapter or getattr(pn.ops, self.op)
        return function(**arrays, **self.options, **more)

    def results(self, arrays: dict[str, np.ndarray] | None = None) -> list[np.ndarray]:
        """Return all that a call gives: what it returns, then what it wrote in place."""
        arrays = self.copies() if arrays is None else arrays
        returned = self.call(arrays)
        values = returned if isinstance(returned, tuple) else (returned,)
        values = [np.asarray(value) for value in values if value is not None]
        return values + [arrays[name] for name in self.in_place]


def normal(rng, shape, dtype):
    """Return standard normal numbers, rounded to dtype."""
    return rng.standard_normal(shape).astype(dtype)


def positive_targets(name, rng, rows, outputs):
    """Return counts for `poisson`, some of them 0, and numbers above 0 for `gamma`."""
    if name == "poisson":
        return rng.poisson(1.5, size=(rows, outputs)).astype(np.float64)
    return rng.gamma(2.0, size=(rows, outputs))


def loss_targets(name, kind, rng, rows, outputs, dtype):
    """Return targets that suit a loss: labels, probabilities, counts or any numbers."""
    if kind == "labels":
        return rng.integers(outputs, size=rows)
    if "cross_entropy" in name:
        return rng.uniform(size=(rows, outputs)).astype(dtype)
    if name in POSITIVE_TARGETS:
        return positive_targets(name, rng, rows, outputs).astype(dtype)
    return normal(rng, (rows, outputs), dtype)


def op_cases(rows: int, columns: int, dtype: Any, *, depth: int = 5) -> list[OpCase]:
    """Return the calls with arrays of (rows, columns); `depth` is gemm's inner length."""
    rng = np.random.default_rng([rows, columns, depth])
    x, grad_out = normal(rng, (rows, columns), dtype), normal(rng, (rows, columns), dtype)
    channel, shared = normal(rng, (columns,), dtype), normal(rng, (1,), dtype)
    return [
        *_gemm_cases(rng, rows, columns, depth, dtype),
        *(_bfloat16_cases(rng, rows, columns, depth) if dtype == np.float32 else []),
        OpCase("prelu_forward", "prelu_forward", {"x": x, "alpha": channel}, takes_out=True),
        OpCase("prelu_forward-shared", "prelu_forward", {"x": x, "alpha": shared}, takes_out=True),
        OpCase(
            "prelu_backward", "prelu_backward", {"grad_out": grad_out, "x": x, "alpha": channel}
        ),
        OpCase(
            "prelu_backward-shared",
            "prelu_backward",
            {"grad_out": grad_out, "x": x, "alpha": shared},
        ),
        *_weighted_cases(x, grad_out, channel),
        OpCase(
            "layer_norm_forward",
            "layer_norm_forward",
            {"x": x, "gamma": channel, "beta": grad_out[0].copy()},
            takes_out=True,
        ),
        OpCase(
            "layer_norm_backward",
            "layer_norm_backward",
            {"grad_y": grad_out, "x": x, "gamma": channel},
            {"epsilon": 0.1},
        ),
        *_elementwise_cases(x, grad_out),
        *_image_cases(rng, rows, columns, depth, dtype),
        *_loss_cases(rng, rows, columns, dtype),
        OpCase("column_sums", "column_sums", {"x": x}),
        *_update_cases(rng, rows * columns, dtype),
    ]


def _weighted_cases(x, grad_out, weight):
    """Return calls of `scale` and `parametric`, whose f is one of each kind."""
    forward, backward = {"x": x, "weight": weight}, {"grad_out": grad_out, "x": x, "weight": weight}
    cases = [
        OpCase("scale_forward", "scale_forward", forward, takes_out=True),
        OpCase("scale_backward", "scale_backward", backward),
    ]
    for options in ({"activation": "selu"}, {"activation": "elu", "parameter": 0.7}):
        label = options["activation"]
        name = "parametric_forward"
        cases += [
            OpCase(f"{name}-{label}", name, forward, options, takes_out=True),
            OpCase(f"parametric_backward-{label}", "parametric_backward", backward, options),
        ]
    return cases


def _gemm_cases(rng, rows, columns, depth, dtype):
    a, b = normal(rng, (rows, depth), dtype), normal(rng, (depth, columns), dtype)
    bias, alpha = normal(rng, (columns,), dtype), normal(rng, (columns,), dtype)
    forms = {
        "gemm": ({"a": a, "b": b}, {}),
        "gemm-x_w": ({"a": a, "b": b.T.copy()}, {"transpose_b": True}),
        "gemm-dz_x": ({"a": a.T.copy(), "b": b}, {"transpose_a": True}),
        "gemm-both": (
            {"a": a.T.copy(), "b": b.T.copy()},
            {"transpose_a": True, "transpose_b": True},
        ),
        "gemm-bias_prelu": (
            {"a": a, "b": b, "bias": bias, "alpha": alpha},
            {"activation": "prelu"},
        ),
    }
    forms |= {
        f"gemm-{name}": ({"a": a, "b": b, "bias": bias}, {"activation": name})
        for name in pn.ops.ACTIVATIONS
    }
    return [
        OpCase(label, "gemm", arrays, options, takes_out=True)
        for label, (arrays, options) in forms.items()
    ]


def _bfloat16_cases(rng, rows, columns, depth):
    a, b = normal(rng, (rows, depth), np.float32), normal(rng, (depth, columns), np.float32)
    c = normal(rng, (rows, columns), np.float32)
    bits = {name: pn.ops.to_bfloat16(array) for name, array in {"a": a, "b": b}.items()}
    forms = {
        "bfloat16_gemm": ({"a": a, "b": b}, {"order": "amx"}),
        "bfloat16_gemm-c": ({"a": a, "b": b, "c": c}, {"order": "vdpbf16"}),
        "bfloat16_gemm-bits": (bits, {"order": "vdpbf16"}),
        "bfloat16_gemm-both": (
            {"a": a.T.copy(), "b": b.T.copy()},
            {"transpose_a": True, "transpose_b": True, "order": "amx"},
        ),
        "bfloat16_gemm-bits_both": (
            {"a": bits["a"].T.copy(), "b": bits["b"].T.copy()},
            {"transpose_a": True, "transpose_b": True, "order": "vdpbf16"},
        ),
    }
    return [
        OpCase("to_bfloat16", "to_bfloat16", {"x": c}),
        *(OpCase(label, "bfloat16_gemm", *form) for label, form in forms.items()),
    ]


def _elementwise_cases(x, grad_out):
    two = {"x": x, "y": grad_out}
    cases = [
        OpCase("exp", "exp", {"x": x}),
        OpCase("log", "log", {"x": np.abs(x)}),
        OpCase("cos_2pi", "cos_2pi", {"x": x}),
        OpCase("sin_2pi", "sin_2pi", {"x": x}),
        OpCase("softmax_forward", "softmax_forward", {"x": x}, takes_out=True),
        OpCase("log_softmax_forward", "log_softmax_forward", {"x": x}, takes_out=True),
        OpCase(
            "log_softmax_backward",
            "log_softmax_backward",
            {"grad_out": grad_out, "y": -np.abs(x)},
        ),
        OpCase("scaled_sum", "scaled_sum", two, {"factor": 0.3}, takes_out=True),
    ]
    for name in pn.ops.ACTIVATIONS:
        forward, backward = f"{name}_forward", f"{name}_backward"
        cases.append(OpCase(forward, forward, {"x": x}, takes_out=True))
        cases.append(OpCase(backward, backward, {"grad_out": grad_out, "x": x}))
    return cases


def _image_cases(rng, images, channels, filters, dtype):
    x, weight = (
        normal(rng, (images, 4, 5, channels), dtype),
        normal(rng, (filters, 3, 2, channels), dtype),
    )
    cases = []
    for padding, stride, shape in (("same", 2, (2, 3)), ("valid", 1, (2, 4))):
        options = {"stride": stride, "padding": padding}
        arrays = {"x": x, "weight": weight, "bias": normal(rng, (filters,), dtype)}
        name = "conv2d_forward"
        cases.append(OpCase(f"{name}-{padding}", name, arrays, options, takes_out=True))
        arrays = {
            "grad_out": normal(rng, (images, *shape, filters), dtype),
            "x": x,
            "weight": weight,
        }
        name = "conv2d_backward"
        cases.append(OpCase(f"{name}-{padding}", name, arrays, options))
    options = {"size": (3, 2), "stride": 2, "padding": "same"}
    name = "max_pool2d_forward"
    cases.append(OpCase(name, name, {"x": x}, options, takes_out=True))
    arrays = {"grad_out": normal(rng, (images, 2, 3, channels), dtype), "x": x}
    name = "max_pool2d_backward"
    cases.append(OpCase(name, name, arrays, options))
    return cases


def _loss_cases(rng, rows, outputs, dtype):
    cases = []
    values = normal(rng, (rows, outputs), dtype)
    weights = rng.uniform(size=rows).astype(dtype)
    for name in pn.ops.LOSSES:
        for kind in TARGET_KINDS.get(name, ("rows",)):
            targets = loss_targets(name, kind, rng, rows, outputs, dtype)
            arrays = {"outputs": values, "targets": targets}
            cases.append(OpCase(f"{name}-{kind}", name, arrays))
            cases.append(
                OpCase(
                    f"{name}-{kind}-weighted",
                    name,
                    arrays | {"sample_weight": weights},
                    LOSS_OPTIONS.get(name, {}),
                )
            )
    arrays = {
        "outputs": values,
        "targets": loss_targets("pinball", "rows", rng, rows, outputs, dtype),
    }
    options = {"quantile": np.linspace(0.1, 0.9, outputs)}
    return [*cases, OpCase("pinball-quantiles", "pinball", arrays, options)]


def _update_cases(rng, count, dtype):
    p, g, m = (normal(rng, (count,), dtype) for _ in range(3))
    positive = [rng.uniform(0.1, 1.0, count).astype(dtype) for _ in range(3)]
    cases = []
    for name, states, _ in core.UPDATES:
        op, described = f"{name}_update", Optimizer.named()[name]
        arrays = {"parameter": p, "gradient": g}
        given = {"learning_rate": 0.1} | ({"step": 3} if described.uses_step else {})
        kept = {s: v for (s, option), v in zip(states, positive, strict=False) if not option}
        plain = arrays | kept
        cases.append(OpCase(op, op, plain, given, ("parameter", *kept)))
        every = {s: v for (s, _), v in zip(states, positive, strict=False)}
        used = {option: 0.5 for _, option in states if option}
        used = {o: True if isinstance(getattr(described, o), bool) else v for o, v in used.items()}
        used |= {"l2": 0.01, "weight_decay": 0.02}
        cases.append(OpCase(f"{op}-all", op, arrays | every, given | used, ("parameter", *every)))

    def clip_by_norm(first, second, limit):
        return pn.ops.clip_by_norm([first, second], limit)

    return [
        *cases,
        OpCase(
            "sgd_update-nesterov",
            "sgd_update",
            {"parameter": p, "gradient": g, "velocity": m},
            {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
            ("parameter", "velocity"),
        ),
        OpCase("clip_by_value", "clip_by_value", {"gradient": g}, {"limit": 0.5}, ("gradient",)),
        OpCase(
            "clip_by_norm",
            "clip_by_norm",
            {"first": g, "second": m},
            {"limit": 0.5},
            ("first", "second"),
            adapter=clip_by_norm,
        ),
    ]
