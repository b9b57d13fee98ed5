"""What the models are shown: digits one after another, and parameters that were trained before."""

from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc.networks import Parameters
from nengo_pc.networks.parameters import is_positive

from .svg import drawing, picture, text

TRAINED = Path(__file__).parent / "trained"


def trained(name):
    """The parameters in ``models/trained/<name>.npz``."""
    return Parameters.load(TRAINED / f"{name}.npz")


def receiving(node):
    """The same Node, made to pass on what is connected to it, in place of constant values."""
    node.size_in, node.size_out, node.output = node.size_out, None, None
    return node


def presentation(t, presentation_time):
    """Number of the presentation that time t in s lies in: a step belongs to what it ends in.

    The first is 0, and so is what Nengo asks for at t = 0.
    """
    return max(0, int(np.ceil(t / presentation_time - 1e-6)) - 1)


def within(t, presentation_time):
    """Time in s from the start of a presentation to the end of the step that ends at time t."""
    return t - presentation(t, presentation_time) * presentation_time


def _check_time(presentation_time):
    if not is_positive(presentation_time):
        raise ValidationError(
            f"must be a positive time in s, got {presentation_time!r}", "presentation_time"
        )


class InTurn:
    """A Node's output: the classes of images, one after another, endlessly.

    Parameters
    ----------
    split : nengo_pc.datasets.Split
    presentation_time : float
        Of an image, in s.
    """

    def __init__(self, split, presentation_time):
        _check_time(presentation_time)
        self.labels = split.labels
        self.presentation_time = presentation_time

    def __call__(self, t):
        """The class at time t in s."""
        return self.labels[presentation(t, self.presentation_time) % len(self.labels)]


class Digits:
    """A Node's output and display: with every presentation the next image of a class.

    The class is the Node's input. Asked for the classes that `InTurn` gives, it shows the images in
    their order.

    Parameters
    ----------
    split : nengo_pc.datasets.Split
        With an image of every class.
    presentation_time : float
        Of an image, in s.
    n_classes : int

    Attributes
    ----------
    size_out : int
        The pixels of an image, and then its class, one-hot.
    image : ndarray
        That is shown, ``(height, width)``.
    label : int
        Its class.
    """

    def __init__(self, split, presentation_time, n_classes=10):
        _check_time(presentation_time)
        counts = np.bincount(split.labels, minlength=n_classes)
        if len(counts) > n_classes or not counts.all():
            raise ValidationError(
                f"must have images of each of {n_classes} classes, has {counts.tolist()}", "split"
            )
        self.presentation_time = presentation_time
        self.of_class = [split.images[split.labels == label] for label in range(n_classes)]
        self.n_pixels = int(np.prod(split.images.shape[1:]))
        self.size_out = self.n_pixels + n_classes
        self._begin()

    def _begin(self):
        self.n_shown = np.zeros(len(self.of_class), dtype=int)
        self.now, self.last_t, self._nengo_html_ = None, 0.0, ""

    def __call__(self, t, wanted):
        """What is shown at time t in s, where class ``wanted[0]`` is asked for, rounded."""
        if t < self.last_t:  # the simulator was started anew
            self._begin()
        self.last_t = t
        if self.now != presentation(t, self.presentation_time):
            self.now = presentation(t, self.presentation_time)
            self._show(int(np.clip(np.round(wanted[0]), 0, len(self.of_class) - 1)))
        return self.shown

    def _show(self, label):
        images = self.of_class[label]
        image = images[self.n_shown[label] % len(images)]
        self.n_shown[label] += 1
        self.image, self.label = image[..., 0], label
        self._nengo_html_ = drawing(
            picture(self.image, 12, 10, 76) + text(50, 97, f"this is a {label}", 9)
        )
        self.shown = np.concatenate([image.ravel(), np.eye(len(self.of_class))[label]])
