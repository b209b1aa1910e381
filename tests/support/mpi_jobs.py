"""`mpiexec` with the Python of the tests, if MPI is installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from subprocesses import SUPPORT, TESTS, TIMEOUT

# Open MPI refuses root and more ranks than cores unless told otherwise.
ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRELUNET_MPI_TIMEOUT": "60",
}


def mpiexec():
    """Return the path of mpiexec, beside Python or in PATH; skip the test if there is no MPI."""
    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed")
    folder = Path(sys.executable).parent
    found = shutil.which("mpiexec", path=folder) or shutil.which("mpiexec")
    if found is None:
        pytest.skip("mpiexec is not installed")
    return found


def start(ranks, script, *arguments, environment=None, isas=(), cwd=SUPPORT):
    """Start a script of the helpers' folder on some ranks; return the process.

    `isas` gives each rank an instruction set, if it is not empty.
    """
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    program = [sys.executable, "-W", "error", "-m", "mpi4py", script, *map(str, arguments)]
    command = [mpiexec(), "-n", str(ranks), *program]
    if isas:
        command = [mpiexec()]
        for isa in isas:
            command += ["-n", "1", "env", f"PRELUNET_ISA={isa}", *program, ":"]
        command.pop()
    return subprocess.Popen(
        command,
        env=os.environ | ENVIRONMENT | {"PYTHONPATH": path} | (environment or {}),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that finish() can end all processes
    )


def finish(process, seconds=TIMEOUT):
    """Wait for the end of a job; return (exit code, output)."""
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        pytest.fail(f"the job did not end within {seconds} seconds\n{output}")
    return process.returncode, output


def run(ranks, script, *arguments, **options):
    """Run a script on some ranks, which must succeed; return its output."""
    code, output = finish(start(ranks, script, *arguments, **options))
    assert code == 0, f"exit code {code}\n{output}"
    return output
