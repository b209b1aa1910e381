"""Check the size, contents and dependencies of wheels.

A wheel for this machine only (linux_*) bundles nothing. A redistributable wheel bundles one OpenMP
runtime. On Linux the name of the runtime contains a hash, so that only this module loads it.
"""

import io
import re
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

LARGEST = 2_500_000  # bytes; the kernels of three ISAs and bfloat16 take most of them
MUST_HOLD = [
    r"prelunet/_core\.[^/]+\.(so|pyd)",
    r"prelunet/_core/__init__\.pyi",
    r"prelunet/py\.typed",
    r"prelunet/bench/__main__\.py",
    r"prelunet/data/digits\.npz",
    r"prelunet/export/c_source/prelude\.h",
    r"prelunet-[^/]+\.dist-info/licenses/LICENSE",
    r"prelunet-[^/]+\.dist-info/licenses/licenses/GPL-3\.0\.txt",
    r"prelunet-[^/]+\.dist-info/licenses/licenses/GCC-exception-3\.1\.txt",
    r"prelunet-[^/]+\.dist-info/licenses/licenses/LLVM\.txt",
]
BUNDLED = r"prelunet\.libs/[^/]+|prelunet/\.dylibs/[^/]+"
MAY_HOLD = re.compile(
    r"prelunet/.+\.(py|pyi|npz|so|pyd)|prelunet/(py\.typed|data/README\.md|export/c_source/\w+\.h)|"
    rf"prelunet-[^/]+\.dist-info/.+|{BUNDLED}"
)
OPENMP = re.compile(r".*/lib(g|i?)omp[^/]*")
HASHED = re.compile(r"libgomp-[0-9a-f]{8,}\.so[.\d]*")
DF_BIND_NOW = 8
RUN_PATH = "$ORIGIN/../prelunet.libs"


def dynamic_tags(data: bytes) -> dict[str, list[str]]:
    """Return the SONAME, NEEDED, RPATH and RUNPATH entries of a shared library."""
    section = ELFFile(io.BytesIO(data)).get_section_by_name(".dynamic")
    assert isinstance(section, DynamicSection)
    tags: dict[str, list[str]] = {"soname": [], "needed": [], "rpath": [], "runpath": []}
    for tag in section.iter_tags():
        name = tag.entry.d_tag.removeprefix("DT_").lower()
        if name in tags:
            tags[name].append(getattr(tag, name))
    return tags


def hardening_faults(wheel: zipfile.ZipFile) -> list[str]:
    """Check that the module has full RELRO and stack canaries."""
    module = next(name for name in wheel.namelist() if re.fullmatch(MUST_HOLD[0], name))
    elf = ELFFile(io.BytesIO(wheel.read(module)))
    dynamic = elf.get_section_by_name(".dynamic")
    symbols = elf.get_section_by_name(".dynsym")
    assert isinstance(dynamic, DynamicSection)
    assert isinstance(symbols, SymbolTableSection)
    flags = {tag.entry.d_tag: tag.entry.d_val for tag in dynamic.iter_tags()}
    needed = {symbol.name for symbol in symbols.iter_symbols()}
    found = {
        "RELRO": any(part.header.p_type == "PT_GNU_RELRO" for part in elf.iter_segments()),
        "BIND_NOW": bool(flags.get("DT_FLAGS", 0) & DF_BIND_NOW) or "DT_BIND_NOW" in flags,
        "stack canaries": "__stack_chk_fail" in needed,
    }
    return [f"{module} has no {protection}" for protection, has in found.items() if not has]


def bundling_faults(wheel: zipfile.ZipFile, platform: str) -> list[str]:
    names = wheel.namelist()
    bundled = [name for name in names if re.fullmatch(BUNDLED, name)]
    if platform.startswith("linux"):
        return [f"{name} is bundled in an unrepaired wheel" for name in bundled]
    runtimes = [name for name in bundled if OPENMP.fullmatch(name)]
    if len(runtimes) != 1:
        return [f"must bundle one OpenMP runtime, bundles {runtimes}"]
    return linking_faults(wheel, runtimes[0]) if "linux" in platform else []


def linking_faults(wheel: zipfile.ZipFile, runtime: str) -> list[str]:
    found = []
    file = Path(runtime).name
    soname = dynamic_tags(wheel.read(runtime))["soname"]
    if not HASHED.fullmatch(file) or soname != [file]:
        found.append(f"{runtime} must have a hash in its name and as its SONAME, got {soname}")
    module = next(name for name in wheel.namelist() if re.fullmatch(MUST_HOLD[0], name))
    tags = dynamic_tags(wheel.read(module))
    wanted = [name for name in tags["needed"] if "omp" in name]
    if wanted != [file]:
        found.append(f"{module} must need {file} only, needs {wanted}")
    if tags["rpath"] + tags["runpath"] != [RUN_PATH]:
        found.append(
            f"{module} must have the run path {RUN_PATH}, got {tags['rpath'], tags['runpath']}"
        )
    return found


def faults(path: Path) -> list[str]:
    found = []
    if path.stat().st_size > LARGEST:
        found.append(f"{path.stat().st_size} bytes, more than {LARGEST}")
    with zipfile.ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if not name.endswith("/")]
        metadata_name = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(wheel.read(metadata_name).decode())
        platform = path.stem.rpartition("-")[2]
        found += bundling_faults(wheel, platform)
        if "linux" in platform:
            found += hardening_faults(wheel)
    for pattern in MUST_HOLD:
        if not any(re.fullmatch(pattern, name) for name in names):
            found.append(f"no file matches {pattern}")
    found += [f"unexpected file {name}" for name in names if not MAY_HOLD.fullmatch(name)]
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    if [re.match(r"[\w-]+", line)[0] for line in required] != ["numpy"]:
        found.append(f"must require only numpy, requires {required}")
    return found


def main() -> None:
    found = []
    for path in map(Path, sys.argv[1:]):
        print(f"{path.name}: {path.stat().st_size} bytes")
        found += [f"{path.name}: {fault}" for fault in faults(path)]
    sys.exit("\n".join(found) or None)


if __name__ == "__main__":
    main()
