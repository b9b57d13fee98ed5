"""The network as the learning rules see it: layers that predict the layer above them."""

import dataclasses

from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.networks.feedback import feedback_weights

from .activations import Activation
from .batch_norm import fuse
from .linear_maps import linear_maps
from .training_network import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, training_neuron

tf = import_tensorflow()


@dataclasses.dataclass
class Batch:
    """One minibatch.

    Attributes
    ----------
    image : (n, ...) tensor
        Layer 0, with input dropout applied.
    target : (n, n_outputs) tensor
    scales, offsets : list of tensor or None
        Dropout and noise of each hidden layer, the same for the whole update:
        ``scale * r(x) + offset``.
    """

    image: object
    target: object
    scales: list
    offsets: list


class Layer:
    """One layer of weights, with batch norm or a bias.

    Predicts ``u = W a + b``, or ``u = gamma (z - mean z) / sd z + beta`` with ``z = W a`` and mean
    and standard deviation of the minibatch (Ioffe & Szegedy 2015,
    https://arxiv.org/abs/1502.03167).
    """

    def __init__(self, map_, weights, bias, scale, dtype):
        def variable(value, trainable=True):
            return tf.Variable(tf.cast(value, dtype), trainable=trainable)

        self.map = map_
        self.weights = variable(weights)
        self.offset = variable(bias)
        self.batch_norm = scale is not None
        if self.batch_norm:
            self.scale = variable(tf.fill(bias.shape, scale))
            self.mean = variable(tf.zeros(bias.shape), trainable=False)
            self.variance = variable(tf.ones(bias.shape), trainable=False)

    @property
    def trained(self):
        """Variables that learn."""
        return [self.weights, self.offset] + ([self.scale] if self.batch_norm else [])

    @property
    def statistics(self):
        """Variables that follow the data."""
        return [self.mean, self.variance] if self.batch_norm else []

    def normalise(self, z):
        """The prediction from ``z = W a``, and what `backward` needs to know of it.

        With batch norm: by the statistics of the minibatch.
        """
        if not self.batch_norm:
            return z + self.offset, None
        mean, variance = tf.nn.moments(z, self.map.axes)
        deviation = tf.sqrt(variance + BATCH_NORM_EPSILON)
        normal = (z - mean) / deviation
        return self.scale * normal + self.offset, (normal, deviation, mean, variance)

    def predict(self, a):
        """The prediction from the activities below, and what `backward` needs to know of it."""
        return self.normalise(self.map.forward(self.weights, a))

    def infer(self, a):
        """The prediction with the statistics of the whole data."""
        z = self.map.forward(self.weights, a)
        if not self.batch_norm:
            return z + self.offset
        deviation = tf.sqrt(self.variance + BATCH_NORM_EPSILON)
        return self.scale * (z - self.mean) / deviation + self.offset

    def backward(self, error, cache):
        """The error at ``z = W a``, from that at the prediction."""
        if cache is None:
            return error
        normal, deviation, _, _ = cache
        along = tf.reduce_mean(error * normal, self.map.axes)
        centred = error - tf.reduce_mean(error, self.map.axes) - normal * along
        return self.scale / deviation * centred

    def gradients(self, error, delta, cache, a):
        """Gradients of the energy, summed over the minibatch, for each of `trained`."""
        result = [-self.map.product(delta, a), -tf.reduce_sum(error, self.map.axes)]
        if cache is not None:
            result.append(-tf.reduce_sum(error * cache[0], self.map.axes))
        return result

    def follow(self, cache):
        """Operations that take the minibatch's statistics into the running ones."""
        if cache is not None:
            _, _, mean, variance = cache
            for running, value in ((self.mean, mean), (self.variance, variance)):
                running.assign_add((1 - BATCH_NORM_MOMENTUM) * (value - running))


