"""The accuracy of mixed_bfloat16, paired with that of float32."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn

pytest.importorskip("sklearn")

T_9 = 2.262  # 97.5% quantile of Student's t with 9 degrees of freedom


@pytest.mark.slow
def test_digits_are_recognized_as_well_as_in_float32():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    differences = []
    for seed in range(10):
        options = {"test_size": 0.3, "random_state": seed, "stratify": y}
        X_train, X_test, y_train, y_test = train_test_split(X / 16, y, **options)
        scores = [
            pn.MLPClassifier(
                (256, 256), activation="prelu", dtype=dtype, random_state=seed, max_iter=50
            )
            .fit(X_train, y_train)
            .score(X_test, y_test)
            for dtype in ("float32", "mixed_bfloat16")
        ]
        assert min(scores) > 0.95
        differences.append(scores[1] - scores[0])
    half = T_9 * np.std(differences, ddof=1) / np.sqrt(len(differences))
    assert abs(np.mean(differences)) <= half  # the 95% interval holds 0
