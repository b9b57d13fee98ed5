"""Kernels of weights that learn from few errors: what they are due is kept apart, and added seldom.

In each step weights w and their change d follow

    w <- w + d,    d <- kept d + factor (e s^T - decay w),

so all entries change, although few errors e are not zero. But apart from ``e s^T`` they all change
alike: ``(d, w) = P (D, W) + sum of (c_d, c_w) e s^T`` over the steps since D and W were brought up
to date, with four numbers P and two for each step. A product ``w x`` needs sums over the columns of
D and W where x is not zero, and an inner product ``s x`` for each step that is kept.

Exact but for rounding: errors below the rounding of the largest of their step are left out.
"""

import numpy as np
from numba import njit

from .arrays import at_address, part
from .copies import add_scaled
from .products import find_not_zero

SUMS = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}

# Entries of a description, int64.
ROWS, COLUMNS, WEIGHTS, DELTA, WINDOW, BATCH = 0, 1, 2, 3, 4, 5
ACTIVITIES, ERRORS, PLACES, COUNTS, FACTORS, STEPS = 6, 7, 8, 9, 10, 11
SIZE = 12
TILE_ROWS, TILE_COLUMNS = 16, 128
MOST_ERRORS = 8  # that are kept for each row, on average


@njit(error_model="numpy")
def description(address, ops):
    """Return the description at an address."""
    return at_address(address, SIZE, ops)


@njit(error_model="numpy")
def factors_of(g, wide):
    """Return P by row, then the factors of d and of w for each error vector kept."""
    return at_address(g[FACTORS], 4 + 2 * g[WINDOW] * g[BATCH], wide)


@njit(error_model="numpy")
def begin(g, wide):
    """Add changes to weights: ``w <- w + d``."""
    p = factors_of(g, wide)
    most = g[WINDOW] * g[BATCH]
    p[2] += p[0]
    p[3] += p[1]
    for k in range(g[STEPS] * g[BATCH]):
        p[4 + most + k] += p[4 + k]


@njit(error_model="numpy")
def end(g, wide, factor, rate_sum, kept, decay):
    """Take the step of d, with the errors that `note` kept: ``d <- kept d - lost w``.

    Parameters
    ----------
    factor : float
        Of each item's ``e s^T``, apart from its rate; that of each is in its place already.
    rate_sum : float
        Sum of rates over items.
    """
    p = factors_of(g, wide)
    most, n = g[WINDOW] * g[BATCH], g[STEPS] * g[BATCH]
    lost = factor * rate_sum * decay
    p[0] = kept * p[0] - lost * p[2]
    p[1] = kept * p[1] - lost * p[3]
    for k in range(n):
        p[4 + k] = kept * p[4 + k] - lost * p[4 + most + k]
    for k in range(n, n + g[BATCH]):
        p[4 + most + k] = 0.0
    g[STEPS] += 1


@njit(error_model="numpy")
def is_full(g, index):
    """Return whether it is time to bring weights up to date: before what is kept costs more."""
    counts = at_address(g[COUNTS], g[WINDOW] * g[BATCH], index)
    total = 0
    for k in range(g[STEPS] * g[BATCH]):
        total += counts[k]
    return g[STEPS] == g[WINDOW] or total > MOST_ERRORS * g[ROWS]


@njit(error_model="numpy")
def note(g, wide, index, item, e, s, factor):
    """Keep an item's errors and activities, for ``d += factor e s^T``."""
    slot = g[STEPS] * g[BATCH] + item
    rows, columns = g[ROWS], g[COLUMNS]
    values = at_address(g[ERRORS] + slot * rows * e.itemsize, rows, e)
    places = at_address(g[PLACES] + slot * rows * 4, rows, index)
    counts = at_address(g[COUNTS], g[WINDOW] * g[BATCH], index)
    factors_of(g, wide)[4 + slot] = factor
    largest = e[0] - e[0]
    for i in range(rows):
        size = abs(e[i])
        largest = size if size > largest else largest
    least = largest * np.finfo(e.dtype).eps / 2
    n = 0
    for i in range(rows):
        places[n] = i
        n += abs(e[i]) > least
    for k in range(n):
        values[k] = e[places[k]]
    counts[slot] = n
    if n:
        kept = at_address(g[ACTIVITIES] + slot * columns * s.itemsize, columns, s)
        for j in range(columns):
            kept[j] = s[j]


