"""Every instruction set of the machine: each can be forced, is right, and those with FMA agree."""

from __future__ import annotations

import os

import numpy as np
import pytest

import prelunet as pn
from subprocesses import TESTS, run_code, run_python, skip_unless_available
from tolerances import assert_same_bits

ISAS = ["baseline", "avx2", "avx512", "neon"]


def import_error(isa):
    """Return the message of the ImportError that forcing the ISA gives."""
    code = """
        try:
            import prelunet
        except ImportError as error:
            print(error)
        else:
            print("no error")
    """
    return run_code(code, environment={"PRELUNET_ISA": isa})


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Return a function that gives an ISA's results, computed once."""
    if "PRELUNET_ISA" in os.environ:
        pytest.skip("PRELUNET_ISA is set: this run is of that ISA alone")
    folder, computed = tmp_path_factory.mktemp("isa"), {}

    def results(isa):
        skip_unless_available(isa)
        if isa not in computed:
            path = folder / f"{isa}.npz"
            run_python("op_bundle.py", path, environment={"PRELUNET_ISA": isa})
            with np.load(path) as file:
                computed[isa] = dict(file)
        return computed[isa]

    return results


@pytest.mark.parametrize("isa", ISAS)
def test_the_forced_isa_runs(bundles, isa):
    assert bundles(isa)["isa"] == isa


def test_avx2_and_avx512_give_the_same_bits(bundles):
    avx2, avx512 = bundles("avx2"), bundles("avx512")
    assert list(avx2) == list(avx512)
    assert len(avx2) > 1
    for name in avx2:
        if name != "isa":
            assert_same_bits(avx512[name], avx2[name], name)


SHARES = ["1/12", pytest.param("1/1", marks=pytest.mark.slow)]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("share", SHARES)
def test_the_op_tests_pass_on_every_isa(isa, share):
    if "PRELUNET_ISA" in os.environ:
        pytest.skip("PRELUNET_ISA is set: this run is of that ISA alone")
    if isa == pn.show_config(mode="dicts")["isa"]:
        pytest.skip("this run itself is of that ISA")
    skip_unless_available(isa)
    # Bad input is refused before an ISA has any part in it.
    options = ["-q", "-x", "-p", "no:cacheprovider", "-k", "not test_bad", "--share", share]
    run_python("-m", "pytest", *options, TESTS / "ops", environment={"PRELUNET_ISA": isa})


def test_the_isa_of_this_run():
    config = pn.show_config(mode="dicts")
    assert config["isa"] == os.environ.get("PRELUNET_ISA", config["isas_available"][0])


@pytest.mark.parametrize("isa", ISAS)
def test_an_absent_isa_is_an_import_error(isa):
    if isa in pn.show_config(mode="dicts")["isas_available"]:
        pytest.skip("this machine has it")
    assert f"PRELUNET_ISA={isa} is not supported by this machine" in import_error(isa)


@pytest.mark.parametrize("name", ["avx1024", "AVX2", "neon2"])
def test_an_unknown_isa_is_an_import_error(name):
    assert f"PRELUNET_ISA={name} is unknown" in import_error(name)
