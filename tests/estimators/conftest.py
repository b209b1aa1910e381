"""What tests of the estimators need."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items):
    """Let short trainings end before they converge; pytest.warns sees the warning all the same."""
    ignored = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    for item in items:
        if item.path.parent.name == "estimators":
            item.add_marker(ignored)
