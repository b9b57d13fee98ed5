"""The weights that carry errors down: one definition for trainers and networks."""

import numpy as np
from nengo.exceptions import ValidationError

FEEDBACKS = ("transpose", "random", "direct", "kolen-pollack")


def feedback_weights(parameters, feedback, seed=0):
    """Initial feedback weights of every hidden layer, in the layout of forward weights.

    The error that hidden layer l gets is ``B_l e``, with ``B_l`` the transpose of what is given
    here: so that weight transport means equal arrays, and Kolen-Pollack learning makes the arrays
    equal.

    * ``transpose``: the forward weights of the layer above (backprop's weight transport).
    * ``random``: drawn as those were, but independently: feedback alignment, Lillicrap et al.
      2016, https://doi.org/10.1038/ncomms13276.
    * ``direct``: from the output error straight to the layer: direct feedback alignment, Nøkland
      2016, https://arxiv.org/abs/1609.01596. Normal, variance ``2 / (n_units + n_outputs)``.
    * ``kolen-pollack``: starts as ``random`` and learns: Kolen & Pollack 1994; Akrout et al. 2019,
      https://arxiv.org/abs/1904.05391.

    Parameters
    ----------
    parameters : Parameters
    feedback : {"transpose", "random", "direct", "kolen-pollack"}
    seed : int
        Of the random ones; they are independent of forward weights of the same seed.

    Returns
    -------
    list of ndarray
        One per layer of weights but the last, from the input up, float32. For all but ``direct``
        of the shape of the weights of the layer above it; for ``direct`` of shape
        ``(n_outputs, n_units)``.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is no such feedback.
    """
    if feedback not in FEEDBACKS:
        raise ValidationError(
            f"must be one of {', '.join(FEEDBACKS)}, got {feedback!r}", "feedback"
        )
    weighted = [i for i, layer in enumerate(parameters.layers) if layer.has_weights]
    if feedback == "transpose":
        return [parameters.weights[i].copy() for i in weighted[1:]]
    rng = np.random.default_rng([seed, 0xFEED])
    if feedback == "direct":
        n_outputs = int(np.prod(parameters.shapes[-1]))
        sizes = [int(np.prod(parameters.shapes[i + 1])) for i in weighted[:-1]]
        return [
            rng.normal(0, np.sqrt(2 / (n + n_outputs)), (n_outputs, n)).astype("f4") for n in sizes
        ]
    drawn = type(parameters).random(
        parameters.input_shape, parameters.layers, parameters.neuron, seed=rng.integers(2**31)
    )
    return [drawn.weights[i] for i in weighted[1:]]
