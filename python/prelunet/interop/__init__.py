"""Models of other libraries: `onnx` both ways, `torch` and `keras` into prelunet.

All of them have images as (channels, height, width) or may have; here they are (height, width,
channels) always, so weights are permuted on the way.
"""

from __future__ import annotations
