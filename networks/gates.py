"""The slope that multiplies feedback: the activation's own, or something a neuron could know."""

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from .parameters import is_positive

DERIVATIVES = ("exact", "step", "box", "none")
BOX_WIDTH = 10.0  # an amplitude of 0.05 makes LIF's curve a line of slope 1 about so far
SMALL = -40.0  # exp of this is nothing beside 1


def threshold(neuron_type):
    """The current at which a neuron type starts to answer: 1 for LIF neurons, else 0."""
    return 1.0 if isinstance(neuron_type, nengo.LIFRate) else 0.0


def box_range(neuron_type, box_width=BOX_WIDTH):
    """The currents, from and to, between which the box is 1.

    Where neurons answer and are not saturated: from the threshold on for those that are silent
    below it (LIF, rectified linear), around 0 for all others.
    """
    if isinstance(neuron_type, (nengo.LIFRate, nengo.RectifiedLinear)):
        low = threshold(neuron_type)
        return low, low + box_width
    return -box_width / 2, box_width / 2


class Gate:
    """The function ``g(x)`` by which the feedback into a layer is multiplied.

    * ``exact``: the slope of the rate curve, amplitude included.
    * ``step``: 1 above threshold, else 0.
    * ``box``: 1 in `box_range`, else 0.
    * ``none``: 1.

    Parameters
    ----------
    neuron_type : nengo.neurons.NeuronType
        Gain 1 and bias 0, so that x is the current.
    derivative : {"exact", "step", "box", "none"}
    box_width : float

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is no such derivative, none that is exact for this neuron type, or the width is
        not positive.
    """

    def __init__(self, neuron_type, derivative="exact", box_width=BOX_WIDTH):
        if derivative not in DERIVATIVES:
            raise ValidationError(
                f"must be one of {', '.join(DERIVATIVES)}, got {derivative!r}", "derivative"
            )
        if not is_positive(box_width):
            raise ValidationError(f"must be a positive current, got {box_width!r}", "box_width")
        self.neuron_type = neuron_type
        self.derivative = derivative
        self.threshold = threshold(neuron_type)
        self.box = box_range(neuron_type, box_width)
        self._exact = _slope(neuron_type) if derivative == "exact" else None

    def __call__(self, x):
        """From an ndarray of currents to an ndarray of that shape."""
        if self.derivative == "step":
            return (x > self.threshold).astype(float)
        if self.derivative == "box":
            return ((x > self.box[0]) & (x < self.box[1])).astype(float)
        return np.ones_like(x) if self.derivative == "none" else self._exact(x)


def _slope(neuron_type):
    """The exact slope of a rate curve."""
    kind, amplitude = type(neuron_type), getattr(neuron_type, "amplitude", 1.0)
    if kind is nengo.RectifiedLinear:
        return lambda x: amplitude * (x > 0)
    if kind is nengo.Sigmoid:
        return lambda x: (1 - np.tanh(x / 2) ** 2) / (4 * neuron_type.tau_ref)
    if kind is nengo.Tanh:
        return lambda x: (1 - np.tanh(x) ** 2) / neuron_type.tau_ref
    # NengoDL's SoftLIFRate is not imported here: it has LIF's constants and a `sigma`.
    if kind is nengo.LIFRate or hasattr(neuron_type, "sigma"):
        return lambda x: _lif_slope(neuron_type, x)
    raise ValidationError(
        f"{neuron_type} has no slope at its threshold; choose one of {', '.join(DERIVATIVES[1:])}",
        "derivative",
    )


def _lif_slope(neuron_type, x):
    """Slope of LIF's rate curve, or of SoftLIF's: ``tau_rc r² / (s (s + 1)) ds/dx``.

    ``s = x - 1`` above threshold for LIF; ``s = sigma log(1 + exp((x - 1) / sigma))`` for SoftLIF
    (Hunsberger & Eliasmith 2016, https://arxiv.org/abs/1611.05141, equation 4).
    """
    sigma = getattr(neuron_type, "sigma", None)
    x = np.asarray(x, dtype=float)
    slope = np.zeros_like(x)
    if sigma is None:
        on = x > 1
        s = x[on] - 1
        log_s, ratio = np.log(s), 1 / s  # ratio: ds/dx over s
    else:
        on = ...
        z = (x - 1) / sigma
        # Below SMALL s is sigma exp(z), and soon too small to divide by.
        clipped = np.maximum(z, SMALL)
        s = sigma * np.logaddexp(0, clipped)
        log_s = np.log(s) + np.minimum(z - SMALL, 0)
        ratio = np.exp(-np.logaddexp(0, -clipped)) / s
    rate = 1 / (neuron_type.tau_ref + neuron_type.tau_rc * np.logaddexp(0, -log_s))
    slope[on] = neuron_type.amplitude * neuron_type.tau_rc * rate**2 * ratio / (s + 1)
    return slope
