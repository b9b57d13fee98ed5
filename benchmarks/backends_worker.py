"""One side of `backends.py`: runs networks on one backend.

    python backends_worker.py BACKEND

NengoOCL, which is no backend of this package, runs here too, so that it can be compared.
"""

import sys
import time

import nengo
import numpy as np
from backends_networks import make_case
from backends_serve import serve

from nengo_pc.backends import Simulator
from nengo_pc.backends.base import HeldInput, attributes, restart


class Runner:
    """A simulator of one task, built.

    Parameters
    ----------
    task : dict
        See `backends_turns.Task`.
    """

    compile_seconds = None

    def __init__(self, task):
        self.task, self.steps = task, task["steps"]
        self.case = make_case(task)
        self.load()
        start = time.perf_counter()
        self.simulator = self.build()
        self.build_seconds = time.perf_counter() - start

    def load(self):
        """Import what building needs."""


class Reference(Runner):
    """`nengo.Simulator`, reset before each run, as `nengo_pc.backends.present` does.

    Not where a case goes on from run to run.
    """

    backend = "reference"
    compile_seconds = 0.0

    def build(self):
        """A simulator in which Nodes hold the first item of the minibatch."""
        held = [(node, "output", HeldInput(v[0])) for node, v in self.case.inputs.items()]
        with attributes(held):
            return Simulator(self.case.network, backend=self.backend)

    def run(self):
        """All steps of one item."""
        if self.case.goes_on:
            self.simulator.clear_probes()
        else:
            restart(self.simulator, 0)
        self.simulator.run_steps(self.steps, progress_bar=False)


class Loihi(Reference):
    """The emulator of nengo-loihi."""

    backend = "loihi"

    def load(self):
        """Import nengo-loihi."""
        from nengo_pc.backends.loihi import import_nengo_loihi

        import_nengo_loihi()

    def run(self):
        """All steps of one item."""
        from nengo_pc.backends.loihi import _rewind

        _rewind(self.simulator, 0)
        self.simulator.run_steps(self.steps)


class NengoOCL(Reference):
    """`nengo_ocl.Simulator` on the first OpenCL device."""

    compile_seconds = None

    def load(self):
        """Import NengoOCL."""
        import nengo_ocl  # noqa: F401

    def build(self):
        """A simulator in which Nodes are constants, which OpenCL need not ask Python for."""
        import nengo_ocl
        import pyopencl

        context = pyopencl.create_some_context(interactive=False)
        held = [(node, "output", v[0]) for node, v in self.case.inputs.items()]
        with attributes(held):
            return nengo_ocl.Simulator(self.case.network, context=context, progress_bar=False)

    def run(self):
        """All steps of one item."""
        self.simulator.reset()
        self.simulator.run_steps(self.steps, progress_bar=False)


class NengoDL(Runner):
    """`nengo_dl.Simulator` as `nengo_pc.backends.present` sets it."""

    def load(self):
        """Import NengoDL."""
        from nengo_pc.backends.compatibility import import_nengo_dl

        self.nengo_dl = import_nengo_dl()

    def build(self):
        """A simulator that starts anew with each minibatch, and keeps the last step."""
        with self.case.network:
            self.nengo_dl.configure_settings(stateful=False, keep_history=False)
        return Simulator(self.case.network, backend="dl", minibatch_size=self.task["batch"])

    def run(self):
        """All steps of a minibatch."""
        inputs = self.case.inputs
        held = {node: np.repeat(v[:, None], self.steps, axis=1) for node, v in inputs.items()}
        self.simulator.predict_on_batch(held)


class MergedNengoDL(NengoDL):
    """The same with like operators merged, as NengoDL does by itself."""

    def build(self):
        """A simulator made with NengoDL's own planner."""
        from nengo_pc.backends import dl

        with attributes([(dl, "unmerged", lambda package: package.graph_optimizer.tree_planner)]):
            return super().build()


class XLA(Runner):
    """`nengo_pc.backends.xla.Simulator`."""

    backend = "xla"
    options = {}

    def load(self):
        """Import TensorFlow, and what compiles."""
        import nengo_pc.backends.xla.simulator  # noqa: F401

    def build(self):
        """A simulator that keeps one value of each entry of the probe."""
        return self._simulator({self.case.probe: self.case.keep})

    def _simulator(self, keep):
        return Simulator(
            self.case.network,
            backend=self.backend,
            minibatch_size=self.task["batch"],
            minibatch_learning=self.task["learning"],
            keep=keep,
            **self.options,
        )

    @property
    def compile_seconds(self):
        """As the simulator has it."""
        return self.simulator.compile_seconds

    def run(self):
        """All steps of a minibatch."""
        self._run(self.simulator)

    def _run(self, simulator):
        if not self.case.goes_on:
            simulator.reset()
        data = {node: values[:, None] for node, values in self.case.inputs.items()}
        simulator.run_steps(self.steps, data=data)

    def rates(self):
        """Mean rates of the hidden layers in Hz, and the answers to all images."""
        network = self.case.network
        with network:
            probes = [nengo.Probe(layer.neurons) for layer in network.layers]
        simulator = self._simulator(dict.fromkeys([*probes, self.case.probe], "mean"))
        self._run(simulator)
        amplitude = network.neuron_type.amplitude
        rates = [simulator.data[probe].mean() / amplitude for probe in probes]
        return np.array(rates), simulator.data[self.case.probe].argmax(axis=-1)


class Native(XLA):
    """`nengo_pc.backends.native.Simulator`, in float32 as xla."""

    backend = "native"
    options = {"dtype": "float32"}
    compile_seconds = 0.0  # once on a machine

    def load(self):
        """Import Numba, and load or compile the kernels."""
        from nengo_pc.backends.native.compiling import warm_up

        warm_up()


BACKENDS = {
    "reference": Reference,
    "native": Native,
    "dl": NengoDL,
    "dl-merged": MergedNengoDL,
    "loihi": Loihi,
    "xla": XLA,
    "ocl": NengoOCL,
}


def import_all():
    """Have Nengo import what it does for its first network, which is no part of building."""
    with nengo.Network() as network:
        ensemble = nengo.Ensemble(10, 2)
        nengo.Connection(ensemble, ensemble)
    nengo.Simulator(network, progress_bar=False).run_steps(1, progress_bar=False)


if __name__ == "__main__":
    nengo.rc.set("decoder_cache", "enabled", "False")  # building is timed
    import_all()
    backend = BACKENDS[sys.argv[1]]
    serve(lambda task, arrays: backend(task))
