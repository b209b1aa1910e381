"""Export of layers and their parameters to a C99 header without dependencies."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import layers
from .._files import replacing
from . import c_text
from .c_layers import Code, code_of

Array = npt.NDArray[Any]

MOST_PARAMETERS = 2**22
MOST_WORK = 2**24  # numbers of working memory
TEST_ROWS = 3
# Allowed differences of the self-test, relative to the largest output: with integers, and where
# the header has another multiply-add than the expected outputs.
_INTEGER_TOLERANCE = 0.1
_OTHER_TOLERANCE = {"float32": 1e-3, "float64": 1e-9}
# A difference that only subnormal numbers cause is smaller, for networks of usual weights.
_SUBNORMAL = {"float32": 1e-30, "float64": 1e-290}
_MANY_INPUTS = 4096  # one row for the self-test
_FINISHES = {
    "softmax": "net_softmax",
    "sigmoid": "net_sigmoids",
}
_BITS = {
    False: """\
y has the bits that prelunet's predict gives, if fma and fmaf of <math.h> round once (net_self_test
finds out), and if no number on the way is subnormal or NET_FLUSH is defined. prelunet's SSE2
baseline has the bits of NET_NO_FMA.""",
    True: """\
Weights and inputs of products are 8-bit integers, and their sums 32-bit integers.""",
}
_USAGE = """\
    #include "FILE"
    net_real x[NET_INPUTS], y[NET_OUTPUTS];
    net_predict(x, y);

net_real is TYPE. Images are rows of pixels of channels. Link with -lm. No compiler may use
-ffast-math; -O3 -march=native makes the most of vectors.

BITS

