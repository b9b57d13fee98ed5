"""The time loop: one compiled function that carries out the instructions of any network.

It is compiled once for each float type and machine, and kept on disk by Numba. Numba looks only at
this file to tell whether what it kept is up to date, so the digest of all kernels is a part of the
function.
"""

import hashlib
from pathlib import Path

import numpy as np
from numba import njit

from . import codes as c
from .kernels.arrays import at_address, part
from .kernels.copies import (
    add,
    add_product,
    add_product_places,
    add_scaled,
    all_finite,
    copy,
    copy_places,
    fill,
)
from .kernels.filters import any_order, first_order, put, scale, second_order
from .kernels.growing import (
    add_weighted,
    begin,
    description,
    end,
    is_full,
    note,
    settle,
    settled,
)
from .kernels.jointly import together
from .kernels.neurons import (
    adapt,
    integrate,
    izhikevich,
    lif,
    lif_rate,
    rectified_linear,
    sigmoid,
    soft_lif_rate,
    stochastic,
    subtract,
    tanh,
)
from .kernels.nodes import divided_error, excess_power, gated_feedback, output_error
from .kernels.products import (
    add_by_column,
    add_by_row,
    add_convolution,
    add_sparse,
    is_dense,
    is_same,
)
from .kernels.rules import (
    add_scaled_rows,
    differences,
    least_squares,
    outer,
    prepare,
    scale_and_lose,
)

FOLDER = Path(__file__).parent


@njit(error_model="numpy")
def execute_tiles(
    k, ops, params, wide, index, buffer, places, own, shift, shared, keys, item, first_item, n, dt,
    from_step,
):  # fmt: skip
    """Carry out the instructions after this one, for some entries of their signals after others.

    Returns the place of the one that left something that is not finite, or -1.
    """
    row = part(ops, k * c.WIDTH, c.WIDTH)
    count, size = row[8], row[9]
    for start in range(0, size, c.TILE):
        for j in range(k + 1, k + 1 + count):
            given = part(ops, j * c.WIDTH, c.WIDTH)
            moves = given[c.WIDTH - 1]
            for q in range(c.WIDTH):
                own[q] = given[q] + (start if (moves >> q) & 1 else 0)
            own[8] = min(c.TILE, size - start)
            if not execute(
                own, ops, params, wide, index, buffer, places, shift, shared, keys, item,
                first_item, n, dt, from_step,
            ):  # fmt: skip
                return j
    return -1


@njit(error_model="numpy")
def unowned(array):
    """Return an array without what counts references to it; the owner must be kept."""
    return part(array, 0, array.size)


@njit(error_model="numpy")
def moved(buffer, shift):
    """Return a buffer from an entry on."""
    return part(buffer, shift, buffer.size - shift)


