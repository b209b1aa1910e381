"""``prelunet bench``: what it prints and writes."""

from __future__ import annotations

import json

from prelunet import bench, cli


def test_a_run_prints_tables_and_writes_results(tmp_path, monkeypatch, capsys):
    # A server's last cache of 256 MB would let the copies take seconds.
    monkeypatch.setattr(bench.machine, "last_cache_bytes", lambda: 1 << 20)
    out = tmp_path / "out"
    arguments = [
        *("bench", "--quick", "--only", "W1m,P1,exp", "--against", "numpy,products"),
        *("--threads", "1", "--out", str(out), "--json", str(tmp_path / "a.json")),
    ]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr()
    assert "bench: W1m: rounds" in printed.err
    for part in ("Ceilings of this machine", "Kernels", "Best times of all", "answers agree"):
        assert part in printed.out
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
