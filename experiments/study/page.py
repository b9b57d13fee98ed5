"""What lies beside the figures: a page with captions, and all numbers that figures show."""

import json
from importlib.metadata import version

from nengo_pc.analysis.report import REPORT_FILE
from nengo_pc.analysis.results import METRICS_FILE, to_json
from nengo_pc.networks.files import whole_file

from .catalogue import FIGURES

SUFFIXES = (".png", ".svg")


def record_path(folder, name):
    """Where a figure's record is: written last, so that a record means that all is there."""
    return folder / f"{name}.json"


def read_record(folder, name):
    """The record of a figure that lies whole in a folder, else None.

    Parameters
    ----------
    folder : pathlib.Path
    name : str

    Returns
    -------
    dict or None
        ``settings``, ``caption``, ``numbers``, ``command``, ``dataset``, ``seconds``.
    """
    try:
        record = json.loads(record_path(folder, name).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    there = all((folder / f"{name}{suffix}").exists() for suffix in SUFFIXES)
    return record if there and isinstance(record, dict) and "settings" in record else None


def write_page(folder, failed):
    """Write the page and the numbers of all figures in a folder, each file whole or not at all.

    Parameters
    ----------
    folder : pathlib.Path
    failed : dict of str to str
        What went wrong with figures that could not be made this time, by name.
    """
    records = {name: read_record(folder, name) for name in FIGURES if name not in failed}
    records = {name: record for name, record in records.items() if record is not None}
    metrics = {
        "experiment": "study",
        "version": version("nengo-pc"),
        "figures": records,
        "failed": failed,
    }
    contents = {REPORT_FILE: _page(records, failed), METRICS_FILE: to_json(metrics)}
    for name, text in contents.items():
        with whole_file(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _page(records, failed):
    missing = [name for name in FIGURES if name not in records and name not in failed]
    sections = [
        "# Figures of the study",
        f"{len(records)} of {len(FIGURES)} figures, each from data or simulation by "
        "`run_figures.py`. Numbers: [metrics.json](metrics.json).",
    ]
    if failed:
        lines = [f"- `{name}` ({FIGURES[name].title}): {error}" for name, error in failed.items()]
        sections.append("**Failed this time:**\n\n" + "\n".join(lines))
    if missing:
        sections.append("Not made yet: " + ", ".join(f"`{name}`" for name in missing) + ".")
    for number, (name, record) in enumerate(records.items(), start=1):
        figure = FIGURES[name]
        sections += [
            f"## {number}. {figure.title}",
            f"![{figure.title}]({name}.png)",
            record["caption"],
            f"Source: {figure.source}. {_data(record)}. [SVG]({name}.svg)",
            f"```sh\n{record['command']}\n```",
        ]
    return "\n\n".join(sections) + "\n"


def _data(record):
    """What the figure was made from, in words."""
    seed = record["settings"]["seed"]
    if record["dataset"] is None:
        return f"Simulation alone, no data set; seed {seed}"
    return f"Data: {record['dataset']}; seed {seed}"
