"""A benchmark run: compare answers, time the cases, summarize."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import agreement, estimators, harness, machine, many, memory, scaling, stamp
from .agreement import DisagreementError
from .cases.kernels import KERNELS
from .cases.networks import Array
from .cases.predictions import PREDICTIONS
from .cases.steps import QUICK_STEPS, STEPS
from .harness import Entrant
from .options import REFERENCE, Options
from .peers import OURS, PEERS, UnsupportedError
from .processes import Worker, WorkerError
from .progress import Progress

Results = dict[str, Any]

ONE_THREAD = f"{OURS}, 1 thread"
# If the first calls together take longer than this, there are fewer rounds.
SLOW_SECONDS, SLOW_ROUNDS = 20.0, 3
# NumPy is the only peer here, and OpenBLAS's threads are asleep after this pause.
KERNEL_PAUSE_SECONDS = 0.03
QUICK_KERNELS = ("x W^T 128x400x400", "dz W 128x400x400", "dz^T x 128x400x400", "tanh_forward")


@dataclass
class Crew:
    """The workers of a run, by peer name."""

    threads: int
    workers: dict[str, Worker] = field(default_factory=dict)

    def get(self, name: str) -> Worker:
        """Return a worker; start it on first use."""
        if name not in self.workers:
            self.workers[name] = Worker(name, self.threads)
        return self.workers[name]

    def versions(self) -> dict[str, dict[str, str]]:
        """Return the versions of all workers that are still alive."""
        found = {}
        for name, worker in self.workers.items():
            with contextlib.suppress(WorkerError):
                found[name] = worker.ask("versions")["versions"]
        return found

    @property
    def ours(self) -> Worker:
        """The worker of prelunet."""
        return self.get(OURS)


@contextlib.contextmanager
def crew_of(threads: int) -> Iterator[Crew]:
    """Yield a crew, then stop its processes."""
    crew = Crew(threads)
    try:
        yield crew
    finally:
        for worker in crew.workers.values():
            worker.close()


def run(options: Options) -> Results:
    """Measure everything and return the content of the JSON file.

    Raises a DisagreementError if a library's answer differs from float64 arithmetic.
    """
    peers = options.peers()
    steps = options.cases(list(STEPS), QUICK_STEPS)
    predictions = options.cases(list(PREDICTIONS), list(PREDICTIONS))
    kernels = options.cases(list(KERNELS), QUICK_KERNELS)
    if not (steps or predictions or kernels):
        known = ", ".join([*STEPS, *PREDICTIONS])
        raise ValueError(
            f"bench: only must name cases among {known} and the kernels, got {options.only}"
        )
    total = len(steps) + len(predictions) + len(kernels)
    with Progress(total, quiet=options.quiet) as progress, crew_of(options.threads) as crew:
        bench = _Run(options, peers, crew, progress)
        results: Results = {
            "machine": stamp.machine_of(options.threads),
            "threads": options.threads,
        }
        if not options.check:
            results["ceilings"] = bench.ceilings()
        results["kernels"] = [bench.kernel(name) for name in kernels]
        results["predictions"] = [bench.network(name) for name in predictions]
        results["steps"] = [bench.network(name) for name in steps]
        results["versions"] = crew.versions()
    if not options.check and not options.quick and "W0s" in steps:
        results["memory"] = memory.measure(peers, options.threads, quiet=options.quiet)
    if options.scaling and not options.check:
        results["scaling"] = scaling.measure(options.threads, quiet=options.quiet)
    if options.estimators and not options.check:
        results["estimators"] = estimators.measure(options.threads, quiet=options.quiet)
    if options.many and not options.check:
        results["many"] = many.measure(options.threads, quiet=options.quiet)
    return results


class _Run:
    """State shared by the parts of a run."""

    def __init__(
        self, options: Options, peers: Sequence[str], crew: Crew, progress: Progress
    ) -> None:
        self.options = options
        self.peers = peers
        self.crew = crew
        self.progress = progress
        self.rounds = 2 if options.quick else 5
        self.seconds = 0.1 if options.quick else 0.3

    def ceilings(self) -> Results:
        """Measure the ceilings for one thread and for all threads."""
        found: Results = {"flops": {}, "copy_bytes": {}}
        size = 4 * machine.last_cache_bytes()
        for threads in dict.fromkeys((1, self.options.threads)):
            ask = self.crew.ours.ask
            found["flops"][str(threads)] = {
                dtype: max(
                    ask("ceiling", dtype=dtype, threads=threads)["flops"]
                    for _ in range(self.rounds)
                )
                for dtype in ("float32", "float64", "bfloat16")
            }
            found["copy_bytes"][str(threads)] = max(
                ask("bandwidth", size=size, threads=threads)["bytes"] for _ in range(2)
            )
        return found

    # ---- steps and predictions -----------------------------------------------------------------

    def network(self, name: str) -> Results:
        """Check and time a training step or a prediction with every peer."""
        case = STEPS[name] if name in STEPS else PREDICTIONS[name]
        result: Results = {
            "name": name,
            "title": case.title,
            "flops": case.flops,
            "target": case.target,
            "checked": {},
            "unsupported": {},
            "stand_ins": {},
            "failures": {},
            "timings": {},
        }
        self.progress.begin(f"{name}: answers")
        ready = self._check_network(name, result)
        if not self.options.check and OURS in ready:
            took = {peer: self._prepare(peer, name, result) for peer in ready}
            ready = [peer for peer, seconds in took.items() if seconds is not None]
            slow = sum(filter(None, took.values())) > SLOW_SECONDS
            rounds = min(self.rounds, SLOW_ROUNDS) if slow else self.rounds
            self._time(name, ready, result, case.network.compute_dtype, rounds)
        self.progress.done()
        return result

    def _check_network(self, name: str, result: Results) -> list[str]:
        """Compare answers; return the peers that support the case."""
        expected = self._answer(REFERENCE, name, exact=True)
        ready = []
        for peer in self.peers:
            try:
                stand_in = self.crew.get(peer).ask("stand_in", case=name)["stand_in"]
                if stand_in is not None:
                    result["stand_ins"][peer] = stand_in
                    ready.append(peer)
                    continue
                actual = self._answer(peer, name)
                title = f"{name} by {PEERS[peer].title}"
                result["checked"][peer] = self._compare(title, name, actual, expected)
            except UnsupportedError as error:
                result["unsupported"][peer] = str(error)
            except (WorkerError, DisagreementError) as error:
                if peer == OURS:
                    raise
                result["failures"][peer] = str(error)
            else:
                ready.append(peer)
        return ready

    def _compare(
        self, title: str, name: str, actual: Sequence[Array], expected: Sequence[Array]
    ) -> float:
        if name in STEPS:
            return agreement.check_parameters(title, STEPS[name], actual, expected)
        return agreement.check_arrays(title, PREDICTIONS[name], actual, expected)

    def _answer(self, peer: str, name: str, *, exact: bool = False) -> list[Array]:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "answer.npz")
            self.crew.get(peer).ask("check", case=name, path=path, exact=exact)
            with np.load(path) as arrays:
                return [arrays[key] for key in arrays.files]

    def _prepare(self, peer: str, name: str, result: Results) -> float | None:
        """Return the seconds of the first call, or None if the peer failed."""
        self.progress.begin(f"{name}: {PEERS[peer].title}")
        try:
            return float(self.crew.get(peer).ask("prepare", case=name)["seconds"])
        except UnsupportedError as error:
            result["unsupported"][peer] = str(error)
            return None
        except WorkerError as error:
            if peer == OURS:
                raise
            result["failures"][peer] = str(error)
            return None

    def _time(
        self, name: str, ready: Sequence[str], result: Results, dtype: str, rounds: int
    ) -> None:
        self.progress.begin(f"{name}: rounds")
        entrants = [Entrant(peer, self.crew.get(peer), self.options.threads) for peer in ready]
        if self.options.threads > 1:
            entrants.append(Entrant(ONE_THREAD, self.crew.ours, 1))
        timings, ceilings = harness.rounds(
            entrants, count=rounds, seconds=self.seconds, referee=self.crew.ours, dtype=dtype
        )
        for entrant in entrants:
            timing = timings[entrant.name]
            share = ceilings.share(result["flops"], timing.best, entrant.threads)
            result["timings"][entrant.name] = {**harness.as_dict(timing), "share": share}
        result["ceiling_flops"] = {str(n): rate for n, rate in ceilings.flops.items()}
        result["meeting_seconds"] = list(ceilings.meetings)

    # ---- kernels -------------------------------------------------------------------------------

    def kernel(self, name: str) -> Results:
        """Check and time one kernel against NumPy."""
        case = KERNELS[name]
        result: Results = {"name": name, "flops": case.flops, "bytes": case.size, "timings": {}}
        self.progress.begin(name)
        peers = [OURS, REFERENCE]
        try:
            expected = self._answer(REFERENCE, name)
            actual = self._answer(OURS, name)
            result["checked"] = agreement.check_arrays(name, case, actual, expected)
        except UnsupportedError as error:
            result["unsupported"] = {REFERENCE: str(error)}
            peers = [OURS]
        if not self.options.check:
            self._time_kernel(name, peers, result)
        self.progress.done()
        return result

    def _time_kernel(self, name: str, peers: Sequence[str], result: Results) -> None:
        threads = self.options.threads
        for peer in peers:
            self.crew.get(peer).ask("prepare", case=name)
        entrants = [Entrant(peer, self.crew.get(peer), threads) for peer in peers]
        timings, ceilings = harness.rounds(
            entrants,
            count=5,
            seconds=0.02,
            referee=self.crew.ours,
            dtype=KERNELS[name].dtype,
            pause=KERNEL_PAUSE_SECONDS,
        )
        size = KERNELS[name].size
        if size:
            # A copy of the same number of bytes, so it uses the same cache level.
            answer = self.crew.ours.ask("bandwidth", size=int(size / 2), threads=threads)
            limit = answer["bytes"]
        for peer in peers:
            best = timings[peer].best
            rate = (size or KERNELS[name].flops) / best
            share = rate / (limit if size else ceilings.flops[threads])
            result["timings"][peer] = {
                **harness.as_dict(timings[peer]),
                "rate": rate,
                "share": share,
            }
