"""Where the elements of a signal lie in the signal that it is a view of."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """Elements of a flattened base signal.

    Attributes
    ----------
    start, stop : int
        The range they lie in.
    index : ndarray or None
        Their places in order, where they are not all of that range in order.
    """

    start: int
    stop: int
    index: np.ndarray | None = None

    @property
    def is_range(self):
        """Whether these are all elements from ``start`` to ``stop``, in order."""
        return self.index is None


def view_of(signal):
    """The `View` that a `nengo.builder.Signal` is of its base."""
    if signal.sparse or signal.base is signal:
        return View(0, signal.size)
    places = np.zeros(signal.shape, dtype=np.int64) + signal.elemoffset
    for axis, stride in enumerate(signal.elemstrides):
        shape = [1] * signal.ndim
        shape[axis] = -1
        places = places + stride * np.arange(signal.shape[axis]).reshape(shape)
    places = places.ravel()
    if places.size == 0:
        return View(0, 0)
    start, stop = int(places[0]), int(places[0]) + places.size
    if np.array_equal(places, np.arange(start, stop)):
        return View(start, stop)
    return View(int(places.min()), int(places.max()) + 1, places)
