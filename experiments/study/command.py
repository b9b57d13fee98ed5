"""All figures of the study, or some: ``run_figures.py``."""

import argparse
import shlex
import sys
import time
from importlib.metadata import version
from pathlib import Path

from nengo.exceptions import ValidationError
from tqdm import tqdm

from nengo_pc import datasets
from nengo_pc.analysis.results import plain, to_json
from nengo_pc.experiments.classification import check_writable
from nengo_pc.experiments.script import run_script
from nengo_pc.networks.files import whole_file

from .catalogue import FIGURES
from .page import read_record, record_path, write_page
from .setting import Study

DESCRIPTION = """\
Make every figure of the study from data and simulation, as PNG and SVG, with a page of captions
(report.md) and the numbers that they show (metrics.json).

With no argument: on the embedded 8x8 digits, which need no download.
"""


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="run_figures.py",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--list", action="store_true", help="name the figures, and make none")
    result.add_argument(
        "--only", nargs="+", metavar="NAME", default=[], help="these figures; default: all"
    )
    result.add_argument(
        "--dataset",
        choices=datasets.NAMES,
        default="digits",
        help="that networks learn; larger networks with others than the default, digits",
    )
    result.add_argument("--data", metavar="FOLDER", help="folder with the files of the data set")
    result.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    result.add_argument("--out", metavar="FOLDER", help="default: results/figures")
    result.add_argument(
        "--resume", action="store_true", help="keep figures already made from the same settings"
    )
    return result


def main(argv=None):
    """Run the command line; the exit status: 1 if a figure failed."""
    failed = {}
    status = run_script("run_figures.py", parser(), lambda a, _: failed.update(run(a)), argv)
    return status or (1 if failed else 0)


def run(arguments):
    """Make the figures, and write the page beside them.

    Returns
    -------
    dict of str to str
        What went wrong, by figure.
    """
    if arguments.list:
        width = max(map(len, FIGURES))
        print("\n".join(f"{name:{width}}  {figure.title}" for name, figure in FIGURES.items()))
        return {}
    names = _chosen(arguments.only)
    if arguments.seed < 0:
        raise ValidationError(f"must be 0 or more, got {arguments.seed}", "--seed")
    folder = Path(arguments.out or Path("results", "figures"))
    study = Study.of(arguments.dataset, arguments.data, arguments.seed)
    check_writable(folder)
    if any(FIGURES[name].with_data for name in names):
        # A data set that is not there, or damaged, is one error and not one for each figure.
        print(f"Data: {study.dataset.name}, {study.dataset.source}")
    failed, kept = {}, 0
    with tqdm(names, unit="figure", dynamic_ncols=True) as bar:
        for name in bar:
            bar.set_description(name)
            settings = plain(
                {"version": version("nengo-pc")} | study.settings(FIGURES[name].with_data)
            )
            record = read_record(folder, name)
            if arguments.resume and record is not None and record["settings"] == settings:
                kept += 1
                continue
            try:
                make(study, name, folder, settings, command(arguments, name))
            # Whatever went wrong with one figure, the others can still be made.
            except Exception as error:
                failed[name] = f"{type(error).__name__}: {error}"
                tqdm.write(f"{name} failed: {failed[name]}", file=sys.stderr)
            write_page(folder, failed)
    write_page(folder, failed)
    made = len(names) - kept - len(failed)
    print(f"{made} made, {kept} kept, {len(failed)} failed: {folder}/report.md and metrics.json")
    return failed


def make(study, name, folder, settings, how):
    """Make one figure: PNG, SVG and, last, its record."""
    from nengo_pc.analysis.figure_files import save_figure

    began = time.perf_counter()
    figure = FIGURES[name]
    drawn = figure.draw(study)
    record = {
        "title": figure.title,
        "source": figure.source,
        "caption": drawn.caption,
        "numbers": drawn.numbers,
        "settings": settings,
        "dataset": f"{study.dataset.name}, {study.dataset.source}" if figure.with_data else None,
        "command": how,
        "seconds": time.perf_counter() - began,
    }
    content = to_json(record)
    # A record is of the files beside it: the old one goes before they do.
    record_path(folder, name).unlink(missing_ok=True)
    save_figure(drawn.figure, folder / name)
    with whole_file(record_path(folder, name)) as temporary:
        temporary.write_text(content, encoding="utf-8")


def command(arguments, name):
    """The command that makes one figure alone."""
    words = ["python", "run_figures.py", "--only", name]
    if FIGURES[name].with_data:
        words += ["--dataset", arguments.dataset]
        words += ["--data", arguments.data] if arguments.data else []
    words += ["--seed", str(arguments.seed)]
    words += ["--out", arguments.out] if arguments.out else []
    return shlex.join(words)


def _chosen(only):
    """Figures by the order of the catalogue; all if none is named."""
    unknown = [name for name in only if name not in FIGURES]
    if unknown:
        raise ValidationError(
            f"there is no figure {', '.join(unknown)}; wanted some of {', '.join(FIGURES)}",
            "--only",
        )
    return [name for name in FIGURES if not only or name in only]
