"""Arrays of signals for whoever looks at them between runs, or writes to them."""

import numpy as np
from nengo.builder.signal import SignalDict


class Signals(SignalDict):
    """Arrays of those signals that there is something to see of between runs.

    Attributes
    ----------
    hand_out : callable or None
        Called with a base before its array is given; brings it up to date, or raises. None while
        the model is built.
    given : set of Signal
        Bases whose arrays somebody has.
    in_use : dict of {Signal: ndarray}
        Constants among them as the loop has them.
    built : dict of {Signal: ndarray}
        Constants among them as they were built.
    """

    def __init__(self):
        super().__init__()
        self.hand_out = None
        self.given, self.in_use, self.built = set(), {}, {}

    def __getitem__(self, key):
        if self.hand_out is not None:
            self.hand_out(key.base)
        return self.array(key)

    def get(self, key, default=None):
        """Return a signal's array, or the default if there is no such signal."""
        return self[key] if key in self else default  # noqa: SIM401, this is what get is

    def values(self):
        """Return all arrays."""
        return [self[key] for key in self]

    def items(self):
        """Return all signals with their arrays."""
        return [(key, self[key]) for key in self]

    def array(self, signal):
        """Return a signal's array as it is."""
        return super().__getitem__(signal)

    def put(self, signal, value):
        """Write to an array, read-only or not."""
        array = self.array(signal)
        writeable = array.flags.writeable
        array.setflags(write=True)
        array[...] = value
        array.setflags(write=writeable)

    def keep_constant(self, base):
        """Remember what a constant is before somebody can write to it."""
        if base not in self.built:
            # Nengo's array of what is read-only is the initial value itself.
            self.built[base] = self.in_use[base] = np.array(self.array(base))
        self.given.add(base)

    def changed(self):
        """Return the constants that were written to since this was last asked."""
        changed = [
            base
            for base in self.given & set(self.in_use)
            if not np.array_equal(self.array(base), self.in_use[base])
        ]
        self.in_use.update((base, np.array(self.array(base))) for base in changed)
        return changed
