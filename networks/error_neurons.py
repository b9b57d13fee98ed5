"""Neurons that carry errors: what they are, and which current an error is."""

import nengo
from nengo.exceptions import ValidationError

from .parameters import is_positive
from .populations import lif_rate


def lif_error_neurons(gain=10.0, tau_rc=0.2, tau_ref=0.0002):
    """LIF neurons for on/off pairs, at rest just below threshold.

    Their current is ``1 + gain * ε``. With a long membrane time constant they integrate, and fire
    at about ``gain * ε / tau_rc``; a weak error makes few spikes.

    Parameters
    ----------
    gain : float
        In units of current. 10 makes 52 Hz at an error of 1 with the other defaults.
    tau_rc, tau_ref : float
        In s.

    Returns
    -------
    nengo.LIF
        With the amplitude by which spikes are on average 1 at an error of 1, in continuous time:
        with steps of 1 ms, which a spike ends, 0.96.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the gain is not a positive number, or a time constant not as `nengo.LIF` wants it.
    """
    if not is_positive(gain):
        raise ValidationError(f"must be a positive number, got {gain!r}", "gain")
    rate = lif_rate(gain + 1.0, tau_rc, tau_ref)
    return nengo.LIF(
        tau_rc=tau_rc,
        tau_ref=tau_ref,
        amplitude=1 / rate,
        initial_state={"voltage": nengo.dists.Choice([0])},
    )


def error_neurons(neuron_type):
    """The error populations' neuron type, with gain and bias of its neurons.

    A neuron is silent up to a current of 0 and gives out 1 at 1.

    Returns
    -------
    neuron_type : nengo.neurons.NeuronType
    gain, bias : float
    """
    name = "error_neuron_type"
    if neuron_type is None:
        neuron_type = nengo.RectifiedLinear()
    if not isinstance(neuron_type, nengo.neurons.NeuronType):
        raise ValidationError(f"must be a Nengo neuron type, got {neuron_type!r}", name)
    amplitude = getattr(neuron_type, "amplitude", None)
    if amplitude is None or neuron_type.negative:
        raise ValidationError(
            f"must be silent without an error and have an amplitude, got {neuron_type}", name
        )
    try:
        gain, bias = neuron_type.gain_bias(1 / amplitude, 0.0)
    except ValidationError as error:
        raise ValidationError(
            f"{neuron_type} would have to fire at {1 / amplitude:g} Hz at an error of 1, which "
            f"needs a larger amplitude ({error})",
            name,
        ) from error
    return neuron_type, float(gain[0]), float(bias[0])
