"""The compiled backend as `nengo_pc.backends.present` uses it."""

import numpy as np

from ..base import Backend, minibatch_size, minibatches, quiet_build
from ..compatibility import import_tensorflow

# What a minibatch's neurons and records may take, about; larger ones are not faster.
MINIBATCH_BYTES = 256 * 2**20
ARRAYS_PER_NEURON = 10
LARGEST_MINIBATCH = 1000


class XLA(Backend):
    """`nengo_pc.backends.xla.Simulator`."""

    name = "xla"

    def check(self):
        """Import TensorFlow."""
        import_tensorflow()

    def simulator(self, network, **options):
        """A `nengo_pc.backends.xla.Simulator`; options are its own."""
        from .simulator import Simulator

        options.setdefault("progress_bar", False)
        with quiet_build():
            return Simulator(network, **options)

    def runs(self, network, node, images, keep, n_steps, dt, seed, batch_size=None, **options):
        """Show images in minibatches; see `Backend.runs`.

        Parameters
        ----------
        batch_size : int, optional
            Images at a time; by default as many as fill 256 MiB, up to 1000.
        """
        kept = [probe.size_in for probe, how in keep.items() if how == "all"]
        floats = n_steps * sum(kept) + ARRAYS_PER_NEURON * network.n_neurons + node.size_out
        most = min(LARGEST_MINIBATCH, max(1, MINIBATCH_BYTES // (4 * floats)))
        batch_size = minibatch_size(batch_size, most, len(images))
        simulator = self.simulator(
            network, dt=dt, minibatch_size=batch_size, seed=seed, keep=keep, **options
        )
        with simulator:
            for first, batch in minibatches(images, batch_size):
                simulator.reset(seed, first_item=first)
                padded = np.zeros((batch_size, 1, batch.shape[1]), simulator.dtype)
                padded[: len(batch), 0] = batch
                simulator.run_steps(n_steps, data={node: padded})
                yield {probe: simulator.data[probe][: len(batch)] for probe in keep}
