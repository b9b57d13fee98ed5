"""Patches of photographs, whitened: the natural images that are always there."""

import numpy as np
from nengo.exceptions import ValidationError

SOURCE = "patches of the two photographs that come with scikit-learn (china.jpg, flower.jpg)"
# Share of each photograph, from the left, that training patches come from.
TRAINING_SHARE = 0.8
# Where the low-pass of `whiten` falls off, in cycles per pixel (Olshausen & Field's 200 cycles
# per picture of 512 pixels).
CUTOFF = 0.4
# Patches of less contrast (standard deviation) hold sky and blur, and are passed over.
LEAST_CONTRAST = 0.3
# Pixels at the edges that the filter, which is periodic, mixes with the other side.
EDGE = 6


def whiten(picture, cutoff=CUTOFF):
    """Flatten the spectrum of a photograph as retina and LGN are held to do.

    The filter is ``f exp(-(f / cutoff)⁴)``: it undoes the fall of amplitude with frequency of
    natural images, and leaves out the highest frequencies, which hold more noise than image
    (Olshausen & Field 1997, https://doi.org/10.1016/S0042-6989(97)00169-7).

    Parameters
    ----------
    picture : ndarray, shape (height, width)
    cutoff : float
        In cycles per pixel.

    Returns
    -------
    ndarray, shape (height, width)
        Of mean 0.
    """
    vertical = np.fft.fftfreq(picture.shape[0])[:, None]
    f = np.hypot(vertical, np.fft.fftfreq(picture.shape[1]))
    return np.fft.ifft2(np.fft.fft2(picture) * f * np.exp(-((f / cutoff) ** 4))).real


def load_patches(n_train=20_000, n_test=2_000, size=12, seed=0):
    """Whitened patches of scikit-learn's two photographs, at random places.

    Photographs are grey, at half their size (213 x 320 pixels). Training patches are from the left
    four fifths of each, test patches from the rest, which is filtered by itself. Each photograph
    is divided by the standard deviation of its training part, and patches with a standard
    deviation below 0.3 are passed over.

    Parameters
    ----------
    n_train, n_test : int
        Patches, half of them from each photograph.
    size : int
        Height and width in pixels.
    seed : int
        Of the places.

    Returns
    -------
    train, test : ndarray of float32, shape (n, size, size)

    Raises
    ------
    nengo.exceptions.ValidationError
        If there are fewer than two patches of a kind, or they are larger than the test parts.
    """
    from sklearn.datasets import load_sample_images

    for name, n in (("n_train", n_train), ("n_test", n_test)):
        if n < 2:
            raise ValidationError(f"must be 2 or more, got {n}", name)
    rng = np.random.default_rng(seed)
    train, test = [], []
    for photograph in load_sample_images().images:
        grey = _half(photograph.mean(axis=2))
        border = round(TRAINING_SHARE * grey.shape[1])
        left, right = (_inside(whiten(part)) for part in (grey[:, :border], grey[:, border:]))
        if size < 1 or size > min(right.shape):
            raise ValidationError(f"must be 1 to {min(right.shape)}, got {size}", "size")
        scale = left.std()
        for patches, part, n in ((train, left, n_train), (test, right, n_test)):
            share = n - n // 2 if not patches else n // 2
            patches.append(_cut(part / scale, share, size, rng))
    return np.concatenate(train), np.concatenate(test)


def _half(picture):
    """Means of blocks of 2 x 2 pixels."""
    height, width = (n // 2 for n in picture.shape)
    return picture[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))


def _inside(picture):
    return picture[EDGE:-EDGE, EDGE:-EDGE]


def _cut(picture, n, size, rng):
    """Patches at random places, shape (n, size, size)."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (size, size))
    places = np.argwhere(windows.std(axis=(2, 3)) >= LEAST_CONTRAST)
    rows, columns = rng.choice(places, n).T
    return windows[rows, columns].astype("f4")
