"""Python in a process of its own, for what must not touch the process of the tests."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent  # the helpers, some of which are scripts
TESTS = SUPPORT.parent
# Seconds; a child that hangs is a failure. Sanitizers and emulators set more.
TIMEOUT = float(os.environ.get("SUBPROCESS_TIMEOUT", "120"))


def run_python(*arguments, environment=None, before=()):
    """Run Python in the helpers' folder, warnings being errors; return what it printed.

    `before` is a command that runs the command after it. The path has reference/.
    """
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        run = subprocess.run(
            [*before, sys.executable, "-W", "error", *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": path} | (environment or {}),
            cwd=SUPPORT,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        pytest.skip(f"this machine cannot start {sys.executable}, which an emulator runs")
    assert run.returncode == 0, f"exit code {run.returncode}\n{run.stdout}\n{run.stderr}"
    return run.stdout


def run_code(code, *arguments, **options):
    """Run lines of Python, as `run_python` does; return what they printed."""
    return run_python("-c", textwrap.dedent(code), *arguments, **options)


def skip_unless_available(isa):
    """Skip the test on a machine without an instruction set."""
    import prelunet as pn

    available = pn.show_config(mode="dicts")["isas_available"]
    if isa not in available:
        pytest.skip(f"this machine runs {', '.join(available)}, not {isa}")
