"""The C program of the page Deploying compiles, and prints what the page says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from c_runs import found

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "deploying.md").read_text(encoding="utf-8")


def test_the_program_prints_the_probabilities(tmp_path, monkeypatch, capsys):
    cc = found("cc")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    before, _, after = PAGE.partition("## 8-bit")[0].partition("It prints what")
    for code in re.findall(r"^```python\n(.*?)^```$", before, re.DOTALL | re.MULTILINE):
        exec(code, names)
    (program,) = re.findall(r"^```\n(#include <stdio.h>.*?)^```$", before, re.DOTALL | re.MULTILINE)
    Path("main.c").write_text(program)
    (command,) = re.findall(r"^cc (.*)$", before, re.MULTILINE)
    subprocess.run([cc, *command.split()], check=True)
    printed = subprocess.run(["./main"], check=True, capture_output=True, text=True).stdout
    (code,) = re.findall(r"^```python\n(.*?)^```$", after[:500], re.DOTALL | re.MULTILINE)
    capsys.readouterr()
    exec(code, names)
    assert capsys.readouterr().out == printed
