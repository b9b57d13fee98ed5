"""Activations of the learning rules against Nengo's neurons and finite differences."""

import numpy as np
import pytest

from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.learning import TrainingOptions
from nengo_pc.learning.activations import Activation
from nengo_pc.learning.options import ACTIVATIONS
from nengo_pc.learning.training_network import training_neuron
from nengo_pc.networks import LIFConstants
from nengo_pc.networks.gates import DERIVATIVES, Gate

tf = import_tensorflow()
X = np.concatenate([np.linspace(-6, 12, 181) + 0.003, [-300.0, 300.0]])


def neuron(name, smoothing=0.1):
    return training_neuron(LIFConstants(), TrainingOptions(activation=name, smoothing=smoothing))


def nengo_rates(neuron_type, x):
    out = np.zeros_like(x)
    with np.errstate(over="ignore"):
        neuron_type.step(0.001, x.copy(), out)
    return out


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_is_nengos(name):
    activation = Activation(neuron(name), "exact", 1.0)
    with np.errstate(divide="ignore"):
        theirs = nengo_rates(neuron(name), X)
    np.testing.assert_allclose(activation(tf.constant(X)).numpy(), theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_exact_slope_is_that_of_the_value(name):
    activation = Activation(neuron(name), "exact", 1.0)
    x, d = X[:-2], 1e-6
    difference = (activation(tf.constant(x + d)) - activation(tf.constant(x - d))).numpy() / 2 / d
    np.testing.assert_allclose(
        activation.slope(tf.constant(x)).numpy(), difference, rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize("smoothing", [0.02, 0.1])
def test_float32_is_finite_everywhere(smoothing):
    activation = Activation(neuron("softlif", smoothing), "exact", 1.0)
    x = tf.constant(np.linspace(-500, 500, 100_001), tf.float32)
    for values in (activation(x), activation.slope(x)):
        assert np.all(np.isfinite(values)) and np.all(values.numpy() >= 0)


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if n != "identity"])
def test_slopes_are_the_gates_of_networks(name, derivative):
    """One definition for TensorFlow, one for Nengo's nodes."""
    ours = Activation(neuron(name), derivative, 3.0).slope(tf.constant(X[:-2])).numpy()
    theirs = Gate(neuron(name), derivative, 3.0)(X[:-2])
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_gradient_of_differentiable_is_the_slope(derivative):
    activation = Activation(neuron("softlif"), derivative, 3.0)
    x = tf.constant(X[:-2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(3 * activation.differentiable(x))
    np.testing.assert_allclose(tape.gradient(y, x), 3 * activation.slope(x), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(activation.differentiable(x), activation(x))
