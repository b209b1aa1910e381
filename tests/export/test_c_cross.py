"""C headers on other processors, under emulation. The self-test has the outputs of predict."""

from __future__ import annotations

from pathlib import Path

import pytest

from c_models import every_network, export, random_networks
from c_runs import ISA, STRICT, found, outputs, self_test
from network_models import mlp
from tolerances import assert_same_bits

START = Path(__file__).parents[1] / "support" / "cortex_m.c"
FLOATING_POINT = ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")
BOARDS = {"mps2-an385": ("-mcpu=cortex-m3",), "mps2-an386": FLOATING_POINT}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(ISA == "baseline", reason="predict has no fused multiply-add here"),
]


def test_aarch64_has_the_bits_of_predict(rng, tmp_path, dtype):
    for models, rows in (random_networks(20), every_network(rng, dtype)):
        export(tmp_path, models)
        options = {
            "compiler": "aarch64-linux-gnu-gcc",
            "flags": ("-O2", "-static"),
            "before": (found("qemu-aarch64-static"),),
        }
        for name, got in outputs(tmp_path, models, rows, **options).items():
            assert_same_bits(got, models[name].predict(rows[name]), repr(models[name]))
        assert self_test(tmp_path, models, macros="FLUSH", **options) == 0


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize(
    ("macros", "wrong"),
    [
        ("", {"mps2-an385": (1, 2), "mps2-an386": (0, 1)}),
        ("NO_FMA", {}),
        ("SOFT_FMA", {}),
    ],
    ids=["library", "no_fma", "soft_fma"],
)
def test_cortex_m(board, macros, wrong, tmp_path):
    """The library's fma rounds twice on both, and its fmaf where the processor has none."""
    models = {
        "lines": mlp(dtype="float32", activation="leaky_relu"),
        "curves": mlp(dtype="float32", activation="tanh"),
    }
    export(tmp_path, models)
    emulator = (found("qemu-system-arm"), "-M", board, "-nographic", "-monitor", "none")
    options = {
        "compiler": "arm-none-eabi-gcc",
        "language": (*STRICT, "-mthumb", *BOARDS[board], str(START), "-nostartfiles"),
        "flags": ("-O2", "-Wl,--section-start=.vectors=0,-Ttext=0x400,--entry=reset"),
        "before": (*emulator, "-serial", "none", "-semihosting", "-kernel"),
    }
    for name, expected in zip(models, wrong.get(board, (0, 0)), strict=True):
        assert self_test(tmp_path, [name], macros=macros, **options) == expected