@njit(**SUMS)
def add_weighted(g, wide, index, buffer, y, x, places):
    """Add ``w x`` to y."""
    rows, columns = g[ROWS], g[COLUMNS]
    p = factors_of(g, wide)
    weights = part(buffer, g[WEIGHTS], rows * columns)
    delta = part(buffer, g[DELTA], rows * columns)
    # Of the type of the array, in which sums are made.
    scale = np.empty(2, y.dtype)
    scale[0], scale[1] = p[2], p[3]
    of_d, of_w = scale[0], scale[1]
    n = find_not_zero(x, places)
    for k in range(0, n - 1, 2):
        j0, j1 = places[k], places[k + 1]
        w0, w1 = part(weights, j0 * rows, rows), part(weights, j1 * rows, rows)
        d0, d1 = part(delta, j0 * rows, rows), part(delta, j1 * rows, rows)
        f0, f1, h0, h1 = of_w * x[j0], of_w * x[j1], of_d * x[j0], of_d * x[j1]
        for i in range(rows):
            y[i] += f0 * w0[i] + f1 * w1[i] + h0 * d0[i] + h1 * d1[i]
    if n % 2:
        j = places[n - 1]
        w, d = part(weights, j * rows, rows), part(delta, j * rows, rows)
        f, h = of_w * x[j], of_d * x[j]
        for i in range(rows):
            y[i] += f * w[i] + h * d[i]
    most = g[WINDOW] * g[BATCH]
    counts = at_address(g[COUNTS], most, index)
    for slot in range(g[STEPS] * g[BATCH]):
        m = counts[slot]
        if m == 0:
            continue
        s = at_address(g[ACTIVITIES] + slot * columns * x.itemsize, columns, x)
        total = of_d - of_d
        for k in range(n):
            total += s[places[k]] * x[places[k]]
        scale[0] = p[4 + most + slot] * total
        total = scale[0]
        if total == 0:
            continue
        values = at_address(g[ERRORS] + slot * rows * x.itemsize, rows, x)
        where = at_address(g[PLACES] + slot * rows * 4, rows, index)
        for k in range(m):
            y[where[k]] += total * values[k]


@njit(**SUMS)
def _add_outer(to_d, to_w, f, h, s):
    """Add multiples of a vector to two."""
    for j in range(s.size):
        to_d[j] += f * s[j]
        to_w[j] += h * s[j]


@njit(**SUMS)
def _combine(d, w, add_d, add_w, p, stride):
    """``(d, w) <- P (d, w) + (add_d, add_w)``, the latter read with a stride."""
    for i in range(d.size):
        old_d, old_w = d[i], w[i]
        d[i] = p[0] * old_d + p[1] * old_w + add_d[i * stride]
        w[i] = p[2] * old_d + p[3] * old_w + add_w[i * stride]


@njit(error_model="numpy")
def settle(g, wide, index, buffer, turn, turns):
    """Bring D and W up to date: a thread's share of the columns."""
    rows, columns, n = g[ROWS], g[COLUMNS], g[STEPS] * g[BATCH]
    most = g[WINDOW] * g[BATCH]
    p = factors_of(g, wide)
    counts = at_address(g[COUNTS], most, index)
    # For each row, the errors that it had, as a list.
    total = 0
    for slot in range(n):
        total += counts[slot]
    head, following = np.full(rows, -1, np.int32), np.empty(total + 1, np.int32)
    where, values = np.empty(total + 1, np.int32), np.empty(total + 1, buffer.dtype)
    entry = 0
    for slot in range(n):
        e = at_address(g[ERRORS] + slot * rows * buffer.itemsize, rows, buffer)
        at = at_address(g[PLACES] + slot * rows * 4, rows, index)
        for k in range(counts[slot]):
            i = at[k]
            where[entry], values[entry], following[entry] = slot, e[k], head[i]
            head[i] = entry
            entry += 1
    to_d = np.zeros(TILE_ROWS * TILE_COLUMNS, buffer.dtype)
    to_w = np.zeros(TILE_ROWS * TILE_COLUMNS, buffer.dtype)
    pp = np.empty(4, buffer.dtype)
    for k in range(4):
        pp[k] = p[k]
    scale = np.empty(2, buffer.dtype)
    first, last = columns * turn // turns, columns * (turn + 1) // turns
    for j0 in range(first, last, TILE_COLUMNS):
        width = min(TILE_COLUMNS, last - j0)
        for i0 in range(0, rows, TILE_ROWS):
            height = min(TILE_ROWS, rows - i0)
            for k in range(to_d.size):
                to_d[k] = 0
                to_w[k] = 0
            for i in range(height):
                k = head[i0 + i]
                d = part(to_d, i * TILE_COLUMNS, width)
                w = part(to_w, i * TILE_COLUMNS, width)
                while k >= 0:
                    slot = where[k]
                    scale[0] = p[4 + slot] * values[k]
                    scale[1] = p[4 + most + slot] * values[k]
                    s = at_address(
                        g[ACTIVITIES] + (slot * columns + j0) * buffer.itemsize, width, buffer
                    )
                    if scale[0] == 0:
                        add_scaled(w, scale[1], s)
                    else:
                        _add_outer(d, w, scale[0], scale[1], s)
                    k = following[k]
            for j in range(width):
                at = (j0 + j) * rows + i0
                _combine(
                    part(buffer, g[DELTA] + at, height),
                    part(buffer, g[WEIGHTS] + at, height),
                    part(to_d, j, to_d.size - j),
                    part(to_w, j, to_w.size - j),
                    pp,
                    TILE_COLUMNS,
                )


@njit(error_model="numpy")
def settled(g, wide):
    """Note that D and W are up to date."""
    p = factors_of(g, wide)
    p[0], p[1], p[2], p[3] = 1.0, 0.0, 0.0, 1.0
    g[STEPS] = 0
