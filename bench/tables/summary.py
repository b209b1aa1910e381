"""Comparison of peers: ratios of errors and times with intervals, and ranks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prelunet.tables import CLASSIFICATION

from ..cases.networks import Array
from ..peers.tables import TABLE_PEERS
from .runs import Result

RESAMPLES = 10_000
COVERAGE = (0.05, 0.95)  # the 90% interval

# A peer's results of a table, by seed.
Table = Mapping[int, Result]
Measure = Callable[[Result], float]


@dataclass(frozen=True)
class Ratio:
    """The geometric mean of ratios over tables, and its bootstrap interval; see `ratio`."""

    mean: float
    low: float
    high: float
    tables: Mapping[str, float]  # the ratio of each table


@dataclass(frozen=True)
class Row:
    """A peer beside the reference: None where they have no table in common."""

    peer: str
    error: Ratio | None
    log_loss: Ratio | None
    fit: Ratio | None
    predict: Ratio | None
    rank: float | None  # by error, in the mean of the tables that all peers have


def error(result: Result) -> float:
    """Return the error; no wrong label at all counts as half a row."""
    least = 0.5 / result["test_rows"] if result["task"] == CLASSIFICATION else 0.0
    return max(float(result["error"]), least)


def log_loss(result: Result) -> float:
    """Return the log loss; NaN for regression."""
    return float(result.get("log_loss", np.nan))


def fit_seconds(result: Result) -> float:
    """Return the CPU seconds of `fit`."""
    return float(result["fit_cpu"])


def predict_seconds(result: Result) -> float:
    """Return the CPU seconds of `predict`."""
    return float(result["predict_cpu"])


def by_peer(results: Sequence[Result]) -> dict[str, dict[str, dict[int, Result]]]:
    """Return results by peer, table and seed."""
    found: dict[str, dict[str, dict[int, Result]]] = {}
    for result in results:
        tables = found.setdefault(result["peer"], {})
        tables.setdefault(result["table"], {})[result["seed"]] = result
    return {name: found[name] for name in TABLE_PEERS if name in found}


def summarize(results: Sequence[Result], against: str) -> list[Row]:
    """Return a row for each peer.

    Raises
    ------
    ValueError
        If there are no results of the peer `against`.
    """
    peers = by_peer(results)
    if against not in peers:
        raise ValueError(f"bench: against must be a measured peer, got {against!r}")
    reference, ranks = peers[against], mean_ranks(peers)
    return [
        Row(
            name,
            error=ratio(tables, reference, error),
            log_loss=ratio(tables, reference, log_loss),
            fit=ratio(tables, reference, fit_seconds),
            predict=ratio(tables, reference, predict_seconds),
            rank=ranks.get(name),
        )
        for name, tables in peers.items()
    ]


def ratio(
    tables: Mapping[str, Table], reference: Mapping[str, Table], measure: Measure
) -> Ratio | None:
    """Return the ratio of two peers on the tables and seeds that they have in common.

    The ratio of a table is that of the means over seeds. The interval is that of resampled tables,
    and of resampled seeds of each: errors of small tables differ more between seeds than between
    peers.
    """
    found = {}
    for name in sorted(tables.keys() & reference.keys()):
        seeds = sorted(tables[name].keys() & reference[name].keys())
        values = [[measure(peer[name][seed]) for seed in seeds] for peer in (tables, reference)]
        pair = np.array(values, np.float64)
        if seeds and (pair.mean(axis=1) > 0.0).all():
            found[name] = pair
    if not found:
        return None
    ratios = {name: float(_ratio_of_means(pair)) for name, pair in found.items()}
    low, high = np.exp(np.quantile(_resampled(list(found.values())), COVERAGE)).tolist()
    mean = math.exp(np.log(list(ratios.values())).mean())
    return Ratio(mean, low, high, ratios)


def _ratio_of_means(pair: Array) -> Array:
    """Return the ratios of the two means over the last axis of (2, ..., seeds)."""
    own, other = pair.mean(axis=-1)
    return np.asarray(own / other)


def _resampled(pairs: Sequence[Array]) -> Array:
    """Return the mean logarithm of the ratio in each resample of tables and their seeds.

    A pair has shape (2, seeds). Resamples with a mean of 0 are left out.
    """
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(pairs), size=(RESAMPLES, len(pairs)))
    logs = np.empty(drawn.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        for place, pair in enumerate(pairs):
            here, count = drawn == place, pair.shape[1]
            seeds = rng.integers(count, size=(np.count_nonzero(here), count))
            logs[here] = np.log(_ratio_of_means(pair[:, seeds]))
        means = logs.mean(axis=1)
    found: Array = means[np.isfinite(means)]
    return found


def mean_ranks(peers: Mapping[str, Mapping[str, Table]]) -> dict[str, float]:
    """Return the mean rank by error, from 1, of the peers that take part in both tasks.

    Only tables and seeds that all these peers have count; equal errors share their ranks.
    """
    names = [name for name in peers if len(TABLE_PEERS[name].tasks) > 1]
    if not names:
        return {}
    shared = set.intersection(*(_keys(peers[name]) for name in names))
    tables = sorted({table for table, _ in shared})
    if not tables:
        return {}
    ranks = []
    for table in tables:
        seeds = [seed for name, seed in shared if name == table]
        means = np.array(
            [np.mean([error(peers[name][table][seed]) for seed in seeds]) for name in names]
        )
        ranks.append(_ranks(means))
    return dict(zip(names, np.mean(ranks, axis=0).tolist(), strict=True))


def _keys(tables: Mapping[str, Table]) -> set[tuple[str, int]]:
    return {(table, seed) for table, seeds in tables.items() for seed in seeds}


def _ranks(values: Array) -> Array:
    below = (values[np.newaxis] < values[:, np.newaxis]).sum(axis=1)
    equal = (values[np.newaxis] == values[:, np.newaxis]).sum(axis=1)
    ranks: Array = below + 0.5 * (equal + 1)
    return ranks
