"""Losses: which number training makes small. The arithmetic lies in the C++ ops of the same names.

Below, y are the network's outputs, t the targets, both (rows, outputs), and l is the loss of one
row. A batch of rows with weights w (1 where none are given; class weights multiply them) has the
loss ``sum(w l) / sum(w)`` where the reduction is ``"mean"``, 0 with no gradient if all its weights
are 0; and ``sum(w l)`` where it is ``"sum"``. Gradients are scaled likewise.

Models refuse targets without a meaning: outside 0 to 1 for sigmoid cross-entropy, below 0 in rows
for softmax cross-entropy (a row need not sum to 1; its sum is a weight of the row), and targets
whose squared errors are not finite in the model's dtype for the squared errors. A NaN among
quantities is taken, and makes the loss NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from ._description import Description
from ._validation import choice, real


class Loss(Description):
    """What all losses tell about themselves.

    Attributes
    ----------
    name : str
        The name in files and in `get`.
    probabilities : {"softmax", "sigmoid"} or None
        What turns the network's outputs into probabilities; None where they are not logits.
    reduction : {"mean", "sum"}
        How the losses of rows become that of a batch.
    regression : bool
        Whether targets are quantities, so that accuracy has no meaning.
    """

    name: ClassVar[str]
    probabilities: ClassVar[Literal["softmax", "sigmoid"] | None] = None
    reduction: ClassVar[Literal["mean", "sum"]] = "mean"
    regression: ClassVar[bool] = True

    def __init__(self) -> None:  # most losses have no arguments, which a description must say
        pass


class SoftmaxCrossEntropy(Loss):
    """Cross-entropy of classes that exclude each other, from logits.

    ``p = softmax(y)``, ``l = -sum_j t_j log p_j``, ``dl/dy = p * sum_j t_j - t``

    Targets are integer labels (rows,), for a row of t with a 1 in that place, or rows of t
    themselves (rows, outputs), which need not sum to 1. Labels of shape (rows, 1) are refused.

    Parameters
    ----------
    label_smoothing : float, default 0.0
        s in [0, 1): t becomes ``(1 - s) * t + s / outputs`` [1]_.

    References
    ----------
    .. [1] C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision",
       CVPR 2016, arXiv:1512.00567, section 7.
    """

    name = "softmax_cross_entropy"
    probabilities = "softmax"
    regression = False

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = real(
            "SoftmaxCrossEntropy",
            "label_smoothing",
            label_smoothing,
            minimum=0.0,
            exclusive_maximum=1.0,
        )


class SigmoidCrossEntropy(Loss):
    """Cross-entropy of outputs that are each true or false by themselves, from logits.

    ``l = mean_j(log(1 + exp(y_j)) - t_j y_j)``, ``dl/dy_j = (sigmoid(y_j) - t_j) / outputs``

    Targets are 0, 1 or between, (rows, outputs), or (rows,) for one output.
    """

    name = "sigmoid_cross_entropy"
    probabilities = "sigmoid"
    regression = False


class MeanSquaredError(Loss):
    """Mean of the squared errors over all elements.

    ``l = mean_j (y_j - t_j)**2``, ``dl/dy_j = 2 (y_j - t_j) / outputs``
    """

    name = "mean_squared_error"


class BatchMeanSquaredError(Loss):
    """Sum of the squared errors over the outputs, mean over the rows.

    ``l = sum_j (y_j - t_j)**2``, ``dl/dy_j = 2 (y_j - t_j)``
    """

    name = "batch_mean_squared_error"


class HalfSquaredError(Loss):
    """Half the sum of the squared errors over everything, rows too.

    ``l = sum_j (y_j - t_j)**2 / 2``, ``dl/dy_j = y_j - t_j``; the reduction is ``"sum"``.
    """

    name = "half_squared_error"
    reduction = "sum"


class MeanAbsoluteError(Loss):
    """Mean of the absolute errors over all elements.

    ``l = mean_j abs(y_j - t_j)``, ``dl/dy_j = sign(y_j - t_j) / outputs``, 0 where they are equal.
    """

    name = "mean_absolute_error"


class Huber(Loss):
    """Squared error near zero, absolute error beyond `delta` [1]_; mean over all elements.

    With ``d = y_j - t_j``, l is the mean over j of ``d**2 / 2`` where ``abs(d) <= delta`` and of
    ``delta * (abs(d) - delta / 2)`` elsewhere; dl/dy_j is d, limited to [-delta, delta], divided by
    the number of outputs.

    Parameters
    ----------
    delta : float, default 1.0
        Above 0, in the units of the targets.

    References
    ----------
    .. [1] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical
       Statistics 35, 1964.
    """

    name = "huber"

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = real("Huber", "delta", delta, exclusive_minimum=0.0)


Function = Callable[[Any, Any], tuple[Any, Any]]


class FunctionLoss(Loss):
    """A loss of one's own, written in Python.

    Every batch goes to Python and comes back: slower than a named loss for small networks, and the
    step itself is as fast. A batch's loss is ``sum(w l) / sum(w)``, as for a mean. Accuracy takes
    the largest of several outputs, or one output above 0.5: have logits of one output end in a
    Sigmoid, or judge them by a metric of your own. `save` does not keep it: compile after `load`.

    Parameters
    ----------
    function : callable
        ``function(outputs, targets) -> (losses, grad_outputs)``: from outputs (rows, outputs) and
        the rows of y as they were given, the loss of each row (rows,) and its gradient by that
        row's outputs (rows, outputs).

    Raises
    ------
    TypeError
        If `function` is not callable; in training, if it does not return two arrays of numbers.
    ValueError
        In training, if these have other shapes.

    Examples
    --------
    >>> def absolute(outputs, targets):
    ...     d = outputs - targets
    ...     return abs(d).sum(axis=1), np.sign(d)
    >>> model.compile("adam", loss=absolute)  # doctest: +SKIP
    """

    name = "function"

    def __init__(self, function: Function) -> None:
        if not callable(function):
            raise TypeError(f"FunctionLoss: function must be callable, got {function!r}")
        self.function = function

    @property
    def function_name(self) -> str:
        """What messages call it."""
        return str(getattr(self.function, "__name__", repr(self.function)))


_BY_NAME: dict[str, type[Loss]] = {
    loss.name: loss
    for loss in (
        SoftmaxCrossEntropy,
        SigmoidCrossEntropy,
        MeanSquaredError,
        BatchMeanSquaredError,
        HalfSquaredError,
        MeanAbsoluteError,
        Huber,
    )
}


def get(value: Loss | str | Function, *, owner: str = "losses.get", name: str = "value") -> Loss:
    """Return the loss that `value` stands for: itself, a function, or a name's with its defaults.

    Parameters
    ----------
    value : Loss, str or callable
    owner, name : str
        Whose argument it is, and which, for messages.

    Raises
    ------
    TypeError
        If `value` is neither a Loss, nor a string, nor callable.
    ValueError
        If the name is unknown.
    """
    if isinstance(value, Loss):
        return value
    if callable(value) and not isinstance(value, type):
        return FunctionLoss(value)
    return _BY_NAME[choice(owner, f"{name} (unless a Loss)", value, _BY_NAME)]()
