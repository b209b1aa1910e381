"""`ReadAhead`: reads groups of blocks in a thread, one ahead of the group in use."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from ..row_sources.base import RowSource, read_rows
from .block_order import BlockOrder

Array = npt.NDArray[Any]


class ReadAhead:
    """The groups of an order, read in turn.

    Two buffers of each source hold the group in use and the next one, so a group is valid until
    the next call of `group`. Every group is complete when it is returned: the rows do not depend
    on when the thread reads.
    """

    def __init__(self, sources: Sequence[RowSource], order: BlockOrder) -> None:
        self._sources, self._order = sources, order
        rows = min(order.group_rows, order.count)
        self._buffers = [
            [np.empty((rows, *source.shape[1:]), source.dtype) for source in sources]
            for _ in range(min(2, order.groups))
        ]
        self._pool = ThreadPoolExecutor(1, "prelunet-reader")
        self._current = -1
        self._arrays: list[Array] = []
        self._next: Future[list[Array]] = self._start(0)

    def group(self, number: int) -> list[Array]:
        """Return the rows of a group, one array for each source: the last group or the next one."""
        if number != self._current:
            assert number == self._current + 1
            self._arrays = self._next.result()
            self._current = number
            if number + 1 < self._order.groups:
                self._next = self._start(number + 1)
        return self._arrays

    def close(self) -> None:
        """End the thread, after the read in progress."""
        self._pool.shutdown(cancel_futures=True)

    def _start(self, number: int) -> Future[list[Array]]:
        return self._pool.submit(self._read, number)

    def _read(self, number: int) -> list[Array]:
        ranges, buffers = self._order.ranges(number), self._buffers[number % len(self._buffers)]
        return [
            read_rows(source, ranges, buffer)
            for source, buffer in zip(self._sources, buffers, strict=True)
        ]
