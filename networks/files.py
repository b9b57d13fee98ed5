"""Files that are written whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def whole_file(path):
    """Give a temporary path that becomes ``path`` once the block has ended well.

    The temporary file lies in the folder of ``path``, so that the final rename is atomic, and
    keeps its suffix, which writers such as ``numpy.savez`` and matplotlib look at. If the block
    raises, ``path`` is what it was before.

    Parameters
    ----------
    path : str or pathlib.Path
        The file to write. Missing parent folders are made.

    Yields
    ------
    pathlib.Path
        The temporary path to write to.

    Raises
    ------
    OSError
        If the folder cannot be made or written to; the message names the folder.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(
            error.errno, f"cannot write {path.name} in this folder: {reason}", str(path.parent)
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
