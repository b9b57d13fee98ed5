"""Incremental predictive coding: weights learn at every step of the values."""

from nengo_pc.backends.compatibility import import_tensorflow

from .relaxation import first_trouble, no_trouble, velocities, weighted_errors

tf = import_tensorflow()

STEPS, RATE = 8, 0.2


def ipc(chain, batch, options, learn):
    """Values and weights descend the same energy at the same time.

    At each of T steps, from the same errors: ``x_l += h dx_l/dt`` (`relaxation`) and
    ``dW_l = eta e_l r(x_{l-1})ᵀ`` (Salvatori et al. 2024, https://arxiv.org/abs/2212.00720).
    Values start at the feed-forward ones, so that the first step teaches the output layer alone.
    Nothing waits for an equilibrium, and the optimizer steps T times a minibatch.

    Parameters
    ----------
    chain : Chain
    batch : Batch
    options : TrainingOptions
    learn : callable
        Gets the gradients for ``chain.trained``; called at each of T steps.

    Returns
    -------
    tensor, (2,) int32 tensor
        Feed-forward outputs from before the update; step and layer of the first error that is not
        finite.
    """
    steps, rate = options.inference_steps or STEPS, options.inference_rate or RATE
    beta = {"clamp": 1.0, "positive": options.beta, "negative": -options.beta}[options.nudging]
    predictions, caches = chain.forward(batch)
    chain.follow(caches)

    def body(step, values, trouble):
        errors, activities, now = weighted_errors(chain, values, batch, beta)
        trouble = first_trouble(errors, step, trouble)
        moves = velocities(chain, values, errors, now, batch)
        with tf.control_dependencies(moves):  # they are of the weights before this step
            learn([g / beta for g in chain.gradients(errors, activities, now)])
        return step + 1, [x + rate * v for x, v in zip(values, moves)], trouble

    start = (tf.constant(0), predictions[:-1], no_trouble())
    _, _, trouble = tf.while_loop(lambda *_: True, body, start, maximum_iterations=steps)
    return predictions[-1], trouble
