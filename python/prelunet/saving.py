"""`Saving`: methods of `Sequential` that turn a model into a file, a state or a hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import serialization
from ._validation import boolean
from .engine import Engine
from .export import onnx
from .formats import checked_path
from .layers import Lambda
from .layers.stacking import all_layers
from .serialization import State, without_training
from .state import fingerprint, get_state

if TYPE_CHECKING:
    import os

    import numpy.typing as npt


def _as_json(metadata: Mapping[str, Any]) -> str:
    import json  # imported here: it takes a tenth of the import time of this package

    try:
        return json.dumps(metadata)
    except (TypeError, ValueError) as error:
        raise TypeError(f"to_onnx: metadata must hold JSON values: {error}") from error


class Saving:
    """Methods of `Sequential` that turn a model into a file, a state or a hash.

    Attributes
    ----------
    engine : Engine
    metadata : dict
    """

    engine: Engine
    metadata: dict[str, Any]

    def save(
        self, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Save the layers, parameters, optimizer and optimizer state to a file.

        If writing fails, an existing file is unchanged.

        Parameters
        ----------
        path : path-like
            Must end in ``.npz``, or in ``.safetensors``, which needs the package of that name.
        metadata : mapping, optional
            JSON values that `load` restores as `metadata`; the model's `metadata` by default.

        Raises
        ------
        OSError
            If the file cannot be written.
        TypeError, ValueError
            If `path` or `metadata` is invalid, or a layer holds a function.
        RuntimeError
            If another thread trains or changes the model. Pickling and copying raise the same
            error. A callback may save the model.
        ImportError
            If the safetensors package is needed but not installed.
        """
        for name, layer in all_layers(self.engine.layers):
            if layer.holds_function:
                kind = type(layer).__name__
                raise TypeError(f"save: layer {name} is a {kind}; its functions cannot be saved")
        found = self._state("save")
        compiled = self.engine.compiled
        if compiled is not None and not compiled.fits_into_files:
            found = without_training(found)
        serialization.write(path, found, self.metadata if metadata is None else metadata)

    def to_onnx(self, path: str | os.PathLike[str], *, probabilities: bool = False) -> None:
        """Export what `predict` computes to an ONNX file (opset 17).

        The graph's input ``"x"`` has the model's dtype, with images as (height, width, channels).
        Its output is ``"outputs"``. In float64, onnxruntime 1.32 supports no `Conv2D`, and of the
        activations only `PReLU`, `ReLU`, `LeakyReLU`, `SiLU`, `Tanh` and `Sigmoid`. The file's
        `metadata_props` have the keys ``"prelunet"`` (the version), ``"dtype"`` (of the model) and
        ``"metadata"`` (the model's `metadata` as JSON), which `from_onnx` restores.

        Parameters
        ----------
        path : path-like
            Must end in ``.onnx``.
        probabilities : bool, default False
            Output ``"probabilities"`` instead, as `predict_proba` computes them. For two classes
            with one output, this is one column: the probability of the second class.

        Raises
        ------
        OSError
            If the file cannot be written; an existing file is unchanged.
        TypeError, ValueError
            If an argument is invalid, ONNX cannot represent a layer (such as `Lambda`), or
            probabilities are requested and the loss is not a cross-entropy of logits.
        RuntimeError
            If another thread trains or changes the model.
        ImportError
            If the onnx package is not installed.
        """
        target = checked_path("to_onnx", path, (".onnx",))
        final = None
        if boolean("to_onnx", "probabilities", probabilities):
            final = self.engine.record("to_onnx").probabilities("to_onnx")
        onnx.write(
            target,
            self.engine.layers,
            self.engine.copies("to_onnx"),
            input_shape=self.engine.input_shape or (),
            dtype=self.engine.variable_dtype,
            probabilities=final,
            properties={"dtype": self.engine.dtype, "metadata": _as_json(self.metadata)},
        )

    def to_c(
        self,
        path: str | os.PathLike[str],
        *,
        name: str = "net",
        probabilities: bool = False,
        quantize: str | None = None,
        calibration: npt.ArrayLike | None = None,
    ) -> None:
        """Export what `predict` computes to one C99 header without dependencies.

        ``net_predict(x, y)`` computes the ``NET_OUTPUTS`` outputs y of ``NET_INPUTS`` inputs x, in
        float or double, the model's dtype. It allocates nothing and calls only ``<math.h>``. The
        bits are those of `predict` if ``fmaf`` and ``fma`` round once, and if no intermediate
        result is subnormal or ``NET_FLUSH`` is defined. With ``NET_TEST`` defined,
        ``net_self_test()`` returns the number of results that differ from those of `predict`. The
        comment at the top of the file describes these and other macros. The header is C++, too.

        A model with the dtype "mixed_bfloat16" is exported as float32. Its C then has other bits
        than `predict`, which multiplies in bfloat16.

        Parameters
        ----------
        path : path-like
            Must end in ``.h``.
        name : str, default "net"
            Prefix of all names, and in capitals of all macros; a C identifier.
        probabilities : bool, default False
            Compute probabilities, as `predict_proba` does.
        quantize : {"int8"}, optional
            Store weights of `Dense` and `Conv2D` as 8-bit integers, with a scale for each output,
            and multiply them with 8-bit inputs, with a scale for each layer. Sums are 32-bit
            integers, which cannot overflow. Needs `calibration` and a float32 model.
        calibration : array_like of shape ``(n, *input_shape)``, optional
            Samples, such as some hundred training rows: the largest input of each layer determines
            its scale. Larger inputs are clipped.

        Raises
        ------
        OSError
            If the file cannot be written; an existing file is unchanged.
        TypeError, ValueError
            If an argument is invalid, C cannot compute a layer (`Lambda`), probabilities are
            requested and the loss is not a cross-entropy of logits, or the model has more than
            2**22 parameters or 2**24 numbers of working memory.
        RuntimeError
            If another thread trains or changes the model.
        """
        from .c_export import export_to_c  # here: it would make importing the package slower

        target = checked_path("to_c", path, (".h",))
        final = None
        if boolean("to_c", "probabilities", probabilities):
            final = self.engine.record("to_c").probabilities("to_c")
        export_to_c(
            target,
            self.engine,
            name=name,
            probabilities=final,
            quantize=quantize,
            calibration=calibration,
        )

    def fingerprint(self) -> str:
        """Return a hash of what `predict` computes: of the layers, the dtype and all parameters.

        Two models with the same fingerprint have the same bits in all parameters, and give the same
        outputs on every processor with fused multiply-adds. Training settings do not matter. All
        NaN are one value.

        Returns
        -------
        str
            The first 16 hexadecimal digits of a SHA-256.

        Raises
        ------
        RuntimeError
            If another thread trains or changes the model, or `input_shape` is not known yet.
        TypeError
            If a layer is a `Lambda`.
        """
        for name, layer in all_layers(self.engine.layers):
            if isinstance(layer, Lambda):
                raise TypeError(
                    f"fingerprint: layer {name} is a Lambda; its functions cannot be hashed"
                )
        return fingerprint(self.engine)

    def __getstate__(self) -> State:
        """Return the model as JSON values and copies of arrays."""
        return self._state("pickle or copy")

    def _state(self, operation: str) -> State:
        return get_state(self.engine, operation, self.metadata)
