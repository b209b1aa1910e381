"""Check that ``import prelunet`` is fast, starts no thread and imports no optional package.

Run it with the Python that has the package. Each measurement uses a new process in which NumPy is
already imported. Threads are counted on Linux only.
"""

import os
import statistics
import subprocess
import sys

LONGEST = 0.033  # seconds, in addition to `import numpy`; 28 of them on a server of 2023
SHARE = 0.45  # of the time of `import numpy`, on a machine where LONGEST is less; 0.40 is usual
REPEATS = 20
OPTIONAL = ["sklearn", "scipy", "matplotlib", "tqdm", "pooch", "mlxtend", "PIL", "tensorboardX"]
OPTIONAL += ["safetensors", "onnx", "pyarrow", "h5py"]
MEASURE = f"""
import os, sys, time
began = time.perf_counter()
import numpy
numpy_seconds = time.perf_counter() - began

def tasks():
    return len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 0

before = tasks()
began = time.perf_counter()
import prelunet
seconds = time.perf_counter() - began
assert tasks() == before, "import prelunet started a thread"
loaded = sys.modules.keys() & set({OPTIONAL})
assert not loaded, f"import prelunet loaded {{loaded}}"
print(seconds, numpy_seconds)
"""


def measure() -> tuple[float, float]:
    command = [sys.executable, "-c", MEASURE]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    ours, numpys = map(float, found.stdout.split())
    return ours, numpys


def main() -> None:
    measure()  # the first run writes the bytecode
    seconds, numpys = zip(*(measure() for _ in range(REPEATS)), strict=True)
    allowed = max(LONGEST, SHARE * min(numpys))
    # Use the minimum: other load, such as that of the preceding builds, only adds time.
    print(
        f"import prelunet, over numpy: best of {REPEATS} {min(seconds) * 1e3:.1f} ms (median "
        f"{statistics.median(seconds) * 1e3:.1f}, worst {max(seconds) * 1e3:.1f}), "
        f"allowed {allowed * 1e3:.0f} ms; numpy {min(numpys) * 1e3:.0f} ms"
    )
    sys.exit(min(seconds) > allowed)


if __name__ == "__main__":
    main()
