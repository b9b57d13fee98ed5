"""Which weights are brought up to date seldom: see `kernels.growing`."""

import numpy as np
from nengo.builder.operator import Copy, DotInc
from nengo.builder.probe import SimProbe

from . import codes
from .program import load

# Matrices with fewer entries, and those that many items share, are as fast entry by entry.
LEAST = 4096
MOST_ITEMS = 4
MOST_STEPS, MOST_VECTORS = 64, 160  # that are kept, in all

_rules = set()


def grows(operator):
    """Register an operator type whose change is ``kept delta + factor (e s^T - decay weights)``.

    It has ``delta`` and ``weights``, and writes its instructions with `Group.write`.
    """
    _rules.add(operator)
    return operator


class Group:
    """Keep errors and activities of a matrix that learns, for some steps.

    Parameters
    ----------
    weights, delta : nengo.builder.Signal
    memory : Memory
    batch : int
    """

    def __init__(self, weights, delta, memory, batch):
        rows, columns = weights.shape
        window = max(1, min(MOST_STEPS, MOST_VECTORS // batch))
        n = window * batch
        self.weights = weights
        self._arrays = [
            np.zeros(n * columns, memory.dtype),
            np.zeros(n * rows, memory.dtype),
            np.zeros(n * rows, np.int32),
            np.zeros(n, np.int32),
            np.zeros(4 + 2 * n),
        ]
        self._arrays[-1][:4] = 1, 0, 0, 1
        addresses = [memory.address(weights), memory.address(delta)]
        pointers = [array.ctypes.data for array in self._arrays]
        numbers = [rows, columns, *addresses, window, batch, *pointers, 0]
        self.description = np.array(numbers, np.int64)

    @property
    def pointer(self):
        """Return the address of the description."""
        return self.description.ctypes.data

    @property
    def is_full(self):
        """Return whether there is no room for another step."""
        return self.description[-1] == self.description[4]

    @property
    def is_due(self):
        """Return whether the matrix is not up to date."""
        return self.description[-1] > 0 or self._arrays[-1][2] != 0

    def write(self, program, e, s, factor, kept, decay, rate):
        """Write a rule's instructions.

        Parameters
        ----------
        program : Program
        e, s : int
            Addresses of errors and activities.
        factor, kept, decay : float
        rate : nengo.builder.Signal
        """
        rate = program.address(rate)
        program.emit(codes.NOTE, [0, e, s, rate], [self.pointer], [factor])
        program.emit(codes.GROW, [0, 0, rate], [self.pointer], [factor, kept, decay])

    def settled(self):
        """Note that the matrix is up to date."""
        self.description[-1] = 0
        self._arrays[-1][:4] = 1, 0, 0, 1

    def settle(self):
        """Return the instruction that brings the matrix up to date."""
        return [codes.SETTLE, 0, 0, 0, 0, 0, 0, 0, self.pointer]


def groups_of(operators, memory, probed, batch):
    """Return a `Group` for each matrix that can be brought up to date seldom.

    Nothing else than its products and its rule may look at it within a run.

    Returns
    -------
    dict of {nengo.builder.Signal: Group}
        By weights and by their change.
    """
    for op in operators:
        load(type(op))
    writers, readers = {}, {}
    for op in operators:
        for signal in op.sets + op.incs + op.updates:
            writers.setdefault(signal.base, []).append(op)
        for signal in op.reads:
            if not isinstance(op, SimProbe):
                readers.setdefault(signal.base, []).append(op)
    found = {}
    for op in operators:
        if type(op) is not Copy or not op.inc:
            continue
        delta, weights = op.src, op.dst
        signals = (delta, weights)
        if weights.size < LEAST or delta.shape != weights.shape or op.src_slice or op.dst_slice:
            continue
        if not all(s in memory and memory.is_by_column(s) and s not in probed for s in signals):
            continue
        if batch > MOST_ITEMS or (batch > 1 and weights not in memory.shared):
            continue
        rule = writers[delta]
        if len(rule) > 1 or type(rule[0]) not in _rules or writers[weights] != [op]:
            continue
        products = [r for r in readers.get(weights, []) if r is not rule[0]]
        if readers[delta] != [op] or not all(_is_product(r, weights) for r in products):
            continue
        if any(r.X.base is weights or r.X.base is delta for r in products):
            continue
        found[delta] = found[weights] = Group(weights, delta, memory, batch)
    return found


def _is_product(op, matrix):
    return type(op) is DotInc and op.A is matrix and op.X.ndim == 1
