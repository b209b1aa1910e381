"""The number of threads, and the configuration of this installation."""

from __future__ import annotations

import platform
from typing import Any, Literal, overload

import numpy as np

from . import _core
from ._validation import choice, integer

_MOST_THREADS = 1024


def get_num_threads() -> int:
    """Return the maximum number of threads that the next call may use.

    This is the number given to `set_num_threads`; by default, it is the minimum of the affinity
    mask, the cgroup's CPU quota and ``OMP_NUM_THREADS``. A limit set by threadpoolctl applies in
    both cases, and the child process of a fork has one thread. Small tasks always run on the
    calling thread. Results have the same bits for any number of threads, apart from the sign and
    the payload of a NaN.

    A thread needs 64 KiB of stack: with less (``OMP_STACKSIZE``), the number is 1. If the system
    cannot start as many threads (limits of processes or memory), a call uses fewer, and a call
    more than a second later tries again. Before new threads are used, as many are started and
    joined, because OpenMP ends the process if it cannot start one. Another process or thread that
    takes the last ones in between can still cause that.

    Returns
    -------
    int
    """
    return _core.num_threads()


def set_num_threads(threads: int | None) -> None:
    """Set the maximum number of threads that calls may use.

    Calls that run at the same time in several Python threads share them.

    Parameters
    ----------
    threads : int or None
        From 1 to 1024; None restores the default. See `get_num_threads`.

    Raises
    ------
    TypeError, ValueError
        If `threads` is neither None nor an integer in this range.
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
    """Show versions, instruction set and number of threads, for bug reports.

    Parameters
    ----------
    mode : {"text", "dicts"}, default "text"
        Print a table, or return a dictionary, as in ``numpy.show_config``.

    Returns
    -------
    dict or None
        None with "text"; otherwise a dictionary with the keys ``version``, ``isa``,
        ``isas_available``, ``bfloat16_order``, ``bfloat16_runs_on``, ``bfloat16_ratio``,
        ``threads``, ``cpus``, ``compiler``, ``numpy``, ``python`` and ``platform``.

    Notes
    -----
    ``bfloat16_order`` is the order in which bfloat16 products are summed (see
    `prelunet.ops.bfloat16_gemm`): ``amx`` if this process may use AMX, else ``vdpbf16``, or the
    value of the environment variable ``PRELUNET_BF16`` when prelunet was imported. The bits of the
    products depend on it. ``bfloat16_runs_on`` is ``AMX``, ``AVX512_BF16`` or ``emulation`` by
    float32 arithmetic. Only the speed depends on it. ``bfloat16_ratio`` is the measured rate of the
    order's instruction divided by that of float32 arithmetic, None without the instruction. Where
    it is low, as that of AVX512_BF16 on Intel's processors, products run on ``emulation``.
    """
    choice("show_config", "mode", mode, ("text", "dicts"))
    bfloat16_order, bfloat16_runs_on = _core.bfloat16()
    ratio = _core.bfloat16_ratio()
    config = {
        "version": _core.__version__,
        "isa": _core.isa(),
        "isas_available": _core.available_isas(),
        "bfloat16_order": bfloat16_order,
        "bfloat16_runs_on": bfloat16_runs_on,
        "bfloat16_ratio": None if ratio is None else round(ratio, 1),
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
