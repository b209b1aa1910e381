"""A whole network in float64: layers are plain dicts, gradients have names such as "1.weight".

Inside a residual, names have both places: "3.0.weight".

The layers::

    {"layer": "dense", "weight": (units, features), "bias": (units,) or None}
    {"layer": "dense", ..., "activation": "relu"}       "prelu" is a layer of its own
    {"layer": "prelu", "alpha": (1,) or (channels,)}
    {"layer": "parametric", "activation": "relu", "parameter": None, "weight": (channels,)}
    {"layer": "scale", "weight": (channels,)}
    {"layer": "layer_norm", "axes": k, "epsilon": 1e-3, "gamma": (...) or None,
     "beta": (...) or None}                         over the last k axes
    {"layer": "relu"}, {"layer": "elu", "parameter": 1.0}, ...     a name in activation.py
    {"layer": "conv2d", "weight": (filters, height, width, channels), "bias": ..., "stride": (1, 1),
     "padding": "valid"}
    {"layer": "max_pool2d", "size": (2, 2), "stride": (2, 2), "padding": "valid"}
    {"layer": "flatten"}
    {"layer": "rescaling", "scale": 1 / 255, "offset": 0.0}
    {"layer": "clip", "low": -1.0, "high": 1.0}
    {"layer": "dropout", "factor": (rows, ...)}         0 where dropped, 1 / (1 - rate) where kept
    {"layer": "residual", "step": h, "layers": [...]}   y = x + h f(x), f the layers
    {"layer": "columns", "layers": [branches], "passthrough": bool}    side by side
    {"layer": "branch", "columns": [...], "layers": [...]}
    {"layer": "embedding", "weight": (categories, width)}
    {"layer": "periodic_embeddings", "frequency": ..., "phase": ... or None, "weight": ...,
     "bias": ...}
    {"layer": "piecewise_linear_embeddings", "bins": [edges, ...], "weight": ...,
     "linear": ... or None, "bias": ...}
    {"layer": "imputation", "values": (features,)}
    {"layer": "one_hot", "categories": [values, ...]}
"""

from __future__ import annotations

import inspect
from importlib import import_module

import numpy as np

from reference import activation as activations
from reference.clip import clip_by_norm, clip_by_value
from reference.conv2d import conv2d_backward, conv2d_forward
from reference.embedding import embedding_backward, embedding_forward
from reference.gemm import gemm
from reference.layer_norm import layer_norm_backward, layer_norm_forward
from reference.max_pool2d import max_pool2d_backward, max_pool2d_forward
from reference.parametric import parametric_backward, parametric_forward
from reference.periodic_embeddings import periodic_backward, periodic_forward
from reference.piecewise_linear_embeddings import (
    piecewise_linear_backward,
    piecewise_linear_forward,
)
from reference.prelu import prelu_backward, prelu_forward
from reference.scale import scale_backward, scale_forward

PARAMETERS = {
    "dense": ("weight", "bias"),
    "conv2d": ("weight", "bias"),
    "prelu": ("alpha",),
    "scale": ("weight",),
    "parametric": ("weight",),
    "layer_norm": ("gamma", "beta"),
    "embedding": ("weight",),
    "periodic_embeddings": ("frequency", "phase", "weight", "bias"),
    "piecewise_linear_embeddings": ("weight", "linear", "bias"),
}


def parameters(layers):
    """Return {"0.weight": array, ...}: copies in float64, in the order of the layers."""
    found = {}
    for i, layer in enumerate(layers):
        own = {name: layer[name] for name in PARAMETERS.get(layer["layer"], ())}
        inner = parameters(layer.get("layers", ()))
        found |= {f"{i}.{name}": v for name, v in (own | inner).items() if v is not None}
    return {name: np.array(value, np.float64) for name, value in found.items()}


def with_parameters(layers, values):
    """Return the layers with the parameters named as in `parameters`."""
    replaced = [dict(layer) for layer in layers]
    for name, value in values.items():
        index, _, key = name.partition(".")
        layer = replaced[int(index)]
        if layer["layer"] in ("residual", "columns", "branch"):
            layer["layers"] = with_parameters(layer["layers"], {key: value})
        else:
            layer[key] = value
    return replaced


def _walk(layer):
    """Return how a layer's window goes over an image."""
    return {"stride": layer["stride"], "padding": layer["padding"]}


def _parametric(layer):
    return layer["weight"], layer["activation"], layer["parameter"]


def _gamma(layer, x):
    return np.ones(x.shape[-layer["axes"] :]) if layer["gamma"] is None else layer["gamma"]


