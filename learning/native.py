"""Kernels of the package's own learning rule, on the native backend.

The backend imports this when it meets one of them; nothing else does.
"""

from nengo_pc.backends.native import codes
from nengo_pc.backends.native.assemble_functions import computes
from nengo_pc.backends.native.assemble_rules import add_outer, weights_like
from nengo_pc.backends.native.growing import grows
from nengo_pc.backends.native.program import Unsupported, assembles

from .error_hebbian import RateAt, SimErrorHebbian
from .traces import FallingRate

grows(SimErrorHebbian)


@assembles(SimErrorHebbian)
def sim_error_hebbian(op, program):
    """Write ``delta = kept delta + (1 - kept) rate dt (e s^T - decay W)``."""
    if op.every > 1:
        raise Unsupported
    (delta, weights), by_column = weights_like(
        program, op.error, op.activities, op.delta, op.weights
    )
    e, s = program.gathered(op.error), program.gathered(op.activities)
    if op.on_off:
        pairs = program.scratch(op.activities.size)
        program.emit(codes.DIFFERENCES, [pairs, s], [op.activities.size])
        s = pairs
    kept = op.kept(program.dt)
    factor = (1 - kept) * program.dt
    if op.delta in program.groups:
        program.groups[op.delta].write(program, e, s, factor, kept, op.decay, op.rate)
        return
    decay = (op.decay, weights)
    add_outer(program, delta, e, s, op.delta.shape, by_column, factor, kept, op.rate, decay)


@computes(RateAt)
def rate_at(op, function, program):
    """Write ``initial max(0, 1 - t / duration)``."""
    falling = function.learning_rate
    if type(falling) is not FallingRate:
        raise Unsupported
    params = [falling.initial, falling.duration]
    program.emit(codes.FALLING_RATE, [program.address(op.output)], (), params)
