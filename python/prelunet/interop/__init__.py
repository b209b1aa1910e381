"""Models of other libraries: `from_onnx`, `from_torch` and `from_keras`.

Their images are (channels, height, width), or can be. Images here are always (height, width,
channels), so importers permute weights.
"""

from __future__ import annotations
