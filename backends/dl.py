"""NengoDL: TensorFlow, minibatched."""

import contextlib

import nengo
import numpy as np

from .base import Backend, attributes, quiet_build
from .compatibility import import_nengo_dl

# A held image is fed to NengoDL once per step: this many bytes of it at a time.
INPUT_BYTES = 128 * 2**20


class NengoDL(Backend):
    """`nengo_dl.Simulator`."""

    name = "dl"

    def check(self):
        """Import NengoDL."""
        import_nengo_dl()

    def simulator(self, network, **options):
        """A `nengo_dl.Simulator`; options are its own.

        ``dtype`` ("float32" or "float64") is set through NengoDL's settings.
        """
        nengo_dl = import_nengo_dl()
        options.setdefault("progress_bar", False)
        settings = {"inference_only": True}
        if "dtype" in options:
            settings["dtype"] = options.pop("dtype")
        with network:
            nengo_dl.configure_settings(planner=unmerged(nengo_dl), **settings)
        with quiet_build():
            simulator = nengo_dl.Simulator(network, **options)
        simulator.substitutions = ()
        return simulator

    def runs(self, network, node, images, keep, n_steps, dt, seed, batch_size=None, **options):
        """Show images in minibatches; see `Backend.runs`.

        Parameters
        ----------
        batch_size : int, optional
            Images at a time; by default as many as make 128 MiB of input.
        """
        nengo_dl = import_nengo_dl()
        if batch_size is None:
            batch_size = max(1, INPUT_BYTES // (4 * n_steps * node.size_out))
        batch_size = min(batch_size, len(images))
        with network:
            nengo_dl.configure_settings(stateful=False, keep_history=True)
        means = [p for p, how in keep.items() if how == "mean" and p.synapse is None]
        # The mean without the history: a filter that adds up, read at the last step. A synapse's
        # output is seen one step late, so the last step itself is probed too and added.
        adding = nengo.LinearFilter([1 / n_steps], [1, -1], analog=False)
        with _added_probes(network, means) as last:
            for probe, how in (keep | dict.fromkeys(last.values(), "last")).items():
                network.config[probe].keep_history = not (how == "last" or probe in means)
            with attributes([(probe, "synapse", adding) for probe in means]):
                simulator = self.simulator(
                    network, dt=dt, minibatch_size=batch_size, seed=seed, **options
                )
        with simulator:
            for start in range(0, len(images), batch_size):
                batch = images[start : start + batch_size]
                size = len(batch)
                if size < batch_size:
                    batch = np.concatenate([batch, np.zeros((batch_size - size, batch.shape[1]))])
                held = np.repeat(batch[:, None].astype(np.float32), n_steps, axis=1)
                data = simulator.predict_on_batch({node: held})
                results = {p: _reduced(data[p][:size], how) for p, how in keep.items()}
                for probe in means:
                    results[probe] += data[last[probe]][:size, -1] / n_steps
                yield results


@contextlib.contextmanager
def _added_probes(network, probes):
    """A second probe of what each of ``probes`` sees, in the network while the block runs."""
    before = list(network.probes)
    with network:
        added = {p: nengo.Probe(p.target, p.attr, synapse=None) for p in probes}
    try:
        yield added
    finally:
        network.probes[:] = before


def _reduced(data, how):
    """What was asked for of ``(m, n_steps or 1, size)``."""
    if how == "all":
        return data
    return data[:, -1] if how == "last" or data.shape[1] == 1 else data.mean(axis=1)


def unmerged(nengo_dl):
    """The planner that leaves every operator alone.

    NengoDL merges like operators and lets their signals share one array, which serves networks of
    many small ensembles on a GPU. With a few large layers on a CPU, writing to a part of a shared
    array costs more than all else: unmerged, the MLP runs four times faster
    (``benchmarks/nengodl_planner.py``).
    """
    return nengo_dl.graph_optimizer.noop_planner
