"""The one-file form of MNIST that Keras uses."""

import zipfile
import zlib

import numpy as np

from .errors import DamagedFileError


def read_npz(path, keys):
    """Read named arrays from an ``.npz`` file, never unpickling anything.

    Parameters
    ----------
    path : str or os.PathLike
    keys : iterable of str
        Other arrays in the file are not read.

    Returns
    -------
    dict of str to ndarray
        In the order of `keys`.

    Raises
    ------
    DamagedFileError
        If the file is not a sound archive, lacks a key or holds Python objects under one.
    OSError
        If it cannot be opened.
    """
    if not zipfile.is_zipfile(path):
        raise DamagedFileError(f"{path}: not an .npz file (a zip archive), or cut short")
    try:
        with np.load(path, allow_pickle=False) as archive:
            present = archive.files
            arrays = {key: archive[key] for key in keys if key in present}
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise DamagedFileError(f"{path}: not a readable .npz file of numbers, {error}") from error
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise DamagedFileError(
            f"{path}: has the arrays {', '.join(present)}; wanted also {', '.join(missing)}"
        )
    return arrays
