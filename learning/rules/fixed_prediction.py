"""Fixed prediction: predictions and slopes stay what they were when the target came."""

from nengo_pc.backends.compatibility import import_tensorflow

from .relaxation import first_trouble, no_trouble

tf = import_tensorflow()


def fixed_prediction(chain, batch, options, learn):
    """Errors relax to backprop's while predictions stand still.

    Millidge, Tschantz & Buckley 2022, https://doi.org/10.1162/neco_a_01497; as in Rosenbaum 2022,
    https://doi.org/10.1371/journal.pone.0266102. With ``u_l`` and ``r'(u_l)`` frozen at their
    feed-forward values, the errors follow ::

        tau_l de_l/dt = -e_l + r'(u_l) * W_{l+1}ᵀ pi_{l+1} e_{l+1} / pi_l

    whose fixed point is backprop's recursion for ``pi_l e_l``, for any loss. With steps of one time
    constant, L - 1 of them are exact; smaller ones get there in time. Then
    ``dW_l = eta pi_l e_l r(u_{l-1})ᵀ``.

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
        Feed-forward outputs; step and layer of the first error that is not finite.
    """
    steps, rate = options.inference_steps or chain.n_layers, options.inference_rate or 1.0
    predictions, caches = chain.forward(batch)
    values = predictions[:-1]
    slopes = [chain.slope(index, u, batch) for index, u in enumerate(values)]
    output_error = chain.output_error(predictions[-1], batch)

    def body(step, errors, trouble):
        all_errors = [*errors, output_error]
        trouble = first_trouble(all_errors, step, trouble)
        errors = [
            e + rate * (slope * chain.carry_down(index, all_errors, caches) - e)
            for index, (e, slope) in enumerate(zip(errors, slopes))
        ]
        return step + 1, errors, trouble

    # Errors are weighted by their precision, in whose terms the equation has none.
    start = (tf.constant(0), [tf.zeros_like(u) for u in values], no_trouble())
    _, errors, trouble = tf.while_loop(lambda *_: True, body, start, maximum_iterations=steps)
    errors = [*errors, output_error]
    trouble = first_trouble(errors, steps, trouble)
    activities = chain.activities(values, batch)
    chain.follow(caches)
    learn(chain.gradients(errors, activities, caches))
    return predictions[-1], trouble
