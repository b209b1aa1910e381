"""`clip_norm`: one limit for the gradients of one or several models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from . import ops
from ._arrays import as_array, native
from ._validation import real

Array = npt.NDArray[Any]
_Given = Mapping[str, npt.ArrayLike]
_Gradients = dict[str, Array]


@overload
def clip_norm(gradients: _Given, max_norm: float) -> tuple[_Gradients, float]: ...
@overload
def clip_norm(gradients: Sequence[_Given], max_norm: float) -> tuple[list[_Gradients], float]: ...
def clip_norm(
    gradients: _Given | Sequence[_Given], max_norm: float
) -> tuple[_Gradients | list[_Gradients], float]:
    """Multiply all gradients by ``min(1, max_norm / norm)``, `norm` being that of all together.

    An optimizer's `clip_norm` limits the gradients of one model. This function limits those of
    several, such as a trunk and its heads, and keeps their joint direction.

    Parameters
    ----------
    gradients : mapping of str to array_like, or list of mappings
        Gradients by name, as `vjp` and `loss_and_gradients` return them: of one model, or of each
        of several. Not modified.
    max_norm : float
        Largest joint norm, above 0.

    Returns
    -------
    clipped : dict of str to ndarray, or list of dicts
        The clipped gradients, in the structure of `gradients`; float32 if all of them are, else
        float64.
    norm : float
        The joint Euclidean norm before clipping. If it is not finite, the clipped gradients are
        not either, and NaN if it overflows; ``apply_gradients(clipped, finite=True)`` refuses
        them.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

    Examples
    --------
    >>> import prelunet as pn
    >>> pn.clip_norm([{"0.weight": [[3.0, 0.0]]}, {"0.weight": [[4.0]]}], 1.0)
    ([{'0.weight': array([[0.6, 0. ]])}, {'0.weight': array([[0.8]])}], 5.0)
    """
    limit = real("clip_norm", "max_norm", max_norm, exclusive_minimum=0.0)
    models = [gradients] if isinstance(gradients, Mapping) else gradients
    if not isinstance(models, (list, tuple)) or not all(isinstance(m, Mapping) for m in models):
        raise TypeError(
            "clip_norm: gradients must be a mapping by name, or a list of mappings, got "
            f"{type(gradients).__name__}"
        )
    given = [{name: _real_array(name, value) for name, value in m.items()} for m in models]
    narrow = all(value.dtype == np.float32 for m in given for value in m.values())
    dtype = np.float32 if narrow else np.float64
    clipped = [{name: np.array(v, dtype, order="C") for name, v in m.items()} for m in given]
    arrays = [value for m in clipped for value in m.values()]
    norm = ops.clip_by_norm(arrays, limit)
    if norm == math.inf:  # a finite gradient divided by it would be 0
        for array in arrays:
            array.fill(math.nan)
    return clipped[0] if isinstance(gradients, Mapping) else clipped, norm


def _real_array(name: str, value: npt.ArrayLike) -> Array:
    array = native(as_array("clip_norm", name, value))
    if array.dtype.kind not in "biuf":
        raise TypeError(f"clip_norm: {name} must hold real numbers, got dtype {array.dtype}")
    return array
