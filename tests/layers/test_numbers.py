"""Numbers of layers that the dtype of a model cannot hold are refused when it is built."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn

FLOAT32 = "must be 0 or from 1.18e-38 to 3.4e+38 in absolute value in float32, got "
Constant = pn.initializers.Constant


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (pn.Clip(0.0, 1e300), "layer a.1 (Clip): high"),
        (pn.Clip(-1e300, 0.0), "layer a.1 (Clip): low"),
        (pn.Clip(1e-300, 1.0), "layer a.1 (Clip): low"),
        (pn.Rescaling(1e300), "layer a.1 (Rescaling): scale"),
        (pn.Rescaling(1.0, 1e-40), "layer a.1 (Rescaling): offset"),
        (pn.Rescaling([1.0, 1e-40]), "layer a.1 (Rescaling): scale"),
        (pn.LeakyReLU(1e300), "layer a.1 (LeakyReLU): leaky_relu"),
        (pn.ELU(1e-60), "layer a.1 (ELU): elu"),
        (pn.Parametric(pn.LeakyReLU(1e300)), "layer a.1 (Parametric(LeakyReLU)): leaky_relu"),
        (pn.Dense(2, pn.ELU(1e300)), "layer a.1 (Dense): elu"),
        (pn.Residual([pn.Dense(2)], step=1e300), "layer a.1 (Residual): step"),
        (pn.Scale(1e300), "layer a.1 (Scale): initial weight"),
        (pn.PReLU(init=1e-300), "layer a.1 (PReLU): initial alpha"),
        (pn.Parametric("mish", init=-1e300), "layer a.1 (Parametric(Mish)): initial weight"),
        (pn.Dense(2, bias_init=Constant(1e39)), "layer a.1 (Dense): initial bias"),
    ],
)
def test_numbers_are_named(layer, named):
    layers = [pn.Residual([pn.Dense(2), layer], name="a")]
    for dtype in ("float32", "mixed_bfloat16"):
        with pytest.raises(ValueError, match=r"^Sequential: ") as found:
            pn.Sequential(layers, input_shape=(2,), dtype=dtype)
        assert str(found.value).startswith(f"Sequential: {named} {FLOAT32}")
    pn.Sequential(layers, input_shape=(2,), dtype="float64")


def test_numbers_at_the_ends_are_held():
    limits = np.finfo(np.float32)
    small, large = float(limits.smallest_normal), float(limits.max)
    layers = [pn.Clip(-large, large), pn.Rescaling(small, 0.0), pn.Scale(0.0), pn.Dense(1)]
    model = pn.Sequential(layers, input_shape=(2,))
    assert np.isfinite(model.predict(np.ones((3, 2)))).all()
