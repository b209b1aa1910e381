"""The order of rows with ``shuffle="blocks"``, a function of the seed, the epoch and the shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core

Array = npt.NDArray[Any]
BLOCK_ELEMENTS = 1 << 22  # of X in a block, about
GROUP_BLOCKS = 4  # blocks whose rows are shuffled together
# The orders of whole epochs use the numbers of epochs below 2**32 as counters.
_COUNTER = 1 << 32


class BlockOrder:
    """The row numbers of an epoch, block by block; no array of all of them exists.

    The rows are divided into blocks of `block_rows` adjacent rows: as many whole batches as have
    at most `BLOCK_ELEMENTS` elements of X, at least one batch. One block has the remaining rows.
    Without `shuffle`, the order is that of the data. Else:

    - The blocks are visited in a random order. The last one has the remaining rows, so that their
      place in the data depends on the epoch.
    - Each `GROUP_BLOCKS` successive blocks are a group. The rows of a group are shuffled together.

    The random orders are those of `_core.row_order` for the seed and ``epoch + 2**32 (1 + i)``: i
    is 0 for the blocks and g + 1 for the rows of group g.
    """

    def __init__(
        self, seed: int, epoch: int, shape: tuple[int, ...], batch_size: int, *, shuffle: bool
    ) -> None:
        self.count = shape[0]
        features = int(np.prod(shape[1:], dtype=np.int64))
        batches = max(1, BLOCK_ELEMENTS // max(1, batch_size * features))
        self.block_rows = batch_size * batches
        self.group_rows = GROUP_BLOCKS * self.block_rows  # except in the last group
        self.groups = -(-self.count // self.group_rows)
        self._seed, self._epoch, self._shuffle = seed, epoch, shuffle
        blocks = -(-self.count // self.block_rows)
        self._blocks = self._permutation(0, blocks) if shuffle else np.arange(blocks)
        self._short = int(self._blocks[-1]) if blocks else 0  # the block of the remaining rows

    def _permutation(self, number: int, count: int) -> Array:
        return _core.row_order(self._seed, self._epoch + _COUNTER * (1 + number), count)

    def ranges(self, group: int) -> list[tuple[int, int]]:
        """Return the range of rows of each block of a group."""
        found = []
        missing = len(self._blocks) * self.block_rows - self.count
        for block in self._blocks[group * GROUP_BLOCKS : (group + 1) * GROUP_BLOCKS].tolist():
            begin = block * self.block_rows - (missing if block > self._short else 0)
            rows = self.block_rows - (missing if block == self._short else 0)
            found.append((begin, begin + rows))
        return found

    def places(self, group: int) -> Array:
        """Return the order of a group's rows, as indices into its joined blocks."""
        rows = min(self.count - group * self.group_rows, self.group_rows)
        return self._permutation(1 + group, rows) if self._shuffle else np.arange(rows)

    def parts(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield the groups of positions begin to end of the order, and the positions in each."""
        while begin < end:
            group = begin // self.group_rows
            first = group * self.group_rows
            to = min(end, first + self.group_rows)
            yield group, begin - first, to - first
            begin = to

    def __getitem__(self, positions: slice) -> Array:
        """Return the row numbers at some positions of the order."""
        begin, end, _ = positions.indices(self.count)
        found = [np.empty(0, np.int64)]
        for group, first, to in self.parts(begin, end):
            rows = np.concatenate([np.arange(b, e) for b, e in self.ranges(group)])
            found.append(rows[self.places(group)[first:to]])
        return np.concatenate(found)
