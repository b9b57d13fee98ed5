"""Connections that learn."""

import nengo
import numpy as np
from nengo.processes import WhiteSignal

SEED = 3
SYNAPSE = 0.01  # s, of probes


def pes_channel():
    """Two dimensions that PES learns to pass on, and a signal that stops it."""
    with nengo.Network(seed=SEED) as network:
        signal = nengo.Node(WhiteSignal(5.0, high=4), size_out=2)
        stop = nengo.Node(lambda t: float(t > 0.8))
        before, after, error = (nengo.Ensemble(60, 2) for _ in range(3))
        nengo.Connection(signal, before)
        learned = nengo.Connection(
            before,
            after,
            function=lambda x: [0, 0],
            learning_rule_type=nengo.PES(learning_rate=2e-4),
        )
        nengo.Connection(after, error)
        nengo.Connection(before, error, transform=-1)
        nengo.Connection(error, learned.learning_rule)
        nengo.Connection(stop, error.neurons, transform=-15 * np.ones((60, 1)))
        nengo.Probe(after, synapse=SYNAPSE)
        nengo.Probe(error, synapse=SYNAPSE)
        nengo.Probe(learned, "weights", sample_every=0.01)
    return network


def pes_product():
    """The product of two values, learned by PES and by RLS from the true product."""
    with nengo.Network(seed=SEED) as network:
        signal = nengo.Node(WhiteSignal(5.0, high=5), size_out=2)
        truth = nengo.Node(lambda t, x: x[0] * x[1], size_in=2, size_out=1)
        before = nengo.Ensemble(120, 2)
        nengo.Connection(signal, before)
        nengo.Connection(signal, truth, synapse=None)
        for rule in (nengo.PES(), nengo.RLS()):
            after = nengo.Node(size_in=1)
            error = nengo.Node(size_in=1)
            learned = nengo.Connection(before, after, function=lambda x: 0, learning_rule_type=rule)
            nengo.Connection(after, error, synapse=None)
            nengo.Connection(truth, error, transform=-1, synapse=SYNAPSE)
            nengo.Connection(error, learned.learning_rule, synapse=None)
            nengo.Probe(after, synapse=SYNAPSE)
            nengo.Probe(error, synapse=0.03)
    return network


def voja_memory():
    """Keys to values: Voja moves encoders towards keys, and PES learns what they stand for."""
    keys = np.array([[0.6, 0.0, 0.8], [0.0, 0.8, -0.6], [-0.8, 0.6, 0.0]])
    values = np.array([[0.7], [-0.8], [0.1]])
    with nengo.Network(seed=SEED) as network:
        key = nengo.Node(lambda t: keys[int(t / 0.2) % len(keys)])
        value = nengo.Node(lambda t: values[int(t / 0.2) % len(values)])
        learning = nengo.Node(lambda t: -float(t > 0.7))
        memory = nengo.Ensemble(200, 3, intercepts=[0.2] * 200)
        recall = nengo.Node(size_in=1)
        moved = nengo.Connection(
            key, memory, synapse=None, learning_rule_type=nengo.Voja(post_synapse=None)
        )
        learned = nengo.Connection(
            memory,
            recall,
            function=lambda x: 0,
            learning_rule_type=nengo.PES(learning_rate=1e-3),
        )
        error = nengo.Ensemble(100, 1)
        nengo.Connection(learning, moved.learning_rule, synapse=None)
        nengo.Connection(recall, error)
        nengo.Connection(value, error, transform=-1)
        nengo.Connection(error, learned.learning_rule)
        nengo.Connection(learning, error.neurons, transform=8 * np.ones((100, 1)))
        nengo.Probe(recall, synapse=SYNAPSE)
        nengo.Probe(moved.learning_rule, "scaled_encoders", sample_every=0.05)
    return network


def unsupervised():
    """Weights between neurons that change by BCM, Oja's rule, and both."""
    with nengo.Network(seed=SEED) as network:
        wave = nengo.Node(lambda t: np.sign(np.sin(12 * t)))
        before = nengo.Ensemble(50, 1)
        nengo.Connection(wave, before)
        for rules in (nengo.BCM(5e-10), nengo.Oja(6e-6), [nengo.BCM(1e-10), nengo.Oja(2e-6)]):
            after = nengo.Ensemble(40, 1)
            learned = nengo.Connection(
                before,
                after,
                solver=nengo.solvers.LstsqL2(weights=True),
                learning_rule_type=rules,
            )
            nengo.Probe(after, synapse=0.03)
            nengo.Probe(learned, "weights", sample_every=0.01)
    return network


MODELS = {model.__name__: model for model in (pes_channel, pes_product, voja_memory, unsupervised)}
