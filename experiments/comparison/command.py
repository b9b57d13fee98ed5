"""The command line of the comparison: ``run_comparison.py``."""

import argparse
from dataclasses import replace
from pathlib import Path

from nengo.exceptions import ValidationError

from nengo_pc import datasets
from nengo_pc.backends import BACKENDS, BackendUnavailable
from nengo_pc.backends.registry import get_backend
from nengo_pc.experiments.classification import check_writable, first_images, load_dataset
from nengo_pc.experiments.script import run_script
from nengo_pc.learning.options import ACTIVATIONS, OPTIMIZERS
from nengo_pc.networks.encoders import ENCODERS

from .cells import ALL_METHODS
from .grid import BASELINE, QUICK_GRID, Grid, plan
from .report import write_comparison
from .schedule import check_workers, connect, default_workers, run_cells
from .store import Store
from .studies import QUICK, Study

DESCRIPTION = """\
Train the same network by every learning method in the package, run what was learned in spikes,
and put it all in one table: accuracy in rates and in spikes, rates, spikes, operations, energy,
time, and what each method asks of a brain. Cells of the table run through Dask. Those that are
done are kept: the same command again goes on where it was stopped.

With no argument: the full study on MNIST, hours long. With --quick: the embedded 8x8 digits, a few
minutes.
"""
OPTIONAL = ("loihi",)  # left out, if not asked for by name, where it is not installed


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="run_comparison.py",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flag = argparse.BooleanOptionalAction
    result.add_argument("--quick", action="store_true", help="small networks, embedded digits")

    group = result.add_argument_group("data")
    group.add_argument("--dataset", choices=datasets.NAMES, help="default: mnist, if it is there")
    group.add_argument("--data", metavar="FOLDER", help="folder with the files of the data set")
    group.add_argument("--test-images", type=int, metavar="N", help="score the first N only")

    usual = Grid()
    group = result.add_argument_group("grid; the first of each is what others depart from")
    group.add_argument("--methods", nargs="+", choices=ALL_METHODS, help="default: all")
    group.add_argument(
        "--feedbacks",
        nargs="+",
        metavar="FEEDBACK[/DERIVATIVE]",
        help=f"default: {' '.join(usual.feedbacks)}",
    )
    group.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS, help="default: adam sgd")
    group.add_argument(
        "--batch-norm", nargs="+", choices=("on", "off"), dest="batch_norms", help="default: on off"
    )
    group.add_argument(
        "--activations", nargs="+", choices=ACTIVATIONS, help="default: softlif relu"
    )
    group.add_argument("--seeds", nargs="+", type=int, metavar="SEED", help="default: 0 1 2")
    group.add_argument("--backends", nargs="+", choices=BACKENDS, help="default: native")
    group.add_argument(
        "--more-backends",
        nargs="*",
        choices=BACKENDS,
        help="for the baseline's first row; default: reference dl loihi",
    )
    group.add_argument(
        "--vary",
        nargs="*",
        choices=ALL_METHODS,
        help="methods whose optimizer and batch norm are varied; default: all",
    )
    group.add_argument(
        "--vary-rule",
        nargs="*",
        choices=ALL_METHODS,
        help="methods whose feedback, derivative and activation are varied; default: zil",
    )
    group.add_argument(
        "--baseline", choices=ALL_METHODS, default=BASELINE, help="default: %(default)s"
    )

    group = result.add_argument_group("training and scoring")
    group.add_argument("--hidden", type=int, nargs="+", metavar="UNITS", help="off line")
    group.add_argument("--online-hidden", type=int, nargs="+", metavar="UNITS", help="on line")
    group.add_argument("--epochs", type=int, help="off line")
    group.add_argument("--batch-size", type=int, metavar="N", help="off line")
    group.add_argument("--passes", type=float, metavar="N", help="on line")
    group.add_argument("--encoder", choices=ENCODERS, help="of pixels; default: constant")
    group.add_argument("--presentation-time", type=float, metavar="S", help="of an image")

    group = result.add_argument_group("runs")
    group.add_argument(
        "--workers", type=int, metavar="N", help="processes here; default: one for each core"
    )
    group.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, instead")
    group.add_argument("--retry", action="store_true", help="run failed cells again")
    group.add_argument("--progress", action=flag, default=True, help="show how many cells are done")
    group.add_argument("--out", metavar="FOLDER", help="default: results/comparison/<name>")
    return result