@njit(error_model="numpy")
def execute(
    o, ops, params, wide, index, buffer, places, shift, shared, keys, item, first_item, n, dt,
    from_step,
):  # fmt: skip
    """Carry out one instruction; return whether all that it left is finite."""
    code, f = o[0], o[1]
    y = o[2] + (shift if o[2] >= shared else 0)
    x = o[3] + (shift if o[3] >= shared else 0)
    a = o[4] + (shift if o[4] >= shared else 0)
    m = o[8]
    if code == c.BY_COLUMN:
        out = part(buffer, y, m)
        add_by_column(out, part(buffer, a, m * o[9]), part(buffer, x, o[9]), places)
        return all_finite(out)
    if code == c.LIF:
        v = o[5] + (shift if o[5] >= shared else 0)
        return lif(
            part(buffer, x, m),
            part(buffer, y, m),
            part(buffer, a, m),
            part(buffer, v, m),
            part(params, f, 8),
            places,
        )
    if code == c.COPY:
        copy(part(buffer, y, m), part(buffer, x, m))
    elif code == c.ADD:
        add(part(buffer, y, m), part(buffer, x, m))
    elif code == c.FILL:
        fill(part(buffer, y, m), params[f])
    elif code == c.FIRST_ORDER:
        state = part(buffer, a, m)
        first_order(state, part(buffer, x, m), params[f], params[f + 1])
        return put(part(buffer, y, m), state, o[9])
    elif code == c.SECOND_ORDER:
        return second_order(
            part(buffer, y, m),
            part(buffer, a, 2 * m),
            part(buffer, x, m),
            part(params, f, 8),
            o[9],
        )
    elif code == c.BY_ROW:
        out = part(buffer, y, m)
        add_by_row(out, part(buffer, a, m * o[9]), part(buffer, x, o[9]), params[0])
        return all_finite(out)
    elif code == c.HELD_BY_COLUMN:
        seen = o[5] + (shift if o[5] >= shared else 0)
        product = o[6] + (shift if o[6] >= shared else 0)
        q = o[9]
        out, given = part(buffer, y, m), part(buffer, x, q)
        if not is_dense(given, params[0]):
            add_by_column(out, part(buffer, a, m * q), given, places)
            return all_finite(out)
        last, kept = part(buffer, seen + 1, q), part(buffer, product, m)
        if buffer[seen] == params[0] or not is_same(last, given):
            copy(last, given)
            fill(kept, params[0])
            add_by_column(kept, part(buffer, a, m * q), given, places)
            buffer[seen] = params[1]
        add(out, kept)
        return all_finite(out)
    elif code == c.ADD_SCALED:
        add_scaled(part(buffer, y, m), buffer[a], part(buffer, x, m))
    elif code == c.ADD_PRODUCT:
        add_product(part(buffer, y, m), part(buffer, a, m), part(buffer, x, m))
    elif code == c.COPY_PLACES:
        copy_places(
            moved(buffer, shift * o[12]),
            part(index, o[9], m),
            moved(buffer, shift * o[13]),
            part(index, o[10], m),
            o[11],
        )
    elif code == c.ADD_PRODUCT_PLACES:
        add_product_places(
            moved(buffer, shift * o[12]),
            part(index, o[9], m),
            moved(buffer, shift * o[13]),
            part(index, o[10], m),
            moved(buffer, shift * o[14]),
            part(index, o[11], m),
        )
    elif code == c.SPARSE:
        q = o[9]
        add_sparse(
            part(buffer, y, m),
            part(buffer, x, q),
            part(buffer, a, o[10]),
            part(index, o[11], q + 1),
            part(index, o[12], o[10]),
            places,
        )
    elif code == c.CONVOLUTION:
        add_convolution(
            part(buffer, y, m),
            part(buffer, x, o[9]),
            part(buffer, a, o[10]),
            part(index, o[11], 12),
            params[0],
        )
    elif code == c.HELD_CONVOLUTION:
        seen = o[5] + (shift if o[5] >= shared else 0)
        product = o[6] + (shift if o[6] >= shared else 0)
        q = o[9]
        given, kernel, shape = part(buffer, x, q), part(buffer, a, o[10]), part(index, o[11], 12)
        if not is_dense(given, params[0]):
            add_convolution(part(buffer, y, m), given, kernel, shape, params[0])
            return True
        last, kept = part(buffer, seen + 1, q), part(buffer, product, m)
        if buffer[seen] == params[0] or not is_same(last, given):
            copy(last, given)
            fill(kept, params[0])
            add_convolution(kept, given, kernel, shape, params[0])
            buffer[seen] = params[1]
        add(part(buffer, y, m), kept)
    elif code == c.RECTIFIED_LINEAR:
        return rectified_linear(part(buffer, x, m), part(buffer, y, m), part(params, f, 2))
    elif code == c.SIGMOID:
        return sigmoid(part(buffer, x, m), part(buffer, y, m), part(params, f, 2))
    elif code == c.TANH:
        return tanh(part(buffer, x, m), part(buffer, y, m), part(params, f, 1))
    elif code == c.LIF_RATE:
        return lif_rate(part(buffer, x, m), part(buffer, y, m), part(params, f, 5))
    elif code == c.SOFT_LIF_RATE:
        return soft_lif_rate(part(buffer, x, m), part(buffer, y, m), part(params, f, 8))
    elif code == c.ADAPTIVE_LIF_RATE:
        work = o[5] + (shift if o[5] >= shared else 0)
        current = part(buffer, work, m)
        subtract(part(buffer, x, m), part(buffer, a, m), current)
        ok = lif_rate(current, part(buffer, y, m), part(params, f, 5))
        adapted = adapt(part(buffer, y, m), part(buffer, a, m), part(params, f + 5, 2))
        return ok and adapted
    elif code == c.ADAPTIVE_LIF:
        v = o[5] + (shift if o[5] >= shared else 0)
        n_state = o[6] + (shift if o[6] >= shared else 0)
        work = o[7] + (shift if o[7] >= shared else 0)
        current = part(buffer, work, m)
        subtract(part(buffer, x, m), part(buffer, n_state, m), current)
        ok = lif(
            current,
            part(buffer, y, m),
            part(buffer, a, m),
            part(buffer, v, m),
            part(params, f, 8),
            places,
        )
        adapted = adapt(part(buffer, y, m), part(buffer, n_state, m), part(params, f + 8, 2))
        return ok and adapted
    elif code == c.INTEGRATE:
        return integrate(
            part(buffer, x, m),
            part(buffer, y, m),
            part(buffer, a, m),
            part(params, f, 3),
            o[9],
        )
    elif code == c.IZHIKEVICH:
        u = o[5] + (shift if o[5] >= shared else 0)
        return izhikevich(
            part(buffer, x, m),
            part(buffer, y, m),
            part(buffer, a, m),
            part(buffer, u, m),
            part(params, f, 13),
        )
    elif code == c.STOCHASTIC:
        return stochastic(
            part(buffer, x, m),
            part(buffer, y, m),
            part(params, f, 3),
            o[9],
            o[10],
            keys[o[11]],
            item + first_item,
            n,
        )
    elif code == c.SCALE:
        scale(part(buffer, y, m), part(buffer, x, m), params[f], o[9])
    elif code == c.ANY_ORDER:
        order = o[10]
        work = o[5] + (shift if o[5] >= shared else 0)
        return any_order(
            part(buffer, y, m),
            part(buffer, a, order * m),
            part(buffer, work, order * m),
            part(buffer, x, m),
            part(params, f, order * (order + 2) + 1),
            order,
            o[11],
            o[9],
        )
    elif code == c.PREPARE:
        other = o[5] + (shift if o[5] >= shared else 0)
        prepare(
            part(buffer, y, m), part(buffer, x, m), part(buffer, a, m), buffer[other],
            part(params, f, m), o[9],
        )  # fmt: skip
    elif code == c.DIFFERENCES:
        differences(part(buffer, x, m), part(buffer, y, m))
    elif code == c.OUTER:
        rate = o[5] + (shift if o[5] >= shared else 0)
        weights = o[6] + (shift if o[6] >= shared else 0)
        factor = params[f] * (buffer[rate] if o[11] else params[1])
        size = m * o[9]
        delta = part(buffer, y, size)
        scale_and_lose(delta, params[f + 1], factor * params[f + 2], part(buffer, weights, size))
        outer(delta, m, o[9], o[10], factor, part(buffer, x, m), part(buffer, a, o[9]))
    elif code == c.ADD_ROWS:
        delta, weights = part(buffer, y, m * o[9]), part(buffer, a, m * o[9])
        add_scaled_rows(delta, m, o[9], o[10], params[f], part(buffer, x, m), weights)
    elif code == c.BEGIN:
        begin(description(m, ops), wide)
    elif code == c.WEIGHTED:
        out = part(buffer, y, m)
        add_weighted(
            description(o[10], ops), wide, index, buffer, out, part(buffer, x, o[9]), places
        )
        return all_finite(out)
    elif code == c.NOTE:
        g = description(m, ops)
        rate = buffer[o[5] + (shift if o[5] >= shared else 0)]
        errors, activities = part(buffer, x, g[0]), part(buffer, a, g[1])
        note(g, wide, index, item, errors, activities, params[f] * rate)
    elif code == c.GROW:
        g = description(m, ops)
        end(g, wide, params[f], buffer[a], params[f + 1], params[f + 2])
        if is_full(g, index):
            settle(g, wide, index, buffer, 0, 1)
            settled(g, wide)
    elif code == c.RLS:
        inverse = o[5] + (shift if o[5] >= shared else 0)
        work = o[6] + (shift if o[6] >= shared else 0)
        q = o[9]
        return least_squares(
            part(buffer, y, m * q), m, q, o[10], part(buffer, inverse, q * q),
            part(buffer, a, q), part(buffer, x, m), part(buffer, work, q),
        )  # fmt: skip
    elif code == c.GATED_FEEDBACK:
        gated_feedback(part(buffer, y, m), part(buffer, x, 2 * m), o[9], part(params, f, 6))
    elif code == c.OUTPUT_ERROR:
        output_error(part(buffer, y, m), part(buffer, x, 2 * m + 1), o[9], params[f])
    elif code == c.EXCESS_POWER:
        excess_power(part(buffer, y, 1), part(buffer, x, m), params[f])
    elif code == c.DIVIDED_ERROR:
        divided_error(
            part(buffer, y, m), part(buffer, x, m + 1), params[f], params[f + 1], params[f + 2]
        )
    elif code == c.FALLING_RATE:
        buffer[y] = params[f] * max(0.0, 1.0 - n * dt / params[f + 1])
    elif code == c.FEED:
        row = item * o[10] + (n - from_step - 1)
        copy(part(buffer, y, m), at_address(o[9] + row * m * buffer.itemsize, m, buffer))
    elif code == c.PRESENT:
        duration = at_address(o[11], 1, wide)[0]
        row = int((n * dt - dt) / duration + 1e-7) % o[10]
        copy(part(buffer, y, m), at_address(o[9] + row * m * buffer.itemsize, m, buffer))
    return True


