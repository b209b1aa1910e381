"""`BlockData`: rows that are read in blocks while the network trains."""

from __future__ import annotations

import math
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..engine import Engine
from ..row_sources import as_source
from ..row_sources.base import RowSource, read_rows
from .block_order import BlockOrder
from .data import Data
from .read_ahead import ReadAhead
from .targets import as_targets, class_of_rows

Array = npt.NDArray[Any]
_CHECKED_ROWS = 1 << 20  # targets checked at once
_EVALUATED_ROWS = 1024  # blocks for evaluation hold a multiple of them
Prepare = Callable[..., Data]


def groups_in_order(sources: Sequence[RowSource]) -> Iterator[tuple[int, list[Array]]]:
    """Yield the groups of the order of the data, read ahead: the first row, and the arrays."""
    order = BlockOrder(0, 0, sources[0].shape, _EVALUATED_ROWS, shuffle=False)
    with closing(ReadAhead(sources, order)) as reader:
        for group in range(order.groups):
            yield group * order.group_rows, reader.group(group)


def predict(engine: Engine, operation: str, X: RowSource, out: Array | None) -> Array:
    """Return the outputs for rows that are read in blocks; see `OpenLoop.predict`."""
    with engine.building():
        # No memory: the rows are one zero. This checks X's shape, and may build the engine.
        engine.rows(operation, np.broadcast_to(X.dtype.type(0), X.shape))
        if out is None:
            out = np.empty((len(X), engine.core.outputs), engine.variable_dtype)
        elif len(out) != len(X):
            raise ValueError(
                f"{operation}: out must have shape {(len(X), engine.core.outputs)}, got {out.shape}"
            )
        for first, (rows,) in groups_in_order([X]):
            to = out[first : first + len(rows)]
            engine.core.predict(engine.rows(operation, rows), to)
        return out


