"""Well-known experiments from lecture notes and assignments, one module each.

Each module has ``add_options(parser)``, which defines its options, and ``run(options)``, which
trains, prints, draws to ``options.out`` and returns the contents of `results.json`. ``prelunet
reproduce NAME`` runs one.
"""

from __future__ import annotations

NAMES = ("prelu_mlp", "two_moons", "raschka_mlp", "backprop_vs_keras", "ode_resnet", "mnist_cnn")
"""The modules, in the order of ``prelunet reproduce all``."""
