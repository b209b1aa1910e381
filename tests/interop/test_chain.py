"""What all readers of other libraries build on: windows, and layers one after another."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from prelunet.interop.chain import Chain
from prelunet.interop.windows import output_size, padding_name, same_padding


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_windows_are_those_of_the_engine(padding):
    for size in range(4, 9):
        for window in range(1, 5):
            for stride in range(1, 5):
                layer = pn.MaxPool2D((window, 1), (stride, 1), padding)
                model = pn.Sequential([layer, pn.Flatten()], input_shape=(size, 1, 1))
                assert model.output_shape == (output_size(size, window, stride, padding),)


def test_padding_has_a_name_where_it_is_that_of_a_layer():
    assert same_padding(8, 3, 2) == (0, 1)
    assert same_padding(8, 1, 3) == (0, 0)  # no window sticks out
    axes = (8, 7), (3, 3), (2, 2)
    assert padding_name(*axes, [(0, 0), (0, 0)]) == "valid"
    assert padding_name(*axes, [(0, 1), (1, 1)]) == "same"
    assert padding_name(*axes, [(1, 1), (1, 1)]) is None


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
