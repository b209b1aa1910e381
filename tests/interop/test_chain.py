"""The chain of layers that all importers build."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from prelunet.interop.chain import Chain


def test_layers_must_fit_what_comes_before_them():
    chain = Chain("from_there", (6,))
    with pytest.raises(ValueError, match=r"^from_there: part 3: input must be an image, got .*6,"):
        chain.max_pool2d("part 3", size=(2, 2), stride=(2, 2), padding="valid")
    with pytest.raises(ValueError, match=r"one slope, or one for each of 6 channels, got .*\(5,\)"):
        chain.prelu("part 3", np.ones(5))
    with pytest.raises(ValueError, match=r"input must have shape \(5,\), got \(6,\)"):
        chain.dense("part 3", np.ones((2, 5)), None)


def test_what_is_flat_stays_as_it_is():
    chain = Chain("from_there", (6,))
    chain.flatten(channels_first=True)
    chain.dense("part 3", np.ones((2, 6)), None)
    assert chain.model("float32").layers == (pn.Dense(2, use_bias=False),)
