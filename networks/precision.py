"""Errors divided by how large they usually are: precision that follows the errors."""

import numbers
from dataclasses import dataclass

import numpy as np
from nengo.exceptions import ValidationError

from .parameters import is_positive

# Added to a mean square before its root is divided by: nothing beside errors that matter.
TINY = 1e-8


@dataclass(frozen=True)
class AdaptivePrecision:
    """Divide a layer's errors by their running root mean square.

    ``ε = e / sqrt(v)``, clipped to ``[-bound, bound]``, with ``tau dv/dt = mean(e²) - v`` over the
    units of a layer. In predictive coding errors are weighted by the inverse of a variance that is
    learned; here by its root, so that errors of all layers have the size that spikes carry best,
    whatever the weights are. As a circuit it is divisive normalisation, Carandini & Heeger 2012,
    https://doi.org/10.1038/nrn3136: v is what one inhibitory neuron sees of a layer.

    Parameters
    ----------
    tau : float
        Time constant of v in s.
    initial : float
        v at the start. Larger than that of the first errors, it makes for small first steps.
    bound : float
        Largest ε.
    """

    tau: float = 10.0
    initial: float = 0.2
    bound: float = 10.0

    def __post_init__(self):
        for name in ("tau", "initial", "bound"):
            value = getattr(self, name)
            if not is_positive(value):
                raise ValidationError(f"must be a positive number, got {value!r}", name, self)


class ExcessPower:
    """``mean(e²) - initial``: filtered, it is how far v is from where it started.

    Synapses start at 0, so what is filtered is the difference.
    """

    xla_module = "nengo_pc.learning.compiled"

    def __init__(self, initial):
        self.initial = initial

    def __call__(self, t, x):
        """From errors ``(n,)`` to ``(1,)``."""
        return np.mean(x**2, keepdims=True) - self.initial


class DividedError:
    """``e / sqrt(v)``, clipped.

    Parameters
    ----------
    adaptive : AdaptivePrecision
    """

    xla_module = "nengo_pc.learning.compiled"

    def __init__(self, adaptive):
        self.adaptive = adaptive

    def __call__(self, t, x):
        """From ``(n + 1,)``, errors and filtered `ExcessPower`, to ``(n,)``."""
        adaptive = self.adaptive
        power = max(x[-1] + adaptive.initial, 0.0)
        return np.clip(x[:-1] / np.sqrt(power + TINY), -adaptive.bound, adaptive.bound)


def precisions(precision, n_layers):
    """What weights the errors of each layer of weights: numbers, or the same `AdaptivePrecision`.

    Raises
    ------
    nengo.exceptions.ValidationError
        If ``precision`` is neither None, such an object, a positive number, nor one per layer.
    """
    if isinstance(precision, AdaptivePrecision):
        return [precision] * n_layers
    if precision is None or isinstance(precision, numbers.Real):
        precision = [1.0 if precision is None else precision] * n_layers
    if np.ndim(precision) != 1 or len(precision) != n_layers:
        raise ValidationError(
            f"must be one number, or one for each of {n_layers} layers, or an AdaptivePrecision, "
            f"got {precision!r}",
            "precision",
        )
    if not all(is_positive(p) for p in precision):
        raise ValidationError(f"must be positive numbers, got {precision!r}", "precision")
    return [float(p) for p in precision]
