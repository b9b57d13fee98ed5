"""What a run carries out: instructions in order, and what Python does between them."""

import contextlib
import functools

import numpy as np

from . import codes
from .joint import is_joint


class Plan:
    """List the instructions of a run.

    Parameters
    ----------
    simulator : Simulator
    fed : list of Signal
        Outputs of Nodes that are given for each step.
    given : collection of Signal
        All outputs that are given, which their operators do not set.

    Attributes
    ----------
    ops : (n, `codes.WIDTH`) ndarray of int64
    operator_at : list of Operator or None
        For each instruction.
    calls_at : dict of {int: list of callable}
        What Python calls, by the place of an instruction `codes.PYTHON`.
    joint_at : dict of {int: (n * `codes.WIDTH`,) ndarray of int64}
        What is done once for all items, by the place of an instruction `codes.JOINT`.
    stops : int
        How often items wait for one another in a step.
    """

    def __init__(self, simulator, fed, given):
        self._rows, self.operator_at, self.calls_at, self.joint_at = [], [], {}, {}
        self._fed, self._values = [], []
        memory, steps = simulator._memory, simulator._python.steps
        if memory.zeroed_size:
            self._add([codes.FILL, 0, memory.zeroed_start, 0, 0, 0, 0, 0, memory.zeroed_size])
        for i, signal in enumerate(fed):
            if simulator._loop is None:
                self._python([functools.partial(self._feed, simulator, i, signal)])
                continue
            self._fed.append(len(self._rows))
            self._add([codes.FEED, 0, memory.address(signal), 0, 0, 0, 0, 0, signal.size])
        waiting = []  # to be done for all items, at once for operators that are ready at once
        for op in self._order(simulator):
            if any(signal in given for signal in op.sets):
                continue
            rows = simulator._rows[op]
            together = [row for row in rows or () if is_joint(row, memory)]
            if waiting and not (together and simulator.is_data):
                self._jointly(waiting)
                waiting = []
            if rows is None:
                self._python([own[op] for own in steps])
            for row in rows or ():
                if row not in together:
                    self._add(row, op)
            waiting += together
        if waiting:
            self._jointly(waiting)
        if simulator._beside:
            self._python([simulator._record_beside])
        self._tile()
        self.stops = len(self.joint_at) + len(self.calls_at)
        shape = (len(self._rows), codes.WIDTH)
        self.ops = np.zeros(shape, np.int64)
        for to, row in zip(self.ops, self._rows):
            to[: len(row)] = row

    def _add(self, row, op=None):
        self._rows.append(row)
        self.operator_at.append(op)

    @staticmethod
    def _order(simulator):
        """Return the operators in an order that stops seldom for what items do together."""
        memory, rows = simulator._memory, simulator._rows
        order = simulator._step_order
        if not memory.shared or not simulator.is_data:
            return order
        together = {op for op in order if any(is_joint(row, memory) for row in rows[op] or ())}
        waits = dict.fromkeys(order, 0)
        for op in order:
            for after in simulator.dg[op]:
                if after in waits:
                    waits[after] += 1
        ready, result = [op for op in order if not waits[op]], []
        while ready:
            now = [op for op in ready if op not in together] or ready
            ready = [op for op in ready if op not in set(now)]
            for op in now:
                result.append(op)
                for after in simulator.dg[op]:
                    if after in waits:
                        waits[after] -= 1
                        if not waits[after]:
                            ready.append(after)
        return result

    def _jointly(self, rows):
        """Add what is done once for all items."""
        self.joint_at[len(self._rows)] = np.array(rows, np.int64).ravel()
        self._add([codes.JOINT])

    def _python(self, calls):
        """Add what Python calls, together with what it called just before."""
        if not (self._rows and self._rows[-1][0] == codes.PYTHON):
            self._add([codes.PYTHON])
            self.calls_at[len(self._rows) - 1] = []
        self.calls_at[len(self._rows) - 1].extend(calls)

    def _tile(self):
        """Have instructions work through large signals part by part, one after the other."""
        rows, operators, place = [], [], {}
        k = 0
        while k < len(self._rows):
            n = _tiled(self._rows[k:])
            if n > 1:
                rows.append([codes.TILES, *(0,) * 7, n, self._rows[k][codes.FIRST_INT]])
                operators.append(None)
            for j in range(k, k + n):
                place[j] = len(rows)
                row = list(self._rows[j]) + [0] * (codes.WIDTH - len(self._rows[j]))
                if n > 1:
                    row[-1] = sum(1 << q for q in codes.ENTRYWISE[row[0]])
                rows.append(row)
                operators.append(self.operator_at[j])
            k += n
        self._rows, self.operator_at = rows, operators
        self._fed = [place[j] for j in self._fed]
        self.calls_at = {place[j]: calls for j, calls in self.calls_at.items()}
        self.joint_at = {place[j]: ops for j, ops in self.joint_at.items()}

    def _feed(self, simulator, i, signal):
        """Set an output to what is given for this step, as the compiled loop does."""
        row = int(simulator._control[0]) - simulator._from_step
        for signals, values in zip(simulator._items, self._values[i]):
            signals[signal][...] = values[row].reshape(signal.shape)

    def point_at(self, values):
        """Say where the outputs that are given lie: ``(batch, steps, size)`` arrays."""
        self._values = values  # which keeps them
        for k, array in zip(self._fed, values):
            self.ops[k, codes.FIRST_INT + 1] = array.ctypes.data
            self.ops[k, codes.FIRST_INT + 2] = array.shape[1]


