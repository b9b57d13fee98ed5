"""Two methods compared over the same seeds: differences within pairs, and what they tell."""

import math
import statistics
from dataclasses import dataclass

from scipy.special import stdtrit

CONFIDENCE = 0.95


@dataclass(frozen=True)
class MeanInterval:
    """A mean and, where there is more than one value, an interval for what it estimates.

    Attributes
    ----------
    mean : float
    sd : float or None
        Standard deviation of the values (n - 1); None for one value.
    low, high : float or None
        Ends of the interval; None for one value, which tells nothing of spread.
    n : int
        Number of values.
    """

    mean: float
    sd: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def excludes_zero(self):
        """Whether zero is outside the interval: False where there is none."""
        return self.low is not None and not self.low <= 0 <= self.high


def mean_interval(values, confidence=CONFIDENCE):
    """Give the mean of a sample and Student's t interval for it.

    Parameters
    ----------
    values : sequence of float
        Independent, and taken as normal.
    confidence : float
        Of the interval, between 0 and 1.

    Returns
    -------
    MeanInterval

    Raises
    ------
    ValueError
        If there are no values, one is not finite, or ``confidence`` is not between 0 and 1.

    References
    ----------
    Student (1908), The probable error of a mean, Biometrika 6, 1-25.
    https://doi.org/10.1093/biomet/6.1.1
    """
    values = [float(value) for value in values]
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f"values are {values}; wanted one or more finite numbers")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; wanted a number between 0 and 1")
    n, mean = len(values), statistics.fmean(values)
    if n == 1:
        return MeanInterval(mean, None, None, None, 1)
    sd = statistics.stdev(values)
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * sd / math.sqrt(n)
    return MeanInterval(mean, sd, mean - half, mean + half, n)


def paired_difference(ours, theirs, confidence=CONFIDENCE):
    """Give the mean difference within pairs, and its t interval.

    What pairs share, such as the start and the order of images that follow from a seed, falls
    out of the difference, which two separate means would not show.

    Parameters
    ----------
    ours, theirs : dict of hashable to float
        Values by what makes the pair, such as the seed. Those that only one has are left out.
    confidence : float

    Returns
    -------
    MeanInterval or None
        Of ours less theirs; None if they have no pair.

    Raises
    ------
    ValueError
        As `mean_interval`.
    """
    shared = [key for key in ours if key in theirs]
    if not shared:
        return None
    return mean_interval([ours[key] - theirs[key] for key in shared], confidence)