def _layer_forward(layer, x):
    kind = layer["layer"]
    if kind == "dense":
        z = gemm(x, layer["weight"], transpose_b=True, bias=layer["bias"])
        if layer.get("activation") is None:
            return z
        return getattr(activations, f"{layer['activation']}_forward")(z)
    if kind == "conv2d":
        return conv2d_forward(x, layer["weight"], layer["bias"], **_walk(layer))
    if kind == "max_pool2d":
        return max_pool2d_forward(x, layer["size"], **_walk(layer))
    if kind == "prelu":
        return prelu_forward(x, layer["alpha"])
    if kind == "scale":
        return scale_forward(x, layer["weight"])
    if kind == "parametric":
        return parametric_forward(x, *_parametric(layer))
    if kind == "layer_norm":
        beta = 0.0 if layer["beta"] is None else layer["beta"]
        return layer_norm_forward(x, _gamma(layer, x), beta, layer["epsilon"])
    if kind == "flatten":
        return x.reshape(len(x), -1)
    if kind == "rescaling":
        return x * layer["scale"] + layer.get("offset", 0.0)
    if kind == "clip":
        return np.clip(x, layer["low"], layer["high"])
    if kind == "dropout":
        return x * layer["factor"]
    if kind == "residual":
        return x + layer["step"] * forward(layer["layers"], x)[-1]
    if kind == "branch":
        return forward(layer["layers"], x[:, layer["columns"]])[-1]
    if kind == "columns":
        outputs = [_layer_forward(branch, x) for branch in layer["layers"]]
        return np.concatenate([*outputs, x[:, _rest(layer, x)]], axis=1)
    if kind == "embedding":
        return embedding_forward(x, layer["weight"])
    if kind == "periodic_embeddings":
        return periodic_forward(x, *(layer[name] for name in PARAMETERS[kind]))
    if kind == "piecewise_linear_embeddings":
        own = (layer[name] for name in PARAMETERS[kind])
        return piecewise_linear_forward(x, layer["bins"], *own)
    if kind == "imputation":
        return np.where(np.isnan(x), layer["values"], x)
    if kind == "one_hot":
        return np.concatenate(
            [x[:, [f]] == np.array(own) for f, own in enumerate(layer["categories"])], axis=1
        ).astype(np.float64)
    return getattr(activations, f"{kind}_forward")(x, layer.get("parameter"))


def _layer_backward(layer, x, grad_out, delta_limit=None):
    """Return grad_x and the gradients of the layer's parameters by name.

    `delta_limit` (rows,) bounds what a dense or a convolutional layer's weights are multiplied by.
    """
    kind = layer["layer"]
    if kind == "dense":
        if layer.get("activation") is not None:
            z = gemm(x, layer["weight"], transpose_b=True, bias=layer["bias"])
            grad_out = getattr(activations, f"{layer['activation']}_backward")(grad_out, z)
        grad_out = _clip_rows(grad_out, delta_limit)
        gradients = {"weight": gemm(grad_out, x, transpose_a=True)}
        if layer["bias"] is not None:
            gradients["bias"] = grad_out.sum(axis=0)
        return gemm(grad_out, layer["weight"]), gradients
    if kind == "conv2d":
        grad_out = _clip_rows(grad_out, delta_limit)
        grad_x, *own = conv2d_backward(grad_out, x, layer["weight"], **_walk(layer))
        named = dict(zip(("weight", "bias"), own, strict=True))
        return grad_x, {name: own for name, own in named.items() if layer[name] is not None}
    if kind == "max_pool2d":
        return max_pool2d_backward(grad_out, x, layer["size"], **_walk(layer)), {}
    if kind == "prelu":
        grad_x, grad_alpha = prelu_backward(grad_out, x, layer["alpha"])
        return grad_x, {"alpha": grad_alpha}
    if kind == "scale":
        grad_x, grad_weight = scale_backward(grad_out, x, layer["weight"])
        return grad_x, {"weight": grad_weight}
    if kind == "parametric":
        grad_x, grad_weight = parametric_backward(grad_out, x, *_parametric(layer))
        return grad_x, {"weight": grad_weight}
    if kind == "layer_norm":
        grad_x, *own = layer_norm_backward(grad_out, x, _gamma(layer, x), layer["epsilon"])
        named = dict(zip(("gamma", "beta"), own, strict=True))
        return grad_x, {name: own for name, own in named.items() if layer[name] is not None}
    if kind == "flatten":
        return grad_out.reshape(x.shape), {}
    if kind == "rescaling":
        return grad_out * layer["scale"], {}
    if kind == "clip":
        return grad_out * ((x >= layer["low"]) & (x <= layer["high"])), {}
    if kind == "dropout":
        return grad_out * layer["factor"], {}
    if kind == "residual":
        values = forward(layer["layers"], x)
        grad_f = layer["step"] * grad_out
        grad_x, gradients = backward(layer["layers"], values, grad_f, delta_limit)
        return grad_out + grad_x, gradients
    if kind == "branch":
        values = forward(layer["layers"], x[:, layer["columns"]])
        grad_x = np.zeros(x.shape)
        own, gradients = backward(layer["layers"], values, grad_out, delta_limit)
        grad_x[:, layer["columns"]] = own
        return grad_x, gradients
    if kind == "columns":
        return _columns_backward(layer, x, grad_out, delta_limit)
    if kind == "embedding":
        own = embedding_backward(grad_out, x, layer["weight"])
        return np.zeros(x.shape), {"weight": own}
    if kind == "periodic_embeddings":
        names = PARAMETERS[kind]
        grad_x, *own = periodic_backward(grad_out, x, *(layer[name] for name in names))
        named = dict(zip(names, own, strict=True))
        return grad_x, {name: values for name, values in named.items() if values is not None}
    if kind == "piecewise_linear_embeddings":
        names = PARAMETERS[kind]
        grad_x, *own = piecewise_linear_backward(
            grad_out, x, layer["bins"], *(layer[name] for name in names)
        )
        named = dict(zip(names, own, strict=True))
        return grad_x, {name: values for name, values in named.items() if values is not None}
    if kind == "imputation":
        return np.where(np.isnan(x), 0.0, grad_out), {}
    if kind == "one_hot":
        return np.zeros(x.shape), {}
    return getattr(activations, f"{kind}_backward")(grad_out, x, layer.get("parameter")), {}


