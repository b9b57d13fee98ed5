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
    settings = {
        "adamw": {"weight_decay": options.weight_decay},
        "sgd": {"momentum": 0.9, "nesterov": True},
    }
    # Keras looks names up without regard to case.
    optimizer = type(tf.keras.optimizers.get(options.optimizer))
    return optimizer(learning_rate=rate, **settings.get(options.optimizer, {}))
