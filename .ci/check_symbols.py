"""Check the symbols of the kernels' release objects.

The linker keeps one copy of a weak symbol for the whole module. If that copy was compiled for
AVX-512, older CPUs crash. Therefore a kernel object may define no weak or unique symbol and may use
only the C library's memory functions: no STL, no OpenMP, no exceptions, no initialization when the
module is loaded. Weak symbols of the baseline are allowed: every processor runs that copy.
"""

import re
import subprocess
import sys
from pathlib import Path

WEAK = set("uVvWw")  # letters of nm: unique, weak objects, weak functions
MAY_NEED = {"_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail", "memcpy", "memmove", "memset"}
STARTS_AT_LOAD = re.compile(r"_GLOBAL__(sub_)?[ID]_")


def faults(path: Path) -> list[str]:
    listing = subprocess.run(["nm", "-P", path], check=True, capture_output=True, text=True).stdout
    found = []
    for line in listing.splitlines():
        name, kind, *_ = line.split()
        if kind in WEAK and "prelunet_kernels_baseline.dir" not in path.parts:
            found.append(f"weak: {name}")
        elif kind == "U" and name not in MAY_NEED:
            found.append(f"needs: {name}")
        elif STARTS_AT_LOAD.match(name):
            found.append(f"runs at load: {name}")
    return found


def demangled(text: str) -> str:
    return subprocess.run(
        ["c++filt"], input=text, check=True, capture_output=True, text=True
    ).stdout


def main() -> None:
    build = Path(sys.argv[1])
    objects = sorted(build.glob("**/prelunet_kernels_*.dir/**/*.o"))
    if not objects:
        sys.exit(f"{build}: no objects of prelunet_kernels_* found")
    bad = False
    for path in objects:
        found = faults(path)
        bad = bad or bool(found)
        print(f"{path.relative_to(build)}: {'ok' if not found else f'{len(found)} faults'}")
        print(demangled("".join(f"  {fault}\n" for fault in found)), end="")
    sys.exit(bad)


if __name__ == "__main__":
    main()
