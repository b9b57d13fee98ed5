"""What the Nodes of a predictive-coding network work out: pure functions of currents and errors."""

import numpy as np
from nengo.exceptions import ValidationError

from .parameters import is_at_least_0

LOSSES = ("cross-entropy", "squared-error", "rectified")


def softmax(x):
    """Softmax of a vector, shape ``(n,)``."""
    y = np.exp(x - np.max(x))
    return y / y.sum()


class GatedFeedback:
    """What a hidden layer's error relaxes to: ``g(x) * feedback / precision``.

    Parameters
    ----------
    gate : callable
        ``g``, from currents ``(n_units,)`` to ``(n_units,)``.
    precision : float
        Of the layer.
    """

    xla_module = "nengo_pc.learning.compiled"

    def __init__(self, gate, precision=1.0):
        self.gate = gate
        self.precision = precision

    def __call__(self, t, x):
        """From ``(2 n_units,)``, currents and then feedback, to ``(n_units,)``."""
        current, feedback = np.split(x, 2)
        return self.gate(current) * feedback / self.precision


class OutputError:
    """The error of the output layer: ``clamp * (target - f(prediction))``.

    ``f`` is the softmax for cross-entropy and the identity for the squared error, so that this is
    minus the slope of the loss. For ``rectified``, ``f`` is ``max(u, 0)``: what spikes could say of
    the prediction, without a sum over the other outputs as the softmax needs; a prediction below a
    target of 0 is then no error. A clamp of 0 releases the output, 1 clamps it, and small values
    of either sign nudge it: Scellier & Bengio 2017, https://arxiv.org/abs/1602.05179.

    With a margin m, an error e becomes ``sign(e) max(|e| - m, 0)``: predictions that are near
    enough are no error. Minus the slope of the squared ε-insensitive loss of support vector
    regression (Drucker et al. 1997), which a threshold of the neurons that compare would give.

    Parameters
    ----------
    loss : {"cross-entropy", "squared-error", "rectified"}
    margin : float
        In units of the output, at least 0.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is no such loss, or the margin is not such a number.
    """

    xla_module = "nengo_pc.learning.compiled"

    def __init__(self, loss, margin=0.0):
        if loss not in LOSSES:
            raise ValidationError(f"must be one of {', '.join(LOSSES)}, got {loss!r}", "loss")
        if not is_at_least_0(margin):
            raise ValidationError(f"must be a number of at least 0, got {margin!r}", "margin")
        self.loss = loss
        self.margin = float(margin)

    def __call__(self, t, x):
        """From ``(2 n_outputs + 1,)``, prediction, target and clamp, to ``(n_outputs,)``."""
        prediction, target = np.split(x[:-1], 2)
        error = x[-1] * (target - self.answer(prediction))
        return error - np.clip(error, -self.margin, self.margin) if self.margin else error

    def answer(self, prediction):
        """``f``, from ``(n_outputs,)`` to the same."""
        if self.loss == "rectified":
            return np.maximum(prediction, 0)
        return softmax(prediction) if self.loss == "cross-entropy" else prediction
