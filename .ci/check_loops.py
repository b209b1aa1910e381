"""Check the machine code of the loops over k in the full tiles of the kernels' release objects.

Training spends nearly all its time in these loops: several unrolled steps of k, with and without
prefetching, then single steps. An accumulator spilled to the stack breaks no test but costs much
speed. This script therefore checks the disassembly: the tile must stay in registers, and the number
of other instructions is limited.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Tile(NamedTuple):
    """The full tile of an ISA, as in gemm_tile.h."""

    rows: int
    vectors: int
    register: str
    scalars: int  # maximum of addresses and counters on the stack


TILES = {"avx2": Tile(4, 3, "%ymm", scalars=1), "avx512": Tile(8, 3, "%zmm", scalars=6)}
VECTOR_BYTES = {"%ymm": 32, "%zmm": 64}
STEPS = 4  # Tuning::unroll
# A core shared by two threads decodes about 3 instructions per cycle for each, and runs two FMAs.
INSTRUCTIONS_PER_SUM = {STEPS: 2.0, 1: 2.5}
INSTRUCTIONS_PER_LINE = 3  # for prefetching one line

FUNCTION = re.compile(r"[0-9a-f]+ <(.*)>:")
INSTRUCTION = re.compile(r" *([0-9a-f]+):\t(.*)")
JUMP = re.compile(r"j\w+ +([0-9a-f]+) ")
FULL_TILE = (
    r"::MicroKernel<(?P<type>float|double), .*Whole<.*>, .*::(?P<a>\w+), "
    r"{rows}ul, {vectors}ul, \(.*LayoutOfB\)(?P<b>\d)>::run\("
)
PACKED, PARTIAL, WITH_TAIL = "0", "2", "3"
LAYOUTS_OF_B = {PACKED: "packed", "1": "whole", PARTIAL: "partial", WITH_TAIL: "with tail columns"}
TILES_OF_AN_OBJECT = 9  # three kinds of A, three of B
TILES_WITH_TAIL = {"avx2": 0, "avx512": 2}  # of floats, with two kinds of A


def functions(path: Path) -> Iterator[tuple[str, dict[int, str]]]:
    """Yield names and {address: instruction}."""
    command = ["objdump", "--disassemble", "--demangle", "--no-show-raw-insn", path]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for part in listing.split("\n\n"):
        head, *lines = part.strip().splitlines() or [""]
        if function := FUNCTION.fullmatch(head):
            found = filter(None, map(INSTRUCTION.fullmatch, lines))
            yield function[1], {int(line[1], 16): line[2] for line in found}


def innermost_loops(code: dict[int, str]) -> list[list[str]]:
    """Return the code of each innermost backward jump, from its target to the jump."""
    jumps = [(int(jump[1], 16), at) for at, text in code.items() if (jump := JUMP.match(text))]
    spans = [(first, last) for first, last in jumps if first <= last]
    return [
        [text for at, text in code.items() if span[0] <= at <= span[1]]
        for span in spans
        if not any(span != s and span[0] <= s[0] and s[1] <= span[1] for s in spans)
    ]


def loop_faults(loop: list[str], tile: Tile, layout: str) -> list[str]:
    partial, tail = layout == PARTIAL, layout == WITH_TAIL
    sums = [text for text in loop if text.startswith("vfmadd") and tile.register in text]
    broadcasts = [text for text in loop if text.startswith("vbroadcast") or "{1to" in text]
    asked = sum(text.startswith("prefetch") for text in loop)
    stack = [text for text in loop if re.search(r"\(%r[sb]p\b", text)]
    vectors = [text for text in stack if re.search(r"%[xyz]mm", text)]
    # AVX2 has no free register for the mask of the partial vector.
    masks = [text for text in vectors if partial and re.match(r"vmovdqa .*\(%r[sb]p\),%ymm", text)]
    found = []
    of_a_step = tile.rows * tile.vectors + tail
    steps = STEPS if len(sums) > of_a_step else 1
    if len(sums) != steps * of_a_step:
        found.append(f"{len(sums)} sums on {tile.register}")
    if len(broadcasts) != steps * (tile.rows + tail):
        found.append(f"{len(broadcasts)} broadcasts instead of {steps * (tile.rows + tail)}")
    if vectors != masks[:1]:
        found.append(f"vectors on the stack: {'; '.join(vectors)}")
    if len(stack) - len(vectors) > tile.scalars:
        found.append(f"{len(stack) - len(vectors)} scalars on the stack")
    if len(loop) > INSTRUCTIONS_PER_SUM[steps] * len(sums) + INSTRUCTIONS_PER_LINE * asked:
        found.append(f"{len(loop)} instructions for {len(sums)} sums")
    return found


def check(path: Path, isa: str, tile: Tile) -> bool:
    """Print the faults of an object; return whether there are none."""
    wanted = re.compile(FULL_TILE.format(rows=tile.rows, vectors=tile.vectors))
    layouts, good = [], True
    for name, code in functions(path):
        if (match := wanted.search(name)) is None:
            continue
        layouts.append(match["b"])
        loops = [
            loop
            for loop in innermost_loops(code)
            if any(text.startswith("vfmadd") for text in loop)
        ]
        found = [fault for loop in loops for fault in loop_faults(loop, tile, match["b"])]
        most = max(sum(text.startswith("prefetch") for text in loop) for loop in loops)
        lines = STEPS * tile.vectors * VECTOR_BYTES[tile.register] // 64  # of the rows of B
        packed = match["b"] == PACKED or (match["b"] == WITH_TAIL and match["a"] == "RowsOfA")
        if packed and most < lines:
            found.append(f"loops with {most} prefetches")
        sizes = ", ".join(str(len(loop)) for loop in loops)
        what = f"{match['type']}, {match['a']}, B {LAYOUTS_OF_B[match['b']]}"
        print(f"{path.parts[-3]} {what}: loops of {sizes} instructions: {'; '.join(found) or 'ok'}")
        good = good and not found
    tails = layouts.count(WITH_TAIL)
    expected = TILES_OF_AN_OBJECT, TILES_WITH_TAIL[isa] if "f32" in path.name else 0
    if (len(layouts) - tails, tails) != expected:
        print(f"{path}: {len(layouts) - tails} full tiles and {tails} with tail columns")
        return False
    return good


def main() -> None:
    build = Path(sys.argv[1])
    if shutil.which("objdump") is None:
        sys.exit("objdump not found (Debian: binutils)")
    good = True
    for isa, tile in TILES.items():
        objects = sorted(build.glob(f"**/prelunet_kernels_{isa}.dir/**/table_f[36]*.o"))
        if not objects:
            print(f"{isa}: not built, not checked")
        for path in objects:
            good = check(path, isa, tile) and good
    sys.exit(not good)


if __name__ == "__main__":
    main()
