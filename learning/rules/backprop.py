"""Backprop by automatic differentiation, and feedback alignment with it."""

from nengo_pc.backends.compatibility import import_tensorflow

from .relaxation import first_trouble, no_trouble

tf = import_tensorflow()


def backprop(chain, batch, options, learn):
    """The gradient of the loss: the baseline of all other rules.

    ``delta_L = y - p``, ``delta_l = r'(u_l) * W_{l+1}ᵀ delta_{l+1}``,
    ``dW_l = eta delta_l r(u_{l-1})ᵀ`` (Rumelhart, Hinton & Williams 1986,
    https://doi.org/10.1038/323533a0).

    TensorFlow differentiates the loss; nothing here is shared with how the other rules get their
    errors. With other feedback than ``transpose`` the backward pass of each linear map uses those
    weights in place of ``Wᵀ``: feedback alignment (Lillicrap et al. 2016,
    https://doi.org/10.1038/ncomms13276). With ``direct``, each layer's error is
    ``r'(u_l) * D_l delta_L`` (Nøkland 2016, https://arxiv.org/abs/1609.01596). The slope ``r'`` is
    what the option ``derivative`` says.

    Parameters
    ----------
    chain : Chain
    batch : Batch
    options : TrainingOptions
    learn : callable
        Gets the gradients for ``chain.trained``; called once.

    Returns
    -------
    tensor, (2,) int32 tensor
        Feed-forward outputs; 0 and the first layer of a gradient that is not finite, or -1 and -1.
    """
    with tf.GradientTape() as tape:
        predictions, caches, activities = _forward(chain, batch)
        loss = tf.reduce_mean(chain.losses(predictions[-1], batch.target))
        surrogate = loss
        if options.feedback == "direct":
            output_error = tf.stop_gradient(chain.output_error(predictions[-1], batch))
            n = tf.cast(tf.shape(batch.image)[0], loss.dtype)
            for index, a in enumerate(activities[1:]):
                down = tf.stop_gradient(chain.carry_down(index, [output_error], caches))
                surrogate -= tf.reduce_sum(down * a) / n
    forward = [variable for layer in chain.layers for variable in layer.trained]
    gradients = tape.gradient(surrogate, forward)
    by_variable = {v.ref(): g for v, g in zip(forward, gradients)}
    if options.feedback == "kolen-pollack":
        # The feedback weights' own gradient is that of the forward weights they mirror.
        gradients += [by_variable[layer.weights.ref()] for layer in chain.layers[1:]]
    chain.follow(caches)
    learn(gradients)
    of_layers = [by_variable[layer.offset.ref()] for layer in chain.layers]
    return predictions[-1], first_trouble(of_layers, 0, no_trouble())


def _forward(chain, batch):
    """The feed-forward pass, with the backward pass that the options ask for."""
    a, predictions, caches, activities = batch.image, [], [], [batch.image]
    for index, layer in enumerate(chain.layers):
        if index > 0 and chain.options.feedback == "direct":
            a = tf.stop_gradient(a)
        if index > 0 and chain.feedback and chain.options.feedback != "direct":
            z = _aligned(layer.map, layer.weights, chain.feedback[index - 1], a)
            u, cache = layer.normalise(z)
        else:
            u, cache = layer.predict(a)
        predictions.append(u)
        caches.append(cache)
        if index < chain.n_layers - 1:
            a = chain.activation.differentiable(u)
            scale, offset = batch.scales[index], batch.offsets[index]
            a = a if offset is None else a + offset
            a = a if scale is None else a * scale
            activities.append(a)
    return predictions, caches, activities


def _aligned(map_, weights, feedback, a):
    """``W a`` whose gradient goes down through other weights."""
    feedback = tf.convert_to_tensor(feedback)

    @tf.custom_gradient
    def linear(weights, a):
        def backward(delta):
            return map_.product(delta, a), map_.transposed(feedback, delta)

        return map_.forward(weights, a), backward

    return linear(tf.convert_to_tensor(weights), a)
