"""Check that ``import prelunet`` is fast, starts no thread and imports no optional package.

Run it with the Python that has the package. Each measurement uses a new process in which NumPy is
already imported. Processors and their load differ, so the limit is a share of the time of importing
modules of Python's own library, measured in the same minute: like those of prelunet, they are read
from bytecode and executed. Threads are counted on Linux only.
"""

import os
import statistics
import subprocess
import sys

SHARE = 0.50  # of the time of REFERENCE; usual are 0.30 to 0.40, which is 26 ms on a server of 2023
REFERENCE = "asyncio, concurrent.futures.process, doctest, ftplib, http.server, imaplib"
REFERENCE += ", logging.config, optparse, pdb, smtplib, tarfile, unittest, xml.dom.minidom"
REFERENCE += ", xmlrpc.client, zipfile"
REPEATS = 20
OPTIONAL = ["sklearn", "scipy", "matplotlib", "tqdm", "pooch", "mlxtend", "PIL", "tensorboardX"]
OPTIONAL += ["safetensors", "onnx", "pyarrow", "h5py", "mpi4py"]
MEASURE = f"""
import os, sys, time
import numpy

def tasks():
    return len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 0

before = tasks()
began = time.perf_counter()
import {{modules}}
seconds = time.perf_counter() - began
assert tasks() == before, "import {{modules}} started a thread"
loaded = sys.modules.keys() & set({OPTIONAL})
assert not loaded, f"import {{modules}} loaded {{{{loaded}}}}"
print(seconds)
"""


def measure(modules: str) -> float:
    command = [sys.executable, "-c", MEASURE.format(modules=modules)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(found.stdout)


def main() -> None:
    ours, reference = [], []
    for repeat in range(REPEATS + 1):
        both = measure("prelunet"), measure(REFERENCE)
        if repeat > 0:  # the first run writes the bytecode
            ours.append(both[0])
            reference.append(both[1])
    # Use the minimum: other load, such as that of the preceding builds, only adds time.
    share = min(ours) / min(reference)
    print(
        f"import prelunet, over numpy: best of {REPEATS} {min(ours) * 1e3:.1f} ms (median "
        f"{statistics.median(ours) * 1e3:.1f}, worst {max(ours) * 1e3:.1f}), {share:.2f} of the "
        f"{min(reference) * 1e3:.1f} ms of Python's modules, allowed {SHARE:.2f}"
    )
    sys.exit(share > SHARE)


if __name__ == "__main__":
    main()
