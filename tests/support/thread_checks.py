"""A second thread at a model: what runs there, and how long a test waits for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import prelunet as pn

BUSY = "the model is being (trained or changed by another thread|fitted)"
PATIENCE = 20  # seconds to wait for another thread, at the very most


def in_another_thread(function):
    """Run a function in a thread of its own; return its result or raise its error here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(PATIENCE)


def during_a_fit(function, model, X, y):
    """Call the function once, from a callback of a fit; return what it gave."""
    given = []

    def call(epoch):
        if not given:
            given.append(function())

    model.fit(X, y, epochs=2, callbacks=[pn.LambdaCallback(on_epoch_begin=call)])
    return given[0]