def _digest():
    """Return a number that changes with any kernel."""
    files = sorted([*FOLDER.glob("kernels/*.py"), FOLDER / "codes.py", Path(__file__)])
    texts = b"".join(path.read_bytes() for path in files)
    return int.from_bytes(hashlib.sha256(texts).digest()[:7], "big")


def compiled_loops(**options):
    """Return the loop and what items do together, to be compiled with their first call.

    Parameters
    ----------
    **options
        Of `numba.njit`: whether it is kept on disk.
    """
    version = _digest()

    @njit(nogil=True, error_model="numpy", **options)
    def loop(
        ops, params, index, buffer, control, probes, periods, counts, keys,
        first, last, shared, item_size, n_steps, dt, from_step, first_item, most_places,
    ):  # fmt: skip
        """Run items until the last step, or an instruction that Python carries out.

        Parameters
        ----------
        ops : (n * `codes.WIDTH`,) ndarray of int64
            Rows of instructions, one after another.
        params : ndarray
            Constants, of the buffer's type; the first two are 0 and 1.
        index : ndarray of int32
            Places and shapes.
        buffer : ndarray
        control : (4,) ndarray of int64
            Steps done, the next instruction, the item and the instruction that stopped.
        probes : (n_probes * 8,) ndarray of int64
            How much to keep, address, size, place of addresses or -1, address of the record, its
            rows, and whether addresses are of an item's part.
        periods : (n_probes,) ndarray
            Steps between samples.
        counts : (n_items, n_probes) ndarray of int64
            Samples so far.
        keys : ndarray of int64
            Of random numbers.
        first, last : int
            Items to run.
        shared, item_size : int
            Entries of the shared part of the buffer and of that of an item.
        n_steps : int
            Number of the last step.
        dt : float
        from_step : int
            Number of the step before the run.
        first_item : int
            Number of the first item, for random numbers.
        most_places : int
            Entries of the largest signal.

        Returns
        -------
        int
            Why it stopped: a code of `codes`.
        """
        if version == 0:  # which makes the digest a part of this
            return -1
        # Without their owners, which compiled code would count references to.
        ops, params, index = unowned(ops), unowned(params), unowned(index)
        buffer, probes, keys = unowned(buffer), unowned(probes), unowned(keys)
        wide = np.empty(1)  # of the type of factors that must be exact
        places = np.empty(most_places, np.int32)
        own = np.empty(c.WIDTH, np.int64)  # an instruction for a part of its signals
        n_ops = ops.size // c.WIDTH
        start, at = control[0], control[1]
        status = c.DONE
        done, k = start, at
        for item in range(first, last):
            shift = item * item_size
            done, k, status = start, at, c.DONE
            while True:
                if k == n_ops:
                    done += 1
                    k = 0
                    for p in range(periods.size):
                        row = part(probes, p * 8, 8)
                        m = row[2]
                        if periods[p] != 1.0 and not (done % periods[p] < 1):
                            continue
                        place = row[1] + (shift if row[1] >= shared else 0)
                        sample = counts[item, p]
                        if row[0] == c.KEEP_MEAN:
                            total = at_address(row[4] + item * m * 8, m, periods)
                            if row[3] < 0:
                                for i in range(m):
                                    total[i] += buffer[place + i]
                            else:
                                for i in range(m):
                                    total[i] += buffer[index[row[3] + i] + shift * row[6]]
                        else:
                            to = item * row[5] + (sample if row[0] == c.KEEP_ALL else 0)
                            record = at_address(row[4] + to * m * buffer.itemsize, m, buffer)
                            if row[3] < 0:
                                copy(record, part(buffer, place, m))
                            else:
                                for i in range(m):
                                    record[i] = buffer[index[row[3] + i] + shift * row[6]]
                        counts[item, p] = sample + 1
                    if item == first:
                        control[0] = done
                    if done == n_steps:
                        break
                    continue
                row = part(ops, k * c.WIDTH, c.WIDTH)
                code = row[0]
                if code == c.PYTHON:
                    status = c.AT_PYTHON
                    break
                if code == c.JOINT:
                    status = c.AT_JOINT
                    break
                if code == c.TILES:
                    wrong = execute_tiles(
                        k, ops, params, wide, index, buffer, places, own, shift, shared, keys,
                        item, first_item, done + 1, dt, from_step,
                    )  # fmt: skip
                    if wrong >= 0:
                        control[0], control[2], control[3] = done, item, wrong
                        return c.NOT_FINITE
                    k += row[8] + 1
                    continue
                if not execute(
                    row, ops, params, wide, index, buffer, places, shift, shared, keys, item,
                    first_item, done + 1, dt, from_step,
                ):  # fmt: skip
                    control[0], control[2], control[3] = done, item, k
                    return c.NOT_FINITE
                k += 1
        control[1] = k
        return status

    @njit(nogil=True, error_model="numpy", **options)
    def joint(ops, params, index, buffer, shared, stride, batch, mean, turn, turns, most_places):
        """Carry out instructions once for all items; see `kernels.jointly.together`."""
        if version == 0:
            return -1
        room = np.empty(most_places + batch, buffer.dtype)
        together(ops, params, index, buffer, room, shared, stride, batch, mean, turn, turns)
        return c.DONE

    return loop, joint