Define before the #include, as needed:
    NET_FLUSH        treat subnormal numbers as zero inside net_predict, as predict does (x86-64
                     and AArch64)
    NET_NO_FMA       a product and a sum in place of each fused multiply-add, for processors without
                     it: each of them rounds twice
    NET_SOFT_FMA     compute fused multiply-adds by plain operations: the same bits where the
                     library's rounds twice, but slow
    NET_STATIC_WORK  keep the working memory (MEMORY bytes) in static memory, not on the stack; then
                     two threads must not call net_predict at the same time
    NET_TEST         add net_self_test(), which returns the number of wrong results"""


@dataclass(frozen=True)
class Test:
    """Rows for the self-test, their outputs, and whether these have fused multiply-adds."""

    inputs: Array
    outputs: Array
    fused: bool


def write(
    path: str,
    stack: Sequence[layers.Layer],
    parameters: Mapping[str, Array],
    *,
    name: str,
    input_shape: tuple[int, ...],
    dtype: str,
    description: str,
    probabilities: str | None,
    limits: Mapping[str, float] | None,
    test: Test,
) -> None:
    """Write the forward pass of a network to a C header.

    Parameters
    ----------
    path : str
    stack : sequence of Layer
    parameters : mapping of str to ndarray
    name : str
        The prefix of all names, checked.
    input_shape : tuple of int
    dtype : str
        "float32" or "float64".
    description : str
        Text for the comment at the beginning.
    probabilities : str or None
        The function to apply to the outputs, "softmax" or "sigmoid", if any.
    limits : mapping of str to float or None
        For products in 8-bit integers, the largest magnitude of the input of each layer.
    test : Test

    Raises
    ------
    TypeError, ValueError
        If C cannot compute a layer, or the network is too large.
    """
    count = sum(values.size for values in parameters.values())
    if count > MOST_PARAMETERS:
        raise ValueError(
            f"to_c: the model must have at most {MOST_PARAMETERS:,} parameters, which a compiler "
            f"can read as text, got {count:,}"
        )
    code = code_of(stack, parameters, input_shape=input_shape, dtype=dtype, limits=limits)
    if code.work > MOST_WORK:
        raise ValueError(
            f"to_c: layers must have at most {MOST_WORK:,} outputs in working memory, got "
            f"{code.work:,}"
        )
    body = _layers(code)
    finish = "" if probabilities is None else f"  {_FINISHES[probabilities]}(y, NET_OUTPUTS);\n"
    helpers = "\n".join(f"{block}\n" for block in c_text.needed(body + finish, dtype))
    text = "\n".join(
        [
            "#ifndef NET_INCLUDED",
            "#define NET_INCLUDED\n",
            _sizes(code, input_shape),
            c_text.source("prelude"),
            _types(dtype),
            c_text.source("soft_fma"),
            helpers,
            *(f"{values}\n" for values in code.arrays),
            body,
            c_text.source("predict").replace("  net_finish(y);\n", finish),
            "#ifdef NET_TEST",
            _test(test, dtype, helpers + body, integers=limits is not None),
            "#endif\n",
            "#if defined(__clang__)",
            "#pragma STDC FP_CONTRACT DEFAULT",
            "#elif defined(__GNUC__)",
            "#pragma GCC pop_options",
            "#endif",
            "#endif",
        ]
    )
    usage = _USAGE.replace("TYPE", c_text.TYPES[dtype]).replace("BITS", _BITS[limits is not None])
    memory = code.work * np.dtype(dtype).itemsize + code.integer_inputs + 4 * code.integer_sums
    usage = c_text.renamed(usage, name).replace("MEMORY", f"{memory:,}")
    usage = usage.replace("FILE", os.path.basename(path))
    head = c_text.comment(f"{description}\n\n{usage}")
    with replacing(path) as stream:
        stream.write(f"{head}\n{c_text.renamed(text, name)}\n".encode("ascii"))


def test_inputs(stack: Sequence[layers.Layer], shape: tuple[int, ...], dtype: str) -> Array:
    """Return rows for the self-test: standard normal numbers, and codes where embeddings read."""
    rng = np.random.default_rng(0)
    rows = TEST_ROWS if math.prod(shape) <= _MANY_INPUTS else 1
    found = rng.standard_normal((rows, *shape))
    for column, count in enumerate(_codes(stack, shape[0])):
        if count:
            found[:, column] = rng.integers(count, size=rows)
    return found.astype(dtype)


def _codes(stack: Sequence[layers.Layer], columns: int) -> list[int]:
    """Return the number of codes of each column; 0 where it holds numbers."""
    found = [0] * columns
    first = stack[0] if stack else None
    if isinstance(first, layers.Embedding):
        return [first.input_dim] * columns
    if isinstance(first, layers.Columns):
        for branch in first.inner_layers():
            positions = branch.positions(columns)
            own = _codes(branch.layers, len(positions))
            for place, count in zip(positions, own, strict=True):
                found[place] = min(filter(None, (found[place], count)), default=0)
    return found


def _sizes(code: Code, shape: tuple[int, ...]) -> str:
    sizes = {"INPUTS": math.prod(shape), "OUTPUTS": code.output.size, "WORK": code.work}
    if len(shape) == 3:
        sizes |= dict(zip(("HEIGHT", "WIDTH", "CHANNELS"), shape, strict=True))
    return "".join(f"#define NET_{key} {size}\n" for key, size in sizes.items())


def _types(dtype: str) -> str:
    suffix = "f" if dtype == "float32" else ""
    return (
        f"typedef {c_text.TYPES[dtype]} net_real;\n"
        f"#define NET_ABS(x) fabs{suffix}(x)\n"
        f"#define NET_LIBRARY_FMA(a, b, c) fma{suffix}(a, b, c)\n"
        f"#define NET_SOFT_FMA_REAL(a, b, c) net_soft_fma{suffix}(a, b, c)\n"
    )


def _layers(code: Code) -> str:
    """Return the function that computes the outputs, without probabilities."""
    text = "\n".join(code.statements)
    indices = [letter for letter in "ij" if letter == "j" or f"for ({letter} " in text]
    memory = [
        ("net_real work", code.work),
        ("signed char inputs", code.integer_inputs),
        ("int sums", code.integer_sums),
    ]
    lines = [
        "static NET_NOINLINE void net_layers(const net_real* x, net_real* y) {",
        *(f"  NET_STORAGE {declared}[{size}];" for declared, size in memory if size),
        f"  long {', '.join(indices)};",
        *([text] if text else []),
        f"  for (j = 0; j < NET_OUTPUTS; ++j) y[j] = {code.output.at('j')};",
        "}",
    ]
    if code.zeros:
        lines.insert(0, f"static const net_real net_zeros[{code.zeros}] = {{0}};\n")
    return "\n".join(lines) + "\n"


def _test(test: Test, dtype: str, code: str, *, integers: bool) -> str:
    """Return the function of the self-test with its rows."""
    scale = float(np.nan_to_num(abs(test.outputs), posinf=0.0).max(initial=0.0))
    exact, other = _SUBNORMAL[dtype], scale * _OTHER_TOLERANCE[dtype]
    if integers:
        exact = other = scale * _INTEGER_TOLERANCE
    with_fma, without = (exact, other) if test.fused else (other, exact)
    real, double = "NET_FMA_REAL(" in code, "NET_FMA(" in code
    fmaf, fma = real and dtype == "float32", double or (real and dtype == "float64")
    used = [*["net_fmaf_errors"] * fmaf, *["net_fma_errors"] * fma]
    calls = "".join(f"  wrong += {check}();\n" for check in used)
    checks = f"#ifndef NET_NO_FMA\n{calls}#endif\n" if used else ""
    function = c_text.source("self_test").replace("  net_check_fma();\n", checks)
    blocks = c_text.needed(f"net_contractions {calls}", dtype)
    return "\n".join(
        [
            f"#define NET_TEST_ROWS {len(test.inputs)}",
            "#ifdef NET_NO_FMA",
            f"#define NET_TEST_DEFAULT_TOLERANCE {without:.3g}",
            "#else",
            f"#define NET_TEST_DEFAULT_TOLERANCE {with_fma:.3g}",
            "#endif\n",
            *(f"{block}\n" for block in blocks),
            c_text.array("net_test_inputs", test.inputs) + "\n",
            c_text.array("net_test_outputs", test.outputs) + "\n",
            function.rstrip(),
        ]
    )
