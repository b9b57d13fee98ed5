"""Emitters of Nengo's simplest operators."""

import numpy as np
from nengo.builder.operator import Copy, ElementwiseInc, Reset, SimPyFunc

from ..compatibility import import_tensorflow
from .registry import emits, function_of

tf = import_tensorflow()


@emits(Reset, overwrites=lambda op: [op.dst])
def emit_reset(op, step):
    """Emit ``dst = value``."""
    step.set(op.dst, step.constant(op.value)[None])


@emits(Copy, overwrites=lambda op: [op.dst] if op.dst_slice is None and not op.inc else [])
def emit_copy(op, step):
    """Emit ``dst[dst_slice] = src[src_slice]``, or ``+=``."""
    value = step.read(op.src)
    if op.src_slice is not None:
        value = tf.gather(value, _places(op.src_slice, op.src.shape[0]))
    if op.dst_slice is None:
        (step.inc if op.inc else step.set)(op.dst, value)
        return
    n = op.dst.shape[0]
    places = _places(op.dst_slice, n)
    value = tf.broadcast_to(value, (places.size, *value.shape[1:]))
    if np.unique(places).size < places.size:  # such a copy is an increment, says Nengo
        step.inc(op.dst, tf.math.unsorted_segment_sum(value, places, n))
        return
    inverse = np.zeros(n, dtype=np.int32)
    inverse[places] = np.arange(places.size)
    there = np.zeros((n, *(1,) * len(op.dst.shape)), dtype=bool)
    there[places] = True
    spread = tf.gather(value, inverse)
    if op.inc:
        step.inc(op.dst, tf.where(there, spread, step.constant(0)))
    else:
        step.set(op.dst, tf.where(there, spread, step.read(op.dst)))


def _places(index, n):
    """Return the places that an index chooses of n, from 0 on."""
    return np.arange(n, dtype=np.int32)[np.asarray(index)]


@emits(ElementwiseInc)
def emit_elementwise_inc(op, step):
    """Emit ``Y += A * X``."""
    step.inc(op.Y, step.read(op.A) * step.read(op.X))


@emits(SimPyFunc, overwrites=lambda op: op.sets)
def emit_function(op, step):
    """Emit ``output = fn(t, x)``, for functions whose compiled form is registered."""
    t = None if op.t is None else step.time
    x = None if op.x is None else step.read(op.x)
    value = function_of(op.fn)(op.fn, t, x)
    if op.output is not None:
        step.set(op.output, value)
