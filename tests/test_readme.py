"""README.md keeps its word: its Python runs, and the files that it names are there.

The same holds for the files that docs/how_it_works/guarantees.md names.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cli_runs import read_results
from prelunet import cli, data

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def python_blocks() -> list[str]:
    """Return README's Python, each block on its own lines of the file, for tracebacks that fit."""
    found = re.finditer(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return ["\n" * README.count("\n", 0, block.start(1)) + block[1] for block in found]


def test_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = python_blocks()
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)


def test_named_files_exist() -> None:
    named = set(re.findall(r"`((?:tests|cpp|python|bench)/[^\s`]+)`", README))
    named |= set(re.findall(r"\]\((?!https?:|#)([^)]+)\)", README))
    guarantees = (ROOT / "docs/how_it_works/guarantees.md").read_text(encoding="utf-8")
    tests = set(re.findall(r"`((?:tests|\.ci)/[^\s`]+)`", guarantees))
    assert named
    assert tests
    named |= tests
    assert not {name for name in named if not (ROOT / name).exists()}


def test_mnist_command_reaches_98_percent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds are printed with the accuracy; no test holds a shared machine to them."""
    if not Path(data.where("mnist")).is_dir():
        pytest.skip("MNIST is not on this machine: set PRELUNET_DATA")
    monkeypatch.chdir(tmp_path)
    command = re.search(r"<!-- mnist-command -->\n+```sh\nprelunet (.*)\n```", README)
    assert command
    assert cli.main(shlex.split(command[1])) == 0
    assert read_results("runs/mnist")["test_accuracy"] >= 0.98
