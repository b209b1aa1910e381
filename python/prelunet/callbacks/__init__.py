"""Callbacks, which run custom code during training, and their base class `Callback`."""

from __future__ import annotations

from .base import Callback, overrides
from .checkpoint import Checkpoint
from .early_stopping import EarlyStopping
from .lambda_callback import LambdaCallback
from .learning_rate_schedule import LearningRateSchedule
from .parameter_history import ParameterHistory
from .progress_bar import ProgressBar
from .reduce_lr_on_plateau import ReduceLROnPlateau
from .tensorboard import TensorBoard
from .terminate_on_nan import TerminateOnNaN

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "LambdaCallback",
    "LearningRateSchedule",
    "ParameterHistory",
    "ProgressBar",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
    "overrides",
]
