"""What every backend offers, and what they share."""

import contextlib
import warnings
from abc import ABC, abstractmethod

import numpy as np
from nengo.builder.neurons import SimNeurons
from nengo.config import ClassParams
from nengo.exceptions import ValidationError

KEEP = ("all", "last", "mean")


class Backend(ABC):
    """One way to run a Nengo network.

    A backend with something to substitute does so while it builds, leaves the network as it was,
    and says so in the simulator's ``substitutions``: a tuple of sentences.

    Attributes
    ----------
    compile_seconds : float
        What compiling took in `runs`.
    """

    name: str
    substitutions = ()
    compile_seconds = 0.0

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
        # nengo-loihi marks unset delays of its integer state with NaN.
        warnings.filterwarnings("ignore", message="invalid value encountered in cast")
        yield


@contextlib.contextmanager
def same_settings(network):
    """Take back, after the block, settings that a backend's package adds to ``network.config``."""
    # A setting is a Parameter object that holds its values, so the old objects bring back both.
    before = {params: dict(params._extra_params) for params in _class_settings(network)}
    try:
        yield
    finally:
        for params in _class_settings(network):
            params._extra_params = before.get(params, {})


def _class_settings(network):
    return [p for p in network.config.params.values() if isinstance(p, ClassParams)]


def restart(simulator, seed):
    """Bring a `nengo.Simulator` back to its first step, everything random drawn from ``seed``.

    ``reset(seed)`` leaves alone the random streams of stochastic neurons, such as Poisson ones,
    which Nengo makes once, while building.
    """
    simulator.reset(seed=seed)
    neurons = [op for op in simulator.model.operators if isinstance(op, SimNeurons)]
    seed_streams([op.state_extra["rng"] for op in neurons if "rng" in op.state_extra], seed)


def seed_streams(streams, seed):
    """Seed the random streams of stochastic neurons, each with a seed of its own."""
    for stream, child in zip(streams, np.random.SeedSequence(seed).spawn(len(streams))):
        stream.seed(child.generate_state(1)[0])


class HeldInput:
    """A Node output that is whatever was put into ``value``."""

    def __init__(self, value):
        self.value = value

    def __call__(self, t):
        """The value held, at any time."""
        return self.value


def check_keep(keep, probes):
    """How much to keep of each probe, as a dict.

    Raises
    ------
    nengo.exceptions.ValidationError
        If it names a probe that is not among ``probes``, or something else than `KEEP`.
    """
    if not isinstance(keep, dict):
        keep = dict.fromkeys(probes, keep)
    for probe, how in keep.items():
        if probe not in probes:
            raise ValidationError(f"{probe} is not a probe of this network", "keep")
        if how not in KEEP:
            raise ValidationError(f"must be one of {', '.join(KEEP)}, got {how!r}", "keep")
    return keep


def minibatch_size(given, default, n_images):
    """How many images to show at a time.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the size given is not a positive int.
    """
    size = default if given is None else given
    if isinstance(size, bool) or int(size) != size or size < 1:
        raise ValidationError(f"must be a positive int, got {size!r}", "batch_size")
    return min(int(size), n_images)


def minibatches(images, size):
    """The number of the first image of each minibatch, and the images."""
    for first in range(0, len(images), size):
        yield first, images[first : first + size]


def reduced(history, keep):
    """One presentation's ``(n_steps, size)`` history, as asked for."""
    if keep == "all":
        return history
    return history[-1] if keep == "last" else history.mean(axis=0)
