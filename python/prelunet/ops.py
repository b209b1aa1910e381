"""Every kernel alone: NumPy arrays in, NumPy arrays out.

Arrays must have dtype float32 or float64 (all of one call the same), be C-contiguous, aligned and
of native byte order; nothing is copied or cast behind your back. A wrong dtype is a TypeError, a
wrong shape, layout or value a ValueError. Results have the same bits for any number of threads, and
on AVX2, AVX-512 and NEON.

Besides the functions written out here there are, for every name in `ACTIVATIONS`,
``<name>_forward(x, [parameter], *, out=None)`` and ``<name>_backward(grad_out, x, [parameter])``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from ._core import ops as _ops
from ._validation import boolean, choice, integer, real

Array = npt.NDArray[Any]

ACTIVATIONS: Mapping[str, float | None] = MappingProxyType(
    {name: value if parameter else None for name, _, parameter, value, _ in _ops.ACTIVATIONS}
)
"""The registry's activations: the default of each one's parameter, None where it has none."""

LOSSES: Mapping[str, float | None] = MappingProxyType(
    {name: value if option else None for name, _, _, option, value in _ops.LOSSES}
)
"""The losses: the default of each one's option, None where it has none."""


def gemm(
    a: Array,
    b: Array,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    bias: Array | None = None,
    activation: str | None = None,
    alpha: Array | None = None,
    out: Array | None = None,
) -> Array:
    """Matrix product with bias and activation: ``f(op(a) @ op(b) + bias)``.

    Each element of the product is one chain of fused multiply-adds over k in order; the bias is
    added after it.

    Parameters
    ----------
    a : ndarray of shape (m, k), or (k, m) with `transpose_a`
    b : ndarray of shape (k, n), or (n, k) with `transpose_b`
    transpose_a, transpose_b : bool, default False
        Use the transpose: ``gemm(x, weight, transpose_b=True)`` is a layer's forward product,
        ``gemm(dz, weight)`` and ``gemm(dz, x, transpose_a=True)`` are its gradients.
    bias : ndarray of shape (n,), optional
    activation : str, optional
        A name of `ACTIVATIONS`, with its default parameter, or ``"prelu"``.
    alpha : ndarray of shape (1,) or (n,), for "prelu" only
    out : ndarray of shape (m, n), optional
        Where the result goes; it must not overlap an input.

    Returns
    -------
    ndarray of shape (m, n)

    Raises
    ------
    TypeError
        If an argument is not an array of the right dtype.
    ValueError
        If a shape, a layout or a name does not fit.
    """
    boolean("gemm", "transpose_a", transpose_a)
    boolean("gemm", "transpose_b", transpose_b)
    if activation is not None:
        choice("gemm", "activation", activation, ("prelu", *ACTIVATIONS))
    return _ops.gemm(a, b, transpose_a, transpose_b, bias, activation, alpha, out)


def column_sums(x: Array) -> Array:
    """Sum over rows, ``sums[j] = sum_i x[i, j]``: the gradient of a bias.

    Rows are summed in chunks of 8, and the chunks in order.

    Parameters
    ----------
    x : ndarray of shape (rows, columns)

    Returns
    -------
    ndarray of shape (columns,)
    """
    return _ops.column_sums(x)


def prelu_forward(x: Array, alpha: Array, *, out: Array | None = None) -> Array:
    """Parametric ReLU, ``y = x where x > 0, else alpha * x`` [1]_.

    Parameters
    ----------
    x : ndarray of shape (..., channels)
    alpha : ndarray of shape (1,) or (channels,)
        One slope for all, or one for each entry of the last axis.
    out : ndarray of the shape of x, optional
        Where the result goes; it may be x itself.

    Returns
    -------
    ndarray of the shape of x

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving Deep into Rectifiers: Surpassing
       Human-Level Performance on ImageNet Classification", ICCV 2015, arXiv:1502.01852.
    """
    return _ops.prelu_forward(x, alpha, out)


def prelu_backward(grad_out: Array, x: Array, alpha: Array) -> tuple[Array, Array]:
    """Gradients of parametric ReLU.

    ``grad_x = grad_out where x > 0, else alpha * grad_out``, and `grad_alpha` is the sum of
    ``grad_out * x`` over the elements with ``x <= 0`` that share a slope: rows in chunks of 8, for
    one slope in all then the channels in order.

    Parameters
    ----------
    grad_out : ndarray of the shape of x
    x : ndarray of shape (..., channels)
    alpha : ndarray of shape (1,) or (channels,)

    Returns
    -------
    grad_x : ndarray of the shape of x
    grad_alpha : ndarray of the shape of alpha
    """
    return _ops.prelu_backward(grad_out, x, alpha)


