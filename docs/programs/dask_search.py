"""A search by scikit-learn whose fits run on the worker processes of Dask."""

import joblib
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

import prelunet as pn

if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    network = pn.MLPClassifier((32,), max_iter=200, early_stopping=True, random_state=0)
    search = GridSearchCV(network, {"learning_rate_init": [0.001, 0.01]}, cv=3)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1) as cluster,
        Client(cluster),
        joblib.parallel_config("dask"),
    ):
        search.fit(X, y)
    print(search.best_params_)
