"""Every library that is installed gives the answers that float64 arithmetic gives."""

from __future__ import annotations

import pytest

from prelunet.bench import Options, run
from prelunet.bench.peers import OURS, PEERS


@pytest.mark.parametrize("name", [name for name in PEERS if name != OURS])
def test_a_peer_agrees(name):
    if not PEERS[name].installed():
        pytest.skip(f"{', '.join(PEERS[name].needs)} not installed")
    found = run(Options(1, against=[name], only=["W3", "W1m", "P1"], check=True, quiet=True))
    for case in [*found["steps"], *found["predictions"]]:
        assert not case["failures"]
        assert not case["timings"]
        assert all(share <= 1 for share in case["checked"].values())
        assert name in case["checked"] or name in case["stand_ins"]


@pytest.mark.parametrize("name", [name for name in PEERS if name != OURS])
def test_a_peer_agrees_on_images_or_says_why_not(name):
    if not PEERS[name].installed():
        pytest.skip(f"{', '.join(PEERS[name].needs)} not installed")
    found = run(Options(1, against=[name], only=["W6"], check=True, quiet=True))
    (case,) = found["steps"]
    assert not case["failures"]
    assert all(share <= 1 for share in case["checked"].values())
    if name == "sklearn":
        assert case["unsupported"] == {name: "MLPClassifier has no convolution"}
    else:
        assert name in case["checked"] or name in case["stand_ins"]


def test_an_unknown_peer_and_an_unknown_case_are_refused():
    with pytest.raises(ValueError, match="against must be names among prelunet, numpy"):
        run(Options(1, against=["theano"]))
    with pytest.raises(ValueError, match="only must name cases among W0m"):
        run(Options(1, against=["numpy"], only=["W9"], quiet=True))
