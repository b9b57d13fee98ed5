"""Generative networks on disk."""

import json
from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc.networks.files import whole_file
from nengo_pc.networks.parameters import UNREADABLE

FORMAT = "nengo-pc generative network"
VERSION = 1


def save(path, settings, weights):
    """Write one ``.npz`` file, whole or not at all.

    Parameters
    ----------
    path : str or pathlib.Path
    settings : dict
        JSON-able.
    weights : list of ndarray
    """
    description = json.dumps({"format": FORMAT, "version": VERSION, "settings": settings})
    arrays = {f"weights_{i}": u for i, u in enumerate(weights, start=1)}
    # A stream, since NumPy would add its suffix to a name without one.
    with whole_file(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, description=np.array(description), **arrays)


def load(path):
    """Read what `save` wrote: settings and weights. Pickled objects are refused, never loaded.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    nengo.exceptions.ValidationError
        If the file is not one of these, is truncated, or holds pickled objects, NaN or infinity.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no file of a generative network at {path}")
    try:
        with np.load(path, allow_pickle=False) as file:
            description = json.loads(str(file["description"]))
            weights = [file[f"weights_{i}"] for i in range(1, len(file.files))]
        kind = description["format"], description["version"]
        settings = dict(description["settings"])
    except UNREADABLE as error:
        reason = f"not a whole file of a generative network ({error})"
        raise ValidationError(f"{path}: {reason}", "path") from error
    if kind != (FORMAT, VERSION):
        reason = f"is {kind[0]!r}, version {kind[1]}, not {FORMAT!r}, version {VERSION}"
        raise ValidationError(f"{path}: {reason}", "path")
    if not all(np.isfinite(u).all() for u in weights):
        raise ValidationError(f"{path}: holds NaN or infinity", "path")
    return settings, weights
