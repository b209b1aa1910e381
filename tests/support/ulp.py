"""Check exp, log, tanh, sigmoid and expm1 on every float32 (minutes).

``python tests/support/ulp.py`` prints, for each function, the largest error in units in the last
place and where it occurs, and whether all instruction sets with FMA give the same bits. The
reference is NumPy's float64, right to a few times 2^-53, so to less than 1e-8 of a float32 unit.
Exits with 1 where a promise is broken.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

import prelunet as pn
from tolerances import ELEMENTARY_ULPS, bits_of, ulps_between


def _sine_of_turns(x, quarters):
    """Return sin(2 pi (x + quarters / 4)); the reduction to an eighth of a turn is exact."""
    turns = x - np.rint(x)
    nearest = np.rint(4 * turns)
    angle = 2 * np.arctan2(x.dtype.type(0), x.dtype.type(-1)) * (turns - nearest / 4)
    place = np.where(np.isfinite(nearest), nearest + quarters, 0).astype(int) % 4
    return np.choose(place, [np.sin(angle), np.cos(angle), -np.sin(angle), -np.cos(angle)])


REFERENCES = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "cos_2pi": lambda x: _sine_of_turns(x, 1),
    "sin_2pi": lambda x: _sine_of_turns(x, 0),
    "expm1": lambda x: np.where(x > 0, x, np.expm1(x)),  # as ELU shows it: the identity above 0
}
OPS = {"exp": pn.ops.exp, "log": pn.ops.log, "expm1": pn.ops.elu_forward}
OPS |= {"cos_2pi": pn.ops.cos_2pi, "sin_2pi": pn.ops.sin_2pi}
PATTERNS = 2**32
CHUNK = 2**20  # what the reference's intermediate arrays can take from a cache


def compute(name, x):
    """Return the library's values."""
    return OPS[name](x) if name in OPS else getattr(pn.ops, f"{name}_forward")(x)


def floats(patterns):
    """Return the float32 numbers with these bit patterns."""
    return np.asarray(patterns).astype(np.uint32).view(np.float32)


def errors(name, x):
    """Return the distance of the library's values from the reference, in ULP."""
    with np.errstate(all="ignore"):
        return ulps_between(compute(name, x), REFERENCES[name](x.astype(np.float64)))


def digest(values):
    """Return a digest of the bits; every NaN is the same."""
    return hashlib.sha256(bits_of(values)).digest()


def chunks(name, work, step):
    """Yield work(x) for consecutive chunks x of all bit patterns, every `step`th of them."""
    starts = range(0, PATTERNS, CHUNK * step)

    def run(start):
        return work(floats(np.arange(start, min(start + CHUNK * step, PATTERNS), step)))

    isa = pn.show_config(mode="dicts")["isa"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from tqdm(pool.map(run, starts), f"{name} {isa}", len(starts), leave=False)


def largest_error(name, step):
    """Return the largest error over all bit patterns, and the input where it occurs."""

    def work(x):
        distance = errors(name, x)
        worst = int(np.argmax(distance))
        return float(distance[worst]), x[worst]

    return max(chunks(name, work, step), key=lambda found: found[0])


def digests(step):
    """Return the digest of each function over all bit patterns, on the ISA of this process."""
    together = {}
    for name in REFERENCES:
        parts = chunks(name, lambda x, name=name: digest(compute(name, x)), step)
        together[name] = hashlib.sha256(b"".join(parts)).hexdigest()
    return together


def digests_of(isa, step):
    """Return `digests` of another process, in which the ISA is forced."""
    command = [sys.executable, __file__, "--digests", "--step", str(step)]
    environment = os.environ | {"PRELUNET_ISA": isa}
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)


def main():
    """Run the check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step", type=int, default=1, help="take every STEPth bit pattern")
    parser.add_argument("--digests", action="store_true", help="print this ISA's digests as JSON")
    options = parser.parse_args()
    pn.set_num_threads(1)  # chunks are shared between threads here
    if options.digests:
        print(json.dumps(digests(options.step)))
        return 0

    failed = False
    for name in REFERENCES:
        error, where = largest_error(name, options.step)
        failed |= error > ELEMENTARY_ULPS[np.dtype(np.float32)]
        print(f"{name:8} {error:.6f} ULP at {where!r} ({float(where).hex()})", flush=True)
    isas = [isa for isa in pn.show_config(mode="dicts")["isas_available"] if isa != "baseline"]
    found = {isa: digests_of(isa, options.step) for isa in isas}
    for name in REFERENCES:
        same = len({of_isa[name] for of_isa in found.values()}) == 1
        failed |= not same
        print(f"{name:8} {' = '.join(isas) if same else ' and '.join(isas) + ' DIFFER'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
