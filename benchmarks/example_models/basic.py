"""A few ensembles that represent and transform values, and Nodes of several kinds."""

from collections import deque

import nengo
import numpy as np

SEED = 1
SYNAPSE = 0.01  # s, of probes


def single_neuron():
    """One LIF neuron with a chosen bias, its spikes and its voltage."""
    with nengo.Network(seed=SEED) as network:
        wave = nengo.Node(lambda t: np.cos(6 * t))
        neuron = nengo.Ensemble(1, 1, intercepts=[-0.4], max_rates=[90], encoders=[[1]], noise=None)
        nengo.Connection(wave, neuron)
        nengo.Probe(wave)
        nengo.Probe(neuron.neurons)
        nengo.Probe(neuron.neurons, "voltage")
        nengo.Probe(neuron, synapse=SYNAPSE)
    return network


def population():
    """A hundred neurons that follow a sine, with all their spikes."""
    with nengo.Network(seed=SEED) as network:
        wave = nengo.Node(lambda t: np.sin(8 * t))
        ensemble = nengo.Ensemble(100, 1)
        nengo.Connection(wave, ensemble)
        nengo.Probe(wave)
        nengo.Probe(ensemble, synapse=SYNAPSE)
        nengo.Probe(ensemble.neurons)
    return network


def channel():
    """A value that goes from one ensemble to two others, as it is and squared."""
    with nengo.Network(seed=SEED) as network:
        wave = nengo.Node(np.sin)
        source, same, squared = (nengo.Ensemble(100, 1) for _ in range(3))
        nengo.Connection(wave, source)
        nengo.Connection(source, same)
        nengo.Connection(source, squared, function=np.square)
        for ensemble in (source, same, squared):
            nengo.Probe(ensemble, synapse=SYNAPSE)
    return network


def addition():
    """Two values, one of them constant, that a third ensemble adds."""
    with nengo.Network(seed=SEED) as network:
        total = nengo.Ensemble(120, 1, radius=1.5)
        for value in (0.4, lambda t: np.sin(5 * t)):
            term = nengo.Ensemble(80, 1)
            nengo.Connection(nengo.Node(value), term)
            nengo.Connection(term, total)
            nengo.Probe(term, synapse=SYNAPSE)
        nengo.Probe(total, synapse=SYNAPSE)
    return network


def product():
    """The product of two values that jump, by `nengo.networks.Product`."""
    with nengo.Network(seed=SEED) as network:
        multiply = nengo.networks.Product(80, 1, input_magnitude=2)
        for steps, end in (
            ({0: 0.2, 0.3: -1.5, 0.7: 1.8}, multiply.input_a),
            ({0: 1.2, 0.5: -0.7}, multiply.input_b),
        ):
            factor = nengo.Ensemble(100, 1, radius=2)
            nengo.Connection(nengo.Node(nengo.processes.Piecewise(steps)), factor)
            nengo.Connection(factor, end)
            nengo.Probe(factor, synapse=SYNAPSE)
        nengo.Probe(multiply.output, synapse=SYNAPSE)
    return network


def gating():
    """Two ensembles, each silenced in turn by a strong inhibition of its neurons."""
    with nengo.Network(seed=SEED) as network:
        wave = nengo.Node(lambda t: np.sin(9 * t))
        gate = nengo.Node(nengo.processes.Piecewise({0: 1, 0.25: 0, 0.5: 1, 0.75: 0}))
        opened, closed = nengo.Ensemble(60, 1), nengo.Ensemble(60, 1)
        for ensemble in (opened, closed):
            nengo.Connection(wave, ensemble)
            nengo.Probe(ensemble, synapse=SYNAPSE)
        nengo.Connection(gate, opened.neurons, transform=-2.5 * np.ones((60, 1)))
        nengo.Connection(
            gate, closed.neurons, function=lambda x: 1 - x, transform=-2.5 * np.ones((60, 1))
        )
    return network


def processes():
    """Nodes and neurons driven by random signals, and a probe that keeps every tenth step."""
    with nengo.Network(seed=SEED) as network:
        signal = nengo.Node(nengo.processes.WhiteSignal(2.0, high=6, rms=0.4), size_out=1)
        noise = nengo.Node(nengo.processes.FilteredNoise(nengo.Alpha(0.02), scale=False))
        noisy = nengo.Ensemble(100, 1, noise=nengo.processes.WhiteNoise(scale=True))
        nengo.Connection(signal, noisy)
        nengo.Connection(noise, noisy, synapse=None)
        nengo.Probe(signal, synapse=nengo.Alpha(0.05))
        nengo.Probe(noise)
        nengo.Probe(noisy, synapse=SYNAPSE, sample_every=0.01)
    return network


def neuron_types():
    """The same wave in Izhikevich, adaptive, rectified linear and sigmoid neurons."""
    with nengo.Network(seed=SEED) as network:
        wave = nengo.Node(lambda t: np.sin(7 * t))
        for neurons in (
            nengo.Izhikevich(),
            nengo.AdaptiveLIF(tau_n=0.3, inc_n=0.02),
            nengo.RectifiedLinear(),
            nengo.Sigmoid(),
        ):
            ensemble = nengo.Ensemble(60, 1, neuron_type=neurons)
            nengo.Connection(wave, ensemble)
            nengo.Probe(ensemble, synapse=0.05)
            nengo.Probe(ensemble.neurons[:5])
    return network


class Delay:
    """A line that hands on what it was given some steps ago.

    Parameters
    ----------
    steps : int
    """

    def __init__(self, steps):
        self._line = deque([0.0] * steps)

    def __call__(self, t, x):
        """Take in a value and give out the oldest."""
        self._line.append(x[0])
        return self._line.popleft()


def delay_node():
    """A Node in Python between two ensembles that hands on values with a delay."""
    with nengo.Network(seed=SEED) as network:
        signal = nengo.Node(nengo.processes.WhiteSignal(2.0, high=5), size_out=1)
        before, after = nengo.Ensemble(50, 1), nengo.Ensemble(50, 1)
        line = nengo.Node(Delay(60), size_in=1, size_out=1)
        nengo.Connection(signal, before)
        nengo.Connection(before, line)
        nengo.Connection(line, after)
        nengo.Probe(before, synapse=SYNAPSE)
        nengo.Probe(after, synapse=SYNAPSE)
    return network


MODELS = {
    model.__name__: model
    for model in (
        single_neuron,
        population,
        channel,
        addition,
        product,
        gating,
        processes,
        neuron_types,
        delay_node,
    )
}
