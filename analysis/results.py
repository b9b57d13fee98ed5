"""The metrics of an experiment as JSON: strict on the way out, plain on the way in."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

METRICS_FILE = "metrics.json"


def plain(value, name="metrics"):
    """Give ``value`` in the types of JSON.

    Parameters
    ----------
    value : object
        Mappings with text keys, sequences, dataclasses, NumPy arrays and scalars, numbers, text,
        booleans, paths and None, in any nesting.
    name : str
        What errors call it.

    Returns
    -------
    object
        The same in dicts, lists, ints, floats, bools, str and None.

    Raises
    ------
    ValueError
        If a number is NaN or infinite, which JSON does not know, a key is not text, or a value
        is of another type; the message gives the key that leads to it.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"{name} has the key {key!r}; wanted text")
        return {key: plain(item, f"{name}[{key!r}]") for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), name)
    if isinstance(value, list | tuple):
        return [plain(item, f"{name}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}; wanted a finite number, or None for unknown")
        return float(value)
    if isinstance(value, Path):
        return str(value)
    raise ValueError(f"{name} is a {type(value).__name__}; wanted a value that JSON has")


def to_json(metrics):
    """Give ``metrics`` as JSON text.

    Parameters
    ----------
    metrics : dict
        Anything that :func:`plain` takes.

    Returns
    -------
    str
        Indented JSON that ends in a newline.

    Raises
    ------
    ValueError
        As :func:`plain`.
    """
    return json.dumps(plain(metrics), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def load_metrics(folder):
    """Read the metrics that :func:`~nengo_pc.analysis.report.write_report` wrote.

    Parameters
    ----------
    folder : str or pathlib.Path
        Folder of the report.

    Returns
    -------
    dict
        The metrics.

    Raises
    ------
    FileNotFoundError
        If the folder holds no metrics, as after an experiment that was cut short.
    ValueError
        If the file is not JSON.
    """
    path = Path(folder) / METRICS_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            error.errno, f"no {METRICS_FILE} here; the experiment has not ended", str(folder)
        ) from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error


def runs_of(metrics):
    """Give the runs of an experiment, each with the keys that all share.

    Parameters
    ----------
    metrics : dict
        Metrics of one run, or shared keys and a list ``runs`` of such dicts.

    Returns
    -------
    list of dict
        One complete dict per run.

    Raises
    ------
    ValueError
        If ``runs`` is empty.
    """
    shared = {key: value for key, value in metrics.items() if key != "runs"}
    runs = metrics.get("runs", [{}])
    if not runs:
        raise ValueError("metrics['runs'] is empty; wanted at least one run")
    return [shared | run for run in runs]
