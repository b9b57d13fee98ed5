"""How much the layers of a network fire."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LayerRates:
    """Firing of one layer over a set of images.

    Attributes
    ----------
    mean_hz : float
        Mean rate over neurons and images, in Hz.
    max_hz : float
        Rate of the busiest neuron, each neuron taken as its mean over images, in Hz.
    dead_fraction : float
        Share of neurons that fired for no image.
    active_fraction : float
        Share of neurons that fired during a presentation, averaged over images.
    silent : bool
        True if no neuron fired for any image.
    """

    mean_hz: float
    max_hz: float
    dead_fraction: float
    active_fraction: float
    silent: bool


def layer_rates(rates):
    """Describe the firing of one layer.

    Parameters
    ----------
    rates : array_like, shape (n_images, n_neurons)
        Each neuron's mean rate during one presentation, in Hz.

    Returns
    -------
    LayerRates
        Mean and largest rate, dead and active share.

    Raises
    ------
    ValueError
        If ``rates`` is not a matrix of finite rates >= 0.
    """
    rates = _check_rates(rates)
    fired = rates > 0
    ever_fired = fired.any(axis=0)
    return LayerRates(
        mean_hz=float(rates.mean()),
        max_hz=float(rates.mean(axis=0).max()),
        dead_fraction=float(1 - ever_fired.mean()),
        active_fraction=float(fired.mean()),
        silent=not ever_fired.any(),
    )


def spikes_per_image(rates, presentation_time):
    """Count the spikes that a layer spends on each image.

    Parameters
    ----------
    rates : array_like, shape (n_images, n_neurons)
        Each neuron's mean rate during one presentation, in Hz.
    presentation_time : float
        Length of the presentation, in seconds.

    Returns
    -------
    numpy.ndarray, shape (n_images,)
        Spikes of the whole layer.

    Raises
    ------
    ValueError
        If ``rates`` is not a matrix of finite rates >= 0, or the time is not positive.
    """
    rates = _check_rates(rates)
    if not presentation_time > 0:
        raise ValueError(
            f"presentation_time is {presentation_time}; wanted a positive time in seconds"
        )
    return rates.sum(axis=1) * presentation_time


def _check_rates(rates):
    """Give ``rates`` as a float matrix, or refuse it."""
    rates = np.asarray(rates, dtype=float)
    if rates.ndim != 2 or rates.size == 0:
        raise ValueError(f"rates has shape {rates.shape}; wanted (n_images, n_neurons), none zero")
    if not (np.isfinite(rates) & (rates >= 0)).all():
        raise ValueError("rates holds values that are negative or not finite; wanted Hz >= 0")
    return rates
