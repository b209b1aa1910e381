"""The log lines that the document of prelu_mlp prints at regular steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import prelunet as pn
from prelunet import data
from prelunet.callbacks.base import Logs
from prelunet.recipes import inputs
from prelunet.recipes.epoch_lines import print_over_bar
from prelunet.recipes.inputs import Array


def log_loss(probabilities: Array, labels: Array, eps: float) -> float:
    """Return the mean of -log(p of the label), p clipped to [eps, 1 - eps]."""
    p = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(p, eps, 1 - eps)).mean())


class PReLULog(pn.Callback):
    """Log lines after the updates of steps 0, every, 2 every, ...; a step is an epoch.

    `every` is the number of steps between lines; by default `usual`, or that of the resumed run.
    `eps` is the clipping limit of the loss. The test rows of `digits` are the document's dev rows.
    Shared alphas are logged too. `kept_steps` counts the steps of an earlier, resumed run.
    """

    def __init__(
        self,
        model: pn.Sequential,
        digits: data.Dataset,
        *,
        every: int | None,
        usual: int,
        eps: float,
        shared: bool,
        quiet: bool,
    ) -> None:
        self.network, self.eps, self.shared, self.quiet = model, eps, shared, quiet
        self.every, self._asked = every or usual, every
        self.kept_steps = self._steps = 0
        self.train = digits.x_train, digits.y_train
        self.dev = inputs.test_rows(digits)
        self.lines: list[dict[str, Any]] = []
        self._mean_square = 0.0
        self._gradients: dict[str, float] = {}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Compute the quantities of the step: n dz_out, and the gradients of shared alphas."""
        if epoch % self.every == 0:
            x, y = self.train
            delta = self.network.predict_proba(x) - np.eye(10)[y]
            self._mean_square = float(np.mean(delta**2))
            if self.shared:
                self._gradients = alphas_of(self.network.loss_and_gradients(x, y)[1])

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Evaluate the network after the step."""
        self._steps = epoch + 1
        if epoch % self.every == 0:
            (x, y), (x_dev, y_dev) = self.train, self.dev
            p = self.network.predict_proba(x)
            found_dev = self.network.predict(x_dev).argmax(axis=1)
            line = {
                "step": epoch,
                "loss": log_loss(p, y, self.eps),
                "accuracy": float(np.mean(p.argmax(axis=1) == y)),
                "dev_accuracy": float(np.mean(found_dev == y_dev)),
                "mean_square": self._mean_square,
                "alphas": alphas_of(self.network.parameters()) if self.shared else {},
                "gradients": self._gradients,
            }
            self.lines.append(line)
            self._print(line)

    def get_state(self) -> dict[str, Any]:
        """Return the recorded lines."""
        return {"lines": self.lines, "every": self.every, "steps": self._steps}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore the lines of an interrupted run, and print them again.

        Raises a ValueError if that run has more steps than requested, or logged at other steps.
        """
        steps, every = int(state["steps"]), int(state["every"])
        if steps > self.params["epochs"]:
            raise ValueError(
                f"prelu_mlp: epochs must be at least the {steps} of the run in --out, got "
                f"{self.params['epochs']}; --restart ignores that run"
            )
        if self._asked not in (None, every):
            raise ValueError(
                f"prelu_mlp: every must be {every}, as in the run in --out, got {self._asked}; "
                "--restart ignores that run"
            )
        self.every, self._steps, self.kept_steps = every, steps, steps
        if not self.quiet:
            print_over_bar(f"resuming after {steps} steps of an earlier run, with these lines:")
        self.lines = list(state["lines"])
        for line in self.lines:
            self._print(line)

    def __getitem__(self, name: str) -> list[Any]:
        """Return one quantity of all lines."""
        return [line[name] for line in self.lines]

    def _print(self, line: Mapping[str, Any]) -> None:
        if self.quiet:
            return
        texts = [f"step: {line['step']},  loss: {line['loss']:.6f}"]
        texts += [f"{line[name]:.6g}" for name in ("accuracy", "dev_accuracy", "mean_square")]
        gradients = line["gradients"]
        texts += [f"{alpha:.6g} {gradients[name]:.6g}" for name, alpha in line["alphas"].items()]
        print_over_bar("\n".join(texts))


def alphas_of(values: Mapping[str, Array]) -> dict[str, float]:
    """Return the shared alphas, or their gradients, by the layer's name."""
    return {n.removesuffix(".alpha"): v.item() for n, v in values.items() if n.endswith(".alpha")}
