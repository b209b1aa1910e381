"""
prelunet's compiled core; the public interface is the package prelunet.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
from . import ops
__all__: list[str] = ['BatchShare', 'Engine32', 'Engine64', 'Fitting', 'Holding', 'Rows', 'StopRequest', 'Tape32', 'Tape64', 'Targets', 'Totals', 'available_cpus', 'available_isas', 'barriers', 'bfloat16', 'bfloat16_gemm', 'bfloat16_ratio', 'calls_at_work', 'compiler', 'copy_bandwidth', 'fma_ceiling', 'follow', 'isa', 'num_threads', 'ops', 'row_order', 'set_num_threads']
class StopRequest:
    """
    Ends the calls of the threads that follow it.
    """
    def __init__(self) -> None:
        ...
    def set(self) -> None:
        ...
class Totals:
    """
    Sums over the steps of an epoch.
    """
    def __init__(self) -> None:
        ...
    def add(self, loss: typing.SupportsFloat | typing.SupportsIndex, correct: typing.SupportsFloat | typing.SupportsIndex, rows: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def correct(self) -> float:
        ...
    @property
    def loss(self) -> float:
        ...
    @property
    def rows(self) -> float:
        ...
class Rows:
    """
    Checked rows of a user's array.
    """
    @property
    def count(self) -> int:
        ...
class Targets:
    """
    Checked targets and weights.
    """
class Holding:
    """
    Reserves the engine for the calling thread.
    """
    def __enter__(self) -> None:
        ...
    def __exit__(self, arg0: typing.Any, arg1: typing.Any, arg2: typing.Any) -> None:
        ...
class Fitting:
    """
    Reserves the engine for a fit of the calling thread.
    """
    def __enter__(self) -> None:
        ...
    def __exit__(self, arg0: typing.Any, arg1: typing.Any, arg2: typing.Any) -> None:
        ...
class Engine32:
    def __init__(self, input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], layers: collections.abc.Sequence[dict], seed: typing.SupportsInt | typing.SupportsIndex, fuse: bool = True, bfloat16: bool = False) -> None:
        ...
    def apply_gradients(self, arrays: collections.abc.Mapping[typing.SupportsInt | typing.SupportsIndex, numpy.ndarray], learning_rate: typing.SupportsFloat | typing.SupportsIndex, l2: typing.SupportsFloat | typing.SupportsIndex = 0.0, finite: bool = False) -> float:
        ...
    def compile(self, loss: str, options: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], accuracy: str, threshold: typing.SupportsFloat | typing.SupportsIndex, optimizer: dict, clip_delta: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    def compressed_rows(self, operation: str, indptr: numpy.ndarray, indices: numpy.ndarray, data: numpy.ndarray, shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> Rows:
        """
        A copy of the rows of a CSR matrix, in canonical form.
        """
    def evaluate(self, rows: Rows, targets: Targets) -> Totals:
        ...
    def fitting(self, operation: str) -> Fitting:
        """
        A context manager that reserves the engine for a fit of the calling thread.
        """
    def gradients(self) -> list:
        """
        Views of the last gradients. The caller must have exclusive use of the engine.
        """
    def holding(self, operation: str) -> Holding:
        """
        A context manager that reserves the engine for the calling thread.
        """
    def loss_and_gradients(self, rows: Rows, targets: Targets) -> tuple:
        ...
    def move_towards(self, other: Engine32, weight: typing.SupportsFloat | typing.SupportsIndex) -> bool:
        ...
    def parameters(self) -> list:
        """
        Descriptions of the parameters, in arena order.
        """
    def predict(self, rows: Rows, out: typing.Any = None) -> numpy.ndarray:
        ...
    def predict_array(self, operation: str, X: numpy.ndarray, out: typing.Any = None) -> numpy.ndarray:
        """
        predict(rows(operation, X), out) in a single call.
        """
    def restore(self, operation: str, parameters: collections.abc.Mapping[typing.SupportsInt | typing.SupportsIndex, numpy.ndarray], slots: collections.abc.Sequence[collections.abc.Mapping[typing.SupportsInt | typing.SupportsIndex, numpy.ndarray]], steps: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Write parameters, slots and steps; nothing if any array has the wrong shape or dtype.
        """
    def rows(self, operation: str, X: numpy.ndarray) -> Rows:
        ...
    def set_rates(self, first: typing.SupportsInt | typing.SupportsIndex, rates: typing.Annotated[numpy.typing.ArrayLike, numpy.float64]) -> None:
        """
        Set weight decay and dropout rates of the steps from `first` on, one row each.
        """
    def state(self, operation: str, slots: bool = True) -> tuple:
        """
        Copies of the parameters and of each slot, in arena order, and the steps taken.
        """
    def swap_mean(self, keep: bool) -> None:
        """
        Exchange the parameters and their running mean, or replace the parameters by it.
        """
    def targets(self, operation: str, y: numpy.ndarray, sample_weight: typing.Any, weight_name: str = 'sample_weight') -> Targets:
        ...
    def train(self, rows: Rows, targets: Targets, order: typing.Any, batch_size: typing.SupportsInt | typing.SupportsIndex, learning_rates: typing.Annotated[numpy.typing.ArrayLike, numpy.float64], sums: collections.abc.Sequence[Totals], l2_per_batch_weight: typing.SupportsFloat | typing.SupportsIndex = 0.0, penalty_in_loss: typing.SupportsFloat | typing.SupportsIndex = 1.0) -> None:
        ...
    def train_epochs(self, rows: Rows, targets: Targets, order: typing.Any, batch_size: typing.SupportsInt | typing.SupportsIndex, learning_rates: typing.Annotated[numpy.typing.ArrayLike, numpy.float64], totals: numpy.ndarray, l2_per_batch_weight: typing.SupportsFloat | typing.SupportsIndex = 0.0, penalty_in_loss: typing.SupportsFloat | typing.SupportsIndex = 1.0, patience: typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(5)"] | None = None, subset: typing.Any = None, twister: typing.Annotated[numpy.typing.ArrayLike, numpy.uint32] | None = None) -> None:
        ...
    def train_on_batch(self, X: numpy.ndarray, y: numpy.ndarray, sample_weight: typing.Any, learning_rate: typing.SupportsFloat | typing.SupportsIndex) -> tuple[float, float]:
        ...
    def values(self) -> list:
        """
        Read-only views of the parameters, in arena order; an error while another thread trains.
        """
    def write_parameters(self, arrays: collections.abc.Mapping[typing.SupportsInt | typing.SupportsIndex, numpy.ndarray]) -> None:
        ...
    @property
    def answers_per_row(self) -> int:
        """
        The number of answers in a row of outputs that accuracy counts: one, or one for each binary output.
        """
    @property
    def lost(self) -> bool:
        """
        Whether a fork left the parameters incomplete in this process, where every use raises.
        """
    @property
    def multiply_adds(self) -> float:
        """
        Those of the forward pass of one row.
        """
    @property
    def output_shape(self) -> list[int]:
        ...
    @property
    def outputs(self) -> int:
        ...
    @property
    def shapes(self) -> list[list[int]]:
        """
        The output shape of each layer; a Residual comes before the layers inside it.
        """
    @property
    def slot_count(self) -> int:
        """
        The number of arrays that the optimizer keeps for each parameter; 0 before compile().
        """
    @property
    def steps(self) -> int:
        """
        The number of training steps taken.
        """
    @steps.setter
    def steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def turns(self) -> int:
        """
        How often a thread has begun or ended holding the engine.
        """
    @property
    def version(self) -> int:
        """
        Increases whenever the parameters may have changed.
        """
class Engine64:
    def __init__(self, input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], layers: collections.abc.Sequence[dict], seed: typing.SupportsInt | typing.SupportsIndex, fuse: bool = True, bfloat16: bool = False) -> None:
        ...
    def apply_gradients(self, arrays: collections.abc.Mapping[typing.SupportsInt | typing.SupportsIndex, numpy.ndarray], learning_rate: typing.SupportsFloat | typing.SupportsIndex, l2: typing.SupportsFloat | typing.SupportsIndex = 0.0, finite: bool = False) -> float:
        ...
    def compile(self, loss: str, options: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], accuracy: str, threshold: typing.SupportsFloat | typing.SupportsIndex, optimizer: dict, clip_delta: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    def compressed_rows(self, operation: str, indptr: numpy.ndarray, indices: numpy.ndarray, data: numpy.ndarray, shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> Rows:
        """
        A copy of the rows of a CSR matrix, in canonical form.
        """
    def evaluate(self, rows: Rows, targets: Targets) -> Totals:
        ...
    def fitting(self, operation: str) -> Fitting:
        """
        A context manager that reserves the engine for a fit of the calling thread.
        """
    def gradients(self) -> list:
        """
        Views of the last gradients. The caller must have exclusive use of the engine.
        """
    def holding(self, operation: str) -> Holding:
        """
        A context manager that reserves the engine for the calling thread.
        """
    def loss_and_gradients(self, rows: Rows, targets: Targets) -> tuple:
        ...
    def move_towards(self, other: Engine64, weight: typing.SupportsFloat | typing.SupportsIndex) -> bool:
        ...
    def parameters(self) -> list:
        """
        Descriptions of the parameters, in arena order.
        """
    def predict(self, rows: Rows, out: typing.Any = None) -> numpy.ndarray:
        ...
    def predict_array(self, operation: str, X: numpy.ndarray, out: typing.Any = None) -> numpy.ndarray:
        """
        predict(rows(operation, X), out) in a single call.
        """
    def restore(self, operation: str, parameters: collections.abc.Mapping[typing.SupportsInt | typing.SupportsIndex, numpy.ndarray], slots: collections.abc.Sequence[collections.abc.Mapping[typing.SupportsInt | typing.SupportsIndex, numpy.ndarray]], steps: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Write parameters, slots and steps; nothing if any array has the wrong shape or dtype.
        """
    def rows(self, operation: str, X: numpy.ndarray) -> Rows:
        ...
    def set_rates(self, first: typing.SupportsInt | typing.SupportsIndex, rates: typing.Annotated[numpy.typing.ArrayLike, numpy.float64]) -> None:
        """
        Set weight decay and dropout rates of the steps from `first` on, one row each.
        """
    def state(self, operation: str, slots: bool = True) -> tuple:
        """
        Copies of the parameters and of each slot, in arena order, and the steps taken.
        """
    def swap_mean(self, keep: bool) -> None:
        """
        Exchange the parameters and their running mean, or replace the parameters by it.
        """
    def targets(self, operation: str, y: numpy.ndarray, sample_weight: typing.Any, weight_name: str = 'sample_weight') -> Targets:
        ...
    def train(self, rows: Rows, targets: Targets, order: typing.Any, batch_size: typing.SupportsInt | typing.SupportsIndex, learning_rates: typing.Annotated[numpy.typing.ArrayLike, numpy.float64], sums: collections.abc.Sequence[Totals], l2_per_batch_weight: typing.SupportsFloat | typing.SupportsIndex = 0.0, penalty_in_loss: typing.SupportsFloat | typing.SupportsIndex = 1.0) -> None:
        ...
    def train_epochs(self, rows: Rows, targets: Targets, order: typing.Any, batch_size: typing.SupportsInt | typing.SupportsIndex, learning_rates: typing.Annotated[numpy.typing.ArrayLike, numpy.float64], totals: numpy.ndarray, l2_per_batch_weight: typing.SupportsFloat | typing.SupportsIndex = 0.0, penalty_in_loss: typing.SupportsFloat | typing.SupportsIndex = 1.0, patience: typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(5)"] | None = None, subset: typing.Any = None, twister: typing.Annotated[numpy.typing.ArrayLike, numpy.uint32] | None = None) -> None:
        ...
    def train_on_batch(self, X: numpy.ndarray, y: numpy.ndarray, sample_weight: typing.Any, learning_rate: typing.SupportsFloat | typing.SupportsIndex) -> tuple[float, float]:
        ...
    def values(self) -> list:
        """
        Read-only views of the parameters, in arena order; an error while another thread trains.
        """
    def write_parameters(self, arrays: collections.abc.Mapping[typing.SupportsInt | typing.SupportsIndex, numpy.ndarray]) -> None:
        ...
    @property
    def answers_per_row(self) -> int:
        """
        The number of answers in a row of outputs that accuracy counts: one, or one for each binary output.
        """
    @property
    def lost(self) -> bool:
        """
        Whether a fork left the parameters incomplete in this process, where every use raises.
        """
    @property
    def multiply_adds(self) -> float:
        """
        Those of the forward pass of one row.
        """
    @property
    def output_shape(self) -> list[int]:
        ...
    @property
    def outputs(self) -> int:
        ...
    @property
    def shapes(self) -> list[list[int]]:
        """
        The output shape of each layer; a Residual comes before the layers inside it.
        """
    @property
    def slot_count(self) -> int:
        """
        The number of arrays that the optimizer keeps for each parameter; 0 before compile().
        """
    @property
    def steps(self) -> int:
        """
        The number of training steps taken.
        """
    @steps.setter
    def steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def turns(self) -> int:
        """
        How often a thread has begun or ended holding the engine.
        """
    @property
    def version(self) -> int:
        """
        Increases whenever the parameters may have changed.
        """
class Tape32:
    """
    A batch with the outputs and gradients of every stage.
    """
    def __init__(self, network: typing.Any, operation: str, rows: Rows, targets: Targets, training: bool, clips: bool, whole: bool = True) -> None:
        """
        Computes the outputs. A tape that is not whole has neither the gradient of X nor stages().
        """
    def backward(self, grad_outputs: numpy.ndarray, parameters: bool = True) -> tuple:
        """
        The gradients of X and, with `parameters`, of the trainable parameters.
        """
    def backward_from_loss(self) -> tuple:
        """
        The same, starting from the loss of the targets.
        """
    def outputs(self) -> numpy.ndarray:
        ...
    def stages(self, gradients: bool) -> list:
        """
        Outputs of every stage, and their gradients.
        """
    def step(self, grad_outputs: numpy.ndarray, row_scale: typing.Annotated[numpy.typing.ArrayLike, numpy.float64], learning_rate: typing.SupportsFloat | typing.SupportsIndex) -> None:
        """
        One update of the parameters.
        """
class Tape64:
    """
    A batch with the outputs and gradients of every stage.
    """
    def __init__(self, network: typing.Any, operation: str, rows: Rows, targets: Targets, training: bool, clips: bool, whole: bool = True) -> None:
        """
        Computes the outputs. A tape that is not whole has neither the gradient of X nor stages().
        """
    def backward(self, grad_outputs: numpy.ndarray, parameters: bool = True) -> tuple:
        """
        The gradients of X and, with `parameters`, of the trainable parameters.
        """
    def backward_from_loss(self) -> tuple:
        """
        The same, starting from the loss of the targets.
        """
    def outputs(self) -> numpy.ndarray:
        ...
    def stages(self, gradients: bool) -> list:
        """
        Outputs of every stage, and their gradients.
        """
    def step(self, grad_outputs: numpy.ndarray, row_scale: typing.Annotated[numpy.typing.ArrayLike, numpy.float64], learning_rate: typing.SupportsFloat | typing.SupportsIndex) -> None:
        """
        One update of the parameters.
        """
class BatchShare:
    """
    The rows of each batch that one of several processes owns.
    """
    def __init__(self, network: typing.Any, rows: Rows, targets: Targets, batch_rows: typing.SupportsInt | typing.SupportsIndex, most_rows: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def add_up(self, loss: typing.SupportsFloat | typing.SupportsIndex, correct: typing.SupportsFloat | typing.SupportsIndex) -> tuple[float, float]:
        """
        Continue the sums over the rows.
        """
    def gradients(self, part: typing.SupportsInt | typing.SupportsIndex, chains: numpy.ndarray) -> None:
        """
        Continue the chains of a part, in place.
        """
    def run(self, order: numpy.ndarray, begin: typing.SupportsInt | typing.SupportsIndex, count: typing.SupportsInt | typing.SupportsIndex) -> float:
        """
        Run the passes of rows order[begin : begin + count] of a batch; return the factor of its losses.
        """
    def sizes(self) -> list:
        """
        The elements of the gradients of each part, and those of its chains.
        """
    def store(self, part: typing.SupportsInt | typing.SupportsIndex, gradients: numpy.ndarray) -> None:
        """
        Set the complete gradients of a part.
        """
    def update(self, learning_rate: typing.SupportsFloat | typing.SupportsIndex) -> None:
        """
        Make one update with the gradients.
        """
def available_cpus() -> int:
    """
    The minimum of the CPUs of the affinity mask and the cgroup quota.
    """
def available_isas() -> list[str]:
    """
    The instruction sets that this machine supports, best first.
    """
def barriers(count: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    Run successive barriers of all threads: seconds.
    """
def bfloat16() -> tuple[str, str]:
    """
    The order of the sums of bfloat16 products, and the instruction set that computes them.
    """
def bfloat16_gemm(a: typing.Any, b: typing.Any, transpose_a: bool, transpose_b: bool, c: typing.Any, order: str | None, emulated: bool | None) -> numpy.ndarray:
    """
    ops.bfloat16_gemm, for tests and measurements: on the instruction, or emulated.
    """
def bfloat16_ratio() -> float | None:
    """
    The rate of the order's instruction divided by that of float32 arithmetic; None without the instruction.
    """
def calls_at_work() -> int:
    """
    The number of calls that now share the threads.
    """
def compiler() -> str:
    """
    The compiler this module was built with.
    """
def copy_bandwidth(bytes: typing.SupportsInt | typing.SupportsIndex, repeats: typing.SupportsInt | typing.SupportsIndex) -> tuple:
    """
    Copy `bytes` bytes on all threads: (bytes read and written, seconds).
    """
def fma_ceiling(dtype: str, iterations: typing.SupportsInt | typing.SupportsIndex) -> tuple:
    """
    Run fused multiply-adds on registers only, on every thread: (operations, seconds). For bfloat16, the instruction that its products use.
    """
def follow(request: StopRequest) -> None:
    """
    End long calls of this thread with a KeyboardInterrupt if the request is set.
    """
def isa() -> str:
    """
    The instruction set in use.
    """
def num_threads() -> int:
    """
    The number of threads that the next call may use.
    """
def row_order(seed: typing.SupportsInt | typing.SupportsIndex, epoch: typing.SupportsInt | typing.SupportsIndex, rows: typing.SupportsInt | typing.SupportsIndex) -> numpy.ndarray:
    """
    The order in which an epoch visits rows.
    """
def set_num_threads(threads: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Set the number of threads; 0 restores the default.
    """
__version__: str
