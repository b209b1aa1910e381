"""C headers that we write: what a compiler makes of them has the bits of predict."""

from __future__ import annotations

import itertools
import platform
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import prelunet as pn
from c_models import every_network, export, random_networks
from c_runs import ARITHMETIC, CXX, FMA, ISA, STRICT, compile_file, found, outputs, self_test
from network_models import ACTIVATIONS, activation_layer, dense, mlp
from prelunet import cli
from prelunet.export import c, c_text
from subprocesses import run_code
from tolerances import assert_same_bits

ROOT = Path(__file__).parents[2]
needs_fma = pytest.mark.skipif(ISA == "baseline", reason="predict has no fused multiply-add here")


def assert_bits_of_predict(folder, models, rows, **options):
    for name, got in outputs(folder, models, rows, **options).items():
        assert_same_bits(got, models[name].predict(rows[name]), repr(models[name]))


# ---- bits --------------------------------------------------------------------------------------


def test_every_layer_has_the_bits_of_predict(rng, tmp_path, dtype):
    models, rows = every_network(rng, dtype)
    export(tmp_path, models)
    assert_bits_of_predict(tmp_path, models, rows)


def test_random_networks_have_the_bits_of_predict(tmp_path):
    models, rows = random_networks(12)
    export(tmp_path, models)
    assert_bits_of_predict(tmp_path, models, rows)


