"""A spiking classifier is shown handwritten digits, one by one.

Pixels fire as Poisson processes; two layers of LIF neurons follow
through alpha synapses. The answer is the largest output, averaged
since the digit came. Drag the slider to choose a digit; *Reset value*
in its menu goes back to one after another.

This is the network that run_mnist_snn.py trains on MNIST, here for the
8x8 digits of scikit-learn, so that nothing needs to be downloaded. The
parameters in models/trained/mnist_snn.npz were made by

    python run_mnist_snn.py --dataset digits --hidden 60 40
        --target-rate 20 --encoder poisson
"""

import nengo

from nengo_pc.datasets import load
from nengo_pc.models.displays import Answer
from nengo_pc.models.stimuli import Digits, InTurn, receiving, trained
from nengo_pc.networks import SpikingClassifier

PRESENTATION_TIME = 0.2  # s
images = load("digits").test
digits, answers = Digits(images, PRESENTATION_TIME), Answer(PRESENTATION_TIME)

with nengo.Network(label="a spiking classifier", seed=0) as model:
    digit = nengo.Node(InTurn(images, PRESENTATION_TIME), label="digit")
    image = nengo.Node(digits, size_in=1, size_out=digits.size_out, label="image")
    classifier = SpikingClassifier(
        trained("mnist_snn"), synapse=0.002, encoder="poisson", label="spiking classifier"
    )
    answer = nengo.Node(answers, answers.size_in, answers.size_out, label="answer")

    nengo.Connection(digit, image, synapse=None)
    nengo.Connection(image[: digits.n_pixels], receiving(classifier.input), synapse=None)
    nengo.Connection(classifier.output, answer[:10], synapse=None)
    nengo.Connection(image[digits.n_pixels :], answer[10:], synapse=None)

# What Nengo GUI has rasters of.
pixels, (layer_1, layer_2) = classifier.encoder.population, classifier.layers
pixels.label = "pixels, Poisson spikes"
