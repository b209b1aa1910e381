"""Parameters from outside: views, writing them, and sizes that no machine has."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import prelunet as pn
from network_models import dense, inputs, labelled, mlp, parameter_copies
from subprocesses import run_code
from tolerances import assert_same_bits

# ---- views -------------------------------------------------------------------------------------


def test_views_are_read_only_and_follow_training(rng, dtype):
    model = mlp(dtype=np.dtype(dtype).name)
    views, before = model.parameters(), parameter_copies(model)
    for name, view in views.items():
        assert view.dtype == dtype
        assert view.flags.c_contiguous
        assert view.flags.aligned
        assert not view.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0.0
        with pytest.raises(ValueError, match="WRITEABLE"):
            view.flags.writeable = True
        assert np.shares_memory(view, model.parameters()[name])
    model.fit(*labelled(rng, 50))
    for name, view in views.items():
        assert not np.array_equal(view, before[name])
        assert_same_bits(view, model.parameters()[name], name)


def test_views_keep_their_memory_alive(rng):
    model = mlp(widths=(300, 5))
    model.fit(*labelled(rng, 50))
    views, kept = model.parameters(), parameter_copies(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    others = [mlp(widths=(300, 5), seed=seed) for seed in range(20)]  # they would take the place
    for name, view in views.items():
        assert_same_bits(view, kept[name], name)
    assert len(others) == 20


# ---- set_parameters ----------------------------------------------------------------------------


def test_what_is_set_is_what_is_used(rng, dtype):
    name = np.dtype(dtype).name
    source, model = mlp(dtype=name, seed=1), mlp(dtype=name, seed=2)
    X = inputs(rng, 300)
    model.set_parameters(source.parameters())
    assert_same_bits(model.predict(X), source.predict(X))
    model.set_parameters({"0.weight": -source.parameters()["0.weight"]})
    assert_same_bits(model.predict(-X), source.predict(X))
    for key, values in model.parameters().items():
        if key != "0.weight":
            assert_same_bits(values, source.parameters()[key], key)


def test_values_in_any_layout_and_real_dtype_are_rounded(rng):
    model = mlp(dtype="float32")
    wanted = rng.standard_normal((33, 19))
    for given in (
        wanted,
        np.asfortranarray(wanted),
        wanted[::-1].copy()[::-1],
        np.repeat(wanted, 2, axis=1)[:, ::2],
        wanted.tolist(),
        wanted.astype(wanted.dtype.newbyteorder()),
    ):
        model.set_parameters({"0.weight": np.zeros((33, 19))})
        model.set_parameters({"0.weight": given})
        assert_same_bits(model.parameters()["0.weight"], wanted.astype(np.float32))
    model.set_parameters({"0.weight": np.broadcast_to(np.arange(19), (33, 19))})
    expected = np.tile(np.arange(19, dtype=np.float32), (33, 1))
    assert_same_bits(model.parameters()["0.weight"], expected)


@pytest.mark.parametrize(
    ("name", "values", "error"),
    [
        ("0.weights", np.zeros((33, 19)), ValueError),
        ("weight", np.zeros((33, 19)), ValueError),
        (0, np.zeros((33, 19)), ValueError),
        ("2.weight", np.zeros((33, 18)), ValueError),
        ("2.weight", np.zeros((18, 33, 1)), ValueError),
        ("2.weight", np.zeros((33, 18)).T[:, :, None], ValueError),
        ("2.weight", 0.0, ValueError),
        ("2.weight", [[1.0], [1.0, 2.0]], ValueError),
        ("2.weight", np.zeros((18, 33), complex), TypeError),
        ("2.weight", np.zeros((18, 33)).astype(str), TypeError),
        ("2.weight", np.zeros((18, 33), object), TypeError),
        ("2.weight", np.zeros((18, 33), np.longdouble), TypeError),
    ],
)
def test_nothing_is_set_where_one_does_not_fit(name, values, error):
    model = mlp()
    before = parameter_copies(model)
    with pytest.raises(error, match="set_parameters: ") as caught:
        model.set_parameters({"0.bias": np.ones(33), name: values})
    assert str(name) in str(caught.value)
    for key, kept in before.items():
        assert_same_bits(model.parameters()[key], kept, key)


# ---- a model that is not ready -----------------------------------------------------------------


def unbuilt():
    """Return a compiled model whose input shape is not known."""
    model = pn.Sequential([dense(8), pn.PReLU(), dense(5)], seed=1)
    model.compile()
    return model


@pytest.mark.parametrize("call", ["fit", "train_epoch", "train_on_batch", "evaluate"])
def test_a_first_call_that_fails_leaves_the_input_shape_open(rng, call):
    X, y = labelled(rng, 30)
    model = unbuilt()
    for wrong_X, wrong_y in (
        (X.astype(str), y),
        (X[:, :3].astype(complex), y),
        (X[:, :3], y[1:]),
        (X[:, :3], np.append(y[:-1], 5)),
        (X[:0], y[:0]),
        (X[0], y),
    ):
        with pytest.raises((TypeError, ValueError)):
            getattr(model, call)(wrong_X, wrong_y)
        assert model.input_shape is None
    getattr(model, call)(X, y)
    assert model.input_shape == (19,)


def test_a_first_prediction_that_fails_leaves_the_input_shape_open(rng):
    model = unbuilt()
    with pytest.raises(TypeError):
        model.predict(inputs(rng, 3, (4,)).astype(str))
    assert model.input_shape is None
    assert model.predict(inputs(rng, 3)).shape == (3, 5)


def test_the_first_fit_builds_what_an_input_shape_builds(rng):
    X, y = labelled(rng, 30)
    late = unbuilt()
    early = pn.Sequential(late.layers, input_shape=(19,), seed=1)
    early.compile()
    for model in (late, early):
        model.fit(X, y)
    for name, values in early.parameters().items():
        assert_same_bits(late.parameters()[name], values, name)


def test_calls_that_come_too_early_say_what_is_missing(rng):
    X, y = labelled(rng, 30)
    model = pn.Sequential([dense(5)])
    for call in (model.fit, model.train_epoch, model.train_on_batch, model.evaluate):
        with pytest.raises(RuntimeError, match="compile the model first"):
            call(X, y)
    assert model.input_shape is None
    for unknown in (model.parameters, model.summary, lambda: model.set_parameters({})):
        with pytest.raises(RuntimeError, match="input_shape is not known"):
            unknown()


# ---- sizes -------------------------------------------------------------------------------------


def test_sizes_that_no_machine_has_are_errors():
    """Products beyond 2**63 must not wrap to something small."""
    run_code(
        """
        import resource, sys
        import prelunet as pn

        # What could be had after all is not asked of the machine that tests.
        resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, resource.RLIM_INFINITY))
        wide = 2**30
        for size in map(int, sys.argv[1:]):
            networks = [
                lambda: pn.Sequential([pn.Dense(wide), pn.Dense(4)], input_shape=(size,)),
                lambda: pn.Sequential([pn.Dense(wide)], input_shape=(size,)),
                lambda: pn.Sequential([pn.Dense(size), pn.Dense(size)], input_shape=(1,)),
                lambda: pn.Sequential([pn.PReLU()], input_shape=(size * 2,)),
                lambda: pn.Sequential([pn.Flatten(), pn.ReLU()], input_shape=(size, size, 4)),
                # products that are 0 modulo 2**64
                lambda: pn.Sequential([pn.Dense(2**32, use_bias=False)], input_shape=(2**32,)),
                lambda: pn.Sequential([pn.Flatten(), pn.ELU()], input_shape=(4, size, 2**62)),
            ]
            for number, build in enumerate(networks):
                try:
                    build()
                except (MemoryError, ValueError):
                    continue
                raise AssertionError(f"network {number} of size {size}")
        """,
        *(2**31, 2**40, 2**60, 2**62, 2**63 - 1, 2**63, 2**64, 2**70),
    )


def test_a_batch_that_no_machine_has_is_an_error():
    """Rows that take no memory themselves; their outputs would take 4.5 exabytes."""
    run_code(
        """
        import numpy as np
        import prelunet as pn

        model = pn.Sequential([pn.Dense(1000)], input_shape=(2,), seed=0)
        X = np.broadcast_to(np.ones(2), (2**50, 2))
        try:
            model.predict(X)
        except (MemoryError, ValueError):
            pass
        else:
            raise AssertionError
        assert np.isfinite(model.predict(X[:3])).all()
        """
    )
