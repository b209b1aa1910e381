"""Models with classes of the user, loaded where these are not defined."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import prelunet as pn
from tolerances import assert_same_bits

MODULE = """
import numpy as np
import prelunet as pn

class Ones(pn.initializers.Initializer):
    def __init__(self, factor):
        self.factor = factor

    def draw(self, rng, shape, fan_in, fan_out):
        return np.full(shape, self.factor)

class Halving(pn.schedules.Schedule):
    def __init__(self, learning_rate):
        self.learning_rate = learning_rate

    def at(self, step):
        return self.learning_rate / 2 ** (step // 10)

class Square(pn.losses.MeanSquaredError):
    pass
"""
PREPARE = """
import sys
sys.path.insert(0, {folder!r})
import prelunet as pn
import own_classes
"""
SAVE = """
model = pn.Sequential([pn.Dense(2, weight_init=own_classes.Ones(0.5))], input_shape=(3,))
model.compile(pn.SGD({rate}), "mean_squared_error")
model.save({path!r})
"""


def save(folder, rate="0.1"):
    """Save a model in another process, which defines the classes, and return the path."""
    (folder / "own_classes.py").write_text(MODULE)
    path = str(folder / "m.npz")
    code = PREPARE.format(folder=str(folder)) + SAVE.format(rate=rate, path=path)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    return path


def test_loaded_parameters_need_no_initializer(tmp_path):
    path = save(tmp_path)
    model = pn.load(path)
    assert_same_bits(model.parameters()["0.weight"], np.full((2, 3), 0.5, np.float32))
    model.save(tmp_path / "again.npz")
    assert repr(pn.load(tmp_path / "again.npz")) == repr(model)
    code = PREPARE.format(folder=str(tmp_path)) + (
        f"print(pn.load({str(tmp_path / 'again.npz')!r}).layers[0].weight_init.factor)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    assert printed.stdout == "0.5\n"
    with pytest.raises(ValueError, match=r"initializer 'Ones' of module 'own_classes' is not def"):
        pn.Sequential(model.layers, input_shape=(3,))


def test_a_schedule_that_is_not_defined_is_named(tmp_path):
    path = save(tmp_path, "own_classes.Halving(0.1)")
    message = (
        r"m\.npz: the class 'Halving' of module 'own_classes' is not defined; import the module"
    )
    with pytest.raises(ValueError, match=message) as found:
        pn.load(path)
    assert "damaged" not in str(found.value)
    assert Path(path).exists()
