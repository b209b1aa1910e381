"""The page of principal components: what is in it, and that a browser draws it alone."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

import tolerances
from browser import open_page
from prelunet.recipes.pca_page import MOST_POINTS, make_pca_page

ROWS, FEATURES, LABELS = MOST_POINTS + 100, 12, 10


@pytest.fixture
def labelled(rng):
    """Return rows whose variance differs from feature to feature, and their labels."""
    return rng.normal(size=(ROWS, FEATURES)) * np.arange(1, FEATURES + 1), np.arange(ROWS) % LABELS


def traces(page):
    """Return what plotly.js is asked to draw."""
    call = page.rindex("Plotly.newPlot(")
    return json.JSONDecoder().raw_decode(page, page.index("[{", call))[0]


def coordinates(trace):
    axes = [base64.b64decode(trace[axis]["bdata"]) for axis in "xyz"]
    return np.stack([np.frombuffer(axis, dtype="<f4") for axis in axes], axis=1)


def test_points_are_the_first_components_of_their_label(labelled):
    x, y = labelled
    drawn = traces(make_pca_page(x, y, title="Rows", seed=0))
    centred = x - x.mean(axis=0)
    expected = centred @ np.linalg.svd(centred, full_matrices=False)[2][:3].T
    assert [trace["name"] for trace in drawn] == [str(label) for label in range(LABELS)]
    for label, trace in enumerate(drawn):
        assert trace["text"] == str(label)
        # A component has no sign: scikit-learn chooses one.
        points, wanted = coordinates(trace), expected[:MOST_POINTS][y[:MOST_POINTS] == label]
        tolerances.assert_close_to_scale(
            points * np.sign(points[0]),
            wanted * np.sign(wanted[0]),
            tolerances.sum_tolerance(FEATURES, np.float32),
        )


def test_the_page_says_what_it_shows_and_needs_no_other(labelled):
    x, y = labelled
    page = make_pca_page(x, y, title="Rows < 3,000", seed=0)
    assert page.count("<h1>Rows &lt; 3,000</h1>") == 1
    assert f"The first {MOST_POINTS:,} of {ROWS:,} rows;" in page
    variances = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    share = variances[0] / variances.sum()
    assert f"component 1 ({share:.1%})" in page
    assert not re.search(r"<(script|img|iframe)[^>]*\ssrc=|<link\b|@import", page)
    assert len(page) < 6e6  # plotly.js is most of it


@pytest.mark.slow
def test_a_browser_draws_it(labelled, tmp_path):
    page = tmp_path / "components.html"
    page.write_text(make_pca_page(*labelled, title="Rows", seed=0), encoding="utf-8")
    elements, _ = open_page(page, tmp_path / "profile")
    shown = re.sub(r"<script.*?</script>", "", elements, flags=re.DOTALL)
    assert shown.count('class="legendtext"') == LABELS
    assert "<canvas" in shown
    assert "WebGL is not supported" not in shown
    assert "Download plot" in shown
    assert "Share chart" not in shown  # a button that would upload it
