"""How well images are predicted, and by how sparse causes."""

import numpy as np


def scores(predicted, images):
    """Mean squared error per pixel, and the fraction of the images' variance explained."""
    wrong = np.mean((predicted - images) ** 2, dtype=float)
    return {
        "mean_squared_error": wrong,
        "variance_explained": 1 - wrong / np.mean(images**2, dtype=float),
    }


def principal_components(images):
    """Principal components of images whose mean is 0.

    Parameters
    ----------
    images : ndarray, shape (n, height, width)

    Returns
    -------
    ndarray, shape (n_pixels, n_pixels)
        In columns, that of the largest variance first.
    """
    flat = images.reshape(len(images), -1).astype(float)
    _, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
    return vectors[:, ::-1]


def excess_kurtosis(causes):
    """Mean over causes of their fourth moment over images; 0 is Gaussian, sparse is positive."""
    centred = causes - causes.mean(axis=0)
    variance = np.mean(centred**2, axis=0, dtype=float)
    used = variance > 1e-8
    fourth = np.mean(centred**4, axis=0, dtype=float)
    return float(np.mean(fourth[used] / variance[used] ** 2) - 3) if used.any() else None
