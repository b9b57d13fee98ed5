"""Batch normalisation folded into the linear map before it."""

import numpy as np


def fuse(weights, mean, variance, scale, offset, epsilon):
    """Fold ``scale (W a - mean) / sqrt(variance + epsilon) + offset`` into weights and a bias.

    Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167, algorithm 2: at inference the
    transform is affine, so that ``W' a + b'`` is the same function.

    Parameters
    ----------
    weights : (n, n_inputs) or (rows, columns, channels, n) ndarray
        Of a dense layer or a convolution.
    mean, variance, scale, offset : (n,) ndarray
        Population statistics of each output (unit or filter), and the two learned vectors.
    epsilon : float
        As used in training.

    Returns
    -------
    weights, bias : ndarray
        Of the shape of ``weights``, and ``(n,)``.
    """
    factor = scale / np.sqrt(variance + epsilon)
    outputs_last = np.ndim(weights) == 4
    fused = weights * (factor if outputs_last else factor[:, None])
    return fused, offset - factor * mean
