"""`LambdaCallback`, a callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._validation import function, integer
from .base import Callback

_Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """A callback made of functions, which have the arguments of the corresponding methods.

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
    on_steps : callable, optional
        Called with ``(steps, logs)``.
    steps_between : int, default 1
        Number of updates between calls of `on_steps`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.
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
        on_steps: _Hook = None,
        steps_between: int = 1,
    ) -> None:
        hooks = {
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_epoch_progress": on_epoch_progress,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            "on_steps": on_steps,
        }
        for name, hook in hooks.items():
            if hook is not None:  # only given functions become attributes: `overrides` detects them
                setattr(self, name, function("LambdaCallback", name, hook))
        between = integer("LambdaCallback", "steps_between", steps_between, minimum=1)
        self.steps_between = None if on_steps is None else between
