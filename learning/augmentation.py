"""Training images changed at random, labels kept."""

import numpy as np


def shift(images, pixels, rng):
    """Move each image by up to ``pixels`` in both directions, filling with 0.

    Parameters
    ----------
    images : (n, height, width, channels) ndarray
    pixels : int
        Largest move; 0 gives the images back.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray
        Of the shape of ``images``.
    """
    if pixels == 0:
        return images
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)))
    rows, columns = rng.integers(0, 2 * pixels + 1, size=(2, n))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    return windows[np.arange(n), rows, columns].transpose(0, 2, 3, 1)
