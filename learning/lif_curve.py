"""LIF's rate curve and SoftLIF's in TensorFlow, for trainers and for compiled networks."""

from nengo_pc.backends.compatibility import import_tensorflow

tf = import_tensorflow()


def lif_curve(neuron, x):
    """Value and slope of LIF's rate curve, or SoftLIF's if there is a sigma.

    Hunsberger & Eliasmith 2016, https://arxiv.org/abs/1611.05141, equations 3 and 4: with
    ``s`` the current above threshold (rectified softly in SoftLIF), ``1 / rate`` is
    ``tau_ref + tau_rc log(1 + 1/s)``, and the slope ``tau_rc rate² / (s (s + 1)) ds/dx``.
    """
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
