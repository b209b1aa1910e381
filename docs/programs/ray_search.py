"""A search by scikit-learn whose fits run on the worker processes of Ray."""

import joblib
import ray
from ray.util.joblib import register_ray
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

import prelunet as pn

if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    network = pn.MLPClassifier((32,), max_iter=200, early_stopping=True, random_state=0)
    search = GridSearchCV(network, {"learning_rate_init": [0.001, 0.01]}, cv=3)
    ray.init(num_cpus=2, include_dashboard=False)
    register_ray()
    with joblib.parallel_config("ray"):
        search.fit(X, y)
    print(search.best_params_)
    ray.shutdown()
