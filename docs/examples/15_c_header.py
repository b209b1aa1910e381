"""
A network in C
==============

``to_c`` writes a network as one C header. This example compiles it, and compares its outputs and
its time with those of ``predict``: the bits are the same.
"""

# %%
# Train a network on the handwritten digits that come with the package.

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import prelunet as pn

digits = pn.data.load("digits")
order = np.random.default_rng(0).permutation(len(digits.x_train))
x, y = digits.x_train[order].astype(np.float32), digits.y_train[order]
model = pn.Sequential(
    [pn.Rescaling(1 / 16), pn.Dense(64), pn.PReLU(), pn.Dense(10)], input_shape=(64,), seed=0
)
model.compile(pn.Adam(3e-3), loss="softmax_cross_entropy", metrics=["accuracy"])
model.fit(x[:1500], y[:1500], epochs=20, batch_size=32)
x_test, y_test = x[1500:], y[1500:]

# %%
# Two headers: the network as it is, and with products of 8-bit integers, whose scales come from
# some training images. Their names begin with different prefixes, so that one program can have
# both.

folder = Path(tempfile.mkdtemp())
model.to_c(folder / "net.h", name="net")
model.to_c(folder / "small.h", name="small", quantize="int8", calibration=x[:200])
print((folder / "net.h").read_text().partition("\n *     #include")[0])

# %%
# The program reads images and writes the outputs of both networks, then the nanoseconds that one
# image took. The self-tests compare some outputs, and look for faults of the compiler's library.

PROGRAM = """
#define NET_FLUSH
#define NET_TEST
#define SMALL_TEST
#include "net.h"
#include "small.h"
#include <stdio.h>
#include <time.h>

#define RUN(name, outputs) \\
  { \\
    const clock_t start = clock(); \\
    int repeat, row; \\
    for (repeat = 0; repeat < REPEATS; ++repeat) { \\
      for (row = 0; row < ROWS; ++row) name##_predict(x[row], y[row]); \\
    } \\
    times[outputs] = 1e9 * (double)(clock() - start) / CLOCKS_PER_SEC / REPEATS / ROWS; \\
    fwrite(y, sizeof y, 1, stdout); \\
  }

#define REPEATS 200
static float x[ROWS][NET_INPUTS], y[ROWS][NET_OUTPUTS];

int main(void) {
  double times[2];
  if (net_self_test() + small_self_test() != 0) return 1;
  if (fread(x, sizeof x, 1, stdin) != 1) return 2;
  RUN(net, 0)
  RUN(small, 1)
  fwrite(times, sizeof times, 1, stdout);
  return 0;
}
"""


def run(compiler):
    """Return the outputs of both networks and their times in nanoseconds."""
    (folder / "main.c").write_text(PROGRAM)
    flags = ["-std=c99", "-O3", "-march=native", f"-DROWS={len(x_test)}"]
    subprocess.run([compiler, *flags, "main.c", "-o", "main", "-lm"], cwd=folder, check=True)
    given = x_test.tobytes()
    written = subprocess.run(["./main"], cwd=folder, input=given, capture_output=True, check=True)
    size = len(x_test) * 10
    outputs = np.frombuffer(written.stdout, np.float32, 2 * size).reshape(2, -1, 10)
    return outputs, np.frombuffer(written.stdout, np.float64, 2, 8 * size)


compiler = shutil.which("cc")
labels, times = [], []
if compiler is not None:
    (outputs, small), nanoseconds = run(compiler)
    print("same bits:", np.array_equal(outputs, model.predict(x_test)))
    for name, z in (("float32", outputs), ("int8", small)):
        print(f"{name:<8} accuracy {(z.argmax(axis=1) == y_test).mean():.4f}")
    labels, times = ["C, float32", "C, int8"], [*nanoseconds / 1000]

# %%
# A call of ``predict`` for one image takes longer: most of the time is Python's.

start = time.perf_counter()
for row in range(len(x_test)):
    model.predict(x_test[row : row + 1])
labels.append("predict")
times.append((time.perf_counter() - start) / len(x_test) * 1e6)

figure, axes = plt.subplots(figsize=(7, 2.4), layout="constrained")
bars = axes.barh(labels[::-1], times[::-1])
axes.bar_label(bars, fmt="%.2f", padding=3)
axes.set(xlabel="microseconds for one image")
axes.margins(x=0.12)
