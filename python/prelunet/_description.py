"""Descriptions: immutable records of constructor arguments.

Layers, initializers, schedules, losses and optimizers are descriptions. Descriptions compare by
value, print as their constructor call, and convert to JSON and back.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache, partial, wraps
from inspect import Parameter, Signature, isabstract
from types import MappingProxyType
from typing import Any, ClassVar, Self, dataclass_transform

from ._validation import UndefinedClassError


def checked(check: Callable[..., Any], *, default: Any = MISSING, **limits: Any) -> Any:
    """Return a field whose value is ``check(owner, name, value, **limits)``."""
    return field(default=default, metadata={"check": partial(check, **limits)})


@dataclass_transform(eq_default=False, frozen_default=True, field_specifiers=(checked,))
class Description:
    """Base class of immutable records of constructor arguments.

    A direct subclass is a *family* (``Initializer``, ``Layer``, ...). A family registers its
    subclasses by class name, for files, and by the keyword `name`, for users, as in
    ``class Huber(Loss, name="huber")``. A class without ``__init__`` becomes a dataclass that
    validates its `checked` fields.
    """

    _family: ClassVar[dict[str, type[Any]]]
    _named: ClassVar[dict[str, type[Any]]]
    _family_name: ClassVar[str]

    def __init_subclass__(cls, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if Description in cls.__bases__:
            cls._family, cls._named, cls._family_name = {}, {}, cls.__name__
        else:
            cls._family[cls.__name__] = cls
        if "__init__" not in vars(cls):
            # A dataclass's own methods are compiled one by one, which slows down the import.
            dataclass(init=False, repr=False, eq=False)(cls)
            setattr(cls, "__init__", _constructor(cls))  # noqa: B010  (mypy rejects assignment)
        else:
            setattr(cls, "__init__", _storing_arguments(cls))  # noqa: B010
        if name is not None:
            cls._named[name] = cls
            if "name" not in cls._fields():  # a layer's name is set by the user
                setattr(cls, "name", name)  # noqa: B010  (no family declares it for all)

    @classmethod
    def named(cls) -> Mapping[str, type[Self]]:
        """Return the family's classes by their registered names."""
        return MappingProxyType(cls._named)

    @classmethod
    def _concrete(cls) -> dict[str, type[Self]]:
        return {n: c for n, c in cls._family.items() if issubclass(c, cls) and not isabstract(c)}

    @classmethod
    def checks(cls) -> dict[str, Callable[[str, str, object], Any]]:
        """Return the check of each field, to be called with owner, name and value."""
        return {
            name: found.metadata["check"]
            for name, found in cls._fields().items()
            if "check" in found.metadata
        }

    @classmethod
    def _fields(cls) -> dict[str, Field[Any]]:
        found: tuple[Field[Any], ...] = fields(cls)  # type: ignore[arg-type]  # each is a dataclass
        return {field.name: field for field in found}

    @classmethod
    @cache
    def _argument_names(cls) -> tuple[str, ...]:
        return tuple(inspect.signature(cls.__init__).parameters)[1:]

    def __post_init__(self) -> None:
        """Check the fields."""
        owner = type(self).__name__
        for name, check in self.checks().items():
            self.__dict__[name] = check(owner, name, getattr(self, name))

    def config(self) -> dict[str, Any]:
        """Return the class name and the constructor's arguments as JSON values.

        Classes of other packages have their module and family too, for messages.
        """
        arguments = {name: _to_json(getattr(self, name)) for name in self._argument_names()}
        cls = type(self)
        found = {"class": cls.__name__, **arguments}
        if cls.__module__.partition(".")[0] != __name__.partition(".")[0]:
            found |= {"module": cls.__module__, "family": self._family_name}
        return found

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Create a description from a result of `config`.

        Raises
        ------
        TypeError, ValueError
            If `config` is not a mapping, its class is not in this family, or an argument is
            invalid, missing or unknown.
        """
        if not isinstance(config, Mapping):
            raise TypeError(f"{cls.__name__}: a configuration must be a mapping, got {config!r}")
        arguments = dict(config)
        name = arguments.pop("class", None)
        known = cls._concrete()
        found = known.get(name) if isinstance(name, str) else None
        if found is None and "module" in config and name not in cls._family:
            return cls._undefined(config)
        for key in {"module", "family"} - set(found._argument_names() if found else ()):
            arguments.pop(key, None)
        if found is None:
            names = ", ".join(sorted(known))
            raise ValueError(f"{cls.__name__}: class must be one of {names}, got {name!r}")
        unknown = arguments.keys() - set(found._argument_names())
        if unknown:
            raise ValueError(f"{name}: unknown argument {min(unknown, key=str)!r}")
        return found(**{k: _from_json(found.__name__, k, v) for k, v in arguments.items()})

    @classmethod
    def _undefined(cls, config: Mapping[str, Any]) -> Self:
        """Return what stands for a class that is not defined, or raise UndefinedClassError."""
        raise UndefinedClassError(
            f"the class {config['class']!r} of module {config['module']!r} is not defined; import "
            "the module first"
        )

    def __setattr__(self, name: str, value: object) -> None:
        is_set = name in self.__dict__ if name in self._fields() else hasattr(self, name)
        if is_set:
            raise AttributeError(
                f"{type(self).__name__}: {name} cannot be changed; make a new {type(self).__name__}"
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        parameters = list(inspect.signature(type(self).__init__).parameters.values())[1:]
        required = {p.name: getattr(self, p.name) for p in parameters if p.default is p.empty}
        # Checks convert defaults such as "zeros": compare with those of an instance.
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


def _constructor(cls: type[Description]) -> Callable[..., None]:
    """Return the ``__init__`` of a dataclass."""
    signature = _signature(cls)

    def initialize(self: Description, *args: object, **kwargs: object) -> None:
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}.__init__() {error}") from None
        bound.apply_defaults()
        del bound.arguments["self"]
        self.__dict__.update(bound.arguments)
        self.__post_init__()

    initialize.__name__, initialize.__qualname__ = "__init__", f"{cls.__qualname__}.__init__"
    vars(initialize)["__signature__"] = signature  # for `help` and `inspect.signature`
    return initialize


def _storing_arguments(cls: type[Description]) -> Callable[..., None]:
    """Return a class's own ``__init__``, followed by a check that it stores its arguments.

    Without the attributes a description could be used, but not shown, compared or saved.
    """
    original = vars(cls)["__init__"]

    @wraps(original)
    def initialize(self: Description, *args: object, **kwargs: object) -> None:
        original(self, *args, **kwargs)
        if type(self) is not cls:
            return
        for name in list(inspect.signature(original).parameters)[1:]:
            if not hasattr(self, name):
                raise TypeError(
                    f"{cls.__name__}: the constructor must store its argument {name!r} as an "
                    "attribute of that name"
                )

    return initialize


def _signature(cls: type[Description]) -> Signature:
    """Return the signature of ``__init__``; own keywords precede those of base classes."""
    parameters = [
        Parameter(
            f.name,
            Parameter.KEYWORD_ONLY if f.kw_only else Parameter.POSITIONAL_OR_KEYWORD,
            default=Parameter.empty if f.default is MISSING else f.default,
            annotation=f.type,
        )
        for f in cls._fields().values()
    ]
    bases = enumerate(cls.__mro__)
    depth = {name: place for place, base in bases for name in inspect.get_annotations(base)}
    parameters.sort(key=lambda p: depth[p.name] if p.kind is p.KEYWORD_ONLY else -1)
    itself = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    return Signature([itself, *parameters], return_annotation=None)


def _to_json(value: Any) -> Any:
    if isinstance(value, Description):
        return value.config()
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    return value


def _from_json(owner: str, name: str, value: Any) -> Any:
    if isinstance(value, Mapping) and "class" in value:
        wanted = value["class"]
        families = [f for f in Description.__subclasses__() if wanted in list(f._concrete())]
        if not families:
            for family in Description.__subclasses__():
                if "module" in value and value.get("family") == family.__name__:
                    return family.from_config(value)
            raise ValueError(f"{owner}: {name} must have a known class, got {wanted!r}")
        # Class names may occur in several families: Constant is an initializer and a schedule.
        # The arguments identify the class.
        given = value.keys() - {"class", "module", "family"}
        takers = (f for f in families if given <= set(f._family[wanted]._argument_names()))
        return next(takers, families[0]).from_config(value)
    if isinstance(value, list):
        return [_from_json(owner, name, item) for item in value]
    if isinstance(value, Mapping) and isinstance(value.get("slice"), list):
        return slice(*value["slice"])
    return value
