import math
import warnings

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from nengo_pc.backends.compatibility import import_nengo_dl
from nengo_pc.networks import DERIVATIVES, Gate, LIFConstants
from nengo_pc.networks.gates import BOX_WIDTH

SoftLIFRate = import_nengo_dl().SoftLIFRate
LIF = {"tau_rc": 0.03, "tau_ref": 0.002, "amplitude": 0.07}
EXACT = {
    "LIFRate": nengo.LIFRate(**LIF),
    "SoftLIFRate, sharp": SoftLIFRate(sigma=0.02, **LIF),
    "SoftLIFRate, soft": SoftLIFRate(sigma=1.5, **LIF),
    "RectifiedLinear": nengo.RectifiedLinear(amplitude=0.3),
    "Sigmoid": nengo.Sigmoid(tau_ref=0.5),
    "Tanh": nengo.Tanh(tau_ref=2.0),
}


def rates(neuron_type, x):
    """Nengo's own rate curve, which is not the slope's code."""
    return neuron_type.rates(x[:, None], np.ones(1), np.zeros(1))[:, 0]


# Another implementation


@pytest.mark.parametrize("name", EXACT)
def test_the_exact_gate_is_the_slope_of_nengos_rate_curve(name):
    neuron_type = EXACT[name]
    x = np.linspace(-3.03, 12.01, 401)
    if name == "LIFRate":
        x = x[np.abs(x - 1) > 0.05]  # its slope is infinite there
    elif name == "RectifiedLinear":
        x = x[np.abs(x) > 1e-3]
    h = 1e-5
    slope = (rates(neuron_type, x + h) - rates(neuron_type, x - h)) / (2 * h)
    assert np.abs(slope).max() > 0.1
    np.testing.assert_allclose(Gate(neuron_type)(x), slope, rtol=1e-5, atol=1e-8)


# Closed forms


def test_the_slope_of_lif_at_one_point():
    # d/dx of 1 / (tau_ref + tau_rc log(1 + 1 / (x - 1))) at x = 2
    rate = 1 / (0.002 + 0.03 * math.log(2))
    assert Gate(EXACT["LIFRate"])(np.array([2.0]))[0] == pytest.approx(
        0.07 * rate**2 * 0.03 / 2, rel=1e-12
    )


def test_the_slope_of_a_very_soft_lif_at_threshold():
    sigma = 0.4
    s = sigma * math.log(2)
    rate = 1 / (0.002 + 0.03 * math.log(1 + 1 / s))
    slope = 0.07 * 0.03 * rate**2 / (s * (s + 1)) * 0.5
    assert Gate(SoftLIFRate(sigma=sigma, **LIF))(np.ones(1))[0] == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize(
    "neuron_type, theta",
    [
        (nengo.LIF(), 1),
        (nengo.LIFRate(), 1),
        (SoftLIFRate(), 1),
        (nengo.AdaptiveLIF(), 1),
        (LIFConstants().spiking(), 1),
        (nengo.RectifiedLinear(), 0),
        (nengo.SpikingRectifiedLinear(), 0),
    ],
    ids=str,
)
def test_step_and_box_start_at_the_threshold(neuron_type, theta):
    x = theta + np.array([-2.0, -0.01, -1e-9, 0.0, 1e-9, 0.74, 1.49, 1.51, 20.0])
    step, box = Gate(neuron_type, "step"), Gate(neuron_type, "box", box_width=1.5)
    np.testing.assert_array_equal(step(x), [0, 0, 0, 0, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(box(x), [0, 0, 0, 0, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(Gate(neuron_type, "none")(x), np.ones(9))


@pytest.mark.parametrize("neuron_type", [nengo.Sigmoid(), nengo.Tanh()], ids=str)
def test_neurons_that_answer_to_any_current_have_their_box_around_nought(neuron_type):
    x = np.array([-2.0, -0.76, -0.74, 0.0, 0.74, 0.76, 2.0])
    box = Gate(neuron_type, "box", box_width=1.5)
    np.testing.assert_array_equal(box(x), [0, 0, 1, 1, 1, 0, 0])


def test_the_box_has_the_width_that_the_module_names():
    box = Gate(nengo.LIF(), "box")
    np.testing.assert_array_equal(box(1 + BOX_WIDTH * np.array([0.01, 0.99, 1.01])), [1, 1, 0])


# Invariants


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("name", EXACT)
def test_gates_are_finite_whatever_the_current(name, derivative):
    extreme = [1e-300, 1e-12, 1e-3, 1.0, 50.0, 800.0, 1e5, 1e200]
    x = np.array([*extreme, *(-v for v in extreme), 0.0, 1 - 1e-12, 1 + 1e-12])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = Gate(EXACT[name], derivative)(x)
    assert values.shape == x.shape
    assert np.all(np.isfinite(values)) and np.all(values >= 0)


def test_below_threshold_the_soft_slope_goes_on_without_a_jump():
    neuron_type = SoftLIFRate(sigma=0.1, **LIF)
    x = 1 + 0.1 * np.linspace(-45, -35, 2001)
    steps = np.diff(np.log(Gate(neuron_type)(x)))
    assert np.all(np.abs(np.diff(steps)) < 1e-5)


def test_gates_keep_the_shape_and_leave_the_currents_alone():
    x = np.linspace(-1, 4, 12).reshape(3, 4)
    before = x.copy()
    for derivative in DERIVATIVES:
        assert Gate(EXACT["LIFRate"], derivative)(x).shape == (3, 4)
    np.testing.assert_array_equal(x, before)


# Errors


def test_an_unknown_derivative_is_refused():
    with pytest.raises(ValidationError, match="derivative: must be one of exact, step.*'relu'"):
        Gate(nengo.LIF(), "relu")


@pytest.mark.parametrize(
    "neuron_type", [nengo.LIF(), nengo.SpikingRectifiedLinear(), nengo.AdaptiveLIFRate()], ids=str
)
def test_without_a_slope_the_error_names_what_there_is(neuron_type):
    with pytest.raises(ValidationError, match="derivative: .*choose one of step, box, none"):
        Gate(neuron_type)


@pytest.mark.parametrize("width", [0, -1.0, math.nan, math.inf, "wide"])
def test_the_width_of_the_box_is_checked(width):
    with pytest.raises(ValidationError, match="box_width: must be a positive"):
        Gate(nengo.LIF(), "box", box_width=width)
