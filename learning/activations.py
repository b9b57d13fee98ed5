"""Rate curves and their slopes in TensorFlow, as the learning rules use them."""

import nengo

from nengo_pc.backends.compatibility import import_nengo_dl, import_tensorflow
from nengo_pc.networks.gates import box_range, threshold

from .lif_curve import lif_curve

tf = import_tensorflow()
nengo_dl = import_nengo_dl()


class Activation:
    """The activation r(x) of a rate neuron type, and what stands for its slope in feedback.

    Parameters
    ----------
    neuron_type : nengo.neurons.NeuronType
        As `nengo_pc.learning.training_network.training_neuron` gives it; gain 1, bias 0.
    derivative : {"exact", "step", "box", "none"}
        As `nengo_pc.networks.Gate` defines them.
    box_width : float
    """

    def __init__(self, neuron_type, derivative, box_width):
        self.neuron_type = neuron_type
        self.derivative = derivative
        self.box = box_range(neuron_type, box_width)
        self.threshold = threshold(neuron_type)
        self.is_lif = isinstance(neuron_type, nengo.LIFRate)
        if not self.is_lif:
            self._value, self._slope = _plain(neuron_type)

    def __call__(self, x):
        """r(x): amplitude times rate."""
        return lif_curve(self.neuron_type, x)[0] if self.is_lif else self._value(x)

    def slope(self, x):
        """What feedback into a layer with currents x is multiplied by."""
        if self.derivative == "step":
            return tf.cast(x > self.threshold, x.dtype)
        if self.derivative == "box":
            return tf.cast((x > self.box[0]) & (x < self.box[1]), x.dtype)
        if self.derivative == "none":
            return tf.ones_like(x)
        return lif_curve(self.neuron_type, x)[1] if self.is_lif else self._slope(x)

    def differentiable(self, x):
        """r(x) whose gradient is `slope`."""
        if self.derivative == "exact":
            return self(x)

        @tf.custom_gradient
        def activation(x):
            return self(x), lambda upstream: upstream * self.slope(x)

        return activation(x)


def _plain(neuron_type):
    """Value and slope of the activations that are not LIF's."""
    if isinstance(neuron_type, nengo_dl.LeakyReLU) and neuron_type.negative_slope == 1:
        return tf.identity, tf.ones_like
    if type(neuron_type) is nengo.RectifiedLinear:
        return tf.nn.relu, lambda x: tf.cast(x > 0, x.dtype)
    if isinstance(neuron_type, nengo.Tanh):
        return tf.tanh, lambda x: 1 - tf.tanh(x) ** 2
    return tf.sigmoid, lambda x: tf.sigmoid(x) * (1 - tf.sigmoid(x))
