"""Compiled forms of the package's learning rule and of what Nodes of its networks work out.

The xla backend imports this when it meets one of them; nothing else does.
"""

import nengo

from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.backends.xla import computes
from nengo_pc.backends.xla.emit_learning_rules import learns
from nengo_pc.networks.error_nodes import GatedFeedback, OutputError
from nengo_pc.networks.gates import Gate
from nengo_pc.networks.precision import TINY, DividedError, ExcessPower

from .error_hebbian import SimErrorHebbian
from .lif_curve import lif_curve

tf = import_tensorflow()


def _reads(op):
    return [op.activities, op.error, op.rate, *([op.weights] if op.decay else [])]


def _change(op, step, activities, error, rate, weights=None):
    """``learning_rate dt (e s^T - decay W)``, times what a trace leaves of it."""
    if op.on_off:
        on, off = tf.split(activities, 2)
        activities = tf.concat([on - off, off - on], axis=0)
    step_size = (1 - op.kept(step.dt)) * rate * step.dt
    delta = step.outer(step_size * error, activities, op.delta)
    if weights is not None:
        delta -= step.by_row(step_size[:1] * op.decay, weights, op.delta)
    return delta


# A trace is kept from step to step, so that a change cannot be made anew from what made it.
@learns(
    SimErrorHebbian,
    _reads,
    carried=lambda op: op.consolidation > 0,
    every=lambda op: op.every,
)
def error_hebbian(op, step, *values):
    """What the weights change by, or its low-pass trace."""
    kept = op.kept(step.dt)
    delta = _change(op, step, *values)
    return kept * step.read_weights(op.delta) + delta if kept else delta


@computes(OutputError)
def output_error(node, t, x):
    """``clamp (target - f(prediction))``, as much of it as exceeds the margin."""
    prediction, target = tf.split(x[:-1], 2)
    if node.loss == "rectified":
        answer = tf.nn.relu(prediction)
    else:
        answer = tf.nn.softmax(prediction, axis=0) if node.loss == "cross-entropy" else prediction
    error = x[-1:] * (target - answer)
    return error - tf.clip_by_value(error, -node.margin, node.margin) if node.margin else error


@computes(ExcessPower)
def excess_power(node, t, x):
    """``mean(e^2) - initial``."""
    return tf.reduce_mean(x * x, axis=0, keepdims=True) - node.initial


@computes(DividedError)
def divided_error(node, t, x):
    """``e / sqrt(v)``, clipped."""
    adaptive = node.adaptive
    power = tf.nn.relu(x[-1:] + adaptive.initial)
    return tf.clip_by_value(x[:-1] / tf.sqrt(power + TINY), -adaptive.bound, adaptive.bound)


# A gate that is a user's own function is run by Python.
@computes(GatedFeedback, when=lambda node: isinstance(node.gate, Gate))
def gated_feedback(node, t, x):
    """``g(current) feedback / precision``."""
    current, feedback = tf.split(x, 2)
    return slope(node.gate, current) * feedback / node.precision


def slope(gate, x):
    """`nengo_pc.networks.Gate` for tensors."""
    if gate.derivative == "none":
        return tf.ones_like(x)
    if gate.derivative == "step":
        return tf.cast(x > gate.threshold, x.dtype)
    if gate.derivative == "box":
        return tf.cast((x > gate.box[0]) & (x < gate.box[1]), x.dtype)
    neurons = gate.neuron_type
    kind, amplitude = type(neurons), getattr(neurons, "amplitude", 1.0)
    if kind is nengo.RectifiedLinear:
        return amplitude * tf.cast(x > 0, x.dtype)
    if kind is nengo.Sigmoid:
        return (1 - tf.tanh(x / 2) ** 2) / (4 * neurons.tau_ref)
    if kind is nengo.Tanh:
        return (1 - tf.tanh(x) ** 2) / neurons.tau_ref
    return lif_curve(neurons, x)[1]
