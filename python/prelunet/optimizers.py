"""Optimizers, which define how gradients update parameters. C++ computes the updates.

An optimizer contains only options; the model stores the optimizer's state. Each update of a
parameter p from the gradient dp of the loss consists of these steps, in order:

1. L2 penalty: ``g = dp + l2 * p``, the gradient of ``loss + l2 / 2 * sum(p**2)``;
2. clipping: each element of g is clipped to [-clip_value, clip_value], then the g of all parameters
   are multiplied by ``min(1, clip_norm / norm)``, where norm is their joint Euclidean norm [1]_;
3. decoupled weight decay: ``p = p * (1 - learning_rate * weight_decay)`` [2]_;
4. the optimizer's update with g.

Penalty and weight decay apply to weights of Dense and Conv2D layers; to biases, alphas and all
other parameters only if `decay_all` is True. Groups multiply the learning rate, penalty and weight
decay, and epsilon of some parameters; see `ParameterGroup`.

References
----------
.. [1] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural
   networks", ICML 2013, arXiv:1211.5063.
.. [2] I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
   arXiv:1711.05101.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import ClassVar

from ._description import Description, checked
from ._validation import boolean, choice, real
from .parameter_groups import ParameterGroup, checked_groups
from .schedules import Rate, Schedule
from .schedules import get as get_schedule


def _rate(owner: str, name: str, value: Rate) -> float | Schedule:
    if isinstance(value, Schedule) or callable(value):
        return get_schedule(value, owner=owner, name=name)
    return real(owner, f"{name} (unless a Schedule)", value, minimum=0.0)


def _limit(owner: str, name: str, value: float | None) -> float | None:
    return None if value is None else real(owner, name, value, exclusive_minimum=0.0)


class Optimizer(Description, ABC):
    """Base class of optimizers: learning rate, penalty, weight decay and clipping.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default 0.01
        At least 0.
    l2 : float, default 0.0
        Factor of the penalty ``l2 / 2 * sum(p**2)``, at least 0. Reported losses exclude it.
    weight_decay : float, Schedule or callable, default 0.0
        Each update multiplies a parameter by ``1 - learning_rate * weight_decay``; at least 0.
    clip_value : float, optional
        Limit of the magnitude of each gradient element, above 0. No limit by default.
    clip_norm : float, optional
        Limit of the joint norm of all gradients, above 0. No limit by default.
    decay_all : bool, default False
        Whether `l2` and `weight_decay` apply to biases and alphas too.
    use_ema : bool, default False
        Whether to keep an exponential moving average of each trainable parameter, as in Keras:
        after each update, ``a = ema_momentum * a + (1 - ema_momentum) * p``, and ``a = p`` after
        the first. `Sequential.fit` validates each epoch with the averages. Callbacks see them at
        the end of an epoch, and the model has them at the end of `fit`. `set_parameters` and
        `copy_from` restart the averages from the new values.
    ema_momentum : float, default 0.99
        In [0, 1].
    groups : list of ParameterGroup, default ()
        Factors of these options for parameters by the pattern of their names.

    Attributes
    ----------
    name : str
        Name of the optimizer in files and in `get`.
    update : str
        Name of the op that updates parameters: ``prelunet.ops.<update>_update``.
    slots : int
        Number of state tensors per parameter.
    uses_step : bool
        Whether the update depends on the step number.
    """

    name: ClassVar[str]
    update: ClassVar[str] = ""
    uses_step: ClassVar[bool] = False

    learning_rate: Rate = checked(_rate, default=0.01)
    _: KW_ONLY
    l2: float = checked(real, default=0.0, minimum=0.0)
    weight_decay: Rate = checked(_rate, default=0.0)
    clip_value: float | None = checked(_limit, default=None)
    clip_norm: float | None = checked(_limit, default=None)
    decay_all: bool = checked(boolean, default=False)
    use_ema: bool = checked(boolean, default=False)
    ema_momentum: float = checked(real, default=0.99, minimum=0.0, maximum=1.0)
    groups: Sequence[ParameterGroup] = checked(checked_groups, default=())

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if "epsilon" in self.checks():
            return
        for group in self.groups:
            if group.epsilon_factor != 1.0:
                raise ValueError(
                    f"{type(self).__name__}: groups must have an epsilon_factor of 1, because "
                    f"there is no epsilon, got {group.epsilon_factor} for {group.pattern!r}"
                )

    @property
    @abstractmethod
    def slots(self) -> int:
        """Number of state tensors per parameter."""

    def options(self) -> dict[str, float]:
        """Return the options that only this optimizer has, by name."""
        common = Optimizer.checks()
        return {name: float(getattr(self, name)) for name in self.checks() if name not in common}


class SGD(Optimizer, name="sgd"):
    """Stochastic gradient descent, with or without momentum.

    ``v = momentum * v - learning_rate * g``, then ``p = p + v``, or with Nesterov momentum
    ``p = p + momentum * v - learning_rate * g`` [1]_. Without momentum
    ``p = p - learning_rate * g``. `prelunet.optimizers` defines g.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default 0.01
        At least 0.
    momentum : float, default 0.0
        In [0, 1).
    nesterov : bool, default False
        Whether to use Nesterov momentum; requires `momentum` above 0.
    l2, weight_decay, clip_value, clip_norm, decay_all, use_ema, ema_momentum, groups
        As for `Optimizer`.

    References
    ----------
    .. [1] I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance of initialization
       and momentum in deep learning", ICML 2013.
    """

    update = "sgd"

    _: KW_ONLY
    momentum: float = checked(real, default=0.0, minimum=0.0, exclusive_maximum=1.0)
    nesterov: bool = checked(boolean, default=False)

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if self.nesterov and self.momentum == 0.0:
            raise ValueError("SGD: momentum must be above 0 when nesterov is True, got 0")

    @property
    def slots(self) -> int:
        """The velocity, if momentum is above 0."""
        return int(self.momentum > 0.0)


class Adam(Optimizer, name="adam"):
    """Adam [1]_, which scales steps by running means of gradients and their squares.

    In update number t = 1, 2, ...: ``m = beta_1 * m + (1 - beta_1) * g``,
    ``v = beta_2 * v + (1 - beta_2) * g**2``,
    ``p = p - learning_rate * (m / (1 - beta_1**t)) / (sqrt(v / (1 - beta_2**t)) + epsilon)``.
    `prelunet.optimizers` defines g.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default 0.001
        At least 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay rates of the running means of gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-8
        Added to the denominator, above 0.
    bias_correction : bool, default True
        Whether to divide the means by ``1 - beta**t``, which corrects their start at 0.
    l2, weight_decay, clip_value, clip_norm, decay_all, use_ema, ema_momentum, groups
        As for `Optimizer`.

    References
    ----------
    .. [1] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015,
       arXiv:1412.6980.
    """

    update = "adam"
    uses_step = True

    learning_rate: Rate = checked(_rate, default=1e-3)
    _: KW_ONLY
    beta_1: float = checked(real, default=0.9, minimum=0.0, exclusive_maximum=1.0)
    beta_2: float = checked(real, default=0.999, minimum=0.0, exclusive_maximum=1.0)
    epsilon: float = checked(real, default=1e-8, exclusive_minimum=0.0)
    bias_correction: bool = checked(boolean, default=True)

    @property
    def slots(self) -> int:
        """The running means of the gradients and of their squares."""
        return 2


class AdamW(Adam, name="adamw"):
    """Adam with decoupled weight decay [1]_: `Adam` whose `weight_decay` is 0.01 by default.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default 0.001
        At least 0.
    beta_1, beta_2, epsilon, bias_correction
        As for `Adam`.
    weight_decay : float, Schedule or callable, default 0.01
        As for `Optimizer`.
    l2, clip_value, clip_norm, decay_all, use_ema, ema_momentum, groups
        As for `Optimizer`.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
       arXiv:1711.05101.
    """

    _: KW_ONLY
    weight_decay: Rate = checked(_rate, default=0.01)


class RMSprop(Optimizer, name="rmsprop"):
    """RMSprop [1]_ in Keras's form: gradients are divided by their root mean square.

    ``v = rho * v + (1 - rho) * g**2``, ``d = learning_rate * g / sqrt(v + epsilon)``, then
    ``p = p - d``. With `centered`, ``a = rho * a + (1 - rho) * g`` and the square root is
    that of ``max(v - a**2, 0) + epsilon``. With momentum, ``m = momentum * m + d`` and
    ``p = p - m``. `prelunet.optimizers` defines g.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default 0.001
        At least 0.
    rho : float, default 0.9
        Decay rate of the running means of gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-7
        Added under the square root, above 0.
    momentum : float, default 0.0
        In [0, 1).
    centered : bool, default False
        Whether to normalize by the variance, the mean square minus the squared mean gradient.
    l2, weight_decay, clip_value, clip_norm, decay_all, use_ema, ema_momentum, groups
        As for `Optimizer`.

    References
    ----------
    .. [1] G. Hinton, "Neural Networks for Machine Learning", lecture 6e, Coursera, 2012.
    """

    update = "rmsprop"

    learning_rate: Rate = checked(_rate, default=1e-3)
    _: KW_ONLY
    rho: float = checked(real, default=0.9, minimum=0.0, exclusive_maximum=1.0)
    epsilon: float = checked(real, default=1e-7, exclusive_minimum=0.0)
    momentum: float = checked(real, default=0.0, minimum=0.0, exclusive_maximum=1.0)
    centered: bool = checked(boolean, default=False)

    @property
    def slots(self) -> int:
        """The mean square; the mean gradient if centered; the velocity if momentum is above 0."""
        return 1 + int(self.centered) + int(self.momentum > 0.0)


class Lion(Optimizer, name="lion"):
    """Lion [1]_, whose steps are the learning rate times the sign of a mean of gradients.

    ``p = p - learning_rate * sign(beta_1 * m + (1 - beta_1) * g)``, then
    ``m = beta_2 * m + (1 - beta_2) * g``. `prelunet.optimizers` defines g. Typical
    learning rates are a tenth of Adam's, typical weight decays ten times as large.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default 0.0001
        At least 0.
    beta_1, beta_2 : float, default 0.9 and 0.99
        Decay rates of the mean of gradients, for the step and for the stored mean, in [0, 1).
    l2, weight_decay, clip_value, clip_norm, decay_all, use_ema, ema_momentum, groups
        As for `Optimizer`.

    References
    ----------
    .. [1] X. Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023,
       arXiv:2302.06675.
    """

    update = "lion"

    learning_rate: Rate = checked(_rate, default=1e-4)
    _: KW_ONLY
    beta_1: float = checked(real, default=0.9, minimum=0.0, exclusive_maximum=1.0)
    beta_2: float = checked(real, default=0.99, minimum=0.0, exclusive_maximum=1.0)

    @property
    def slots(self) -> int:
        """The running mean of the gradients."""
        return 1


def get(value: Optimizer | str, *, owner: str = "optimizers.get", name: str = "value") -> Optimizer:
    """Return an optimizer given as an instance or a name.

    Parameters
    ----------
    value : Optimizer or str
        An optimizer, returned as it is, or a name, for an optimizer with default options.
    owner, name : str
        The caller and its argument, for messages.

    Returns
    -------
    Optimizer

    Raises
    ------
    TypeError
        If `value` is neither an Optimizer nor a string.
    ValueError
        If the name is unknown.
    """
    if isinstance(value, Optimizer):
        return value
    named = Optimizer.named()
    hints = {known.replace("_", ""): f"it is {known!r} here" for known in named}
    return named[choice(owner, f"{name} (unless an Optimizer)", value, named, hints)]()
