"""How synapses and other processes with an input take a step, compiled."""

import nengo
import numpy as np
from nengo.builder.processes import SimProcess

from ..compatibility import import_tensorflow
from .registry import emits, filter_of, filters

tf = import_tensorflow()


def _derived(op, dt):
    """Return the output of a synapse that is a function of its new state."""
    derive = getattr(filter_of(op.process), "derive", None)
    found = derive(op.process, op.input.shape, dt) if derive and op.mode == "update" else None
    if found is None:
        return {}
    function, names = found
    return {op.output: (function, [op.state[name] for name in names])}


@emits(SimProcess, overwrites=lambda op: op.sets, derives=_derived)
def emit_process(op, step):
    """Emit ``output = step(t, input)``, set, added or left to the next step."""
    state = {name: step.read(signal) for name, signal in op.state.items()}
    output, new = filter_of(op.process)(op.process, step.read(op.input), state, step)
    write = {"set": step.set, "inc": step.inc, "update": step.update}[op.mode]
    write(op.output, output)
    for name, value in new.items():
        step.update(op.state[name], value)


@filters(nengo.LinearFilter)
def linear_filter(process, x, state, step):
    """Return ``X' = A X + B u``, ``y = C X'``; with a direct term ``y = C X + D u``."""
    discrete = _discrete(process, tuple(x.shape[:-1]), step.dt)
    if isinstance(discrete, nengo.LinearFilter.NoX):
        return discrete.d * x, {}
    before = state["X"]
    if isinstance(discrete, nengo.LinearFilter.OneX):
        after = discrete.a * before + discrete.b * x[None]
    else:
        # Row by row, as for two or three states most of it is elementwise.
        rows = [a + b * x for a, b in zip(_rows(discrete.A, before), discrete.B.ravel())]
        after = tf.stack(rows)
    if isinstance(discrete, nengo.LinearFilter.General):
        return _rows(discrete.C, before)[0] + discrete.D.item() * x, {"X": after}
    return _output(discrete, after), {"X": after}


def _output(discrete, after):
    if isinstance(discrete, nengo.LinearFilter.OneX):
        return after[0]
    return _rows(discrete.C, after)[0]


def _rows(matrix, x):
    """Return a small matrix times the first axis of x, as a list of rows; zeros cost nothing."""
    if matrix.shape[1] > 4:
        return tf.unstack(tf.tensordot(tf.constant(matrix, x.dtype), x, 1))
    rows = []
    for row in matrix:
        terms = [factor * x[k] for k, factor in enumerate(row) if factor != 0]
        rows.append(tf.add_n(terms) if terms else tf.zeros_like(x[0]))
    return rows


def _discrete(process, shape, dt):
    """Return Nengo's own step object, which has the discretized A, B, C and D."""
    state = process.make_state(shape, shape, dt)
    return process.make_step(shape, shape, dt, None, state)


def _derive_linear(process, shape, dt):
    discrete = _discrete(process, shape, dt)
    if isinstance(discrete, (nengo.LinearFilter.NoX, nengo.LinearFilter.General)):
        return None
    return lambda step, state: _output(discrete, state), ["X"]


linear_filter.derive = _derive_linear


@filters(nengo.synapses.Triangle)
def triangle(process, x, state, step):
    """Return a falling line of weights over the last inputs, with a ring of what to subtract."""
    n_taps, first, difference = process._get_coefficients(step.dt)
    ring, place = state["X"], state["Xi"]
    y = state["Y"] + first * x - tf.reduce_sum(ring, axis=0)
    place = tf.math.floormod(place + 1, n_taps)
    taps = np.arange(n_taps).reshape(-1, *(1,) * len(x.shape))
    here = tf.constant(taps, x.dtype) == tf.reshape(place, (1,) * len(x.shape) + (-1,))
    ring = tf.where(here, difference * x[None], ring)
    return y, {"Y": y, "X": ring, "Xi": place}
