"""Show images to a network, on any backend."""

import time
from dataclasses import dataclass

import nengo
import numpy as np
from nengo.exceptions import ValidationError
from tqdm import tqdm

from .base import check_keep
from .registry import get_backend


@dataclass(frozen=True)
class Presentation:
    """What was recorded while images were shown.

    Attributes
    ----------
    data : dict of {nengo.Probe: ndarray}
        ``(n_images, n_steps, size)`` for a probe kept whole, else ``(n_images, size)``.
        ``presentation[probe]`` is short for ``presentation.data[probe]``.
    backend : str
    substitutions : tuple of str
        What the backend could not do and did otherwise.
    dt : float
        In s.
    n_steps : int
    seconds : float
        Wall time, building and compiling included.
    compile_seconds : float
        Of which for compiling, where a backend compiles.
    """

    data: dict
    backend: str
    substitutions: tuple
    dt: float
    n_steps: int
    seconds: float
    compile_seconds: float = 0.0

    def __getitem__(self, probe):
        return self.data[probe]


def present(
    network,
    images,
    backend="native",
    presentation_time=0.2,
    dt=0.001,
    node=None,
    keep="all",
    seed=0,
    progress=True,
    **options,
):
    """Show images one after another, each from the same fresh state.

    Nothing is left of the image before: membranes, synapses and probes start anew. Poisson spikes
    differ from image to image and are the same again for the same seed.

    Parameters
    ----------
    network : nengo.Network
        With its probes: those are what is recorded.
    images : (n_images, ...) ndarray
        Values in [0, 1]; each is flattened and held in ``node`` for the whole presentation.
    backend : str
        One of `BACKENDS`.
    presentation_time, dt : float
        In s.
    node : nengo.Node, optional
        Where the image goes in; ``network.input`` by default.
    keep : {"all", "last", "mean"} or dict of {nengo.Probe: such}
        All steps of a probe, its last, or the mean over the presentation. With a dict, only its
        probes are recorded.
    seed : int
        Of whatever is random while running.
    progress : bool
        Show a progress bar.
    **options
        Passed to the backend; ``batch_size`` with "native", "dl" and "xla".

    Returns
    -------
    Presentation

    Raises
    ------
    nengo.exceptions.ValidationError
        If the images do not fit the node, leave [0, 1] or hold NaN, if the presentation is
        shorter than a step, or if there is nothing to record.
    BackendUnavailable
        If the backend is not installed.
    """
    backend = get_backend(backend)
    node = network.input if node is None else node
    images = _checked_images(images, node)
    n_steps = _n_steps(presentation_time, dt)
    keep = _checked_keep(network, keep)
    backend.check()
    start = time.perf_counter()
    data, done = {}, 0
    with tqdm(
        total=len(images),
        desc=f"{backend.name}, {1000 * presentation_time:g} ms an image",
        unit="image",
        disable=not progress,
        dynamic_ncols=True,
    ) as bar:
        for results in backend.runs(network, node, images, keep, n_steps, dt, seed, **options):
            for probe, values in results.items():
                if probe not in data:
                    data[probe] = np.empty((len(images), *values.shape[1:]), values.dtype)
                data[probe][done : done + len(values)] = values
            done += len(values)
            bar.update(len(values))
    return Presentation(
        data,
        backend.name,
        backend.substitutions,
        dt,
        n_steps,
        time.perf_counter() - start,
        backend.compile_seconds,
    )


def check_images(images, size=None, name="images"):
    """Images as a ``(n_images, size)`` array, or an error that says what is wrong with them."""
    try:
        images = np.asarray(images)
    except ValueError:
        raise ValidationError("must all have the same shape", name) from None
    if images.ndim < 2 or len(images) == 0:
        raise ValidationError(
            f"must be at least one image, shape (n_images, ...), got shape {images.shape}", name
        )
    if images.dtype.kind not in "biuf":
        raise ValidationError(f"must be real numbers, got {images.dtype}", name)
    images = images.reshape(len(images), -1)
    if size is not None and images.shape[1] != size:
        raise ValidationError(f"must have {size} values each, got {images.shape[1]}", name)
    if not np.all(np.isfinite(images)):
        raise ValidationError("hold NaN or infinity", name)
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise ValidationError(f"must lie in [0, 1], got [{low:g}, {high:g}]", name)
    return images


def _checked_images(images, node):
    if not isinstance(node, nengo.Node) or node.size_in != 0:
        raise ValidationError(f"must be a Node without input, got {node}", "node")
    return check_images(images, node.size_out)


def _n_steps(presentation_time, dt):
    if not dt > 0:
        raise ValidationError(f"must be positive, got {dt!r}", "dt")
    n_steps = int(np.round(presentation_time / dt)) if np.isfinite(presentation_time) else 0
    if presentation_time < dt or n_steps < 1:
        raise ValidationError(
            f"must be at least one step of {dt:g} s, got {presentation_time:g} s",
            "presentation_time",
        )
    return n_steps


def _checked_keep(network, keep):
    keep = check_keep(keep, network.all_probes)
    if not keep:
        raise ValidationError("there is no probe in the network, nothing to record", "keep")
    return keep
