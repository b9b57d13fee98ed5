"""Instructions of Nengo's learning rules."""

import numpy as np
from nengo.builder.learning_rules import SimBCM, SimOja, SimPES, SimRLS, SimVoja

from . import codes
from .program import Unsupported, assembles


def weights_like(program, post, pre, delta, *others):
    """Return the addresses of matrices and whether all are stored by column.

    Parameters
    ----------
    program : Program
    post, pre : nengo.builder.Signal
        What rows and columns stand for.
    delta, *others : nengo.builder.Signal
        The matrices.

    Raises
    ------
    Unsupported
        If they are not stored alike, or not of the shape of the outer product of post and pre.
    """
    if any(signal.shape != (post.size, pre.size) for signal in (delta, *others)):
        raise Unsupported
    found = [program.matrix(signal) for signal in (delta, *others)]
    if len({by_column for _, by_column in found}) > 1:
        raise Unsupported
    return [address for address, _ in found], found[0][1]


def add_outer(program, delta, e, s, shape, by_column, factor, kept=0, rate=None, decay=None):
    """Write ``delta <- kept delta + factor rate (e s^T - decay weights)``.

    Parameters
    ----------
    program : Program
    delta, e, s : int
        Addresses.
    shape : tuple of int
    by_column : bool
    factor, kept : float
    rate : nengo.builder.Signal, optional
    decay : (float, int), optional
        With the address of the weights.
    """
    decay, weights = decay or (0, delta)
    addresses = [delta, e, s, delta if rate is None else program.address(rate), weights]
    ints = [*shape, by_column, rate is not None]
    program.emit(codes.OUTER, addresses, ints, [factor, kept, decay])


def _prepared(program, kind, post, size, other=0, signal=0, scales=()):
    """Write what a rule makes of postsynaptic activities and return its address."""
    out = program.scratch(size)
    scales = [*scales, *np.zeros(size - len(scales))]
    program.emit(codes.PREPARE, [out, post, other or post, signal or post], [size, kind], scales)
    return out


@assembles(SimPES)
def sim_pes(op, program):
    """Write ``delta = -learning_rate dt / n error activities^T``."""
    (delta,), by_column = weights_like(program, op.error, op.pre_filtered, op.delta)
    e, s = program.gathered(op.error), program.gathered(op.pre_filtered)
    factor = -op.learning_rate * program.dt / op.pre_filtered.shape[0]
    add_outer(program, delta, e, s, op.delta.shape, by_column, factor)


@assembles(SimBCM)
def sim_bcm(op, program):
    """Write ``delta = learning_rate dt post (post - theta) pre^T``."""
    (delta,), by_column = weights_like(program, op.post_filtered, op.pre_filtered, op.delta)
    post, pre = program.gathered(op.post_filtered), program.gathered(op.pre_filtered)
    theta = program.gathered(op.theta)
    e = _prepared(program, codes.BCM_POST, post, op.delta.shape[0], theta)
    add_outer(program, delta, e, pre, op.delta.shape, by_column, op.learning_rate * program.dt)


@assembles(SimOja)
def sim_oja(op, program):
    """Write ``delta = learning_rate dt (post pre^T - beta post^2 weights)``."""
    (delta, weights), by_column = weights_like(
        program, op.post_filtered, op.pre_filtered, op.delta, op.weights
    )
    post, pre = program.gathered(op.post_filtered), program.gathered(op.pre_filtered)
    factor = op.learning_rate * program.dt
    square = _prepared(program, codes.SQUARE, post, op.delta.shape[0])
    add_outer(program, delta, post, pre, op.delta.shape, by_column, factor)
    ints = [*op.delta.shape, by_column]
    program.emit(codes.ADD_ROWS, [delta, square, weights], ints, [-op.beta * factor])


@assembles(SimVoja)
def sim_voja(op, program):
    """Write ``delta = learning_rate dt signal (scale post pre^T - post encoders)``."""
    (delta, encoders), by_column = weights_like(
        program, op.post_filtered, op.pre_decoded, op.delta, op.scaled_encoders
    )
    post, pre = program.gathered(op.post_filtered), program.gathered(op.pre_decoded)
    signal = program.address(op.learning_signal)
    n, factor = op.delta.shape[0], op.learning_rate * program.dt
    scaled = _prepared(program, codes.VOJA_POST, post, n, 0, signal, op.scale.ravel())
    plain = _prepared(program, codes.VOJA_POST, post, n, 0, signal, np.ones(n))
    add_outer(program, delta, scaled, pre, op.delta.shape, by_column, factor)
    ints = [*op.delta.shape, by_column]
    program.emit(codes.ADD_ROWS, [delta, plain, encoders], ints, [-factor])


@assembles(SimRLS)
def sim_rls(op, program):
    """Write a step of recursive least squares."""
    (delta,), by_column = weights_like(program, op.error, op.pre_filtered, op.delta)
    rows, columns = op.delta.shape
    addresses = [delta, program.gathered(op.error), program.gathered(op.pre_filtered)]
    addresses += [program.matrix(op.inv_gamma)[0], program.scratch(columns)]
    program.emit(codes.RLS, addresses, [rows, columns, by_column])
