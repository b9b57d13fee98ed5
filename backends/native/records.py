"""What probes record: arrays that grow, read while a run goes on."""

from collections.abc import Mapping, MutableSequence

import numpy as np
from nengo.probe import Probe
from nengo.simulator import SimulationData

from . import codes

MODES = {"all": codes.KEEP_ALL, "last": codes.KEEP_LAST, "mean": codes.KEEP_MEAN}


class Records(SimulationData):
    """Simulation data whose probes are arrays that the loop writes to.

    Parameters
    ----------
    raw : dict
        What was built, by Nengo object.
    probes : dict of {nengo.Probe: (tuple of int, dtype)}
        Shape and type of the signals of those that are recorded.
    keep : dict of {nengo.Probe: {"all", "last", "mean"}}
    batch : int
        Items of the minibatch.
    batched : bool
        Whether data have a first axis of items.

    Attributes
    ----------
    counts : (batch, n_probes) ndarray of int64
        Samples so far.
    """

    def __init__(self, raw, probes, keep, batch, batched):
        super().__init__(_Raw(raw, self))
        self.probes = list(probes)
        self._keep, self._batch, self._batched = keep, batch, batched
        self._place = {probe: i for i, probe in enumerate(self.probes)}
        self._shapes = {probe: shape for probe, (shape, _) in probes.items()}
        self._types = {
            p: np.dtype("float64") if keep[p] == "mean" else dtype
            for p, (_, dtype) in probes.items()
        }
        self._out_types = {probe: dtype for probe, (_, dtype) in probes.items()}
        self.clear()

    def clear(self):
        """Forget what was recorded."""
        self.counts = np.zeros((self._batch, len(self.probes)), np.int64)
        self._arrays = {}
        for probe in self.probes:
            rows = 0 if self._keep[probe] == "all" else 1
            shape = (self._batch, rows, *self._shapes[probe])
            self._arrays[probe] = np.zeros(shape, self._types[probe])

    def reserve(self, probe, more):
        """Make room for more samples and return the array, ``(batch, rows, ...)``."""
        array = self._arrays[probe]
        if self._keep[probe] != "all":
            return array
        used = int(self.counts[0, self._place[probe]]) if self.counts.size else 0
        if used + more > array.shape[1]:
            rows = max(used + more, used + used // 2)
            grown = np.empty((self._batch, rows, *array.shape[2:]), array.dtype)
            grown[:, :used] = array[:, :used]
            self._arrays[probe] = array = grown
        return array

    def append(self, probe, item, value):
        """Add a sample."""
        place, keep = self._place[probe], self._keep[probe]
        count = self.counts[item, place]
        if keep == "all":
            self.reserve(probe, 1)[item, count] = value
        elif keep == "last":
            self._arrays[probe][item, 0] = value
        else:
            self._arrays[probe][item, 0] += value
        self.counts[item, place] = count + 1

    def mode(self, probe):
        """Return how much is kept of a probe, as a code."""
        return MODES[self._keep[probe]]

    @property
    def recorded(self):
        """Return all that was recorded, to be put into another process."""
        return {p: self._arrays[p][:, : self._used(p)] for p in self.probes}, self.counts

    @recorded.setter
    def recorded(self, recorded):
        arrays, counts = recorded
        self._arrays = {p: np.array(arrays[p]) for p in self.probes}
        self.counts = np.array(counts)

    def _used(self, probe):
        if self._keep[probe] != "all":
            return 1
        return int(self.counts[:, self._place[probe]].min())

    def __getitem__(self, key):
        """Return what was recorded of a probe, or built for another object."""
        if not isinstance(key, Probe) or key not in self._place:
            return super().__getitem__(key)
        array, n = self._arrays[key], self.counts[0, self._place[key]]
        if n == 0:
            return np.zeros((self._batch, 0) if self._batched else (0,))
        if self._keep[key] == "all":
            value = array[:, : self._used(key)]
        elif self._keep[key] == "last":
            value = array[:, 0].copy()
        else:
            value = (array[:, 0] / n).astype(self._out_types[key])
        value = value if self._batched else value[0]
        value.setflags(write=False)
        return value

    def __contains__(self, key):
        return key in self.raw


class _Raw(Mapping):
    """Look like Nengo's dict of what was built and recorded, with a list for each probe."""

    def __init__(self, built, records):
        self._built, self._records = built, records

    def __getitem__(self, key):
        if isinstance(key, Probe) and key in self._records._place:
            return Samples(self._records, key)
        return self._built[key]

    def __iter__(self):
        return iter(self._built)

    def __len__(self):
        return len(self._built)


class Samples(MutableSequence):
    """Look like the list of what a probe recorded that `nengo.Simulator` has.

    Nengo GUI, for one, takes samples from it and deletes them.

    Parameters
    ----------
    records : Records
    probe : nengo.Probe
    """

    def __init__(self, records, probe):
        self._records, self._probe = records, probe

    def _samples(self):
        """Return what is recorded, with the samples as first axis."""
        array = self._records._arrays[self._probe][:, : len(self)]
        return np.moveaxis(array, 1, 0) if self._records._batched else array[0]

    def __len__(self):
        return self._records._used(self._probe)

    def __getitem__(self, key):
        samples = self._samples()
        return [s.copy() for s in samples[key]] if isinstance(key, slice) else samples[key].copy()

    def __setitem__(self, key, value):
        self._samples()[key] = value

    def __delitem__(self, key):
        array = self._records._arrays[self._probe]
        left = np.delete(array[:, : len(self)], key, axis=1)
        array[:, : left.shape[1]] = left
        self._records.counts[:, self._records._place[self._probe]] = left.shape[1]

    def insert(self, index, value):
        """Add a sample at the end; elsewhere nothing was recorded."""
        if index < len(self):
            raise ValueError(f"must be at the end, {len(self)}, got {index}")
        for item in range(len(self._records.counts)):
            own = value[item] if self._records._batched else value
            self._records.append(self._probe, item, own)
