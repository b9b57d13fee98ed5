"""The 8x8 digits that come with scikit-learn: real handwriting, always there."""

import numpy as np

from .dataset import Dataset, Split


def load_digits(notice=None):
    """Load scikit-learn's 1,797 digits, with pixels divided by 16.

    Of the images of each class, in scikit-learn's order, every sixth goes to the test split and
    the one after it to validation: 1,197 training, 300 validation and 300 test images, stratified
    and the same on every machine. Within a split the order is scikit-learn's.

    Parameters
    ----------
    notice : str, optional
        Why these and not another data set.

    Returns
    -------
    Dataset
    """
    from sklearn import datasets

    digits = datasets.load_digits()
    by_class = np.argsort(digits.target, kind="stable")
    turn = np.empty(len(by_class), dtype=int)
    turn[by_class] = np.arange(len(by_class)) % 6

    def split(members):
        return Split.from_integers(digits.images[members], digits.target[members], 16)

    return Dataset(
        name="digits",
        source="scikit-learn",
        notice=notice,
        image_shape=(8, 8, 1),
        n_classes=10,
        train=split(turn > 1),
        validation=split(turn == 1),
        test=split(turn == 0),
    )
