"""Compare the bits of two bundles of ``op_bundle.py`` or ``network_runs.py``, from two builds.

``python compare_bundles.py expected.npz actual.npz`` names each array that differs. All NaN are
equal. The number of threads in a name is left out, because it does not change any bits.
"""

from __future__ import annotations

import re
import sys

import numpy as np

from tolerances import assert_same_bits


def of_any_threads(name):
    return re.sub(r"^\d+ threads, ", "", name)


def differences(expected, actual):
    """Return a message for each array of `actual` that `expected` does not have so."""
    wanted = {of_any_threads(name): values for name, values in expected.items()}
    missing = wanted.keys() - {of_any_threads(name) for name in actual}
    found = [f"{name}: missing" for name in sorted(missing)]
    for name, values in actual.items():
        try:
            assert_same_bits(values, wanted[of_any_threads(name)], name)
        except (AssertionError, KeyError) as error:
            found.append(str(error))
    return found


def main():
    bundles = []
    for path in sys.argv[1:]:
        with np.load(path) as file:
            bundles.append(dict(file))
    expected, actual = bundles
    isas = [str(bundle.pop("isa")) for bundle in bundles]
    found = differences(expected, actual)
    count = sum(values.size for values in actual.values())
    print(f"{isas[1]} against {isas[0]}: {len(actual)} arrays of {count} numbers, ", end="")
    print(f"{len(found)} differ" if found else "the same bits")
    sys.exit("\n".join(found) or None)


if __name__ == "__main__":
    main()
