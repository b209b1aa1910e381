"""Calls of one model in random order, many of them with hostile arguments."""

from __future__ import annotations

import copy
import io
import pickle
import tempfile
from pathlib import Path

import numpy as np
from hostile import hostile, scalar, snapshot

import prelunet as pn

CALLS = 20  # of one model
LABELLED = ("softmax_cross_entropy",)
ROWS = (1, 2, 7, 33)
REGISTRIES = ["layers", "optimizers", "schedules", "initializers", "losses", "callbacks"]


def square(outputs, targets):
    """Return a loss of rows and its gradient."""
    d = outputs - np.reshape(targets, (len(outputs), -1)).astype(float)
    return (d**2).sum(axis=1), 2 * d


def half(y, outputs):
    """Return the value of a metric."""
    return 0.5


def twice(x):
    """Return the outputs of a Lambda."""
    return 2 * x


def twice_backward(grad_y, x, y):
    """Return the gradient of a Lambda."""
    return 2 * grad_y


def wrong(x):
    """Return outputs of another shape."""
    return x[:, :0]


def crooked(outputs, targets):
    """Return a loss whose shapes are wrong."""
    return outputs, outputs[:, :0]


def _layers(rng, outputs):
    units = int(rng.integers(1, 9))
    hidden = [
        lambda: [pn.Dense(units), pn.PReLU(("channel", "shared")[rng.integers(2)])],
        lambda: [pn.Dense(units, ("relu", "tanh", "gelu", None)[rng.integers(4)])],
        lambda: [pn.Columns([("a", [pn.Dense(2)], 0)], "passthrough"), pn.PeriodicEmbeddings()],
        lambda: [
            pn.Dense(2),
            pn.PiecewiseLinearEmbeddings([[-1, 0, 1], [0, 2]], 3, version="AB"[rng.integers(2)]),
        ],
        lambda: [pn.Dense(2), pn.Imputation([0.5, 1]), pn.Dense(1), pn.OneHot([[0, 1]])],
        lambda: [pn.LayerNorm(), pn.Dense(units, use_bias=False), pn.ELU()],
        lambda: [pn.Dense(units), pn.Dropout(0.3), pn.Sigmoid()],
        lambda: [pn.Dense(4), pn.Residual([pn.Dense(4), pn.Tanh()], step=0.5)],
        lambda: [pn.Dense(units, trainable=False), pn.LeakyReLU(0.1)],
        lambda: [pn.Rescaling(0.5, 1.0)],
        lambda: [pn.Clip(-1, 1)],
        lambda: [pn.Scale(), pn.Dense(units), pn.Parametric("selu")],
        lambda: [pn.Lambda((twice, wrong)[rng.integers(2)], twice_backward)],
        lambda: [],
    ]
    layers = []
    for _ in range(rng.integers(0, 3)):
        layers += hidden[rng.integers(len(hidden))]()
    return [*layers, pn.Dense(outputs)]


class Model:
    """A model, and data that suit it."""

    def __init__(self, rng):
        self.images = rng.random() < 0.2
        self.outputs = int(rng.integers(1, 5))
        self.shape = (4, 5, 2) if self.images else (int(rng.integers(1, 7)),)
        layers = _layers(rng, self.outputs)
        if self.images:
            filters = pn.Conv2D(3, (3, 2), padding=("same", "valid")[rng.integers(2)])
            layers = [filters, pn.ReLU(), pn.MaxPool2D(2), pn.Flatten(), *layers]
        self.dtype = ("float32", "float64")[rng.integers(2)]
        built = rng.random() < 0.7
        self.model = pn.Sequential(
            layers, input_shape=self.shape if built else None, dtype=self.dtype, seed=1
        )
        names = [*pn.ops.LOSSES, square]
        self.loss = names[rng.integers(len(names))]
        if rng.random() < 0.95:
            optimizers = [pn.SGD(0.1, momentum=0.9), *pn.optimizers.Optimizer.named()]
            metrics = [None, ["accuracy"], [half]][rng.integers(3)]
            clip = 0.5 if rng.random() < 0.1 else None
            optimizer = optimizers[rng.integers(len(optimizers))]
            self.model.compile(optimizer, self.loss, metrics, clip_delta=clip)

    def data(self, rng):
        """Return X, y and weights that the model accepts."""
        rows = int(rng.choice(ROWS))
        dtype = (np.float32, np.float64, np.uint8)[rng.integers(3)]
        X = (4 * rng.random((rows, *self.shape))).astype(dtype)
        y = rng.integers(2, size=(rows, self.outputs)) + float(self.loss == "gamma")
        if self.loss in LABELLED:
            y = rng.integers(self.outputs, size=rows)
        elif self.outputs == 1 and rng.random() < 0.5:
            y = y[:, 0]
        return X, y, rng.random(rows) + 0.1