def _tiled(rows):
    """Return how many of the first instructions can be carried out together, part by part.

    Their signals are of one size, and each is the same as another or apart from it.
    """
    size = rows[0][codes.FIRST_INT] if rows[0][0] in codes.ENTRYWISE else 0
    if size < 2 * codes.TILE:
        return 1
    starts, scalars = set(), set()
    for n, row in enumerate(rows):
        if row[0] not in codes.ENTRYWISE or row[codes.FIRST_INT] != size:
            return max(n, 1)
        starts |= {row[q] for q in codes.ENTRYWISE[row[0]]}
        if row[0] == codes.ADD_SCALED:
            scalars.add(row[4])
        ordered = sorted(starts)
        apart = all(b - a >= size for a, b in zip(ordered, ordered[1:]))
        inside = any(a <= scalar < a + size for a in starts for scalar in scalars)
        if not apart or inside:
            return max(n, 1)
    return len(rows)


@contextlib.contextmanager
def given_outputs(simulator, given):
    """Set the outputs of Nodes that are held, and put back what constants held before.

    Parameters
    ----------
    simulator : Simulator
    given : dict of {nengo.Node: (steps or 1, size, batch) ndarray}

    Yields
    ------
    dict of {Signal: (batch, steps, size) ndarray or None}
        None for those that are held.
    """
    fed, before = {}, []
    for node, values in given.items():
        signal = simulator.model.sig[node]["out"]
        arrays = [signals[signal] for signals in simulator._items]
        before += [(array, array.copy()) for array in arrays]
        fed[signal] = None
        if len(values) == 1:
            for i, array in enumerate(arrays):
                array[...] = values[0, :, i].reshape(array.shape)
        else:
            fed[signal] = np.ascontiguousarray(
                np.moveaxis(values, -1, 0), dtype=simulator._memory.dtype
            )
    try:
        yield fed
    finally:
        for array, values in before:
            array[...] = values


def plain_loop(ops, params, index, buffer, control, *rest):
    """Do what the compiled loop does where all instructions are Python's."""
    n_steps = rest[8]
    if control[1] == len(ops) // codes.WIDTH:
        control[:2] = control[0] + 1, 0
    return codes.DONE if control[0] == n_steps or not len(ops) else codes.AT_PYTHON
