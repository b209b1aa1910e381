"""`Engine`: a list of layers and the C++ core that stores their parameters and computes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import Any, SupportsIndex, SupportsInt, TypedDict, cast

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import as_array, as_samples, is_sparse
from ._building import Buildable
from ._compiling import compile_core
from ._validation import size
from .compiled import Compiled
from .dtypes import CORES, Core, bfloat16_order, variable_dtype
from .layers import Dropout, Layer
from .layers.stacking import (
    all_layers,
    check_numbers,
    check_values,
    parameter_shapes,
    specifications,
)
from .optimizers import SGD
from .schedules import Constant, Schedule
from .schedules import get as get_schedule

Array = npt.NDArray[Any]
Tape = _core.Tape32 | _core.Tape64
Numbered = dict[SupportsInt | SupportsIndex, Array]  # by index; as in the stub

_NO_CONTEXT = nullcontext()
_LARGEST_SAMPLE = 2**59  # elements; their bytes fit into 63 bits


class ParameterInfo(TypedDict):
    """The core's description of a parameter.

    `layer` is the index of its layer. A Residual precedes the layers inside it.
    """

    layer: int
    name: str
    kind: str
    shape: tuple[int, ...]
    fan_in: int
    fan_out: int
    trainable: bool


class Engine(Buildable):
    """Layers, their parameters and the state of training.

    `build` creates the core from the shape of a sample. If the engine is not built, `rows` builds
    it from the shape of its data.

    Attributes
    ----------
    layers, dtype, seed
        As in `Sequential`.
    input_shape : tuple of int or None
        The shape of one sample; None until it is known.
    names : list of str
        Names of the parameters, in the core's order.
    compiled : Compiled or None
        The training settings; None before `compile`.
    epochs_trained : int
        Number of completed epochs.
    span : (int, int) or None
        During a call of `fit`: the number of updates before it, and the number of its updates.
    shows_averages : bool
        During a call of `fit` with `use_ema`: whether the parameters and their averages are
        exchanged.
    restored_order : tuple of (int, str or None) or None
        The number of steps of the last restored state, and the `bfloat16_order` they had.
    """

    def __init__(self, layers: Sequence[Layer], *, dtype: str, seed: int) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.dtype, self.seed = dtype, seed
        self.compiled: Compiled | None = None
        self.epochs_trained = 0
        self.span: tuple[int, int] | None = None
        self.shows_averages = False
        self._dropouts = [
            (name, layer.schedule)
            for name, layer in all_layers(layers)
            if isinstance(layer, Dropout) and layer.schedule is not None
        ]
        self.restored_order: tuple[int, str | None] | None = None

    @property
    def variable_dtype(self) -> str:
        """The dtype of the parameters, the optimizer's state and the outputs."""
        return variable_dtype(self.dtype)

    @property
    def bfloat16_order(self) -> str | None:
        """The order of sums in the last training steps, those of a restored state included.

        None if the dtype has no bfloat16.
        """
        if self.restored_order is not None and self.restored_order[0] == self.steps:
            return self.restored_order[1]
        return bfloat16_order(self.dtype)

    # ---- building and compiling ----------------------------------------------------------------

    def build(self, input_shape: Sequence[int], *, draw: bool = True) -> None:
        """Create the core and draw the initial parameters, layer by layer, in float64.

        Without `draw`, the parameters have no values until they are restored.
        """
        with self.building():
            lost = self._core is not None and self._core.lost
            if self._core is not None and not lost:
                raise ValueError(f"Sequential.build: already built, for samples {self.input_shape}")
            shape = checked_shape(input_shape)
            with self._naming_the_largest(shape):
                core = self._drawn_core(shape) if draw else self._new_core(shape)
            if lost:
                self.epochs_trained = 0
            self.names, self.input_shape = self._names_in(core), shape
            self._core = core

    def _drawn_core(self, shape: tuple[int, ...]) -> Core:
        """Return a core with initial parameters."""
        core = self._new_core(shape)
        rng = np.random.Generator(np.random.PCG64(self.seed))
        drawn: Numbered = {}
        for place, (key, layer, info) in enumerate(self._parameter_owners(core)):
            initializer = layer.initializers()[info["name"]]
            values = initializer.draw(rng, info["shape"], info["fan_in"], info["fan_out"])
            what = f"layer {key} ({layer.label}): initial {info['name']}"
            check_values(what, values, self.variable_dtype)
            drawn[place] = np.asarray(values)[np.newaxis]
        core.write_parameters(drawn)
        return core

    @contextmanager
    def _naming_the_largest(self, sample: tuple[int, ...]) -> Iterator[None]:
        """Add the largest parameter and its layer to the message of a MemoryError."""
        try:
            yield
        except MemoryError as error:
            itemsize = np.dtype(self.variable_dtype).itemsize
            found = []
            with suppress(LookupError, ValueError):  # the core may not have checked later layers
                for name, layer, shape in parameter_shapes(self.layers, sample):
                    found.append((math.prod(shape) * itemsize, name, type(layer).__name__))
            if not found:
                raise
            size, name, kind = max(found)
            raise MemoryError(
                f"Sequential: not enough memory for the parameters: {name} of a {kind} has "
                f"{size:,} bytes, all have {sum(entry[0] for entry in found):,}"
            ) from error

    def compile(self, compiled: Compiled) -> None:
        """Set how to train; reset the optimizer's state and step count."""
        with self.building(), self.holding("compile"):
            if self._core is not None:
                assert self.input_shape is not None
                with self._naming_the_largest(self.input_shape):
                    compile_core(self._core, compiled, self.names)
            self.compiled = compiled

    def record(self, operation: str) -> Compiled:
        """Return the training settings; raise a RuntimeError if the model is not compiled."""
        if self.compiled is None:
            raise RuntimeError(f"{operation}: compile the model first")
        return self.compiled

    def copy(self, operation: str, *, dtype: str | None = None, fuse: bool = True) -> Engine:
        """Return an engine with the same parameters and step count, by default of the same dtype.

        The copy computes gradients, not updates: it is compiled with plain SGD and without
        `clip_delta`. Without `fuse`, each layer is a step of a tape, with the same bits.
        """
        other = Engine(self.layers, dtype=dtype or self.dtype, seed=self.seed)
        values, _, steps = self.core.state(operation, slots=False)
        compiled = self.compiled
        assert self.input_shape is not None
        core = other._new_core(self.input_shape, fuse=fuse)
        core.write_parameters({place: v[np.newaxis] for place, v in enumerate(values)})
        other.adopt(core, self.names, self.input_shape)
        other.span = self.span
        if compiled is not None:
            other.compile(replace(compiled, optimizer=SGD(), clip_delta=None))
        core.steps = steps  # the dropout mask depends on it
        return other

    def _new_core(self, shape: tuple[int, ...], **options: bool) -> Core:
        check_numbers(self.layers, self.variable_dtype)
        core = CORES[self.dtype](shape, specifications(self.layers), self.seed, **options)
        if len(core.output_shape) != 1:
            raise ValueError(
                "Sequential: the last layer must give one axis of outputs, got shape "
                f"{tuple(core.output_shape)}; add Flatten"
            )
        if self.compiled is not None:
            compile_core(core, self.compiled, self._names_in(core))
        return core

    def _parameter_owners(self, core: Core) -> Iterator[tuple[str, Layer, ParameterInfo]]:
        """Yield the key and the layer of each parameter, and the core's description of it."""
        owners = [owner for owner in all_layers(self.layers) for _ in owner[1].specifications()]
        infos: list[ParameterInfo] = core.parameters()
        return ((*owners[info["layer"]], info) for info in infos)

    def _names_in(self, core: Core) -> list[str]:
        """Return the names of a core's parameters, in its order."""
        return [f"{owner}.{info['name']}" for owner, _, info in self._parameter_owners(core)]

    def multiply_adds(self, shape: tuple[int, ...]) -> float:
        """Return those of the forward pass of a sample of `shape`, also before a build."""
        core = self._new_core(shape) if self._core is None else self._core
        return core.multiply_adds

    # ---- parameters ----------------------------------------------------------------------------

    def infos(self) -> dict[str, ParameterInfo]:
        """Return the core's description of each parameter, by name."""
        return dict(zip(self.names, self.core.parameters(), strict=True))

    def parameters(self) -> dict[str, Array]:
        """Return all parameters by name, as read-only views; see `Sequential.parameters`."""
        return dict(zip(self.names, self.core.values(), strict=True))

    def copies(self, operation: str) -> dict[str, Array]:
        """Return copies of all parameters by name; raises while another thread trains."""
        return dict(zip(self.names, self.core.state(operation, slots=False)[0], strict=True))

    def set_parameters(self, parameters: Mapping[str, npt.ArrayLike]) -> None:
        """Set some of the parameters; see `Sequential.set_parameters`."""
        current = self.parameters()
        checked = _checked_parameters("set_parameters", "parameters", parameters, current)
        self.core.write_parameters(self.by_place(checked))

    def moves_towards(self, other: Engine, weight: float) -> bool:
        """Move the parameters towards another engine's; False if names, shapes or dtypes differ."""
        if self.names != other.names or self.variable_dtype != other.variable_dtype:
            return False
        core: Any = self.core  # of the class of the other core
        return bool(core.move_towards(other.core, weight))

    def show_averages(self, show: bool) -> None:
        """Exchange the parameters and their averages, unless they are so already."""
        if show != self.shows_averages:
            exchange = self.core.swap_mean
            self.shows_averages = show  # before the call: Python handles signals right after it
            exchange(True)

    def apply_gradients(self, gradients: Mapping[str, npt.ArrayLike], *, finite: bool) -> float:
        """Make one update; see `OpenLoop.apply_gradients`."""
        current, infos = self.parameters(), self.infos()
        trained = {name: current[name] for name in self.names if infos[name]["trainable"]}
        checked = _checked_parameters("apply_gradients", "gradients", gradients, trained)
        for name in trained:
            if name not in checked:
                raise ValueError(f"apply_gradients: gradients must hold {name!r}, which is missing")
        places = self.by_place(checked)
        norm = self.core.apply_gradients(places, self.start_step(), finite=finite)
        if finite and not math.isfinite(norm):
            wrong = [n for n, values in checked.items() if not np.isfinite(values).all()]
            what = f"other values in {', '.join(wrong)}" if wrong else "a norm that overflows"
            raise ValueError(f"apply_gradients: gradients must be finite, got {what}")
        return norm

    def by_place(self, arrays: Mapping[str, Array]) -> Numbered:
        """Return arrays keyed by the core's indices of parameters, with a leading axis of 1."""
        places = {name: place for place, name in enumerate(self.names)}
        return {places[name]: values[np.newaxis] for name, values in arrays.items()}

    def gradients_by_name(self, gradients: Sequence[Array]) -> dict[str, Array]:
        """Return the core's gradients, one for each trainable parameter in order, by name."""
        trained = (name for name, info in self.infos().items() if info["trainable"])
        return dict(zip(trained, gradients, strict=True))

    def moment(self) -> tuple[Core | None, int]:
        """Return a token that changes whenever a caller starts or stops holding the engine."""
        return self._core, 0 if self._core is None else self._core.turns

    def holding(self, operation: str) -> AbstractContextManager[object]:
        """Lock the model against other threads; raises while one of them uses it."""
        return _NO_CONTEXT if self._core is None else self._core.holding(operation)

    # ---- rows and steps ------------------------------------------------------------------------

    def rows(self, operation: str, X: npt.ArrayLike) -> _core.Rows:
        """Return the core's view of rows; the first rows determine the shape of a sample."""
        rows = as_samples(operation, "X", X)
        if self._core is None:
            if rows.ndim == 1:
                raise ValueError(
                    f"{operation}: X must have shape (n, features) or more axes, got {rows.shape}"
                )
            self.build(rows.shape[1:])
        return core_rows(self.core, operation, rows)

    def tape(
        self,
        operation: str,
        rows: _core.Rows,
        targets: _core.Targets | None = None,
        *,
        training: bool,
        clips: bool = False,
        whole: bool = True,
    ) -> Tape:
        """Run a forward pass and return its tape, which stores what backward passes need.

        A tape of sparse rows that is not `whole` does not make them dense. It has no gradient of X.
        """
        if training:
            self.pass_rates(1)
        kind = _core.Tape32 if self.variable_dtype == "float32" else _core.Tape64
        held = cast("_core.Targets", targets)  # the stub does not say that None is accepted
        return kind(self.core, operation, rows, held, training, clips, whole)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        schedule = (self.compiled or self.record("learning_rate")).schedule
        if isinstance(schedule, Constant):  # saves a call per step
            return schedule.learning_rate
        return float(self._rates("learning_rate", schedule, 1)[0])

    def start_step(self) -> float:
        """Pass the rates of the next update to the core; return its learning rate."""
        self.show_averages(False)  # a callback updates the parameters, not the averages
        self.pass_rates(1)
        return self.learning_rate

    def learning_rates(self, count: int) -> Array:
        """Pass the rates of the next `count` updates to the core; return the learning rates."""
        self.show_averages(False)
        self.pass_rates(count)
        schedule = self.record("learning_rate").schedule
        if isinstance(schedule, Constant):
            return np.full(count, schedule.learning_rate)
        return self._rates("learning_rate", schedule, count)

    def pass_rates(self, count: int) -> None:
        """Pass the rates of the next `count` updates to the core, other than the learning rate."""
        decay = 0.0 if self.compiled is None else self.compiled.optimizer.weight_decay
        if not self._dropouts and not isinstance(decay, Schedule):
            return
        rates = [self._rates("weight_decay", get_schedule(decay), count)]
        for name, schedule in self._dropouts:
            rates.append(self._rates(f"layer {name} (Dropout): rate", schedule, count, below=1.0))
        self.core.set_rates(self.steps, np.stack(rates, axis=1))

    def _rates(
        self, name: str, schedule: Schedule, count: int, *, below: float = math.inf
    ) -> Array:
        """Return a schedule's rates of the next `count` updates, checked."""
        first, used = self.steps, schedule
        if self.span is not None:
            used = schedule.spanning(self.span[1])
            first -= self.span[0] if used is not schedule else 0
        found = [used.at(step) for step in range(first, first + count)]
        rates = np.array(found, np.float64).reshape(count)
        wrong = ~((rates >= 0.0) & (rates < below))  # NaN too
        if wrong.any():
            place = int(wrong.argmax())
            raise ValueError(
                f"{name}: the schedule {schedule!r} must give numbers >= 0 and < {below}, got "
                f"{rates[place]} for update {first + place}"
            )
        return rates


