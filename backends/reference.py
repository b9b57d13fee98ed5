"""Nengo's own simulator: exact, one image at a time."""

import nengo

from .base import Backend, HeldInput, attributes, quiet_build, reduced, restart


class Reference(Backend):
    """`nengo.Simulator`."""

    name = "reference"

    def simulator(self, network, **options):
        """A `nengo.Simulator`; options are its own."""
        options.setdefault("progress_bar", False)
        with quiet_build():
            simulator = nengo.Simulator(network, **options)
        simulator.substitutions = ()
        return simulator

    def runs(self, network, node, images, keep, n_steps, dt, seed, **options):
        """Show images one at a time; see `Backend.runs`."""
        held = HeldInput(images[0])
        with attributes([(node, "output", held)]):
            simulator = self.simulator(network, dt=dt, **options)
        with simulator:
            for i, image in enumerate(images):
                held.value = image
                restart(simulator, seed + i)
                simulator.run_steps(n_steps, progress_bar=False)
                yield {p: reduced(simulator.data[p], how)[None] for p, how in keep.items()}
