"""Kernels of what a minibatch does together, each for a range of columns or rows."""

import numpy as np
from numba import njit

from .. import codes as c
from .arrays import part
from .growing import STEPS, begin, description, end, factors_of, settle
from .rules import scale_and_lose

SUMS = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}


@njit(error_model="numpy")
def share(size, turn, turns):
    """Return the first and last of what one of several threads does."""
    return size * turn // turns, size * (turn + 1) // turns


@njit(**SUMS)
def sum_of_outer(
    delta, long, short_size, buffer, along, across, factors, along_stride, stride, batch, kept,
    lost, weights,
):  # fmt: skip
    """``delta_j <- kept delta_j - lost weights_j + sum of factor across_j along``, for some j.

    Parameters
    ----------
    delta : (n * long,) ndarray
        Vectors j one after another, from the first that is asked for.
    long : int
        Size of a vector.
    short_size : int
        Number n of vectors.
    along, across : int
        Addresses of the first item's vectors: the one that all j share, and entry j, from the first
        that is asked for.
    factors : (batch,) ndarray
    along_stride, stride : int
        Entries between one item's and the next: 0 for what items share.
    """
    for j in range(short_size):
        d = part(delta, j * long, long)
        zero = factors[0] - factors[0]
        scale_and_lose(d, kept, lost, part(weights, j * long, long))
        for item in range(0, batch - 3, 4):
            shift, to = item * stride, along + item * along_stride
            f0 = factors[item] * buffer[across + shift + j]
            f1 = factors[item + 1] * buffer[across + shift + stride + j]
            f2 = factors[item + 2] * buffer[across + shift + 2 * stride + j]
            f3 = factors[item + 3] * buffer[across + shift + 3 * stride + j]
            if f0 == zero and f1 == zero and f2 == zero and f3 == zero:
                continue
            e0 = part(buffer, to, long)
            e1 = part(buffer, to + along_stride, long)
            e2 = part(buffer, to + 2 * along_stride, long)
            e3 = part(buffer, to + 3 * along_stride, long)
            for i in range(long):
                d[i] += f0 * e0[i] + f1 * e1[i] + f2 * e2[i] + f3 * e3[i]
        for item in range(batch - batch % 4, batch):
            f = factors[item] * buffer[across + item * stride + j]
            if f != zero:
                e = part(buffer, along + item * along_stride, long)
                for i in range(long):
                    d[i] += f * e[i]


@njit(error_model="numpy")
def together(ops, params, index, buffer, room, shared, stride, batch, mean, turn, turns):
    """Carry out instructions once for all items: a thread's share of each.

    Threads share out matrices by the vectors that are stored one after another, so that none needs
    what another works out.

    Parameters
    ----------
    ops : (n * `codes.WIDTH`,) ndarray of int64
        Instructions; addresses are the first item's.
    params, index, buffer : ndarray
    room : ndarray
        Room for a number for each item or row.
    shared, stride : int
        Entries of the shared part of the buffer, and between one item and the next.
    batch : int
    mean : bool
        Whether the changes of all items are averaged, not summed.
    turn, turns : int
        Number of this thread, and of threads.
    """
    zero, one = params[0], params[1]
    of_each = one / batch if mean else one
    wide = np.empty(1)
    for k in range(ops.size // c.WIDTH):
        o = part(ops, k * c.WIDTH, c.WIDTH)
        code, f, m = o[0], o[1], o[8]
        if code == c.BEGIN:
            if turn == 0:
                begin(description(m, ops), wide)
            continue
        if code == c.GROW:
            if turn == 0:
                g = description(m, ops)
                total = zero
                for item in range(batch):
                    total += buffer[o[4] + (item * stride if o[4] >= shared else 0)]
                factors = factors_of(g, wide)
                start = 4 + g[STEPS] * batch
                for item in range(batch):
                    factors[start + item] *= of_each
                end(g, wide, of_each * params[f], total, params[f + 1], params[f + 2])
            continue
        if code == c.SETTLE:
            settle(description(m, ops), wide, index, buffer, turn, turns)
            continue
        if code == c.COPY or code == c.ADD or code == c.FILL:
            first, last = share(m, turn, turns)
            y, x = (
                part(buffer, o[2] + first, last - first),
                part(buffer, o[3] + first, last - first),
            )
            for i in range(last - first):
                if code == c.ADD:
                    y[i] += x[i]
                else:
                    y[i] = x[i] if code == c.COPY else params[f]
            continue
        rows, columns, by_column = m, o[9], o[10]
        long, n = (rows, columns) if by_column else (columns, rows)
        first, last = share(n, turn, turns)
        delta = part(buffer, o[2] + first * long, (last - first) * long)
        if code == c.OUTER:
            total = zero
            for item in range(batch):
                move = stride if o[5] >= shared else 0
                rate = buffer[o[5] + item * move] if o[11] else one
                room[item] = of_each * params[f] * rate
                total += room[item]
            weights = part(buffer, o[6] + first * long, (last - first) * long)
            along, across = (o[3], o[4]) if by_column else (o[4], o[3])
            sum_of_outer(
                delta, long, last - first, buffer, along, across + first, room,
                stride if along >= shared else 0, stride if across >= shared else 0, batch,
                params[f + 1], total * params[f + 2], weights,
            )  # fmt: skip
        elif code == c.ADD_ROWS:
            move = stride if o[3] >= shared else 0
            for i in range(rows):
                room[i] = zero
                for item in range(batch):
                    room[i] += buffer[o[3] + item * move + i]
                room[i] *= of_each * params[f]
            weights = part(buffer, o[4] + first * long, (last - first) * long)
            for j in range(last - first):
                for i in range(long):
                    row = i if by_column else first + j
                    delta[j * long + i] += room[row] * weights[j * long + i]
