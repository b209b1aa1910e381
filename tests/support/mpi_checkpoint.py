"""Train on all ranks with a checkpoint: ``mpiexec -n 3 python mpi_checkpoint.py FOLDER EPOCHS``.

Each rank writes its process number to ``FOLDER/RANK.pid``. Rank 0 prints the model's fingerprint.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

import prelunet as pn


def train(folder, epochs, **arguments):
    """Train, or resume, and return the fingerprint of the model."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((600, 40)).astype(np.float32)
    y = rng.integers(10, size=600)
    layers = [pn.Dense(64), pn.PReLU("channel"), pn.Dropout(0.2), pn.Dense(10)]
    model = pn.Sequential(layers, input_shape=(40,), seed=2)
    model.compile(pn.Adam(0.003))
    checkpoint = pn.Checkpoint(Path(folder) / "run.ckpt")
    history = model.fit(
        X, y, epochs=epochs, batch_size=64, callbacks=[checkpoint], verbose=False, **arguments
    )
    return f"{model.fingerprint()} {history['loss'][-1]!r}"


if __name__ == "__main__":
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    Path(sys.argv[1], f"{comm.rank}.pid").write_text(str(os.getpid()))
    found = train(sys.argv[1], int(sys.argv[2]), comm=comm)
    assert comm.bcast(found) == found
    if comm.rank == 0:
        print(found)
