"""A share of the tests: the option `--share` of conftest.py."""

from __future__ import annotations

import argparse

import pytest

from shares import ids_of_share, read_share
from subprocesses import TESTS, run_python

LARGE = [f"a.py::large[{size}-{dtype}]" for size in range(40) for dtype in ("float32", "float64")]
IDS = [*LARGE, "a.py::single", *(f"b.py::small[{name}]" for name in "xyz")]


@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_the_shares_are_all_cases(count):
    shares = [ids_of_share(IDS, number, count) for number in range(1, count + 1)]
    assert set().union(*shares) == set(IDS)
    for share in shares:
        assert "a.py::single" in share
        assert any(test_id.startswith("b.py::small") for test_id in share)
        large = [test_id for test_id in share if test_id in LARGE]
        assert len(LARGE) // count <= len(large) <= -(-len(LARGE) // count)
        for dtype in ("float32", "float64"):
            assert any(dtype in test_id for test_id in large)


def test_a_share_does_not_depend_on_the_order_or_the_process():
    share = ids_of_share(IDS, 2, 4)
    assert ids_of_share(IDS[::-1], 2, 4) == share
    assert {test_id for test_id in share if test_id not in LARGE} == {
        "a.py::single",
        "b.py::small[x]",
    }


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/4/4"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="must be I/N, such as 1/4, got"):
        read_share(text)


def test_the_option_selects_a_share_of_what_other_options_left():
    options = ["-q", "--collect-only", "-p", "no:cacheprovider"]
    arguments = [*options, TESTS / "test_shares.py", "-k", "share and not depend", "--share"]
    listed = run_python("-m", "pytest", *arguments, "1/4")
    found = [line for line in listed.splitlines() if "::" in line]
    every = run_python("-m", "pytest", *arguments, "1/1")
    whole = [line for line in every.splitlines() if "::" in line]
    assert set(found) == ids_of_share(whole, 1, 4)
    assert 0 < len(found) < len(whole)
