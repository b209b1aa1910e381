"""Train on all processes that mpiexec has started; the result has the bits of one process."""

from mpi4py import MPI

import prelunet as pn

if __name__ == "__main__":
    digits = pn.data.load("digits")
    layers = [pn.Rescaling(1 / 16), pn.Dense(256), pn.PReLU(), pn.Dense(128), pn.PReLU()]
    model = pn.Sequential([*layers, pn.Dense(10)], seed=0)
    model.compile(pn.Adam(0.003), metrics=["accuracy"])
    model.fit(
        digits.x_train,
        digits.y_train,
        epochs=5,
        batch_size=512,
        callbacks=[pn.Checkpoint("digits.ckpt")],
        comm=MPI.COMM_WORLD,
    )
    if MPI.COMM_WORLD.rank == 0:
        print(model.fingerprint())