def run(rng, calls):
    """Make the calls; each that fails must leave the model as it was."""
    subject = Model(rng)
    for _ in range(CALLS):
        before = state(subject.model)
        name, function, arguments, options, may_change = _call(rng, subject)
        given = snapshot([list(arguments), options])
        try:
            calls.make(name, function, *arguments, **options)
        except calls.refused:
            after = state(subject.model)
            if not may_change and after != before:
                calls.report(f"{name}: a failed call changed {_differing(before, after)}")
        if snapshot([list(arguments), options]) != given:
            calls.report(f"{name}: an argument was changed")


def state(model):
    """Return what training moves, as bytes."""
    engine = model.engine
    compiled = engine.compiled
    settings = None if compiled is None else (compiled.optimizer, compiled.schedule)
    found = [model.input_shape, model.epochs_trained, engine.steps, repr(settings)]
    if engine.is_built:
        parameters, slots, _ = engine.core.state("state", slots=True)
        found += [array.tobytes() for array in parameters]
        found += [array.tobytes() for slot in slots for array in slot]
    return found


def _differing(before, after):
    names = ["input_shape", "epochs_trained", "steps", "settings"]
    found = [n for n, one, other in zip(names, before, after, strict=False) if one != other]
    return ", ".join(found) or "parameters"


def _call(rng, subject):
    """Return a call as (name, function, arguments, options, whether a failure may change much)."""
    model = subject.model
    X, y, weights = subject.data(rng)
    if rng.random() < 0.7:
        X = hostile(rng, X) if rng.random() < 0.5 else X
        y = hostile(rng, y) if rng.random() < 0.3 else y
        weights = hostile(rng, weights) if rng.random() < 0.3 else weights
    weighted = {"sample_weight": weights} if rng.random() < 0.4 else {}
    name = METHODS[rng.integers(len(METHODS))]
    function, arguments, options, may_change = getattr(model, name, None), (), {}, False
    if name in ("predict", "predict_proba"):
        arguments = (X,)
    elif name in ("evaluate", "loss_and_gradients", "train_on_batch", "trace"):
        arguments, options = (X, y), weighted
    elif name == "train_epoch":
        order = hostile(rng, rng.permutation(len(subject.data(rng)[0])), huge=False)
        options = {"order": order} if rng.random() < 0.3 else {}
        arguments, options = (X, y), options | weighted
    elif name == "fit":
        arguments, options = (X, y), _fit_options(rng, subject) | weighted
        may_change = (
            subject.loss is square or "callbacks" in options or "validation_data" in options
        )
    elif name == "vjp":
        function, arguments = _vjp, (model, X, hostile(rng, np.ones((len(y), subject.outputs))))
        function = _vjp if hasattr(y, "__len__") else model.vjp
        arguments = arguments if function is _vjp else (X,)
        may_change = not model.engine.is_built  # the outputs may be valid, but not their gradient
    elif name in ("apply_gradients", "set_parameters"):
        arguments = (_by_name(rng, model),)
    elif name == "compile":
        function, arguments, options = model.compile, *_compile_arguments(rng, subject)
    elif name == "copy_from":
        other = copy.deepcopy(model) if rng.random() < 0.5 else scalar(rng)
        arguments = (other, scalar(rng) if rng.random() < 0.5 else 0.5)
    elif name == "check_gradients":
        function, arguments, options = pn.check_gradients, (model, X, y), {}
        if rng.random() < 0.3:
            options = {"samples": scalar(rng)} if rng.random() < 0.5 else {"step": scalar(rng)}
    elif name == "attribute":
        attribute = ("learning_rate", "epochs_trained", "stop_training")[rng.integers(3)]
        function, arguments = _set_back, (model, attribute, scalar(rng))
    elif name == "build":
        arguments = (scalar(rng),)
    elif name == "description":
        function, arguments, options = _description(rng)
    elif name == "file":
        function, arguments = _file, (model, int(rng.integers(5)))
    elif name == "history":
        function, arguments = _history, (scalar(rng), scalar(rng))
    elif name == "summary":
        function = _readers
        arguments = (model,)
    return f"Model.{name}", function, arguments, options, may_change


METHODS = [
    *("predict", "predict_proba", "evaluate", "loss_and_gradients", "train_on_batch", "trace"),
    *("predict", "evaluate", "train_on_batch", "train_epoch", "fit", "fit", "vjp", "vjp"),
    *("apply_gradients", "set_parameters", "compile", "copy_from", "check_gradients"),
    *("attribute", "build", "description", "description", "description", "file", "history"),
    *("summary",),
]


def _fit_options(rng, subject):
    X, y, _ = subject.data(rng)
    held = (hostile(rng, X), hostile(rng, y)) if rng.random() < 0.3 else (X, y)
    callbacks = [pn.EarlyStopping(patience=1, monitor="loss"), pn.TerminateOnNaN()]
    usual = {
        "epochs": int(rng.integers(4)),
        "batch_size": (None, 1, 5, 100)[rng.integers(4)],
        "validation_data": held,
        "validation_split": 0.3,
        "validation_freq": 2,
        "shuffle": bool(rng.integers(2)),
        "class_weight": ("balanced", {0: 2.0}, {0: 1.0, 1: scalar(rng)})[rng.integers(3)],
        "verbose": 0,
        "callbacks": callbacks,
    }
    chosen = {name: value for name, value in usual.items() if rng.random() < 0.25}
    if rng.random() < 0.4:
        chosen[list(usual)[rng.integers(len(usual))]] = _limited(scalar(rng))
    return chosen


