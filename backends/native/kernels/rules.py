"""Kernels of learning rules: the change of weights that the next step adds.

Matrices are given with the strides of their rows and columns, since they may be stored either way.
"""

import numpy as np
from numba import njit

from ..codes import BCM_POST, SQUARE
from .arrays import part
from .products import dot

SUMS = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}


@njit(**SUMS)
def scale_and_lose(delta, kept, lost, weights):
    """``delta <- kept delta - lost weights``; either factor may be 0."""
    zero = kept - kept
    if lost != zero:
        for i in range(delta.size):
            delta[i] = kept * delta[i] - lost * weights[i]
    elif kept == zero:
        for i in range(delta.size):
            delta[i] = zero
    else:
        for i in range(delta.size):
            delta[i] *= kept


@njit(**SUMS)
def outer(delta, rows, columns, by_column, factor, e, s):
    """``delta += factor e s^T``."""
    along, across = (e, s) if by_column else (s, e)
    for j in range(columns if by_column else rows):
        f = factor * across[j]
        if f != f - f:
            d = part(delta, j * along.size, along.size)
            for i in range(along.size):
                d[i] += along[i] * f


@njit(**SUMS)
def add_scaled_rows(delta, rows, columns, by_column, factor, scale, weights):
    """``delta += factor scale_i weights_ij``."""
    if by_column:
        for j in range(columns):
            d, w = part(delta, j * rows, rows), part(weights, j * rows, rows)
            for i in range(rows):
                d[i] += factor * scale[i] * w[i]
    else:
        for i in range(rows):
            f = factor * scale[i]
            d, w = part(delta, i * columns, columns), part(weights, i * columns, columns)
            for j in range(columns):
                d[j] += f * w[j]


@njit(error_model="numpy")
def prepare(out, post, other, signal, scales, kind):
    """Set ``out`` to what a rule makes of postsynaptic activities.

    BCM: ``post (post - theta)``, with theta as ``other``. Oja: ``post^2``. Voja: ``signal scales
    post``.
    """
    for i in range(out.size):
        if kind == BCM_POST:
            out[i] = post[i] * (post[i] - other[i])
        elif kind == SQUARE:
            out[i] = post[i] * post[i]
        else:
            out[i] = signal * scales[i] * post[i]


@njit(error_model="numpy")
def differences(s, out):
    """Set ``out`` to on - off, then off - on, of pairs ``[on, off]``."""
    half = s.size // 2
    for i in range(half):
        d = s[i] - s[half + i]
        out[i], out[half + i] = d, -d


@njit(**SUMS)
def least_squares(delta, rows, columns, by_column, inverse, r, e, work):
    """Take a step of recursive least squares; ``inverse`` is symmetric."""
    zero = r[0] - r[0]
    n = r.size
    for i in range(n):
        work[i] = dot(part(inverse, i * n, n), r, zero)
    gain = 1.0 / (1.0 + dot(r, work, zero))
    wrong = np.isnan(gain)
    for i in range(n):
        row = part(inverse, i * n, n)
        f = work[i]
        for j in range(n):
            row[j] -= f * (work[j] * gain)
    for i in range(rows):
        for j in range(columns):
            k = j * rows + i if by_column else i * columns + j
            delta[k] = e[i] * (-gain * work[j])
    return not wrong
