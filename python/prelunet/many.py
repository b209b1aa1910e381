"""`fit_many` and `predict_many`: many models in one call."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from ._arrays import as_rows
from ._fit_job import FitJob
from .callbacks.progress_bar import ModelsBar
from .history import History
from .model import Sequential
from .runtime import get_num_threads
from .workers import call_all

Array = npt.NDArray[Any]


def fit_many(
    models: Sequence[Sequential],
    X: npt.ArrayLike | list[npt.ArrayLike],
    y: npt.ArrayLike | list[npt.ArrayLike],
    *,
    rows: Sequence[npt.ArrayLike | None] | None = None,
    **arguments: Any,
) -> list[History]:
    """Train many models at once, as a loop of `Sequential.fit` would.

    Each model is trained by one thread, and as many models at once as `get_num_threads` returns.
    The longest training comes first, by multiply-adds, rows and epochs. If fewer models than
    threads are left, several threads train each. Every model ends with the bits of training it
    alone.

    Parameters
    ----------
    models : sequence of Sequential
        Compiled models, all different objects. Each may have its own layers, loss, optimizer and
        seed.
    X, y : array_like, or list of array_like
        The data of all models, or a list with the data of each.
    rows : list of (array_like of int, or None), optional
        For each model, the numbers of the rows of X, y and `sample_weight` that it trains on, in
        this order and possibly repeated: folds, bootstrap samples. None stands for all rows. If
        they are at least an eighth of all rows, X is not copied, unless it is a sparse matrix or in
        a file, or the training has `class_weight`, `validation_split`, ``shuffle="blocks"``, a loss
        or a metric that is a Python function. Other rows are copied while the model trains.
    **arguments
        The arguments of `Sequential.fit`, except `comm`. Each is one value for all models, or a
        list with one value for each model. A tuple is one value, for example
        ``validation_data=(X, y)``.
        `callbacks` must be a list of lists, one for each model. Callbacks run in the thread that
        trains their model. `verbose` is one value: True shows how many steps are made and models
        trained; by default, on a terminal only.

    Returns
    -------
    list of History
        The history of each model, in the order of `models`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid. If it is an argument of one model, a note of the exception names
        the model.
    BaseException
        Any exception from training one model, with a note that names the model. All other models
        stop after their current step, and their parameters remain those of that step. Ctrl-C does
        the same.

    Examples
    --------
    >>> import numpy as np
    >>> import prelunet as pn
    >>> X = np.random.default_rng(0).normal(size=(100, 4))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> models = [pn.Sequential([pn.Dense(2)], seed=seed) for seed in range(3)]
    >>> for model in models:
    ...     model.compile()
    >>> histories = pn.fit_many(models, X, y, epochs=[1, 2, 3])
    >>> [len(history.epochs) for history in histories]
    [1, 2, 3]
    """
    checked = _checked_models(models)
    count = len(checked)
    if "comm" in arguments:
        raise TypeError("fit_many: comm must be an argument of Sequential.fit, for one model alone")
    _check_callbacks(arguments.get("callbacks"), count)
    shows = _shows_progress(arguments.pop("verbose", "auto"))
    given: dict[str, list[Any]] = {
        name: _per_model(name, value, count) for name, value in arguments.items()
    }
    samples, targets = _per_model("X", X, count), _per_model("y", y, count)
    chosen = [None] * count if rows is None else _listed("rows", rows, count)
    histories: list[History | None] = [None] * count
    jobs = []
    for number, model in enumerate(checked):
        own = {name: values[number] for name, values in given.items()}
        jobs.append(FitJob(model, samples[number], targets[number], chosen[number], own))

    def fit(number: int) -> None:
        histories[number] = jobs[number].run()

    costs = [job.cost() for job in jobs]
    longest_first = sorted(range(count), key=lambda number: -costs[number])
    if not shows:
        call_all("fit_many", fit, longest_first)
    else:
        steps = [job.steps() for job in jobs]
        bar = ModelsBar(count, sum(steps))

        def show(trained: Sequence[int]) -> None:
            done = [min(job.steps_made(), most) for job, most in zip(jobs, steps, strict=True)]
            for number in trained:  # training may have stopped early
                done[number] = steps[number]
            bar.show(trained, sum(done))

        try:
            call_all("fit_many", fit, longest_first, watch=show)
        finally:
            bar.close()
    return [history for history in histories if history is not None]


def predict_many(
    models: Sequence[Sequential] | Sequential,
    X: npt.ArrayLike | list[npt.ArrayLike],
    *,
    parameters: Array | None = None,
) -> Array | list[Array]:
    """Return the outputs of many models, which several threads compute.

    Parameters
    ----------
    models : sequence of Sequential, or Sequential
        Built models; or one model, with `parameters`.
    X : array_like, or list of array_like
        The rows of all models, or a list with the rows of each.
    parameters : ndarray of shape (models, parameters), optional
        A row for each set of parameters of the one model, as in `Sequential.parameters_vector`. The
        model itself does not change.

    Returns
    -------
    ndarray of shape (models, rows, outputs), or list of ndarray
        The bits of `Sequential.predict`; a list if the outputs of the models have different shapes
        or dtypes.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As in `Sequential.predict`; a note of the exception names the model.
    """
    if isinstance(models, Sequential):
        vectors = _checked_vectors(models, parameters)
        count = len(vectors)
        spare: SimpleQueue[Sequential] = SimpleQueue()
        for _ in range(min(get_num_threads(), count)):
            spare.put(copy.deepcopy(models))
    else:
        if parameters is not None:
            raise TypeError("predict_many: parameters needs one model, got a list of models")
        checked = _model_list("predict_many", models)
        count = len(checked)
    samples = _per_model("X", X, count, operation="predict_many")
    outputs: list[Array] = [np.empty(0)] * count

    def predict(number: int) -> None:
        if not isinstance(models, Sequential):
            outputs[number] = checked[number].predict(samples[number])
            return
        model = spare.get()
        try:
            model.set_parameters_vector(vectors[number])
            outputs[number] = model.predict(samples[number])
        finally:
            spare.put(model)

    call_all("predict_many", predict, range(count))
    if len({(array.shape, array.dtype) for array in outputs}) == 1:
        return np.stack(outputs)
    return outputs


def _model_list(operation: str, models: object) -> list[Sequential]:
    if not isinstance(models, Sequence) or not models:
        raise TypeError(f"{operation}: models must be a list of Sequential, got {models!r}")
    for number, model in enumerate(models):
        if not isinstance(model, Sequential):
            raise TypeError(f"{operation}: models[{number}] must be a Sequential, got {model!r}")
    return list(models)


def _checked_vectors(model: Sequential, parameters: Array | None) -> Array:
    if parameters is None:
        raise TypeError("predict_many: models must be a list, unless parameters is given")
    vectors = as_rows("predict_many", "parameters", parameters)
    size = sum(values.size for values in model.parameters().values())
    if vectors.ndim != 2 or vectors.shape[1] != size or not len(vectors):
        raise ValueError(
            f"predict_many: parameters must have shape (models, {size}) with at least one row, got "
            f"{vectors.shape}"
        )
    return vectors


def _checked_models(models: object) -> list[Sequential]:
    checked = _model_list("fit_many", models)
    first: dict[int, int] = {}
    for number, model in enumerate(checked):
        if first.setdefault(id(model), number) != number:
            raise ValueError(
                f"fit_many: models must differ, got the same model as models[{first[id(model)]}] "
                f"and models[{number}]"
            )
    return checked


def _listed(name: str, values: object, count: int, operation: str = "fit_many") -> list[Any]:
    if not isinstance(values, list):
        raise TypeError(f"{operation}: {name} must be a list with one item a model, got {values!r}")
    if len(values) != count:
        raise ValueError(
            f"{operation}: {name} must have one item for each of {count} models, got {len(values)}"
        )
    return values


def _per_model(name: str, value: object, count: int, operation: str = "fit_many") -> list[Any]:
    if isinstance(value, list):
        return _listed(name, value, count, operation)
    return [value] * count


def _check_callbacks(callbacks: object, count: int) -> None:
    """Check that no callback has two models, whose epochs it would mix."""
    if callbacks is None:
        return
    owner: dict[int, int] = {}
    for number, own in enumerate(_listed("callbacks", callbacks, count)):
        for callback in own or ():
            if owner.setdefault(id(callback), number) != number:
                raise ValueError(
                    f"fit_many: callbacks must differ between models, since a callback keeps the "
                    f"state of one training, got the same {type(callback).__name__} for models "
                    f"{owner[id(callback)]} and {number}"
                )


def _shows_progress(verbose: object) -> bool:
    if verbose == "auto":
        return sys.stderr is not None and sys.stderr.isatty()
    if not isinstance(verbose, (bool, int)):
        raise TypeError(f"fit_many: verbose must be a bool, an int or 'auto', got {verbose!r}")
    return bool(verbose) and sys.stderr is not None
