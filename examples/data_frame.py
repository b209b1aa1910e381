"""Classify the rows of a data frame with categories and missing values, in six lines.

Run ``python examples/data_frame.py``; it needs pandas and scikit-learn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

import prelunet as pn


def applications(count: int = 2000) -> tuple[pd.DataFrame, pd.Series]:
    """Return invented applications for a loan, and whether they were granted."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "job": pd.Categorical(rng.choice(["clerk", "baker", "nurse", "pilot"], count)),
            "income": rng.lognormal(8.0, 0.5, count).round(),
            "owner": rng.random(count) < 0.4,
            "since": pd.Timestamp("2015-01-01")
            + pd.to_timedelta(rng.integers(0, 3000, count), "D"),
        }
    )
    points = np.log(frame["income"]) - 8.0 + 0.8 * frame["owner"] + (frame["job"] == "pilot")
    granted = points + 0.2 * rng.normal(size=count) > 0.5
    for name in ("job", "income", "since"):
        frame.loc[rng.random(count) < 0.1, name] = None
    return frame, granted.map({True: "granted", False: "refused"})


def main() -> None:
    """Train on three quarters of the rows; print the accuracy on the others."""
    frame, answers = applications()
    train, test, y_train, y_test = train_test_split(frame, answers, random_state=0)
    model = pn.TabularClassifier(epochs=64, random_state=0).fit(train, y_train)
    print(f"accuracy {model.score(test, y_test):.3f}, best epoch {model.best_epoch_}")
    print(model.predict(test.head(3)), model.predict_proba(test.head(3)).round(2).tolist())


if __name__ == "__main__":
    main()
