"""The house of the sources: arrows point down, OpenMP is in one place, files are small.

Python says what, the network says in which order, ops say which thread, kernels say which vector.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CPP = ROOT / "cpp"
PACKAGE = ROOT / "python" / "prelunet"
CPP_FILES = sorted([*CPP.rglob("*.h"), *CPP.rglob("*.cpp")])
PYTHON_FILES = sorted(PACKAGE.rglob("*.py"))

# What each floor may include, itself left out.
BELOW = {
    "simd": set(),
    "kernels": {"simd"},
    "runtime": set(),
    "ops": {"kernels", "runtime"},
    "network": {"ops", "kernels", "runtime"},
    "bindings": {"network", "ops", "kernels", "runtime"},
}

# What a kernel may have of the standard library: sizes, bytes, and what the compiler works out.
PLAIN_HEADERS = {"cstddef", "cstdint", "cstring", "utility", "immintrin.h", "arm_neon.h"}
PLAIN_NAMES = {"size_t", "ptrdiff_t", "memcpy", "index_sequence", "make_index_sequence"}
PLAIN_NAMES |= {f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)}

LONGEST = 500  # lines; about 300 are a smell


def relative(path):
    return path.relative_to(ROOT).as_posix()


def includes(path):
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def code(path):
    """Return a C++ file without comments and strings."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


def test_there_are_sources():
    assert {path.relative_to(CPP).parts[0] for path in CPP_FILES} == set(BELOW)
    assert len(PYTHON_FILES) > 40


@pytest.mark.parametrize("path", CPP_FILES, ids=relative)
def test_includes_point_down(path):
    floor = path.relative_to(CPP).parts[0]
    for include in includes(path):
        if (CPP / include).exists():
            other = include.partition("/")[0]
            assert other == floor or other in BELOW[floor], include
        else:
            # Ours are written from cpp/ down, so that this test sees them.
            assert not (path.parent / include).exists(), include
            assert "/" not in include or include.startswith(("pybind11/", "sys/")), include
        if include.startswith("pybind11/"):
            assert floor == "bindings", include


@pytest.mark.parametrize(
    "path",
    [p for p in CPP_FILES if p.parent.name in ("simd", "kernels") and p.stem != "dispatch"],
    ids=relative,
)
def test_kernels_are_plain(path):
    """What is compiled for one ISA must leave nothing behind that another CPU could run."""
    others = {include for include in includes(path) if not (CPP / include).exists()}
    assert others <= PLAIN_HEADERS
    text = code(path)
    assert set(re.findall(r"\bstd::(\w+)", text)) <= PLAIN_NAMES
    assert not re.search(r"\b(?:throw|try|catch|new|malloc|thread_local)\b", text)
    if path.suffix == ".h" and path.stem not in ("table", "activation_registry", "isa", "window2d"):
        assert re.search(r"namespace prelunet::PRELUNET_ISA \{\s*namespace \{", text)


def test_openmp_is_in_one_place():
    uses = re.compile(r"#\s*pragma\s+omp|\bomp_\w+\s*\(|#\s*include\s*<omp\.h>")
    found = {relative(path) for path in CPP_FILES if uses.search(code(path))}
    assert found - {"cpp/runtime/threads.cpp"} == {"cpp/runtime/team.h"}  # one asks how many
    pragmas = {relative(p) for p in CPP_FILES if re.search(r"#\s*pragma\s+omp", code(p))}
    assert pragmas == {"cpp/runtime/team.h"}


@pytest.mark.parametrize("word", ["printf", "cout", "cerr", "abort", "exit", "terminate"])
def test_the_core_never_prints_or_ends_the_process(word):
    assert not [relative(p) for p in CPP_FILES if re.search(rf"\b{word}\b", code(p))]


# ---- Python ------------------------------------------------------------------------------------


def imports(path):
    """Return the modules of the package that a file imports when it is imported itself."""
    package = ("prelunet", *path.relative_to(PACKAGE).parts[:-1])
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


DESCRIPTIONS = ["initializers", "schedules", "losses", "optimizers", "layers"]
MODEL = {f"prelunet.{name}" for name in ("model", "network", "steps", "training", "serialization")}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions_know_no_model(name):
    """They say what is wanted: no arithmetic on weights, hence no engine and no ops."""
    files = sorted((PACKAGE / name).glob("*.py")) or [PACKAGE / f"{name}.py"]
    for path in files:
        found = imports(path)
        assert not found & (MODEL | {"prelunet.ops", "prelunet.callbacks"}), path
        if path.name != "activation.py":  # the registry's rows
            assert not {module for module in found if module.startswith("prelunet._core")}


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_optional_packages_are_imported_where_they_are_used(path):
    top = {module.partition(".")[0] for module in imports(path)}
    optional = {"sklearn", "scipy", "matplotlib", "tqdm", "pooch", "mlxtend", "PIL", "pandas"}
    optional |= {"plotly", "tensorboardX", "safetensors", "onnx", "torch", "keras"}
    if path.parent.name == "estimators":  # imported when one is used, through its __init__
        optional -= {"sklearn", "scipy"}
    assert not top & optional


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_python_prints_only_where_it_is_asked_to(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    prints = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    allowed = path.parent.name in ("cli", "recipes")
    allowed = allowed or path.name in ("runtime.py", "progress_bar.py", "console.py")
    assert allowed or not prints


# ---- sizes -------------------------------------------------------------------------------------

SOURCES = [
    path
    for folder in ("cpp", "python", "tests", "bench", ".ci")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".h", ".cpp", ".py", ".sh", ".txt") and path.is_file()
]


def test_files_are_short():
    lengths = {relative(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert len(lengths) > 150
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
