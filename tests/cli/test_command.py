"""``prelunet info``, help, and the command as a process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import prelunet as pn
from prelunet import cli, data
from prelunet.cli import info, results


def test_info(capsys):
    assert cli.main(["info"]) == 0
    text = capsys.readouterr().out
    assert cli.main(["info", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    config = pn.show_config(mode="dicts")
    assert values["isa"] == config["isa"] in values["isas_available"]
    assert values["threads"] == pn.get_num_threads()
    assert values["versions"]["prelunet"] == pn.__version__
    assert set(values["data"]) == set(data.NAMES)
    assert values["packages"]["scikit-learn"] is not None
    for shown in (config["isa"], pn.__version__, np.__version__, *data.NAMES):
        assert shown in text
    assert f"order {config['bfloat16_order']}, on {config['bfloat16_runs_on']}" in text
    assert values["bfloat16_order"] == config["bfloat16_order"]
    assert "bfloat16_ratio" not in values  # results of two runs are compared
    assert f"{pn.__version__} of {values['released']}" in text
    for key in ("installed_in", "processor"):
        assert values[key] in text
    assert Path(values["installed_in"], "cli", "info.py").samefile(info.__file__)


def test_info_shows_the_variables_that_change_results(monkeypatch, capsys):
    for name in [*os.environ]:
        if name.startswith(info.VARIABLES):
            monkeypatch.delenv(name)
    assert cli.main(["info"]) == 0
    assert "PRELUNET_* OMP_* GOMP_* KMP_*  not set" in capsys.readouterr().out
    monkeypatch.setenv("PRELUNET_DATA", "/somewhere")
    monkeypatch.setenv("OMP_DYNAMIC", "true")
    assert cli.main(["info", "--json"]) == 0
    variables = json.loads(capsys.readouterr().out)["variables"]
    assert variables == {"OMP_DYNAMIC": "true", "PRELUNET_DATA": "/somewhere"}
    assert cli.main(["info"]) == 0
    assert "  PRELUNET_DATA  /somewhere" in capsys.readouterr().out


def test_info_names_the_extra_of_a_missing_package(monkeypatch, capsys):
    monkeypatch.setattr(info, "OPTIONAL", {"no-such-package": "plot"})
    assert cli.main(["info"]) == 0
    assert "not installed: pip install 'prelunet[plot]'" in capsys.readouterr().out


def test_optional_packages_are_those_of_the_extras():
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    extras = tomllib.loads(pyproject.read_text())["project"]["optional-dependencies"]
    for distribution, extra in info.OPTIONAL.items():
        assert any(re.match(rf"{distribution}\b", needed) for needed in extras[extra])
    used = {
        re.match(r"[\w-]+", needed)[0]
        for extra, packages in extras.items()
        if extra not in ("all", "bench", "docs", "test")
        for needed in packages
    }
    assert used - {"prelunet"} == set(info.OPTIONAL)


def test_help_and_version(capsys):
    for arguments in (["--help"], ["train", "--help"], ["predict", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert stop.value.code == 0
        text = capsys.readouterr().out
        assert text
        assert "default: None" not in text
        assert "default: False" not in text
    assert text == f"prelunet {pn.__version__}\n"


def test_without_a_command_the_help_is_shown(capsys):
    assert cli.main([]) == cli.EXIT_ERROR
    printed = capsys.readouterr()
    assert printed.out == ""
    names = re.findall(r"^    ([a-z]+)  +\w", printed.err, re.MULTILINE)
    assert names == ["train", "evaluate", "predict", "export", "reproduce", "bench", "info"]


def test_the_examples_of_the_help_are_commands(monkeypatch, tmp_path):
    """All are accepted; those that take seconds run."""
    lines = re.findall(r"^  prelunet (.+)$", cli.EXAMPLES, re.MULTILINE)
    assert len(lines) == 5
    for line in lines[:-1]:
        assert callable(cli.build_parser().parse_args(line.split()).run)
    monkeypatch.chdir(tmp_path)
    for line in lines[:2]:
        extra = ["--epochs", "1"] if line == "train" else []
        assert cli.main([*line.split(), *extra]) == 0


def test_json_has_no_nan():
    assert json.loads(results.to_json({"a": [float("nan"), 1.0, (float("inf"),)]})) == {
        "a": [None, 1.0, [None]]
    }


def interrupted(folder):
    """Train until Ctrl-C is pressed once; return the process and what it wrote to stderr.

    Python drops an exception that a finalizer raises, a KeyboardInterrupt too, so that one press in
    very many does nothing. Such a process is ended, and another one started.
    """
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "prelunet", "train", "--epochs", "1000000", "--out", "none"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in process.stdout:
            if line.startswith("network"):
                break
        process.stderr.readline()  # the first epoch is over: training is under way
        process.send_signal(signal.SIGINT)
        try:
            return process, process.communicate(timeout=30)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    pytest.fail("three processes went on after Ctrl-C")


def test_ctrl_c_ends_with_130_and_one_line(tmp_path):
    process, errors = interrupted(tmp_path)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "prelunet: interrupted"
    assert "Traceback" not in errors


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "prelunet", "info"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=30) == 141
