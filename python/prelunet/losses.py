"""Losses, the functions that training minimizes. C++ ops of the same names compute them.

Notation: y are the network's outputs and t the targets, both of shape (rows, outputs), and l is the
loss of one row. Row weights w are 1 by default; class weights multiply them. The loss of a batch is
``sum(w l) / sum(w)`` if the reduction is ``"mean"``, and ``sum(w l)`` if it is ``"sum"``. If all
weights of a mean are 0, the loss and its gradients are 0. Gradients are scaled accordingly.

Models reject invalid targets: for sigmoid cross-entropy, targets outside [0, 1]; for softmax
cross-entropy, negative targets; for squared errors, targets whose squared errors are not finite in
the model's dtype. Rows of targets for softmax cross-entropy need not sum to 1; their sums act as
weights. NaN in targets of regression losses is accepted and makes the loss NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from ._description import Description, checked
from ._validation import choice, function, real

_OF_LOGITS = "on logits: the last layer has no softmax and no sigmoid"
_HINTS = {
    "mse": "it is 'mean_squared_error' here",
    "mae": "it is 'mean_absolute_error' here",
    "huber_loss": "it is 'huber' here",
    "categorical_crossentropy": f"it is 'softmax_cross_entropy' here, {_OF_LOGITS}",
    "sparse_categorical_crossentropy": f"it is 'softmax_cross_entropy' here, {_OF_LOGITS}",
    "cross_entropy": f"it is 'softmax_cross_entropy' here, {_OF_LOGITS}",
    "binary_crossentropy": f"it is 'sigmoid_cross_entropy' here, {_OF_LOGITS}",
}  # names of other libraries


class Loss(Description):
    """Base class of losses.

    Attributes
    ----------
    name : str
        Name of the loss in files and in `get`.
    probabilities : {"softmax", "sigmoid"} or None
        Function that converts outputs to probabilities; None if the outputs are not logits.
    reduction : {"mean", "sum"}
        How the row losses of a batch are combined.
    regression : bool
        Whether targets are quantities rather than classes.
    """

    name: ClassVar[str]
    probabilities: ClassVar[Literal["softmax", "sigmoid"] | None] = None
    reduction: ClassVar[Literal["mean", "sum"]] = "mean"
    regression: ClassVar[bool] = True

    @property
    def options(self) -> tuple[float, ...]:
        """The value of the loss's single option, or one for each output; (0.0,) without option."""
        for name in self.checks():
            value = getattr(self, name)
            return value if isinstance(value, tuple) else (float(value),)
        return (0.0,)


class SoftmaxCrossEntropy(Loss, name="softmax_cross_entropy"):
    """Cross-entropy of mutually exclusive classes, from logits.

    ``p = softmax(y)``, ``l = -sum_j t_j log p_j``, ``dl/dy = p * sum_j t_j - t``

    Targets are integer labels (rows,), which stand for one-hot rows of t, or t itself
    (rows, outputs), whose rows need not sum to 1. Labels of shape (rows, 1) are rejected.

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
    """Cross-entropy of independent binary outputs, from logits.

    ``l = mean_j(log(1 + exp(y_j)) - t_j y_j)``, ``dl/dy_j = (sigmoid(y_j) - t_j) / outputs``

    Targets in [0, 1] have shape (rows, outputs), or (rows,) for one output.
    """

    probabilities = "sigmoid"
    regression = False


class MeanSquaredError(Loss, name="mean_squared_error"):
    """Squared errors, averaged over all elements.

    ``l = mean_j (y_j - t_j)**2``, ``dl/dy_j = 2 (y_j - t_j) / outputs``
    """


class BatchMeanSquaredError(Loss, name="batch_mean_squared_error"):
    """Squared errors, summed over the outputs and averaged over the rows.

    ``l = sum_j (y_j - t_j)**2``, ``dl/dy_j = 2 (y_j - t_j)``
    """


class HalfSquaredError(Loss, name="half_squared_error"):
    """Half the squared errors, summed over outputs and rows.

    ``l = sum_j (y_j - t_j)**2 / 2``, ``dl/dy_j = y_j - t_j``; the reduction is ``"sum"``.
    """

    reduction = "sum"


class MeanAbsoluteError(Loss, name="mean_absolute_error"):
    """Absolute errors, averaged over all elements.

    ``l = mean_j abs(y_j - t_j)``, ``dl/dy_j = sign(y_j - t_j) / outputs``, 0 where they are equal.
    """


class Huber(Loss, name="huber"):
    """Huber loss [1]_: quadratic up to `delta`, linear beyond; averaged over all elements.

    With ``d = y_j - t_j``, l is the mean over j of ``d**2 / 2`` where ``abs(d) <= delta`` and of
    ``delta * (abs(d) - delta / 2)`` elsewhere; dl/dy_j is d clipped to [-delta, delta], divided by
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
    """Logarithm of the hyperbolic cosine of the errors, averaged over all elements.

    ``l = mean_j log(cosh(y_j - t_j))``, ``dl/dy_j = tanh(y_j - t_j) / outputs``. Close to half
    the squared error near zero and to the absolute error for large errors.
    """


