"""The native backend as `nengo_pc.backends.present` uses it."""

import nengo
import numpy as np

from ..base import Backend, minibatch_size, minibatches, quiet_build

MOST_IMAGES = 500
MOST_BYTES = 256 * 2**20


class Native(Backend):
    """`nengo_pc.backends.native.Simulator`."""

    name = "native"

    def simulator(self, network, **options):
        """Build a `nengo_pc.backends.native.Simulator`; options are its own."""
        from .simulator import Simulator

        options.setdefault("progress_bar", False)
        with quiet_build():
            return Simulator(network, **options)

    def runs(
        self,
        network,
        node,
        images,
        keep,
        n_steps,
        dt,
        seed,
        batch_size=None,
        dtype="float32",
        random="compiled",
        **options,
    ):
        """Show images in minibatches; see `Backend.runs`.

        Parameters
        ----------
        batch_size : int, optional
            Images at a time; by default at most 500, as many as 256 MiB have room for, and one
            where Nodes run Python functions, which may remember something.
        dtype : {"float32", "float64"}
        random : {"compiled", "reference"}
            See `nengo_pc.backends.native.Simulator`.
        """
        model = nengo.builder.Model(dt=float(dt), label=f"{network}, dt={dt:f}")
        with quiet_build():
            model.build(network)
        options |= {"model": model, "seed": seed, "keep": keep, "dtype": dtype, "random": random}
        size = minibatch_size(batch_size, self._size(options, keep, n_steps), len(images))
        with self.simulator(None, minibatch_size=size, **options) as simulator:
            for first, batch in minibatches(images, size):
                simulator.reset(seed, first_item=first)
                simulator.seed_streams()
                padded = np.zeros((size, 1, batch.shape[1]), simulator.dtype)
                padded[: len(batch), 0] = batch
                simulator.run_steps(n_steps, data={node: padded})
                yield {probe: simulator.data[probe][: len(batch)] for probe in keep}

    def _size(self, options, keep, n_steps):
        """Return how many images to show at a time."""
        with self.simulator(None, **options) as simulator:
            if not simulator.is_data:
                return 1
            whole = [probe.size_in for probe, how in keep.items() if how == "all"]
            entries = simulator.item_entries + n_steps * sum(whole)
        return max(1, min(MOST_IMAGES, MOST_BYTES // (4 * entries)))