def main(argv=None):
    """Run the command line; the exit status."""
    return run_script("run_comparison.py", parser(), run, argv, stopped="The same command goes on.")


def run(arguments, command):
    """Run the cells that are missing, and write the report.

    Returns
    -------
    pathlib.Path
        The results folder.
    """
    name = arguments.dataset or ("digits" if arguments.quick else None)
    dataset = load_dataset(name, arguments.data)
    grid = _grid(arguments)
    study = _study(arguments, dataset)
    planned = plan(grid, study)
    for backend in dict.fromkeys(b for cell in planned.cells for b in cell.backends):
        get_backend(backend).check()
    if arguments.workers is not None and arguments.workers < 1:
        raise ValidationError(f"must be at least 1, got {arguments.workers}", "--workers")
    folder = Path(arguments.out) if arguments.out else _default_folder(arguments, dataset)
    check_writable(folder)
    store = Store(folder)
    missing = [cell for cell in planned.cells if _is_missing(store.load(cell), arguments.retry)]
    print(f"{len(planned.cells)} cells, of which {len(missing)} are to run")
    if missing:
        with connect(arguments.scheduler, arguments.workers) as client:
            where = arguments.scheduler or f"{arguments.workers or default_workers()} processes"
            print(f"Workers: {where}")
            check_workers(client)
            # Workers of a cluster have another working directory.
            trained = (folder / "trained").resolve()
            data = arguments.data and str(Path(arguments.data).resolve())
            run_cells(missing, store, client, trained, data, arguments.progress)
    results = [store.load(cell) for cell in planned.cells]
    failed = write_comparison(folder, command, dataset, grid, study, planned, results)
    print(f"{len(results) - failed} cells are done, {failed} failed")
    print(f"\nResults: {folder}/report.html, metrics.json")
    return folder


def _is_missing(result, retry):
    if result is None:
        return True
    return retry and (result["status"] == "failed" or bool(result["failed_backends"]))


def _grid(arguments):
    """The grid with what was given on the command line."""
    grid = replace(Grid(), **QUICK_GRID) if arguments.quick else Grid()
    given = {
        name: tuple(getattr(arguments, name))
        for name in (
            *("methods", "feedbacks", "optimizers", "activations", "seeds", "backends"),
            *("more_backends", "vary", "vary_rule"),
        )
        if getattr(arguments, name) is not None
    }
    if arguments.batch_norms is not None:
        given["batch_norms"] = tuple(value == "on" for value in arguments.batch_norms)
    if arguments.more_backends is None:
        given["more_backends"] = tuple(
            name for name in grid.more_backends if name not in OPTIONAL or _is_there(name)
        )
    return replace(grid, **given, baseline=arguments.baseline)


def _is_there(backend):
    try:
        get_backend(backend).check()
    except BackendUnavailable:
        return False
    return True


def _study(arguments, dataset):
    """The study with what was given on the command line."""
    given = dict(QUICK) if arguments.quick else {}
    for name in ("epochs", "batch_size", "passes", "encoder", "presentation_time"):
        if getattr(arguments, name) is not None:
            given[name] = getattr(arguments, name)
    for name in ("hidden", "online_hidden"):
        if getattr(arguments, name) is not None:
            given[name] = tuple(getattr(arguments, name))
    n_test = len(first_images(dataset.test, arguments.test_images, dataset))
    return Study(dataset.name, len(dataset.train), n_test, **given)


def _default_folder(arguments, dataset):
    name = f"{dataset.name}-quick" if arguments.quick else dataset.name
    return Path("results", "comparison", name)
