"""The house of the sources: imports point down, OpenMP is in one place, files are short.

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
PYTHON_MAP = ROOT / "python" / "README.md"
BENCH = ROOT / "bench"
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
    [
        p
        for p in CPP_FILES
        if p.parent.name in ("simd", "kernels") and not p.stem.endswith("dispatch")
    ],
    ids=relative,
)
def test_kernels_are_plain(path):
    """What is compiled for one ISA must leave nothing behind that another CPU could run."""
    others = {include for include in includes(path) if not (CPP / include).exists()}
    assert others <= PLAIN_HEADERS
    text = code(path)
    assert set(re.findall(r"\bstd::(\w+)", text)) <= PLAIN_NAMES
    assert not re.search(r"\b(?:throw|try|catch|new|malloc|thread_local)\b", text)
    plain_data = path.stem in ("table", "bfloat16_table", "periodic_table", "isa", "window2d")
    if path.suffix == ".h" and not plain_data and not path.stem.endswith("_registry"):
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


def floors():
    """Return the floors of python/README.md, in their order: the top modules on each."""
    rows = re.findall(r"^\| [a-z ]+ \| ((?:`\w+` ?)+)\|", PYTHON_MAP.read_text(), re.MULTILINE)
    return [re.findall(r"`(\w+)`", row) for row in rows]


FLOORS = floors()
FLOOR_OF = {module: number for number, floor in enumerate(FLOORS) for module in floor}


def module_names():
    """Return the file of each module by its full name, those of bench included."""
    found = {}
    for root, prefix in ((PACKAGE, ("prelunet",)), (BENCH, ("prelunet", "bench"))):
        for path in root.rglob("*.py"):
            parts = (*prefix, *path.relative_to(root).with_suffix("").parts)
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = module_names()


def top(module):
    """Return what python/README.md calls a module: the name below prelunet."""
    return module.split(".")[1] if "." in module else "__init__"


def imported_names(node, module, path):
    """Return the full names that an import statement of a module names."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if not isinstance(node, ast.ImportFrom):
        return set()
    base = []
    if node.level:
        package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
        base = package[: len(package) - node.level + 1]
    origin = ".".join([*base, *([node.module] if node.module else [])])
    return {f"{origin}.{alias.name}" for alias in node.names}


def modules_imported(text, module, path):
    """Return the modules of prelunet that a source imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        for name in imported_names(node, module, path):
            known = name if name in MODULES else name.rpartition(".")[0]
            known = "prelunet._core" if name.startswith("prelunet._core") else known
            if known.partition(".")[0] == "prelunet":
                found.add(known)
    return found - {module}


def upward(imports):
    """Return the imports that point to a later floor, given {module: modules}."""
    return {
        f"{module} -> {other}"
        for module, others in imports.items()
        for other in others
        if FLOOR_OF[top(other)] > FLOOR_OF[top(module)]
    }


def circles(imports):
    """Return the modules that lie on a circle of imports."""
    rest = {module: set(others) for module, others in imports.items()}
    while leaves := {module for module, others in rest.items() if not others & rest.keys()}:
        rest = {module: others - leaves for module, others in rest.items() if module not in leaves}
    while roots := rest.keys() - set().union(*rest.values()):  # they lead to circles only
        rest = {module: others for module, others in rest.items() if module not in roots}
    return sorted(rest)


IMPORTS = {name: modules_imported(path.read_text(), name, path) for name, path in MODULES.items()}


def test_every_module_has_a_floor():
    assert len(FLOORS) > 8
    assert len(FLOOR_OF) == sum(map(len, FLOORS))
    assert {top(module) for module in MODULES} | {"_core"} == set(FLOOR_OF)


def test_python_imports_point_down():
    assert len(MODULES) > 150
    assert upward(IMPORTS) == set()


def test_python_imports_form_no_circle():
    assert circles(IMPORTS) == []


@pytest.mark.parametrize(
    "line",
    [
        "from .model import Sequential",
        "if TYPE_CHECKING:\n    from .model import Sequential",
        "def f():\n    from . import model",
        "def f():\n    import prelunet.model",
    ],
)
def test_upward_imports_and_circles_are_found(line):
    """An import of the model by the engine is both, wherever it stands."""
    name = "prelunet.engine"
    text = f"{MODULES[name].read_text()}\n{line}\n"
    imports = IMPORTS | {name: modules_imported(text, name, MODULES[name])}
    assert upward(imports) == {"prelunet.engine -> prelunet.model"}
    assert {"prelunet.engine", "prelunet.model"} <= set(circles(imports))


def test_modules_are_imported_by_name_in_few_places():
    """What `import_module` imports is hidden from the tests above."""
    found = {name for name, path in MODULES.items() if "import_module(" in path.read_text()}
    found = {name for name in found if not name.startswith("prelunet.bench.peers")}
    # The face imports from floors below it, `reproduce` the recipes; the others optional packages.
    assert found == {
        "prelunet",
        "prelunet._extras",
        "prelunet.cli.reproduce",
        "prelunet.recipes.peer_nets",
    }


# Private by name only: a documented method of named tuples, the classes that argparse returns, its
# list of arguments, and Keras's nodes, which have no other name.
THEIRS = {"_replace", "_ActionsContainer", "_ArgumentGroup", "_inbound_nodes"}
THEIRS |= {"_SubParsersAction", "_actions"}


def private_uses(path):
    """Return the underscore names that a module takes from others."""
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    own = {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    own |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= {
        n.attr
        for n in nodes
        if isinstance(n, ast.Attribute)
        and isinstance(n.ctx, ast.Store)
        and isinstance(n.value, ast.Name)
        and n.value.id in ("self", "cls")
    }
    taken = set()
    for node in nodes:
        if isinstance(node, ast.Attribute):
            inside = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            inside = inside or ast.unparse(node.value) == "super()"
            if not inside and node.attr not in own:
                taken.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and (node.level or "prelunet" in (node.module or "")):
            names = {alias.name for alias in node.names}
            taken |= {name for name in names if f"prelunet.{name}" not in MODULES} - {"_core"}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr"):
            target, name = node.args[:2]
            if isinstance(name, ast.Constant) and ast.unparse(target) not in ("self", "cls"):
                taken.add(str(name.value))
    return {name for name in taken if re.match(r"_[^_]", name)} - THEIRS


@pytest.mark.parametrize("path", MODULES.values(), ids=relative)
def test_no_module_uses_underscore_names_of_another(path):
    assert private_uses(path) == set()


LARGEST_ANY = 30


def test_few_values_may_be_anything():
    found = sum(len(re.findall(r": Any\b", path.read_text())) for path in PYTHON_FILES)
    assert found <= LARGEST_ANY


def top_level_imports(path):
    """Return the modules that a file imports when it is imported itself."""
    nodes = ast.parse(path.read_text()).body
    return set().union(*(imported_names(node, "prelunet.a", path) for node in nodes))


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_optional_packages_are_imported_where_they_are_used(path):
    found = {name.partition(".")[0] for name in top_level_imports(path)}
    optional = {"sklearn", "scipy", "matplotlib", "tqdm", "pooch", "mlxtend", "PIL", "pandas"}
    optional |= {"plotly", "tensorboardX", "safetensors", "onnx", "torch", "keras"}
    if "estimators" in path.parts:  # imported when one is used, through its __init__
        optional -= {"sklearn", "scipy"}
    assert not found & optional


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
