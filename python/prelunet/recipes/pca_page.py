"""A page with labeled rows as points of their first three principal components."""

from __future__ import annotations

from html import escape
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from prelunet._extras import require
from prelunet.plots import style

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Array = npt.NDArray[Any]

PURPOSE = "the page of principal components"
MOST_POINTS = 2000  # more points hide each other and are slow without a GPU

# Five of Okabe and Ito's colors, dark enough on white. Labels of equal color differ by five; the
# label itself, drawn at each point, distinguishes them.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#AA3377", "#000000")

# Far enough to show the whole axes with their titles.
CAMERA = {"eye": {"x": 1.5, "y": 1.7, "z": 0.8}, "center": {"x": 0, "y": 0, "z": -0.15}}

# No external links, and no button that uploads the figure.
CONFIG = {"displaylogo": False, "showSendToCloud": False}

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ margin: 0; height: 100vh; display: flex; flex-direction: column; font-family: sans-serif; }}
header {{ padding: 12px 20px 0; }}
h1 {{ margin: 0; font-size: 20px; }}
p {{ margin: 6px 0 0; font-size: 14px; }}
main {{ flex: 1; min-height: 0; }}
</style>
</head>
<body>
<header><h1>{title}</h1><p>{remark}</p></header>
<main>{figure}</main>
</body>
</html>
"""


def make_pca_page(x: Array, y: Array, *, title: str, seed: int) -> str:
    """Return a self-contained HTML page, including plotly.js; it requires WebGL.

    The components are computed from all rows of x, and the first 2,000 rows are drawn. y are their
    labels. Needs scikit-learn and plotly.
    """
    objects = require("plotly.graph_objects", extra="plot", purpose=PURPOSE)
    decomposition = require("sklearn.decomposition", extra="plot", purpose=PURPOSE)
    pca = decomposition.PCA(n_components=3, random_state=seed).fit(x)
    shown = slice(MOST_POINTS)
    points, labels = pca.transform(x[shown]).astype(np.float32), y[shown]
    figure = objects.Figure()
    for label in np.unique(labels):
        add_label(figure, objects, points[labels == label], int(label))
    titles = [
        f"component {number} ({share:.1%})"
        for number, share in enumerate(pca.explained_variance_ratio_, start=1)
    ]
    axes = {f"{axis}axis_title_text": text for axis, text in zip("xyz", titles, strict=True)}
    figure.update_layout(
        template="plotly_white",
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        scene={**axes, "camera": CAMERA},
        font={"size": style.TITLE_SIZE, "color": "black"},
        legend={"title_text": "label", "font_size": 16, "x": 0.02, "y": 0.95},
    )
    plot = figure.to_html(
        full_html=False, div_id="components", default_height="100%", config=CONFIG
    )
    remark = (
        f"The first {len(labels):,} of {len(x):,} rows; beside the axes, each component's share of "
        "the variance. Drag to turn, scroll to come nearer, click a label of the legend to hide "
        "it, twice to see it alone."
    )
    return PAGE.format(title=escape(title), remark=remark, figure=plot)


def add_label(figure: Figure, objects: ModuleType, points: Array, label: int) -> None:
    """Draw the label at each of its points."""
    figure.add_trace(
        objects.Scatter3d(
            **dict(zip("xyz", points.T, strict=True)),
            mode="text",
            text=str(label),
            textfont={"color": COLORS[label % len(COLORS)], "size": style.TITLE_SIZE},
            name=str(label),
            hovertemplate="%{text}: (%{x:.1f}, %{y:.1f}, %{z:.1f})<extra></extra>",
        )
    )
