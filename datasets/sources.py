"""Where MNIST and Fashion-MNIST are looked for, and in which order."""

import os
from pathlib import Path

from .download import download
from .errors import NotAvailableError
from .mnist import PUBLISHED, STEMS, idx_name, read_folder

VARIABLE = "NENGO_PC_DATA"


def find_in(folder, name):
    """Read a data set from ``<folder>/<name>`` or from `folder` itself.

    Parameters
    ----------
    folder : str or os.PathLike
    name : {"mnist", "fashion_mnist"}

    Returns
    -------
    arrays : dict of str to ndarray
        Checked; keys x_train, y_train, x_test, y_test.
    source : str

    Raises
    ------
    FileNotFoundError
        If it is in neither.
    DamagedFileError
        If a file is there and wrong.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"folder: got {str(folder)!r}, which is not a folder")
    reasons = []
    for place in (folder / name, folder):
        try:
            return read_folder(place, name)
        except FileNotFoundError as error:
            reasons.append(str(error))
    raise FileNotFoundError(
        f"folder: no {PUBLISHED[name].title} in {str(folder)!r}; {'; '.join(reasons)}"
    )


def search(name):
    """Read a data set from the first of the usual places that has it.

    These are the folder ``$NENGO_PC_DATA/<name>``, Keras' cache (in ``$KERAS_HOME`` or
    ``~/.keras``) and a download through Keras.

    Parameters
    ----------
    name : {"mnist", "fashion_mnist"}

    Returns
    -------
    arrays : dict of str to ndarray
        Checked; keys x_train, y_train, x_test, y_test.
    source : str

    Raises
    ------
    NotAvailableError
        If none has it: says of each place why, and how to get the data set.
    DamagedFileError
        If a file is there and wrong; later places are then not tried.
    """
    reasons = ["folder argument: not given"]
    for label, find in (
        (f"environment variable {VARIABLE}", _find_by_variable),
        ("Keras' cache", _find_in_cache),
        ("download through Keras", _find_by_download),
    ):
        try:
            return find(name)
        except FileNotFoundError as error:
            reasons.append(f"{label}: {error}")

    title = PUBLISHED[name].title
    places = "\n".join(f"  {number}. {reason}" for number, reason in enumerate(reasons, 1))
    files = ", ".join(f"{idx_name(key)}.gz" for key in STEMS)
    raise NotAvailableError(
        f"{title} could not be had. Looked for it in:\n{places}\n"
        f"To get {title}: put its four files ({files}), or {name}.npz, into a folder "
        f"FOLDER/{name}, then set {VARIABLE}=FOLDER or pass folder=FOLDER (--data FOLDER on the "
        "command line)."
    )


def _find_by_variable(name):
    root = os.environ.get(VARIABLE)
    if not root:
        raise FileNotFoundError("not set")
    return read_folder(Path(root).expanduser() / name, name)


def _find_in_cache(name):
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    folder = Path(os.path.expanduser(home), "datasets")
    if name == "fashion_mnist":
        folder /= "fashion-mnist"
    arrays, source = read_folder(folder, name)
    return arrays, f"Keras' cache, {source}"


def _find_by_download(name):
    return download(name), "downloaded through Keras"
