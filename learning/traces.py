"""What a learning rule is told of activity and of time: filters and schedules."""

from dataclasses import dataclass

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc.networks.parameters import is_positive


def covariance_trace(tau=0.005, tau_mean=2.0, tau_lag=0.0):
    """A presynaptic trace without its own running mean: a band-pass synapse.

    Low-pass of time constant ``tau``, minus the low-pass of that with ``tau_mean``: in all
    ``tau_mean p / ((tau p + 1) (tau_mean p + 1))``, and over ``tau_lag p + 1``. As ``pre_synapse``
    of a Hebbian rule it makes weights follow the covariance of error and activity (Sejnowski 1977,
    https://doi.org/10.1007/BF00275079): an error that is there all the time then does not move
    every weight along the mean activities, which in networks of neurons without negative rates
    would be the fastest direction of all.

    An error comes later than the activity that it is about, by the lags of the loop that it came
    through. ``tau_lag`` makes the trace wait for it (an eligibility trace), so that activities of
    one image do not meet the errors of the image before.

    Parameters
    ----------
    tau, tau_mean : float
        In s; ``tau_mean`` must be above ``tau``.
    tau_lag : float
        Time constant in s of a second low-pass; 0: none.

    Returns
    -------
    nengo.LinearFilter

    Raises
    ------
    nengo.exceptions.ValidationError
        If they are not as described.
    """
    if not is_positive(tau):
        raise ValidationError(f"must be a positive time constant in s, got {tau!r}", "tau")
    if not is_positive(tau_mean) or tau_mean <= tau:
        raise ValidationError(
            f"must be a time constant in s above tau, {tau} s, got {tau_mean!r}", "tau_mean"
        )
    if tau_lag and not is_positive(tau_lag):
        raise ValidationError(f"must be a time constant in s or 0, got {tau_lag!r}", "tau_lag")
    poles = np.polymul([tau, 1], [tau_mean, 1])
    return nengo.LinearFilter([tau_mean, 0], np.polymul(poles, [tau_lag, 1]) if tau_lag else poles)


@dataclass(frozen=True)
class FallingRate:
    """A learning rate that falls linearly to 0.

    Parameters
    ----------
    initial : float
        Rate at the start, per second.
    duration : float
        Time in s at which it is 0, and from which it stays so.
    """

    initial: float
    duration: float

    def __post_init__(self):
        for name in ("initial", "duration"):
            value = getattr(self, name)
            if not is_positive(value):
                raise ValidationError(f"must be a positive number, got {value!r}", name, self)

    def __call__(self, t):
        """Rate at time t in s."""
        return self.initial * max(0.0, 1.0 - float(t) / self.duration)
