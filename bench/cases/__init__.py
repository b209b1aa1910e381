"""What is measured: training steps, predictions and single kernels.

A case says the work and its amount, draws the data and the first parameters; it knows no library.
"""

from __future__ import annotations
