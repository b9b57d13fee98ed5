"""What every backend offers, and what they share."""

import contextlib
import warnings
from abc import ABC, abstractmethod


class Backend(ABC):
    """One way to run a Nengo network.

    A backend with something to substitute does so while it builds, leaves the network as it was,
    and says so in the simulator's ``substitutions``: a tuple of sentences.
    """

    name: str
    substitutions = ()

    def check(self):  # noqa: B027, most backends need nothing
        """Import what the backend needs.

        Raises
        ------
        BackendUnavailable
            If it is not installed.
        """

    @abstractmethod
    def simulator(self, network, **options):
        """Build the backend's own simulator, with ``substitutions`` set."""

    @abstractmethod
    def runs(self, network, node, images, keep, n_steps, dt, seed, **options):
        """Show images, each from the same fresh state.

        Parameters
        ----------
        network : nengo.Network
        node : nengo.Node
            Holds the image for the whole presentation.
        images : (n_images, node.size_out) ndarray
        keep : dict of {nengo.Probe: "all", "last" or "mean"}
        n_steps : int
        dt : float
            In s.
        seed : int
            Of whatever is random in the run; image i uses its own stream.

        Yields
        ------
        dict of {nengo.Probe: ndarray}
            For one or several images, in order: shape ``(m, n_steps, size)`` for "all", else
            ``(m, size)``.
        """


@contextlib.contextmanager
def attributes(changes):
    """Set attributes of Nengo objects while the block runs.

    Parameters
    ----------
    changes : list of (object, name, value)
    """
    before = [(obj, name, getattr(obj, name)) for obj, name, _ in changes]
    try:
        for obj, name, value in changes:
            setattr(obj, name, value)
        yield
    finally:
        for obj, name, value in before:
            setattr(obj, name, value)


@contextlib.contextmanager
def quiet_build():
    """Build without warnings that concern nobody.

    Nengo works out maximum rates and intercepts of every ensemble, and warns of those that are
    not finite; ensembles connected by their neurons, with gain 1 and any bias, do not use them.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*encountered in log1p")
        warnings.filterwarnings("ignore", message="Non-finite values detected in `max_rates`")
        warnings.filterwarnings("ignore", message="No GPU support detected")
        yield


class HeldInput:
    """A Node output that is whatever was put into ``value``."""

    def __init__(self, value):
        self.value = value

    def __call__(self, t):
        """The value held, at any time."""
        return self.value


def reduced(history, keep):
    """One presentation's ``(n_steps, size)`` history, as asked for."""
    if keep == "all":
        return history
    return history[-1] if keep == "last" else history.mean(axis=0)
