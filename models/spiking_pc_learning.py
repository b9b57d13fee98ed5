"""A network that learns in spikes while you watch.

Digits pass by. First the network guesses, then, in the second half of
each presentation, it is told: a label arrives as spikes, error neurons
fire, and weights change at every step. There are no phases switched
from outside, no weights carried backwards, no derivatives; feedback
weights learn by the same product as forward ones. It starts from
random weights, with four of five guesses right after half a minute.

Turn *learning on* to 0: no label arrives, no error neuron fires, and
nothing changes. This is the network of run_spiking_pc.py, smaller and
learning faster: docs/spiking_predictive_coding.md has its equations.
"""

import nengo
import numpy as np

from nengo_pc.datasets import load
from nengo_pc.learning import ErrorHebbian, covariance_trace
from nengo_pc.models.displays import Answer, LearningCurve
from nengo_pc.models.stimuli import Digits, InTurn, receiving, within
from nengo_pc.networks import (
    AdaptivePrecision,
    Dense,
    LIFConstants,
    Parameters,
    PredictiveCoding,
    lif_error_neurons,
)
from nengo_pc.networks.populations import lif_rate

N_HIDDEN = 40
PRESENTATION_TIME, TOLD_FROM = 0.1, 0.05  # s
LEARNING_RATE = 0.2  # per s, of hidden units; the output learns three times as fast
GAIN = 10.0  # currents of hidden neurons are 1 + GAIN * prediction
SYNAPSE = 0.005  # s, low-pass

TAU_RC, TAU_REF = 0.02, 0.001  # s
neuron = LIFConstants(TAU_RC, TAU_REF, amplitude=1 / lif_rate(1 + GAIN, TAU_RC, TAU_REF))


def start(seed):
    """Random weights, of hidden neurons in units of current."""
    drawn = Parameters.random((8, 8, 1), [Dense(N_HIDDEN), Dense(10)], neuron, seed)
    weights = [GAIN * drawn.weights[0], drawn.weights[1]]
    return Parameters(drawn.input_shape, drawn.layers, weights, drawn.biases, neuron)


rules = [
    ErrorHebbian(LEARNING_RATE * factor, covariance_trace(SYNAPSE), decay=0.01 / factor)
    for factor in (GAIN, 3.0)
]
images = load("digits").train
digits = Digits(images, PRESENTATION_TIME)
guesses = Answer(PRESENTATION_TIME, since=0.01, until=TOLD_FROM, lengths=np.asarray)
progress = LearningCurve(guesses)


def told(t, x):
    """The label in the second half of each presentation, if learning is on."""
    return x[1:] * (x[0] > 0.5) * (within(t, PRESENTATION_TIME) > TOLD_FROM)


with nengo.Network(label="learning in spikes", seed=0) as model:
    digit = nengo.Node(InTurn(images, PRESENTATION_TIME), label="digit")
    image = nengo.Node(digits, size_in=1, size_out=digits.size_out, label="image")
    learning_on = nengo.Node([1.0], label="learning on")
    label = nengo.Node(told, size_in=11, size_out=10, label="label")
    network = PredictiveCoding(
        start(seed=0),
        neuron.spiking(),
        lif_error_neurons(),
        drive="prediction",
        feedback="kolen-pollack",
        feedback_weights=[start(seed=1).weights[1]],
        derivative="step",
        loss="rectified",
        precision=AdaptivePrecision(),
        tau_value=0.003,
        tau_output=0.003,
        synapse=nengo.Lowpass(SYNAPSE),
        encoder="lif",
        target_encoder="lif",
        clamping="target",
        learning_rule=rules,
        label="spiking network",
    )
    guess = nengo.Node(guesses, guesses.size_in, guesses.size_out, label="guess")
    accuracy = nengo.Node(progress, size_in=1, size_out=1, label="accuracy")

    nengo.Connection(digit, image, synapse=None)
    nengo.Connection(image[: digits.n_pixels], receiving(network.input), synapse=None)
    nengo.Connection(learning_on, label[0], synapse=None)
    nengo.Connection(image[digits.n_pixels :], label[1:], synapse=None)
    nengo.Connection(label, receiving(network.target), synapse=None)
    nengo.Connection(network.output, guess[:10], synapse=None)
    nengo.Connection(image[digits.n_pixels :], guess[10:], synapse=None)
    nengo.Connection(guess, accuracy, synapse=None)

# What Nengo GUI has rasters of; off-neurons of errors are above on-neurons.
values, (hidden_errors, output_errors) = network.values[0], network.errors
values.label, hidden_errors.label, output_errors.label = (
    "hidden values",
    "hidden errors, on and off",
    "output errors, on and off",
)
