"""The environment of a run, stored with its results."""

from __future__ import annotations

import datetime
import os
import platform
from typing import Any

import prelunet as pn

from . import machine


def machine_of(threads: int) -> dict[str, Any]:
    """Return processor, CPUs, threads, instruction set, system and time."""
    config = pn.show_config(mode="dicts")
    return {
        "processor": machine.processor(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "last_cache_bytes": machine.last_cache_bytes(),
        "isa": config["isa"],
        "bfloat16_runs_on": config["bfloat16_runs_on"],
        "compiler": config["compiler"],
        "prelunet": config["version"],
        "python": config["python"],
        "platform": platform.platform(),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
