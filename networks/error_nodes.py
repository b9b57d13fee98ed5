"""What the Nodes of a predictive-coding network work out: pure functions of currents and errors."""

import numpy as np
from nengo.exceptions import ValidationError

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

    Parameters
    ----------
    loss : {"cross-entropy", "squared-error", "rectified"}

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is no such loss.
    """

    xla_module = "nengo_pc.learning.compiled"

    def __init__(self, loss):
        if loss not in LOSSES:
            raise ValidationError(f"must be one of {', '.join(LOSSES)}, got {loss!r}", "loss")
        self.loss = loss

    def __call__(self, t, x):
        """From ``(2 n_outputs + 1,)``, prediction, target and clamp, to ``(n_outputs,)``."""
        prediction, target = np.split(x[:-1], 2)
        return x[-1] * (target - self.answer(prediction))

    def answer(self, prediction):
        """``f``, from ``(n_outputs,)`` to the same."""
        if self.loss == "rectified":
            return np.maximum(prediction, 0)
        return softmax(prediction) if self.loss == "cross-entropy" else prediction
