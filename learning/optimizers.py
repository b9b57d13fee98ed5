"""The Keras optimizer and learning rate of a run."""

from nengo_pc.backends.compatibility import import_tensorflow

tf = import_tensorflow()


def make_schedule(options, n_steps):
    """The learning rate as a function of the optimizer's steps, of which there will be ``n_steps``.

    Cosine: falls to 0 (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983).
    """
    if options.schedule == "cosine":
        return tf.keras.optimizers.schedules.CosineDecay(options.learning_rate, n_steps)
    return lambda step: tf.constant(options.learning_rate)


def make_optimizer(options, n_steps):
    """The Keras optimizer of ``options`` for a run of ``n_steps`` steps."""
    rate = options.learning_rate
    if options.schedule == "cosine":
        rate = make_schedule(options, n_steps)
    if options.optimizer == "adam":
        return tf.keras.optimizers.Adam(rate)
    if options.optimizer == "adamw":
        return tf.keras.optimizers.AdamW(rate, weight_decay=options.weight_decay)
    return tf.keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
