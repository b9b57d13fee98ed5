"""Instructions of neuron types."""

import math

import nengo
from nengo.builder.neurons import SimNeurons

from ..lookup import find, is_own
from . import codes
from .program import Unsupported, assembles

_neurons = {}


def _kernel(neuron_type):
    """Register what writes the instruction of a neuron type: ``f(op, neurons, program)``."""

    def register(function):
        _neurons[neuron_type] = function
        return function

    return register


@assembles(SimNeurons)
def sim_neurons(op, program):
    """Write ``neurons.step(dt, J, output, **state)``."""
    function = find(_neurons, type(op.neurons), "step")
    if function is None or is_own(op.neurons, "step"):
        raise Unsupported
    function(op, op.neurons, program)


def _emit(program, op, code, state, params, extra=(), scratch=0):
    """Write an instruction with current, output and state of a population."""
    addresses = [program.address(op.output), program.gathered(op.J)]
    addresses += [program.address(op.state[name]) for name in state]
    addresses += [program.scratch(op.output.size) for _ in range(scratch)]
    program.emit(code, addresses, [op.output.size, *extra], params)


@_kernel(nengo.RectifiedLinear)
def _rectified_linear(op, neurons, program):
    _emit(program, op, codes.RECTIFIED_LINEAR, (), [neurons.amplitude, 0])


@_kernel(nengo.Sigmoid)
def _sigmoid(op, neurons, program):
    _emit(program, op, codes.SIGMOID, (), [1 / neurons.tau_ref, 1])


@_kernel(nengo.Tanh)
def _tanh(op, neurons, program):
    _emit(program, op, codes.TANH, (), [1 / neurons.tau_ref])


def _rate_params(neurons):
    return [neurons.amplitude, neurons.tau_ref, neurons.tau_rc, 0, 1]


@_kernel(nengo.LIFRate)
def _lif_rate(op, neurons, program):
    _emit(program, op, codes.LIF_RATE, (), _rate_params(neurons))


@_kernel("nengo_dl.neurons.SoftLIFRate")
def _soft_lif_rate(op, neurons, program):
    params = [*_rate_params(neurons)[:3], neurons.sigma, math.log(neurons.sigma), 0, 1, -20]
    _emit(program, op, codes.SOFT_LIF_RATE, (), params)


def _adaptation(neurons, program):
    return [program.dt / neurons.tau_n, neurons.inc_n]


@_kernel(nengo.AdaptiveLIFRate)
def _adaptive_lif_rate(op, neurons, program):
    params = [*_rate_params(neurons), *_adaptation(neurons, program)]
    _emit(program, op, codes.ADAPTIVE_LIF_RATE, ["adaptation"], params, scratch=1)


def _lif_params(neurons, program):
    dt, tau_rc = program.dt, neurons.tau_rc
    height = neurons.amplitude / dt
    decay = math.expm1(-dt / tau_rc)
    return [dt, tau_rc, neurons.tau_ref, height, decay, neurons.min_voltage, 0, 1]


@_kernel(nengo.LIF)
def _lif(op, neurons, program):
    params = _lif_params(neurons, program)
    _emit(program, op, codes.LIF, ["voltage", "refractory_time"], params)


@_kernel(nengo.AdaptiveLIF)
def _adaptive_lif(op, neurons, program):
    params = [*_lif_params(neurons, program), *_adaptation(neurons, program)]
    state = ["voltage", "refractory_time", "adaptation"]
    _emit(program, op, codes.ADAPTIVE_LIF, state, params, scratch=1)


def _integrating(op, neurons, program, rectify):
    params = [program.dt, neurons.amplitude / program.dt, 0]
    _emit(program, op, codes.INTEGRATE, ["voltage"], params, [rectify])


@_kernel(nengo.SpikingRectifiedLinear)
def _spiking_rectified_linear(op, neurons, program):
    _integrating(op, neurons, program, True)


@_kernel(nengo.RegularSpiking)
def _regular_spiking(op, neurons, program):
    _integrating(op, neurons, program, False)


@_kernel(nengo.Izhikevich)
def _izhikevich(op, neurons, program):
    params = [
        program.dt,
        1 / program.dt,
        neurons.tau_recovery,
        neurons.coupling,
        neurons.reset_voltage,
        neurons.reset_recovery,
        0,
        *(-30, 0.04, 5, 140, 1000, 30),
    ]
    _emit(program, op, codes.IZHIKEVICH, ["voltage", "recovery"], params)


def _random(op, neurons, program, by_poisson):
    if program.random == "reference":
        raise Unsupported
    params = [program.dt, neurons.amplitude / program.dt, 0]
    extra = [neurons.negative, by_poisson, program.key_of(op)]
    _emit(program, op, codes.STOCHASTIC, (), params, extra)


@_kernel(nengo.StochasticSpiking)
def _stochastic_spiking(op, neurons, program):
    _random(op, neurons, program, False)


@_kernel(nengo.PoissonSpiking)
def _poisson_spiking(op, neurons, program):
    _random(op, neurons, program, True)
