"""What Python runs before the compiled steps: functions of time and processes without input."""

import nengo
import numpy as np
from nengo.builder.operator import SimPyFunc
from nengo.builder.processes import SimProcess

from . import registry

# They do not use random numbers, so that all items of a minibatch see the same.
SAME_FOR_ALL = (nengo.processes.PresentInput, nengo.processes.Piecewise)


def runs_ahead(op):
    """Return whether Python runs an operator ahead of the steps."""
    if isinstance(op, SimPyFunc):
        alone = op.x is None or op.x.readonly  # nobody may write to that
        return alone and registry.function_of(op.fn) is None
    return isinstance(op, SimProcess) and op.input is None


def is_shared(op):
    """Return whether an operator is run once for the whole minibatch."""
    return isinstance(op, SimPyFunc) or type(op.process) in SAME_FOR_ALL


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
        self._n, self._time = (np.array(signal.initial_value) for signal in clock)
        self._items = {op: [] for op in operators}
        n_items = 1 if all(map(is_shared, operators)) else batch
        for item in range(n_items if operators else 0):
            rng = np.random.RandomState((seed + item) % 2**32)
            for op in step_order:
                if op in self._items and (item == 0 or not is_shared(op)):
                    signals = {s: np.array(s.initial_value) for s in op.all_signals}
                    signals |= dict(zip(clock, (self._n, self._time)))
                    self._items[op].append((signals, op.make_step(signals, dt, rng)))
                elif isinstance(op, SimProcess):
                    op.process.get_rng(rng)  # draws a seed, as in the reference

    def n_items(self, op):
        """Return for how many items an operator is run."""
        return 1 if is_shared(op) else self.batch

    def put(self, base, signals):
        """Take what was written to a constant that operators read.

        Parameters
        ----------
        base : Signal
        signals : nengo_pc.backends.xla.signals.Signals
        """
        for items in self._items.values():
            for arrays, _ in items:
                for signal in arrays:
                    if signal.base is base:
                        arrays[signal][...] = signals.array(signal)

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
                    self._n[...], self._time[...] = n, n * self.dt
                    for op, array in zip(ops, values):
                        self._step(op, array[done])
                    done += 1
        except BaseException as error:  # Ctrl-C as well
            return values, done, error
        return values, done, None

    def _step(self, op, row):
        for item, (signals, step) in enumerate(self._items[op]):
            for signal in op.incs:
                signals[signal][...] = 0
            step()
            if op.output is not None:
                row[:, item] = signals[op.output].ravel()

    def skip(self, ops, n_steps):
        """Run operators for what they remember alone."""
        for start in range(0, n_steps, 1000):
            n = min(1000, n_steps - start)
            error = self.run(ops, start, n, n)[-1]
            if error is not None:
                raise error
