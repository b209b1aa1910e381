"""The benchmark cases: training steps, predictions and single kernels.

A case defines the work and generates data and initial parameters. It is independent of libraries.
"""

from __future__ import annotations