def _rest(layer, x):
    """Return the columns that pass through: those that no branch reads."""
    read = {j for branch in layer["layers"] for j in np.arange(x.shape[1])[branch["columns"]]}
    return [j for j in range(x.shape[1]) if layer["passthrough"] and j not in read]


def _columns_backward(layer, x, grad_out, delta_limit):
    widths = [_layer_forward(branch, x).shape[1] for branch in layer["layers"]]
    parts = np.split(grad_out, np.cumsum(widths), axis=1)
    grad_x, gradients = np.zeros(x.shape), {}
    grad_x[:, _rest(layer, x)] = parts.pop()
    for place, (branch, part) in enumerate(zip(layer["layers"], parts, strict=True)):
        own, inner = _layer_backward(branch, x, part, delta_limit)
        grad_x += own
        gradients |= {f"{place}.{name}": value for name, value in inner.items()}
    return grad_x, gradients


def _clip_rows(delta, limit):
    if limit is None:
        return delta
    limit = limit.reshape(-1, *[1] * (delta.ndim - 1))
    return np.clip(delta, -limit, limit)


def forward(layers, x):
    """Return the outputs of every layer, the inputs x first: [x, layer 0's, ..., the network's]."""
    values = [np.asarray(x, np.float64)]
    for layer in layers:
        values.append(_layer_forward(layer, values[-1]))
    return values


def backward(layers, values, grad_outputs, delta_limit=None):
    """Return (grad_x, {"0.weight": gradient, ...}) from the values that `forward` returned."""
    gradients = {}
    grad = np.asarray(grad_outputs, np.float64)
    for i in reversed(range(len(layers))):
        grad, of_layer = _layer_backward(layers[i], values[i], grad, delta_limit)
        gradients |= {f"{i}.{name}": value for name, value in of_layer.items()}
    return grad, {name: gradients[name] for name in parameters(layers)}


def gradient_scales(layers, values, grad_outputs):
    """Return, by parameter, the largest of its gradients' sums with each term's absolute value.

    That is what the error of a gradient is relative to, where its terms cancel.
    """
    scales = {}
    grad = np.asarray(grad_outputs, np.float64)
    for i in reversed(range(len(layers))):
        x, layer = values[i], layers[i]
        if layer["layer"] == "dense":
            scales[f"{i}.weight"] = float(gemm(abs(grad), abs(x), transpose_a=True).max())
            scales[f"{i}.bias"] = float(abs(grad).sum(axis=0).max())
        if layer["layer"] == "conv2d":
            _, weight, bias = conv2d_backward(abs(grad), abs(x), layer["weight"], **_walk(layer))
            scales |= {f"{i}.weight": float(weight.max()), f"{i}.bias": float(bias.max())}
        if layer["layer"] == "prelu":
            _, sums = prelu_backward(-abs(grad), x, layer["alpha"])  # x <= 0 where it counts
            scales[f"{i}.alpha"] = float(sums.max())
        if layer["layer"] == "scale":
            _, sums = scale_backward(abs(grad), abs(x), layer["weight"])
            scales[f"{i}.weight"] = float(sums.max())
        if layer["layer"] == "residual":
            inside = forward(layer["layers"], x)
            of_inner = gradient_scales(layer["layers"], inside, layer["step"] * grad)
            scales |= {f"{i}.{name}": scale for name, scale in of_inner.items()}
        grad, _ = _layer_backward(layer, x, grad)
    return {name: scales[name] for name in parameters(layers)}


