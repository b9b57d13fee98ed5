"""Larger networks: arrays of ensembles, those of `nengo.networks`, and other transforms."""

import nengo
import numpy as np
import scipy.sparse

SEED = 4
SYNAPSE = 0.01  # s, of probes


def matrix_product():
    """Two matrices of 2 x 2 in arrays of ensembles, and their product."""
    n, size = 80, 2
    left, right = np.array([[0.4, -0.7], [0.9, 0.1]]), np.array([[-0.5, 0.3], [0.6, 0.8]])
    to_a, to_b = np.zeros((2, size**3, size**2))
    to_sum = np.zeros((size**2, size**3))
    for i, (row, inner, column) in enumerate(np.ndindex(size, size, size)):
        to_a[i, row * size + inner] = to_b[i, inner * size + column] = 1
        to_sum[row * size + column, i] = 1
    with nengo.Network(seed=SEED) as network:
        multiply = nengo.networks.Product(n, size**3)
        answer = nengo.networks.EnsembleArray(n, size**2, radius=size)
        for matrix, end, transform in (
            (left, multiply.input_a, to_a),
            (right, multiply.input_b, to_b),
        ):
            array = nengo.networks.EnsembleArray(n, size**2)
            nengo.Connection(nengo.Node(matrix.ravel()), array.input)
            nengo.Connection(array.output, end, transform=transform)
            nengo.Probe(array.output, synapse=SYNAPSE, sample_every=0.01)
        nengo.Connection(multiply.output, answer.input, transform=to_sum)
        nengo.Probe(answer.output, synapse=SYNAPSE)
    return network


def basal_ganglia():
    """Basal ganglia and thalamus that choose the largest of three utilities."""
    with nengo.Network(seed=SEED) as network:
        ganglia = nengo.networks.BasalGanglia(3)
        thalamus = nengo.networks.Thalamus(3)
        utilities = nengo.Node(lambda t: 0.5 + 0.4 * np.sin(9 * t + np.array([0, 2, 4])))
        nengo.Connection(utilities, ganglia.input, synapse=None)
        nengo.Connection(ganglia.output, thalamus.input)
        nengo.Probe(utilities)
        nengo.Probe(thalamus.output, synapse=SYNAPSE)
    return network


def circular_convolution():
    """Two vectors of 16 dimensions, convolved."""
    vectors = np.random.default_rng(SEED).standard_normal((2, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with nengo.Network(seed=SEED) as network:
        convolve = nengo.networks.CircularConvolution(50, 16)
        for vector, end in zip(vectors, (convolve.input_a, convolve.input_b)):
            array = nengo.networks.EnsembleArray(40, 16, radius=0.5)
            nengo.Connection(nengo.Node(vector), array.input)
            nengo.Connection(array.output, end)
        nengo.Probe(convolve.output, synapse=0.03)
    return network


def sparse():
    """Five hundred neurons, each with about ten others connected to it."""
    n = 500
    matrix = scipy.sparse.random(n, n, 10 / n, random_state=np.random.RandomState(SEED))
    matrix.data = 4e-3 * (matrix.data - 0.5)
    with nengo.Network(seed=SEED) as network:
        neurons = nengo.Ensemble(n, 1, gain=np.ones(n), bias=np.full(n, 1.2)).neurons
        transform = nengo.Sparse((n, n), init=matrix)
        nengo.Connection(neurons, neurons, transform=transform, synapse=0.005)
        nengo.Probe(neurons)
    return network


def convolution():
    """An image that goes through a layer of convolution and a dense one."""
    rng = np.random.default_rng(SEED)
    image = rng.random((14, 14, 1))
    kernels = nengo.Convolution(6, (14, 14, 1), kernel_size=(3, 3), strides=(2, 2))
    size = kernels.output_shape.size
    with nengo.Network(seed=SEED) as network:
        network.config[nengo.Ensemble].gain = nengo.dists.Choice([1.0])
        network.config[nengo.Ensemble].bias = nengo.dists.Choice([0.5])
        shown = nengo.Node(image.ravel())
        features = nengo.Ensemble(size, 1).neurons
        classes = nengo.Ensemble(10, 1).neurons
        nengo.Connection(shown, features, transform=kernels)
        nengo.Connection(features, classes, transform=rng.normal(0, 1e-3, (10, size)))
        nengo.Probe(features, sample_every=0.01)
        nengo.Probe(classes, synapse=SYNAPSE)
    return network


MODELS = {
    model.__name__: model
    for model in (matrix_product, basal_ganglia, circular_convolution, sparse, convolution)
}
