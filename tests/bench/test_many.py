"""``prelunet bench --many``: every way trains the same networks; what is missing is named."""

from __future__ import annotations

import numpy as np
import pytest

from prelunet.bench import many, report
from prelunet.bench.peers import PEERS, UnsupportedError

SMALL = many._case("3 nets 4-6-2", 3, 4, 6)
WAYS = [way for way, (peer, _) in many.WAYS.items() if PEERS[peer].installed()]


def test_networks_differ_and_make_100_steps():
    for case in many.CASES.values():
        assert case.step.steps == 100
        first, last, *_ = case.parameters()
        assert not np.array_equal(first[0], last[0])
        assert len(case.parameters()) == case.models


@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_answer_of_a_loop(way):
    many.check(SMALL, way)


def test_a_wrong_answer_is_noticed(monkeypatch):
    class Wrong(many._Ours):
        def train(self):
            pass

    peer, _ = many.WAYS["fit_many"]
    wrong = many.WAYS | {"fit_many": (peer, lambda case: Wrong(case, many._loop))}
    monkeypatch.setattr(many, "WAYS", wrong)
    with pytest.raises(UnsupportedError, match="wrong answer: a parameter differs by"):
        many.check(SMALL, "fit_many")


def test_the_table_has_times_and_names_what_is_left_out(monkeypatch):
    monkeypatch.setattr(many, "CASES", {"small": SMALL})
    monkeypatch.setattr(many, "_REST", 0.0)
    monkeypatch.setattr(many, "_ROUNDS", 2)
    monkeypatch.setattr(type(PEERS["torch"]), "installed", lambda spec: not spec.needs)
    found = many.measure(1, quiet=True)
    assert len(found["small"]["fit_many"]["seconds"]) == 2
    rows = {row[0]: row[1:] for row in many.rows_of(found)}
    assert rows["torch.func"] == ["-", "-"]
    assert rows["fit_many"][1] == "1.00"
    lines = report._many(found).splitlines()
    assert "  torch.func left out: needs torch" in lines
