"""Emitters of Nengo's learning rules.

What a rule adds to the weights in the next step is a product of two vectors: the vectors are
carried, not the product. In a minibatch that learns together, it is a product of two matrices.
"""

import functools

from nengo.builder.learning_rules import SimBCM, SimOja, SimPES, SimRLS, SimVoja
from nengo.exceptions import BuildError

from ..compatibility import import_tensorflow
from .registry import emits
from .step import as_weights

tf = import_tensorflow()


def learns(operator, reads, carried=lambda op: False, every=lambda op: 1):
    """Register how a learning rule changes weights.

    The decorated function is called as ``f(op, step, *values)`` with what the signals
    ``reads(op)`` hold (see ``step.read_weights``), and returns the change of the weights, made
    with ``step.outer`` and ``step.by_row`` so that it has a meaning for weights that a minibatch
    shares. The operator updates ``op.delta`` alone.

    Parameters
    ----------
    operator : type
        Subclass of `nengo.builder.Operator`.
    reads : callable
        From an operator to the signals that the change depends on.
    carried : callable
        Whether an operator's change depends on its last one, and so has to be carried as it is.
    every : callable
        From an operator to the number of steps between changes of the weights. Where it is above
        1, they are gathered in ``op.gathered``, which the operator updates as well.
    """

    def register(change):
        def derives(op, dt):
            if every(op) > 1:
                return {op.delta: (functools.partial(_due, every(op)), [op.gathered])}
            if carried(op):
                return {}
            first = _starts_at_rest(op)

            def derived(step, *values):
                delta = change(op, step, *map(as_weights, values))
                return delta if first else _not_in_first(step, delta)

            return {op.delta: (derived, reads(op))}

        @emits(operator, derives=derives)
        def emit(op, step):
            delta = change(op, step, *(step.read_weights(s) for s in reads(op)))
            if every(op) > 1:
                before = step.read_weights(op.gathered)
                gathered = delta + tf.where(_begins(step, every(op)), step.constant(0), before)
                step.update(op.gathered, gathered)
                delta = tf.where(_begins(step, every(op), after=1), gathered, step.constant(0))
            step.update(op.delta, delta)

        return change

    return register


def _begins(step, every, after=0):
    """Return whether so many steps after this one, changes are gathered anew."""
    return (step.n - 1 + after) % every == 0


def _due(every, step, gathered):
    """Return what the weights change by at the start of a step."""
    return tf.where(_begins(step, every), as_weights(gathered), step.constant(0))


def _starts_at_rest(op):
    """Return whether a change worked out from what signals hold at first would be 0."""
    return all((signal.initial_value == 0).all() for signal in op.reads)


def _not_in_first(step, delta):
    """Return no change in the first step: nothing was seen before it."""
    return tf.where(step.n > 1, delta, step.constant(0))


@learns(SimPES, lambda op: [op.pre_filtered, op.error])
def pes(op, step, activities, error):
    """Return ``-learning_rate dt / n error activities^T``."""
    alpha = -op.learning_rate * step.dt / op.pre_filtered.shape[0]
    return step.outer(alpha * error, activities, op.delta)


@learns(SimBCM, lambda op: [op.pre_filtered, op.post_filtered, op.theta])
def bcm(op, step, pre, post, theta):
    """Return ``learning_rate dt post (post - theta) pre^T``."""
    return step.outer(op.learning_rate * step.dt * post * (post - theta), pre, op.delta)


@learns(SimOja, lambda op: [op.pre_filtered, op.post_filtered, op.weights])
def oja(op, step, pre, post, weights):
    """Return ``learning_rate dt (post pre^T - beta post^2 weights)``."""
    alpha = op.learning_rate * step.dt
    forgotten = step.by_row(op.beta * alpha * post * post, weights, op.delta)
    return step.outer(alpha * post, pre, op.delta) - forgotten


@learns(
    SimVoja,
    lambda op: [op.pre_decoded, op.post_filtered, op.scaled_encoders, op.learning_signal],
)
def voja(op, step, pre, post, encoders, signal):
    """Return ``learning_rate dt signal (scale post pre^T - post encoders)``."""
    factor = op.learning_rate * step.dt * signal * post
    scale = step.constant(op.scale)[:, None]
    return step.outer(scale * factor, pre, op.delta) - step.by_row(factor, encoders, op.delta)


@emits(SimRLS)
def emit_rls(op, step):
    """Emit ``P -= P r (P r)^T / (1 + r^T P r)`` and ``delta = -error (P r)^T / (1 + r^T P r)``."""
    if step.is_shared(op.delta):
        raise BuildError(
            f"{op}: recursive least squares takes examples one after another, so that a minibatch "
            "cannot learn together; use minibatch_learning='copies'"
        )
    r, error, p = step.read(op.pre_filtered), step.read(op.error), step.read_weights(op.inv_gamma)
    pr = tf.matmul(p, r) if p.shape.rank == 2 else tf.reduce_sum(p * r[None], axis=1)
    gain = 1 / (1 + tf.reduce_sum(r * pr, axis=0, keepdims=True))
    step.update(op.inv_gamma, p - step.outer(pr, gain * pr, op.delta))
    step.update(op.delta, step.outer(-error, gain * pr, op.delta))
