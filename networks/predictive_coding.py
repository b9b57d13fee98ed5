"""Predictive coding as a recurrent network of value and error populations."""

import nengo
import numpy as np

from .encoders import LIFEncoder, spiking_encoder
from .error_neurons import error_neurons
from .error_nodes import GatedFeedback, OutputError
from .gates import BOX_WIDTH
from .populations import population
from .precision import AdaptivePrecision, DividedError, ExcessPower, precisions
from .predictive_coding_arguments import (
    check_choice,
    check_dense,
    feedback_arrays,
    gate_of,
    neurons_of,
    rule_of_biases,
    rules_of,
    synapse_of,
    time_constant,
)

# Feedback that learns with the forward weights: `transpose` stays equal to them by doing so.
MIRRORED = ("transpose", "kolen-pollack")
# LIF neurons that carry the target, for each output: one alone is a coarse signal.
TARGET_NEURONS = 10


class PredictiveCoding(nengo.Network):
    """A network that predicts the label from the image, and holds an error for every layer.

    With layers l = 1..L, r the activation (of the input: the identity), and no synapses::

        u_l = W_l r(x_{l-1}) + b_l                prediction
        e_l = x_l - u_l                           error: value minus prediction
        ε_l = π_l e_l                             weighted by the precision
        0   = -ε_l + g(x_l) * (B_{l+1} ε_{l+1})   hidden layers, once settled
        e_L = clamp * (target - softmax(u_L))     output (squared error: without the softmax)

    after Whittington & Bogacz 2017, https://doi.org/10.1162/NECO_a_00949. With ``direct``
    feedback every hidden layer receives ``B_l ε_L`` instead. While the clamp is 0, errors are 0 and
    values are the feed-forward activities. Only dense layers.

    Parameters
    ----------
    parameters : Parameters
    neuron_type : nengo.neurons.NeuronType, optional
        Of the value populations; LIF rate neurons of the parameters' constants by default. For
        spikes, ``parameters.neuron.spiking()``.
    error_neuron_type : nengo.neurons.NeuronType, optional
        Of the error populations; rectified-linear by default. Gain and bias are such that a
        neuron is silent without an error and gives out 1 at an error of 1: of two
        `nengo.RectifiedLinear` neurons, or spiking ones on average, on minus off is the error.
        For spikes, `lif_error_neurons`.
    drive : {"value", "prediction"}
        What value neurons fire from: x, or u. With u, the gate is evaluated at u too: fixed
        prediction, whose settled errors are those of backpropagation (Millidge et al. 2022,
        https://arxiv.org/abs/2006.04182) with transposed feedback.
    feedback : {"transpose", "random", "direct", "kolen-pollack"}
        See `feedback_weights`.
    feedback_weights : sequence of ndarray, optional
        The initial feedback weights, in the shapes that `feedback_weights` gives; by default
        those that it gives for ``seed``.
    derivative : {"exact", "step", "box", "none"} or callable
        The gate g: see `Gate`, or a function from currents ``(n,)`` to ``(n,)``.
    box_width : float
        Of the ``box`` gate, in units of current.
    loss : {"cross-entropy", "squared-error", "rectified"}
        See `OutputError`.
    margin : float
        Errors of the output up to which predictions count as right: see `OutputError`.
    precision : float, sequence of float, or AdaptivePrecision, optional
        π of every layer, or one for each, the output's last; 1 by default. With an
        `AdaptivePrecision`, ε_l is e_l over its running root mean square, and a hidden layer
        settles at ``e_l = g(x_l) * (B_{l+1} ε_{l+1})``.
    tau_value : float
        Time constant in s with which hidden layers relax.
    tau_output : float, optional
        Time constant in s of the output's error; None: it follows at once. What noise of spikes
        it takes off no longer counts as error.
    dynamics : {"error", "value"}
        What relaxes with ``tau_value``. Both settle in the same state.

        * ``error``: ``tau de/dt = -e + g(x) * (B ε) / π`` and ``x = u + e``. Values follow a new
          input at once, and errors are exactly 0 until the output is clamped. Errors instead of
          values are also the variables of Goemaere et al. 2025, https://arxiv.org/abs/2505.20137.
        * ``value``: ``tau dx/dt = -e + g(x) * (B ε) / π``, with precisions of 1 gradient descent
          on the energy. A change of the input causes errors of its own until all values have
          followed, and so do spikes that values filter out but predictions do not.
    synapse : nengo.synapses.Synapse, float or None
        On every connection that starts at value or error neurons, and on those of the Poisson
        encoder; a number is the time constant in s of an alpha synapse. Spikes need one.
    error_synapse : nengo.synapses.Synapse, float or None
        On those that start at error neurons, if it is to be another.
    encoder : {"constant", "poisson", "lif"}
        The input as constant currents, or as Poisson or regular spike trains.
    target_encoder : {"constant", "lif"}
        The target as it is, or as the spikes of a `LIFEncoder`.
    clamping : {"given", "target"}
        Whether the clamp is a Node to be given from outside, or the sum of the target: without a
        target the output is then free, and nothing else says when to learn.
    learning_rule : nengo.learning_rules.LearningRuleType or sequence of such, optional
        On-line learning of weights and biases by a rule such as
        `nengo_pc.learning.ErrorHebbian`, which gets ε as its error; one, or one for each layer of
        weights. None: no learning.
    seed : int, optional
        Of the network, and of random feedback weights (None: 0).
    **kwargs
        Passed to `nengo.Network`.

    Attributes
    ----------
    input, target : nengo.Node
        The image, flattened, and the wanted output, one entry per class.
    clamp : nengo.Node
        How strongly the output is held at the target: 0 (from the start) releases it, 1 clamps
        it, anything between, or below 0, nudges it. Has an input unless it is given.
    output : nengo.Node
        The prediction of the last layer, u_L.
    predictions : list of nengo.Node
        u_l of every layer of weights; the last is ``output``.
    currents : list of nengo.Node
        x_l of the hidden layers.
    differences : list of nengo.Node
        e_l of every layer of weights, before the precision.
    values : list of nengo.Ensemble
        The hidden layers.
    gates : list of nengo.Node
        Work out ``g(x) * (B ε) / π`` for the hidden layers.
    errors : list of nengo.Ensemble
        One for every layer of weights: first the neurons that are on above 0, then as many that
        are on below 0. ε is the output of those minus the output of these.
    forward, biases : list of nengo.Connection
        W_l and b_l.
    feedback : list of nengo.Connection
        B into each hidden layer, from the on and the off neurons: ``[B, -B]``.
    encoder : PoissonEncoder, LIFEncoder or None
    target_encoder : LIFEncoder or None
    parameters : Parameters
        As at the start: learning changes the connections' weights in the simulator.

    Raises
    ------
    nengo.exceptions.ValidationError
        If a layer is not dense, or an argument is not one of the above.

    Notes
    -----
    **Settling.** Slopes of the activation and weights decide how fast. With ``error``, the top
    layer's error arrives after one ``tau_value`` for each layer it passes, but deep networks with
    large weights may oscillate, since prediction follows at once and errors do not. With ``value``,
    continuous time always settles for transposed feedback and precisions of 1, the more slowly the
    deeper the network is.

    **Learning.** A constant input then passes a population of rectified-linear neurons, since
    Nengo's learned connections start at neurons, so it should not be negative; biases are weights
    from a neuron that always gives out 1. The rule's decay is for weights, not for biases.
    Transposed and Kolen-Pollack feedback learn by the rule's ``mirror``: the former starts as the
    transpose and stays it. Use the same ``synapse`` here as ``pre_synapse`` in the rule, None with
    rate neurons. In a minibatch every item learns weights of its own; on "native" and "xla" all
    items can share one set of weights.

    **Loihi** runs inference with spiking values; errors and gates are then on the host.

    Examples
    --------
    >>> import nengo
    >>> from nengo_pc.networks import Dense, Parameters, PredictiveCoding
    >>> parameters = Parameters.random((64,), [Dense(20), Dense(10)], seed=1)
    >>> network = PredictiveCoding(parameters, nengo.Tanh(tau_ref=1))
    >>> [layer.n_neurons for layer in network.values], network.output.size_in
    ([20], 10)
    >>> [layer.n_neurons for layer in network.errors]
    [40, 20]
    """

    def __init__(
        self,
        parameters,
        neuron_type=None,
        error_neuron_type=None,
        drive="value",
        feedback="transpose",
        feedback_weights=None,
        derivative="exact",
        box_width=BOX_WIDTH,
        loss="cross-entropy",
        margin=0.0,
        precision=None,
        tau_value=0.01,
        tau_output=None,
        dynamics="error",
        synapse=None,
        error_synapse=None,
        encoder="constant",
        target_encoder="constant",
        clamping="given",
        learning_rule=None,
        seed=None,
        **kwargs,
    ):
        kwargs.setdefault("label", f"predictive coding {parameters}")
        super().__init__(seed=seed, **kwargs)
        check_dense(parameters)
        check_choice("drive", drive)
        check_choice("dynamics", dynamics)
        check_choice("encoder", encoder)
        check_choice("feedback", feedback)
        check_choice("target_encoder", target_encoder)
        check_choice("clamping", clamping)
        sizes = [int(np.prod(shape)) for shape in parameters.shapes]
        self.parameters = parameters
        self.neuron_type = neurons_of(parameters, neuron_type)
        self.error_neuron_type, gain, bias = error_neurons(error_neuron_type)
        self.synapse = synapse_of(synapse)
        self.error_synapse = self.synapse
        if error_synapse is not None:
            self.error_synapse = synapse_of(error_synapse, "error_synapse")
        self.learning_rules = rules_of(learning_rule, len(sizes) - 1)
        self.learns = self.learning_rules[0] is not None
        output_error = OutputError(loss, margin)
        slope = gate_of(self.neuron_type, derivative, box_width)
        self.precision = precisions(precision, len(sizes) - 1)
        lag = nengo.Lowpass(time_constant("tau_value", tau_value))
        output_lag = None
        if tau_output is not None:
            output_lag = nengo.Lowpass(time_constant("tau_output", tau_output))
        down = feedback_arrays(parameters, feedback, feedback_weights, seed)
        self.values, self.errors, self.gates = [], [], []
        self.predictions, self.currents, self.differences = [], [], []
        self.forward, self.biases, self.feedback = [], [], []
        with self:
            source, synapse = self._input(sizes[0], encoder)
            self._target(sizes[-1], target_encoder)
            self._clamp(clamping)
            constant = self._constant_population() if self.learns else None
            for i, n in enumerate(sizes[1:-1]):
                self._predict(i, source, synapse, constant)
                gated = GatedFeedback(slope, self._divisor(i))
                self._hidden(i, n, drive, dynamics, lag, gated)
                source, synapse = self.values[-1].neurons, self.synapse
            self._predict(len(down), source, synapse, constant)
            self.output = self.predictions[-1]
            self._output_error(sizes[-1], output_error, output_lag)
            for i in range(len(self.predictions)):
                self._error(i, gain, bias)
            for i, weights in enumerate(down):
                above = len(down) if feedback == "direct" else i + 1
                self._feed_back(i, above, weights, learned=feedback in MIRRORED)

    def _input(self, n_inputs, encoder):
        """The input, and what the first layer starts from, through which synapse."""
        self.encoder = spiking_encoder(encoder, n_inputs)
        if self.encoder is not None:
            self.input = self.encoder.input
            return self.encoder.output, self.synapse
        self.input = nengo.Node(np.zeros(n_inputs), label="input")
        if not self.learns:
            return self.input, None
        # Nengo's learned connections start at neurons: these pass on what is at least 0.
        passing = population(n_inputs, nengo.RectifiedLinear(), label="input population")
        nengo.Connection(self.input, passing.neurons, synapse=None)
        return passing.neurons, None

    def _target(self, n_classes, target_encoder):
        """The target, and what the output is compared with."""
        if target_encoder == "constant":
            self.target_encoder = None
            self.target = self._wanted = nengo.Node(np.zeros(n_classes), label="target")
            return
        encoder = LIFEncoder(n_classes, TARGET_NEURONS, label="target encoder")
        self.target_encoder, self.target = encoder, encoder.input
        self._wanted = nengo.Node(size_in=n_classes, label="filtered target")
        nengo.Connection(
            encoder.output, self._wanted, transform=encoder.decoder, synapse=self.synapse
        )

    def _clamp(self, clamping):
        """What says how strongly the output is held."""
        if clamping == "given":
            self.clamp = nengo.Node(np.zeros(1), label="clamp")
            return
        self.clamp = nengo.Node(size_in=1, label="clamp")
        if self.target_encoder is None:
            total = np.ones((1, self.target.size_out))
            nengo.Connection(self.target, self.clamp, transform=total, synapse=None)
            return
        total = self.target_encoder.decoder.sum(axis=0, keepdims=True)
        nengo.Connection(
            self.target_encoder.output, self.clamp, transform=total, synapse=self.synapse
        )

    def _divisor(self, i):
        """What feedback into hidden layer i is divided by, so that ε settles where it should."""
        precision = self.precision[i]
        return 1.0 if isinstance(precision, AdaptivePrecision) else precision

    def _constant_population(self):
        """A neuron that always gives out 1, from which biases are learned."""
        return population(1, nengo.RectifiedLinear(), bias=1.0, label="constant").neurons

    def _predict(self, i, source, synapse, constant):
        """The prediction of layer i: its linear map and its bias."""
        parameters, rule = self.parameters, self.learning_rules[i]
        layer = parameters.layers[i]
        prediction = nengo.Node(size_in=layer.units, label=f"prediction {i + 1}")
        self.predictions.append(prediction)
        self.forward.append(
            nengo.Connection(
                source,
                prediction,
                transform=layer.transform(parameters.weights[i], parameters.shapes[i]),
                synapse=synapse,
                learning_rule_type=rule,
                label=f"layer {i + 1}",
            )
        )
        bias = parameters.biases[i]
        if constant is None:
            constant, bias = nengo.Node(bias, label=f"bias {i + 1}"), 1
        else:
            bias = bias[:, None]
        self.biases.append(
            nengo.Connection(
                constant,
                prediction,
                transform=bias,
                synapse=None,
                learning_rule_type=rule_of_biases(rule),
                label=f"bias {i + 1}",
            )
        )

    def _hidden(self, i, n_units, drive, dynamics, lag, gated):
        """Hidden layer i: value, error and the gate between feedback and both."""
        prediction = self.predictions[i]
        current = nengo.Node(size_in=n_units, label=f"current {i + 1}")
        difference = nengo.Node(size_in=n_units, label=f"difference {i + 1}")
        gate_node = nengo.Node(gated, 2 * n_units, n_units, label=f"gate {i + 1}")
        if dynamics == "error":
            nengo.Connection(gate_node, difference, synapse=lag)
            nengo.Connection(difference, current, synapse=None)
            nengo.Connection(prediction, current, synapse=None)
        else:
            nengo.Connection(gate_node, current, synapse=lag)
            nengo.Connection(prediction, current, synapse=lag)
            nengo.Connection(current, difference, synapse=None)
            nengo.Connection(prediction, difference, transform=-1, synapse=None)
        driving = current if drive == "value" else prediction
        nengo.Connection(driving, gate_node[:n_units], synapse=None)
        values = population(n_units, self.neuron_type, label=f"values {i + 1}")
        nengo.Connection(driving, values.neurons, synapse=None)
        self.currents.append(current)
        self.differences.append(difference)
        self.gates.append(gate_node)
        self.values.append(values)

    def _output_error(self, n, output_error, lag):
        """The difference that the target makes."""
        node = nengo.Node(output_error, 2 * n + 1, n, label="output difference")
        nengo.Connection(self.output, node[:n], synapse=None)
        nengo.Connection(self._wanted, node[n:-1], synapse=None)
        nengo.Connection(self.clamp, node[-1:], synapse=None)
        difference = nengo.Node(size_in=n, label=f"difference {len(self.predictions)}")
        nengo.Connection(node, difference, synapse=lag)
        self.differences.append(difference)

    def _weighted(self, i):
        """Where ε of layer i comes from, and the factor that is still missing."""
        precision, difference = self.precision[i], self.differences[i]
        if not isinstance(precision, AdaptivePrecision):
            return difference, precision
        n = difference.size_out
        power = nengo.Node(ExcessPower(precision.initial), n, 1, label=f"power {i + 1}")
        divided = nengo.Node(DividedError(precision), n + 1, n, label=f"divided error {i + 1}")
        nengo.Connection(difference, power, synapse=None)
        nengo.Connection(difference, divided[:n], synapse=None)
        nengo.Connection(power, divided[n:], synapse=nengo.Lowpass(precision.tau))
        return divided, 1.0

    def _error(self, i, gain, bias):
        """The error population of layer i, and what learns from it."""
        n = self.predictions[i].size_in
        weighted, factor = self._weighted(i)
        errors = population(2 * n, self.error_neuron_type, gain, bias, f"errors {i + 1}")
        learned = [self.forward[i], self.biases[i]] if self.learns else []
        for sign, half in ((1, errors.neurons[:n]), (-1, errors.neurons[n:])):
            nengo.Connection(weighted, half, transform=sign * factor, synapse=None)
            for connection in learned:
                nengo.Connection(
                    half, connection.learning_rule, transform=sign, synapse=self.error_synapse
                )
        self.errors.append(errors)

    def _feed_back(self, i, above, weights, learned):
        """Feedback into hidden layer i from the errors of layer ``above``."""
        n = self.values[i].n_neurons
        forward = self.learning_rules[i + 1] if learned else None
        rule = None if forward is None else forward.mirror(self.error_synapse, on_off=True)
        self.feedback.append(
            nengo.Connection(
                self.errors[above].neurons,
                self.gates[i][n:],
                transform=np.hstack([weights.T, -weights.T]),
                synapse=self.error_synapse,
                learning_rule_type=rule,
                label=f"feedback {i + 1}",
            )
        )
        if rule is not None:
            nengo.Connection(
                self.values[i].neurons,
                self.feedback[i].learning_rule,
                synapse=forward.pre_synapse,
            )
