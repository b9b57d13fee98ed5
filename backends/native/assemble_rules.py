"""Instructions of Nengo's learning rules."""

from nengo.builder.learning_rules import SimBCM, SimOja, SimPES, SimRLS, SimVoja

from . import codes
from .program import Unsupported, assembles


def weights_like(program, delta, *others):
    """Return the addresses of matrices and whether all are stored by column.

    Raises
    ------
    Unsupported
        If they are not stored alike.
    """
    found = [program.matrix(signal) for signal in (delta, *others)]
    if len({by_column for _, by_column in found}) > 1:
        raise Unsupported
    return [address for address, _ in found], found[0][1]


@assembles(SimPES)
def sim_pes(op, program):
    """Write ``delta = -learning_rate dt / n error activities^T``."""
    (delta,), by_column = weights_like(program, op.delta)
    rows, columns = op.delta.shape
    addresses = [delta, program.gathered(op.error), program.gathered(op.pre_filtered)]
    factor = -op.learning_rate * program.dt / op.pre_filtered.shape[0]
    program.emit(codes.PES, addresses, [rows, columns, by_column], [factor])


@assembles(SimBCM)
def sim_bcm(op, program):
    """Write ``delta = learning_rate dt post (post - theta) pre^T``."""
    (delta,), by_column = weights_like(program, op.delta)
    rows, columns = op.delta.shape
    addresses = [delta, program.gathered(op.post_filtered), program.gathered(op.pre_filtered)]
    addresses += [program.gathered(op.theta), program.scratch(rows)]
    factor = op.learning_rate * program.dt
    program.emit(codes.BCM, addresses, [rows, columns, by_column], [factor])


@assembles(SimOja)
def sim_oja(op, program):
    """Write ``delta = learning_rate dt (post pre^T - beta post^2 weights)``."""
    (delta, weights), by_column = weights_like(program, op.delta, op.weights)
    rows, columns = op.delta.shape
    addresses = [delta, program.gathered(op.post_filtered), program.gathered(op.pre_filtered)]
    addresses += [weights, program.scratch(rows)]
    factor = op.learning_rate * program.dt
    params = [factor, -op.beta * factor]
    program.emit(codes.OJA, addresses, [rows, columns, by_column], params)


@assembles(SimVoja)
def sim_voja(op, program):
    """Write ``delta = learning_rate dt signal (scale post pre^T - post encoders)``."""
    (delta, encoders), by_column = weights_like(program, op.delta, op.scaled_encoders)
    rows, columns = op.delta.shape
    addresses = [delta, program.gathered(op.post_filtered), program.gathered(op.pre_decoded)]
    addresses += [encoders, program.gathered(op.learning_signal), program.scratch(rows)]
    params = [op.learning_rate * program.dt, *op.scale.ravel()]
    program.emit(codes.VOJA, addresses, [rows, columns, by_column], params)


@assembles(SimRLS)
def sim_rls(op, program):
    """Write a step of recursive least squares."""
    (delta,), by_column = weights_like(program, op.delta)
    rows, columns = op.delta.shape
    addresses = [delta, program.gathered(op.error), program.gathered(op.pre_filtered)]
    addresses += [program.matrix(op.inv_gamma)[0], program.scratch(columns)]
    program.emit(codes.RLS, addresses, [rows, columns, by_column])
