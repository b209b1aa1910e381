"""Long-lived processes of the peers."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from typing import Any, Self

from . import machine
from .peers import UnsupportedError

STOP_SECONDS = 10.0


class WorkerError(ChildProcessError):
    """A peer failed; the message holds its traceback."""


class Worker:
    """A peer in its own process, with a number of threads."""

    def __init__(self, name: str, threads: int, *, module: str = "worker") -> None:
        """Start the process of the peer `name`, which runs a module of this package."""
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the worker
        cpus = machine.cpus_for(threads)
        command = [sys.executable, "-m", f"{__package__}.{module}", name]
        before = None if cpus is None else os.sched_getaffinity(0)
        if cpus is not None:
            os.sched_setaffinity(0, cpus)  # inherited; must precede the library's start
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment(threads),
                text=True,
            )
        finally:
            if before is not None:
                os.sched_setaffinity(0, before)

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return the answer.

        Raises an UnsupportedError if the peer cannot do it, and a WorkerError if it failed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # the process ended; reported below
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(f"bench: the process of {self.name} ended:\n{self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "unsupported" in answer:
            raise UnsupportedError(answer["unsupported"])
        if "error" in answer:
            raise WorkerError(f"bench: {self.name} failed:\n{answer['error']}")
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()  # end of requests: the process exits
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-4000:]


def environment(threads: int) -> dict[str, str]:
    """Return this environment with the libraries' thread limits set."""
    count = str(threads)
    return {
        **os.environ,
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": "tensorflow",
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
    }
