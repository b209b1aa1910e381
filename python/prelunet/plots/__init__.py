"""Figures: of a training run, of weights and slopes, of what a classifier decides and confuses.

They follow scikit-learn's displays: a class method computes and draws, ``plot`` draws again, and
attributes that end in an underscore hold Matplotlib's objects. Figures are made without pyplot, so
they open no window and leave no state behind. Matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from prelunet.plots.alpha import AlphaDisplay
from prelunet.plots.confusion import plot_confusion_matrix
from prelunet.plots.decision_boundary import DecisionBoundaryDisplay
from prelunet.plots.history import HistoryDisplay
from prelunet.plots.misclassified import MisclassifiedDisplay
from prelunet.plots.weights import WeightsDisplay

__all__ = [
    "AlphaDisplay",
    "DecisionBoundaryDisplay",
    "HistoryDisplay",
    "MisclassifiedDisplay",
    "WeightsDisplay",
    "plot_confusion_matrix",
]
