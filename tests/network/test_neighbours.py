"""Beside libraries that bring an OpenMP runtime of their own: imported before or after them.

PyTorch loads its libgomp for the whole process: a prelunet imported after it runs on that one, a
prelunet imported before it on its own. Neither the bits nor the limits may know.
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from subprocesses import run_code

TORCH, SKLEARN = "torch", "sklearn.metrics"  # what of scikit-learn has loops in OpenMP
ORDERS = [
    ("prelunet", TORCH),
    (TORCH, "prelunet"),
    ("prelunet", SKLEARN),
    (SKLEARN, "prelunet"),
]

# Prints a checksum of what a model has learned.
TRAIN = """
    import hashlib, importlib, sys
    for name in sys.argv[1:]:
        importlib.import_module(name)
    import numpy as np
    import prelunet as pn
    from threadpoolctl import ThreadpoolController, threadpool_limits

    if "torch" in sys.modules:  # so that their threads are there, and may be met
        import torch
        torch.set_num_threads(2)
        torch.ones(1_000_000).exp()
    if "sklearn.metrics" in sys.modules:
        from sklearn.metrics import pairwise_distances_argmin
        pairwise_distances_argmin(np.ones((3000, 4)), np.ones((50, 4)))

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((3000, 20), dtype=np.float32), rng.integers(5, size=3000)

    def learned():
        model = pn.Sequential([pn.Dense(64), pn.PReLU("channel"), pn.Dense(5)], seed=0)
        model.compile(pn.Adam(), "softmax_cross_entropy")
        model.fit(X, y, epochs=2, batch_size=1000)
        parameters = [values.tobytes() for values in model.parameters().values()]
        return hashlib.sha256(b"".join(parameters)).hexdigest()

    pn.set_num_threads(2)
    wide = learned()
    assert pn.get_num_threads() == 2
    runtimes = ThreadpoolController().select(user_api="openmp").info()
    beside = len(sys.argv) - 2
    # Where prelunet is built from source, it may share the system's with another such library.
    assert len(runtimes) in (beside, beside + 1) and runtimes, runtimes
    with threadpool_limits(1, user_api="openmp"):
        assert pn.get_num_threads() == 1
        assert learned() == wide
    assert pn.get_num_threads() == 2
    print(wide)
    """


def trained_after_importing(*names):
    """Return the checksum of what a process learns that imports modules in this order."""
    return run_code(TRAIN, *names)


@pytest.fixture(scope="module")
def alone():
    """Return the checksum of what a process without neighbours learns."""
    return trained_after_importing("prelunet")


@pytest.mark.parametrize("order", ORDERS, ids=", ".join)
def test_neighbours_change_neither_bits_nor_limits(order, alone):
    for name in order:
        if find_spec(name.partition(".")[0]) is None:
            pytest.skip(f"{name} is not installed")
    assert trained_after_importing(*order) == alone
