"""The feed-forward classifier: one class for the rate network and the spiking one."""

import numbers

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from .encoders import ENCODERS, spiking_encoder
from .populations import population

# The spiking defaults, chosen on the validation split (docs/results.md).
SYNAPSE = nengo.Alpha(0.002)


class SpikingClassifier(nengo.Network):
    """A feed-forward network of neurons with a linear read-out, from trained parameters.

    Currents into hidden layer l are ``J_l = W_l s_{l-1} + b_l``, where s are the spikes of the
    layer below through the synapse. The class is the largest entry of ``output``, averaged over
    the presentation.

    With a rate neuron type and ``synapse=None`` the same class is the rate network: what NengoDL
    trains (Hunsberger & Eliasmith 2016, https://arxiv.org/abs/1611.05141).

    Parameters
    ----------
    parameters : Parameters
    neuron_type : nengo.neurons.NeuronType, optional
        Of all hidden layers; the parameters' own LIF neurons by default.
    synapse : nengo.synapses.Synapse, float or None
        On every connection that starts at neurons; a number is the time constant in s of an
        alpha synapse.
    encoder : {"constant", "poisson", "lif"}
        Pixels as constant currents, or as Poisson or regular spike trains.
    **kwargs
        Passed to `nengo.Network`.

    Attributes
    ----------
    input : nengo.Node
        The image, flattened, values in [0, 1].
    encoder : PoissonEncoder, LIFEncoder or None
    layers : list of nengo.Ensemble
        The hidden layers, from the input up; connections are to and from their ``.neurons``.
    output : nengo.Node
        The read-out, one entry per class.
    parameters : Parameters

    Examples
    --------
    >>> from nengo_pc.networks import Dense, Parameters, SpikingClassifier
    >>> parameters = Parameters.random((64,), [Dense(20), Dense(10)], seed=1)
    >>> network = SpikingClassifier(parameters, synapse=0.005)
    >>> [layer.n_neurons for layer in network.layers], network.output.size_in
    ([20], 10)
    """

    def __init__(self, parameters, neuron_type=None, synapse=SYNAPSE, encoder="constant", **kwargs):
        kwargs.setdefault("label", f"classifier {parameters}")
        super().__init__(**kwargs)
        if encoder not in ENCODERS:
            raise ValidationError(
                f"must be one of {', '.join(ENCODERS)}, got {encoder!r}", "encoder", self
            )
        if isinstance(synapse, numbers.Real):
            synapse = nengo.Alpha(float(synapse))
        self.parameters = parameters
        self.synapse = synapse
        self.neuron_type = parameters.neuron.spiking() if neuron_type is None else neuron_type
        self.layers = []
        shapes = parameters.shapes
        n_inputs = int(np.prod(shapes[0]))
        with self:
            self.encoder = spiking_encoder(encoder, n_inputs)
            if self.encoder is None:
                self.input = source = nengo.Node(np.zeros(n_inputs), label="input")
            else:
                self.input, source = self.encoder.input, self.encoder.output
            last = len(parameters.layers) - 1
            for i, (layer, shape) in enumerate(zip(parameters.layers, shapes[1:])):
                n = int(np.prod(shape))
                if i == last:
                    self.output = target = nengo.Node(size_in=n, label="output")
                elif layer.has_weights:
                    target = self._hidden(n, label=f"layer {len(self.layers) + 1}")
                    self.layers.append(target)
                    target = target.neurons
                else:
                    target = nengo.Node(size_in=n, label=f"{layer} {i + 1}")
                self._connect(i, source, target)
                source = self._after(i, target)

    def _hidden(self, n_neurons, label):
        """A layer of neurons whose current is just what is sent to ``.neurons``."""
        return population(n_neurons, self.neuron_type, label=label)

    def _synapse_from(self, source):
        return self.synapse if isinstance(source, nengo.ensemble.Neurons) else None

    def _connect(self, i, source, target):
        """Wire layer i: its linear map and its bias."""
        parameters = self.parameters
        layer, below, above = parameters.layers[i], parameters.shapes[i], parameters.shapes[i + 1]
        nengo.Connection(
            source,
            target,
            transform=layer.transform(parameters.weights[i], below),
            synapse=self._synapse_from(source),
            label=f"layer {i + 1}",
        )
        if parameters.biases[i] is None:
            return
        bias = np.broadcast_to(parameters.biases[i], above).ravel()
        if isinstance(target, nengo.ensemble.Neurons):
            target.ensemble.bias = bias
        else:
            nengo.Connection(nengo.Node(bias, label="bias"), target, synapse=None)

    def _after(self, i, target):
        """What the next layer starts from: a training network puts dropout here."""
        return target
