"""Parameter groups: factors by which an optimizer treats some parameters differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY
from fnmatch import fnmatchcase

from ._description import Description, checked
from ._validation import real


def _pattern(owner: str, name: str, value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{owner}: {name} must be a string, got {type(value).__name__}")
    if not value:
        raise ValueError(f"{owner}: {name} must be a string that is not empty, got ''")
    return value


class Group(Description):
    """The family of parameter groups, which has one member."""


class ParameterGroup(Group):
    """Factors of an optimizer's options for the parameters whose names match a pattern.

    An optimizer takes a list of groups, ``pn.Adam(groups=[...])``. A parameter belongs to the first
    group that matches its name, as `Sequential.parameters` has it, such as ``"2.bias"``. Parameters
    of no group have factors of 1.

    With factors ``1 / sqrt(fan_in)`` for the learning rate and ``sqrt(fan_in)`` for epsilon, and
    weights drawn from N(0, 1 / fan_in), Adam trains a layer ``x W^T`` exactly as it trains
    ``x W^T / sqrt(fan_in)`` with weights drawn from N(0, 1): the neural tangent parametrization
    [1]_. For SGD the factor of the learning rate is ``1 / fan_in``.

    Parameters
    ----------
    pattern : str
        Pattern of names as in `fnmatch`: ``*`` matches any characters, ``?`` one character,
        ``[abc]`` one of several. Matching is case-sensitive.
    learning_rate_factor : float, default 1.0
        Factor of the learning rate, at least 0.
    weight_decay_factor : float, default 1.0
        Factor of `l2` and `weight_decay`, at least 0. It does not make biases decay; the
        optimizer's `decay_all` does. Decoupled decay is also proportional to the group's learning
        rate.
    epsilon_factor : float, default 1.0
        Factor of the optimizer's `epsilon`, above 0.

    References
    ----------
    .. [1] A. Jacot, F. Gabriel and C. Hongler, "Neural Tangent Kernel: Convergence and
       Generalization in Neural Networks", NeurIPS 2018, arXiv:1806.07572.
    """

    pattern: str = checked(_pattern)
    _: KW_ONLY
    learning_rate_factor: float = checked(real, default=1.0, minimum=0.0)
    weight_decay_factor: float = checked(real, default=1.0, minimum=0.0)
    epsilon_factor: float = checked(real, default=1.0, exclusive_minimum=0.0)


def checked_groups(
    owner: str, name: str, value: Sequence[ParameterGroup]
) -> tuple[ParameterGroup, ...]:
    """Return a sequence of groups as a tuple.

    Raises
    ------
    TypeError
        If `value` is not a list or tuple of groups.
    """
    if not isinstance(value, (list, tuple)):
        raise TypeError(
            f"{owner}: {name} must be a list of ParameterGroup, got {type(value).__name__}"
        )
    for group in value:
        if not isinstance(group, ParameterGroup):
            raise TypeError(
                f"{owner}: {name} must hold ParameterGroup only, got {type(group).__name__}"
            )
    return tuple(value)


def groups_by_name(
    groups: Sequence[ParameterGroup], names: Sequence[str]
) -> dict[str, ParameterGroup]:
    """Return the group of each parameter that has one.

    Raises
    ------
    ValueError
        If the pattern of a group matches no parameter.
    """
    for group in groups:
        if not any(fnmatchcase(name, group.pattern) for name in names):
            raise ValueError(
                f"compile: pattern {group.pattern!r} of a ParameterGroup matches no parameter; "
                f"the parameters are {', '.join(names) or 'none'}"
            )
    return {
        name: next(group for group in groups if fnmatchcase(name, group.pattern))
        for name in names
        if any(fnmatchcase(name, group.pattern) for group in groups)
    }
