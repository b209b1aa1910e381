"""`fit_many` and `predict_many`: many models in one call."""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import as_rows, as_samples
from .callbacks.progress_bar import ModelsBar
from .history import History
from .model import Sequential
from .runtime import get_num_threads

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

    Each model is trained by one thread, the longest training first, and so on as many threads as
    `get_num_threads` returns. If fewer models than threads are left, several threads train each.
    Every model ends with the bits of training it alone.

    Parameters
    ----------
    models : sequence of Sequential
        Compiled models, all different objects. Each may have its own layers, loss, optimizer and
        seed.
    X, y : array_like, or list of array_like
        The data of all models, or a list with the data of each.
    rows : list of (array_like of int, or None), optional
        For each model, the numbers of the rows of X, y and `sample_weight` that it trains on, in
        this order and possibly repeated: folds, bootstrap samples. None stands for all rows. The
        rows are copied while the model trains.
    **arguments
        The arguments of `Sequential.fit`. Each is one value for all models, or a list with one
        value for each model. A tuple is one value, for example ``validation_data=(X, y)``.
        `callbacks` must be a list of lists, one for each model. Callbacks run in the thread that
        trains their model. `verbose` is one value: True shows how many models are trained; by
        default, on a terminal only.

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
    _check_callbacks(arguments.get("callbacks"), count)
    shows = _shows_progress(arguments.pop("verbose", "auto"))
    given: dict[str, list[Any]] = {
        name: _per_model(name, value, count) for name, value in arguments.items()
    }
    samples, targets = _per_model("X", X, count), _per_model("y", y, count)
    chosen = [None] * count if rows is None else _listed("rows", rows, count)
    histories: list[History | None] = [None] * count

    def fit(number: int) -> None:
        own = {name: values[number] for name, values in given.items()}
        own_x, own_y = samples[number], targets[number]
        own_rows = chosen[number]
        if own_rows is not None:
            own_x, own_y, own = _at_rows(own_rows, own_x, own_y, own)
        histories[number] = checked[number].fit(own_x, own_y, verbose=0, **own)

    costs = []
    for number in range(count):
        trained_on = samples[number] if chosen[number] is None else chosen[number]
        epochs = given.get("epochs", [1] * count)[number]
        costs.append(_cost(checked[number], trained_on, epochs))
    longest_first = sorted(range(count), key=lambda number: -costs[number])
    bar = ModelsBar(count) if shows else None
    try:
        for number in _finished("fit_many", fit, longest_first):
            if bar is not None:
                bar.add(number)
    finally:
        if bar is not None:
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

    for _ in _finished("predict_many", predict, range(count)):
        pass
    if len({(array.shape, array.dtype) for array in outputs}) == 1:
        return np.stack(outputs)
    return outputs


def _finished(operation: str, work: Callable[[int], None], numbers: Sequence[int]) -> Iterator[int]:
    """Call `work` with each number, on several threads; yield the numbers as the calls end.

    An exception of one call ends the others and is raised with a note.
    """
    threads = min(get_num_threads(), len(numbers))
    if threads == 1:
        for number in numbers:
            try:
                work(number)
            except BaseException as error:
                error.add_note(f"{operation}: model {number}")
                raise
            yield number
        return
    waiting = SimpleQueue[int]()
    for number in numbers:
        waiting.put(number)
    request, stopped = _core.StopRequest(), threading.Event()
    ended: SimpleQueue[tuple[int, BaseException | None]] = SimpleQueue()

    def run() -> None:
        _core.follow(request)
        while not stopped.is_set():
            try:
                number = waiting.get_nowait()
            except Empty:
                return
            try:
                work(number)
            except BaseException as error:
                ended.put((number, error))
            else:
                ended.put((number, None))

    team: list[threading.Thread] = []
    try:
        for _ in range(threads):
            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            team.append(thread)
        for _ in numbers:
            number, problem = ended.get()
            if problem is not None:
                problem.add_note(f"{operation}: model {number}")
                raise problem
            yield number
    finally:
        stopped.set()
        request.set()
        for thread in team:
            thread.join()


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


def _at_rows(
    rows: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike, arguments: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    samples, targets = as_samples("fit_many", "X", X), as_rows("fit_many", "y", y)
    numbers = as_rows("fit_many", "rows", rows)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise TypeError(
            f"fit_many: rows must hold integers of shape (n,), got dtype {numbers.dtype} and shape "
            f"{numbers.shape}"
        )
    count = samples.shape[0]
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < count:
        raise ValueError(
            f"fit_many: rows must be from 0 to {count - 1}, got {numbers.min()} to {numbers.max()}"
        )
    weights = arguments.get("sample_weight")
    if weights is not None:
        arguments["sample_weight"] = as_rows("fit_many", "sample_weight", weights)[numbers]
    return samples[numbers], targets[numbers], arguments


def _cost(model: Sequential, rows: Any, epochs: object) -> float:
    """Return a number that grows with the time of training; only its order matters."""
    if not isinstance(epochs, int):
        return 0.0  # `fit` checks it
    count = rows.shape[0] if hasattr(rows, "shape") else len(rows)
    built = model.input_shape is not None
    size = sum(values.size for values in model.parameters().values()) if built else 0
    return float(max(size, 1)) * count * epochs
