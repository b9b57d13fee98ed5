"""How neuron types take a step, compiled: each a function of currents and state."""

import math

import nengo
import numpy as np
from nengo.builder.neurons import SimNeurons

from ..compatibility import import_tensorflow
from .registry import emits, step_of, steps

tf = import_tensorflow()


class State(dict):
    """Tensors by name; ``starts_within(name, most)`` says whether none starts above ``most``."""


# The output alone: state is read before it is set.
@emits(SimNeurons, overwrites=lambda op: [op.output])
def emit_neurons(op, step):
    """Emit ``neurons.step(dt, J, output, **state)``."""
    j = step.read(op.J)
    state = State({name: step.read(signal) for name, signal in op.state.items()})
    state.starts_within = lambda name, most: step.starts_within(op.state[name], most)
    take = step_of(op.neurons)
    if op.state_extra:  # what neurons draw random numbers from

        def draw(turn=0):
            return step.uniform(op, op.output.size, turn)

        output, new = take(op.neurons, j, state, step, draw)
    else:
        output, new = take(op.neurons, j, state, step)
    step.set(op.output, output)
    for name, value in new.items():
        step.set(op.state[name], value)


# Rate neurons


@steps(nengo.RectifiedLinear)
def rectified_linear(neurons, j, state, step):
    """Return ``amplitude max(0, J)``."""
    return neurons.amplitude * tf.maximum(j, step.constant(0)), {}


@steps(nengo.Sigmoid)
def sigmoid(neurons, j, state, step):
    """Return ``1 / tau_ref / (1 + exp(-J))``."""
    return tf.sigmoid(j) / neurons.tau_ref, {}


@steps(nengo.Tanh)
def tanh(neurons, j, state, step):
    """Return ``tanh(J) / tau_ref``."""
    return tf.tanh(j) / neurons.tau_ref, {}


@steps(nengo.LIFRate)
def lif_rate(neurons, j, state, step):
    """Return ``amplitude / (tau_ref + tau_rc log(1 + 1 / (J - 1)))`` above threshold."""
    above = j - 1
    on = above > 0
    period = neurons.tau_ref + neurons.tau_rc * tf.math.log1p(1 / tf.where(on, above, 1))
    return tf.where(on, neurons.amplitude / period, 0), {}


@steps("nengo_dl.neurons.SoftLIFRate")
def soft_lif_rate(neurons, j, state, step):
    """Return LIF's rate of ``1 + sigma log(1 + exp((J - 1) / sigma))``.

    Hunsberger & Eliasmith 2016, https://arxiv.org/abs/1611.05141, equation 4.
    """
    soft = (j - 1) / neurons.sigma
    # Far below threshold, log(1 + exp(soft)) is exp(soft), and soon too small to divide by.
    far = soft < -20
    rectified = neurons.sigma * tf.nn.softplus(tf.where(far, step.constant(0), soft))
    log = tf.where(far, -soft - math.log(neurons.sigma), tf.math.log1p(1 / rectified))
    return neurons.amplitude / (neurons.tau_ref + neurons.tau_rc * log), {}


@steps(nengo.AdaptiveLIFRate)
def adaptive_lif_rate(neurons, j, state, step):
    """Return LIF's rate less an adaptation that follows it."""
    output, _ = lif_rate(neurons, j - state["adaptation"], {}, step)
    return output, {"adaptation": _adapted(neurons, output, state, step)}


def _adapted(neurons, output, state, step):
    n = state["adaptation"]
    return n + (step.dt / neurons.tau_n) * (neurons.inc_n * output - n)


# Spiking neurons


@steps(nengo.LIF)
def lif(neurons, j, state, step):
    """Return leaky integrate-and-fire, exact between steps for a current constant within one."""
    dt, tau_rc = step.dt, neurons.tau_rc
    zero = step.constant(0)
    refractory = state["refractory_time"] - dt
    # What is left of the step after the refractory time.
    delta_t = tf.minimum(tf.maximum(dt - refractory, zero), step.constant(dt))
    before = state["voltage"]
    voltage = before + (j - before) * one_minus_exp(delta_t / tau_rc, dt / tau_rc)
    voltage = step.kept(voltage)
    spiked = voltage > 1
    overshoot = tf.where(spiked, (voltage - 1) / (j - 1), zero)
    # From 1 or below, the voltage overshoots by at most this part of J - 1.
    largest = -math.expm1(-dt / tau_rc) if state.starts_within("voltage", 1) else None
    t_spike = dt + tau_rc * log_one_minus(overshoot, largest)
    floor = step.constant(neurons.min_voltage)
    return tf.where(spiked, step.constant(neurons.amplitude / dt), zero), {
        "voltage": tf.where(spiked, zero, tf.maximum(voltage, floor)),
        "refractory_time": tf.where(spiked, neurons.tau_ref + t_spike, refractory),
    }


@steps(nengo.AdaptiveLIF)
def adaptive_lif(neurons, j, state, step):
    """Return LIF less an adaptation that follows its spikes."""
    output, new = lif(neurons, j - state["adaptation"], state, step)
    return output, {**new, "adaptation": _adapted(neurons, output, state, step)}


@steps(nengo.SpikingRectifiedLinear)
def spiking_rectified_linear(neurons, j, state, step):
    """Return an integrator that fires as often as it passes a whole number."""
    return _integrate(neurons, tf.maximum(j, step.constant(0)), state, step)


@steps(nengo.RegularSpiking)
def regular_spiking(neurons, rate, state, step):
    """Return spikes as regular as a rate allows."""
    return _integrate(neurons, rate, state, step)


