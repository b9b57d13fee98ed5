"""A loaded data set."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set: images and their labels.

    Parameters
    ----------
    images : ndarray of float32, shape (n, H, W, 1)
        Pixels in [0, 1], C-contiguous.
    labels : ndarray of int64, shape (n,)
        Class of each image, 0 to ``n_classes - 1``.

    Raises
    ------
    ValueError
        If a shape or a dtype is another, or the numbers of images and labels differ.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self):
        if self.images.dtype != np.float32 or self.images.ndim != 4:
            raise ValueError(
                f"images: got {self.images.dtype} of shape {self.images.shape}, "
                "wanted float32 of shape (n, H, W, 1)"
            )
        if self.labels.dtype != np.int64 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                f"labels: got {self.labels.dtype} of shape {self.labels.shape}, "
                f"wanted int64 of shape {self.images.shape[:1]}, one for each image"
            )

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        return f"Split({len(self)} images)"

    @classmethod
    def from_integers(cls, images, labels, white):
        """Build a split from stored pixels.

        Parameters
        ----------
        images : array_like, shape (n, H, W)
            Pixels from 0 to `white`.
        labels : array_like of int, shape (n,)
        white : float
            The pixel value that becomes 1.

        Returns
        -------
        Split
            With arrays of its own.
        """
        pixels = np.array(images, dtype=np.float32, order="C")
        pixels /= white
        return cls(pixels[..., np.newaxis], np.array(labels, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set with its three splits, which have no image in common.

    Parameters
    ----------
    name : str
        ``"mnist"``, ``"fashion_mnist"`` or ``"digits"``.
    source : str
        Where it came from, in words.
    notice : str or None
        Set only if this is not the data set one would expect: why, and how to get that one.
        For the caller to show.
    image_shape : tuple of int
        (H, W, 1), in pixels.
    n_classes : int
    train, validation, test : Split
    """

    name: str
    source: str
    notice: str | None
    image_shape: tuple[int, int, int]
    n_classes: int
    train: Split
    validation: Split
    test: Split
