"""A whole network in float64: layers are plain dicts, gradients have names such as "1.weight".

The layers::

    {"layer": "dense", "weight": (units, features), "bias": (units,) or None}
    {"layer": "dense", ..., "activation": "relu"}       "prelu" is a layer of its own
    {"layer": "prelu", "alpha": (1,) or (channels,)}
    {"layer": "relu"}, {"layer": "elu", "parameter": 1.0}, ...     a name in activation.py
    {"layer": "flatten"}
    {"layer": "rescaling", "scale": 1 / 255, "offset": 0.0}
"""

from __future__ import annotations

from importlib import import_module

import numpy as np

from reference import activation as activations
from reference.adam import adam_update
from reference.clip import clip_by_norm, clip_by_value
from reference.gemm import gemm
from reference.prelu import prelu_backward, prelu_forward
from reference.sgd import sgd_update

PARAMETERS = {"dense": ("weight", "bias"), "prelu": ("alpha",)}


def parameters(layers):
    """Return {"0.weight": array, ...}: copies in float64, in the order of the layers."""
    return {
        f"{i}.{name}": np.array(layer[name], np.float64)
        for i, layer in enumerate(layers)
        for name in PARAMETERS.get(layer["layer"], ())
        if layer[name] is not None
    }


def with_parameters(layers, values):
    """Return the layers with the parameters named as in `parameters`."""
    replaced = [dict(layer) for layer in layers]
    for name, value in values.items():
        index, _, key = name.partition(".")
        replaced[int(index)][key] = value
    return replaced


def _layer_forward(layer, x):
    kind = layer["layer"]
    if kind == "dense":
        z = gemm(x, layer["weight"], transpose_b=True, bias=layer["bias"])
        if layer.get("activation") is None:
            return z
        return getattr(activations, f"{layer['activation']}_forward")(z)
    if kind == "prelu":
        return prelu_forward(x, layer["alpha"])
    if kind == "flatten":
        return x.reshape(len(x), -1)
    if kind == "rescaling":
        return x * layer["scale"] + layer.get("offset", 0.0)
    return getattr(activations, f"{kind}_forward")(x, layer.get("parameter"))


def _layer_backward(layer, x, grad_out):
    """Return grad_x and the gradients of the layer's parameters by name."""
    kind = layer["layer"]
    if kind == "dense":
        if layer.get("activation") is not None:
            z = gemm(x, layer["weight"], transpose_b=True, bias=layer["bias"])
            grad_out = getattr(activations, f"{layer['activation']}_backward")(grad_out, z)
        gradients = {"weight": gemm(grad_out, x, transpose_a=True)}
        if layer["bias"] is not None:
            gradients["bias"] = grad_out.sum(axis=0)
        return gemm(grad_out, layer["weight"]), gradients
    if kind == "prelu":
        grad_x, grad_alpha = prelu_backward(grad_out, x, layer["alpha"])
        return grad_x, {"alpha": grad_alpha}
    if kind == "flatten":
        return grad_out.reshape(x.shape), {}
    if kind == "rescaling":
        return grad_out * layer["scale"], {}
    return getattr(activations, f"{kind}_backward")(grad_out, x, layer.get("parameter")), {}


def forward(layers, x):
    """Return the outputs of every layer, the inputs x first: [x, layer 0's, ..., the network's]."""
    values = [np.asarray(x, np.float64)]
    for layer in layers:
        values.append(_layer_forward(layer, values[-1]))
    return values


def backward(layers, values, grad_outputs):
    """Return (grad_x, {"0.weight": gradient, ...}) from the values that `forward` returned."""
    gradients = {}
    grad = np.asarray(grad_outputs, np.float64)
    for i in reversed(range(len(layers))):
        grad, of_layer = _layer_backward(layers[i], values[i], grad)
        gradients |= {f"{i}.{name}": value for name, value in of_layer.items()}
    return grad, {name: gradients[name] for name in parameters(layers)}


def loss_function(name):
    """Return the oracle of a loss; each lies in the file of its name."""
    return getattr(import_module(f"reference.{name}"), name)


def loss_and_gradients(layers, x, targets, *, loss, sample_weight=None, **loss_options):
    """Return (outputs, loss, gradients) of one batch."""
    values = forward(layers, x)
    value, grad_outputs = loss_function(loss)(values[-1], targets, sample_weight, **loss_options)
    return values[-1], value, backward(layers, values, grad_outputs)[1]


def train(
    layers,
    batches,
    *,
    loss,
    optimizer,
    learning_rate,
    l2=0.0,
    weight_decay=0.0,
    penalize=("weight",),
    clip_value=None,
    clip_norm=None,
    loss_options=None,
    **hyperparameters,
):
    """Return (losses, parameters): each step's loss before it and the parameters after it.

    `batches` is a list of (x, targets) or (x, targets, sample_weight); `optimizer` is "sgd" or
    "adam", `hyperparameters` are those of its update; L2 and weight decay touch the parameters
    whose last name is in `penalize`. Clipping by value comes before clipping by norm.
    """
    moments = 1 if optimizer == "sgd" else 2
    update = {"sgd": sgd_update, "adam": adam_update}[optimizer]
    current = parameters(layers)
    state = {name: [np.zeros(p.shape)] * moments for name, p in current.items()}
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
        if clip_value is not None:
            gradients = {name: clip_by_value(g, clip_value) for name, g in gradients.items()}
        if clip_norm is not None:
            clipped, _ = clip_by_norm(list(gradients.values()), clip_norm)
            gradients = dict(zip(gradients, clipped, strict=True))
        for name, gradient in gradients.items():
            penalized = name.rpartition(".")[2] in penalize
            current[name], *state[name] = update(
                current[name],
                gradient,
                *state[name],
                learning_rate=learning_rate,
                l2=l2 if penalized else 0.0,
                weight_decay=weight_decay if penalized else 0.0,
                **({"step": step} if optimizer == "adam" else {}),
                **hyperparameters,
            )
        losses.append(value)
        history.append(dict(current))
    return losses, history
