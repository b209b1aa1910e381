"""A fit on Dask that is repeated if a worker process dies."""

import joblib
from dask.distributed import Client
from distributed.client import FutureCancelledError
from sklearn.model_selection import GridSearchCV


def fit(search: GridSearchCV, X, y, *, attempts: int = 3) -> GridSearchCV:
    """Fit a search on the cluster of the current client."""
    for attempt in range(attempts):
        try:
            with joblib.parallel_config("dask", scatter=[X, y]):
                return search.fit(X, y)
        except FutureCancelledError:
            if attempt + 1 == attempts:
                raise
            Client.current().wait_for_workers(1)
    raise ValueError(f"attempts must be at least 1, got {attempts}")
