"""scikit-learn is loaded when an estimator is used, and asked for by name where it is missing."""

from __future__ import annotations

import pytest

import prelunet as pn
from subprocesses import run_code


def test_import_is_lazy():
    printed = run_code(
        """
        import sys
        import prelunet as pn
        assert not {"sklearn", "scipy"} & sys.modules.keys()
        assert {"MLPClassifier", "MLPRegressor", "estimators"} <= set(dir(pn))
        print(pn.MLPClassifier.__module__, pn.MLPRegressor.__module__)
        assert "sklearn" in sys.modules
        """
    )
    assert printed.split() == ["prelunet.estimators.classifier", "prelunet.estimators.regressor"]


def test_missing_scikit_learn_is_named():
    run_code(
        """
        import sys
        sys.modules["sklearn"] = None
        import prelunet as pn
        try:
            pn.MLPClassifier
        except ImportError as error:
            assert "prelunet[sklearn]" in str(error), error
        else:
            raise AssertionError("no error")
        """
    )


def test_old_scikit_learn_is_named():
    run_code(
        """
        import sklearn
        sklearn.__version__ = "1.5.2"
        import prelunet as pn
        try:
            pn.MLPRegressor
        except ImportError as error:
            assert "1.6" in str(error) and "1.5.2" in str(error), error
        else:
            raise AssertionError("no error")
        """
    )


def test_they_are_the_same_class_every_time():
    assert pn.MLPClassifier is pn.estimators.MLPClassifier
    with pytest.raises(AttributeError, match="MLPTransformer"):
        _ = pn.MLPTransformer
