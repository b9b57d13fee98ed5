"""NengoDL: TensorFlow, minibatched."""

import contextlib

import nengo
import numpy as np

from .ahead import computed_ahead
from .base import (
    Backend,
    attributes,
    minibatch_size,
    minibatches,
    quiet_build,
    same_settings,
)
from .compatibility import import_nengo_dl

# A minibatch's share of memory: a held image is fed to NengoDL once per step, and each neuron takes
# part in about so many arrays.
MINIBATCH_BYTES = 128 * 2**20
ARRAYS_PER_NEURON = 20


class NengoDL(Backend):
    """`nengo_dl.Simulator`."""

    name = "dl"

    def check(self):
        """Import NengoDL."""
        import_nengo_dl()

    def simulator(self, network, **options):
        """Return a `nengo_dl.Simulator`; options are its own.

        ``dtype`` ("float32" or "float64") is set through NengoDL's settings.
        """
        nengo_dl = import_nengo_dl()
        options.setdefault("progress_bar", False)
        settings = {"inference_only": True}
        if "dtype" in options:
            settings["dtype"] = options.pop("dtype")
        with same_settings(network), quiet_build():
            with network:
                nengo_dl.configure_settings(planner=unmerged(nengo_dl), **settings)
            simulator = nengo_dl.Simulator(network, **options)
        simulator.substitutions = computed_ahead(network, _is_input)
        return simulator

    def runs(self, network, node, images, keep, n_steps, dt, seed, batch_size=None, **options):
        """Show images in minibatches; see `Backend.runs`.

        Parameters
        ----------
        batch_size : int, optional
            Images at a time; by default as many as fill 128 MiB with input and neurons.
        """
        floats = n_steps * node.size_out + ARRAYS_PER_NEURON * network.n_neurons
        most = max(1, MINIBATCH_BYTES // (4 * floats))
        batch_size = minibatch_size(batch_size, most, len(images))
        self.substitutions = computed_ahead(network, _is_input, held=node)
        dtype = options.get("dtype", "float32")
        # NengoDL looks at its settings whenever it traces, so they stay for the whole run.
        with same_settings(network), _added_probes(network, _means(keep)) as last:
            simulator = self._prepared(
                network, keep, last, n_steps, dt=dt, minibatch_size=batch_size, seed=seed, **options
            )
            with simulator:
                for _, batch in minibatches(images, batch_size):
                    size = len(batch)
                    padded = np.zeros((batch_size, batch.shape[1]), dtype)
                    padded[:size] = batch
                    held = np.repeat(padded[:, None], n_steps, axis=1)
                    data = simulator.predict_on_batch({node: held})
                    results = {p: _reduced(data[p][:size], how) for p, how in keep.items()}
                    for probe, extra in last.items():
                        results[probe] += data[extra][:size, -1] / n_steps
                    yield results

    def _prepared(self, network, keep, last, n_steps, **options):
        """Return a simulator that keeps no more history than is asked for."""
        nengo_dl = import_nengo_dl()
        with network:
            nengo_dl.configure_settings(stateful=False, keep_history=True)
        for probe, how in keep.items():
            network.config[probe].keep_history = not (how == "last" or probe in last)
        for probe in last.values():
            network.config[probe].keep_history = False
        # The mean without the history: a filter that adds up, read at the last step. A synapse's
        # output is seen one step late, so the last step itself is probed too and added.
        adding = nengo.LinearFilter([1 / n_steps], [1, -1], analog=False)
        with attributes([(probe, "synapse", adding) for probe in last]):
            return self.simulator(network, **options)


def _is_input(node):
    """Return whether NengoDL takes a Node's output from its function before the run."""
    return node.size_in == 0


def _means(keep):
    """Return probes whose mean can be had from a filter: those that have no synapse."""
    return [p for p, how in keep.items() if how == "mean" and p.synapse is None]


@contextlib.contextmanager
def _added_probes(network, probes):
    """Give each of ``probes`` a second one of the same, in the network while the block runs."""
    before = list(network.probes)
    with network:
        added = {p: nengo.Probe(p.target, p.attr, synapse=None) for p in probes}
    try:
        yield added
    finally:
        network.probes[:] = before


def _reduced(data, how):
    """Return what was asked for of ``(m, n_steps or 1, size)``."""
    if how == "all":
        return data
    return data[:, -1] if how == "last" or data.shape[1] == 1 else data.mean(axis=1)


def unmerged(nengo_dl):
    """Return the planner that leaves every operator alone.

    NengoDL merges like operators and lets their signals share one array, which serves networks of
    many small ensembles on a GPU. With a few large layers on a CPU, writing to a part of a shared
    array costs more than all else: unmerged, the MLP runs two to four times faster
    (``benchmarks/backends.py --only images``).
    """
    return nengo_dl.graph_optimizer.noop_planner
