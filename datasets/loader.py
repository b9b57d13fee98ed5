"""Load a data set by its name."""

from .digits import load_digits
from .errors import NotAvailableError
from .mnist import build
from .sources import find_in, search

NAMES = ("mnist", "fashion_mnist", "digits")


def load(name=None, folder=None):
    """Load a data set.

    MNIST and Fashion-MNIST have 50,000 training, 10,000 validation (the last of the published
    training set) and 10,000 test images of 28x28 pixels. Scikit-learn's digits have 1,197, 300
    and 300 of 8x8, see `load_digits`.

    MNIST and Fashion-MNIST are looked for in this order:

    1. `folder`; if given, nowhere else,
    2. the sub-folder ``mnist`` or ``fashion_mnist`` of the folder that the environment variable
       ``NENGO_PC_DATA`` names,
    3. Keras' cache, in ``$KERAS_HOME`` or else ``~/.keras``,
    4. the network, through Keras, which keeps a copy.

    A folder holds either the four IDX files as published (``train-images-idx3-ubyte`` and so on,
    with ``.gz`` or not), or ``mnist.npz`` or ``fashion_mnist.npz`` with the arrays x_train,
    y_train, x_test, y_test. The first place to have them counts: a damaged file there is an
    error, and no other place is tried.

    Parameters
    ----------
    name : {"mnist", "fashion_mnist", "digits"}, optional
        By default MNIST or, if it is in none of the four places, scikit-learn's digits, with the
        reason in ``Dataset.notice``.
    folder : str or os.PathLike, optional
        Where the files are, directly or in a sub-folder named after the data set.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If `name` is none of ``NAMES``, or a folder is given for the digits.
    FileNotFoundError
        If `folder` does not have the data set.
    NotAvailableError
        If the data set named is in none of the places; a FileNotFoundError.
    DamagedFileError
        If a file is not what it should be; a ValueError.

    Examples
    --------
    >>> from nengo_pc.datasets import load
    >>> digits = load("digits")
    >>> digits.train.images.shape, digits.train.images.dtype
    ((1197, 8, 8, 1), dtype('float32'))
    """
    if name is not None and name not in NAMES:
        raise ValueError(f"name: got {name!r}, wanted one of {', '.join(NAMES)}")
    if name == "digits":
        if folder is not None:
            raise ValueError(
                f"folder: got {str(folder)!r} with name='digits', which come with scikit-learn; "
                "wanted None"
            )
        return load_digits()

    wanted = name or "mnist"
    if folder is not None:
        return build(wanted, *find_in(folder, wanted))
    try:
        found = search(wanted)
    except NotAvailableError as error:
        if name is not None:
            raise
        return load_digits(
            notice="The embedded digits of scikit-learn (1,797 images of 8x8 pixels) are used in "
            f"place of MNIST. {error}"
        )
    return build(wanted, *found)
