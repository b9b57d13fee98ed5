"""Predictive coding: values and errors settle while a target is there.

The network predicts the label from the image. Without a target
all errors are 0, and the values are those of a feed-forward pass.
While the target is on, the error of the output goes down through
feedback, values give way, and the energy falls until they settle.

Every second digit is told to be one more than it is. Drag a slider
to choose the digit, what it is told to be, or whether the target is
on; *Reset value* in its menu lets it go. Each plot has four units.

The parameters in models/trained/predictive_coding.npz were made by

    python run_mnist_snn.py --dataset digits --hidden 30 20
        --method zil --smoothing 0.1
"""

import nengo
import numpy as np

from nengo_pc.datasets import load
from nengo_pc.models.displays import Prediction
from nengo_pc.models.soft_lif import SoftLIFRate
from nengo_pc.models.stimuli import Digits, InTurn, presentation, receiving, trained
from nengo_pc.networks import PredictiveCoding
from nengo_pc.networks.error_nodes import softmax

PRESENTATION_TIME = 1.0  # s; the target is on in the second half
PRECISION = 0.2  # of hidden layers: low, so that values give way
SMOOTHING = 0.1  # of the activation, as in the training

images = load("digits").test
digits, prediction = Digits(images, PRESENTATION_TIME), Prediction()
parameters = trained("predictive_coding")
n_hidden = [layer.units for layer in parameters.layers[:-1]]


def what_is_told(t, right):
    """The right class, in every second presentation the next."""
    return (np.argmax(right) + presentation(t, PRESENTATION_TIME) % 2) % 10


def is_told(t):
    """Whether the target is on."""
    return presentation(t, PRESENTATION_TIME / 2) % 2


def one_hot(t, told):
    """The target: 1 for what is told, else 0."""
    return np.eye(10)[int(np.clip(np.round(told[0]), 0, 9))]


def free_energy(t, x):
    """Errors of hidden layers, and cross-entropy at the output."""
    output, wanted, clamp, errors = np.split(x, [10, 20, 21])
    return PRECISION / 2 * errors @ errors - clamp[0] * np.log(softmax(output) @ wanted)


with nengo.Network(label="predictive coding", seed=0) as model:
    digit = nengo.Node(InTurn(images, PRESENTATION_TIME), label="digit")
    image = nengo.Node(digits, size_in=1, size_out=digits.size_out, label="image")
    told = nengo.Node(what_is_told, size_in=10, size_out=1, label="told")
    target_on = nengo.Node(is_told, size_out=1, label="target on")
    target = nengo.Node(one_hot, size_in=1, size_out=10, label="target")
    network = PredictiveCoding(
        parameters,
        SoftLIFRate(SMOOTHING, **vars(parameters.neuron)),
        precision=[PRECISION, PRECISION, 1.0],
        tau_value=0.05,
        label="values and errors",
    )
    with nengo.Network(label="what is shown") as displays:
        answer = nengo.Node(prediction, prediction.size_in, prediction.size_out, label="prediction")
        energy = nengo.Node(free_energy, 21 + sum(n_hidden), 1, label="energy")
        values_1 = nengo.Node(size_in=4, label="values, layer 1")
        values_2 = nengo.Node(size_in=4, label="values, layer 2")
        errors_1 = nengo.Node(size_in=4, label="errors, layer 1")
        errors_2 = nengo.Node(size_in=4, label="errors, layer 2")

    nengo.Connection(digit, image, synapse=None)
    nengo.Connection(image[digits.n_pixels :], told, synapse=None)
    nengo.Connection(told, target, synapse=None)
    nengo.Connection(image[: digits.n_pixels], receiving(network.input), synapse=None)
    nengo.Connection(target, receiving(network.target), synapse=None)
    nengo.Connection(target_on, receiving(network.clamp), synapse=None)
    for node in (answer, energy):
        nengo.Connection(network.output, node[:10], synapse=None)
        nengo.Connection(network.target, node[10:20], synapse=None)
        nengo.Connection(network.clamp, node[20], synapse=None)
    of_energy = (energy[21 : 21 + n_hidden[0]], energy[21 + n_hidden[0] :])
    for i, (values, errors) in enumerate(((values_1, errors_1), (values_2, errors_2))):
        nengo.Connection(network.currents[i][:4], values, synapse=None)
        nengo.Connection(network.differences[i][:4], errors, synapse=None)
        nengo.Connection(network.differences[i], of_energy[i], synapse=None)
