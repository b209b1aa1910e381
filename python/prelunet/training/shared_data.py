"""`SharedData`: training steps that several processes make together, with one process's bits."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import is_sparse
from ..engine import Engine, Numbered
from ..row_sources import is_source
from .data import Data, Floats
from .ranks import RankError, Ranks, described
from .shares import UNIT, rows_of

Array = npt.NDArray[Any]
_HEADER = 0  # the tag of a batch's first message; that of part i is i + 1


def prepare_shared(
    ranks: Ranks,
    engine: Engine,
    batch_size: int | None,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
    class_weight: Mapping[int, float] | str | None,
    *,
    in_blocks: bool,
) -> SharedData:
    """Return checked rows and targets; raise a ValueError for what ranks cannot share."""
    compiled = engine.record("fit")
    if compiled.function is not None:
        raise ValueError(
            "fit: the loss must be computed by the engine where comm is given, got the function "
            f"{compiled.function.function_name}"
        )
    if engine.dtype == "mixed_bfloat16":
        raise ValueError("fit: dtype must be float32 or float64 where comm is given")
    if in_blocks:
        raise ValueError("fit: shuffle must be a bool where comm is given, got 'blocks'")
    for name, value in (("X", X), ("y", y)):
        if is_sparse(value):
            raise ValueError(f"fit: {name} must be dense where comm is given, got a sparse matrix")
        if is_source(value):
            raise ValueError(
                f"fit: {name} must be an array, possibly a mapped file, where comm is given, got "
                f"{type(value).__name__}"
            )
    return SharedData(ranks, engine, batch_size, X, y, sample_weight, class_weight)


class SharedData(Data):
    """Rows and targets that all ranks hold; each computes its share of every batch.

    A batch's sums begin on rank 0. Each rank continues the sums of the rank before over its own
    rows. The last rank with rows has the complete gradients, and sends them to all. Every rank then
    makes the same update.

    Rank 0 leads: its calls of `train` tell the other ranks, which run `follow`, what to do.
    `ended` is True once all ranks have raised an exception.
    """

    whole_epochs = False

    def __init__(
        self,
        ranks: Ranks,
        engine: Engine,
        batch_size: int | None,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None,
        class_weight: Mapping[int, float] | str | None,
    ) -> None:
        super().__init__(engine, "fit", X, y, sample_weight, class_weight)
        self._ranks = ranks
        self.ended = False
        self._interrupted = False
        self._version = self.engine.core.version  # of the parameters that all ranks have
        most = self.count if batch_size is None else min(batch_size, self.count)
        self._check_rows(most)
        self._share = _core.BatchShare(
            self.engine.core, self.rows, self._own_targets(), most, rows_of(most, 0, ranks.size)[1]
        )
        dtype = self.engine.variable_dtype
        self._sizes = self._share.sizes()
        self._sums = [np.empty(chains, dtype) for _, chains in self._sizes]

    def _check_rows(self, rows: int) -> None:
        least = UNIT * (self._ranks.size - 1) + 1
        if rows < least:
            raise ValueError(
                f"fit: batch_size must give each of the {self._ranks.size} ranks of comm rows, "
                f"{UNIT} at a time: at least {least} rows, got {rows}"
            )

    @property
    def given(self) -> dict[str, Any]:
        """The arguments of `fit` that all ranks must share, by name."""
        return {**self._given, "class_weight": self._class_weight}

    # ---- rank 0 and the others -----------------------------------------------------------------

    def train(
        self, order: Array | None, batch_size: int, sums: Sequence[_core.Totals], *, steps: int
    ) -> None:
        """Make `steps` updates over the rows in `order`; add the totals of each step to `sums`."""
        rates = self.engine.learning_rates(steps)
        work = (order, batch_size, rates, self.engine.span)
        self._ranks.broadcast({"work": work} | self._changes(), 0)
        self._train(order, batch_size, rates, sums)

    def finish(self, report: Mapping[str, Any]) -> None:
        """End `follow` of the other ranks, which return `report`."""
        self._ranks.broadcast({"report": report} | self._changes(), 0)

    def fail(self, error: BaseException) -> None:
        """End `follow` of the other ranks, which raise a RankError."""
        self._ranks.broadcast({"error": described(error)} | self._changes(), 0)

    def follow(self) -> Mapping[str, Any]:
        """Train as rank 0 tells; return what it reports at the end."""
        while True:
            message = self._ranks.broadcast(None, 0)
            self._take(message)
            if "error" in message:
                raise RankError(f"fit: rank 0 of comm raised {message['error']}")
            if "report" in message:
                if self._interrupted:
                    raise KeyboardInterrupt
                report: Mapping[str, Any] = message["report"]
                return report
            order, batch_size, rates, self.engine.span = message["work"]
            self.engine.pass_rates(len(rates))
            self._train(order, batch_size, rates, [])

    def _changes(self) -> dict[str, Any]:
        """Return the state of the engine, if a callback has changed it since the last update."""
        engine = self.engine
        if engine.core.version == self._version:
            return {"epochs_trained": engine.epochs_trained}
        self._version = engine.core.version
        return {"epochs_trained": engine.epochs_trained, "state": engine.core.state("fit")}

    def _take(self, changes: Mapping[str, Any]) -> None:
        engine = self.engine
        engine.epochs_trained = changes["epochs_trained"]
        if "state" in changes:
            values, slots, steps = changes["state"]
            keyed: list[Numbered] = [
                {place: array[np.newaxis] for place, array in enumerate(arrays)}
                for arrays in (values, *slots)
            ]
            engine.core.restore("fit", keyed[0], keyed[1:], steps)

    # ---- steps ---------------------------------------------------------------------------------

    def _train(
        self, order: Array | None, batch_size: int, rates: Floats, sums: Sequence[_core.Totals]
    ) -> None:
        visited = np.arange(self.count) if order is None else order
        with self._deferring_interrupts():
            for step, rate in enumerate(rates):
                batch = visited[step * batch_size : (step + 1) * batch_size]
                loss, correct = self._step(batch, float(rate))
                for totals in sums:
                    totals.add(loss, correct, len(batch))
            self._version = self.engine.core.version
        if self._interrupted and self._ranks.rank == 0:
            raise KeyboardInterrupt

    @contextmanager
    def _deferring_interrupts(self) -> Iterator[None]:
        """Let Ctrl-C end training between two steps, since an exception in one would hang ranks."""

        def interrupt(*_: object) -> None:
            self._interrupted = True

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)

    def _step(self, batch: Array, rate: float) -> tuple[float, float]:
        """Make one update; return the loss and the correct answers to add, on rank 0."""
        ranks = self._ranks
        begin, count = rows_of(len(batch), ranks.rank, ranks.size)
        last = min(-(-len(batch) // UNIT), ranks.size) - 1  # the last rank with rows
        header = np.zeros(3)  # loss, correct answers, and 1 + the number of a rank that failed
        error, factor = None, 0.0
        sent: list[Any] = []
        if count:
            try:
                if self._interrupted:
                    raise KeyboardInterrupt
                factor = self._share.run(batch, begin, count)
            except BaseException as raised:  # other ranks wait for this one
                error = raised
            reading = self._continue_header(header, error)
            if ranks.rank < last:
                sent.append(ranks.send(header, ranks.rank + 1, _HEADER))
        whole = header if ranks.rank == last else np.empty(3)
        spread = [ranks.spread(whole, last)]
        if count and reading:
            self._continue_chains(last, header, spread, sent)
        ranks.wait(spread[:1], f"rank {last}")
        if whole[2]:
            ranks.wait([*spread, *sent], "other ranks")
            self._raise(int(whole[2]) - 1, error)
        ranks.wait(sent, f"rank {ranks.rank + 1}")
        if ranks.rank != last:
            spread += [ranks.spread(self._complete(part), last) for part in self._parts()]
        ranks.wait(spread, f"rank {last}" if ranks.rank != last else "other ranks")
        if ranks.rank != last:
            for part in self._parts():
                self._share.store(part, self._complete(part))
        self._share.update(rate)
        loss = factor * float(whole[0])
        return loss * (1 if self.loss_is_sum else len(batch)), float(whole[1])

    def _parts(self) -> Iterator[int]:
        """Return the parts in the order in which they are sent: that of the backward pass."""
        return reversed(range(len(self._sizes)))

    def _complete(self, part: int) -> Array:
        """Return the gradients of a part, without sums that only the chains need."""
        return self._sums[part][: self._sizes[part][0]]

    def _continue_header(self, header: Floats, error: BaseException | None) -> bool:
        """Receive and continue the header; return whether the rank before sends its chains."""
        ranks = self._ranks
        if ranks.rank > 0:
            before = ranks.rank - 1
            ranks.wait([ranks.receive(header, before, _HEADER)], f"rank {before}")
        reading = not header[2]
        if reading and error is not None:
            header[2] = ranks.rank + 1
        elif reading:
            header[:2] = self._share.add_up(header[0], header[1])
        return reading

    def _continue_chains(
        self, last: int, header: Floats, spread: list[Any], sent: list[Any]
    ) -> None:
        """Continue the chains of each part; add the requests that send them to the lists."""
        ranks = self._ranks
        before = f"rank {ranks.rank - 1}"
        arriving = {}
        if ranks.rank > 0:
            arriving = {
                part: ranks.receive(self._sums[part], ranks.rank - 1, part + 1)
                for part in self._parts()
            }
        for part in self._parts():
            if arriving:
                ranks.wait([arriving[part]], before)
            if header[2]:  # this rank failed; the rank before did not know
                continue
            self._share.gradients(part, self._sums[part])
            if ranks.rank < last:
                sent.append(ranks.send(self._sums[part], ranks.rank + 1, part + 1))
            else:
                spread.append(ranks.spread(self._complete(part), last))
            ranks.progress([*spread, *sent])

    def _raise(self, failed: int, error: BaseException | None) -> None:
        """Raise the exception of a rank on all ranks, after a step that changed nothing."""
        message = self._ranks.broadcast(None if error is None else described(error), failed)
        self.ended = True
        if error is not None:
            raise error
        raise RankError(f"fit: rank {failed} of comm raised {message}")