def softmax_forward(x: Array) -> Array:
    """Softmax over the last axis, ``y_j = exp(x_j - max x) / sum_i exp(x_i - max x)``.

    Parameters
    ----------
    x : ndarray of shape (..., classes)

    Returns
    -------
    ndarray of the shape of x
    """
    return _ops.softmax_forward(x)


def exp(x: Array) -> Array:
    """Exponential, to 1 ULP in float32 and 2 in float64."""
    return _ops.exp(x)


def log(x: Array) -> Array:
    """Natural logarithm, to 1 ULP in float32 and 2 in float64."""
    return _ops.log(x)


def softmax_cross_entropy(
    outputs: Array,
    targets: npt.NDArray[Any],
    *,
    sample_weight: Array | None = None,
    label_smoothing: float = 0.0,
) -> tuple[float, Array]:
    """Cross-entropy of softmax(outputs) and its gradient in one pass.

    ``l = -sum_j t_j log softmax(z)_j``, ``dl/dz = softmax(z) sum_j t_j - t``

    Parameters
    ----------
    outputs : ndarray of shape (rows, classes)
        Logits z.
    targets : integer ndarray of shape (rows,), or ndarray of shape (rows, classes)
        Labels, or rows of targets of the dtype of `outputs`.
    sample_weight : ndarray of shape (rows,), optional
        Finite and at least 0. The loss is ``sum(w l) / sum(w)``, 0 where the weights are.
    label_smoothing : float, default 0.0
        s in [0, 1): t becomes ``(1 - s) t + s / classes``.

    Returns
    -------
    loss : float
    grad_outputs : ndarray of shape (rows, classes)
    """
    share = real(
        "softmax_cross_entropy",
        "label_smoothing",
        label_smoothing,
        minimum=0.0,
        exclusive_maximum=1.0,
    )
    return _ops.softmax_cross_entropy(outputs, targets, sample_weight, share)


def sigmoid_cross_entropy(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None
) -> tuple[float, Array]:
    """Cross-entropy of sigmoid(outputs) with targets in [0, 1], the mean over a row's outputs.

    See `softmax_cross_entropy` for arguments and weights; targets have the shape of `outputs`.
    """
    return _ops.sigmoid_cross_entropy(outputs, targets, sample_weight, 0.0)


def mean_squared_error(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None
) -> tuple[float, Array]:
    """Mean of the squared errors over all elements, and its gradient.

    See `softmax_cross_entropy` for arguments and weights; targets have the shape of `outputs`.
    """
    return _ops.mean_squared_error(outputs, targets, sample_weight, 0.0)


def batch_mean_squared_error(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None
) -> tuple[float, Array]:
    """Squared errors summed over a row's outputs, the mean over rows, and its gradient.

    See `softmax_cross_entropy` for arguments and weights; targets have the shape of `outputs`.
    """
    return _ops.batch_mean_squared_error(outputs, targets, sample_weight, 0.0)


def half_squared_error(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None
) -> tuple[float, Array]:
    """Half the squared errors summed over all elements, and its gradient; weights multiply rows.

    See `softmax_cross_entropy` for arguments; targets have the shape of `outputs`.
    """
    return _ops.half_squared_error(outputs, targets, sample_weight, 0.0)


def mean_absolute_error(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None
) -> tuple[float, Array]:
    """Mean of the absolute errors over all elements, and its gradient (0 where there is no error).

    See `softmax_cross_entropy` for arguments and weights; targets have the shape of `outputs`.
    """
    return _ops.mean_absolute_error(outputs, targets, sample_weight, 0.0)


def huber(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None, delta: float = 1.0
) -> tuple[float, Array]:
    """Huber's loss: ``e**2 / 2`` where ``|e| <= delta``, else ``delta (|e| - delta / 2)``.

    See `softmax_cross_entropy` for arguments and weights; targets have the shape of `outputs`, and
    `delta` is above 0.
    """
    limit = real("huber", "delta", delta, exclusive_minimum=0.0)
    return _ops.huber(outputs, targets, sample_weight, limit)


