"""Check the machine code of the loops over k in the full tiles of the kernels' release objects.

Training spends nearly all its time in these loops: several unrolled steps of k, with and without
prefetching, then single steps. An accumulator spilled to the stack breaks no test but costs much
speed. This script therefore checks the disassembly: the tile must stay in registers, and the number
of other instructions is limited.
"""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Syntax(NamedTuple):
    """The assembly of an architecture, as objdump prints it; patterns match an instruction."""

    objdump: tuple[str, ...]  # the first one found is used
    sum: str
    broadcast: str  # empty: a multiply-add takes a lane of a register as its factor
    stack: str
    vector: str
    mask: str  # a load of the partial vector's mask
    prefetch: str
    jump: str


X86 = Syntax(
    objdump=("objdump", "x86_64-linux-gnu-objdump"),
    sum=r"vfmadd",
    broadcast=r"vbroadcast|.*\{1to",
    stack=r".*\(%r[sb]p\b",
    vector=r".*%[xyz]mm",
    mask=r"vmovdqa .*\(%r[sb]p\),%ymm",
    prefetch=r"prefetch",
    jump=r"j\w+ +([0-9a-f]+) ",
)
AARCH64 = Syntax(
    objdump=("aarch64-linux-gnu-objdump", "objdump"),
    sum=r"fmla ",
    broadcast="",
    stack=r".*\[(sp|x29)\b",
    vector=r"\w+ (\{ ?v|[qdsv]\d)",
    mask=r"(?!)",
    prefetch=r"prfm ",
    jump=r"(?:b|b\.\w+|cbn?z \w+,|tbn?z \w+, #\d+,) ([0-9a-f]+) ",
)


class Tile(NamedTuple):
    """The full tile of an ISA, as in gemm_tile.h."""

    syntax: Syntax
    rows: int
    vectors: int
    register: str
    vector_bytes: int
    scalars: int  # maximum of addresses and counters on the stack
    with_tail: int  # tiles of floats with tail columns: one for each of two kinds of A


TILES = {
    "avx2": Tile(X86, 4, 3, "%ymm", 32, scalars=1, with_tail=0),
    "avx512": Tile(X86, 8, 3, "%zmm", 64, scalars=6, with_tail=2),
    "neon": Tile(AARCH64, 8, 3, "v", 16, scalars=0, with_tail=0),
}
MACHINES = {X86: ("x86_64", "AMD64"), AARCH64: ("aarch64", "arm64")}
STEPS = 4  # Tuning::unroll
# A core shared by two threads decodes about 3 instructions per cycle for each, and runs two FMAs.
INSTRUCTIONS_PER_SUM = {STEPS: 2.0, 1: 2.5}
INSTRUCTIONS_PER_LINE = 3  # for prefetching one line

FUNCTION = re.compile(r"[0-9a-f]+ <(.*)>:")
INSTRUCTION = re.compile(r" *([0-9a-f]+):\t(.*)")
FULL_TILE = (
    r"::MicroKernel<(?P<type>float|double), .*Whole<.*>, .*::(?P<a>\w+), "
    r"{rows}ul, {vectors}ul, \(.*LayoutOfB\)(?P<b>\d)>::run\("
)
PACKED, PARTIAL, WITH_TAIL = "0", "2", "3"
LAYOUTS_OF_B = {PACKED: "packed", "1": "whole", PARTIAL: "partial", WITH_TAIL: "with tail columns"}
TILES_OF_AN_OBJECT = 9  # three kinds of A, three of B


def disassembler(syntax: Syntax) -> str | None:
    """Return the objdump for an architecture. The one without a prefix reads the machine's own."""
    own = platform.machine() in MACHINES[syntax]
    names = [name for name in syntax.objdump if own or name != "objdump"]
    return next((name for name in names if shutil.which(name)), None)


def functions(path: Path, objdump: str) -> Iterator[tuple[str, dict[int, str]]]:
    """Yield names and {address: instruction}."""
    command = [objdump, "--disassemble", "--demangle", "--no-show-raw-insn", path]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for part in listing.split("\n\n"):
        head, *lines = part.strip().splitlines() or [""]
        if function := FUNCTION.fullmatch(head):
            found = filter(None, map(INSTRUCTION.fullmatch, lines))
            yield function[1], {int(line[1], 16): line[2].replace("\t", " ") for line in found}


