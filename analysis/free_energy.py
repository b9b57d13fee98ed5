"""Variational free energy of predictive coding, term by term, and its minimum in linear networks.

Layer l of a network is a Gaussian population ``x_l ~ N(u_l, 1/pi_l)`` about its prediction
``u_l = W_l r(x_{l-1}) + b_l``, with ``n_l`` units, all of precision (inverse variance) ``pi_l``.
"""

import math
import numbers
from dataclasses import dataclass

import numpy as np
from nengo.exceptions import ValidationError


@dataclass(frozen=True, eq=False)
class LayerTerms:
    """What one layer adds to the free energy, in nats.

    Attributes
    ----------
    error : ndarray, shape (n,)
        ``pi_l/2 |e_l|²`` of each item: the only term that values and weights can change.
    log_precision : float
        ``-n_l/2 log pi_l``: what keeps a precision that learns from falling to 0.
    constant : float
        ``n_l/2 log 2 pi``, with the number pi.
    """

    error: np.ndarray
    log_precision: float
    constant: float

    @property
    def total(self):
        """The sum of the three, shape (n,)."""
        return self.error + self.log_precision + self.constant


@dataclass(frozen=True, eq=False)
class FreeEnergy:
    """Free energy of a network, in nats.

    Attributes
    ----------
    layers : tuple of LayerTerms
        One per layer 1 to L.
    """

    layers: tuple

    @property
    def error(self):
        """``Σ_l pi_l/2 |e_l|²``, shape (n,): what the values descend."""
        return sum(layer.error for layer in self.layers)

    @property
    def total(self):
        """All terms of all layers, shape (n,)."""
        return sum(layer.total for layer in self.layers)


def free_energy(errors, precision=None):
    """Free energy of Gaussian layers from their errors.

    ::

        F(x) = -log p(x_1, ..., x_L | x_0)
             = Σ_l  pi_l/2 |x_l - u_l|²  -  n_l/2 log pi_l  +  n_l/2 log 2 pi

    with ``x_L`` the target where it is clamped. This is the variational free energy
    ``<log q - log p>_q`` of a point estimate, q a delta at the values x, without the entropy of q,
    which does not depend on x [1]_, [2]_. Without its last two terms it is the energy of
    predictive coding [3]_. With Friston's Laplace approximation q is a Gaussian at the minimum
    of F, and ``½ log det H - d/2 log 2 pi`` is added, H being the curvature of F there and d the
    number of hidden units [1]_; see `linear_equilibrium`, where that is exact. An output that is
    trained with cross-entropy is not Gaussian and has no place here.

    Parameters
    ----------
    errors : sequence of array_like, each of shape (n, ...)
        ``e_l = x_l - u_l`` of layers 1 to L, not weighted by precision.
    precision : sequence of float, optional
        One per layer; 1 by default.

    Returns
    -------
    FreeEnergy

    Raises
    ------
    nengo.exceptions.ValidationError
        If layers differ in their number of items, errors are not finite, or a precision is not
        positive.

    References
    ----------
    .. [1] K. Friston (2005), A theory of cortical responses, Phil. Trans. R. Soc. B 360, 815-836.
       https://doi.org/10.1098/rstb.2005.1622
    .. [2] R. Bogacz (2017), A tutorial on the free-energy framework for modelling perception and
       learning, J. Math. Psychol. 76, 198-211. https://doi.org/10.1016/j.jmp.2015.11.003
    .. [3] R. Rao, D. Ballard (1999), Predictive coding in the visual cortex, Nat. Neurosci. 2,
       79-87. https://doi.org/10.1038/4580

    Examples
    --------
    >>> from nengo_pc.analysis.free_energy import free_energy
    >>> energy = free_energy([[[3.0, 4.0]]], precision=[2.0])
    >>> energy.error
    array([25.])
    >>> energy.layers[0].log_precision, energy.layers[0].constant
    (-0.6931471805599453, 1.8378770664093453)
    """
    errors = [np.asarray(e, dtype=float) for e in errors]
    if not errors or errors[0].ndim < 2:
        raise ValidationError(
            "must be arrays of shape (n, units), one or more, got "
            f"{[e.shape for e in errors] or 'none'}",
            "errors",
        )
    if any(e.ndim < 2 or len(e) != len(errors[0]) for e in errors):
        raise ValidationError(
            f"must have the same number of items, got shapes {[e.shape for e in errors]}", "errors"
        )
    if not all(np.isfinite(e).all() for e in errors):
        raise ValidationError("must be finite, got NaN or infinity", "errors")
    layers = []
    for e, pi in zip(errors, _precision(precision, len(errors))):
        flat = e.reshape(len(e), -1)
        units = flat.shape[1]
        layers.append(
            LayerTerms(
                error=pi / 2 * np.sum(flat**2, axis=1),
                log_precision=-units / 2 * math.log(pi),
                constant=units / 2 * math.log(2 * math.pi),
            )
        )
    return FreeEnergy(tuple(layers))


