"""Training by several ranks in one process: each has its share of a batch and passes sums on."""

from __future__ import annotations

import math

import numpy as np

from prelunet import _core
from prelunet.training.shares import rows_of


class VirtualRanks:
    """The shares of `ranks` ranks, which train one engine."""

    def __init__(self, data, ranks, batch_size):
        self.engine, self.data, self.ranks = data.engine, data, ranks
        most = rows_of(batch_size, 0, ranks)[1]
        self.shares = [
            _core.BatchShare(self.engine.core, data.rows, data.targets, batch_size, most)
            for _ in range(ranks)
        ]

    def step(self, batch, rate):
        """Make one update; return the totals of the step."""
        loss = correct = factor = 0.0
        owners = []
        for rank, share in enumerate(self.shares):
            begin, count = rows_of(len(batch), rank, self.ranks)
            if count:
                factor = share.run(batch, begin, count)
                owners.append(share)
        for share in owners:
            loss, correct = share.add_up(loss, correct)
        parts = owners[0].sizes()
        for part in reversed(range(len(parts))):
            chains = np.full(parts[part][1], np.nan, self.engine.variable_dtype)
            for share in owners:
                share.gradients(part, chains)
            self.shares[0].store(part, chains[: parts[part][0]].copy())
        self.shares[0].update(rate)
        mean = not self.data.loss_is_sum
        return factor * loss * (len(batch) if mean else 1), correct, len(batch)


def train_epochs_by(ranks):
    """Return a function to put in the place of `Data.train_epochs`."""

    def train_epochs(data, shuffle, batch_size, totals):
        engine, steps = data.engine, math.ceil(data.count / batch_size)
        virtual = VirtualRanks(data, ranks, batch_size)
        for row in totals:
            order = np.arange(data.count)
            if shuffle and steps > 1:
                order = _core.row_order(engine.seed, engine.epochs_trained, data.count)
            for step, rate in enumerate(engine.learning_rates(steps)):
                row += virtual.step(order[step * batch_size : (step + 1) * batch_size], rate)
            engine.epochs_trained += 1

    return train_epochs
