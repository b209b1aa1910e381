"""Workers: real processes that are asked and answer."""

from __future__ import annotations

import os

import numpy as np
import pytest

from prelunet import _core
from prelunet.bench import harness, machine
from prelunet.bench.harness import Entrant, Timing
from prelunet.bench.peers import OURS, UnsupportedError
from prelunet.bench.processes import Worker, WorkerError


@pytest.fixture(scope="module")
def ours():
    """Return prelunet's worker, on one thread."""
    with Worker(OURS, 1) as worker:
        yield worker


def test_a_worker_says_what_it_is_made_of(ours):
    assert set(ours.ask("versions")["versions"]) == {"version", "isa", "compiler"}


def test_a_worker_is_prepared_and_timed(ours):
    ours.ask("prepare", case="W1m")
    times = ours.ask("time", seconds=0.05, threads=1)["times"]
    assert times
    assert all(0 < t < 1 for t in times)


def test_ceilings_are_measured(ours):
    best = dict.fromkeys(("float32", "float64"), 0.0)
    for _ in range(2):  # one may fall into a moment in which others have the core
        for dtype, flops in best.items():
            best[dtype] = max(flops, ours.ask("ceiling", dtype=dtype, threads=1)["flops"])
    assert best["float32"] > best["float64"] > 1e8
    assert ours.ask("bandwidth", size=1 << 20, threads=1)["bytes"] > 1e8


def test_peak_memory_is_at_least_what_numpy_takes(ours):
    assert ours.ask("peak_memory")["bytes"] > 10e6


def test_a_worker_writes_its_answer(ours, tmp_path):
    path = str(tmp_path / "answer.npz")
    assert ours.ask("stand_in", case="W1m")["stand_in"] is None
    ours.ask("check", case="W1m", path=path)
    with np.load(path) as arrays:
        assert [arrays[key].shape for key in arrays.files] == [(10, 2), (10,), (2, 10), (2,)]


def test_what_fails_comes_back_and_the_worker_goes_on(ours):
    with pytest.raises(WorkerError, match="prelunet failed:\nTraceback"):
        ours.ask("prepare", case="no such case")
    assert ours.ask("versions")


def test_what_a_peer_cannot_do_it_says():
    with Worker("products", 1) as worker:
        assert worker.ask("stand_in", case="W2") == {"stand_in": "matrix products alone"}
        with pytest.raises(UnsupportedError, match="prelunet alone"):
            worker.ask("prepare", case="W0m-uint8")


def test_a_worker_that_is_gone_leaves_its_last_words():
    with Worker(OURS, 1) as worker:
        worker._process.kill()
        worker._process.wait()
        with pytest.raises(WorkerError, match="the process of prelunet ended"):
            worker.ask("versions")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity")
def test_fewer_threads_than_cpus_means_fewer_cpus():
    allowed = os.sched_getaffinity(0)
    assert machine.cpus_for(len(allowed)) is None
    if len(allowed) > 1:
        assert len(machine.cpus_for(1)) == 1
    with Worker("numpy", 1) as worker:
        if len(allowed) > 1:
            assert len(os.sched_getaffinity(worker._process.pid)) == 1
    assert os.sched_getaffinity(0) == allowed


def test_one_cpu_of_each_core_comes_first():
    assert machine.by_turns([[0, 2], [1, 3]]) == [0, 1, 2, 3]
    assert machine.by_turns([[0], [1, 3], [2]]) == [0, 1, 2, 3]


def test_rounds_time_everybody(ours):
    with Worker("numpy", 1) as numpy:
        entrants = [Entrant("a", ours, 1), Entrant("b", numpy, 1)]
        for entrant in entrants:
            entrant.worker.ask("prepare", case="W1m")
        timings, ceilings = harness.rounds(
            entrants, count=2, seconds=0.02, referee=ours, dtype="float32"
        )
    assert set(timings) == {"a", "b"}
    assert all(t.calls >= 2 and 0 < t.best <= t.median for t in timings.values())
    assert 0 < ceilings.share(1e3, timings["a"].best, 1) < 1
    assert ceilings.meetings == []  # one thread meets nobody


def test_meetings_are_timed_in_every_round():
    with Worker(OURS, 2) as pair:  # two threads on one CPU would meet a thousand times as slowly
        pair.ask("prepare", case="W1m")
        entrants = [Entrant("two", pair, 2), Entrant("one", pair, 1)]
        _, ceilings = harness.rounds(entrants, count=3, seconds=0.01, referee=pair, dtype="float32")
    assert len(ceilings.meetings) == 3
    assert all(1e-8 < seconds < 0.1 for seconds in ceilings.meetings)


def test_entrants_take_turns_to_begin():
    assert [harness.rotated("abc", n)[0] for n in range(4)] == ["a", "b", "c", "a"]


def test_times_are_summed_up():
    timing = Timing.of([4.0, 1.0, 2.0, 3.0, 5.0])
    assert (timing.best, timing.median, timing.calls) == (1.0, 3.0, 5)
    assert timing.spread == pytest.approx(1 / 3)


def test_a_ceiling_of_another_dtype_is_refused():
    with pytest.raises(ValueError, match="fma_ceiling: dtype must be 'bfloat16', 'float32' or"):
        _core.fma_ceiling("int8", 1)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_a_ceiling_is_measured(dtype):
    operations, seconds = _core.fma_ceiling(dtype, 1000)
    assert operations > 0
    assert seconds > 0
