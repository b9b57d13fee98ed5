"""The classifier as it is trained: rate neurons, and what exists only while training."""

import nengo
import numpy as np

from nengo_pc.backends.compatibility import import_nengo_dl, import_tensorflow
from nengo_pc.networks import SpikingClassifier

from .batch_norm import fuse
from .options import TrainingOptions

tf = import_tensorflow()
nengo_dl = import_nengo_dl()

BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.95


class Bias(tf.keras.layers.Layer):
    """Add one trained value per unit or filter."""

    def __init__(self, initial, **kwargs):
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, input_shape):
        """Create the bias, shape ``input_shape[-1:]``."""
        self.bias = self.add_weight(
            name="bias",
            shape=input_shape[-1:],
            initializer=tf.keras.initializers.Constant(self.initial),
        )

    def call(self, x):
        """``x + bias``."""
        return x + self.bias


class RandomLayer(tf.keras.layers.Layer):
    """A layer whose random numbers follow from a seed and a count of its calls in training.

    The count is a weight, so that a run continued from a checkpoint draws what the run that was
    not interrupted would have drawn.
    """

    def __init__(self, seed, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed

    def build(self, input_shape):
        """Create the count."""
        self.count = self.add_weight(
            name="count", shape=(), dtype=tf.int32, trainable=False, initializer="zeros"
        )

    def next_seed(self):
        """Seed of this call, shape (2,)."""
        return tf.stack([tf.constant(self.seed, tf.int32), self.count.assign_add(1)])

    def call(self, x, training=None):
        """``x`` itself unless training."""
        return self.disturb(x) if training else x


class Dropout(RandomLayer):
    """Set a fraction of the entries to 0 and scale the rest up (Srivastava et al. 2014)."""

    def __init__(self, rate, seed, **kwargs):
        super().__init__(seed, **kwargs)
        self.rate = rate

    def disturb(self, x):
        """Drop entries of ``x``."""
        uniform = tf.random.stateless_uniform(tf.shape(x), self.next_seed(), dtype=x.dtype)
        return tf.where(uniform < self.rate, tf.zeros((), x.dtype), x / (1 - self.rate))


class GaussianNoise(RandomLayer):
    """Add noise of a standard deviation in the units of its input."""

    def __init__(self, standard_deviation, seed, **kwargs):
        super().__init__(seed, **kwargs)
        self.standard_deviation = standard_deviation

    def disturb(self, x):
        """Add noise to ``x``."""
        normal = tf.random.stateless_normal(tf.shape(x), self.next_seed(), dtype=x.dtype)
        return x + self.standard_deviation * normal


def training_neuron(neuron, options, dt=0.001):
    """The rate neuron type that is trained, with LIF constants ``neuron`` where it has them.

    A LIF neuron on Loihi fires every ``round(tau_ref / dt) + ceil(T / dt)`` steps, T the time
    from reset to threshold: on average over T half a step later than ``tau_ref + T``. Its membrane
    decay is a 12-bit fraction (nengo-loihi, ``discretize_tau_rc``).
    """
    plain = {
        "lif": lambda: nengo.LIFRate(**vars(neuron)),
        "relu": nengo.RectifiedLinear,
        "sigmoid": lambda: nengo.Sigmoid(tau_ref=1),
        "tanh": lambda: nengo.Tanh(tau_ref=1),
        # Nengo has no identity; this is one.
        "identity": lambda: nengo_dl.LeakyReLU(negative_slope=1),
    }
    if options.activation in plain:
        return plain[options.activation]()
    constants = dict(vars(neuron))
    if options.activation == "loihi":
        decay = np.round(-np.expm1(-dt / neuron.tau_rc) * 4095) / 4095
        constants["tau_rc"] = float(-dt / np.log1p(-decay))
        constants["tau_ref"] = dt * round(neuron.tau_ref / dt) + dt / 2
    return nengo_dl.SoftLIFRate(sigma=options.smoothing, **constants)


class TrainingClassifier(SpikingClassifier):
    """A `SpikingClassifier` of rate neurons with batch norm, dropout and noise between.

    Those are Keras layers in NengoDL's TensorNodes: they exist here alone, and `extract` leaves
    nothing of them in the parameters.

    Parameters
    ----------
    parameters : Parameters
        Where training starts.
    options : TrainingOptions
    """

    def __init__(self, parameters, options, **kwargs):
        self.options = options
        self.weighted = {}  # layer index: (connection, Keras layer after it)
        self.rate_probes = []
        super().__init__(
            parameters,
            neuron_type=training_neuron(parameters.neuron, options),
            synapse=None,
            **kwargs,
        )
        with self:
            nengo_dl.configure_settings(stateful=False, use_loop=False, trainable=None)
            for connection in self.all_connections:
                self.config[connection].trainable = False
            for connection, _ in self.weighted.values():
                self.config[connection].trainable = True
            for ensemble in self.all_ensembles:
                self.config[ensemble].trainable = False
                self.config[ensemble.neurons].trainable = False
            self.output_probe = nengo.Probe(self.output)
            if options.target_rate is not None:
                self.rate_probes = [nengo.Probe(layer.neurons) for layer in self.layers]

    def _connect(self, i, source, target):
        parameters, hidden = self.parameters, isinstance(target, nengo.ensemble.Neurons)
        layer, below, above = parameters.layers[i], parameters.shapes[i], parameters.shapes[i + 1]
        if i == 0:
            source = self._insert(source, self._random_layers(-1, self.options.input_dropout))
        if not layer.has_weights:
            super()._connect(i, source, target)
            return
        bias = parameters.biases[i]
        if hidden and self.options.batch_norm:
            after = tf.keras.layers.BatchNormalization(
                momentum=BATCH_NORM_MOMENTUM,
                epsilon=BATCH_NORM_EPSILON,
                beta_initializer=tf.keras.initializers.Constant(bias),
                gamma_initializer=tf.keras.initializers.Constant(self.options.current_scale),
            )
        else:
            after = Bias(bias)
        node = self._tensor_node(after, above)
        connection = nengo.Connection(
            source,
            node,
            transform=layer.transform(parameters.weights[i], below),
            synapse=None,
            label=f"layer {i + 1}",
        )
        nengo.Connection(node, target, synapse=None)
        self.weighted[i] = (connection, after)

    def _after(self, i, target):
        if not isinstance(target, nengo.ensemble.Neurons):
            return target
        noise = self.options.noise * self.parameters.neuron.amplitude
        return self._insert(target, self._random_layers(i, self.options.dropout, noise))

    def _random_layers(self, i, dropout, noise=0.0):
        # Seeds of layers and runs must not meet.
        seed = 1000 * self.options.seed + 10 * (i + 1)
        layers = []
        if noise > 0:
            layers.append(GaussianNoise(noise, seed + 1))
        if dropout > 0:
            layers.append(Dropout(dropout, seed + 2))
        return layers

    def _insert(self, source, layers):
        for layer in layers:
            node = self._tensor_node(layer, (source.size_out,))
            nengo.Connection(source, node, synapse=None)
            source = node
        return source

    @staticmethod
    def _tensor_node(layer, shape):
        return nengo_dl.TensorNode(layer, shape_in=shape, shape_out=shape, pass_time=False)

    def extract(self, simulator):
        """The parameters as they are now in a NengoDL simulator, batch norm fused."""
        weights, biases = [None] * len(self.parameters.layers), [None] * len(self.parameters.layers)
        for i, (connection, after) in self.weighted.items():
            weights[i] = simulator.data[connection].weights
            if isinstance(after, Bias):
                biases[i] = after.bias.numpy()
            else:
                weights[i], biases[i] = fuse(
                    weights[i],
                    after.moving_mean.numpy(),
                    after.moving_variance.numpy(),
                    after.gamma.numpy(),
                    after.beta.numpy(),
                    after.epsilon,
                )
        p = self.parameters
        return type(p)(p.input_shape, p.layers, weights, biases, p.neuron, p.metadata)


def rate_network(parameters):
    """The rate network that ``parameters`` were trained as, batch norm fused and nothing between.

    Parameters
    ----------
    parameters : Parameters
        Trained; the rate curve is in their metadata, or that of `TrainingOptions` by default.

    Returns
    -------
    SpikingClassifier
        Of rate neurons, without synapses: one time step is the whole computation. Its neuron
        type is NengoDL's, so that it runs on the backend "dl".
    """
    options = TrainingOptions(**parameters.metadata.get("training", {}).get("options", {}))
    neuron_type = training_neuron(parameters.neuron, options)
    return SpikingClassifier(parameters, neuron_type=neuron_type, synapse=None)
