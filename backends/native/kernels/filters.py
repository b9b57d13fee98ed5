"""Kernels of linear filters, ``X <- A X + B u``, ``y = C X``."""

from numba import njit

from ..codes import ADD_TO
from .arrays import part

NUMPY = {"error_model": "numpy"}


@njit(**NUMPY)
def put(y, x, mode):
    """Set y to x or add x to it; return whether x is finite."""
    wrong = False
    if mode == ADD_TO:
        for i in range(y.size):
            y[i] += x[i]
            d = x[i] - x[i]
            wrong |= d != d
    else:
        for i in range(y.size):
            y[i] = x[i]
            d = x[i] - x[i]
            wrong |= d != d
    return not wrong


@njit(**NUMPY)
def scale(y, u, d, mode):
    """Take a step of a filter without a state: ``y = d u``."""
    if mode == ADD_TO:
        for i in range(y.size):
            y[i] += d * u[i]
    else:
        for i in range(y.size):
            y[i] = d * u[i]


@njit(**NUMPY)
def first_order(x, u, a, b):
    """Take a step of a filter with one state, scaled so that the output is the state."""
    for i in range(x.size):
        x[i] = a * x[i] + b * u[i]


@njit(**NUMPY)
def second_order(y, x, u, p, mode):
    """Take a step of a filter with two states.

    Parameters
    ----------
    x : (2 n,) ndarray
    p : (8,) ndarray
        A by row, B, C.
    """
    n = y.size
    first, second = part(x, 0, n), part(x, n, n)
    aa, ab, ba, bb = p[0], p[1], p[2], p[3]
    ua, ub, ya, yb = p[4], p[5], p[6], p[7]
    wrong = False
    if mode == ADD_TO:
        for i in range(n):
            s = aa * first[i] + ab * second[i] + ua * u[i]
            t = ba * first[i] + bb * second[i] + ub * u[i]
            first[i], second[i] = s, t
            v = ya * s + yb * t
            y[i] += v
            d = v - v
            wrong |= d != d
    else:
        for i in range(n):
            s = aa * first[i] + ab * second[i] + ua * u[i]
            t = ba * first[i] + bb * second[i] + ub * u[i]
            first[i], second[i] = s, t
            v = ya * s + yb * t
            y[i] = v
            d = v - v
            wrong |= d != d
    return not wrong


@njit(**NUMPY)
def any_order(y, x, work, u, p, order, delayed, mode):
    """Take a step of a filter with any number of states.

    Parameters
    ----------
    x, work : (order n,) ndarray
        State, and room for the next.
    p : ndarray
        A by row, B, C, D.
    delayed : bool
        Whether the output is that of the state before the step, plus ``D u``.
    """
    n = y.size
    a = part(p, 0, order * order)
    b = part(p, order * order, order)
    c = part(p, order * (order + 1), order)
    if mode != ADD_TO:
        for i in range(n):
            y[i] = 0
    if delayed:
        d = p[order * (order + 2)]
        for i in range(n):
            y[i] += d * u[i]
        for r in range(order):
            state, factor = part(x, r * n, n), c[r]
            for i in range(n):
                y[i] += factor * state[i]
    for r in range(order):
        new, factor = part(work, r * n, n), b[r]
        for i in range(n):
            new[i] = factor * u[i]
        for k in range(order):
            factor = a[r * order + k]
            if factor != 0:
                old = part(x, k * n, n)
                for i in range(n):
                    new[i] += factor * old[i]
    for i in range(order * n):
        x[i] = work[i]
    if not delayed:
        for r in range(order):
            state, factor = part(x, r * n, n), c[r]
            for i in range(n):
                y[i] += factor * state[i]
    wrong = False
    for i in range(n):
        d = y[i] - y[i]
        wrong |= d != d
    return not wrong
