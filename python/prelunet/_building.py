"""`Buildable`, the base of `Engine`: a C++ core, and the threads and forks that share it."""

from __future__ import annotations

import os
from _thread import allocate_lock, get_ident  # importing threading takes 2 ms
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from .dtypes import Core

_NO_CONTEXT = nullcontext()


class Buildable:
    """A core, built by one thread at a time; a build that fails is undone.

    A subclass creates the core, and sets `_core`, `names` and `input_shape` in `building`.

    Attributes
    ----------
    input_shape : tuple of int or None
        The shape of one sample; None until it is known.
    names : list of str
        Names of the parameters, in the core's order.
    """

    def __init__(self) -> None:
        self.input_shape: tuple[int, ...] | None = None
        self.names: list[str] = []
        self._core: Core | None = None
        self._is_built = False
        self._builds = allocate_lock()
        self._builder: int | None = None  # the thread that holds the lock
        self._process = os.getpid()
        self._built_by: int | None = None  # the thread of the last build

    @property
    def is_built(self) -> bool:
        """Whether the core exists and the call that created it has accepted its data."""
        return self._is_built

    @property
    def core(self) -> Core:
        """The C++ core; raises a RuntimeError if the engine is not built."""
        if self._core is None:
            raise RuntimeError(
                "Sequential: input_shape is not known yet; pass it, or call build or fit"
            )
        return self._core

    @property
    def steps(self) -> int:
        """Number of updates since `compile`."""
        return 0 if self._core is None else self._core.steps

    def adopt(self, core: Core, names: list[str], input_shape: tuple[int, ...]) -> None:
        """Take a core that is complete, instead of building one."""
        self._core, self.names, self.input_shape = core, names, input_shape
        self._is_built = True

    def building(self) -> AbstractContextManager[None]:
        """Let one thread at a time build; an exception in the context undoes its build."""
        if self._is_built:
            return _NO_CONTEXT
        if self._process != os.getpid():
            self._forget_lost_builder()
        return _NO_CONTEXT if self._builder == get_ident() else self._building()

    def undoing_build(self) -> AbstractContextManager[None]:
        """Undo the build of a call that fails before its first update."""
        return _NO_CONTEXT if self._is_built else self._undoing_build()

    def _forget_lost_builder(self) -> None:
        """After a fork, discard what a thread of the parent was building."""
        self._process = os.getpid()
        if self._builder not in (None, get_ident()):
            self._builds, self._builder = allocate_lock(), None
            self._discard()

    @contextmanager
    def _building(self) -> Iterator[None]:
        with self._builds:
            if self._is_built:  # by another thread, while this one waited
                yield
                return
            self._builder = get_ident()
            try:
                yield
                self._is_built = self._core is not None
                self._built_by = get_ident()
            except BaseException:
                self._discard()
                raise
            finally:
                self._builder = None

    @contextmanager
    def _undoing_build(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            # Another thread may have built the engine in the meantime.
            ours = self._is_built and self._built_by == get_ident()
            if ours and self.steps == 0:
                self._discard()
                self._is_built = False
            raise

    def _discard(self) -> None:
        self._core, self.input_shape, self.names = None, None, []