class Chain:
    """Layers 1 to L above an image, layer 0, with all that rules need to know of them.

    Lists of values, predictions and errors have one entry per layer 1 to L, hidden layers first,
    so that entry ``l`` is of layer ``l + 1``. Values are currents: layer l sends ``r(x_l)`` on.

    Parameters
    ----------
    parameters : Parameters
        Where training starts.
    options : TrainingOptions
    """

    def __init__(self, parameters, options):
        self.parameters = parameters
        self.options = options
        self.dtype = tf.as_dtype(options.dtype)
        neuron = training_neuron(parameters.neuron, options)
        self.activation = Activation(neuron, options.derivative, options.box_width)
        maps = linear_maps(parameters)
        self.indices = [i for i, _ in maps]
        last = self.indices[-1]
        self.layers = [
            Layer(
                map_,
                parameters.weights[i],
                parameters.biases[i],
                options.current_scale if options.batch_norm and i != last else None,
                self.dtype,
            )
            for i, map_ in maps
        ]
        self.n_layers = len(self.layers)
        self.shapes = [parameters.shapes[i + 1] for i in self.indices]
        self.feedback = []
        if options.feedback != "transpose":
            learns = options.feedback == "kolen-pollack"
            self.feedback = [
                tf.Variable(tf.cast(b, self.dtype), trainable=learns)
                for b in feedback_weights(parameters, options.feedback, options.seed)
            ]
        self.precision = options.precision or (1.0,) * self.n_layers

    @property
    def trained(self):
        """All variables that learn; Kolen-Pollack feedback comes last."""
        variables = [v for layer in self.layers for v in layer.trained]
        return variables + (self.feedback if self.options.feedback == "kolen-pollack" else [])

    @property
    def variables(self):
        """All variables."""
        variables = [v for layer in self.layers for v in (*layer.trained, *layer.statistics)]
        return variables + self.feedback

    # --- upwards

    def activities(self, values, batch):
        """What layers 0 to L - 1 send up, disturbed as the batch says."""
        result = [batch.image]
        for x, scale, offset in zip(values, batch.scales, batch.offsets):
            result.append(self._disturbed(self.activation(x), scale, offset))
        return result

    @staticmethod
    def _disturbed(a, scale, offset):
        a = a if offset is None else a + offset
        return a if scale is None else a * scale

    def forward(self, batch):
        """Feed-forward values, predictions and values being equal: predictions and caches."""
        a, predictions, caches = batch.image, [], []
        for layer, scale, offset in zip(self.layers, [*batch.scales, None], [*batch.offsets, None]):
            u, cache = layer.predict(a)
            predictions.append(u)
            caches.append(cache)
            a = self._disturbed(self.activation(u), scale, offset)
        return predictions, caches

    def infer(self, images):
        """Outputs for images, without dropout, noise and statistics of the minibatch."""
        a = images
        for layer in self.layers[:-1]:
            a = self.activation(layer.infer(a))
        return self.layers[-1].infer(a)

    # --- downwards

    def slope(self, index, x, batch):
        """What feedback into layer ``index + 1`` with values ``x`` is multiplied by."""
        scale = batch.scales[index]
        slope = self.activation.slope(x)
        return slope if scale is None else slope * scale

    def carry_down(self, index, errors, caches):
        """The feedback that layer ``index + 1`` gets, from the errors of all layers.

        ``Wᵀ`` of the layer above applied to its error, through its batch norm, or what the
        option ``feedback`` puts in its place.
        """
        if self.options.feedback == "direct":
            down = tf.matmul(errors[-1], self.feedback[index])
            return tf.reshape(down, (-1, *self.shapes[index]))
        above = self.layers[index + 1]
        delta = above.backward(errors[index + 1], caches[index + 1])
        weights = above.weights if not self.feedback else self.feedback[index]
        return above.map.transposed(weights, delta)

    # --- errors and energy

    def output_error(self, u, batch, beta=1.0):
        """``beta pi_L (y - p)``, with p the output or its softmax: minus the slope of the loss."""
        answer = tf.nn.softmax(u) if self.options.loss == "cross-entropy" else u
        return beta * self.precision[-1] * (batch.target - answer)

    def losses(self, u, target):
        """The loss of each item, shape (n,)."""
        if self.options.loss == "cross-entropy":
            return tf.nn.softmax_cross_entropy_with_logits(target, u)
        return 0.5 * tf.reduce_sum((target - u) ** 2, axis=-1)

    def gradients(self, errors, activities, caches):
        """Gradients of the energy's mean over the minibatch, for each of `trained`.

        ``dF/dW_l = -e_l r(x_{l-1})ᵀ``, through batch norm where there is any. Kolen-Pollack's
        feedback weights get the product of the forward weights.
        """
        n = tf.cast(tf.shape(errors[0])[0], self.dtype)
        result, products = [], []
        for layer, error, a, cache in zip(self.layers, errors, activities, caches):
            of_layer = [
                g / n for g in layer.gradients(error, layer.backward(error, cache), cache, a)
            ]
            products.append(of_layer[0])
            result += of_layer
        return result + (products[1:] if self.options.feedback == "kolen-pollack" else [])

    def follow(self, caches):
        """Take the statistics of a feed-forward pass into the running ones."""
        for layer, cache in zip(self.layers, caches):
            layer.follow(cache)

    def extract(self):
        """The parameters as they are now, batch norm fused."""
        p = self.parameters
        weights, biases = [None] * len(p.layers), [None] * len(p.layers)
        for i, layer in zip(self.indices, self.layers):
            weights[i], biases[i] = layer.weights.numpy(), layer.offset.numpy()
            if layer.batch_norm:
                weights[i], biases[i] = fuse(
                    weights[i],
                    layer.mean.numpy(),
                    layer.variance.numpy(),
                    layer.scale.numpy(),
                    biases[i],
                    BATCH_NORM_EPSILON,
                )
        return type(p)(p.input_shape, p.layers, weights, biases, p.neuron, p.metadata)
