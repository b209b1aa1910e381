"""The code of every page runs, page by page in one namespace, and prints what the page shows."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from prelunet import cli

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))
BLOCK = re.compile(r"^```(python|sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# Printed numbers depend on the versions of NumPy and scikit-learn, and on the instruction set.
RELATIVE, ABSOLUTE = 0.05, 0.02


def blocks(text):
    """Return kind, code and line number of each block of code."""
    return [(m[1], m[2], text.count("\n", 0, m.start(2))) for m in BLOCK.finditer(text)]


def assert_similar(printed, shown):
    """Compare words exactly and numbers closely."""
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split(), printed
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True)
    for got, wanted in pairs:
        assert float(got) == pytest.approx(float(wanted), rel=RELATIVE, abs=ABSOLUTE), printed


def run_commands(code):
    """Run the lines that begin with ``prelunet``; the others install or show something."""
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["prelunet"]:
            assert cli.main(words[1:]) == 0, line


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_code_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    printed = ""
    for kind, code, line in blocks(path.read_text(encoding="utf-8")):
        if kind == "text":
            assert_similar(printed, code)
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            if kind == "sh":
                run_commands(code)
            else:
                exec(compile("\n" * line + code, str(path), "exec"), names)
        printed = out.getvalue()


def test_every_block_is_of_a_kind_that_is_tested():
    for path in PAGES:
        opened = re.findall(r"^```(?!\{)(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(opened) <= {"", "python", "sh", "text"}, path


def test_differences_are_found():
    assert_similar("loss 0.501, 12 rows", "loss 0.50, 12 rows")
    with pytest.raises(AssertionError):
        assert_similar("loss 0.6", "loss 0.5")
    with pytest.raises(AssertionError):
        assert_similar("loss 0.5", "cost 0.5")
