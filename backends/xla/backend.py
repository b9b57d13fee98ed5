"""The compiled backend as `nengo_pc.backends.present` uses it."""

import numpy as np

from ..base import Backend, minibatch_size, minibatches, quiet_build
from ..compatibility import import_tensorflow

# Images at a time times neurons, and images: more of them leave the cache, and are not faster.
MOST_NEURONS = 400_000
MOST_IMAGES = 1000
RECORD_BYTES = 256 * 2**20


class XLA(Backend):
    """`nengo_pc.backends.xla.Simulator`."""

    name = "xla"

    def check(self):
        """Import TensorFlow."""
        import_tensorflow()

    def simulator(self, network, **options):
        """Return a `nengo_pc.backends.xla.Simulator`; options are its own."""
        from .simulator import Simulator

        options.setdefault("progress_bar", False)
        with quiet_build():
            return Simulator(network, **options)

    def runs(self, network, node, images, keep, n_steps, dt, seed, batch_size=None, **options):
        """Show images in minibatches; see `Backend.runs`.

        Parameters
        ----------
        batch_size : int, optional
            Images at a time; by default as many as have 400,000 neurons, at most 1000, and no more
            than what is recorded of 256 MiB allows.
        """
        kept = [probe.size_in for probe, how in keep.items() if how == "all"]
        most = min(
            MOST_IMAGES,
            MOST_NEURONS // max(1, network.n_neurons),
            RECORD_BYTES // (4 * max(1, n_steps * sum(kept))),
        )
        batch_size = minibatch_size(batch_size, max(1, most), len(images))
        simulator = self.simulator(
            network, dt=dt, minibatch_size=batch_size, seed=seed, keep=keep, **options
        )
        with simulator:
            for first, batch in minibatches(images, batch_size):
                simulator.reset(seed, first_item=first)
                padded = np.zeros((batch_size, 1, batch.shape[1]), simulator.dtype)
                padded[: len(batch), 0] = batch
                simulator.run_steps(n_steps, data={node: padded})
                self.compile_seconds = simulator.compile_seconds
                yield {probe: simulator.data[probe][: len(batch)] for probe in keep}
