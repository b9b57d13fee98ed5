"""The IDX format, in which MNIST was published.

Two zero bytes, a type code, the number of dimensions, each dimension as a big-endian 32-bit
integer, then the values with the last dimension running fastest.
"""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from .errors import DamagedFileError

UNSIGNED_BYTE = 0x08
GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path, ndim=None):
    """Read an IDX file of unsigned bytes, gzip-compressed or not.

    Parameters
    ----------
    path : str or os.PathLike
        Compression is told from the content, not from the name.
    ndim : int, optional
        Number of dimensions wanted (3 for images, 1 for labels); any by default.

    Returns
    -------
    ndarray of uint8
        Read-only, of the shape the file states.

    Raises
    ------
    DamagedFileError
        If the file is not exactly one such array.
    OSError
        If it cannot be opened.
    """
    content = _uncompressed(Path(path))
    if len(content) < 4:
        raise DamagedFileError(f"{path}: holds {len(content)} bytes, wanted an IDX header of 4")
    (magic,) = struct.unpack_from(">I", content)
    found_ndim = magic & 0xFF
    wanted_ndim = found_ndim if ndim is None else ndim
    if magic != UNSIGNED_BYTE << 8 | wanted_ndim or found_ndim == 0:
        wanted = "0x000008NN" if ndim is None else f"0x{UNSIGNED_BYTE << 8 | ndim:08x}"
        raise DamagedFileError(
            f"{path}: wrong magic number, found 0x{magic:08x}, wanted {wanted} "
            "(IDX, unsigned bytes)"
        )

    header = 4 + 4 * found_ndim
    if len(content) < header:
        raise DamagedFileError(
            f"{path}: cut short, found {len(content)} bytes, wanted a header of {header}"
        )
    shape = struct.unpack_from(f">{found_ndim}I", content, 4)
    wanted_length = header + math.prod(shape)
    if len(content) != wanted_length:
        raise DamagedFileError(
            f"{path}: wrong length, found {len(content)} bytes, wanted {wanted_length} "
            f"for the shape {shape}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def idx_md5(array):
    """MD5 of the uncompressed IDX file that holds an array.

    Parameters
    ----------
    array : ndarray of uint8

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    header = struct.pack(f">I{array.ndim}I", UNSIGNED_BYTE << 8 | array.ndim, *array.shape)
    digest = hashlib.md5(header, usedforsecurity=False)
    digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _uncompressed(path):
    content = path.read_bytes()
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DamagedFileError(f"{path}: broken gzip file, {error}") from error