def loss_function(name):
    """Return the oracle of a loss; each lies in the file of its name."""
    return getattr(import_module(f"reference.{name}"), name)


def loss_and_gradients(
    layers, x, targets, *, loss, sample_weight=None, clip_delta=None, **loss_options
):
    """Return (outputs, loss, gradients) of one batch.

    `clip_delta` is the limit of a row's deltas before it is weighted and, for a mean, averaged.
    """
    values = forward(layers, x)
    value, grad_outputs = loss_function(loss)(values[-1], targets, sample_weight, **loss_options)
    limit = None
    if clip_delta is not None:
        weight = np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight)
        limit = clip_delta * (weight if loss == "half_squared_error" else weight / weight.sum())
    return values[-1], value, backward(layers, values, grad_outputs, limit)[1]


def initial_state(current, optimizer):
    """Return the state before the first step: zeros for each tensor that the update keeps."""
    arguments = inspect.signature(update_function(optimizer)).parameters.values()
    arrays = sum(a.kind is a.POSITIONAL_OR_KEYWORD for a in arguments)
    slots = arrays - len(["parameter", "gradient"])
    return {name: [np.zeros(np.shape(p))] * slots for name, p in current.items()}


def update_function(name):
    """Return the oracle's update of that name."""
    return getattr(import_module(f"reference.{name}"), f"{name}_update")


def update(
    current,
    gradients,
    state,
    *,
    step,
    optimizer,
    learning_rate,
    l2=0.0,
    weight_decay=0.0,
    penalize=("weight",),
    clip_value=None,
    clip_norm=None,
    factors=None,
    **hyperparameters,
):
    """Return the parameters after step 1, 2, ... and the state, for those that have gradients.

    `optimizer` is the name of an update, `hyperparameters` are its options; L2 and weight decay
    apply to the parameters whose last name is in `penalize`. Clipping is of the gradient of loss
    and L2, by value, then by norm. `factors` maps names to factors of options, such as
    ``{"0.bias": {"learning_rate": 0.1}}``; that of weight_decay is of L2 too.
    """
    factors = factors or {}
    decay = {n: float(n.rpartition(".")[2] in penalize) for n in gradients}
    decay = {n: v * factors.get(n, {}).get("weight_decay", 1.0) for n, v in decay.items()}
    g = {n: v + l2 * decay[n] * current[n] for n, v in gradients.items()}
    if clip_value is not None:
        g = {name: clip_by_value(value, clip_value) for name, value in g.items()}
    if clip_norm is not None:
        g = dict(zip(g, clip_by_norm(list(g.values()), clip_norm)[0], strict=True))
    rule = update_function(optimizer)
    if "step" in inspect.signature(rule).parameters:
        hyperparameters["step"] = step
    moved, new_state = {}, {}
    for name, value in g.items():
        own = factors.get(name, {})
        options = dict(hyperparameters)
        if "epsilon" in own:
            options["epsilon"] *= own["epsilon"]
        moved[name], *new_state[name] = rule(
            current[name],
            value,
            *state[name],
            learning_rate=learning_rate * own.get("learning_rate", 1.0),
            weight_decay=weight_decay * decay[name],
            **options,
        )
    return moved, new_state


def train(
    layers, batches, *, loss, optimizer, learning_rate, frozen=(), loss_options=None, **options
):
    """Return (losses, parameters): each step's loss before it and the parameters after it.

    `batches` is a list of (x, targets) or (x, targets, sample_weight), `learning_rate` a number or
    one for each of them; parameters named in `frozen` stay as they are; the other `options` are
    those of `update`.
    """
    current = parameters(layers)
    state = initial_state(current, optimizer)
    rates = np.broadcast_to(learning_rate, len(batches))
    losses, history = [], []
    for step, batch in enumerate(batches, start=1):
        x, targets, sample_weight = (*batch, None)[:3]
        _, value, gradients = loss_and_gradients(
            with_parameters(layers, current),
            x,
            targets,
            loss=loss,
            sample_weight=sample_weight,
            **(loss_options or {}),
        )
        learned = {name: g for name, g in gradients.items() if name not in frozen}
        rate = rates[step - 1]
        moved, state = update(
            current, learned, state, step=step, optimizer=optimizer, learning_rate=rate, **options
        )
        current |= moved
        losses.append(value)
        history.append(dict(current))
    return losses, history
