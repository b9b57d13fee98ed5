"""How an image becomes input to neurons."""

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from .parameters import is_positive

ENCODERS = ("constant", "poisson")


class PoissonEncoder(nengo.Network):
    """Poisson spike trains whose rates are proportional to the input.

    A rectified-linear population of one neuron per pixel fires at ``maximum_rate * x`` for x in
    [0, 1], so that its filtered spikes estimate x: each spike carries ``1 / maximum_rate``.

    Parameters
    ----------
    n_inputs : int
    maximum_rate : float
        Rate in Hz at x = 1. 250 Hz is ``1 / tau_ref`` of the default LIF neuron.

    Attributes
    ----------
    input : nengo.Node
        Values x, size ``n_inputs``; below 0 a neuron is silent.
    population : nengo.Ensemble
    output : nengo.ensemble.Neurons
        The spikes.
    """

    def __init__(self, n_inputs, maximum_rate=250.0, **kwargs):
        kwargs.setdefault("label", "Poisson encoder")
        super().__init__(**kwargs)
        if not is_positive(maximum_rate):
            raise ValidationError(
                f"must be a positive rate in Hz, got {maximum_rate!r}", "maximum_rate", self
            )
        with self:
            self.input = nengo.Node(np.zeros(n_inputs), label="input")
            self.population = nengo.Ensemble(
                n_inputs,
                1,
                neuron_type=nengo.PoissonSpiking(
                    nengo.RectifiedLinear(), amplitude=1 / maximum_rate
                ),
                gain=np.full(n_inputs, maximum_rate),
                bias=np.zeros(n_inputs),
                label="Poisson population",
            )
            nengo.Connection(self.input, self.population.neurons, synapse=None)
            self.output = self.population.neurons