def sgd_update(
    parameter: Array,
    gradient: Array,
    velocity: Array | None = None,
    *,
    learning_rate: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    l2: float = 0.0,
    weight_decay: float = 0.0,
) -> None:
    """Update `parameter` (and `velocity`) in place; equations: `prelunet.optimizers.SGD`."""
    op = "sgd_update"
    _ops.sgd_update(
        parameter,
        gradient,
        velocity,
        real(op, "learning_rate", learning_rate, minimum=0.0),
        real(op, "momentum", momentum, minimum=0.0, exclusive_maximum=1.0),
        boolean(op, "nesterov", nesterov),
        real(op, "l2", l2, minimum=0.0),
        real(op, "weight_decay", weight_decay, minimum=0.0),
    )


def adam_update(
    parameter: Array,
    gradient: Array,
    first_moment: Array,
    second_moment: Array,
    *,
    step: int,
    learning_rate: float,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    l2: float = 0.0,
    weight_decay: float = 0.0,
) -> None:
    """Update `parameter` and both moments in place; equations: `prelunet.optimizers.Adam`.

    `step` is the number of this step, counted from 1.
    """
    op = "adam_update"
    _ops.adam_update(
        parameter,
        gradient,
        first_moment,
        second_moment,
        integer(op, "step", step, minimum=1, maximum=2**63 - 1),
        real(op, "learning_rate", learning_rate, minimum=0.0),
        real(op, "beta_1", beta_1, minimum=0.0, exclusive_maximum=1.0),
        real(op, "beta_2", beta_2, minimum=0.0, exclusive_maximum=1.0),
        real(op, "epsilon", epsilon, exclusive_minimum=0.0),
        real(op, "l2", l2, minimum=0.0),
        real(op, "weight_decay", weight_decay, minimum=0.0),
    )


def clip_by_value(gradient: Array, limit: float) -> None:
    """Move each element into [-limit, limit], in place; NaN stays."""
    _ops.clip_by_value(gradient, real("clip_by_value", "limit", limit, exclusive_minimum=0.0))


def clip_by_norm(gradients: list[Array] | tuple[Array, ...], limit: float) -> float:
    """Scale all gradients together by ``min(1, limit / norm)``, in place.

    Returns
    -------
    float
        The norm before: the root of the sum of all squares.
    """
    if not isinstance(gradients, (list, tuple)):
        raise TypeError(
            f"clip_by_norm: gradients must be a list of arrays, got {type(gradients).__name__}"
        )
    checked = real("clip_by_norm", "limit", limit, exclusive_minimum=0.0)
    return _ops.clip_by_norm(list(gradients), checked)


def _activation_functions(
    name: str, parameter: str, default: float, equation: str
) -> tuple[Callable[..., Array], Callable[..., Array]]:
    core_forward = getattr(_ops, f"{name}_forward")
    core_backward = getattr(_ops, f"{name}_backward")
    if parameter:

        def forward(x: Array, parameter: float = default, *, out: Array | None = None) -> Array:
            return core_forward(x, real(f"{name}_forward", "parameter", parameter), out)  # type: ignore[no-any-return]

        def backward(grad_out: Array, x: Array, parameter: float = default) -> Array:
            constant = real(f"{name}_backward", "parameter", parameter)
            return core_backward(grad_out, x, constant)  # type: ignore[no-any-return]

    else:

        def forward(x: Array, *, out: Array | None = None) -> Array:  # type: ignore[misc]
            return core_forward(x, 0.0, out)  # type: ignore[no-any-return]

        def backward(grad_out: Array, x: Array) -> Array:  # type: ignore[misc]
            return core_backward(grad_out, x, 0.0)  # type: ignore[no-any-return]

    told = f" `parameter` is the {parameter}, {default:g} by default." if parameter else ""
    forward.__doc__ = f"{equation}.\n\nx of any shape; `out` may be x itself.{told}"
    backward.__doc__ = f"Gradient of {name}: grad_out * dy/dx.\n\n{equation}.{told}"
    for function, kind in ((forward, "forward"), (backward, "backward")):
        function.__name__ = function.__qualname__ = f"{name}_{kind}"
    return forward, backward


for _name, _, _parameter, _default, _equation in _ops.ACTIVATIONS:
    globals()[f"{_name}_forward"], globals()[f"{_name}_backward"] = _activation_functions(
        _name, _parameter, _default, _equation
    )


def __getattr__(name: str) -> Callable[..., Array]:
    raise AttributeError(f"module 'prelunet.ops' has no attribute {name!r}")