def _integrate(neurons, rate, state, step):
    voltage = state["voltage"] + rate * step.dt
    n_spikes = tf.floor(voltage)
    return (neurons.amplitude / step.dt) * n_spikes, {"voltage": voltage - n_spikes}


@steps(nengo.Izhikevich)
def izhikevich(neurons, j, state, step):
    """Return Izhikevich's step (2003), with Nengo's order of reset and recovery."""
    dt, voltage, recovery = step.dt, state["voltage"], state["recovery"]
    j = tf.maximum(j, step.constant(-30))
    voltage += (0.04 * voltage**2 + 5 * voltage + 140 - recovery + j) * (1000 * dt)
    spiked = voltage >= 30
    voltage = tf.where(spiked, step.constant(neurons.reset_voltage), voltage)
    recovery += neurons.tau_recovery * (neurons.coupling * voltage - recovery) * (1000 * dt)
    recovery = tf.where(spiked, recovery + neurons.reset_recovery, recovery)
    return tf.where(spiked, step.constant(1 / dt), step.constant(0)), {
        "voltage": voltage,
        "recovery": recovery,
    }


# Neurons that draw random numbers


@steps(nengo.StochasticSpiking)
def stochastic_spiking(neurons, rate, state, step, draw):
    """Return as many spikes as expected in a step, the fraction by chance."""
    size, sign = _size_and_sign(neurons, rate)
    expected = size * step.dt
    whole = tf.floor(expected)
    n_spikes = whole + tf.cast(draw() < expected - whole, rate.dtype)
    return (neurons.amplitude / step.dt) * n_spikes * sign, {}


@steps(nengo.PoissonSpiking)
def poisson_spiking(neurons, rate, state, step, draw):
    """Return a Poisson number of spikes in each step."""
    size, sign = _size_and_sign(neurons, rate)
    return (neurons.amplitude / step.dt) * poisson(size * step.dt, draw) * sign, {}


def _size_and_sign(neurons, rate):
    return (tf.abs(rate), tf.sign(rate)) if neurons.negative else (rate, 1)


LARGEST_MEAN = 32.0  # exp of minus this is far from the smallest float32
UNROLLED = 6  # a mean of 0.25, 250 Hz for 1 ms, has more than that once in 1e8


def poisson(mean, draw):
    """Return Poisson numbers, as sums of such of means of at most 32.

    Parameters
    ----------
    mean : tf.Tensor
        Not negative.
    draw : callable
        ``draw(turn)`` gives uniform random numbers of the shape wanted, new ones for each turn.

    Returns
    -------
    tf.Tensor
    """
    first = draw(0)
    mean = tf.broadcast_to(mean, first.shape)
    n_parts = tf.maximum(tf.math.ceil(tf.reduce_max(mean) / LARGEST_MEAN), 1)
    part = mean / n_parts

    def add(turn, total):
        return turn + 1, total + inverted_poisson(part, draw(turn))

    n_turns = tf.cast(n_parts, tf.uint32)
    start = (tf.ones((), tf.uint32), inverted_poisson(part, first))
    return tf.while_loop(lambda turn, total: turn < n_turns, add, start)[1]


def inverted_poisson(mean, u):
    """Return how many values of the distribution function a uniform number reaches."""
    one, zero = tf.ones((), u.dtype), tf.zeros((), u.dtype)
    smallest = np.finfo(u.dtype.as_numpy_dtype).eps / 4

    def pass_one(k, n, probability, total):
        over = u >= total
        probability = probability * mean / (k + 1)
        return k + 1, n + tf.where(over, one, zero), probability, total + probability

    def more(k, n, probability, total):
        # Where rounding keeps the sum of all probabilities below u, stop after the last of size.
        return tf.reduce_any((u >= total) & ((k < mean) | (probability > smallest)))

    probability = tf.exp(-mean)
    state = (zero, tf.zeros_like(u), probability, probability)
    for _ in range(UNROLLED):
        state = pass_one(*state)
    return tf.while_loop(more, pass_one, state)[1]


# Elementary functions where arguments are known to be small


def one_minus_exp(z, largest):
    """Return ``1 - exp(-z)`` for ``0 <= z <= largest``, by its series where that is short."""
    n = _n_terms(largest, z.dtype, lambda k: largest**k / math.factorial(k + 1))
    if n is None:
        return -tf.math.expm1(-z)
    value = 1.0
    for k in range(n, 1, -1):
        value = 1 - z / k * value
    return z * value


def log_one_minus(x, largest=None):
    """Return ``log(1 - x)`` for ``0 <= x <= largest``, by a series where that is short.

    That of ``2 artanh(y)`` with ``y = -x / (2 - x)``.
    """
    bound = 1 if largest is None else largest / (2 - largest)
    n = _n_terms(bound, x.dtype, lambda k: bound ** (2 * k) / (2 * k + 1))
    if n is None:
        return tf.math.log1p(-x)
    y = -x / (2 - x)
    square = y * y
    value = tf.constant(1 / (2 * n - 1), x.dtype)
    for k in range(n - 1, 0, -1):
        value = 1 / (2 * k - 1) + square * value
    return 2 * y * value


def _n_terms(bound, dtype, term, most=12):
    """Return how many terms of a series reach a type's precision; None if more than ``most``."""
    epsilon = np.finfo(dtype.as_numpy_dtype).eps / 4
    return next((k for k in range(1, most + 1) if term(k) < epsilon), None)
