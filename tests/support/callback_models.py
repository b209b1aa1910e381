"""A model with nothing but what callbacks may use, and a run of epochs that only reports."""

from __future__ import annotations

import numpy as np


class FakeModel:
    """Parameters that are views of an array, the way the engine's are."""

    def __init__(self, learning_rate=0.1):
        self.stop_training = False
        self.learning_rate = learning_rate
        self._weight = np.zeros(2)

    def parameters(self):
        """Return a read-only view, which shows every later change."""
        view = self._weight.view()
        view.flags.writeable = False
        return {"0.weight": view}

    def set_parameters(self, parameters):
        """Write into the array that the views show."""
        self._weight[:] = parameters["0.weight"]


def run(callback, model, reports, *, first=0, state=None):
    """Report epoch after epoch until the callback stops training; return how many there were.

    Each epoch first moves the parameters to its number. A `state` is set where fit sets it.
    """
    model.stop_training = False
    callback.set_model(model)
    callback.set_params({"epochs": first + len(reports)})
    callback.on_train_begin()
    if state is not None:
        callback.set_state(state)
    done = 0
    for epoch, logs in enumerate(reports, start=first):
        if model.stop_training:
            break
        callback.on_epoch_begin(epoch)
        model.set_parameters({"0.weight": np.full(2, float(epoch))})
        callback.on_epoch_end(epoch, logs)
        done += 1
    callback.on_train_end()
    callback.close()
    return done


def losses(*values, name="val_loss"):
    """Return the logs of epochs that report one number."""
    return [{"loss": 0.0, name: value} for value in values]
