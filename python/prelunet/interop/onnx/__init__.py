"""ONNX [1]_: models that other programs run, and theirs that are made of the same layers.

References
----------
.. [1] https://onnx.ai/onnx/operators/
"""

from __future__ import annotations

from .exporting import to_onnx
from .importing import from_onnx

__all__ = ["from_onnx", "to_onnx"]
