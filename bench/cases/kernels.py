"""Single kernels: every activation, loss and optimizer of the registries, products, convolutions.

Products come in float32 and in bfloat16. NumPy has no bfloat16: it multiplies the same numbers in
float32.

Products use the shapes of real layers. Row-wise kernels use a block of a layer's activations that
fits in cache, as in a training step; some also use arrays larger than every cache.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from prelunet import ops

from .networks import POOL, SEED, Array

BLOCK = (256, 400)  # rows and units that a step processes at a time
LOGITS = (4096, 10)
MEMORY = (40_960, 400)  # 65 MB each in float32
LAYER = (400, 784)  # units and features of an optimizer update

# Rows, units and features of dense layers.
LAYERS = [
    *((128, 400, 400), (128, 400, 784), (100, 50, 784), (128, 128, 784), (128, 10, 128)),
    *((200, 100, 30), (4096, 400, 784)),
]

# Images and filters of size-preserving convolutions; the shape of pooled images.
CONVOLUTIONS = {
    "conv1": ((50, 28, 28, 1), (32, 5, 5, 1)),
    "conv2": ((50, 14, 14, 32), (64, 5, 5, 32)),
}
POOLED = (50, 28, 28, 32)

# Arrays read and written per element.
PASSES = {"forward": 2, "backward": 3, "loss": 2, "momentum": 5}
UPDATES = ("momentum", *(f"{name}_update" for name in ops.UPDATES))


def required_states(update: str) -> list[str]:
    """Return the state arrays that an update in `prelunet.ops` needs besides the gradient."""
    arguments = list(inspect.signature(getattr(ops, update)).parameters.values())[2:]
    states = [a for a in arguments if a.kind is a.POSITIONAL_OR_KEYWORD]
    return [state.name for state in states if state.default is state.empty]


PASSES |= {name: 3 + 2 * len(required_states(name)) for name in UPDATES if name not in PASSES}


@dataclass(frozen=True)
class KernelCase:
    """One op on arrays of one shape."""

    name: str
    op: str  # a name in `prelunet.ops`, or "momentum": sgd_update with a velocity
    # (rows, units, features) for products; images, then filters for convolutions; else the array's.
    shape: tuple[int, ...]
    flops: float = 0.0  # operations of a product; 0 for other kernels
    size: float = 0.0  # bytes read and written by other kernels
    chain: int = 1  # terms of the longest sum in an element
    dtype: str = "float32"  # of the operands; values are rounded to it and passed as float32
    activation: str = ""  # f of a parametric activation

    def draw(self, *shape: int, positive: bool = False) -> Array:
        """Generate normal float32 numbers, the same in every process."""
        rng = np.random.default_rng(SEED)
        drawn = rng.standard_normal(shape or self.shape, dtype=np.float32)
        if self.dtype == "bfloat16":
            drawn = (drawn.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        return np.abs(drawn) if positive else drawn

    def labels(self) -> Array:
        """Generate a class for each row."""
        return np.random.default_rng(SEED).integers(self.shape[1], size=self.shape[0])


def _row_wise(
    op: str, kind: str, shape: tuple[int, int], where: str = "", chain: int = 1
) -> KernelCase:
    size = PASSES[kind] * 4.0 * shape[0] * shape[1]
    return KernelCase(f"{op}{where}", op, shape, size=size, chain=chain)


def _products(dtype: str = "float32") -> list[KernelCase]:
    found = []
    suffix = "" if dtype == "float32" else f", {dtype}"
    for rows, units, features in LAYERS:
        for op, text, chain in (
            ("gemm_forward", "x W^T", features),
            ("gemm_grad_x", "dz W", units),
            ("gemm_grad_weight", "dz^T x", rows),
        ):
            found.append(
                KernelCase(
                    f"{text} {rows}x{units}x{features}{suffix}",
                    op,
                    (rows, units, features),
                    flops=2.0 * rows * units * features,
                    chain=chain,
                    dtype=dtype,
                )
            )
    return found


def _convolutions() -> list[KernelCase]:
    found = []
    for name, (images, weight) in CONVOLUTIONS.items():
        windows, taps = math.prod(images[:3]), math.prod(weight[1:])
        flops = 2.0 * windows * taps * weight[0]
        shape = (*images, *weight)
        # Two products: grad_weight sums over windows, grad_x over filters and their positions.
        back = max(windows, math.prod(weight[:3]))
        found += [
            KernelCase(f"{name} forward", "conv2d_forward", shape, flops=flops, chain=taps),
            KernelCase(f"{name} backward", "conv2d_backward", shape, flops=2 * flops, chain=back),
        ]
    return found


def _pooling() -> list[KernelCase]:
    # x and one result per window; backward also the gradient of x.
    size, windows = 4.0 * math.prod(POOLED), 1 / POOL**2
    return [
        KernelCase(f"max_pool2d {way}", f"max_pool2d_{way}", POOLED, size=arrays * size)
        for way, arrays in (("forward", 1 + windows), ("backward", 2 + windows))
    ]


def _weighted() -> list[KernelCase]:
    """Return the layer Scale, and Parametric with the activations that are fused with it."""
    cases = []
    for way in ("forward", "backward"):
        chain = BLOCK[0] if way == "backward" else 1
        cases.append(_row_wise(f"scale_{way}", way, BLOCK, chain=chain))
        for name in ("selu", "mish"):
            case = _row_wise(f"parametric_{way}", way, BLOCK, f", {name}", chain=chain)
            cases.append(replace(case, activation=name))
    return cases


def _kernel_cases() -> list[KernelCase]:
    cases = [*_products(), *_products("bfloat16"), *_convolutions(), *_pooling()]
    activations = ("prelu", *ops.ACTIVATIONS)
    cases += [_row_wise(f"{name}_forward", "forward", BLOCK) for name in activations]
    cases += [
        _row_wise(f"{name}_backward", "backward", BLOCK, chain=BLOCK[0]) for name in activations
    ]
    cases += _weighted()
    cases += [_row_wise("softmax_forward", "forward", LOGITS, chain=LOGITS[1])]
    cases += [_row_wise(name, "forward", BLOCK) for name in ("exp", "log", "cos_2pi", "sin_2pi")]
    cases += [
        _row_wise("layer_norm_forward", "forward", shape, where, chain=shape[1])
        for shape, where in ((BLOCK, ""), (LOGITS, ", narrow"))
    ]
    cases += [
        _row_wise("layer_norm_backward", "backward", shape, where, chain=max(shape))
        for shape, where in ((BLOCK, ""), (LOGITS, ", narrow"))
    ]
    cases += [_row_wise("column_sums", "forward", BLOCK, chain=BLOCK[0])]
    cases += [_row_wise(name, "loss", LOGITS, chain=LOGITS[0]) for name in ops.LOSSES]
    cases += [_row_wise(name, name, LAYER) for name in UPDATES]
    cases += [
        _row_wise(f"{name}_forward", "forward", MEMORY, ", memory")
        for name in ("prelu", "relu", "tanh")
    ]
    cases += [_row_wise(name, name, MEMORY, ", memory") for name in UPDATES]
    return cases


KERNELS: Mapping[str, KernelCase] = {case.name: case for case in _kernel_cases()}
"""The cases by name."""
