"""How the values of a generative network move and its weights learn: pure functions.

The image is layer 0, the causes layers 1 to L, and each layer predicts the one below it (Rao &
Ballard 1999, https://doi.org/10.1038/4580)::

    u_l = f(U_{l+1} x_{l+1})                        prediction of layer l = 0 .. L - 1
    e_l = x_l - u_l                                 error = value minus prediction
    F   = Σ_l pi_l/2 |e_l|² + Σ_l alpha_l g(x_l)    free energy, without terms that nothing changes
    dx_l/dt = -dF/dx_l = U_lᵀ (f' * pi_{l-1} e_{l-1}) - pi_l e_l - alpha_l g'(x_l)
    dU_l = eta (f' * pi_{l-1} e_{l-1}) x_lᵀ

where f' is the slope at ``U_l x_l``, and no layer predicts layer L. Lists of values start with the
image; ``weights[l]`` is ``U_{l+1}``, shape ``(n_l, n_{l+1})``.
"""

from dataclasses import dataclass

from nengo_pc.backends.compatibility import import_tensorflow

tf = import_tensorflow()

# f, its slope as a function of f, and its largest slope, which all have at 0.
ACTIVATIONS = {
    "identity": (tf.identity, tf.ones_like, 1.0),
    "tanh": (tf.tanh, lambda u: 1 - u**2, 1.0),
    "sigmoid": (tf.sigmoid, lambda u: u * (1 - u), 0.25),
}
# g, its slope, and its largest curvature.
PRIORS = {
    "gaussian": (lambda x: x**2 / 2, tf.identity, 1.0),
    "sparse": (lambda x: tf.math.log1p(x**2), lambda x: 2 * x / (1 + x**2), 2.0),
}
# Squarings of UᵀU in `spectral_norm_bound`; the bound is at most n^(1/64) too large.
SQUARINGS = 4


@dataclass(frozen=True)
class Generative:
    """What a generative network is, besides its weights.

    Parameters
    ----------
    activation : {"identity", "tanh", "sigmoid"}
        f.
    precision : tuple of float
        ``pi_l`` of layers 0 to L - 1.
    prior : {"gaussian", "sparse"}
        g.
    prior_weight : tuple of float
        ``alpha_l`` of layers 1 to L.
    """

    activation: str
    precision: tuple
    prior: str
    prior_weight: tuple


def predict(model, weights, values):
    """``u_l`` of layers 0 to L - 1."""
    f = ACTIVATIONS[model.activation][0]
    return [f(tf.matmul(x, u, transpose_b=True)) for x, u in zip(values[1:], weights)]


def terms(model, weights, values):
    """The terms of F of each item, by name, each of shape (n,)."""
    g = PRIORS[model.prior][0]
    result = {}
    for layer, (x, u) in enumerate(zip(values, predict(model, weights, values))):
        pi = model.precision[layer]
        result[f"error {layer}"] = pi / 2 * tf.reduce_sum((x - u) ** 2, axis=1)
    for layer, (x, alpha) in enumerate(zip(values[1:], model.prior_weight), start=1):
        if alpha:
            result[f"prior {layer}"] = alpha * tf.reduce_sum(g(x), axis=1)
    return result


def gated_errors(model, weights, values):
    """``f' * pi_l e_l`` and ``pi_l e_l`` of layers 0 to L - 1."""
    slope = ACTIVATIONS[model.activation][1]
    predictions = predict(model, weights, values)
    errors = [pi * (x - u) for pi, x, u in zip(model.precision, values, predictions)]
    return [slope(u) * e for u, e in zip(predictions, errors)], errors


def velocities(model, weights, values):
    """``dx_l/dt`` of layers 1 to L."""
    gated, errors = gated_errors(model, weights, values)
    g_slope = PRIORS[model.prior][1]
    result = []
    for layer, (x, u) in enumerate(zip(values[1:], weights), start=1):
        velocity = tf.matmul(gated[layer - 1], u)
        if layer < len(weights):
            velocity -= errors[layer]
        if alpha := model.prior_weight[layer - 1]:
            velocity -= alpha * g_slope(x)
        result.append(velocity)
    return result


def gradients(model, weights, values):
    """``dF/dU_l``, mean over the minibatch."""
    gated, _ = gated_errors(model, weights, values)
    n = tf.cast(tf.shape(values[0])[0], values[0].dtype)
    return [-tf.matmul(e, x, transpose_a=True) / n for e, x in zip(gated, values[1:])]


def spectral_norm_bound(u):
    """A bound from above of the largest singular value of ``u``.

    ``|(UᵀU)^k|_F^(1/2k)``, which falls to it as k grows; here k is 16.
    """
    tiny = tf.constant(1e-30, u.dtype)
    gram = tf.matmul(u, u, transpose_a=True)
    log, power = 0.0, 1
    for _ in range(SQUARINGS):
        norm = tf.maximum(tf.norm(gram), tiny)
        log += tf.math.log(norm) / power
        gram = tf.matmul(gram / norm, gram / norm)
        power *= 2
    log += tf.math.log(tf.maximum(tf.norm(gram), tiny)) / power
    return tf.exp(log / 2)


def curvature_bound(model, weights):
    """A bound of the largest curvature of F in the values, from the norms of its blocks.

    Of the quadratic form that F is where f is linear. With another f it leaves out the product
    of errors and f'', for which steps of half the stable size leave room.
    """
    steepest = ACTIVATIONS[model.activation][2]
    sharpest = PRIORS[model.prior][2]
    gains = [steepest * spectral_norm_bound(u) for u in weights]
    largest = []
    for layer, gain in enumerate(gains, start=1):
        row = model.precision[layer - 1] * gain**2 + sharpest * model.prior_weight[layer - 1]
        if layer > 1:
            row += model.precision[layer - 1] * gain
        if layer < len(gains):
            row += model.precision[layer] * (1 + gains[layer])
        largest.append(row)
    return tf.reduce_max(tf.stack(largest))


def relax(model, weights, values, steps, rate, tolerance=None):
    """Values that have followed ``dx_l/dt``, the image fixed.

    Parameters
    ----------
    model : Generative
    weights : list of tensor
    values : list of tensor
        The image, then where the causes start.
    steps : int or int32 tensor
        At most so many, by Euler's method.
    rate : float
        Size of a step, in units of the inverse of `curvature_bound`; steps below 2 are stable.
    tolerance : float, optional
        Stop once no value changes faster than this, in that unit of time.

    Returns
    -------
    values : list of tensor
        The image first.
    steps : int32 tensor
        Steps taken.
    """
    h = rate / curvature_bound(model, weights)
    image, *causes = values

    def body(step, causes, moving):
        moves = [h * v for v in velocities(model, weights, [image, *causes])]
        if tolerance is not None:
            fastest = tf.reduce_max(tf.stack([tf.reduce_max(tf.abs(m)) for m in moves]))
            moving = fastest > rate * tolerance
        return step + 1, [x + m for x, m in zip(causes, moves)], moving

    step, causes, _ = tf.while_loop(
        lambda step, causes, moving: moving,
        body,
        (tf.constant(0), causes, tf.constant(True)),
        maximum_iterations=steps,
    )
    return [image, *causes], step