def count(pattern: str, code: list[str]) -> int:
    """Return how many instructions match."""
    return sum(re.match(pattern, text) is not None for text in code)


def innermost_loops(code: dict[int, str], syntax: Syntax) -> list[list[str]]:
    """Return the code of each innermost backward jump, from its target to the jump."""
    jumps = [(int(jump[1], 16), at) for at, t in code.items() if (jump := re.match(syntax.jump, t))]
    spans = [(first, last) for first, last in jumps if first <= last]
    return [
        [text for at, text in code.items() if span[0] <= at <= span[1]]
        for span in spans
        if not any(span != s and span[0] <= s[0] and s[1] <= span[1] for s in spans)
    ]


def loop_faults(loop: list[str], tile: Tile, layout: str) -> list[str]:
    syntax, partial, tail = tile.syntax, layout == PARTIAL, layout == WITH_TAIL
    sums = count(rf"{syntax.sum}.*{tile.register}", loop)
    asked = count(syntax.prefetch, loop)
    stack = [text for text in loop if re.match(syntax.stack, text)]
    vectors = [text for text in stack if re.match(syntax.vector, text)]
    # AVX2 has no free register for the mask of the partial vector.
    masks = [text for text in vectors if partial and re.match(syntax.mask, text)]
    found = []
    of_a_step = tile.rows * tile.vectors + tail
    steps = STEPS if sums > of_a_step else 1
    if sums != steps * of_a_step:
        found.append(f"{sums} sums on {tile.register}")
    if syntax.broadcast:
        broadcasts = count(syntax.broadcast, loop)
        if broadcasts != steps * (tile.rows + tail):
            found.append(f"{broadcasts} broadcasts instead of {steps * (tile.rows + tail)}")
    if vectors != masks[:1]:
        found.append(f"vectors on the stack: {'; '.join(vectors)}")
    if len(stack) - len(vectors) > tile.scalars:
        found.append(f"{len(stack) - len(vectors)} scalars on the stack")
    if len(loop) > INSTRUCTIONS_PER_SUM[steps] * sums + INSTRUCTIONS_PER_LINE * asked:
        found.append(f"{len(loop)} instructions for {sums} sums")
    return found


def check(path: Path, tile: Tile, objdump: str) -> bool:
    """Print the faults of an object; return whether there are none."""
    wanted = re.compile(FULL_TILE.format(rows=tile.rows, vectors=tile.vectors))
    layouts, good = [], True
    for name, code in functions(path, objdump):
        if (match := wanted.search(name)) is None:
            continue
        layouts.append(match["b"])
        loops = [
            loop for loop in innermost_loops(code, tile.syntax) if count(tile.syntax.sum, loop)
        ]
        found = [fault for loop in loops for fault in loop_faults(loop, tile, match["b"])]
        most = max(count(tile.syntax.prefetch, loop) for loop in loops)
        lines = STEPS * tile.vectors * tile.vector_bytes // 64  # of the rows of B
        packed = match["b"] == PACKED or (match["b"] == WITH_TAIL and match["a"] == "RowsOfA")
        if packed and most < lines:
            found.append(f"loops with {most} prefetches")
        sizes = ", ".join(str(len(loop)) for loop in loops)
        what = f"{match['type']}, {match['a']}, B {LAYOUTS_OF_B[match['b']]}"
        print(f"{path.parts[-3]} {what}: loops of {sizes} instructions: {'; '.join(found) or 'ok'}")
        good = good and not found
    tails = layouts.count(WITH_TAIL)
    expected = TILES_OF_AN_OBJECT, tile.with_tail if "f32" in path.name else 0
    if (len(layouts) - tails, tails) != expected:
        print(f"{path}: {len(layouts) - tails} full tiles and {tails} with tail columns")
        return False
    return good


def main() -> None:
    build = Path(sys.argv[1])
    good = True
    for isa, tile in TILES.items():
        objects = sorted(build.glob(f"**/prelunet_kernels_{isa}.dir/**/table_f[36]*.o"))
        objdump = disassembler(tile.syntax)
        if not objects:
            print(f"{isa}: not built, not checked")
        elif objdump is None:
            sys.exit(f"{isa}: none of {', '.join(tile.syntax.objdump)} found (Debian: binutils)")
        else:
            good = all([check(path, tile, objdump) for path in objects]) and good
    sys.exit(not good)


if __name__ == "__main__":
    main()
