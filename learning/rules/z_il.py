"""Z-IL: inference learning that is backprop, exactly."""

from .relaxation import first_trouble, no_trouble


def zil(chain, batch, options, learn):
    """Zero-divergence inference learning, as Song et al. 2020 found it.

    https://proceedings.neurips.cc/paper/2020/hash/fec87a37cdeec1c6ecf8181c0aa2d3bf-Abstract.html

    Values start at the feed-forward ones, where all errors but the output's are 0, and take steps
    of one time constant (1 over the layer's precision). Layer l learns at step ``t = L - l``, when
    its error is first other than 0. At that step

    * its own error was 0 until now, so that ``e_l = r'(u_l) * W_{l+1}ᵀ e_{l+1}``: one time constant
      of feedback and nothing to decay;
    * the error above is that of step ``t - 1``, which had its own first value then;
    * the values below have not moved yet: ``r(x_{l-1}) = r(u_{l-1})``.

    So each layer's error is worked out at the one step when it is used. Layers below have the error
    0 then and those above have learned: both are skipped, and an update costs what backprop's does.
    ``dW_l = eta e_l r(x_{l-1})ᵀ`` is backprop's update.

    Parameters
    ----------
    chain : Chain
    batch : Batch
    options : TrainingOptions
    learn : callable
        Gets the gradients for ``chain.trained``; called once, after step ``L - 1``: a layer's
        values move in the step in which the weights above it learn, so that no error depends on
        weights that have learned already.

    Returns
    -------
    tensor, (2,) int32 tensor
        Feed-forward outputs; step and layer of the first error that is not finite.
    """
    predictions, caches = chain.forward(batch)
    values = predictions[:-1]
    errors = [None] * (chain.n_layers - 1) + [chain.output_error(predictions[-1], batch)]
    trouble = first_trouble(errors[-1:], 0, no_trouble(), chain.n_layers)
    for step in range(1, chain.n_layers):
        index = chain.n_layers - 1 - step
        feedback = chain.carry_down(index, errors, caches)
        errors[index] = chain.slope(index, values[index], batch) * feedback
        trouble = first_trouble([errors[index]], step, trouble, index + 1)
    activities = chain.activities(values, batch)
    chain.follow(caches)
    learn(chain.gradients(errors, activities, caches))
    return predictions[-1], trouble
