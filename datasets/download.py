"""Download through Keras, which keeps a copy in its own cache."""

import contextlib
import gzip
import http.client
import socket
import zlib

from .errors import DamagedFileError, NotAvailableError
from .mnist import check

TIMEOUT = 20.0


def download(name):
    """Get MNIST or Fashion-MNIST from Keras.

    Parameters
    ----------
    name : {"mnist", "fashion_mnist"}

    Returns
    -------
    dict of str to ndarray
        Checked; keys x_train, y_train, x_test, y_test.

    Raises
    ------
    NotAvailableError
        If Keras cannot be imported or cannot fetch the files.
    DamagedFileError
        If what Keras fetched, or keeps from before, is wrong.
    """
    # Imported here: the other places need no TensorFlow.
    from nengo_pc.backends.compatibility import import_tensorflow

    try:
        import_tensorflow()  # first, so that TensorFlow takes Keras 2
        import tf_keras
    except ImportError as error:
        raise NotAvailableError(f"tf_keras cannot be imported ({error})") from error

    try:
        with _socket_timeout(TIMEOUT):
            train, test = getattr(tf_keras.datasets, name).load_data()
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise DamagedFileError(f"{name} as downloaded by Keras: {error}") from error
    except Exception as error:
        # Keras reports a failed fetch as a bare Exception.
        if type(error) is Exception or isinstance(error, (OSError, http.client.HTTPException)):
            raise NotAvailableError(f"the download failed ({error})") from error
        raise
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), (*train, *test), strict=True))
    check(arrays, name, {key: f"{name} as downloaded by Keras, {key}" for key in arrays})
    return arrays


@contextlib.contextmanager
def _socket_timeout(seconds):
    # Keras sets none: behind a firewall that drops packets it would wait for minutes.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