class Poisson(Loss, name="poisson"):
    """Half the Poisson deviance of counts t, averaged over all elements.

    ``l = mean_j(exp(y_j) - t_j - t_j (y_j - log t_j))``, ``dl/dy_j = (exp(y_j) - t_j) / outputs``

    The outputs y are logarithms of the expected counts: ``np.exp(model.predict(X))`` predicts
    counts. Targets are at least 0, with ``0 log 0 = 0``. The loss is half of scikit-learn's
    `mean_poisson_deviance`. It equals PyTorch's `PoissonNLLLoss` plus ``t_j log t_j - t_j``, which
    does not depend on y, and is 0 where the prediction is exact.
    """


class Gamma(Loss, name="gamma"):
    """Half the gamma deviance of positive targets, averaged over all elements.

    ``l = mean_j(t_j exp(-y_j) - 1 + y_j - log t_j)``,
    ``dl/dy_j = (1 - t_j exp(-y_j)) / outputs``

    The outputs y are logarithms of the expected values: ``np.exp(model.predict(X))`` predicts them.
    Targets are above 0. The loss is half of scikit-learn's `mean_gamma_deviance`.
    """


def _one_quantile(owner: str, name: str, value: object) -> float:
    return real(owner, name, value, exclusive_minimum=0.0, exclusive_maximum=1.0)


def _quantile(owner: str, name: str, value: float | Sequence[float]) -> float | tuple[float, ...]:
    """Return one quantile, or several as a tuple."""
    if isinstance(value, (list, tuple, np.ndarray)) and getattr(value, "shape", None) != ():
        if len(value) == 0:
            raise ValueError(f"{owner}: {name} must hold at least one number, got {value!r}")
        return tuple(_one_quantile(owner, name, one) for one in value)
    return _one_quantile(owner, name, value)


class Pinball(Loss, name="pinball"):
    """Pinball loss [1]_, minimized by quantiles of the targets; averaged over all elements.

    ``l = mean_j max(q_j e_j, (q_j - 1) e_j)`` with ``e_j = t_j - y_j``; dl/dy_j is
    ``-q_j / outputs`` where e_j is above 0, ``(1 - q_j) / outputs`` where it is below, else 0.

    With several quantiles the model has one output for each, and targets of shape (rows,) or
    (rows, 1) serve all of them. The loss is scikit-learn's `mean_pinball_loss`, averaged over the
    quantiles. Nothing keeps the predicted quantiles of a row in order.

    Parameters
    ----------
    quantile : float or sequence of float, default 0.5
        q, between 0 and 1: one for all outputs, or one for each output.

    References
    ----------
    .. [1] R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46, 1978.
    """

    quantile: float | Sequence[float] = checked(_quantile, default=0.5)


Function = Callable[[Any, Any], tuple[Any, Any]]


class FunctionLoss(Loss):
    """A custom loss written in Python.

    Python is called for every batch, which is slower than a built-in loss for small networks. The
    reduction is ``"mean"``. Accuracy predicts the class of the largest output; for one output, it
    predicts class 1 if the output exceeds 0.5. For a single logit, append a Sigmoid layer or use a
    custom metric. `save` does not store the function; compile again after `load`.

    Parameters
    ----------
    function : callable
        ``function(outputs, targets) -> (losses, grad_outputs)``. `outputs` has shape
        (rows, outputs), and `targets` are the corresponding rows of y, unconverted. `losses` are
        the losses of the rows, of shape (rows,), and `grad_outputs` are their gradients with
        respect to the outputs, of shape (rows, outputs).

    Raises
    ------
    TypeError
        If `function` is not callable; in training, if it does not return two numeric arrays.
    ValueError
        In training, if the returned arrays have wrong shapes.

    Examples
    --------
    >>> def absolute(outputs, targets):
    ...     d = outputs - targets
    ...     return abs(d).sum(axis=1), np.sign(d)
    >>> model.compile("adam", loss=absolute)  # doctest: +SKIP
    """

    name = "function"
    function: Function = checked(function)

    @property
    def options(self) -> tuple[float, ...]:
        """Nothing that the engine reads."""
        return (0.0,)

    @property
    def function_name(self) -> str:
        """The name of the function, for messages."""
        return str(getattr(self.function, "__name__", repr(self.function)))


def get(value: Loss | str | Function, *, owner: str = "losses.get", name: str = "value") -> Loss:
    """Return a loss given as an instance, a name or a function.

    Parameters
    ----------
    value : Loss, str or callable
        A loss, returned as it is; a name, for a loss with default options; or a function, for a
        `FunctionLoss`.
    owner, name : str
        The caller and its argument, for messages.

    Returns
    -------
    Loss

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
    return named[choice(owner, f"{name} (unless a Loss)", value, named, _HINTS)]()
