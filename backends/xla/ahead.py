"""What Python runs before the compiled steps: functions of time and processes without input."""

import collections

import nengo
import numpy as np
from nengo.builder.operator import SimPyFunc
from nengo.builder.processes import SimProcess
from nengo.builder.signal import SignalDict

from . import registry

# They do not use random numbers, so that all items of a minibatch see the same.
SAME_FOR_ALL = (nengo.processes.PresentInput, nengo.processes.Piecewise)


def find_ahead(ops, feeds=()):
    """Return the operators that Python runs ahead of the steps.

    Those are processes without input, and functions of the time, of constants and of what such
    operators give.

    Parameters
    ----------
    ops : sequence of Operator
        In the order of the model's steps.
    feeds : sequence of nengo_pc.backends.xla.plan.Feed

    Returns
    -------
    list of Operator
    """
    writers = collections.defaultdict(list)
    for op in (*feeds, *ops):
        for signal in op.sets + op.incs + op.updates:
            writers[signal.base].append((signal, op))
    ahead = {}
    for op in ops:
        if isinstance(op, SimProcess):
            known = op.input is None
        elif isinstance(op, SimPyFunc) and registry.function_of(op.fn) is None:
            sources = [] if op.x is None else writers[op.x.base]
            known = all(
                source in ahead and not source.incs
                for signal, source in sources
                if signal.may_share_memory(op.x)
            )
        else:
            known = False
        if known:
            ahead[op] = True
    return list(ahead)


def written_ahead(op):
    """Return what such an operator writes: ``[(signal, "set", "inc" or "update")]``.

    Its state, which nobody else reads, stays with Python.
    """
    kinds = (("set", op.sets), ("inc", op.incs), ("update", op.updates))
    return [(op.output, kind) for kind, signals in kinds if op.output in signals]


class Ahead:
    """Nengo's step functions of the operators that run ahead, for each item of a minibatch.

    Item i draws from what Nengo's simulator would draw from with ``seed + i``, so that a run of
    one item is the reference's.

    Parameters
    ----------
    operators : sequence of Operator
        In the order of the model's steps.
    step_order : sequence of Operator
        Of the whole model, since operators share a stream of random numbers.
    clock : tuple of Signal
        The model's step and time.
    dt : float
        In s.
    seed : int
    batch : int
        Items of the minibatch.
    """

    def __init__(self, operators, step_order, clock, dt, seed, batch):
        self.batch, self.dt = batch, dt
        self._clock = clock
        self._shared = self._find_shared(operators)
        self._steps = {op: [] for op in operators}
        self._arrays = []
        n_items = 1 if len(self._shared) == len(operators) else batch
        for item in range(n_items if operators else 0):
            rng = np.random.RandomState((seed + item) % 2**32)
            arrays = SignalDict()
            for signal in (*clock, *(s for op in operators for s in op.all_signals)):
                if signal not in arrays:
                    arrays.init(signal)
            self._arrays.append(arrays)
            for op in step_order:
                if op in self._steps and (item == 0 or op not in self._shared):
                    self._steps[op].append(op.make_step(arrays, dt, rng))
                elif isinstance(op, SimProcess):
                    op.process.get_rng(rng)  # draws a seed, as in the reference

    @staticmethod
    def _find_shared(operators):
        """Return the operators that are run once for the whole minibatch."""
        shared = set()
        for op in operators:
            if isinstance(op, SimProcess):
                same = type(op.process) in SAME_FOR_ALL
            else:
                sources = [] if op.x is None else operators
                same = all(
                    source in shared
                    for source in sources
                    if any(s.may_share_memory(op.x) for s in source.sets + source.updates)
                )
            if same:
                shared.add(op)
        return shared

    def n_items(self, op):
        """Return for how many items an operator is run."""
        return 1 if op in self._shared else self.batch

    def put(self, base, value):
        """Take what was written to a constant."""
        for arrays in self._arrays:
            # Nengo's array of what is read-only is the initial value itself, for all to see.
            if base in arrays and not base.readonly:
                arrays[base] = value

    def zeros(self, op, n_steps):
        """Return an array for what an operator gives: ``(n_steps, size, items)``."""
        size = 0 if op.output is None else op.output.size
        return np.zeros((n_steps, size, self.n_items(op)))

    def run(self, ops, start, n_steps, capacity, before_step=lambda n: None):
        """Run operators step by step: in each step all of them, in the model's order.

        Parameters
        ----------
        ops : sequence of Operator
            Those to run, in the order of the model's steps.
        start : int
            Number of the step before the first.
        n_steps, capacity : int
            Steps to run, and steps that the results have room for.
        before_step : callable
            Called with the number of each step before it.

        Returns
        -------
        values : list of ndarray
            For each operator ``(capacity, size, items)``.
        done : int
            Steps that were run to the end.
        error : BaseException or None
            What stopped them.
        """
        values = [self.zeros(op, capacity) for op in ops]
        done = 0
        try:
            # As in nengo.Simulator.step.
            with np.errstate(invalid="raise", divide="ignore"):
                while done < n_steps:
                    n = start + done + 1
                    before_step(n)
                    for arrays in self._arrays:
                        arrays[self._clock[0]][...] = n
                        arrays[self._clock[1]][...] = n * self.dt
                    for op, array in zip(ops, values):
                        self._step(op, array[done])
                    done += 1
        except BaseException as error:  # Ctrl-C as well
            return values, done, error
        return values, done, None

    def _step(self, op, row):
        for item, (arrays, step) in enumerate(zip(self._arrays, self._steps[op])):
            for signal in op.incs:
                arrays[signal][...] = 0
            step()
            if op.output is not None:
                row[:, item] = arrays[op.output].ravel()

    def skip(self, ops, n_steps):
        """Run operators for what they remember alone."""
        for start in range(0, n_steps, 1000):
            n = min(1000, n_steps - start)
            error = self.run(ops, start, n, n)[-1]
            if error is not None:
                raise error
