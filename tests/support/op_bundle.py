"""A fixed set of results of every op, written to an NPZ by a process of its own.

``PRELUNET_ISA=avx2 python op_bundle.py results.npz`` writes what that ISA computes; the first entry
names the ISA that ran. The bits of the inputs depend on NumPy, which computes ``10.0**x`` otherwise
on AArch64: ``--write-inputs inputs.npz`` stores them, and ``--read-inputs`` takes them from there.
"""

from __future__ import annotations

import argparse

import numpy as np

import prelunet as pn
from op_cases import op_cases

SHAPES = [(1, 1, 1), (9, 10, 3), (33, 17, 100), (65, 50, 784), (200, 97, 33)]


def elementary_inputs(dtype):
    """Return numbers of every sign and size, and those on which the functions turn."""
    rng = np.random.default_rng(7)
    exponents = rng.uniform(-320, 308, 20_000)
    with np.errstate(over="ignore", under="ignore"):
        wide = (rng.choice([-1.0, 1.0], exponents.size) * 10.0**exponents).astype(dtype)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    return np.concatenate([special, wide, rng.uniform(-110, 110, 20_000).astype(dtype)])


def bundle(stored=None):
    """Return {name: result} of all calls, and {name: input}; `stored` holds inputs to use."""
    results, inputs = {"isa": np.array(pn.show_config(mode="dicts")["isa"])}, {}

    def given(name, array):
        name = name.replace("/", "-")
        inputs[name] = array if stored is None else stored[name]
        return inputs[name].copy()

    for dtype in (np.float32, np.float64):
        for rows, columns, depth in SHAPES:
            for case in op_cases(rows, columns, dtype, depth=depth):
                size = f"{rows}x{columns}x{depth} {np.dtype(dtype)}"
                arrays = {n: given(f"{case.label} {n} {size}", a) for n, a in case.arrays.items()}
                for i, result in enumerate(case.results(arrays)):
                    results[f"{case.label}[{i}] {size}".replace("/", "-")] = result
        x = given(f"dense {np.dtype(dtype)}", elementary_inputs(dtype))
        for name in ("exp", "log", *(f"{name}_forward" for name in pn.ops.ACTIVATIONS)):
            results[f"{name} dense {np.dtype(dtype)}"] = getattr(pn.ops, name)(x)
        for name in pn.ops.ACTIVATIONS:
            backward = getattr(pn.ops, f"{name}_backward")
            results[f"{name}_backward dense {np.dtype(dtype)}"] = backward(np.ones_like(x), x)
    return results, inputs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results")
    parser.add_argument("--write-inputs", metavar="NPZ")
    parser.add_argument("--read-inputs", metavar="NPZ")
    arguments = parser.parse_args()
    stored = dict(np.load(arguments.read_inputs)) if arguments.read_inputs else None
    results, inputs = bundle(stored)
    np.savez(arguments.results, **results)
    if arguments.write_inputs:
        np.savez(arguments.write_inputs, **inputs)


if __name__ == "__main__":
    main()
