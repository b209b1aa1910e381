"""Check the number of AVX2 instructions of a training step against its multiply-adds.

callgrind's counts, unlike times, do not depend on the machine or its load. Runs of 2 and of 12
steps have the same start-up and data, so their difference is the count of ten steps.
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

# Instructions per vector multiply-add. The full tile's loop over k takes 22 instructions for 12:
# 1.85, and 2.1 with edge tiles and narrow panels. Adam's 41 instructions per eight weights add 0.3
# at 64 rows; packing and epilogues, prefetching, and row-wise work add 0.1 each. The total is 2.69
# with GCC 12.
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
    """Return the number of instructions of a Python process that trains a number of steps."""
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
    """Return the vector multiply-adds of a step; the first layer needs no gradient of x."""
    weights = [inputs * outputs for inputs, outputs in pairwise(WIDTHS)]
    return BATCH * (3 * sum(weights) - weights[0]) / LANES


def main() -> None:
    if shutil.which("valgrind") is None:
        print("valgrind not found: instructions not counted")
        return
    with tempfile.TemporaryDirectory() as folder:
        few, many = (instructions(steps, folder) for steps in (FEW, MANY))
    step = (many - few) / (MANY - FEW)
    ratio = step / vector_sums()
    print(f"a step takes {step:,.0f} instructions on AVX2, {ratio:.3f} per vector multiply-add")
    if ratio > MOST:
        sys.exit(f"expected at most {MOST}")


if __name__ == "__main__":
    main()
