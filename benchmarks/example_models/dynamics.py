"""Ensembles that are connected to themselves."""

import nengo
import numpy as np

SEED = 2
SYNAPSE = 0.02  # s, of probes
TAU = 0.1  # s, of recurrent connections


def integrator():
    """A value that adds up what comes in."""
    with nengo.Network(seed=SEED) as network:
        pulses = nengo.Node(nengo.processes.Piecewise({0: 0, 0.1: 1.5, 0.4: 0, 0.6: -2, 0.9: 0}))
        memory = nengo.Ensemble(100, 1)
        nengo.Connection(pulses, memory, transform=TAU, synapse=TAU)
        nengo.Connection(memory, memory, synapse=TAU)
        nengo.Probe(pulses)
        nengo.Probe(memory, synapse=SYNAPSE)
    return network


def controlled_integrator():
    """An integrator that leaks as much as a second value says."""
    with nengo.Network(seed=SEED) as network:
        pulses = nengo.Node(nengo.processes.Piecewise({0: 0, 0.1: 3, 0.3: 0, 0.7: -3, 0.8: 0}))
        control = nengo.Node(nengo.processes.Piecewise({0: 1, 0.6: 0.4}))
        memory = nengo.Ensemble(230, 2, radius=1.4)
        nengo.Connection(pulses, memory[0], transform=TAU, synapse=TAU)
        nengo.Connection(control, memory[1], synapse=0.005)
        nengo.Connection(memory, memory[0], function=lambda x: x[0] * x[1], synapse=TAU)
        nengo.Probe(memory, synapse=SYNAPSE)
    return network


def oscillator():
    """Two dimensions that turn around each other after a kick."""
    with nengo.Network(seed=SEED) as network:
        kick = nengo.Node(lambda t: [1, 0] if t < 0.08 else [0, 0])
        ensemble = nengo.Ensemble(200, 2)
        nengo.Connection(kick, ensemble)
        nengo.Connection(ensemble, ensemble, transform=[[1.0, -0.9], [0.9, 1.0]], synapse=TAU)
        nengo.Probe(ensemble, synapse=SYNAPSE)
        nengo.Probe(ensemble.neurons)
    return network


def lorenz():
    """The Lorenz attractor in one ensemble of 2,000 neurons."""

    def flow(x):
        change = [
            10 * (x[1] - x[0]),
            -x[0] * x[2] - x[1],
            x[0] * x[1] - 8 / 3 * (x[2] + 28) - 28,
        ]
        return x + TAU * np.array(change)

    with nengo.Network(seed=SEED) as network:
        state = nengo.Ensemble(2000, 3, radius=60)
        nengo.Connection(state, state, function=flow, synapse=TAU)
        nengo.Probe(state, synapse=SYNAPSE)
    return network


MODELS = {
    model.__name__: model for model in (integrator, controlled_integrator, oscillator, lorenz)
}
