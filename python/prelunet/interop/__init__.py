"""Importers of models from other libraries: `from_onnx`, `from_torch` and `from_keras`.

Images in prelunet are always (height, width, channels). The importers permute weights of models
whose images are (channels, height, width).
"""

from __future__ import annotations