def core_rows(core: Core, operation: str, X: Any) -> _core.Rows:
    """Return the core's view of an array, or its copy of a CSR matrix."""
    if is_sparse(X):
        return core.compressed_rows(operation, X.indptr, X.indices, X.data, X.shape)
    return core.rows(operation, X)


def checked_shape(input_shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a sample as a tuple: at least one axis, each of size at least 1."""
    if not isinstance(input_shape, Iterable):
        raise TypeError(f"Sequential: input_shape must be a tuple of integers, got {input_shape!r}")
    shape = tuple(size("Sequential", "an entry of input_shape", entry) for entry in input_shape)
    if not shape:
        raise ValueError("Sequential: input_shape must have at least one axis, got ()")
    if math.prod(shape) > _LARGEST_SAMPLE:
        raise ValueError(
            f"Sequential: input_shape must have at most 2**59 elements in all, got {shape}"
        )
    return shape


def _checked_parameters(
    operation: str, argument: str, given: Mapping[str, npt.ArrayLike], current: Mapping[str, Array]
) -> dict[str, Array]:
    """Return values as arrays of the dtype of their parameters, which `current` contains."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{operation}: {argument} must be a mapping by name, got {type(given).__name__}"
        )
    checked = {}
    for name, value in given.items():
        if name not in current:
            raise ValueError(
                f"{operation}: {argument} must be among {', '.join(current)}, got {name!r}"
            )
        values = as_array(operation, name, value)
        if values.dtype.kind not in "fiub" or values.dtype.itemsize > 8:
            raise TypeError(f"{operation}: {name} must hold real numbers, got dtype {values.dtype}")
        if values.shape != current[name].shape:
            raise ValueError(
                f"{operation}: {name} must have shape {current[name].shape}, got {values.shape}"
            )
        checked[name] = values.astype(current[name].dtype)
    return checked
