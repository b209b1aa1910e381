"""Experiments that people know from lecture notes and assignments, one file each.

Each module has ``add_options(parser)``, which says what may be asked for, and ``run(options)``,
which trains, prints, draws into ``options.out`` and returns what `results.json` gets. ``prelunet
reproduce NAME`` runs one.
"""

from __future__ import annotations

NAMES = ("prelu_mlp", "two_moons", "raschka_mlp", "backprop_vs_keras", "ode_resnet", "mnist_cnn")
"""The modules here, in the order in which ``prelunet reproduce all`` runs them."""
