"""What the audit measures: how aligned two arrays of weights are, and which slope a factor is."""

import numpy as np
from nengo.exceptions import ValidationError

# Off round numbers, where rate curves have kinks.
CURRENTS = np.linspace(-4.0, 12.0, 161) + 0.0137
TOLERANCE = 0.02  # of curves, relative


def alignment(forward_weights, feedback_weights):
    """Cosine between feedback weights and the transpose of forward weights.

    1 is backprop's weight transport up to a factor, 0 no relation: Lillicrap et al. 2020,
    https://doi.org/10.1038/s41583-020-0277-3.

    Parameters
    ----------
    forward_weights : array_like
        W, shape ``(n_above, n_below)``.
    feedback_weights : array_like
        As they carry errors down: B, shape ``(n_below, n_above)``, or ``[B, -B]`` from on/off
        pairs, shape ``(n_below, 2 n_above)``. (`nengo_pc.networks.feedback_weights` gives ``B.T``.)

    Returns
    -------
    float
        In [-1, 1]; NaN if one of them is 0.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the shapes do not fit.
    """
    forward = np.asarray(forward_weights, dtype=float)
    feedback = np.asarray(feedback_weights, dtype=float)
    if forward.ndim != 2:
        raise ValidationError(f"must be a matrix, got shape {forward.shape}", "forward_weights")
    n_above, n_below = forward.shape
    if feedback.shape == (n_below, 2 * n_above):
        feedback = (feedback[:, :n_above] - feedback[:, n_above:]) / 2
    if feedback.shape != (n_below, n_above):
        raise ValidationError(
            f"must have shape {(n_below, n_above)} or {(n_below, 2 * n_above)}, got "
            f"{feedback.shape}",
            "feedback_weights",
        )
    size = np.linalg.norm(forward) * np.linalg.norm(feedback)
    return float(np.sum(forward.T * feedback) / size) if size else float("nan")


def judge_factor(factor, slope):
    """Judge what feedback is multiplied by, at `CURRENTS`, against the activation's exact slope.

    Returns
    -------
    str, str
        Verdict and evidence.
    """
    levels = np.unique(np.round(factor, 9))
    if len(levels) == 1:
        return "yes", f"feedback is multiplied by {levels[0]:g} at every current"
    off = misfit(factor, slope)
    if len(levels) == 2:
        text = f"feedback is multiplied by {levels[0]:g} or {levels[1]:g}, which a threshold gives"
        return "yes", f"{text}; it differs from the exact slope by {off:.0%}"
    if off < TOLERANCE:
        return "no", f"feedback is multiplied by the activation's exact slope (within {off:.1%})"
    return "partly", f"feedback is multiplied by a graded factor, {off:.0%} off the exact slope"


def misfit(curve, model):
    """What of a curve is not a multiple of another, relative to the curve."""
    scale = curve @ model / (model @ model) if model.any() else 0.0
    size = np.linalg.norm(curve)
    return float(np.linalg.norm(curve - scale * model) / size) if size else 0.0
