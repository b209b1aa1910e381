"""Updates of parameters in NumPy: functions that return the kernel of a case."""

from __future__ import annotations

import math

import numpy as np

from ..cases.kernels import KernelCase
from ..cases.networks import Array
from . import Kernel


def sgd_update(case: KernelCase) -> Kernel:
    parameter, gradient = case.draw(), case.draw()
    work = np.empty_like(parameter)

    def run() -> tuple[Array, ...]:
        np.multiply(gradient, 1e-3, out=work)
        np.subtract(parameter, work, out=parameter)
        return (parameter,)

    return run


def momentum(case: KernelCase) -> Kernel:
    parameter, gradient = case.draw(), case.draw()
    work, velocity = np.zeros((2, *case.shape), parameter.dtype)

    def run() -> tuple[Array, ...]:
        np.multiply(velocity, 0.9, out=velocity)
        np.multiply(gradient, 1e-3, out=work)
        np.subtract(velocity, work, out=velocity)
        np.add(parameter, velocity, out=parameter)
        return (parameter, velocity)

    return run


def adam_update(case: KernelCase) -> Kernel:
    p, g = case.draw(), case.draw()
    m, v, work = np.zeros((3, *case.shape), p.dtype)
    bias_1, bias_2 = 1 - 0.9**10, math.sqrt(1 - 0.999**10)

    def run() -> tuple[Array, ...]:
        np.multiply(m, 0.9, out=m)
        np.multiply(g, 0.1, out=work)
        np.add(m, work, out=m)
        np.multiply(v, 0.999, out=v)
        np.square(g, out=work)
        np.multiply(work, 0.001, out=work)
        np.add(v, work, out=v)
        np.sqrt(v, out=work)
        np.multiply(work, 1 / bias_2, out=work)
        np.add(work, 1e-8, out=work)
        np.divide(m, work, out=work)
        np.multiply(work, 1e-3 / bias_1, out=work)
        np.subtract(p, work, out=p)
        return (p, m, v)

    return run


def rmsprop_update(case: KernelCase) -> Kernel:
    p, g = case.draw(), case.draw()
    v, work = np.zeros((2, *case.shape), p.dtype)

    def run() -> tuple[Array, ...]:
        np.multiply(v, 0.9, out=v)
        np.square(g, out=work)
        np.multiply(work, 0.1, out=work)
        np.add(v, work, out=v)
        np.add(v, 1e-7, out=work)
        np.sqrt(work, out=work)
        np.divide(g, work, out=work)
        np.multiply(work, 1e-3, out=work)
        np.subtract(p, work, out=p)
        return (p, v)

    return run


def lion_update(case: KernelCase) -> Kernel:
    p, g = case.draw(), case.draw()
    m, work, other = np.zeros((3, *case.shape), p.dtype)

    def run() -> tuple[Array, ...]:
        np.multiply(m, 0.9, out=work)
        np.multiply(g, 0.1, out=other)
        np.add(work, other, out=work)
        np.sign(work, out=work)
        np.multiply(work, 1e-3, out=work)
        np.subtract(p, work, out=p)
        np.multiply(m, 0.99, out=m)
        np.multiply(g, 0.01, out=other)
        np.add(m, other, out=m)
        return (p, m)

    return run
