"""Models for the tests of the network engine, and the oracle's twin of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import prelunet as pn
from op_cases import POSITIVE_TARGETS, positive_targets
from prelunet.layers.columns import Branch
from prelunet.layers.stacking import all_layers
from reference import network as oracle

ACTIVATIONS = [*pn.ops.ACTIVATIONS, "prelu-channel", "prelu-shared"]
LOSSES = list(pn.ops.LOSSES)


# Arguments of optimizers that the oracle's updates do not have.
NOT_OF_UPDATES = ("class", "groups", "use_ema", "ema_momentum")


def activation_layer(name, **options):
    """Return the layer of a name in `ACTIVATIONS`; constants and alphas are not the defaults."""
    kind, _, alphas = name.partition("-")
    if kind == "prelu":
        return pn.PReLU(alphas, init=pn.initializers.Normal(stddev=0.3), **options)
    if kind == "parametric":
        inner = activation_layer(alphas)
        return pn.Parametric(inner, pn.initializers.Normal(0.8, stddev=0.3), **options)
    layer = next(c for c in pn.ACTIVATION_LAYERS.values() if c.activation == kind)
    return layer(0.3, **options) if layer.parameter else layer(**options)


def dense(units, **options):
    """Return a Dense layer whose biases are not 0."""
    return pn.Dense(units, bias_init=pn.initializers.Normal(stddev=0.2), **options)


def conv2d(filters, kernel_size, **options):
    """Return a Conv2D layer whose biases are not 0."""
    return pn.Conv2D(filters, kernel_size, bias_init=pn.initializers.Normal(stddev=0.2), **options)


def mlp(
    input_shape=(19,),
    widths=(33, 18, 5),
    *,
    activation="prelu-channel",
    dtype="float64",
    seed=5,
    optimizer=None,
    loss="softmax_cross_entropy",
    metrics=("accuracy",),
):
    """Return a compiled network of Dense layers with activations between them."""
    layers = [pn.Flatten()] if len(input_shape) > 1 else []
    for units in widths[:-1]:
        layers += [dense(units), activation_layer(activation)]
    model = pn.Sequential(
        [*layers, dense(widths[-1])], input_shape=input_shape, dtype=dtype, seed=seed
    )
    model.compile(optimizer or pn.SGD(0.1), loss, metrics)
    return model


def inputs(rng, rows, shape=(19,), dtype=np.float64):
    """Return standard normal samples."""
    return rng.standard_normal((rows, *shape)).astype(dtype)


def targets(rng, rows, outputs, *, loss="softmax_cross_entropy", kind="labels"):
    """Return what a loss trains towards: labels, probabilities, counts or any numbers."""
    if loss == "softmax_cross_entropy" and kind == "labels":
        return rng.integers(outputs, size=rows)
    if "cross_entropy" in loss:
        return rng.uniform(size=(rows, outputs))
    if loss in POSITIVE_TARGETS:
        return positive_targets(loss, rng, rows, outputs)
    return rng.standard_normal((rows, outputs))


def labelled(rng, rows, shape=(19,), outputs=5, dtype=np.float64):
    """Return samples and labels."""
    return inputs(rng, rows, shape, dtype), targets(rng, rows, outputs)


def parameter_copies(model):
    """Return the parameters as they are now."""
    return {name: values.copy() for name, values in model.parameters().items()}


@dataclass(frozen=True)
class Twin:
    """The oracle's layers of a model, and the model's name of each of the oracle's parameters."""

    layers: list[dict[str, Any]]
    names: dict[str, str]

    def renamed(self, values):
        """Return a dictionary of the oracle's under the model's names."""
        return {self.names[name]: value for name, value in values.items()}


def twin(model, factors=()):
    """Return the oracle of a model as it is now; `factors` are those of its Dropout layers."""
    return _twin(model.layers, "", model.parameters(), iter(factors))


def _twin(stack, prefix, values, factors):
    layers, names = [], {}
    for place, layer in enumerate(stack):
        name = prefix + (layer.name or str(place))
        for part in (layer, getattr(layer, "fused_activation", None)):
            if not isinstance(part, pn.Layer):
                continue
            if isinstance(part, (pn.Residual, pn.Columns, Branch)):
                inner = _twin(part.inner_layers(), f"{name}.", values, factors)
                entry = {**_container(part), "layers": inner.layers}
                own = inner.names
            else:
                entry = _entry(part, name, values, factors)
                keys = oracle.PARAMETERS.get(entry["layer"], ())
                own = {key: f"{name}.{key}" for key in keys if entry[key] is not None}
            names |= {f"{len(layers)}.{key}": full for key, full in own.items()}
            layers.append(entry)
    return Twin(layers, names)


def _container(layer):
    if isinstance(layer, pn.Residual):
        return {"layer": "residual", "step": layer.step}
    if isinstance(layer, pn.Columns):
        return {"layer": "columns", "passthrough": layer.remainder == "passthrough"}
    columns = layer.columns
    return {
        "layer": "branch",
        "columns": columns if isinstance(columns, slice) else list(columns),
    }


