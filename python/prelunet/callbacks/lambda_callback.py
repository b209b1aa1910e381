"""LambdaCallback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .base import Callback

_Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """A callback from plain functions, with the arguments of the methods they stand for.

    Parameters
    ----------
    on_train_begin, on_train_end : callable, optional
        Called with ``(logs)``.
    on_epoch_begin, on_epoch_end : callable, optional
        Called with ``(epoch, logs)``.
    on_epoch_progress : callable, optional
        Called with ``(done, total, logs)``.
    on_train_batch_begin, on_train_batch_end : callable, optional
        Called with ``(batch, logs)``.

    Raises
    ------
    TypeError
        If one of them cannot be called.
    """

    def __init__(
        self,
        *,
        on_train_begin: _Hook = None,
        on_train_end: _Hook = None,
        on_epoch_begin: _Hook = None,
        on_epoch_end: _Hook = None,
        on_epoch_progress: _Hook = None,
        on_train_batch_begin: _Hook = None,
        on_train_batch_end: _Hook = None,
    ) -> None:
        hooks = {
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_epoch_progress": on_epoch_progress,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, function in hooks.items():
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"LambdaCallback: {name} must be callable, got {function!r}")
            # On the instance, and only those given: `overrides` sees which hooks are wanted.
            setattr(self, name, function)
