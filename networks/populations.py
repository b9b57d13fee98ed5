"""Populations of neurons that are wired neuron by neuron."""

import nengo
import numpy as np


def population(n_neurons, neuron_type, gain=1.0, bias=0.0, label=None):
    """Neurons whose currents are, with gain 1 and bias 0, what is sent to ``.neurons``.

    Parameters
    ----------
    n_neurons : int
    neuron_type : nengo.neurons.NeuronType
    gain, bias : float or (n_neurons,) ndarray
    label : str, optional

    Returns
    -------
    nengo.Ensemble
    """
    return nengo.Ensemble(
        n_neurons,
        1,
        neuron_type=neuron_type,
        gain=np.full(n_neurons, gain),
        bias=np.full(n_neurons, bias),
        # Nothing is decoded: keep Nengo from drawing many points nobody looks at.
        eval_points=np.zeros((1, 1)),
        label=label,
    )


def lif_rate(current, tau_rc, tau_ref):
    """Rate in Hz of a LIF neuron at a constant current."""
    return nengo.LIFRate(tau_rc=tau_rc, tau_ref=tau_ref).rates(current, 1.0, 0.0).item()
