"""How values move: errors, energy, velocities, and their integration until time T.

With ``x_l`` the values, ``u_l = W_l r(x_{l-1}) + b_l`` the predictions, ``pi_l`` the precisions and
``beta`` 1 unless the output is nudged::

    e_l   = x_l - u_l                                  l < L
    F     = sum_{l<L} pi_l / 2 |e_l|² + beta pi_L loss(u_L, y)
    dx_l/dt = -dF/dx_l = -pi_l e_l + r'(x_l) * W_{l+1}ᵀ pi_{l+1} e_{l+1}

where ``pi_L e_L = beta pi_L (y - p)``, with p the output or its softmax. F is the variational free
energy of Gaussian layers without its constants (Rao & Ballard 1999,
https://doi.org/10.1038/4580; Friston 2005, https://doi.org/10.1098/rstb.2005.1622; Whittington &
Bogacz 2017, https://doi.org/10.1162/NECO_a_00949). All errors here are weighted by their precision.
"""

from nengo_pc.backends.compatibility import import_tensorflow

tf = import_tensorflow()

# Of the adaptive step: local error allowed, as a fraction of the values' root mean square.
RELATIVE_TOLERANCE = 1e-2
GROWTH = (0.2, 5.0)
SAFETY = 0.9


def weighted_errors(chain, values, batch, beta=1.0, first=None):
    """Errors of all layers, weighted by their precision.

    Parameters
    ----------
    chain : Chain
    values : list of tensor
        Of hidden layers.
    batch : Batch
    beta : float
    first : (tensor, cache), optional
        Prediction of layer 1, where it is known: the image does not change.

    Returns
    -------
    errors, activities, caches : list
        Of layers 1 to L, 0 to L - 1 and 1 to L.
    """
    activities = chain.activities(values, batch)
    errors, caches = [], []
    for index, (layer, a) in enumerate(zip(chain.layers, activities)):
        u, cache = first if index == 0 and first is not None else layer.predict(a)
        caches.append(cache)
        if index < len(values):
            errors.append(chain.precision[index] * (values[index] - u))
        else:
            errors.append(chain.output_error(u, batch, beta))
    return errors, activities, caches


def velocities(chain, values, errors, caches, batch):
    """``dx_l/dt`` of the hidden layers."""
    return [
        chain.slope(index, x, batch) * chain.carry_down(index, errors, caches) - errors[index]
        for index, x in enumerate(values)
    ]


def energy(chain, values, batch, beta=1.0):
    """F of each item, shape (n,); with batch norm that of an item depends on its minibatch."""
    activities = chain.activities(values, batch)
    total = 0.0
    for index, (layer, a) in enumerate(zip(chain.layers, activities)):
        u, _ = layer.predict(a)
        if index < len(values):
            squares = tf.reshape((values[index] - u) ** 2, (tf.shape(u)[0], -1))
            total += 0.5 * chain.precision[index] * tf.reduce_sum(squares, axis=1)
        else:
            total += beta * chain.precision[index] * chain.losses(u, batch.target)
    return total


def no_trouble():
    """What `first_trouble` gives as long as all is well."""
    return tf.constant([-1, -1], tf.int32)


def first_trouble(errors, step, known, lowest=1):
    """Step and layer of the first error that is not finite, or -1 and -1.

    Parameters
    ----------
    errors : list of tensor
        Of layers from ``lowest`` on.
    step : int or int32 tensor
    known : (2,) int32 tensor
        What was found before, which stays.
    lowest : int
    """
    bad = tf.stack([~tf.math.is_finite(tf.reduce_sum(tf.abs(e))) for e in errors])
    layer = tf.argmax(tf.cast(bad, tf.int32), output_type=tf.int32) + lowest
    found = tf.stack([tf.cast(step, tf.int32), layer])
    return tf.where(tf.logical_and(known[0] < 0, tf.reduce_any(bad)), found, known)


def relax(chain, values, batch, options, steps, rate, beta=1.0, first=None):
    """Move values from where they are for at most ``steps`` steps.

    Parameters
    ----------
    chain : Chain
    values : list of tensor
        Of hidden layers.
    batch : Batch
    options : TrainingOptions
        ``integrator`` and ``tolerance``.
    steps : int
    rate : float
        Size of a (first) step.
    beta : float
    first : (tensor, cache), optional
        As in `weighted_errors`.

    Returns
    -------
    values : list of tensor
    trouble : (2,) int32 tensor
        As `first_trouble` gives it.
    steps : int32 tensor
        Steps taken.
    """
    if not values:
        return values, no_trouble(), tf.constant(0)

    def slopes(values):
        errors, _, caches = weighted_errors(chain, values, batch, beta, first)
        return velocities(chain, values, errors, caches, batch), errors

    def moved(values, slopes, h):
        return [x + h * k for x, k in zip(values, slopes)]

    def body(step, values, h, moving, trouble):
        k, errors = slopes(values)
        trouble = first_trouble(errors, step, trouble)
        if options.tolerance is not None:
            moving = _fastest(k) > options.tolerance
        if options.integrator == "euler":
            return step + 1, moved(values, k, h), h, moving, trouble
        later, _ = slopes(moved(values, k, h))
        new = moved(values, [(a + b) / 2 for a, b in zip(k, later)], h)
        if options.integrator == "heun":
            return step + 1, new, h, moving, trouble
        change = [b - a for a, b in zip(k, later)]
        error = h / 2 * _fastest(change) / (RELATIVE_TOLERANCE * _fastest(values))
        # Near equilibrium errors are small whatever the step, which must let velocities fall.
        error = tf.maximum(error, tf.math.divide_no_nan(_fastest(change), _fastest(k)) ** 2)
        new = [tf.where(error <= 1, n, x) for n, x in zip(new, values)]
        growth = SAFETY / tf.sqrt(tf.maximum(error, 1e-12))
        return step + 1, new, h * tf.clip_by_value(growth, *GROWTH), moving, trouble

    def condition(step, values, h, moving, trouble):
        return moving

    start = (
        tf.constant(0),
        list(values),
        tf.constant(rate, chain.dtype),
        tf.constant(True),
        no_trouble(),
    )
    step, values, _, _, trouble = tf.while_loop(condition, body, start, maximum_iterations=steps)
    return values, trouble, step


def _fastest(tensors):
    """The largest root mean square."""
    return tf.sqrt(tf.reduce_max(tf.stack([tf.reduce_mean(t**2) for t in tensors])))
