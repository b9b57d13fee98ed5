import nengo
import numpy as np
import pytest
from scipy.signal import correlate2d

from nengo_pc.backends import present
from nengo_pc.learning import TrainingOptions
from nengo_pc.learning.batch_norm import fuse
from nengo_pc.networks import AveragePooling, Convolution, Dense, Parameters


def statistics(n, rng):
    """Mean, variance, scale and offset of ``n`` units."""
    return (
        rng.normal(size=n),
        rng.uniform(0.01, 4, size=n),
        rng.normal(size=n),
        rng.normal(size=n),
    )


def normalised(x, mean, variance, scale, offset, epsilon):
    """Ioffe & Szegedy 2015, algorithm 2, units last."""
    return scale * (x - mean) / np.sqrt(variance + epsilon) + offset


# Closed forms


@pytest.mark.parametrize("epsilon", [1e-3, 0.5])
def test_a_fused_dense_layer_is_the_same_function(epsilon):
    rng = np.random.default_rng(1)
    weights, inputs = rng.normal(size=(7, 5)), rng.normal(size=(20, 5))
    values = statistics(7, rng)
    fused, bias = fuse(weights, *values, epsilon)
    assert (fused.shape, bias.shape) == ((7, 5), (7,))
    wanted = normalised(inputs @ weights.T, *values, epsilon)
    np.testing.assert_allclose(inputs @ fused.T + bias, wanted, atol=1e-12)


def test_a_fused_convolution_is_the_same_function():
    rng = np.random.default_rng(2)
    # As many filters as rows, columns and channels, so that no axis can stand for another.
    kernels, image = rng.normal(size=(3, 3, 3, 3)), rng.normal(size=(6, 5, 3))
    values = statistics(3, rng)

    def convolve(kernels):
        return np.stack(
            [
                sum(correlate2d(image[..., c], kernels[..., c, f], mode="valid") for c in range(3))
                for f in range(3)
            ],
            axis=-1,
        )

    fused, bias = fuse(kernels, *values, 1e-3)
    assert (fused.shape, bias.shape) == ((3, 3, 3, 3), (3,))
    wanted = normalised(convolve(kernels), *values, 1e-3)
    np.testing.assert_allclose(convolve(fused) + bias, wanted, atol=1e-12)


def test_statistics_of_a_normalised_layer_change_nothing():
    weights = np.random.default_rng(3).normal(size=(4, 6))
    fused, bias = fuse(weights, np.zeros(4), np.ones(4) - 1e-3, np.ones(4), np.zeros(4), 1e-3)
    np.testing.assert_allclose(fused, weights, rtol=1e-12)
    np.testing.assert_array_equal(bias, 0)


# Another implementation: the network as it was trained, Keras' own batch norm inside


@pytest.fixture(scope="module")
def engine(digits):
    from nengo_pc.learning.nengodl_engine import NengoDLEngine

    layers = [Convolution(4, 3), AveragePooling(2), Dense(20), Dense(10)]
    options = TrainingOptions(
        batch_size=50, learning_rate=0.05, activation="loihi", smoothing=0.1, noise=5.0, seed=2
    )
    engine = NengoDLEngine(Parameters.random((8, 8, 1), layers, seed=1), options, n_updates=100)
    for start in range(0, 500, 50):
        part = slice(start, start + 50)
        engine.update(digits.train.images[part], digits.train.labels[part])
    yield engine
    engine.close()


@pytest.mark.parametrize("backend", ["reference", "dl"])
def test_the_fused_network_computes_what_was_trained(backend, engine, digits):
    from nengo_pc.learning.training_network import rate_network

    images = digits.test.images[:70]  # not a multiple of the minibatch
    parameters = engine.parameters()
    noted = parameters.with_metadata(training={"options": engine.options.to_dict()})
    network = rate_network(noted)
    with network:
        output = nengo.Probe(network.output)
    shown = present(network, images, backend, presentation_time=0.001, keep="last", progress=False)
    wanted = engine.predict(images)
    assert wanted.shape == (70, 10)
    np.testing.assert_allclose(shown[output], wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    # Batch norm had something to do: it is far from what training started with.
    start = engine.network.parameters
    for i in (0, 2):
        moved = np.abs(parameters.weights[i] - start.weights[i]) / np.abs(start.weights[i]).mean()
        assert moved.mean() > 0.2
        assert np.abs(parameters.biases[i] - start.biases[i]).mean() > 0.1


def test_prediction_does_not_depend_on_the_minibatch(engine, digits):
    images = digits.test.images[:70]
    whole = engine.predict(images)
    for part in (slice(0, 3), slice(10, 61)):
        np.testing.assert_allclose(engine.predict(images[part]), whole[part], rtol=1e-4, atol=1e-5)
