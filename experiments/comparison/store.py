"""The results of cells on disk: one JSON file each, whole or not there."""

import json
from pathlib import Path

from nengo_pc.analysis.results import to_json
from nengo_pc.networks.files import whole_file


class Store:
    """The cells that a comparison has run.

    Parameters
    ----------
    folder : str or pathlib.Path
        Of the comparison; results are in ``cells/`` below it.
    """

    def __init__(self, folder):
        self.folder = Path(folder) / "cells"

    def path(self, cell):
        """The file of a cell."""
        return self.folder / f"{cell.key}.json"

    def load(self, cell):
        """The result of a cell, a dict, or None if it has not been run.

        Raises
        ------
        ValueError
            If its file is damaged, or of another cell.
        """
        path = self.path(cell)
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            same = kept["cell"] == cell.to_dict()
            result = kept["result"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not the result of a cell ({error}); remove it") from error
        if not same:
            raise ValueError(f"{path} is the result of another cell; remove it")
        return result

    def save(self, cell, result):
        """Write the result of a cell."""
        content = to_json({"cell": cell.to_dict(), "result": result})
        with whole_file(self.path(cell)) as temporary:
            temporary.write_text(content, encoding="utf-8")
