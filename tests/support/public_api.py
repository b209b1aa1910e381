"""The public names of prelunet: what the reference must document, and under which name."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

import prelunet as pn

_LAZY = (*vars(pn)["_LAZY"], *vars(pn)["_ESTIMATORS"])  # missing in __all__: imported on first use
_OF_SKLEARN = re.compile(r"set_\w+_request")  # methods that scikit-learn adds to estimators


def modules():
    """Return the public modules by name; prelunet first."""
    found = {"prelunet": pn}
    for name in [*pn.__all__, *_LAZY]:
        value = getattr(pn, name)
        if isinstance(value, ModuleType):
            found[value.__name__] = value
    return found


def names_of(module):
    """Return the public names of a module, without modules and dunder names."""
    if module is pn:
        names = [*pn.__all__, *_LAZY]
    elif hasattr(module, "__all__"):
        names = module.__all__
    else:
        names = [
            name
            for name, value in vars(module).items()
            if (inspect.isclass(value) or inspect.isfunction(value))
            and value.__module__ == module.__name__
        ]
    modules_left_out = [n for n in names if not isinstance(getattr(module, n), ModuleType)]
    return [name for name in modules_left_out if not name.startswith("_")]


def objects():
    """Return public objects by full name; what has several names has its shortest one."""
    found, seen = {}, set()
    for module_name, module in modules().items():
        for name in names_of(module):
            value = getattr(module, name)
            if id(value) not in seen:
                seen.add(id(value))
                found[f"{module_name}.{name}"] = value
    return found


def members_of(documented, classes):
    """Return the public methods and properties that no public base class has.

    Parameters
    ----------
    documented : type
    classes : collection of type
        The public classes.
    """
    bases = [base for base in documented.__mro__[1:] if base in classes]
    found = []
    for owner in documented.__mro__:
        if not owner.__module__.startswith("prelunet"):
            continue
        for name, value in vars(owner).items():
            method = hasattr(type(value), "__get__") and not inspect.ismemberdescriptor(value)
            if name.startswith("_") or _OF_SKLEARN.fullmatch(name) or not method or name in found:
                continue
            if not any(hasattr(base, name) for base in bases):
                found.append(name)
    return found


def members():
    """Return the members of each class, by the class's full name."""
    classes = {name: value for name, value in objects().items() if inspect.isclass(value)}
    return {name: members_of(value, set(classes.values())) for name, value in classes.items()}