BUILDS = [(STRICT, flags) for flags in (("-O0",), ("-O2",), ("-O3", *FMA))]
BUILDS += [(STRICT, ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"))]
BUILDS += [(CXX, ("-O2", *FMA)), (("-std=gnu99",), ("-O2", *FMA))]  # GCC contracts by default


@pytest.mark.slow
@pytest.mark.parametrize(
    ("compiler", "language", "flags"),
    [(compiler, *build) for compiler, build in itertools.product(("gcc", "clang"), BUILDS)],
)
def test_compilers_agree(compiler, language, flags, rng, tmp_path):
    found(compiler)
    options = {"compiler": compiler, "language": language, "flags": flags}
    for models, rows in (
        random_networks(60),
        every_network(rng, np.float32),
        every_network(rng, np.float64),
    ):
        export(tmp_path, models)
        assert_bits_of_predict(tmp_path, models, rows, **options)
        assert self_test(tmp_path, models, macros=ARITHMETIC, **options) == 0


@pytest.mark.parametrize(
    "flags", [("-O2",), ("-O3", "-std=gnu17", "-march=native")], ids=["O2", "O3"]
)
def test_rounding_to_float_is_not_skipped(flags, rng, tmp_path):
    """GCC 12 skips it in straight-line code of a few numbers, where sums in double follow."""
    if platform.machine() != "x86_64":
        flags = flags[:1]
    models, rows = {}, {}
    for size in (1, 2, 3, 4, 5, 8, 16, 17):
        waves = [pn.PeriodicEmbeddings(2, n_frequencies=size, kind="plr")]
        for key, layers in (
            ("rows", [pn.LayerNorm()]),
            ("after", [dense(size, activation="tanh"), pn.LayerNorm(), pn.LayerNorm()]),
            ("waves", [*waves, dense(size)]),
        ):
            model = pn.Sequential(layers, input_shape=(size,), seed=size)
            model.compile("sgd", "softmax_cross_entropy")
            models[f"{key}{size}"] = model
            rows[f"{key}{size}"] = rng.standard_normal((40, size)).astype(np.float32)
    export(tmp_path, models, probabilities=True)
    for name, got in outputs(tmp_path, models, rows, flags=flags).items():
        assert_same_bits(got, models[name].predict_proba(rows[name]), name)


def test_activations_have_the_bits_of_predict_everywhere(tmp_path, dtype):
    """Subnormal numbers, infinities and NaN too."""
    info = np.finfo(dtype)
    special = [0.0, info.smallest_subnormal, info.tiny, info.tiny * 1.5, 1e-20, 1e-7, 1.0]
    special += [info.max, np.inf, np.nan, 1e30, 103.9, 104.1, 88.8, 745.2, 709.9, 0.55, 0.67]
    grid = np.concatenate([special, np.geomspace(1e-6, 1e3, 1200), np.linspace(0, 45, 1800)])
    values = np.concatenate([grid, -grid])
    x = np.resize(values, (-(-len(values) // 16), 16)).astype(dtype)
    models = {
        name.replace("-", "_"): pn.Sequential(
            [activation_layer(name)], input_shape=(16,), dtype=np.dtype(dtype).name, seed=0
        )
        for name in ACTIVATIONS
    }
    export(tmp_path, models)
    rows = dict.fromkeys(models, x)
    assert_bits_of_predict(tmp_path, models, rows, macros=f"FLUSH {ARITHMETIC}")


def test_flushing_ends_with_predict(tmp_path):
    model = mlp(dtype="float32")
    model.to_c(tmp_path / "net.h")
    code = """
    #define NET_FLUSH
    #include "net.h"
    int main(void) {
      volatile float tiny = 1e-30f, x[NET_INPUTS] = {0}, y[NET_OUTPUTS];
      net_predict((const float *)x, (float *)y);
      return tiny * 1e-10f > 0.0f ? 0 : 1;
    }
    """
    run = compile_file(tmp_path, code, language=("-std=c99",))
    assert run.returncode == 0, run.stderr
    assert subprocess.run([tmp_path / "main"], check=False).returncode == 0


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
def test_probabilities_have_the_bits_of_predict_proba(loss, rng, tmp_path, dtype):
    name = np.dtype(dtype).name
    sizes = (1, 2, 3, 16, 17, 33)
    models = {
        f"net{n}": mlp(widths=(4, n), loss=loss, dtype=name, activation="relu") for n in sizes
    }
    rows = {key: 20 * rng.standard_normal((9, 19)).astype(dtype) for key in models}
    export(tmp_path, models, probabilities=True)
    for key, got in outputs(tmp_path, models, rows).items():
        assert_same_bits(got, models[key].predict_proba(rows[key]))


def test_bfloat16_is_computed_in_float(rng, tmp_path):
    layers = [dense(64, activation="silu"), dense(64)]
    mixed = pn.Sequential(layers, input_shape=(70,), dtype="mixed_bfloat16", seed=0)
    plain = pn.Sequential(layers, input_shape=(70,), seed=0)
    export(tmp_path, {"net": mixed})
    assert "multiplies in bfloat16" in (tmp_path / "net.h").read_text()
    x = rng.standard_normal((3, 70)).astype(np.float32)
    got = outputs(tmp_path, {"net": mixed}, {"net": x})["net"]
    assert_same_bits(got, plain.predict(x))
    assert (got != mixed.predict(x)).any()


# ---- fused multiply-adds -----------------------------------------------------------------------


def test_without_fma_the_bits_are_those_of_the_baseline(rng, tmp_path):
    """A compiler that contracts anyway has no effect."""
    if platform.machine() != "x86_64":
        pytest.skip("only x86-64 has a baseline without fused multiply-adds")
    models, rows = random_networks(4)
    export(tmp_path, models)
    options = {"language": ("-std=gnu99",), "flags": ("-O2", "-ffp-contract=fast", *FMA)}
    got = outputs(tmp_path, models, rows, macros="NO_FMA", **options)
    expected = run_code(
        """
        import sys
        import numpy as np
        from c_models import random_networks

        models, rows = random_networks(4)
        found = {name: model.predict(rows[name]) for name, model in models.items()}
        np.savez(sys.argv[1], **found)
        """,
        tmp_path / "baseline.npz",
        environment={"PRELUNET_ISA": "baseline"},
    )
    assert expected == ""
    with np.load(tmp_path / "baseline.npz") as arrays:
        for name, values in got.items():
            assert_same_bits(values, arrays[name], repr(models[name]))


@needs_fma
def test_plain_operations_can_compute_the_fused_ones(tmp_path):
    models, rows = random_networks(3)
    export(tmp_path, models)
    assert_bits_of_predict(tmp_path, models, rows, macros="SOFT_FMA", flags=("-O1",))
    assert self_test(tmp_path, ["r1"], macros="SOFT_FMA", flags=("-O1",)) == 0


TWICE = (
    "#include <math.h>\n#define fmaf(a, b, c) ((float)((double)(a) * (double)(b) + (double)(c)))"
)
ONCE = "#include <math.h>\n#define fma(a, b, c) ((a) * (b) + (c))"


def test_the_self_test_finds_wrong_results(tmp_path):
    model = mlp(dtype="float32", activation="tanh")
    model.to_c(tmp_path / "net.h")
    assert self_test(tmp_path, ["net"], macros=ARITHMETIC) == 0
    text = (tmp_path / "net.h").read_text()
    start = text.index("net_0_weight[")
    (tmp_path / "net.h").write_text(text[:start] + re.sub(r"\d(?=f,)", "5", text[start:], count=9))
    assert self_test(tmp_path, ["net"], macros=ARITHMETIC) > 0


@needs_fma
@pytest.mark.parametrize("wrong", [TWICE, ONCE], ids=["fmaf", "fma"])
def test_the_self_test_finds_what_rounds_twice(wrong, tmp_path):
    mlp(dtype="float32", activation="tanh").to_c(tmp_path / "net.h")
    assert self_test(tmp_path, ["net"], start=f"{wrong}\n") > 0
    assert self_test(tmp_path, ["net"], start=f"{wrong}\n", macros="NO_FMA") == 0


# ---- the file ----------------------------------------------------------------------------------


def test_a_file_says_what_it_is(tmp_path):
    layers = [pn.Conv2D(4, 3, name="*/ ??/ \\ \N{LATIN SMALL LETTER E WITH ACUTE}"), pn.Flatten()]
    model = pn.Sequential([*layers, dense(3)], input_shape=(6, 5, 2), seed=0)
    model.to_c(tmp_path / "two_nets.h", name="Two_nets")
    text = (tmp_path / "two_nets.h").read_text(encoding="ascii")
    assert model.fingerprint() in text
    assert "Conv2D" in text.partition("*/")[0]
    sizes = {"INPUTS": 60, "OUTPUTS": 3, "HEIGHT": 6, "WIDTH": 5, "CHANNELS": 2}
    for key, size in sizes.items():
        assert f"#define TWO_NETS_{key} {size}\n" in text
    assert not re.search(r"\b(net|NET)_", text)
    assert "(204 bytes) in static memory" in text
    names = ["two_nets", "NET_net"]
    for name in names:
        model.to_c(tmp_path / f"{name}.h", name=name)
    assert self_test(tmp_path, names, macros=ARITHMETIC) == 0


def test_the_coefficients_are_those_of_the_kernels():
    number = r"-?\d+\.\d+(?:e[-+]?\d+)?"
    kernels = set(re.findall(number, (ROOT / "cpp" / "kernels" / "math.h").read_text()))
    for part in ("math_float", "math_double"):
        used = {text for text in re.findall(number, c_text.source(part)) if len(text) > 12}
        derived = {repr(sign * value) for value in _CONSTANTS for sign in (1, -1)}
        assert len(used) > 30
        assert used - derived <= kernels


# The constants of math.h that are hexadecimal there.
_CONSTANTS = [float.fromhex(text) for text in ("0x1.71547652b82fep+0", "0x1.62e42fefa39efp-1")]
_CONSTANTS += [float.fromhex(text) for text in ("0x1.62e42feep-1", "0x1.a39ef35793c76p-33")]
_CONSTANTS += [float.fromhex(text) for text in ("0x1.921fb54442d18p+2", "0x1p-54")]


def test_unusual_numbers_keep_their_bits(tmp_path, dtype):
    info = np.finfo(dtype)
    weights = [0.0, -0.0, info.smallest_subnormal, -info.tiny, info.max, np.inf, -np.inf, np.nan]
    weights += [0.1, -1e30, 16777216.0, 1e-5, 123456.789]
    model = pn.Sequential([pn.Scale()], input_shape=(13,), dtype=np.dtype(dtype).name)
    model.set_parameters({"0.weight": np.array(weights, dtype)})
    export(tmp_path, {"net": model})
    got = outputs(tmp_path, {"net": model}, {"net": np.ones((1, 13), dtype)}, macros="")["net"][0]
    assert_same_bits(got, np.array(weights, dtype))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors have no x87")
@pytest.mark.parametrize(
    ("flags", "message"), [(("-mfpmath=387",), "their own precision"), (("-Ofast",), "ffast-math")]
)
def test_arithmetic_of_other_precision_is_refused(flags, message, tmp_path):
    mlp(dtype="float32").to_c(tmp_path / "net.h")
    run = compile_file(tmp_path, '#include "net.h"\nint main(void) { return 0; }\n', flags=flags)
    assert run.returncode != 0
    assert message in run.stderr


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "2nets", "a-b", "int", "class", "_net", "net_", "a__b", "n" * 32, "réseau", "a b"]
)
def test_names_that_c_does_not_take_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match="to_c: name must be a C identifier"):
        mlp().to_c(tmp_path / "net.h", name=name)
    with pytest.raises(TypeError, match="to_c: name must be a C identifier"):
        mlp().to_c(tmp_path / "net.h", name=None)
    assert not list(tmp_path.iterdir())


def test_what_c_cannot_compute_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "net.h"
    function = pn.Lambda(lambda x: x, lambda grad_y, x, y: grad_y)
    inside = pn.Sequential([pn.Residual([function]), dense(2)], input_shape=(3,))
    with pytest.raises(TypeError, match=r"to_c: layer 0\.0 is a Lambda; C cannot call"):
        inside.to_c(path)
    with pytest.raises(ValueError, match=r"to_c: path must end in \.h, got"):
        mlp().to_c(tmp_path / "net.c")
    with pytest.raises(RuntimeError, match="input_shape"):
        pn.Sequential([dense(2)]).to_c(path)
    large = pn.Sequential([dense(2049)], input_shape=(2048,))
    with pytest.raises(ValueError, match="to_c: the model must have at most 4,194,304 parameters"):
        large.to_c(path)
    monkeypatch.setattr(c, "MOST_WORK", 50)
    with pytest.raises(ValueError, match="to_c: layers must have at most 50 outputs in working"):
        mlp().to_c(path)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="to_c: the loss must be a cross-entropy"):
        mlp(loss="huber", metrics=()).to_c(path, probabilities=True)
    monkeypatch.setattr(c_text, "has", lambda name, dtype: name != "net_tanh")
    with pytest.raises(ValueError, match="to_c: layer 1 has the activation 'tanh', which has no C"):
        mlp(activation="tanh").to_c(path)
    assert not list(tmp_path.iterdir())


# ---- the command -------------------------------------------------------------------------------


def test_the_command_writes_what_the_method_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = mlp()
    model.save("m.npz")
    for options, arguments in (
        ({}, []),
        ({"name": "my", "probabilities": True}, ["--name", "my", "--probabilities"]),
    ):
        assert cli.main(["export", "m.npz", "m.h", *arguments]) == 0
        written = (tmp_path / "m.h").read_bytes()
        model.to_c("m.h", **options)
        assert (tmp_path / "m.h").read_bytes() == written
    first, second = capsys.readouterr().out.splitlines()
    assert first == "wrote m.h: float64, x (19) to outputs (5)"
    assert second == "wrote m.h: float64, x (19) to probabilities (5)"
    for arguments, message in (
        (["m.h", "--name", "int"], "to_c: name must be a C identifier"),
        (["m.onnx", "--name", "my"], "export: --name is for files that end in .h, got 'm.onnx'"),
    ):
        assert cli.main(["export", "m.npz", *arguments]) == 2
        assert message in capsys.readouterr().err


def test_the_command_quantizes(rng, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = mlp(input_shape=(4, 5), dtype="float32")
    model.save("m.npz")
    mlp().save("double.npz")
    X = rng.uniform(size=(30, 20)).astype(np.float32)
    np.savez("rows.npz", X=X, y=np.arange(30) % 5)
    np.savez("few.npz", X=X[:, :7], y=np.arange(30) % 5)
    int8 = ["--quantize", "int8", "--calibration", "rows.npz"]
    assert cli.main(["export", "m.npz", "m.h", *int8]) == 0
    written = (tmp_path / "m.h").read_bytes()
    model.to_c("m.h", quantize="int8", calibration=X.reshape(30, 4, 5))
    assert (tmp_path / "m.h").read_bytes() == written
    assert capsys.readouterr().out == "wrote m.h: float32, x (4, 5) to outputs (5)\n"
    together = "export: --quantize int8 and --calibration DATA must be given together"
    for arguments, message in (
        (["m.npz", "no.h", *int8[:2]], together),
        (["m.npz", "no.h", *int8[2:]], together),
        (["m.npz", "no.onnx", *int8[:2]], "export: --quantize is for files that end in .h"),
        (["m.npz", "no.onnx", *int8[2:]], "export: --calibration is for files that end in .h"),
        (["m.npz", "no.h", *int8[:3], "few.npz"], "must have shape (n, 4, 5)"),
        (["m.npz", "no.h", *int8[:3], "nowhere.npz"], "must be a file, a folder or one of"),
        (["double.npz", "no.h", *int8], "needs a float32 model, got 'float64'"),
    ):
        assert cli.main(["export", *arguments]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["export", "m.npz", "no.h", "--quantize", "int4"])
    assert "invalid choice: 'int4'" in capsys.readouterr().err
    assert not list(tmp_path.glob("no.*"))
