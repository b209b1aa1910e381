"""A program that `mpiexec` starts: training runs by all ranks, whose results rank 0 writes.

``mpiexec -n 3 python mpi_runs.py results.npz sgd adam`` runs "sgd" and "adam" of `network_runs`
over MPI. Every rank asserts that its results are those of rank 0.
"""

from __future__ import annotations

import sys

import numpy as np
from mpi4py import MPI

import prelunet as pn
from network_runs import RUNS, train
from tolerances import assert_same_bits


def main(path, names):
    """Train each run, and write the results of all."""
    comm = MPI.COMM_WORLD
    pn.set_num_threads(1 + comm.rank % 2)
    found = {
        f"{name}: {key}": array
        for name in names
        for key, array in train("float32", comm=comm, **RUNS[name]).items()
    }
    expected = comm.bcast(found)
    assert list(found) == list(expected)
    for key, array in found.items():
        assert_same_bits(array, expected[key], f"rank {comm.rank}: {key}")
    if comm.rank == 0:
        np.savez(path, **{key.replace("/", "-"): array for key, array in found.items()})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
