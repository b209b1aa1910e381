"""
A tiny network in a control loop
================================

A cart carries a pole that falls over unless the cart is pushed left or right at the right time. A
network with 32 hidden units learns to balance it, from nothing but its own attempts.
"""

# %%
# Such a network is called thousands of times a second with a handful of rows, and each call must
# cost microseconds. The state of the cart is four numbers: position, speed, angle and angular
# speed.

import matplotlib.pyplot as plt
import numpy as np

import prelunet as pn

CARTS, LONGEST = 32, 200  # carts side by side, and steps of an episode (4 seconds)


def push(state, right):
    """Return the states of the carts 0.02 seconds after a push (Barto, Sutton, Anderson 1983)."""
    _, speed, angle, turn = state.T
    force = np.where(right, 10.0, -10.0)
    pull = (force + 0.05 * turn**2 * np.sin(angle)) / 1.1
    turning = 9.8 * np.sin(angle) - np.cos(angle) * pull
    turning /= 0.5 * (4 / 3 - 0.1 * np.cos(angle) ** 2 / 1.1)
    moving = pull - 0.05 * turning * np.cos(angle) / 1.1
    return state + 0.02 * np.column_stack([speed, moving, turn, turning])


def play(model, rng):
    """Play one episode with each cart; return states, pushes, and which poles still stood."""
    state, standing = rng.uniform(-0.05, 0.05, (CARTS, 4)), np.ones(CARTS, bool)
    states, pushes, stood = [], [], []
    while standing.any() and len(states) < LONGEST:
        right = rng.random(CARTS) < model.predict_proba(state)[:, 1]
        states.append(state)
        pushes.append(right.astype(int))
        stood.append(standing)
        state = push(state, right)
        standing = standing & (abs(state[:, 0]) < 2.4) & (abs(state[:, 2]) < np.deg2rad(12))
    return np.array(states), np.array(pushes), np.array(stood)


# %%
# The rule of learning is REINFORCE (Williams 1992): make the pushes of good attempts more likely,
# and those of bad attempts less. "Good" is the advantage: how much longer the pole stood than on
# average.
#
# This is the gradient of a cross-entropy, in which each push is weighted with its advantage.
# ``vjp`` returns the outputs and a function that backpropagates any gradient of them.


def learn(model, states, pushes, stood):
    """Make one update from one episode of each cart."""
    returns, later = np.zeros(stood.shape), np.zeros(CARTS)
    for step in reversed(range(len(stood))):
        later = stood[step] * (1 + 0.99 * later)
        returns[step] = later
    advantage = returns - returns.mean(axis=1, keepdims=True)
    advantage /= advantage[stood].std() + 1e-8

    outputs, backward = model.vjp(states[stood])
    chosen = np.eye(2)[pushes[stood]]
    grad_outputs = (pn.ops.softmax_forward(outputs) - chosen) * advantage[stood][:, None]
    _, gradients = backward(grad_outputs / stood.sum())
    model.apply_gradients(gradients)


model = pn.Sequential([pn.Dense(32, "tanh"), pn.Dense(2)], input_shape=(4,), seed=0)
model.compile(pn.Adam(0.02))

rng = np.random.default_rng(1)
seconds = []
while len(seconds) < 100 and (not seconds or seconds[-1] < 3.9):
    states, pushes, stood = play(model, rng)
    learn(model, states, pushes, stood)
    seconds.append(0.02 * stood.sum() / CARTS)

figure, panel = plt.subplots(figsize=(8, 3.4), layout="constrained")
panel.plot(seconds, color="#0072B2")
panel.set(title="How long the pole stands", xlabel="update", ylabel="seconds (4 at most)")

# %%
# What did it learn? The picture shows the probability of a push to the right, for a cart in the
# middle of its track: the network pushes to the side to which the pole falls.

angle, turn = np.meshgrid(np.linspace(-12, 12, 80), np.linspace(-100, 100, 80))
zeros = np.zeros(angle.size)
grid = np.column_stack([zeros, zeros, np.deg2rad(angle).ravel(), np.deg2rad(turn).ravel()])

figure, panel = plt.subplots(figsize=(6.4, 4), layout="constrained")
right = model.predict_proba(grid)[:, 1].reshape(angle.shape)
image = panel.pcolormesh(angle, turn, right, cmap="RdBu_r", vmin=0, vmax=1, rasterized=True)
figure.colorbar(image, label="probability of a push to the right")
panel.set(xlabel="angle (degrees)", ylabel="angular speed (degrees a second)")
