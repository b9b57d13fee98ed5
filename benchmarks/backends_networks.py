"""The networks of `backends.py`, each with its input and what is recorded of it."""

from dataclasses import dataclass, field

import nengo
import numpy as np
import scipy.sparse

from nengo_pc.networks import Convolution, Dense, Parameters, SpikingClassifier

HIDDEN = (300, 300)
SYNAPSE = 0.002  # s, of the classifiers' alpha synapses
N_CLASSES = 10
ENTRIES_PER_ROW = 10  # of the sparse network, on average
BIAS = 1.1  # a current at which a LIF neuron fires at 20 Hz
WEIGHT = 1e-3  # standard deviation: the currents of ten neurons at 20 Hz add up to about 0.06
SEED = 0


@dataclass
class Case:
    """A network to run.

    Attributes
    ----------
    network : nengo.Network
    probe : nengo.Probe
    keep : {"last", "mean"}
        How much of the probe, where a backend can choose.
    inputs : dict of {nengo.Node: (batch, size) ndarray}
        Held for the whole run.
    goes_on : bool
        Whether a run begins where the one before ended, as learning on-line does.
    """

    network: nengo.Network
    probe: nengo.Probe
    keep: str = "last"
    inputs: dict = field(default_factory=dict)
    goes_on: bool = False


def mlp_parameters():
    """784-300-300-10 with random weights."""
    return Parameters.random((784,), [*map(Dense, HIDDEN), Dense(N_CLASSES)], seed=SEED)


def conv_parameters():
    """The preset conv48-conv96-256 for images of MNIST's size, with random weights."""
    layers = [Convolution(48, 5, 2), Convolution(96, 3, 2), Dense(256), Dense(N_CLASSES)]
    return Parameters.random((28, 28, 1), layers, seed=SEED)


def random_images(batch):
    """Noise of MNIST's size: with dense products, time does not depend on what images show."""
    return np.random.default_rng(SEED).random((batch, 784), dtype=np.float32)


def classifier(parameters, batch):
    """A spiking classifier that is shown random images."""
    network = SpikingClassifier(parameters, synapse=SYNAPSE, seed=SEED)
    with network:
        output = nengo.Probe(network.output)
    return Case(network, output, inputs={network.input: random_images(batch)})


def recurrent(batch):
    """A two-dimensional oscillator of 500 LIF neurons, and 500 that learn to follow it by PES."""
    with nengo.Network(seed=SEED) as network:
        kick = nengo.Node([0.1, 0.0])
        oscillator = nengo.Ensemble(500, 2, label="oscillator")
        follower = nengo.Ensemble(500, 2, label="follower")
        error = nengo.Ensemble(500, 2, label="error")
        nengo.Connection(kick, oscillator, synapse=None)
        nengo.Connection(oscillator, oscillator, transform=[[1.1, -0.6], [0.6, 1.1]], synapse=0.1)
        learned = nengo.Connection(
            oscillator,
            follower,
            function=lambda x: np.zeros(2),
            learning_rule_type=nengo.PES(1e-4),
        )
        nengo.Connection(follower, error)
        nengo.Connection(oscillator, error, transform=-1)
        nengo.Connection(error, learned.learning_rule)
        probe = nengo.Probe(follower, synapse=0.01)
    return Case(network, probe, inputs={kick: np.tile(np.float32([0.1, 0.0]), (batch, 1))})


def online(batch):
    """Predictive coding that learns from one image, or a minibatch, with its target clamped."""
    from nengo_pc.learning import ErrorHebbian
    from nengo_pc.networks import PredictiveCoding

    network = PredictiveCoding(
        mlp_parameters(),
        feedback="kolen-pollack",
        derivative="step",
        synapse=None,
        learning_rule=ErrorHebbian(0.01, None, decay=0.03),
        seed=SEED,
    )
    with network:
        output = nengo.Probe(network.output)
    labels = np.arange(batch) % N_CLASSES
    inputs = {
        network.input: random_images(batch),
        network.target: np.eye(N_CLASSES, dtype=np.float32)[labels],
        network.clamp: np.ones((batch, 1), np.float32),
    }
    return Case(network, output, inputs=inputs, goes_on=True)


def sparse(n_neurons, n_probed):
    """LIF neurons that fire at about 20 Hz, each with ten others on average connected to it."""
    rng = np.random.default_rng(SEED)
    lengths = rng.poisson(ENTRIES_PER_ROW, n_neurons)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    columns = rng.integers(0, n_neurons, starts[-1])
    data = rng.normal(0, WEIGHT, starts[-1])
    shape = (n_neurons, n_neurons)
    matrix = scipy.sparse.csr_matrix((data, columns, starts), shape)
    matrix.sum_duplicates()
    with nengo.Network(seed=SEED) as network:
        population = nengo.Ensemble(
            n_neurons,
            1,
            gain=np.ones(n_neurons),
            bias=np.full(n_neurons, BIAS),
            encoders=np.ones((n_neurons, 1)),
            # Nothing is decoded: keep Nengo from drawing many points nobody looks at.
            eval_points=np.zeros((1, 1)),
        )
        nengo.Connection(
            population.neurons,
            population.neurons,
            transform=nengo.Sparse(shape, init=matrix),
            synapse=0.005,
        )
        probe = nengo.Probe(population.neurons[:n_probed])
    return Case(network, probe, keep="mean")


def make_case(task):
    """The case that a task of `backends_turns` is about."""
    batch = task["batch"]
    if task["network"] == "sparse":
        return sparse(task["n_neurons"], task["n_probed"])
    if task["network"] in ("recurrent", "online"):
        return {"recurrent": recurrent, "online": online}[task["network"]](batch)
    return classifier({"mlp": mlp_parameters, "conv": conv_parameters}[task["network"]](), batch)
