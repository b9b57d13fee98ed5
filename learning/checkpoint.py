"""A training run on disk, so that it can be continued."""

import json

import numpy as np

from nengo_pc.networks.files import whole_file
from nengo_pc.networks.parameters import UNREADABLE

FORMAT = "nengo-pc checkpoint"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message says which and why."""


def save_checkpoint(path, state, description):
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path : str or pathlib.Path
    state : list of ndarray
        From an engine.
    description : dict
        JSON-able.
    """
    text = json.dumps({"format": FORMAT, **description})
    arrays = {f"state_{i}": array for i, array in enumerate(state)}
    # A stream, since NumPy would add its suffix to a name without one.
    with whole_file(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, description=np.array(text), **arrays)


def load_checkpoint(path):
    """Read what `save_checkpoint` wrote: ``(state, description)``.

    Raises
    ------
    CheckpointError
        If the file is truncated, is something else, or holds pickled objects.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            description = json.loads(str(file["description"]))
            state = [file[f"state_{i}"] for i in range(len(file.files) - 1)]
    except FileNotFoundError:
        raise
    except UNREADABLE as error:
        raise CheckpointError(f"{path} is not a whole checkpoint: {error}") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of nengo-pc")
    return state, description
