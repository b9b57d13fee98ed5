"""What is known of MNIST and Fashion-MNIST, and reading either from a folder."""

from dataclasses import dataclass

import numpy as np

from .dataset import Dataset, Split
from .errors import DamagedFileError
from .idx import idx_md5, read_idx
from .npz import read_npz

N_CLASSES = 10
N_VALIDATION = 10_000
SHAPES = {
    "x_train": (60_000, 28, 28),
    "y_train": (60_000,),
    "x_test": (10_000, 28, 28),
    "y_test": (10_000,),
}
STEMS = {
    "x_train": "train-images",
    "y_train": "train-labels",
    "x_test": "t10k-images",
    "y_test": "t10k-labels",
}


@dataclass(frozen=True)
class Published:
    """Published facts that tell one data set of this form from another.

    Parameters
    ----------
    title : str
    class_counts : dict of str to tuple of int
        Images of each class, for ``"y_train"`` and ``"y_test"``.
    md5 : dict of str to str
        Of the uncompressed IDX files; empty where not known.
    """

    title: str
    class_counts: dict
    md5: dict


PUBLISHED = {
    "mnist": Published(
        "MNIST",
        {
            "y_train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
            "y_test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
        },
        {
            "x_train": "6bbc9ace898e44ae57da46a324031adb",
            "y_train": "a25bea736e30d166cdddb491f175f624",
            "x_test": "2646ac647ad5339dbf082846283269ea",
            "y_test": "27ae3e4e09519cfbb04c329615203637",
        },
    ),
    "fashion_mnist": Published(
        "Fashion-MNIST",
        {"y_train": (6000,) * N_CLASSES, "y_test": (1000,) * N_CLASSES},
        {},
    ),
}


def read_folder(folder, name):
    """Read a data set from the files directly in a folder.

    Parameters
    ----------
    folder : pathlib.Path
    name : {"mnist", "fashion_mnist"}

    Returns
    -------
    arrays : dict of str to ndarray
        Checked, with the keys and shapes of ``SHAPES``.
    source : str

    Raises
    ------
    FileNotFoundError
        If neither the four IDX files nor ``<name>.npz`` are there.
    DamagedFileError
        If one is there and wrong.
    """
    paths = {key: _idx_path(folder, key) for key in STEMS}
    missing = [idx_name(key) for key, path in paths.items() if path is None]
    if not missing:
        arrays = {key: read_idx(path, ndim=len(SHAPES[key])) for key, path in paths.items()}
        check(arrays, name, paths, md5=PUBLISHED[name].md5)
        return arrays, f"IDX files in {folder}"

    npz = folder / f"{name}.npz"
    if not npz.is_file():
        raise FileNotFoundError(
            f"{folder} has neither {npz.name} nor {', '.join(missing)} (gzip-compressed or not)"
        )
    arrays = read_npz(npz, SHAPES)
    check(arrays, name, {key: f"{npz}, {key}" for key in SHAPES})
    return arrays, str(npz)


def check(arrays, name, where, md5=None):
    """Check arrays against what is known of a data set.

    Parameters
    ----------
    arrays : dict of str to ndarray
        With the keys of ``SHAPES``.
    name : {"mnist", "fashion_mnist"}
    where : dict of str to object
        The file of each array, for the error's text.
    md5 : dict of str to str, optional
        Checksums to verify, see `idx_md5`.

    Raises
    ------
    DamagedFileError
        Naming the file, what was found and what was wanted.
    """
    for key, array in arrays.items():
        images = key.startswith("x")
        if array.shape != SHAPES[key]:
            raise DamagedFileError(
                f"{where[key]}: found {'images' if images else 'labels'} of shape {array.shape}, "
                f"wanted {SHAPES[key]}"
            )
        if array.dtype.kind not in "ui" or (images and array.dtype != np.uint8):
            raise DamagedFileError(
                f"{where[key]}: found {array.dtype}, wanted {'uint8' if images else 'integers'}"
            )
        wanted = md5.get(key) if md5 else None
        if wanted and (found := idx_md5(array)) != wanted:
            raise DamagedFileError(
                f"{where[key]}: wrong MD5 checksum of the uncompressed file, "
                f"found {found}, wanted {wanted}"
            )
        if not images:
            _check_labels(array, where[key], PUBLISHED[name].class_counts[key], name)


def _check_labels(labels, where, wanted, name):
    if labels.min() < 0 or labels.max() >= N_CLASSES:
        outside = labels[(labels < 0) | (labels >= N_CLASSES)][0]
        raise DamagedFileError(f"{where}: found the label {outside}, wanted 0 to {N_CLASSES - 1}")
    counts = tuple(np.bincount(labels, minlength=N_CLASSES).tolist())
    if counts != wanted:
        raise DamagedFileError(
            f"{where}: not the labels of {PUBLISHED[name].title}, "
            f"found {counts} images of the classes, wanted {wanted}"
        )


def build(name, arrays, source):
    """Make the data set from its arrays.

    Parameters
    ----------
    name : {"mnist", "fashion_mnist"}
    arrays : dict of str to ndarray
        Checked, see `check`.
    source : str

    Returns
    -------
    Dataset
        Validation is the last 10,000 training images.
    """
    images, labels = arrays["x_train"], arrays["y_train"]
    return Dataset(
        name=name,
        source=source,
        notice=None,
        image_shape=(28, 28, 1),
        n_classes=N_CLASSES,
        train=Split.from_integers(images[:-N_VALIDATION], labels[:-N_VALIDATION], 255),
        validation=Split.from_integers(images[-N_VALIDATION:], labels[-N_VALIDATION:], 255),
        test=Split.from_integers(arrays["x_test"], arrays["y_test"], 255),
    )


def idx_name(key):
    """Name of the IDX file of an array, as published."""
    return f"{STEMS[key]}-idx{len(SHAPES[key])}-ubyte"


def _idx_path(folder, key):
    name = idx_name(key)
    dotted = name.replace("-idx", ".idx")  # as some unpackers write it
    for candidate in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
        if (folder / candidate).is_file():
            return folder / candidate
    return None
