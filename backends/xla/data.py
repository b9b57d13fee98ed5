"""What probes recorded, in the shapes that users expect."""

import numpy as np
from nengo.exceptions import SimulationError
from nengo.probe import Probe
from nengo.simulator import SimulationData


class Data(SimulationData):
    """Simulation data whose probes are recorded in chunks.

    Parameters
    ----------
    raw : dict
        What was built, by Nengo object.
    keep : dict of {nengo.Probe: {"all", "last", "mean"}}
    batched : bool
        Whether the first axis is the minibatch.

    Attributes
    ----------
    hidden : bool
        Whether what probes recorded cannot be looked at now: a Node's function that runs ahead
        would see too little.
    """

    def __init__(self, raw, keep, batched):
        super().__init__(raw)
        self.hidden = False
        self._keep, self._batched = keep, batched
        self._chunks = {probe: [] for probe in keep}
        self._shapes = dict.fromkeys(keep, ())
        self._n_steps = dict.fromkeys(keep, 0)

    def add(self, probe, record, shape, n_steps):
        """Add what a chunk of steps recorded.

        Parameters
        ----------
        probe : nengo.Probe
        record : ndarray
            All steps ``(n, size, batch)``, the last value or the sum ``(size, batch)``.
        shape : tuple of int
            Of the signal probed.
        n_steps : int
        """
        if self._keep[probe] == "last":
            self._chunks[probe].clear()
        self._chunks[probe].append(record)
        self._shapes[probe] = shape
        self._n_steps[probe] += n_steps
        self._cache.pop(probe, None)

    @property
    def recorded(self):
        """Return all that was recorded."""
        return self._chunks, self._shapes, self._n_steps

    @recorded.setter
    def recorded(self, recorded):
        self._chunks, self._shapes, self._n_steps = recorded
        self.reset()

    def __getitem__(self, key):
        """Return what was recorded of a probe, or built for another object."""
        if not isinstance(key, Probe) or key not in self._keep:
            return super().__getitem__(key)
        if self.hidden:
            raise SimulationError(
                "data of probes cannot be used by a Node's function on the xla backend, which runs "
                "it ahead of the steps; use nengo_pc.backends.native.Simulator (backend='native')"
            )
        if key not in self._cache:
            value = self._value(key)
            value.setflags(write=False)
            self._cache[key] = value
        return self._cache[key]

    def _value(self, probe):
        chunks, keep = self._chunks[probe], self._keep[probe]
        if not chunks:
            return np.zeros((0,))
        if keep == "all":
            value = np.concatenate(chunks)  # (steps, size, batch)
            if not (len(value) or self._batched):
                return np.zeros((0,))  # as nengo.Simulator has it
            shape = (value.shape[-1], len(value), *self._shapes[probe])
            value = np.moveaxis(value, -1, 0).reshape(shape)
        else:
            value = sum(chunks) / (self._n_steps[probe] if keep == "mean" else 1)
            value = value.T.reshape(-1, *self._shapes[probe])
        value = value if self._batched else value[0]
        return np.array(value)  # not a view of what would otherwise be freed
