"""Hold a training step's instructions on AVX2 against the multiply-adds of its products.

callgrind counts alike on every machine and under every load, as no clock does. Start-up and data
are the same in a run of 2 steps and in one of 12: the difference between them is ten steps.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

WIDTHS = (784, 256, 128, 10)
BATCH = 64
FEW, MANY = 2, 12
LANES = 8  # float32 in a vector of AVX2

# For each vector of multiply-adds. The full tile's loop over k takes 22 instructions for 12 such:
# 1.85, and 2.1 with the ends of tiles and the narrow panels. Adam's 41 for eight weights add 0.3 at
# 64 rows, packing and epilogues 0.1, asking for lines 0.1, what goes by rows 0.1: 2.69 in all with
# GCC 12.
MOST = 2.8

TRAIN = f"""
import sys
import numpy as np
import prelunet as pn

features, *hidden, classes = {WIDTHS}
rng = np.random.default_rng(0)
x = rng.standard_normal(({BATCH * MANY}, features), dtype=np.float32)
y = rng.integers(classes, size={BATCH * MANY})
layers = [layer for units in hidden for layer in (pn.Dense(units), pn.PReLU("channel"))]
model = pn.Sequential([*layers, pn.Dense(classes)], input_shape=(features,), seed=0)
model.compile(pn.Adam(1e-3), "softmax_cross_entropy")
rows = {BATCH} * int(sys.argv[1])
model.fit(x[:rows], y[:rows], epochs=1, batch_size={BATCH})
"""


def instructions(steps: int, folder: str) -> int:
    """Return how many instructions Python takes to train so many steps."""
    out = Path(folder, f"{steps} steps")
    environment = {"PRELUNET_ISA": "avx2", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(
        [
            *("valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"),
            *(sys.executable, "-c", TRAIN, str(steps)),
        ],
        check=True,
        env=os.environ | environment | {"PYTHONHASHSEED": "0"},
    )
    lines = out.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("totals:"))


def vector_sums() -> float:
    """Return the multiply-adds of a step's products, in vectors: the first has no gradient of x."""
    weights = [inputs * outputs for inputs, outputs in pairwise(WIDTHS)]
    return BATCH * (3 * sum(weights) - weights[0]) / LANES


def main() -> None:
    if shutil.which("valgrind") is None:
        print("there is no valgrind: instructions not counted")
        return
    with tempfile.TemporaryDirectory() as folder:
        few, many = (instructions(steps, folder) for steps in (FEW, MANY))
    step = (many - few) / (MANY - FEW)
    ratio = step / vector_sums()
    print(f"a step takes {step:,.0f} instructions on AVX2, {ratio:.3f} a vector of multiply-adds")
    if ratio > MOST:
        sys.exit(f"at most {MOST} were expected")


if __name__ == "__main__":
    main()
