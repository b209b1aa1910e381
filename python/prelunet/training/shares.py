"""The division of a batch's rows among several processes."""

from __future__ import annotations

UNIT = 8  # rows; a kChunkRows of the core


def rows_of(rows: int, rank: int, ranks: int) -> tuple[int, int]:
    """Return the first row of a rank's share of a batch, and the number of its rows.

    Shares are adjacent, in the order of the ranks. Each has whole chunks of `UNIT` rows, apart from
    the batch's last row. If there are fewer chunks than ranks, the last ranks have no rows.
    """
    chunks = -(-rows // UNIT)
    each, more = divmod(chunks, ranks)
    begin = min((rank * each + min(rank, more)) * UNIT, rows)
    end = min(((rank + 1) * each + min(rank + 1, more)) * UNIT, rows)
    return begin, end - begin
