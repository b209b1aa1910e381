"""Output sizes and padding of windows."""

from __future__ import annotations

import pytest

import prelunet as pn
from prelunet.layers.windows import output_size, padding_name, same_padding


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
