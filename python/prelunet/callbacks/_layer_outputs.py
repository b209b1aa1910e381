"""The output of each layer of a model on a few samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..layers import Flatten
from ..layers.stacking import layer_keys
from ..network import Network
from .base import TrainedModel


class LayerOutputs:
    """Networks of one layer each, which take the model's parameters whenever they are asked.

    Flatten is left out: it gives the numbers that the layer before it gave.

    Parameters
    ----------
    owner : str
        The callback's name, for messages.
    model : Sequential
        Built, so that the shape of a sample is known.
    samples : ndarray of shape (n, *input_shape)

    Raises
    ------
    ValueError
        If samples have another shape.
    """

    def __init__(self, owner: str, model: TrainedModel, samples: npt.NDArray[Any]) -> None:
        shape = model.input_shape
        assert shape is not None
        if samples.shape[1:] != shape:
            expected = ", ".join(["n", *map(str, shape)])
            raise ValueError(
                f"{owner}: activations must have shape ({expected}), got {samples.shape}"
            )
        self._model = model
        self._samples = samples
        self._networks: dict[str, Network] = {}
        for key, layer in zip(layer_keys(model.layers), model.layers, strict=True):
            if isinstance(layer, Flatten):
                shape = (math.prod(shape),)
                continue
            # The engine wants one axis at the end; the name is one that no layer can have here.
            stack = [layer, Flatten(name=f"{key} flat")]
            network = Network(stack, input_shape=shape, dtype=model.dtype, seed=0)
            self._networks[key] = network
            shape = tuple(network._built().shapes[-2])  # of what Flatten gets

    def __call__(self) -> dict[str, npt.NDArray[Any]]:
        """Return the outputs by the layer's name, as rows; dropout is off, as in `predict`."""
        parameters = self._model.parameters()
        outputs: dict[str, npt.NDArray[Any]] = {}
        rows = self._samples
        for key, network in self._networks.items():
            own = [values for name, values in parameters.items() if name.startswith(f"{key}.")]
            network.set_parameters(dict(zip(network.parameters(), own, strict=True)))
            assert network.input_shape is not None
            rows = network.predict(np.reshape(rows, (len(rows), *network.input_shape)))
            outputs[key] = rows
        return outputs
