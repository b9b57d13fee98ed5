"""Inference learning: values relax, then weights learn."""

from .relaxation import first_trouble, relax, weighted_errors

STEPS, RATE = 20, 0.1
BETAS = {"clamp": (1.0,), "positive": (1,), "negative": (-1,), "centred": (1, -1)}


def il(chain, batch, options, learn):
    """Predictive coding as Whittington & Bogacz 2017 train with it (inference learning).

    Values start at the feed-forward ones and follow ``dx_l/dt`` (`relaxation`) for T steps with the
    output clamped to the target; then each layer learns from its own error and what it got,
    ``dW_l = eta e_l r(x_{l-1})ᵀ`` (https://doi.org/10.1162/NECO_a_00949; the name is of Alonso et
    al. 2022, https://arxiv.org/abs/2206.00164).

    Nudged, the output's error counts ``beta`` (or ``-beta``) and the update is divided by it, so
    that it nears backprop's as beta nears 0; ``centred`` takes the mean of both signs
    (Scellier et al. 2023, https://arxiv.org/abs/2312.15103). Feed-forward values need no second
    phase: without a target they are the minimum, where every error is 0.

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
    steps, rate = options.inference_steps or STEPS, options.inference_rate or RATE
    predictions, caches = chain.forward(batch)
    first = (predictions[0], caches[0])
    strength = 1.0 if options.nudging == "clamp" else options.beta
    signs = BETAS[options.nudging]
    total, trouble = None, None
    for sign in signs:
        beta = sign * strength
        values, bad, _ = relax(chain, predictions[:-1], batch, options, steps, rate, beta, first)
        errors, activities, final_caches = weighted_errors(chain, values, batch, beta, first)
        bad = first_trouble(errors, steps, bad)
        trouble = bad if trouble is None else first_trouble(errors, steps, trouble)
        gradients = [
            g / (beta * len(signs)) for g in chain.gradients(errors, activities, final_caches)
        ]
        total = gradients if total is None else [a + b for a, b in zip(total, gradients)]
    chain.follow(caches)
    learn(total)
    return predictions[-1], trouble
