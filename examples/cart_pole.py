"""Balance a pole on a cart: a policy gradient in a custom training loop.

A cart on a track is pushed left or right, fifty times a second, to keep a pole upright [1]. The
policy is a 4-32-2 network with tanh. Its outputs are the logits of the two pushes. After every 32
episodes, REINFORCE [2] updates the parameters with the gradient of

    J = mean over steps of  advantage * log pi(push | state),

whose gradient with respect to the logits is ``advantage * (onehot(push) - pi) / steps``. `vjp`
backpropagates it to the parameters, and `apply_gradients` updates them. The advantage of a step is
its discounted return minus the mean over all episodes at that step, divided by the standard
deviation.

Run ``python examples/cart_pole.py``. If PyTorch is installed, the same loop also runs there, with
the same initial weights.

[1] A. G. Barto, R. S. Sutton and C. W. Anderson, "Neuronlike adaptive elements that can solve
    difficult learning control problems", IEEE Transactions on Systems, Man, and Cybernetics 13,
    1983.
[2] R. J. Williams, "Simple statistical gradient-following algorithms for connectionist
    reinforcement learning", Machine Learning 8, 1992.
"""

from __future__ import annotations

import importlib.util
import time

import numpy as np

import prelunet as pn

EPISODES = 32  # in parallel, one per row of the arrays below
LONGEST = 200  # maximum steps of an episode
SOLVED = 195.0  # mean steps per episode
UPDATES = 300  # maximum
DISCOUNT = 0.99
LEARNING_RATE = 0.02


class CartPole:
    """Several carts; a state is position, speed, angle and angular speed (m, s, rad)."""

    GRAVITY, CART, POLE, HALF_LENGTH, PUSH, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, count, rng):
        self.state = rng.uniform(-0.05, 0.05, (count, 4)).astype(np.float32)

    def step(self, right):
        """Push each cart, to the right where True; return which poles are still upright."""
        _, speed, angle, turn = self.state.T
        force = np.where(right, self.PUSH, -self.PUSH)
        total, moment = self.CART + self.POLE, self.POLE * self.HALF_LENGTH
        sine, cosine = np.sin(angle), np.cos(angle)
        pull = (force + moment * turn**2 * sine) / total
        turning = (self.GRAVITY * sine - cosine * pull) / (
            self.HALF_LENGTH * (4 / 3 - self.POLE * cosine**2 / total)
        )
        moving = pull - moment * turning * cosine / total
        self.state = self.state + np.float32(self.SECONDS) * np.stack(
            [speed, moving, turn, turning], axis=1
        ).astype(np.float32)
        return (np.abs(self.state[:, 0]) < 2.4) & (np.abs(self.state[:, 2]) < np.deg2rad(12))


class Policy:
    """The policy in prelunet."""

    name = "prelunet"

    def __init__(self):
        self.model = pn.Sequential([pn.Dense(32, "tanh"), pn.Dense(2)], input_shape=(4,), seed=0)
        self.model.compile(pn.Adam(LEARNING_RATE))

    def logits(self, states):
        """Return the logits of both pushes."""
        return self.model.predict(states)

    def learn(self, states, pushes, advantages):
        """Make one update."""
        logits, backward = self.model.vjp(states)
        wanted = np.eye(2)[pushes] - softmax(logits)
        _, gradients = backward(-advantages[:, None] * wanted / len(states))
        self.model.apply_gradients(gradients)


class TorchPolicy:
    """The same policy in PyTorch, with the same initial weights."""

    name = "PyTorch"

    def __init__(self):
        import torch

        self.torch = torch
        torch.set_num_threads(pn.get_num_threads())
        self.model = torch.nn.Sequential(
            torch.nn.Linear(4, 32), torch.nn.Tanh(), torch.nn.Linear(32, 2)
        )
        with torch.no_grad():
            for own, start in zip(
                self.model.parameters(), Policy().model.parameters().values(), strict=True
            ):
                own.copy_(torch.tensor(start))
        self.optimizer = torch.optim.Adam(self.model.parameters(), LEARNING_RATE)

    def logits(self, states):
        """Return the logits of both pushes."""
        with self.torch.inference_mode():
            return self.model(self.torch.from_numpy(states)).numpy()

    def learn(self, states, pushes, advantages):
        """Make one update."""
        torch = self.torch
        logs = torch.log_softmax(self.model(torch.from_numpy(states)), dim=1)
        chosen = logs[torch.arange(len(states)), torch.from_numpy(pushes)]
        self.optimizer.zero_grad()
        (-(torch.tensor(advantages) * chosen).mean()).backward()
        self.optimizer.step()


def softmax(logits):
    """Return the probabilities of both pushes."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def play(policy, rng):
    """Play all episodes; return states, pushes and whether each pole was upright, by step."""
    carts, standing = CartPole(EPISODES, rng), np.ones(EPISODES, bool)
    states, pushes, stood = [], [], []
    while standing.any() and len(states) < LONGEST:
        push = (rng.random(EPISODES) < softmax(policy.logits(carts.state))[:, 1]).astype(np.int64)
        states.append(carts.state)
        pushes.append(push)
        stood.append(standing)
        standing = standing & carts.step(push == 1)
    return np.array(states), np.array(pushes), np.array(stood)


def advantages_of(stood):
    """Return the advantages, (steps, episodes); each step with an upright pole earns 1."""
    returns = np.zeros(stood.shape)
    later = np.zeros(EPISODES)
    for step in reversed(range(len(stood))):
        later = stood[step] * (1 + DISCOUNT * later)
        returns[step] = later
    centred = returns - returns.mean(axis=1, keepdims=True)
    return centred / (centred[stood].std() + 1e-8)


def solve(policy):
    """Train until the task is solved; print the result."""
    rng = np.random.default_rng(1)
    played, updates, mean = 0, 0, 0.0
    began = time.perf_counter()
    while mean < SOLVED and updates < UPDATES:
        states, pushes, stood = play(policy, rng)
        policy.learn(states[stood], pushes[stood], advantages_of(stood)[stood])
        played += int(stood.sum())
        mean = stood.sum() / EPISODES
        updates += 1
    seconds = time.perf_counter() - began
    outcome = "solved" if mean >= SOLVED else "not solved"
    print(
        f"{policy.name:<9} {outcome} after {updates} updates: {mean:.1f} of {LONGEST} steps; "
        f"{played / seconds:,.0f} steps a second"
    )


def main():
    """Solve the task with prelunet and, if installed, with PyTorch."""
    pn.set_num_threads(1)  # a few dozen rows are too few for two threads
    solve(Policy())
    if importlib.util.find_spec("torch") is not None:
        solve(TorchPolicy())


if __name__ == "__main__":
    main()
