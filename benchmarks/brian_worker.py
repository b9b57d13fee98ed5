"""One side of `brian.py`: runs a sparse network with one simulator, as it is told through a pipe.

    python brian_worker.py SIMULATOR

The network comes in a file. Brian2 runs in a Python of its own, which needs Brian2 only. What the
two have in common, and what not, is in `brian.py`.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from libraries_worker import receive, send, spent

DT = 0.001  # s
TAU_RC, TAU_REF, TAU_SYNAPSE = 0.02, 0.002, 0.005  # s


class Nengo:
    """Nengo's own simulator, or one of this package with the same methods.

    Parameters
    ----------
    task : dict
        See `brian.SparseTask`.
    """

    backend, options = "reference", {}
    compile_seconds = None

    def __init__(self, task):
        from nengo_pc.backends import Simulator

        self.task = task
        self.load()
        self.make = lambda network, **more: Simulator(
            network, backend=self.backend, progress_bar=False, **self.options, **more
        )
        start = time.perf_counter()
        self.network, self.ensemble = self.make_network()
        self.simulator = self.make(self.network)
        self.build_seconds = time.perf_counter() - start

    def load(self):
        """Import or compile what is no part of building this network."""

    def make_network(self):
        """Return the network and its ensemble."""
        import nengo
        import scipy.sparse

        with np.load(self.task["path"]) as file:
            weights, post, pre, voltage = (file[k] for k in ("weights", "post", "pre", "voltage"))
        n = len(voltage)
        matrix = scipy.sparse.csr_matrix((weights, (post, pre)), (n, n))
        with nengo.Network(seed=0) as network:
            ensemble = nengo.Ensemble(
                n,
                1,
                gain=np.ones(n),
                bias=np.full(n, self.task["bias"]),
                encoders=np.ones((n, 1)),
                eval_points=np.zeros((1, 1)),
                neuron_type=nengo.LIF(TAU_RC, TAU_REF, initial_state={"voltage": voltage}),
            )
            nengo.Connection(
                ensemble.neurons,
                ensemble.neurons,
                transform=nengo.Sparse((n, n), init=matrix),
                synapse=nengo.Lowpass(TAU_SYNAPSE),
            )
        return network, ensemble

    def run(self):
        """Return seconds and CPU seconds of the steps after the first few, from a fresh state."""
        self.simulator.reset()
        self.steps(self.simulator, self.task["warm"])
        start, (cpu, _) = time.perf_counter(), spent()
        self.steps(self.simulator, self.task["steps"])
        wall = time.perf_counter() - start
        return wall, spent()[0] - cpu

    def steps(self, simulator, n):
        """Run steps."""
        simulator.run_steps(n, progress_bar=False)

    def rate(self):
        """Return the mean rate in Hz over the steps counted, in a run of its own."""
        simulator = self.simulator
        simulator.reset()
        spikes = simulator.model.sig[self.ensemble.neurons]["out"]
        self.steps(simulator, self.task["warm"])
        rates = []
        for _ in range(self.task["counted"]):
            self.steps(simulator, 1)
            rates.append(simulator.signals[spikes].mean())
        return np.mean(rates)


class Native(Nengo):
    """`nengo_pc.backends.native.Simulator`."""

    backend, options = "native", {"dtype": "float64"}
    compile_seconds = 0.0  # once on a machine

    def load(self):
        """Load the kernels or compile them."""
        from nengo_pc.backends.native.compiling import warm_up

        warm_up()


class NativeFloat32(Native):
    """The same in single precision."""

    options = {"dtype": "float32"}


class XLA(Nengo):
    """`nengo_pc.backends.xla.Simulator`."""

    backend = "xla"

    def load(self):
        """Import TensorFlow, and what compiles."""
        import nengo_pc.backends.xla.simulator  # noqa: F401

    @property
    def compile_seconds(self):
        """As the simulator has it."""
        return self.simulator.compile_seconds

    def steps(self, simulator, n):
        """Run steps."""
        simulator.run_steps(n)

    def rate(self):
        """Return the mean rate in Hz over the steps counted, by a simulator with a probe."""
        import nengo

        warm, steps = self.task["warm"], self.task["counted"]
        with self.network:
            probe = nengo.Probe(self.ensemble.neurons)
        means = []
        with self.make(self.network, keep={probe: "mean"}) as simulator:
            for n in (warm, warm + steps):
                simulator.reset()
                self.steps(simulator, n)
                means.append(simulator.data[probe].mean(dtype=np.float64) * n)
        return (means[1] - means[0]) / steps


class Brian:
    """Brian2's C++ standalone mode: a program that each run starts anew.

    Wall time is taken around Brian's loop, inside the program: what Brian itself says, without
    OpenMP, is CPU time.
    """

    threads, dtype = 0, np.float64

    def __init__(self, task):
        # Beside the network, and so deleted with it: Brian2's program, and what Brian2 logs.
        tempfile.tempdir = str(Path(task["path"]).parent)
        import brian2 as b2

        self.task = task
        self.folder = tempfile.mkdtemp()
        start = time.perf_counter()
        b2.prefs.core.default_float_dtype = self.dtype
        b2.prefs.devices.cpp_standalone.openmp_threads = self.threads
        b2.set_device("cpp_standalone", directory=self.folder, build_on_run=False)
        self.device = b2.get_device()
        self.make_network(b2)
        self.device.build(directory=self.folder, compile=True, run=False)
        self.compile_seconds = self.device.timers["compile"]["make"]
        self.build_seconds = time.perf_counter() - start - self.compile_seconds

    def make_network(self, b2):
        """Describe the network and two runs of it, the second of which counts."""
        with np.load(self.task["path"]) as file:
            weights, post, pre, voltage = (file[k] for k in ("weights", "post", "pre", "voltage"))
        second = b2.second
        b2.defaultclock.dt = DT * second
        constants = {
            "bias": self.task["bias"],
            "tau_rc": TAU_RC * second,
            "tau_synapse": TAU_SYNAPSE * second,
        }
        neurons = b2.NeuronGroup(
            len(voltage),
            """dv/dt = (bias + current - v) / tau_rc : 1 (unless refractory)
            dcurrent/dt = -current / tau_synapse : 1""",
            threshold="v > 1",
            reset="v = 0",
            refractory=TAU_REF * second,
            method="exact",
            namespace=constants,
        )
        neurons.v = voltage
        synapses = b2.Synapses(neurons, neurons, "w : 1", on_pre="current_post += w")
        synapses.connect(i=pre, j=post)
        synapses.w = weights / TAU_SYNAPSE
        self.monitor = b2.PopulationRateMonitor(neurons)
        network = b2.Network(neurons, synapses, self.monitor)
        for slot, code in CLOCKS.items():
            self.device.insert_code(slot, code)
        network.run(self.task["warm"] * DT * second)
        network.run(self.task["steps"] * DT * second)

    def run(self):
        """Return seconds and CPU seconds of the loop in the second run."""
        start = time.perf_counter()
        self.device.run(self.folder, with_output=False)
        whole = time.perf_counter() - start
        output = (Path(self.device.results_dir) / "stdout.txt").read_text()
        lines = [line.split()[1:] for line in output.splitlines() if line.startswith("LOOP")]
        (first, _), (wall, cpu) = [[float(x) for x in line] for line in lines]
        self.setup_seconds = whole - first - wall  # reading weights, creating synapses
        return wall, cpu

    def rate(self):
        """Return the mean rate in Hz over the steps timed."""
        return np.mean(np.asarray(self.monitor.rate)[-self.task["steps"] :])


CLOCKS = {
    "before_start": "timespec _w0, _w1, _c0, _c1;",
    "before_network_run": (
        "clock_gettime(CLOCK_MONOTONIC, &_w0); clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &_c0);"
    ),
    "after_network_run": (
        "clock_gettime(CLOCK_MONOTONIC, &_w1); clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &_c1);"
        'std::cout << "LOOP " << (_w1.tv_sec - _w0.tv_sec) + 1e-9 * (_w1.tv_nsec - _w0.tv_nsec)'
        '<< " " << (_c1.tv_sec - _c0.tv_sec) + 1e-9 * (_c1.tv_nsec - _c0.tv_nsec) << std::endl;'
    ),
}


class BrianFloat32(Brian):
    """The same in single precision."""

    dtype = np.float32


class BrianOpenMP(Brian):
    """The same in two threads."""

    threads = 2


SIMULATORS = {
    "brian": Brian,
    "brian-float32": BrianFloat32,
    "brian-openmp": BrianOpenMP,
    "native": Native,
    "native-float32": NativeFloat32,
    "xla": XLA,
    "reference": Nengo,
}


def main(name, commands, answers):
    """Answer what is asked: build, or else time a run or count spikes of what was built."""
    runner = None
    while (message := receive(commands)) is not None:
        _, named = message
        do = str(named["do"])
        try:
            if do == "prepare":
                runner = None  # before there is another
                runner = SIMULATORS[name](json.loads(str(named["task"])))
                runner.run()
                known = {"build": runner.build_seconds + getattr(runner, "setup_seconds", 0.0)}
                if runner.compile_seconds is not None:
                    known["compile"] = runner.compile_seconds
                send(answers, **known)
            elif do == "rate":
                send(answers, rate=runner.rate())
            else:
                wall, cpu = runner.run()
                send(answers, wall=wall, cpu=cpu, memory=np.nan)
        except Exception as error:  # whatever it is, the table says so
            send(answers, error=f"{type(error).__name__}: {error}".split("\n")[0])


if __name__ == "__main__":
    # What a library prints must not get among the answers.
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    main(sys.argv[1], sys.stdin.buffer, stream)
