"""What layers, initializers, schedules, losses and optimizers have in common: they describe.

A description is an immutable record of its constructor's arguments. It compares by value, prints as
the call that makes it, and goes into a file as JSON and back.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self


class Description:
    """A record of constructor arguments; see the module's docstring.

    A direct subclass is a *family* (``Initializer``, ``Layer``, ...): it keeps the classes below it
    by name, so that ``family.from_config({"class": "Normal", "stddev": 0.1})`` finds them.
    """

    _family: ClassVar[dict[str, type[Any]]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if Description in cls.__bases__:
            cls._family = {}
        else:
            cls._family[cls.__name__] = cls

    @classmethod
    def _argument_names(cls) -> list[str]:
        names = list(inspect.signature(cls.__init__).parameters)
        return names[1:]

    def config(self) -> dict[str, Any]:
        """Return the class name and the constructor's arguments as JSON-ready values."""
        arguments = {name: _to_json(getattr(self, name)) for name in self._argument_names()}
        return {"class": type(self).__name__, **arguments}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make the description that `config` came from.

        Raises
        ------
        ValueError
            If the class is unknown to this family or an argument is.
        """
        arguments = dict(config)
        name = arguments.pop("class", None)
        found = cls._family.get(name) if isinstance(name, str) else None
        if found is None or not issubclass(found, cls):
            known = ", ".join(sorted(cls._family))
            raise ValueError(f"{cls.__name__}: class must be one of {known}, got {name!r}")
        unknown = set(arguments) - set(found._argument_names())
        if unknown:
            raise ValueError(f"{name}: unknown argument {sorted(unknown)[0]!r}")
        made = found(**{key: _from_json(value) for key, value in arguments.items()})
        assert isinstance(made, cls)
        return made

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, name):
            raise AttributeError(
                f"{type(self).__name__}: {name} cannot be changed; make a new {type(self).__name__}"
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        parameters = list(inspect.signature(type(self).__init__).parameters.values())[1:]
        required = {p.name: getattr(self, p.name) for p in parameters if p.default is p.empty}
        # A default such as "zeros" is not what the attribute holds: an instance knows what is.
        plain = type(self)(**required)
        shown = {
            name: value
            for name in self._argument_names()
            if (value := getattr(self, name)) != getattr(plain, name) or name in required
        }
        arguments = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        return f"{type(self).__name__}({arguments})"

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, Description)
        return self.config() == other.config()

    def __hash__(self) -> int:
        return hash(repr(self))


def _to_json(value: Any) -> Any:
    if isinstance(value, Description):
        return value.config()
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, Mapping) and "class" in value:
        families = [f for f in Description.__subclasses__() if value["class"] in f._family]
        if not families:
            raise ValueError(f"unknown class {value['class']!r} in a configuration")
        # Families may share a class's name (Constant is an initializer and a schedule): the
        # arguments tell which is meant.
        given = value.keys() - {"class"}
        takers = (f for f in families if given <= set(f._family[value["class"]]._argument_names()))
        return next(takers, families[0]).from_config(value)
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    return value