def _limited(value):
    """Return a value that asks for little work where it is a valid number of epochs."""
    return value if not isinstance(value, (int, np.integer)) or value < 100 else 100


def _vjp(model, X, grad_outputs):
    outputs, backward = model.vjp(X)
    backward(np.ones_like(outputs))
    return backward(grad_outputs)


def _by_name(rng, model):
    if not model.engine.is_built or rng.random() < 0.1:
        return scalar(rng)
    arrays = {name: np.array(values) for name, values in model.parameters().items()}
    names = list(arrays)
    if names and rng.random() < 0.7:
        name = names[rng.integers(len(names))]
        arrays[name] = hostile(rng, arrays[name])
    if names and rng.random() < 0.2:
        del arrays[names[0]]
    if rng.random() < 0.1:
        arrays["unknown"] = np.zeros(1)
    return arrays


def _compile_arguments(rng, subject):
    arguments = [pn.SGD(0.1), subject.loss, ["accuracy"]]
    if rng.random() < 0.7:
        arguments[rng.integers(3)] = scalar(rng)
    if rng.random() < 0.1:
        arguments[1] = crooked
        subject.loss = square
    return tuple(arguments), ({"clip_delta": scalar(rng)} if rng.random() < 0.2 else {})


def _set_back(model, attribute, value):
    """Set an attribute, then the value before."""
    before = getattr(model, attribute)
    setattr(model, attribute, value)
    setattr(model, attribute, before)


def _description(rng):
    """Return a call of a layer, an optimizer, a loss or another description."""
    module = getattr(pn, REGISTRIES[rng.integers(len(REGISTRIES))])
    public = [kind for name, kind in vars(module).items() if _is_description(name, kind)]
    kind = public[rng.integers(len(public))]
    arguments = [(3, 0.5, 0.1)[rng.integers(3)], (2, 0.5)[rng.integers(2)]][: rng.integers(3)]
    options = {}
    names = [n for n in getattr(kind, "__dataclass_fields__", ()) if not n.startswith("_")]
    for _ in range(rng.integers(1, 3)):
        if names and rng.random() < 0.7:
            options[names[rng.integers(len(names))]] = scalar(rng)
        elif arguments:
            arguments[rng.integers(len(arguments))] = scalar(rng)
    return _described, (kind, tuple(arguments), options), {}


def _is_description(name, kind):
    of_package = isinstance(kind, type) and kind.__module__.startswith("prelunet")
    return of_package and not name.startswith("_") and name != "Description"


def _described(kind, arguments, options):
    """Make a description, print it, copy it, and use it."""
    made = kind(*arguments, **options)
    repr(made)
    if isinstance(made, pn.layers.Layer) and not isinstance(made, pn.Lambda):
        for shape in ((3,), (4, 5, 2)):
            model = pn.Sequential([made, pn.Flatten()], seed=0)
            model.predict(np.zeros((2, *shape), np.float32))
    if isinstance(made, pn.schedules.Schedule):
        made(np.arange(5))
        made(3)
    if isinstance(made, pn.optimizers.Optimizer):
        model = pn.Sequential([pn.Dense(1)], input_shape=(2,), seed=0)
        model.compile(made, "mean_squared_error")
        model.train_on_batch(np.ones((3, 2)), np.ones(3))
    return made


def _file(model, way):
    """Save and load, or export."""
    if way == 0:
        return copy.deepcopy(model)
    if way == 1:
        return pickle.loads(pickle.dumps(model))
    with tempfile.TemporaryDirectory() as folder:
        if way == 2:
            path = Path(folder, "m.npz")
            model.save(path)
            return pn.load(path)
        if way == 3:
            return model.to_onnx(Path(folder, "m.onnx"))
        return model.to_c(Path(folder, "m.h"))


def _history(logs, key):
    """Use a history with wrong arguments."""
    history = pn.history.History({"loss": [1.0, 2.0]})
    for call in (history.append, history.extend, pn.history.History):
        before = history.to_dict(), list(history.epochs)
        try:
            call(logs)
        except (ValueError, TypeError):
            assert repr((history.to_dict(), history.epochs)) == repr(before)
    repr(history)
    try:
        return history[key]
    except (KeyError, TypeError):  # TypeError: a key that has no hash
        return None


def _readers(model):
    """Use what only reads."""
    stream = io.StringIO()
    stream.write(repr(model))
    stream.write(str(model.summary()))
    return model.parameters(), model.output_shape, model.learning_rate
