"""How an image, or a target, becomes spikes."""

import numbers

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from .parameters import is_positive
from .populations import lif_rate, population

ENCODERS = ("constant", "poisson", "lif")


def spiking_encoder(name, n_inputs):
    """An encoder of `ENCODERS` by name, with its defaults; None for constant input."""
    if name == "constant":
        return None
    return {"poisson": PoissonEncoder, "lif": LIFEncoder}[name](n_inputs)


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


class LIFEncoder(nengo.Network):
    """Regular spike trains of LIF neurons whose rates follow the input.

    Neurons get a current of ``bias + gain * x``. Biases are spread over [0, 1), below the threshold
    of 1: a neuron is silent at x = 0, and neurons that get the same x do not fire together, whose
    filtered spikes would all rise and fall at once. Each spike carries so much
    that filtered spikes are 1 at x = 1 for a bias of 1. They are concave in x, as LIF's curve is:
    0.21, 0.38 and 0.71 at x = 0.1, 0.2 and 0.5 on average.

    Parameters
    ----------
    n_inputs : int
    neurons_per_input : int
        Neurons that get the same input. What they carry adds up to it.
    gain : float
        Of the current. 30 makes 604 Hz at x = 1 and a bias of 1.
    tau_rc, tau_ref : float
        Membrane time constant and refractory period in s.
    bias_seed : int
        Of the biases, which so are the same wherever an encoder of this size is used.

    Attributes
    ----------
    input : nengo.Node
        Values x, size ``n_inputs``; below 0 a neuron is silent.
    population : nengo.Ensemble
        Of ``n_inputs * neurons_per_input`` neurons, those of an input side by side.
    output : nengo.ensemble.Neurons
        The spikes.
    decoder : ndarray
        Shape ``(n_inputs, n_neurons)``, the transform from spikes to x: a 1 for each neuron.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is not as described.
    """

    def __init__(
        self,
        n_inputs,
        neurons_per_input=1,
        gain=30.0,
        tau_rc=0.02,
        tau_ref=0.001,
        bias_seed=0,
        **kwargs,
    ):
        kwargs.setdefault("label", "LIF encoder")
        super().__init__(**kwargs)
        if isinstance(neurons_per_input, bool) or not isinstance(
            neurons_per_input, numbers.Integral
        ):
            raise ValidationError(
                f"must be an int, got {neurons_per_input!r}", "neurons_per_input", self
            )
        if neurons_per_input < 1:
            raise ValidationError(
                f"must be at least 1, got {neurons_per_input}", "neurons_per_input", self
            )
        if not is_positive(gain):
            raise ValidationError(f"must be a positive number, got {gain!r}", "gain", self)
        n_neurons = n_inputs * neurons_per_input
        self.decoder = np.kron(np.eye(n_inputs), np.ones((1, neurons_per_input)))
        rate = lif_rate(gain + 1.0, tau_rc, tau_ref)
        with self:
            self.input = nengo.Node(np.zeros(n_inputs), label="input")
            self.population = population(
                n_neurons,
                nengo.LIF(
                    tau_rc=tau_rc,
                    tau_ref=tau_ref,
                    amplitude=1 / (rate * neurons_per_input),
                    initial_state={"voltage": nengo.dists.Choice([0])},
                ),
                bias=np.random.default_rng(bias_seed).uniform(0, 1, n_neurons),
                label="LIF population",
            )
            each = self.input if neurons_per_input == 1 else self.input[self._input_of_each()]
            nengo.Connection(each, self.population.neurons, transform=gain, synapse=None)
            self.output = self.population.neurons

    def _input_of_each(self):
        """Which input each neuron gets."""
        return list(np.argmax(self.decoder, axis=0))
