"""``prelunet bench``: what it prints and writes."""

from __future__ import annotations

import json

from cli_runs import prelunet
from prelunet import cli


def test_a_run_prints_tables_and_writes_results(tmp_path):
    out = tmp_path / "out"
    process = prelunet(
        *("bench", "--quick", "--only", "W1m,P1,exp", "--against", "numpy,products"),
        *("--threads", 1, "--out", out, "--json", tmp_path / "a.json"),
        cwd=tmp_path,
    )
    assert process.returncode == 0, process.stderr
    assert "bench: W1m: rounds" in process.stderr
    for part in ("Ceilings of this machine", "Kernels", "Best times of all", "answers agree"):
        assert part in process.stdout
    assert {path.name for path in out.iterdir()} == {"results.json", "times.png"}
    results = json.loads((out / "results.json").read_text())
    assert results == json.loads((tmp_path / "a.json").read_text())
    (step,) = results["steps"]
    assert set(step["timings"]) == {"prelunet", "numpy", "products"}
    assert 0 < step["timings"]["prelunet"]["share"] < 1
    assert results["machine"]["threads"] == 1
    assert results["versions"]["numpy"]["numpy"]


def test_answers_alone(tmp_path, capsys):
    figure = tmp_path / "times.png"
    code = cli.main(
        [
            *("bench", "--check", "--only", "W1m,exp", "--against", "numpy", "--quiet"),
            *("--figure", str(figure)),
        ]
    )
    printed = capsys.readouterr()
    assert code == 0
    assert printed.err == ""
    assert "answers agree" in printed.out
    assert "Best times" not in printed.out
    assert "Ceilings" not in printed.out  # their measurement takes far longer than small answers
    assert not figure.exists()


def test_an_unknown_peer_is_one_line(capsys):
    assert cli.main(["bench", "--against", "theano"]) == 2
    assert "against must be names among" in capsys.readouterr().err
