"""Every library that is installed gives the answers that float64 arithmetic gives."""

from __future__ import annotations

import pytest

from prelunet.bench import Options, run
from prelunet.bench.peers import OURS, PEERS


@pytest.fixture(scope="module")
def checked():
    """Return the results of all installed peers, from one run."""
    installed = [name for name, peer in PEERS.items() if name != OURS and peer.installed()]
    cases = ["W3", "W1m", "W6", "P1"]
    found = run(Options(1, against=installed, only=cases, check=True, quiet=True))
    return {case["name"]: case for case in [*found["steps"], *found["predictions"]]}


@pytest.mark.parametrize("name", [name for name in PEERS if name != OURS])
def test_a_peer_agrees(name, checked):
    if not PEERS[name].installed():
        pytest.skip(f"{', '.join(PEERS[name].needs)} not installed")
    assert len(checked) == 4
    for case in checked.values():
        assert not case["failures"]
        assert not case["timings"]
        assert all(share <= 1 for share in case["checked"].values())
        if (case["name"], name) == ("W6", "sklearn"):
            assert case["unsupported"][name] == "MLPClassifier has no convolution"
        else:
            assert name in case["checked"] or name in case["stand_ins"]


def test_an_unknown_peer_and_an_unknown_case_are_refused():
    with pytest.raises(ValueError, match="against must be names among prelunet, numpy"):
        run(Options(1, against=["theano"]))
    with pytest.raises(ValueError, match="only must name cases among W0m"):
        run(Options(1, against=["numpy"], only=["W9"], quiet=True))
