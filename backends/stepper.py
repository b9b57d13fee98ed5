"""Run a network on and on, whatever the backend, with new inputs for each stretch."""

import numpy as np
from nengo.exceptions import ValidationError

from .base import attributes, check_keep, reduced
from .registry import get_backend

BACKENDS = ("native", "reference", "dl", "xla")
MINIBATCHED = ("native", "xla")  # which share what a minibatch learns


class Stepper:
    """A simulator that is fed stretch after stretch and never reset, so that it can learn on line.

    Parameters
    ----------
    network : nengo.Network
        With its probes.
    inputs : sequence of nengo.Node
        Nodes without input whose output `run` gives.
    backend : {"native", "reference", "dl", "xla"}
    dt : float
        In s.
    minibatch_size : int
        Number of copies that run side by side with inputs of their own. They share the weights that
        they learn, which change by the mean of what each item says. Others than 1: on "native" and
        "xla" alone.
    keep : {"all", "mean"} or dict of {nengo.Probe: such}
        What `run` returns of a probe.
    seed : int, optional
    **options
        Of the backend's simulator.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is not as described.
    BackendUnavailable
        If the backend is not installed.
    """

    def __init__(
        self,
        network,
        inputs,
        backend="native",
        dt=0.001,
        minibatch_size=1,
        keep="all",
        seed=None,
        **options,
    ):
        if backend not in BACKENDS:
            raise ValidationError(
                f"must be one of {', '.join(BACKENDS)}, which learn with any rule; got {backend!r}",
                "backend",
            )
        if minibatch_size != 1 and backend not in MINIBATCHED:
            raise ValidationError(
                f"must be 1 on {backend}, got {minibatch_size}: items of a minibatch share what "
                f"they learn on {' and '.join(MINIBATCHED)} alone",
                "minibatch_size",
            )
        self.backend, self.network, self.inputs = backend, network, list(inputs)
        self.minibatch_size, self.dt = minibatch_size, dt
        self._keep = check_keep(keep, network.all_probes)
        maker = get_backend(backend)
        maker.check()
        options |= {"dt": dt, "seed": seed}
        if backend in MINIBATCHED:
            options |= {"minibatch_size": minibatch_size, "minibatch_learning": "mean"}
            options |= {"keep": self._keep}
        if backend == "native":
            options = {"dtype": "float32", "random": "compiled"} | options
        if backend == "dl":
            options["minibatch_size"] = 1
        self._played = [_Played(node, dt) for node in inputs] if backend == "reference" else []
        with attributes([(played.node, "output", played) for played in self._played]):
            self.simulator = maker.simulator(network, progress_bar=False, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Free the simulator."""
        self.simulator.close()

    def run(self, data):
        """Run for as many steps as the inputs have.

        Parameters
        ----------
        data : dict of {nengo.Node: ndarray}
            For each of ``inputs``, shape ``(minibatch_size, n_steps, size)``.

        Returns
        -------
        dict of {nengo.Probe: ndarray}
            What this stretch brought: ``(minibatch_size, n_steps, size)``, or
            ``(minibatch_size, size)`` for a mean.
        """
        n_steps = self._checked(data)
        simulator = self.simulator
        self._clear_probes()
        if self.backend == "reference":
            for played in self._played:
                played.play(simulator.n_steps, data[played.node][0])
            simulator.run_steps(n_steps, progress_bar=False)
        else:
            simulator.run_steps(n_steps, data=data, progress_bar=False)
        recorded = {p: np.asarray(simulator.data[p]) for p in self._keep}
        if self.backend in MINIBATCHED:  # which kept no more than it was asked for
            return recorded
        if self.backend == "dl":
            recorded = {p: v[0] for p, v in recorded.items()}
        return {p: reduced(v, self._keep[p])[None] for p, v in recorded.items()}

    def _clear_probes(self):
        if self.backend != "dl":
            self.simulator.clear_probes()
            return
        # NengoDL clears them with its state alone; this is how it does that.
        for probe in self.simulator.model.probes:
            self.simulator.model.params[probe] = []

    def _checked(self, data):
        """The number of steps, if the data fit."""
        if set(data) != set(self.inputs):
            raise ValidationError(f"must be for {self.inputs}, got {list(data)}", "data")
        n_steps = next(iter(data.values())).shape[1]
        for node, values in data.items():
            wanted = (self.minibatch_size, n_steps, node.size_out)
            if values.shape != wanted:
                raise ValidationError(f"{node} needs shape {wanted}, got {values.shape}", "data")
        return n_steps

    def weights(self, connection):
        """The weights of a connection that learns, as they are now.

        Returns
        -------
        ndarray
            ``(connection.size_out, n_pre)``.
        """
        if self.backend == "dl":
            return np.array(self.simulator.data[connection].weights)[0]  # of the one item
        signal = self.simulator.model.sig[connection]["weights"]
        if self.backend in MINIBATCHED:
            return self.simulator.value(signal).reshape(signal.shape)
        return np.array(self.simulator.signals[signal])

    def state(self):
        """Return all that the next step depends on, to go on from in another process.

        On "native" and "xla".

        Raises
        ------
        nengo.exceptions.ValidationError
            On another backend.
        """
        self._check_state()
        return self.simulator.get_state()

    def set_state(self, state):
        """Go on from what `state` gave, for the same network."""
        self._check_state()
        self.simulator.set_state(state)

    def _check_state(self):
        if self.backend not in MINIBATCHED:
            able = ", ".join(MINIBATCHED)
            raise ValidationError(
                f"must be one of {able}, whose state goes on in another process; got "
                f"{self.backend!r}",
                "backend",
            )


class _Played:
    """The output of a Node: a row of an array for each step."""

    def __init__(self, node, dt):
        self.node, self.dt = node, dt
        self.play(0, np.zeros((1, node.size_out)))

    def play(self, first, rows):
        """Give out these rows after step number ``first``."""
        self.first, self.rows = first, rows

    def __call__(self, t):
        """The row of the step that ends at t; Nengo calls once before the first, for the size."""
        return self.rows[max(int(round(t / self.dt)) - self.first - 1, 0)]