@dataclass(frozen=True, eq=False)
class LinearEquilibrium:
    """Where the values of a linear network come to rest.

    Attributes
    ----------
    values : list of ndarray, each of shape (n, n_l)
        ``x_l`` of the hidden layers 1 to L - 1.
    errors : list of ndarray, each of shape (n, n_l)
        ``e_l = x_l - u_l`` of layers 1 to L, not weighted by precision.
    prediction : ndarray, shape (n, n_L)
        The feed-forward output.
    covariance : ndarray, shape (n_L, n_L)
        S, the covariance of the target about that output.
    energy : ndarray, shape (n,)
        ``Σ_l pi_l/2 |e_l|²`` of each item.
    surprise : ndarray, shape (n,)
        ``-log p(y | x_0)`` in nats.
    """

    values: list
    errors: list
    prediction: np.ndarray
    covariance: np.ndarray
    energy: np.ndarray
    surprise: np.ndarray


def linear_equilibrium(weights, biases, x, y, precision=None):
    """Equilibrium of a deep linear network with input and output clamped, in closed form.

    The model ``x_l = W_l x_{l-1} + b_l + noise_l``, with variance ``1/pi_l`` of the noise, gives
    the output the mean ``yhat`` of the feed-forward pass and the covariance ::

        S = I/pi_L + Σ_{l=2}^{L} P_l P_lᵀ / pi_{l-1} ,   P_l = W_L W_{L-1} ... W_l

    Conditioned on the target y, each layer's noise has the mean ::

        e_l = P_{l+1}ᵀ S⁻¹ (y - yhat) / pi_l ,   P_{L+1} = I

    from which the values follow upwards, and the energy, which is quadratic, has its minimum ::

        F* = ½ (y - yhat)ᵀ S⁻¹ (y - yhat)

    With unit precision this is the result of [1]_, whose authors use it in their package jpc.
    ``-log p(y | x_0) = F* + ½ log det S + n_L/2 log 2 pi``; with all terms of `free_energy` and
    those of Laplace's approximation it is what F is at the minimum.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (n_l, n_{l-1})
        ``W_l`` of layers 1 to L.
    biases : sequence of array_like, each of shape (n_l,)
        ``b_l`` of layers 1 to L.
    x : array_like, shape (n, n_0)
        Inputs.
    y : array_like, shape (n, n_L)
        Targets.
    precision : sequence of float, optional
        One per layer 1 to L; 1 by default.

    Returns
    -------
    LinearEquilibrium

    Raises
    ------
    nengo.exceptions.ValidationError
        If shapes do not fit together or a precision is not positive.

    References
    ----------
    .. [1] F. Innocenti et al. (2024), Only strict saddles in the energy landscape of predictive
       coding networks? https://arxiv.org/abs/2408.11979
    """
    weights = [np.asarray(w, dtype=float) for w in weights]
    biases = [np.asarray(b, dtype=float) for b in biases]
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    _check_shapes(weights, biases, x, y)
    precision = _precision(precision, len(weights))

    prediction = x
    for w, b in zip(weights, biases):
        prediction = prediction @ w.T + b

    # above[l] is P_{l+1}, so that the last is the identity.
    above = [np.eye(y.shape[1])]
    for w in reversed(weights[1:]):
        above.insert(0, above[0] @ w)
    covariance = sum(p @ p.T / pi for p, pi in zip(above, precision))
    difference = y - prediction
    pull = np.linalg.solve(covariance, difference.T).T  # S⁻¹ (y - yhat)

    errors = [pull @ p / pi for p, pi in zip(above, precision)]
    values, a = [], x
    for w, b, e in zip(weights[:-1], biases[:-1], errors[:-1]):
        a = a @ w.T + b + e
        values.append(a)
    energy = np.sum(difference * pull, axis=1) / 2
    _, log_det = np.linalg.slogdet(2 * math.pi * covariance)
    return LinearEquilibrium(values, errors, prediction, covariance, energy, energy + log_det / 2)


def _precision(precision, n_layers):
    """One precision per layer, checked."""
    if precision is None:
        return [1.0] * n_layers
    precision = list(precision)
    fits = all(isinstance(p, numbers.Real) and 0 < p < math.inf for p in precision)
    if not fits or len(precision) != n_layers:
        raise ValidationError(
            f"must be one positive number per layer ({n_layers}), got {precision}", "precision"
        )
    return [float(p) for p in precision]


def _check_shapes(weights, biases, x, y):
    """Refuse arrays that are not those of one network."""
    if not weights:
        raise ValidationError("must be one matrix per layer, got none", "weights")
    if x.ndim != 2:
        raise ValidationError(f"must have shape (n, n_inputs), got {x.shape}", "x")
    below = x.shape[1]
    for index, w in enumerate(weights, start=1):
        if w.ndim != 2 or w.shape[1] != below:
            raise ValidationError(
                f"of layer {index} must have shape (units, {below}), got {w.shape}", "weights"
            )
        below = w.shape[0]
    wanted = [(len(w),) for w in weights]
    if [b.shape for b in biases] != wanted:
        raise ValidationError(
            f"must have the shapes {wanted}, got {[b.shape for b in biases]}", "biases"
        )
    if y.shape != (len(x), below):
        raise ValidationError(f"must have shape {(len(x), below)}, got {y.shape}", "y")
