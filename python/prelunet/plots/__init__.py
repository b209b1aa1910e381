"""Figures of training runs, weights, slopes, and of a classifier's decisions and errors.

The displays follow scikit-learn's: a class method computes and draws, ``plot`` draws again, and
attributes with a trailing underscore hold Matplotlib objects. Figures do not use pyplot, so they
open no window and leave no global state. Matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from prelunet.plots.alpha import AlphaDisplay
from prelunet.plots.confusion import plot_confusion_matrix, plot_confusion_matrix_of
from prelunet.plots.decision_boundary import DecisionBoundaryDisplay
from prelunet.plots.gradients import GradientDisplay
from prelunet.plots.history import HistoryDisplay
from prelunet.plots.misclassified import MisclassifiedDisplay
from prelunet.plots.weights import WeightsDisplay

__all__ = [
    "AlphaDisplay",
    "DecisionBoundaryDisplay",
    "GradientDisplay",
    "HistoryDisplay",
    "MisclassifiedDisplay",
    "WeightsDisplay",
    "plot_confusion_matrix",
    "plot_confusion_matrix_of",
]
