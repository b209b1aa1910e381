"""Optimizers: how gradients move parameters. The arithmetic lies in C++, the state in the model.

Each update of a parameter p from the gradient dp of the loss goes by the same order:

1. the penalty: ``g = dp + l2 * p``, the gradient of ``loss + l2 / 2 * sum(p**2)``;
2. clipping: each element of g to [-clip_value, clip_value], then all tensors' g together by
   ``min(1, clip_norm / norm)``, norm being the root of the sum of all their squares [1]_;
3. decoupled decay: ``p = p * (1 - learning_rate * weight_decay)`` [2]_;
4. the step of the optimizer, with g.

Penalty and decay leave biases and alphas alone unless `decay_all` is True.

References
----------
.. [1] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural
   networks", ICML 2013, arXiv:1211.5063.
.. [2] I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
   arXiv:1711.05101.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from ._description import Description
from ._validation import boolean, choice, real
from .schedules import Schedule


class Optimizer(Description, ABC):
    """What all optimizers have: a learning rate, penalties and clipping.

    Attributes
    ----------
    name : str
        The name in files and in `get`.
    slots : int
        How many tensors of state an optimizer keeps for each parameter.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many tensors of state there are for each parameter."""

    def __init__(
        self,
        learning_rate: float | Schedule,
        *,
        l2: float,
        weight_decay: float,
        clip_value: float | None,
        clip_norm: float | None,
        decay_all: bool,
    ) -> None:
        owner = type(self).__name__
        self.learning_rate = (
            learning_rate
            if isinstance(learning_rate, Schedule)
            else real(owner, "learning_rate (unless a Schedule)", learning_rate, minimum=0.0)
        )
        self.l2 = real(owner, "l2", l2, minimum=0.0)
        self.weight_decay = real(owner, "weight_decay", weight_decay, minimum=0.0)
        self.clip_value = _limit(owner, "clip_value", clip_value)
        self.clip_norm = _limit(owner, "clip_norm", clip_norm)
        self.decay_all = boolean(owner, "decay_all", decay_all)


def _limit(owner: str, name: str, value: float | None) -> float | None:
    return None if value is None else real(owner, name, value, exclusive_minimum=0.0)


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    ``v = momentum * v - learning_rate * g``, then ``p = p + v``, or with Nesterov's momentum
    ``p = p + momentum * v - learning_rate * g`` [1]_. Without momentum
    ``p = p - learning_rate * g``. See the module for g.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.01
        At least 0.
    momentum : float, default 0.0
        In [0, 1).
    nesterov : bool, default False
        Whether momentum is Nesterov's; it must be above 0 then.
    l2 : float, default 0.0
        Weight of the penalty ``l2 / 2 * sum(p**2)``, at least 0. The loss reported leaves it out.
    weight_decay : float, default 0.0
        Share of a parameter, times the learning rate, that goes with every update; at least 0.
    clip_value : float, optional
        Limit of the size of each element of the gradients, above 0.
    clip_norm : float, optional
        Limit of the norm of all gradients together, above 0.
    decay_all : bool, default False
        Whether `l2` and `weight_decay` act on biases and alphas too.

    References
    ----------
    .. [1] I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance of initialization
       and momentum in deep learning", ICML 2013.
    """

    name = "sgd"

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        l2: float = 0.0,
        weight_decay: float = 0.0,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        decay_all: bool = False,
    ) -> None:
        super().__init__(
            learning_rate,
            l2=l2,
            weight_decay=weight_decay,
            clip_value=clip_value,
            clip_norm=clip_norm,
            decay_all=decay_all,
        )
        self.momentum = real("SGD", "momentum", momentum, minimum=0.0, exclusive_maximum=1.0)
        self.nesterov = boolean("SGD", "nesterov", nesterov)
        if self.nesterov and self.momentum == 0.0:
            raise ValueError("SGD: momentum must be above 0 when nesterov is True, got 0")

    @property
    def slots(self) -> int:
        """One with momentum, none without."""
        return int(self.momentum > 0.0)


class Adam(Optimizer):
    """Adam: steps of about the learning rate in each parameter, whatever its gradient's scale [1]_.

    In the update number t = 1, 2, ...: ``m = beta_1 * m + (1 - beta_1) * g``,
    ``v = beta_2 * v + (1 - beta_2) * g**2``,
    ``p = p - learning_rate * (m / (1 - beta_1**t)) / (sqrt(v / (1 - beta_2**t)) + epsilon)``.
    See the module for g.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
        At least 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        What is kept of the means of gradients and of their squares, in [0, 1).
    epsilon : float, default 1e-8
        Above 0.
    l2 : float, default 0.0
        Weight of the penalty ``l2 / 2 * sum(p**2)``, at least 0. The loss reported leaves it out.
    weight_decay : float, default 0.0
        Share of a parameter, times the learning rate, that goes with every update; at least 0.
    clip_value : float, optional
        Limit of the size of each element of the gradients, above 0.
    clip_norm : float, optional
        Limit of the norm of all gradients together, above 0.
    decay_all : bool, default False
        Whether `l2` and `weight_decay` act on biases and alphas too.

    References
    ----------
    .. [1] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015,
       arXiv:1412.6980.
    """

    name = "adam"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        l2: float = 0.0,
        weight_decay: float = 0.0,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        decay_all: bool = False,
    ) -> None:
        super().__init__(
            learning_rate,
            l2=l2,
            weight_decay=weight_decay,
            clip_value=clip_value,
            clip_norm=clip_norm,
            decay_all=decay_all,
        )
        owner = type(self).__name__
        self.beta_1 = real(owner, "beta_1", beta_1, minimum=0.0, exclusive_maximum=1.0)
        self.beta_2 = real(owner, "beta_2", beta_2, minimum=0.0, exclusive_maximum=1.0)
        self.epsilon = real(owner, "epsilon", epsilon, exclusive_minimum=0.0)

    @property
    def slots(self) -> int:
        """Two: the means of the gradients and of their squares."""
        return 2


class AdamW(Adam):
    """Adam with decoupled weight decay [1]_: `Adam` whose `weight_decay` is 0.01 by default.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
        At least 0.
    beta_1, beta_2, epsilon : float
        As for `Adam`.
    l2 : float, default 0.0
        As for `Adam`; there is seldom a reason for both.
    weight_decay : float, default 0.01
        Share of a parameter, times the learning rate, that goes with every update; at least 0.
    clip_value, clip_norm, decay_all
        As for `Adam`.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
       arXiv:1711.05101.
    """

    name = "adamw"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        l2: float = 0.0,
        weight_decay: float = 0.01,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        decay_all: bool = False,
    ) -> None:
        super().__init__(
            learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            l2=l2,
            weight_decay=weight_decay,
            clip_value=clip_value,
            clip_norm=clip_norm,
            decay_all=decay_all,
        )


_BY_NAME: dict[str, type[SGD] | type[Adam] | type[AdamW]] = {
    optimizer.name: optimizer for optimizer in (SGD, Adam, AdamW)
}


def get(value: Optimizer | str, *, owner: str = "optimizers.get", name: str = "value") -> Optimizer:
    """Return the optimizer that `value` stands for: itself, or a name with that class's defaults.

    Parameters
    ----------
    value : Optimizer or str
    owner, name : str
        Whose argument it is, and which, for messages.

    Raises
    ------
    TypeError
        If `value` is neither an Optimizer nor a string.
    ValueError
        If the name is unknown.
    """
    if isinstance(value, Optimizer):
        return value
    return _BY_NAME[choice(owner, f"{name} (unless an Optimizer)", value, _BY_NAME)]()
