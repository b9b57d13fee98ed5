"""Instructions of processes: synapses, and images shown one after another."""

import functools

import nengo
import numpy as np
from nengo.builder.processes import SimProcess

from ..lookup import find, is_own
from . import codes
from .program import Unsupported, assembles

_processes = {}


def _kernel(process):
    """Register what writes the instruction of a process: ``f(op, process, program)``."""

    def register(function):
        _processes[process] = function
        return function

    return register


@assembles(SimProcess)
def sim_process(op, program):
    """Write ``output = process(t, input)``."""
    function = find(_processes, type(op.process), "make_step")
    if function is None or is_own(op.process, "make_step"):
        raise Unsupported
    function(op, op.process, program)


def _state_space(process, dt):
    """Return Nengo's discrete matrices of a filter, worked out once for filters that are alike."""
    if type(process)._get_ss is not nengo.LinearFilter._get_ss:
        return [np.atleast_2d(m) for m in process._get_ss(dt)]
    constants = (tuple(process.num), tuple(process.den), process.analog, process.method, dt)
    return _matrices(*constants)


@functools.lru_cache(maxsize=1000)
def _matrices(num, den, analog, method, dt):
    like = nengo.LinearFilter(num, den, analog=analog, method=method)
    return [np.atleast_2d(m) for m in like._get_ss(dt)]


@_kernel(nengo.LinearFilter)
def _linear_filter(op, process, program):
    """Write ``X <- A X + B u``, ``y = C X + D u``, in the order of Nengo's own steps."""
    size = op.output.size
    if op.input is None or op.input.size != size:
        raise Unsupported
    a, b, c, d = _state_space(process, program.dt)
    order = 0 if a.size == 0 else len(a)
    if d.size != 1:
        raise Unsupported
    if size == 0:
        return
    mode = codes.ADD_TO if op.mode == "inc" else codes.SET
    addresses = [program.address(op.output), program.gathered(op.input)]
    if order == 0:
        program.emit(codes.SCALE, addresses, [size, mode], [d.item()])
        return
    addresses.append(program.address(op.state["X"]))
    delayed = d.item() != 0
    if order == 1 and not delayed:
        params = [a.item(), b.item() * c.item()]
        program.emit(codes.FIRST_ORDER, addresses, [size, mode], params)
    elif order == 2 and not delayed:
        params = [*a.ravel(), *b.ravel(), *c.ravel()]
        program.emit(codes.SECOND_ORDER, addresses, [size, mode], params)
    else:
        addresses.append(program.scratch(order * size))
        params = [*a.ravel(), *b.ravel(), *c.ravel(), d.item()]
        program.emit(codes.ANY_ORDER, addresses, [size, mode, order, delayed], params)


@_kernel(nengo.processes.PresentInput)
def _present_input(op, process, program):
    if op.input is not None or op.mode == "inc":
        raise Unsupported
    inputs = np.ascontiguousarray(
        process.inputs.reshape(len(process.inputs), -1), program.memory.dtype
    )
    duration = np.array(
        [process.presentation_time], np.float64
    )  # exact, whatever the buffer's type
    program.alive += [inputs, duration]
    ints = [inputs.shape[1], inputs.ctypes.data, len(inputs), duration.ctypes.data]
    program.emit(codes.PRESENT, [program.address(op.output)], ints)
