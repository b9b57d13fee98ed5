"""How well a classifier answers: accuracy, its interval, its course in time, its confusions."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np


@dataclass(frozen=True)
class Accuracy:
    """A count of right answers with its Wilson interval.

    Attributes
    ----------
    correct, total : int
        Images classified rightly, and images scored.
    fraction : float
        ``correct / total``.
    low, high : float
        Ends of the 95 % interval of :func:`wilson_interval`, as fractions.
    """

    correct: int
    total: int
    fraction: float
    low: float
    high: float


def predictions_over_time(outputs):
    """Give the class answered at each step, if the presentation were to stop there.

    The answer is the largest running mean of the output since the start of the presentation.
    As long as several classes tie (before the first spike arrives, all do), it is the lowest.

    Parameters
    ----------
    outputs : array_like, shape (n_images, n_steps, n_classes)
        Network output at each time step of each presentation, any unit.

    Returns
    -------
    numpy.ndarray of int64, shape (n_images, n_steps)
        Predicted classes.

    Raises
    ------
    ValueError
        If ``outputs`` has another number of axes, an empty one, or values that are not finite.
    """
    outputs = np.asarray(outputs)
    if outputs.ndim != 3 or outputs.size == 0:
        raise ValueError(
            f"outputs has shape {outputs.shape}; wanted (n_images, n_steps, n_classes), none zero"
        )
    if not np.isfinite(outputs).all():
        raise ValueError("outputs holds NaN or infinity; wanted finite values")
    n_images, n_steps, n_classes = outputs.shape
    # Step by step rather than by cumsum: a whole test set's running sum is a second copy of it.
    total = np.zeros((n_images, n_classes))
    predictions = np.empty((n_images, n_steps), dtype=np.int64)
    for step in range(n_steps):
        total += outputs[:, step]
        predictions[:, step] = total.argmax(axis=1)
    return predictions


def accuracy_over_time(outputs, labels):
    """Give the accuracy that a presentation cut short at each step would have had.

    Parameters
    ----------
    outputs : array_like, shape (n_images, n_steps, n_classes)
        Network output; see :func:`predictions_over_time`.
    labels : array_like of int, shape (n_images,)
        True classes.

    Returns
    -------
    numpy.ndarray, shape (n_steps,)
        Fraction of images classified rightly; the last is the accuracy of the presentation.

    Raises
    ------
    ValueError
        If ``outputs`` is refused by :func:`predictions_over_time` or ``labels`` does not fit it.
    """
    predictions = predictions_over_time(outputs)
    labels = np.asarray(labels)
    if labels.shape != predictions.shape[:1]:
        raise ValueError(f"labels has shape {labels.shape}; wanted {predictions.shape[:1]}")
    return (predictions == labels[:, np.newaxis]).mean(axis=0)


def wilson_interval(correct, total, confidence=0.95):
    """Give the score interval of a binomial proportion (Wilson 1927).

    It keeps near its nominal coverage close to 0 and 1, where accuracies on MNIST lie and where
    the textbook interval ``p +- z sqrt(p (1 - p) / n)`` is too narrow.

    Parameters
    ----------
    correct, total : int
        Successes and trials, ``0 <= correct <= total`` and ``total >= 1``.
    confidence : float
        Two-sided confidence level, in (0, 1).

    Returns
    -------
    low, high : float
        Ends of the interval; ``low`` is exactly 0 for no success, ``high`` exactly 1 for all.

    Raises
    ------
    ValueError
        If the counts or the confidence are out of range.

    References
    ----------
    E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference,
    JASA 22, 209-212. https://doi.org/10.1080/01621459.1927.10502953
    """
    if total < 1:
        raise ValueError(f"total is {total}; wanted at least one trial")
    if not 0 <= correct <= total:
        raise ValueError(f"correct is {correct}; wanted 0 to total ({total})")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; wanted a level between 0 and 1")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = correct / total
    scale = 1 + z**2 / total
    centre = (share + z**2 / (2 * total)) / scale
    half = z / scale * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    # The closed form gives the two exact ends only up to rounding.
    low = 0.0 if correct == 0 else float(centre - half)
    high = 1.0 if correct == total else float(centre + half)
    return low, high


def accuracy(predictions, labels):
    """Count right answers.

    Parameters
    ----------
    predictions, labels : array_like of int, shape (n_images,)
        Answered and true classes.

    Returns
    -------
    Accuracy
        The counts, the fraction and its 95 % Wilson interval.

    Raises
    ------
    ValueError
        If the two differ in shape, are not one-dimensional, or are empty.
    """
    predictions, labels = _pair(predictions, labels)
    correct, total = int((predictions == labels).sum()), len(labels)
    return Accuracy(correct, total, correct / total, *wilson_interval(correct, total))


def time_to_fraction(accuracy, dt, fraction=0.99):
    """Give the first time from which accuracy stays near its final value.

    Parameters
    ----------
    accuracy : array_like, shape (n_steps,)
        Accuracy after each step; see :func:`accuracy_over_time`.
    dt : float
        Time step, in seconds. Step ``i`` ends at ``(i + 1) * dt``.
    fraction : float
        Share of the final accuracy that must be held from that time on, in (0, 1].

    Returns
    -------
    float
        Time since the start of the presentation, in seconds.

    Raises
    ------
    ValueError
        If ``accuracy`` is not a finite series, or ``dt`` or ``fraction`` is out of range.
    """
    accuracy = np.asarray(accuracy, dtype=float)
    if accuracy.ndim != 1 or accuracy.size == 0 or not np.isfinite(accuracy).all():
        raise ValueError(
            f"accuracy has shape {accuracy.shape}; wanted a finite series of shape (n_steps,)"
        )
    if not dt > 0:
        raise ValueError(f"dt is {dt}; wanted a positive time in seconds")
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is {fraction}; wanted a share above 0 and at most 1")
    below = np.flatnonzero(accuracy < fraction * accuracy[-1])
    first_step = 0 if below.size == 0 else below[-1] + 1
    return float((first_step + 1) * dt)


def confusion_matrix(labels, predictions, n_classes):
    """Count how often each class was taken for each.

    Parameters
    ----------
    labels, predictions : array_like of int, shape (n_images,)
        True and answered classes, in ``range(n_classes)``.
    n_classes : int
        Number of classes.

    Returns
    -------
    numpy.ndarray of int64, shape (n_classes, n_classes)
        Images; rows are true classes, columns answers.

    Raises
    ------
    ValueError
        If the two differ in shape, are empty, or hold a class out of range.
    """
    labels, predictions = _pair(labels, predictions, ("labels", "predictions"))
    labels = _classes("labels", labels, n_classes)
    predictions = _classes("predictions", predictions, n_classes)
    counts = np.bincount(labels * n_classes + predictions, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def class_histogram(predictions, n_classes):
    """Count the answers of each class.

    Parameters
    ----------
    predictions : array_like of int, shape (n_images,)
        Answered (or true) classes, in ``range(n_classes)``.
    n_classes : int
        Number of classes.

    Returns
    -------
    numpy.ndarray of int64, shape (n_classes,)
        Images of each class.

    Raises
    ------
    ValueError
        If ``predictions`` is not one-dimensional or holds a class out of range.
    """
    return np.bincount(_classes("predictions", predictions, n_classes), minlength=n_classes)


def always_same_class(histogram, fraction=0.9):
    """Tell whether one class makes up nearly all answers.

    A network whose last layer is silent, or saturated, answers one class whatever it sees; its
    accuracy is then the share of that class, which can pass for a poor but working network.

    Parameters
    ----------
    histogram : array_like, shape (n_classes,)
        Answers of each class; see :func:`class_histogram`.
    fraction : float
        Share of all answers from which on a class counts as the only one, in (0, 1].

    Returns
    -------
    bool
        True if the commonest class has at least that share.

    Raises
    ------
    ValueError
        If ``histogram`` counts nothing or is not one-dimensional, or ``fraction`` is out of range.
    """
    histogram = np.asarray(histogram)
    if histogram.ndim != 1 or histogram.sum() <= 0:
        raise ValueError(
            f"histogram is {histogram.tolist()}; wanted counts of shape (n_classes,), not all zero"
        )
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is {fraction}; wanted a share above 0 and at most 1")
    return bool(histogram.max() >= fraction * histogram.sum())


def _pair(first, second, names=("predictions", "labels")):
    """Give two arrays of shape (n_images,), or refuse them."""
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 1 or first.size == 0:
        raise ValueError(
            f"{names[0]} has shape {first.shape} and {names[1]} {second.shape}; "
            "wanted the same (n_images,), not empty"
        )
    return first, second


def _classes(name, values, n_classes):
    """Give ``values`` as class indices, or refuse them."""
    values = np.asarray(values)
    if values.ndim != 1:
        raise ValueError(f"{name} has shape {values.shape}; wanted (n_images,)")
    indices = values.astype(np.int64)
    if (indices != values).any() or ((indices < 0) | (indices >= n_classes)).any():
        wrong = values[(indices != values) | (indices < 0) | (indices >= n_classes)][0]
        raise ValueError(f"{name} holds {wrong}; wanted whole classes 0 to {n_classes - 1}")
    return indices
