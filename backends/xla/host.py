"""What Python runs: Nengo's own step functions of Node functions, processes and the like."""

import nengo
import numpy as np
from nengo.builder.operator import SimPyFunc
from nengo.builder.processes import SimProcess

# They do not use random numbers, so that all items of a minibatch see the same.
SAME_FOR_ALL = (nengo.processes.PresentInput, nengo.processes.Piecewise)


def is_of_time_alone(op):
    """Whether a `SimPyFunc` has no input, or one that nobody may write to."""
    return op.x is None or op.x.readonly


class Host:
    """Nengo's step functions of some operators, for each item of a minibatch.

    Item i draws from what Nengo's simulator would draw from with ``seed + i``, so that a run of
    one item is the reference's.

    Parameters
    ----------
    operators : sequence of Operator
    step_order : sequence of Operator
        Of the whole model, since operators share a stream of random numbers.
    clock : tuple of Signal
        The model's step and time.
    dt : float
    seed : int
    batch : int
    """

    def __init__(self, operators, step_order, clock, dt, seed, batch):
        self.batch = batch
        self.dt = dt
        self._clock = clock
        self._items = {op: [] for op in operators}
        for item in range(batch if self._items else 0):
            rng = np.random.RandomState((seed + item) % 2**32)
            for op in step_order:
                if op in self._items and (item == 0 or not self.is_shared(op)):
                    signals = {s: np.array(s.initial_value) for s in op.all_signals}
                    self._items[op].append((signals, op.make_step(signals, dt, rng)))
                elif isinstance(op, SimProcess) and op not in self._items:
                    op.process.get_rng(rng)  # draws a seed, as in the reference
            if all(self.is_shared(op) for op in operators):
                break

    @staticmethod
    def is_shared(op):
        """Whether an operator is run once for the whole minibatch."""
        if isinstance(op, SimPyFunc):
            return is_of_time_alone(op)
        return isinstance(op, SimProcess) and type(op.process) in SAME_FOR_ALL

    def n_items(self, op):
        """For how many items an operator is run."""
        return 1 if self.is_shared(op) else self.batch

    def ahead(self, op, start, n_steps, capacity):
        """What an operator that needs the time alone gives, ``(capacity, size, items)``."""
        output = op.output
        size = 0 if output is None else output.size
        values = np.zeros((capacity, size, self.n_items(op)))
        for item, (signals, step) in enumerate(self._items[op]):
            for i in range(n_steps):
                self._set_clock(signals, start + i + 1)
                for signal in op.incs:
                    signals[signal][...] = 0
                step()
                if output is not None:
                    values[i, :, item] = signals[output].ravel()
        return values

    def skip(self, ops, n_steps):
        """Run operators that need the time alone, for what they remember."""
        for op in ops:
            for start in range(0, n_steps, 1000):
                n = min(1000, n_steps - start)
                self.ahead(op, start, n, n)

    def run(self, op, n, inputs):
        """Run an operator in step ``n``.

        Parameters
        ----------
        op : Operator
        n : int
        inputs : dict of {Signal: ndarray}
            ``(size, items or 1)`` each.

        Returns
        -------
        dict of {Signal: ndarray}
            What it sets, adds and updates, ``(size, items)`` each.
        """
        written = op.sets + op.incs + op.updates
        results = {s: np.empty((s.size, self.n_items(op))) for s in written}
        for item, (signals, step) in enumerate(self._items[op]):
            self._set_clock(signals, n)
            for signal, value in inputs.items():
                column = value[:, min(item, value.shape[1] - 1)]
                signals[signal][...] = column.reshape(signal.shape)
            for signal in op.incs:
                signals[signal][...] = 0
            step()
            for signal in written:
                results[signal][:, item] = signals[signal].ravel()
        return results

    def _set_clock(self, signals, n):
        step, time = self._clock
        if step in signals:
            signals[step][...] = n
        if time in signals:
            signals[time][...] = n * self.dt