class BlockData:
    """Rows and targets of which some are in files, for training and evaluation.

    A group of blocks at a time is in memory, as a `Data`, and another one is being read. All
    targets and weights are read and checked first, X is not.
    """

    def __init__(
        self,
        prepare: Prepare,
        engine: Engine,
        operation: str,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Mapping[int, float] | str | None = None,
    ) -> None:
        self.engine = engine
        self._sources = [as_source(operation, "X", X), as_source(operation, "y", y)]
        if sample_weight is not None:
            self._sources.append(as_source(operation, "sample_weight", sample_weight))
        self.shape = self._sources[0].shape
        self.count = self.shape[0]
        self._prepare, self._operation = prepare, operation
        self._class_weight = class_weight
        self._balanced: Mapping[int, float] | str | None = class_weight
        with engine.building():
            self._checked = self._check()
        self.logs = self._checked.logs
        self.has_metric_functions = self._checked.has_metric_functions
        self._order: BlockOrder | None = None
        self._reader: ReadAhead | None = None
        self._group: tuple[int, Data] | None = None
        self._position = 0

    def _check(self) -> Data:
        """Check the shapes, and all targets and weights; return the first of them as `Data`."""
        X, *others = self._sources
        for source, name in zip(others, ("y", "sample_weight"), strict=False):
            if len(source) != self.count:
                raise ValueError(
                    f"{self._operation}: {name} must have as many rows as X, {self.count}, got "
                    f"{len(source)}"
                )
        first: Data | None = None
        counts: Counter[int] = Counter()
        balances = isinstance(self._class_weight, str)
        for begin in range(0, max(self.count, 1), _CHECKED_ROWS):
            end = min(begin + _CHECKED_ROWS, self.count)
            y, *weights = (read_rows(source, [(begin, end)]) for source in others)
            # No memory: the rows are one zero.
            zeros = np.broadcast_to(X.dtype.type(0), (end - begin, *self.shape[1:]))
            try:
                part = self._data(zeros, y, *weights)
            except (TypeError, ValueError) as error:
                if begin:
                    error.add_note(f"the rows of this message are counted from row {begin}")
                raise
            first = first or part
            if balances:
                compiled, outputs = self.engine.record(self._operation), self.engine.core.outputs
                targets = as_targets(self._operation, y, loss=compiled.loss, outputs=outputs)
                counts.update(class_of_rows(targets).tolist())
        if balances:  # as in class_factors(), of all rows
            self._balanced = {k: self.count / (len(counts) * n) for k, n in counts.items()}
        assert first is not None
        return first

    def _data(self, rows: Array, y: Array, weights: Array | None = None) -> Data:
        return self._prepare(self.engine, self._operation, rows, y, weights, self._balanced)

    def fingerprint(self) -> dict[str, Any]:
        """Return checksums as those of `Data`: the same for the same rows in memory."""
        names = ("X", "y", "sample_weight")
        found: dict[str, Any] = dict.fromkeys(names)
        for name, source in zip(names, self._sources, strict=False):
            checksum = 0
            for _, (rows,) in groups_in_order([source]):
                checksum = zlib.crc32(rows.reshape(-1).view(np.uint8).data, checksum)
            found[name] = {
                "shape": list(source.shape),
                "dtype": source.dtype.name,
                "crc32": f"{checksum:08x}",
            }
        weights = self._class_weight
        if isinstance(weights, Mapping):
            weights = repr({int(label): float(weight) for label, weight in weights.items()})
        return found | {"class_weight": weights}

    def begin_epoch(self, order: BlockOrder) -> None:
        """Start to read the rows of an epoch, which calls of `train` then visit in turn."""
        self.close()
        self._order, self._position = order, 0
        self._reader = ReadAhead(self._sources, order)

    def close(self) -> None:
        """Stop reading: no read of the user's files is in progress afterwards."""
        if self._reader is not None:
            self._reader.close()
        self._reader = self._group = None

    def train(
        self, order: Array | None, batch_size: int, sums: Sequence[_core.Totals], *, steps: int
    ) -> None:
        """Make `steps` updates over the next rows of the epoch; add their totals to `sums`."""
        blocks, reader = self._order, self._reader
        assert blocks is not None
        assert reader is not None
        end = min(self._position + steps * batch_size, self.count)
        for number, begin, to in blocks.parts(self._position, end):
            if self._group is None or self._group[0] != number:
                self._group = number, self._data(*reader.group(number))
                self._places = blocks.places(number)
            count = math.ceil((to - begin) / batch_size)
            self._group[1].train(self._places[begin:to], batch_size, sums, steps=count)
        self._position = end

    def warn_not_finite(self, where: str, loss: float) -> None:
        """Warn that a loss is not finite; the columns of X are not searched for the cause."""
        warnings.warn(
            f"{where}: the loss is {loss}; X is read in blocks and was not searched for NaN and "
            "infinity. If it is finite, a smaller learning rate or the optimizer's clip_norm may "
            "help",
            RuntimeWarning,
            stacklevel=3,
        )

    def evaluate(self) -> dict[str, float]:
        """Return the loss and the metrics of all rows."""
        loss, accuracy, weight = 0.0, 0.0, 0.0
        is_sum = self._checked.loss_is_sum
        for _, arrays in groups_in_order(self._sources):
            logs = self._data(*arrays).loss_and_accuracy()
            rows = len(arrays[0])
            total = 1.0 if is_sum else float(arrays[2].sum()) if len(arrays) > 2 else float(rows)
            loss += total * logs["loss"] if total else 0.0
            weight += total
            accuracy += logs.get("accuracy", math.nan) * rows
        found = {"loss": loss if is_sum or not weight else loss / weight}
        if not math.isnan(accuracy):
            found["accuracy"] = accuracy / self.count
        return found | self.metric_functions()

    def metric_functions(self) -> dict[str, float]:
        """Return the values of the metrics that are Python functions; y is read as a whole."""
        if not self.has_metric_functions:
            return {}
        outputs = predict(self.engine, self._operation, self._sources[0], None)
        y = read_rows(self._sources[1], [(0, self.count)])
        zeros = np.broadcast_to(self._sources[0].dtype.type(0), self.shape)
        return self._data(zeros, y).metrics_of(outputs)
