"""A fuzzer of calls: `pn.ops`, models and estimators with hostile arguments.

``python tests/fuzz/calls.py`` runs a fixed number of cases. ``--seconds 3600 --jobs 2`` runs until
the time is over, and ``--kind models --only 12345`` runs one case in this process. A case is a
function of its kind and number. Workers are processes of their own; a crash, a hang, an exception
of a kind that is not documented, or a change made by a failed call is printed with the number of
its case, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import faulthandler
import importlib
import json
import mmap
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parent)]

KINDS = {"ops": 2000, "models": 60, "estimators": 30}  # cases of the default run
CASES_OF_A_WORKER = {"ops": 50_000, "models": 2000, "estimators": 500}
CPU_SECONDS = 5  # of a call, on all threads; more is a hang
WALL_SECONDS = 120  # of a call that waits
MEMORY = 6 << 30  # bytes of address space; allocations beyond it fail
ALLOWED = (ValueError, TypeError, RuntimeError, OSError, MemoryError, ImportError)
STATE = struct.Struct("qq")  # number of the case, number of calls


class Calls:
    """The calls of a worker: counts them, and reports what must not happen."""

    refused = ALLOWED

    def __init__(self, state, write):
        self._state = state
        self._write = write
        self.case = self.count = 0

    def begin(self, case):
        """Begin a case."""
        self.case = case
        self._state[: STATE.size] = STATE.pack(self.case, self.count)

    def make(self, name, function, *arguments, protocol=(), **options):
        """Call a function; raise what may be raised, and report other exceptions.

        `protocol` has the exceptions that Python's protocols demand of this call.
        """
        self.count += 1
        self._state[: STATE.size] = STATE.pack(self.case, self.count)
        try:
            return function(*arguments, **options)
        except RecursionError as error:
            self.report(f"{name}: {_describe(error)}")
            raise ValueError("reported") from None
        except (*ALLOWED, *protocol):
            raise
        except Exception as error:
            self.report(f"{name}: {_describe(error)}")
            raise ValueError("reported") from None

    def report(self, what):
        """Print a finding."""
        self._write(json.dumps({"case": self.case, "what": what}))


def _describe(error):
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(f.filename).name}:{f.lineno}" for f in frames[-4:]]
    return f"{type(error).__name__}: {str(error)[:160]} ({' '.join(places)})"


def work(kind, seed, first, count, state_file):
    """Run cases in this process."""
    import numpy as np

    import prelunet as pn

    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    pn.set_num_threads(2)
    pn.ops.gemm(np.ones((512, 512)), np.ones((512, 512)))  # starts the threads
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    module = importlib.import_module(f"call_{kind}")
    with open(state_file, "r+b") as file, mmap.mmap(file.fileno(), STATE.size) as state:
        calls = Calls(state, lambda line: print(line, flush=True))
        for case in range(first, first + count):
            calls.begin(case)
            with contextlib.suppress(ALLOWED):
                module.run(np.random.default_rng([seed, list(KINDS).index(kind), case]), calls)
        state[:] = STATE.pack(first + count, calls.count)


class Worker:
    """A process that runs cases, and its progress."""

    def __init__(self, kind, seed, first, count):
        self.kind, self.seed, self.first, self.count = kind, seed, first, count
        self.calls = 0
        self.findings = []
        self._hang = ""
        self._file = tempfile.NamedTemporaryFile()  # noqa: SIM115
        self._file.write(STATE.pack(first, 0))
        self._file.flush()
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115
        options = {"kind": kind, "seed": seed, "first": first, "count": count}
        options["state"] = self._file.name
        arguments = [text for key, value in options.items() for text in (f"--{key}", str(value))]
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "calls.py"), "--worker", *arguments],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        self._seen, self._cpu, self._since = None, 0.0, time.monotonic()

    def poll(self):
        """Return whether the process has ended; end it if a call hangs."""
        state = self._read()
        ended = self._process.poll() is not None
        if not ended and state != self._seen:
            self._seen, self._cpu, self._since = state, self._cpu_seconds(), time.monotonic()
        elif not ended:
            waited = time.monotonic() - self._since
            computed = self._cpu_seconds() - self._cpu
            limit = CPU_SECONDS * (4 if state[1] == 0 else 1)  # importing is slower
            if computed > limit or waited > WALL_SECONDS:
                self._process.send_signal(signal.SIGABRT)  # faulthandler prints the stack
                self._process.wait()
                ended = True
                what = f"hang: {computed:.1f} s of computing, {waited:.1f} s of waiting; then "
                self._hang = what
        if ended:
            self._finish(self._read())
        return ended

    def stop(self):
        """End the process without a finding."""
        self._process.kill()
        self._process.wait()
        self._finish(self._read(), stopped=True)

    def rest(self):
        """Return a worker for the cases after a crash; None if there are none."""
        done = self._read()[0] + 1 - self.first
        if self._process.returncode >= 0 or done >= self.count:  # of itself
            return None
        return Worker(self.kind, self.seed, self.first + done, self.count - done)

    def _finish(self, state, *, stopped=False):
        self.calls = state[1]
        self._output.seek(0)
        lines = self._output.read().splitlines()
        with contextlib.suppress(json.JSONDecodeError):
            self.findings += [json.loads(line) for line in lines if line.startswith('{"case"')]
        code = self._process.returncode
        if code != 0 and not stopped:
            tail = [line for line in lines if not line.startswith(('{"case"', "Extension modules"))]
            what = f"{self._hang}the process ended with {code}:\n" + "\n".join(tail)[-3000:]
            self.findings.append({"case": state[0], "what": what})

    def _read(self):
        self._file.seek(0)
        return STATE.unpack(self._file.read(STATE.size))

    def _cpu_seconds(self):
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return time.monotonic()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fuzz(kinds, *, seed, first, seconds, jobs):
    """Run the default cases, or cases until the time is over; return the number of findings."""
    begun = time.monotonic()
    queue = collections.deque(
        (kind, first, KINDS[kind] if seconds is None else CASES_OF_A_WORKER[kind]) for kind in kinds
    )
    workers, calls, findings = [], collections.Counter(), {}
    while queue or workers:
        while queue and len(workers) < jobs:
            kind, begin, count = queue.popleft()
            workers.append(Worker(kind, seed, begin, count))
            if seconds is not None:
                queue.append((kind, begin + count, count))
        over = seconds is not None and time.monotonic() - begun > seconds
        for worker in list(workers):
            if over:
                queue.clear()
                worker.stop()
            elif not worker.poll():
                continue
            workers.remove(worker)
            calls[worker.kind] += worker.calls
            for finding in worker.findings:
                _note(findings, worker.kind, finding)
            rest = None if over else worker.rest()
            if rest is not None:
                workers.append(rest)
        time.sleep(0.05)
    took = time.monotonic() - begun
    counted = ", ".join(f"{kind} {count:,}" for kind, count in calls.items())
    print(f"{sum(calls.values()):,} calls ({counted}) in {took:.0f} s; {len(findings)} findings")
    return len(findings)


def _note(findings, kind, finding):
    """Print a finding unless one like it has been printed."""
    key = "".join(c for c in finding["what"].splitlines()[0] if not c.isdigit())[:120]
    if key not in findings:
        print(f"--kind {kind} --only {finding['case']}: {finding['what']}", flush=True)
    findings[key] = findings.get(key, 0) + 1


def main():
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, metavar="CASE")
    for name in ("--count", "--state"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    kinds = options.kind or list(KINDS)
    faulthandler.enable()
    if options.worker:
        work(kinds[0], options.seed, options.first, int(options.count), options.state)
        return 0
    if options.only is not None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(STATE.pack(0, 0))
            file.flush()
            work(kinds[0], options.seed, options.only, 1, file.name)
        return 0
    found = fuzz(
        kinds, seed=options.seed, first=options.first, seconds=options.seconds, jobs=options.jobs
    )
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
