"""NumPy's own parts that no single comparison reaches: ties, dropout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prelunet import ops
from prelunet.bench.cases.steps import STEPS
from prelunet.bench.peers import PEERS
from prelunet.bench.peers.numpy_images import max_pool2d_backward, max_pool2d_forward
from prelunet.bench.peers.numpy_layers import DropoutLayer


def test_the_first_of_equal_entries_gets_the_gradient():
    random = np.random.default_rng(0)
    x = random.integers(2, size=(3, 6, 4, 5)).astype(np.float32)
    out = np.empty((3, 3, 2, 5), np.float32)
    max_pool2d_forward(x, out)
    assert (out == ops.max_pool2d_forward(x, 2)).all()
    grad_out, grad_x = random.random(out.shape, dtype=np.float32), np.empty_like(x)
    max_pool2d_backward(grad_out.copy(), x, out, grad_x, np.empty(out.shape, bool))
    assert (grad_x == ops.max_pool2d_backward(grad_out, x, 2)).all()


def test_dropout_keeps_its_share_and_scales_it():
    layer = DropoutLayer(0.25, (200, 100), np.dtype(np.float32))
    x = np.ones((200, 100), np.float32)
    y = layer.forward(x).copy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (y > 0).mean() == pytest.approx(0.75, abs=0.02)
    assert (layer.backward(x.copy(), [], first=False) == y).all()
    assert (layer.forward(x) != y).any()


@pytest.mark.parametrize("peer", ["prelunet", "numpy"])
def test_training_drops_out(peer):
    """As timed: with dropout, other parameters come out than without, and no wild ones."""
    case = replace(STEPS["W6"], rows=50)
    found = []
    for network in (case.network, case.network.without_dropout()):
        training = PEERS[peer].make().training(replace(case, network=network))
        training.train(1)
        found.append(training.parameters())
    for first, dropped, kept in zip(case.network.parameters(), *found, strict=True):
        assert np.abs(dropped - first).max() <= 1.01 * case.learning_rate
        assert (dropped != kept).any()
