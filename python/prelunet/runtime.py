"""Threads, and what this installation is made of."""

from __future__ import annotations

import platform
from typing import Any, Literal, overload

import numpy as np

from . import _core
from ._validation import choice, integer

_MOST_THREADS = 1024


def get_num_threads() -> int:
    """Return how many threads the next call may use.

    The number given to `set_num_threads`; without one the least of the affinity mask, the cgroup's
    CPU quota and ``OMP_NUM_THREADS``. A limit set by threadpoolctl holds in either case, and the
    child of a fork has one thread. Small work stays on the calling thread whatever the number, and
    results have the same bits for any number.
    """
    return _core.num_threads()


def set_num_threads(threads: int | None) -> None:
    """Choose how many threads calls may use.

    Parameters
    ----------
    threads : int or None
        From 1 to 1024; None takes the default again. See `get_num_threads`.

    Raises
    ------
    TypeError, ValueError
        If `threads` is not such a number.
    """
    wanted = 0
    if threads is not None:
        wanted = integer("set_num_threads", "threads", threads, minimum=1, maximum=_MOST_THREADS)
    _core.set_num_threads(wanted)


@overload
def show_config(mode: Literal["text"] = "text") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Any]: ...
def show_config(mode: Literal["text", "dicts"] = "text") -> dict[str, Any] | None:
    """Show versions, instruction set and threads: what a bug report should say.

    Parameters
    ----------
    mode : {"text", "dicts"}, default "text"
        Print a table, or return a dictionary (as ``numpy.show_config`` does).

    Returns
    -------
    dict or None
        With the keys ``version``, ``isa``, ``isas_available``, ``bfloat16_order``,
        ``bfloat16_runs_on``, ``threads``, ``cpus``, ``compiler``, ``numpy``, ``python`` and
        ``platform``.

    Notes
    -----
    ``bfloat16_order`` is the order in which bfloat16 products are summed (see
    `prelunet.ops.bfloat16_gemm`): ``amx`` where this process may use AMX, else ``vdpbf16``, or what
    the environment variable ``PRELUNET_BF16`` named when prelunet was imported. It decides the
    bits. ``bfloat16_runs_on`` is ``AMX``, ``AVX512_BF16``, or ``emulation`` by float32 arithmetic;
    it decides the speed alone.
    """
    choice("show_config", "mode", mode, ("text", "dicts"))
    bfloat16_order, bfloat16_runs_on = _core.bfloat16()
    config = {
        "version": _core.__version__,
        "isa": _core.isa(),
        "isas_available": _core.available_isas(),
        "bfloat16_order": bfloat16_order,
        "bfloat16_runs_on": bfloat16_runs_on,
        "threads": _core.num_threads(),
        "cpus": _core.available_cpus(),
        "compiler": _core.compiler(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    if mode == "dicts":
        return config
    width = max(map(len, config))
    for key, value in config.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        print(f"{key:<{width}}  {shown}")
    return None
