"""``prelunet --completion``: what shells complete."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from prelunet import cli
from prelunet.cli import completion

# Completes the last of the words as bash does when Tab is pressed.
PRESS_TAB = """
source completion.bash
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_shtab_prelunet
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script_for(shell, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--completion", shell])
    assert stop.value.code == 0
    return capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tra"], ["train"]),
        (["train", "--pre"], ["--preset", "--prelu"]),
        (["train", "--prelu", ""], ["shared", "channel"]),
        (["evaluate", "weights"], ["weights.npz"]),
        (["predict", "--out", "we"], ["weights.npz"]),
    ],
)
def test_bash_completes(words, expected, tmp_path, capsys):
    pytest.importorskip("shtab")
    (tmp_path / "completion.bash").write_text(script_for("bash", capsys))
    (tmp_path / "weights.npz").touch()
    run = subprocess.run(
        ["bash", "-c", PRESS_TAB, "bash", "prelunet", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(run.stdout.split()) == sorted(expected), run.stderr


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_every_shell_has_a_script(shell, capsys):
    pytest.importorskip("shtab")
    text = script_for(shell, capsys)
    for name in ("reproduce", "weight-decay"):
        assert name in text


def test_a_missing_shtab_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert cli.main(["--completion", "bash"]) == cli.EXIT_ERROR
    assert "pip install shtab" in capsys.readouterr().err
