"""Imports of optional packages, with an error message that tells how to install them."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, *, extra: str | None, purpose: str) -> ModuleType:
    """Import an optional package, or raise an error that tells how to install it.

    Parameters
    ----------
    module : str
        The module to import, for example ``"matplotlib.pyplot"``.
    extra : str or None
        The extra of prelunet that installs it, for example ``"plot"``; None if there is none.
    purpose : str
        What needs the package, for the message, for example ``"drawing figures"``.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != package:
            raise  # the package is installed, but a dependency of it is missing
        wanted = package if extra is None else f"'prelunet[{extra}]'"
        raise ImportError(
            f"{purpose} needs the package {package!r}, which is not installed: pip install {wanted}"
        ) from error