def _entry(layer, prefix, values, factors):
    if isinstance(layer, pn.Dense):
        bias = values[f"{prefix}.bias"] if layer.use_bias else None
        return {"layer": "dense", "weight": values[f"{prefix}.weight"], "bias": bias}
    if isinstance(layer, (pn.Conv2D, pn.MaxPool2D)):
        walk = {"stride": layer.stride, "padding": layer.padding}
        if isinstance(layer, pn.MaxPool2D):
            return {"layer": "max_pool2d", "size": layer.size, **walk}
        bias = values[f"{prefix}.bias"] if layer.use_bias else None
        return {"layer": "conv2d", "weight": values[f"{prefix}.weight"], "bias": bias, **walk}
    if isinstance(layer, pn.PReLU):
        return {"layer": "prelu", "alpha": values[f"{prefix}.alpha"]}
    if isinstance(layer, pn.Parametric):
        entry = _entry(layer.inner, prefix, values, factors)
        inner = {"activation": entry["layer"], "parameter": entry["parameter"]}
        return {"layer": "parametric", "weight": values[f"{prefix}.weight"], **inner}
    if isinstance(layer, pn.Clip):
        return {"layer": "clip", "low": layer.low, "high": layer.high}
    if isinstance(layer, pn.Scale):
        return {"layer": "scale", "weight": values[f"{prefix}.weight"]}
    if isinstance(layer, pn.LayerNorm):
        found = {name: values.get(f"{prefix}.{name}") for name in ("gamma", "beta")}
        return {"layer": "layer_norm", **found, "axes": len(layer.axes), "epsilon": layer.epsilon}
    if isinstance(layer, (pn.Embedding, pn.PeriodicEmbeddings)):
        kind = "embedding" if isinstance(layer, pn.Embedding) else "periodic_embeddings"
        found = {name: values.get(f"{prefix}.{name}") for name in oracle.PARAMETERS[kind]}
        return {"layer": kind, **found}
    if isinstance(layer, pn.PiecewiseLinearEmbeddings):
        kind = "piecewise_linear_embeddings"
        found = {name: values.get(f"{prefix}.{name}") for name in oracle.PARAMETERS[kind]}
        return {"layer": kind, "bins": layer.bins, **found}
    if isinstance(layer, pn.Imputation):
        return {"layer": "imputation", "values": layer.values}
    if isinstance(layer, pn.OneHot):
        return {"layer": "one_hot", "categories": layer.categories}
    if isinstance(layer, pn.Rescaling):
        return {"layer": "rescaling", "scale": layer.scale, "offset": layer.offset}
    if isinstance(layer, pn.Dropout):
        return {"layer": "dropout", "factor": next(factors, 1.0)}
    if isinstance(layer, pn.Flatten):
        return {"layer": "flatten"}
    constant = getattr(layer, layer.parameter) if layer.parameter else None
    return {"layer": layer.activation, "parameter": constant}


def loss_options(model):
    """Return the options of the compiled loss as the oracle's keywords."""
    return {
        name: value
        for name, value in model.engine.compiled.loss.config().items()
        if name != "class"
    }


def oracle_loss_and_gradients(model, X, y, sample_weight=None, factors=(), clip_delta=None):
    """Return what the oracle says of a model: (outputs, loss, gradients by the model's names)."""
    other = twin(model, factors)
    outputs, loss, gradients = oracle.loss_and_gradients(
        other.layers,
        X,
        y,
        loss=model.engine.compiled.loss.name,
        sample_weight=sample_weight,
        clip_delta=clip_delta,
        **loss_options(model),
    )
    return outputs, loss, other.renamed(gradients)


def oracle_gradient_scales(model, X, y, sample_weight=None):
    """Return what float32 gradients' errors are relative to, by the model's names."""
    other = twin(model)
    values = oracle.forward(other.layers, X)
    function = oracle.loss_function(model.engine.compiled.loss.name)
    _, grad_outputs = function(values[-1], y, sample_weight, **loss_options(model))
    return other.renamed(oracle.gradient_scales(other.layers, values, grad_outputs))


def roundings(model, rows):
    """Return how many operations in a chain lie between an input and a gradient, and back.

    Each Dense layer is a sum over its features on the way forth and over its units on the way back,
    anything else a few operations and at most two elementary functions for an element.
    """
    elementwise = 8 + 4 * 2
    chain = rows + elementwise
    for name, values in model.parameters().items():
        if name.endswith("weight"):
            chain += sum(values.shape)
    return chain + elementwise * sum(
        len(layer.specifications()) for _, layer in all_layers(model.layers)
    )


def identity(outputs, loss, *, dtype="float64", metrics=("accuracy",), optimizer=None):
    """Return a compiled network that gives its inputs; its bias has the outputs' gradient."""
    layer = pn.Dense(outputs, weight_init="zeros")
    model = pn.Sequential([layer], input_shape=(outputs,), dtype=dtype, seed=1)
    model.set_parameters({"0.weight": np.eye(outputs)})
    model.compile(optimizer or pn.SGD(0.1), loss, metrics)
    return model


def names_that_decay(make, rng, penalty, decay_all):
    """Return the parameters of make() that a penalty changes in one step."""
    X, y = labelled(rng, 40, (7,))
    after = []
    for rate in (0.0, 0.3):
        model = make()
        model.compile(pn.SGD(0.1, **{penalty: rate}, decay_all=decay_all), "softmax_cross_entropy")
        model.train_on_batch(X, y)
        after.append(parameter_copies(model))
    return {name for name, values in after[0].items() if (values != after[1][name]).any()}
