"""Losses: the number that training minimizes. The C++ ops of the same names compute them.

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

from ._description import Description, checked
from ._validation import choice, real


class Loss(Description):
    """The base of losses.

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

    @property
    def option(self) -> float:
        """The value of its one option, 0 where it has none."""
        return float(sum(getattr(self, name) for name in self.checks()))


class SoftmaxCrossEntropy(Loss, name="softmax_cross_entropy"):
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

    probabilities = "softmax"
    regression = False
    label_smoothing: float = checked(real, default=0.0, minimum=0.0, exclusive_maximum=1.0)


class SigmoidCrossEntropy(Loss, name="sigmoid_cross_entropy"):
    """Cross-entropy of outputs that are each true or false by themselves, from logits.

    ``l = mean_j(log(1 + exp(y_j)) - t_j y_j)``, ``dl/dy_j = (sigmoid(y_j) - t_j) / outputs``

    Targets are 0, 1 or between, (rows, outputs), or (rows,) for one output.
    """

    probabilities = "sigmoid"
    regression = False


class MeanSquaredError(Loss, name="mean_squared_error"):
    """Mean of the squared errors over all elements.

    ``l = mean_j (y_j - t_j)**2``, ``dl/dy_j = 2 (y_j - t_j) / outputs``
    """


class BatchMeanSquaredError(Loss, name="batch_mean_squared_error"):
    """Sum of the squared errors over the outputs, mean over the rows.

    ``l = sum_j (y_j - t_j)**2``, ``dl/dy_j = 2 (y_j - t_j)``
    """


class HalfSquaredError(Loss, name="half_squared_error"):
    """Half the sum of the squared errors over everything, rows too.

    ``l = sum_j (y_j - t_j)**2 / 2``, ``dl/dy_j = y_j - t_j``; the reduction is ``"sum"``.
    """

    reduction = "sum"


class MeanAbsoluteError(Loss, name="mean_absolute_error"):
    """Mean of the absolute errors over all elements.

    ``l = mean_j abs(y_j - t_j)``, ``dl/dy_j = sign(y_j - t_j) / outputs``, 0 where they are equal.
    """


class Huber(Loss, name="huber"):
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

    delta: float = checked(real, default=1.0, exclusive_minimum=0.0)


class LogCosh(Loss, name="log_cosh"):
    """Logarithm of the hyperbolic cosine of the errors, mean over all elements.

    ``l = mean_j log(cosh(y_j - t_j))``, ``dl/dy_j = tanh(y_j - t_j) / outputs``: about half the
    squared error near zero, about the absolute error beyond one.
    """


Function = Callable[[Any, Any], tuple[Any, Any]]


def _callable(owner: str, name: str, value: Function) -> Function:
    if not callable(value):
        raise TypeError(f"{owner}: {name} must be callable, got {value!r}")
    return value


class FunctionLoss(Loss):
    """A loss written in Python.

    Calls Python for every batch, which is slower than a named loss for small networks. A batch's
    loss is ``sum(w l) / sum(w)``, as for a mean. Accuracy takes the largest of several outputs, or
    one output above 0.5: end logits of one output in a Sigmoid, or measure them by your own metric.
    `save` does not store the function: compile after `load`.

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
    function: Function = checked(_callable)

    @property
    def function_name(self) -> str:
        """Its name in messages."""
        return str(getattr(self.function, "__name__", repr(self.function)))


def get(value: Loss | str | Function, *, owner: str = "losses.get", name: str = "value") -> Loss:
    """Return `value` as a loss: itself, a function's, or the one of that name with its defaults.

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
    named = Loss.named()
    return named[choice(owner, f"{name} (unless a Loss)", value, named)]()
