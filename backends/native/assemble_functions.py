"""Instructions of functions of Nodes: those of the package's own networks."""

from nengo.builder.operator import SimPyFunc

from nengo_pc.networks.error_nodes import GatedFeedback, OutputError
from nengo_pc.networks.gates import Gate
from nengo_pc.networks.precision import TINY, DividedError, ExcessPower

from ..lookup import find
from . import codes
from .program import Unsupported, assembles, load

_functions = {}


def computes(cls):
    """Register what writes the instruction of Node functions that are instances of a class.

    The decorated function is called as ``f(op, function, program)``, like those of `assembles`.
    """

    def register(function):
        _functions[cls] = function
        return function

    return register


def has_kernel(function):
    """Return whether a Node's function may have a kernel, which remembers nothing."""
    load(type(function))
    return find(_functions, type(function), "__call__") is not None


@assembles(SimPyFunc)
def sim_py_func(op, program):
    """Write ``output = fn(t, x)``, where ``fn`` is a function that has a kernel."""
    load(type(op.fn))
    function = find(_functions, type(op.fn), "__call__")
    if function is None or op.output is None:
        raise Unsupported
    function(op, op.fn, program)


def _emit(op, program, code, ints=(), params=()):
    addresses = [program.address(op.output), program.gathered(op.x)]
    program.emit(code, addresses, [op.output.size, *ints], params)


@computes(GatedFeedback)
def _gated_feedback(op, function, program):
    gate = function.gate
    if type(gate) is not Gate:
        raise Unsupported
    kind, params = _slope(gate)
    params = [function.precision, *params, 0, 0, 0, 0][:6]
    _emit(op, program, codes.GATED_FEEDBACK, [kind], params)


def _slope(gate):
    """Return the kind of a gate and its constants."""
    neurons = gate.neuron_type
    if gate.derivative == "step":
        return codes.STEP, [gate.threshold]
    if gate.derivative == "box":
        return codes.BOX, list(gate.box)
    if gate.derivative == "none":
        return codes.NONE, []
    kind = type(neurons).__name__
    if kind == "RectifiedLinear":
        return codes.RECTIFIED, [neurons.amplitude]
    if kind in ("Sigmoid", "Tanh"):
        return (codes.LOGISTIC if kind == "Sigmoid" else codes.HYPERBOLIC), [neurons.tau_ref]
    constants = [neurons.amplitude, neurons.tau_ref, neurons.tau_rc]
    sigma = getattr(neurons, "sigma", None)
    return (
        (codes.LIF_SLOPE, constants)
        if sigma is None
        else (codes.SOFT_LIF_SLOPE, [*constants, sigma])
    )


@computes(OutputError)
def _output_error(op, function, program):
    answers = {
        "rectified": codes.RECTIFIED_OUTPUT,
        "cross-entropy": codes.SOFTMAX,
        "squared-error": codes.IDENTITY,
    }
    _emit(op, program, codes.OUTPUT_ERROR, [answers[function.loss]], [function.margin])


@computes(ExcessPower)
def _excess_power(op, function, program):
    addresses = [program.address(op.output), program.gathered(op.x)]
    program.emit(codes.EXCESS_POWER, addresses, [op.x.size], [function.initial])


@computes(DividedError)
def _divided_error(op, function, program):
    adaptive = function.adaptive
    _emit(op, program, codes.DIVIDED_ERROR, (), [adaptive.initial, TINY, adaptive.bound])
