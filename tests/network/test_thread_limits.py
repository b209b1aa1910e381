"""Threads that the system does not grant, or grants little stack: fewer threads, and no crash."""

from __future__ import annotations

import pytest

from subprocesses import run_code

# Products with a copied slice of B and with staged blocks, on a team of `asked` threads.
WORK = """
    import os, resource, sys, time, warnings
    import numpy as np
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import prelunet as pn
    from network_models import labelled, mlp

    def tasks():
        return len(os.listdir("/proc/self/task"))

    def work(asked):
        pn.set_num_threads(asked)
        model = mlp(widths=(150, 90, 5), optimizer=pn.Adam(0.01), dtype="float32")
        model.fit(X, y, epochs=2, batch_size=900)
        product = pn.ops.gemm(square, square)
        convolved = pn.ops.conv2d_forward(images, filters)
        arrays = [*model.parameters().values(), model.predict(X), product, convolved]
        return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)

    rng = np.random.default_rng(0)
    X, y = labelled(rng, 2000, dtype=np.float32)
    square = rng.standard_normal((600, 600), dtype=np.float32)
    images = rng.standard_normal((64, 20, 20, 8), dtype=np.float32)
    filters = rng.standard_normal((16, 3, 3, 8), dtype=np.float32)
    alone = work(1)
    before = tasks()
"""


@pytest.mark.parametrize("size", ["1K", "16K", " 48 k ", "65535B"])
def test_a_stack_that_is_too_small_leaves_one_thread(size):
    run_code(
        WORK
        + """
    # Less than the least stack of the C library: libgomp takes its default, libomp 16 KiB.
    least = "libomp" in open("/proc/self/maps").read()
    small = least or int("".join(filter(str.isdigit, sys.argv[1]))) > 1
    assert [w.category for w in caught] == [RuntimeWarning] * small, caught
    assert not small or "and it needs 64 KiB" in str(caught[0].message)
    assert pn.get_num_threads() == (1 if small else pn.get_num_threads())
    assert work(4) == alone
    assert tasks() - before == (0 if small else 3)
        """,
        size,
        environment={"OMP_STACKSIZE": size},
    )


@pytest.mark.parametrize("size", ["64K", "nonsense", "-1"])
def test_a_stack_that_suffices_or_is_not_a_size(size):
    run_code(
        WORK
        + """
    assert caught == []
    assert work(4) == alone
    assert tasks() - before == 3
        """,
        environment={"OMP_STACKSIZE": size},
    )


@pytest.mark.parametrize("size", ["1000000G", "18446744073709551615"])
def test_a_stack_larger_than_the_memory_leaves_one_thread(size):
    run_code(
        WORK
        + """
    assert work(4) == alone
    # libgomp ignores a number of bytes that does not fit 64 bits.
    ignored = len(sys.argv[1]) == 20 and "libgomp" in open("/proc/self/maps").read()
    assert tasks() - before == (3 if ignored else 0)
        """,
        size,
        environment={"OMP_STACKSIZE": size},
    )


def test_a_limit_of_addresses_leaves_fewer_threads():
    """The limit leaves room for two stacks at most, then for all."""
    run_code(
        WORK
        + """
    def size():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()

    room = size() + 3 * 2**28
    resource.setrlimit(resource.RLIMIT_AS, (room, -1))
    assert work(8) == alone
    few = tasks() - before
    assert few <= 2
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    deadline = time.monotonic() + 60
    while tasks() - before < 7 and time.monotonic() < deadline:  # tried again each second
        assert work(8) == alone
    assert tasks() - before == 7
        """,
        environment={"OMP_STACKSIZE": "256M"},
    )


def test_a_limit_of_processes_leaves_one_thread():
    run_code(
        WORK
        + """
    if os.geteuid() == 0:  # the limit does not bind root
        os.setgroups([])
        os.setuid(65534)
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
    assert work(4) == alone
    assert tasks() == before
        """
    )
