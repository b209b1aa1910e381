"""What is shown: tables that fit a screen, figures with ink."""

from __future__ import annotations

import pytest
from matplotlib.image import imread

from prelunet.bench import figures, report, scaling
from prelunet.bench.peers import OURS, PEERS


def timing(seconds, share=0.5):
    """Return a timing as results hold it."""
    return {
        "best_seconds": seconds,
        "median_seconds": 1.1 * seconds,
        "spread": 0.02,
        "calls": 9,
        "share": share,
        "rate": 1e10,
    }


def network(name, seconds):
    """Return a step or prediction that all peers did, each a little slower than the last."""
    timings = {peer: timing(seconds * (i + 1)) for i, peer in enumerate(PEERS)}
    return {
        "name": name,
        "title": "a network",
        "flops": 1e6,
        "target": 0.8,
        "checked": {OURS: 0.1, "numpy": 0.2},
        "unsupported": {},
        "stand_ins": {"sklearn": "ReLU for PReLU", "products": "matrix products alone"},
        "failures": {},
        "meeting_seconds": [4.1e-8, 1.9e-7],
        "timings": {**timings, "prelunet, 1 thread": timing(2 * seconds)},
    }


@pytest.fixture
def results():
    """Return results of a whole run."""
    points = [
        {
            "value": value,
            "flops": 1e6 * value,
            "rows": 1,
            "seconds": {OURS: 1e-5 * value, "numpy": 2e-5 * value},
            "ceiling_flops": 2e11,
        }
        for value in (1, 8, 64)
    ]
    return {
        "machine": {
            "processor": "a CPU",
            "cpus": 2,
            "threads": 2,
            "isa": "avx2",
            "bfloat16_runs_on": "emulation",
            "compiler": "gcc",
            "prelunet": "0.1.0",
            "time": "2026-01-01T00:00:00+00:00",
        },
        "threads": 2,
        "versions": {OURS: {"version": "0.1.0"}, "numpy": {"numpy": "2.4.0"}},
        "ceilings": {
            "flops": {"1": {"float32": 1e11, "float64": 5e10, "bfloat16": 2e12}},
            "copy_bytes": {"1": 2e10},
        },
        "kernels": [
            {
                "name": "exp",
                "flops": 0.0,
                "bytes": 8e5,
                "checked": 0.3,
                "timings": {OURS: timing(1e-5), "numpy": timing(3e-5)},
            }
        ],
        "predictions": [network("P1", 4e-6)],
        "steps": [network("W0m", 2e-3), network("W0s", 0.95)],
        "memory": {OURS: 430_000_000, f"{OURS}, uint8": 240_000_000, "numpy": 1_500_000_000},
        "scaling": {axis: points for axis in ("batch", "width", "depth", "rows", "threads")},
    }


def test_tables_fit_a_screen_and_hold_the_numbers(results):
    text = report.text(results)
    assert max(map(len, text.splitlines())) <= 120
    for part in (
        "2.00 ms",
        "950 ms",
        "4.00 us",
        "430 MB",
        "41-190 ns",
        "bfloat16 by emulation, GFLOP/s",
        "sklearn: ReLU for PReLU in P1, W0m, W0s",
    ):
        assert part in text
    assert "7 answers agree; the largest error is 30% of the rounding bound (exp" in text


def test_what_is_left_out_is_named(results):
    results["steps"][1]["unsupported"] = {OURS: "this prelunet has no such layer"}
    results["steps"][1]["timings"] = {}
    assert "W0s left out: this prelunet has no such layer" in report.text(results)
    results["steps"][0]["failures"] = {"torch": "bench: torch failed"}
    assert "W0m without PyTorch: bench: torch failed" in report.text(results)


def test_answers_alone_have_no_tables_of_times(results):
    for case in [*results["steps"], *results["predictions"], *results["kernels"]]:
        case["timings"] = {}
    text = report.text(results)
    assert "answers agree" in text
    assert "Best times" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.2e-6, "4.20 us"),
        (9.996e-4, "1.00 ms"),
        (0.0123, "12.3 ms"),
        (0.95, "950 ms"),
        (12, "12.0 s"),
    ],
)
def test_times_have_three_digits(value, text):
    assert report.seconds(value) == text


def test_figures_have_ink_and_margins(results, tmp_path):
    for save, name in ((figures.save_times, "times.png"), (figures.save_scaling, "scaling.png")):
        save(results, tmp_path / name)
        pixels = imread(tmp_path / name)[..., :3]
        for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
            assert (edge == 1).all(), name
        assert (pixels.std(axis=-1) > 0).any(), name


def test_thread_counts_double_up_to_all():
    assert [scaling.thread_counts(n) for n in (1, 2, 3, 8)] == [
        [1],
        [1, 2],
        [1, 2, 3],
        [1, 2, 4, 8],
    ]
