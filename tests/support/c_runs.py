"""Compiling C headers of models, and running them on rows."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

import prelunet as pn

STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
CXX = ("-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-pedantic", "-Werror")
ISA = pn.show_config(mode="dicts")["isa"]
# What gives the bits of `predict`: the baseline has no fused multiply-add.
ARITHMETIC = "NO_FMA" if ISA == "baseline" else ""
FMA = ("-mfma",) if ISA in ("avx2", "avx512") else ()
TIMEOUT = 300  # seconds

_RUN = """
static int run_@(long rows) {
  static @_real x[%_INPUTS], y[%_OUTPUTS];
  for (; rows > 0; --rows) {
    if (fread(x, sizeof x, 1, stdin) != 1) return 1;
    @_predict(x, y);
    if (fwrite(y, sizeof y, 1, stdout) != 1) return 1;
  }
  return 0;
}
"""


def found(compiler):
    """Return the path of a program, or skip the test."""
    path = shutil.which(compiler)
    if path is None:
        pytest.skip(f"{compiler} is not installed")
    return path


def compile_file(folder, code, *, compiler="gcc", flags=("-O2", *FMA), language=STRICT):
    """Compile a program that may include headers of a folder; return the finished process."""
    (folder / "main.c").write_text(code)
    command = [found(compiler), *language, *flags, "main.c", "-o", "main", "-lm"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )


def compiled(folder, code, **options):
    """Compile a program without a warning; return its path."""
    run = compile_file(folder, code, **options)
    if "cannot find" in run.stderr and "ubsan" in run.stderr:
        pytest.skip("this compiler's UBSan is not installed (Debian: libclang-rt-14-dev)")
    assert run.returncode == 0, run.stderr
    assert not run.stderr
    return folder / "main"


def self_test(folder, names, *, before=(), macros="", start="", **options):
    """Return the exit code of a program that runs the self-tests of headers."""
    code = start + _headers(names, f"TEST {macros}")
    code += f"int main(void) {{ return {' + '.join(f'{name}_self_test()' for name in names)}; }}\n"
    program = compiled(folder, code, **options)
    return subprocess.run([*before, str(program)], check=False, timeout=TIMEOUT).returncode


def outputs(folder, models, rows, *, before=(), macros=ARITHMETIC, **options):
    """Return what the headers of models compute, by name, compiled as one program.

    Parameters
    ----------
    folder : Path
        Has the headers, ``<name>.h``.
    models, rows : dict
        The models and their rows, by name.
    before : sequence of str
        A command that runs the program.
    macros : str
        Names to define before the headers, without their prefixes.
    **options
        Of `compile_file`.
    """
    code = "#include <stdio.h>\n" + _headers(models, macros)
    code += "".join(_RUN.replace("@", name).replace("%", name.upper()) for name in models)
    calls = " || ".join(f"run_{name}({len(rows[name])})" for name in models)
    code += f"int main(void) {{ return {calls}; }}\n"
    program = compiled(folder, code, **options)
    given = b"".join(np.ascontiguousarray(rows[name]).tobytes() for name in models)
    run = subprocess.run(
        [*before, str(program)], input=given, capture_output=True, check=False, timeout=TIMEOUT
    )
    assert run.returncode == 0, run.stderr.decode()
    assert not run.stderr, run.stderr.decode()
    found, first = {}, 0
    for name, model in models.items():
        shape, dtype = (len(rows[name]), *model.output_shape), rows[name].dtype
        found[name] = np.frombuffer(run.stdout, dtype, int(np.prod(shape)), first).reshape(shape)
        first += found[name].nbytes
    assert first == len(run.stdout)
    return found


def _headers(names, macros):
    defined = [f"#define {name.upper()}_{macro}\n" for name in names for macro in macros.split()]
    return "".join([*defined, *(f'#include "{name}.h"\n' for name in names)])
