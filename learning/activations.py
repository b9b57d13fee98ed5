"""Rate curves and their slopes in TensorFlow, as the learning rules use them."""

import nengo

from nengo_pc.backends.compatibility import import_nengo_dl, import_tensorflow
from nengo_pc.networks.gates import box_range, threshold

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
        return self._lif(x)[0] if self.is_lif else self._value(x)

    def slope(self, x):
        """What feedback into a layer with currents x is multiplied by."""
        if self.derivative == "step":
            return tf.cast(x > self.threshold, x.dtype)
        if self.derivative == "box":
            return tf.cast((x > self.box[0]) & (x < self.box[1]), x.dtype)
        if self.derivative == "none":
            return tf.ones_like(x)
        return self._lif(x)[1] if self.is_lif else self._slope(x)

    def differentiable(self, x):
        """r(x) whose gradient is `slope`."""
        if self.derivative == "exact":
            return self(x)

        @tf.custom_gradient
        def activation(x):
            return self(x), lambda upstream: upstream * self.slope(x)

        return activation(x)

    def _lif(self, x):
        """Value and slope of LIF's rate curve, or SoftLIF's if there is a sigma.

        Hunsberger & Eliasmith 2016, https://arxiv.org/abs/1611.05141, equations 3 and 4: with
        ``s`` the current above threshold (rectified softly in SoftLIF), ``1 / rate`` is
        ``tau_ref + tau_rc log(1 + 1/s)``, and the slope ``tau_rc rate² / (s (s + 1)) ds/dx``.
        """
        neuron = self.neuron_type
        sigma = getattr(neuron, "sigma", None)
        one = tf.ones((), x.dtype)
        if sigma is None:
            active = x > 1
            s = tf.where(active, x - 1, one)
            log = tf.math.log1p(1 / s)
            ratio = 1 / s
        else:
            soft = (x - 1) / sigma
            # Far below threshold s underflows: there s = sigma exp(soft).
            safe = soft > -20
            soft_safe = tf.where(safe, soft, 0 * one)
            s = sigma * tf.nn.softplus(soft_safe)
            log = tf.where(safe, tf.math.log1p(1 / s), -soft - tf.math.log(sigma * one))
            ratio = tf.where(safe, tf.nn.sigmoid(soft_safe) / s, one / sigma)
            s = tf.where(safe, s, 0 * one)
        value = neuron.amplitude / (neuron.tau_ref + neuron.tau_rc * log)
        slope = neuron.tau_rc / neuron.amplitude * value**2 * ratio / (s + 1)
        if sigma is None:
            value, slope = tf.where(active, value, 0 * one), tf.where(active, slope, 0 * one)
        return value, slope


def _plain(neuron_type):
    """Value and slope of the activations that are not LIF's."""
    if isinstance(neuron_type, nengo_dl.LeakyReLU) and neuron_type.negative_slope == 1:
        return tf.identity, tf.ones_like
    if type(neuron_type) is nengo.RectifiedLinear:
        return tf.nn.relu, lambda x: tf.cast(x > 0, x.dtype)
    if isinstance(neuron_type, nengo.Tanh):
        return tf.tanh, lambda x: 1 - tf.tanh(x) ** 2
    return tf.sigmoid, lambda x: tf.sigmoid(x) * (1 - tf.sigmoid(x))
