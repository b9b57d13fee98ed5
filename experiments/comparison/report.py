"""The report of a comparison: one HTML file that needs no other, and ``metrics.json``."""

import base64
import shlex
from importlib.resources import files

from nengo_pc.analysis.plausibility import PROBLEMS
from nengo_pc.analysis.results import METRICS_FILE, plain, to_json
from nengo_pc.experiments.classification import origins
from nengo_pc.networks.files import whole_file

from . import questions
from .cells import conditions_of
from .columns import cells_of, columns
from .table import lines_of, rows_of, runs_for_metrics

REPORT_FILE = "report.html"
TEMPLATE = "report.html.jinja"
TITLE = "What spikes, predictive coding and plausibility cost"
FIGURES = {
    "cost_of_spikes": "Test accuracy in rates (hollow) and in spikes (filled), mean ± standard "
    "deviation over seeds, and how many times the energy of the spiking network's synapses the "
    "ReLU network's take (right of the dotted line spikes are cheaper).",
    "over_time": "Error if the presentation were cut short, mean over seeds. Each method's first "
    "row; those that learn on line are shown images for another time.",
    "differences": "Rate accuracy less the baseline's under the same conditions: mean of the pairs "
    "that share a seed (marker), 95 % t interval (line) and each pair (tick); the widest intervals "
    "run out of the frame.",
    "cost_of_plausibility": "Accuracy in spikes against the problems that the audit finds solved "
    "in full; mean ± standard deviation over seeds. Those solved partly are not counted.",
}


def write_comparison(folder, command, dataset, grid, study, planned, results):
    """Write ``report.html`` and ``metrics.json``, each whole or not at all.

    Parameters
    ----------
    folder : pathlib.Path
    command : str
        That made the results.
    dataset : nengo_pc.datasets.Dataset
    grid : Grid
    study : Study
    planned : Plan
    results : sequence of dict
        One for each cell of the plan.

    Returns
    -------
    int
        How many runs failed: trainings, or backends.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    rows = rows_of(planned.cells, results)
    metrics = plain(
        {
            **origins("comparison", command, dataset),
            "baseline": grid.baseline,
            "left_out": {reason: len(which) for reason, which in planned.left_out.items()},
            "runs": runs_for_metrics(planned.cells, results),
        }
    )
    page = render(_context(rows, command, dataset, grid, study, planned))
    for name, content in ((REPORT_FILE, page), (METRICS_FILE, to_json(metrics))):
        with whole_file(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return sum(len(row.failures) for row in rows)


def render(context):
    """The page; all that is put into it is escaped."""
    from jinja2 import Environment, StrictUndefined

    source = files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(context)


def _context(rows, command, dataset, grid, study, planned):
    """All that the page shows."""
    compared = questions.compare(rows, grid)
    drawn = _figures(rows, compared, grid)
    lines = lines_of(rows)
    owners = [row for row in rows for _ in (row.cell.backends or (None,))]
    failures = [_failure(row, *failure) for row in rows for failure in row.failures]
    cells = planned.cells
    asked = [
        (
            "spikes",
            "1. What do spikes cost?",
            questions.what_spikes_cost(rows, grid),
            ("cost_of_spikes", "over_time"),
        ),
        (
            "learning",
            "2. Is predictive coding as good as backprop?",
            questions.is_pc_as_good(compared, grid),
            ("differences",),
        ),
        (
            "plausibility",
            "3. What does biological plausibility cost?",
            questions.what_plausibility_costs(rows, compared, grid),
            ("cost_of_plausibility",),
        ),
    ]
    numbers = {name: number for number, name in enumerate(drawn, start=1)}
    return {
        "title": TITLE,
        "lead": (
            f"{len(rows)} combinations of learning method, optimizer, batch norm and activation "
            f"on {dataset.name}, {_seeds(grid)}, trained, converted to spikes and judged alike."
        ),
        "notice": dataset.notice,
        "command": command,
        "facts": _facts(rows, dataset, grid, study, cells),
        "contents": [(a, t) for a, t, *_ in asked]
        + [
            ("table", "The full table"),
            ("failed", "Failed runs"),
            ("left-out", "What is not in the grid"),
            ("settings", "Settings"),
        ],
        "questions": [
            {
                "anchor": anchor,
                "title": title,
                "sentences": sentences,
                "figures": [
                    {"number": numbers[n], "data": drawn[n], "caption": FIGURES[n]}
                    for n in names
                    if n in drawn
                ],
            }
            for anchor, title, sentences, names in asked
        ],
        "differences": questions.difference_table(compared, grid),
        "verdicts": _verdicts(rows, grid),
        "columns": columns(),
        "lines": [
            {"failed": bool(row.failures), "cells": cells_of(line, _errors(row, line["backend"]))}
            for row, line in zip(owners, lines)
        ],
        "substitutions": sorted(
            {f"{line['backend']}: {s}" for line in lines for s in line["substitutions"]}
        ),
        "failures": failures,
        "design": (
            "Every method has a row with all first settings "
            f"({'/'.join(grid.first[:2])}, {grid.first[2]}, "
            f"{'batch norm' if grid.first[3] else 'no batch norm'}, {grid.first[4]}). Then one "
            "respect at a time is varied: optimizer and batch norm together for "
            f"{_listed(grid.vary, grid.methods)}; feedback with derivative, and activation, for "
            f"{_listed(grid.vary_rule, grid.methods)}."
        ),
        "left_out": list(planned.left_out.items()),
        "settings": _settings(cells, study),
        "single": _single(command, cells[0]),
    }


def _figures(rows, compared, grid):
    """The figures as data addresses, by name."""
    # Only a report needs matplotlib.
    from nengo_pc.analysis.figure_files import figure_bytes

    from . import figures

    made = {
        "cost_of_spikes": figures.cost_of_spikes(rows, grid),
        "over_time": figures.over_time(rows, grid),
        "differences": figures.differences(compared, grid),
        "cost_of_plausibility": figures.cost_of_plausibility(rows, grid),
    }
    return {
        name: "data:image/svg+xml;base64,"
        + base64.b64encode(figure_bytes(figure)[".svg"]).decode("ascii")
        for name, figure in made.items()
        if figure is not None
    }


def _seeds(grid):
    n = len(grid.seeds)
    return f"{n} seed{'s' * (n > 1)}"


def _listed(names, of):
    return ", ".join(name for name in of if name in names) or "none"


def _facts(rows, dataset, grid, study, cells):
    networks = dict.fromkeys(result["network"] for row in rows for result in row.results.values())
    versions = next((r["versions"] for row in rows for r in row.results.values()), {})
    return [
        ("versions", ", ".join(f"{name} {number}" for name, number in versions.items())),
        ("data set", f"{dataset.name}, {dataset.source}"),
        ("training images", f"{len(dataset.train):,}"),
        ("test images scored", f"{study.n_test:,}"),
        ("networks", ", ".join(networks)),
        ("methods", ", ".join(grid.methods)),
        ("baseline", grid.baseline),
        ("seeds", ", ".join(map(str, grid.seeds))),
        ("backends", ", ".join(dict.fromkeys(b for cell in cells for b in cell.backends))),
        ("cells", f"{len(cells)}"),
    ]


def _verdicts(rows, grid):
    """The audit's table: methods under the first conditions, one for each verdict that differs."""
    judged = {}
    for row in rows:
        if row.verdicts and questions.is_first(row, grid):
            judged.setdefault(row.name, row.verdicts)
    if not judged:
        return None
    together = {}
    for name, verdicts in judged.items():
        together.setdefault(tuple(verdicts.values()), []).append(name)
    return {
        "methods": ["; ".join(names) for names in together.values()],
        "rows": [(p, [verdicts[i] for verdicts in together]) for i, p in enumerate(PROBLEMS)],
    }


def _errors(row, backend):
    return [
        f"seed {seed}: {failed['error']}"
        for seed, where, failed in row.failures
        if where in ("", backend)
    ]


def _failure(row, seed, backend, failed):
    return {
        "name": row.name,
        "conditions": row.conditions,
        "seed": seed,
        "backend": backend,
        "error": failed["error"],
        "traceback": "\n".join(failed["traceback"]),
    }


def _settings(cells, study):
    """What training and scoring were done with, in sentences."""
    offline = [cell for cell in cells if not cell.is_online]
    online = [cell for cell in cells if cell.is_online]
    said = []
    if offline:
        rates = {conditions_of(c): c.settings["learning_rate"] for c in offline}
        steps = {
            f"{c.method}, {'' if c.batch_norm else 'no '}batch norm": c.settings["inference_rate"]
            for c in offline
            if c.settings["inference_rate"] is not None
        }
        first = offline[0]
        said.append(
            f"Off line: {study.epochs} epochs in minibatches of {study.batch_size}, dropout of "
            f"{study.input_dropout:g} of pixels and {study.dropout:g} of hidden activities, "
            f"learning rate {first.settings['schedule']} from "
            + ", ".join(f"{rate:g} ({name})" for name, rate in rates.items())
            + ", whatever the method."
        )
        if steps:
            said.append(
                "Steps of the values, in time constants: "
                + ", ".join(f"{value:g} ({name})" for name, value in steps.items())
                + "; otherwise the method's own."
            )
        said.append(_scoring("Scored after learning off line", first))
    if online:
        settings = online[0].settings
        stream = settings["stream"]
        said.append(
            f"On line: {settings['n_images']:,} images, {settings['minibatch']} side by side, "
            f"{1e3 * stream['presentation_time']:g} ms each with the target from "
            f"{1e3 * stream['target_from']:g} ms on, the learning rate "
            f"{settings['network']['learning_rate']:g} per s and image, falling to 0."
        )
        said += dict.fromkeys(_scoring("Scored after learning on line", cell) for cell in online)
    said.append(
        "A seed decides the start, the order of images, and what is random in training and in "
        "spikes; it is the same for all methods, so that runs of one seed are pairs."
    )
    return said


def _scoring(what, cell):
    kind = "low-pass" if cell.is_online else "alpha"
    return (
        f"{what}: {1e3 * cell.presentation_time:g} ms an image, steps of {1e3 * cell.dt:g} ms, "
        f"{cell.encoder} input, {kind} synapses of {1e3 * cell.synapse:g} ms, each image from a "
        "fresh state."
    )


def _single(command, cell):
    """A command for one combination: the one given, with each axis narrowed."""
    words = [f"--methods {cell.method}", f"--seeds {cell.seed}"]
    if not cell.is_online:
        rule = cell.feedback
        if cell.derivative != "exact":
            rule += f"/{cell.derivative}"
        words += [
            f"--feedbacks {rule}",
            f"--optimizers {cell.optimizer}",
            f"--batch-norm {'on' if cell.batch_norm else 'off'}",
            f"--activations {cell.activation}",
        ]
    kept, skip = [], False
    for word in shlex.split(command):
        if word.startswith("--"):
            skip = word in (
                "--methods",
                "--seeds",
                "--feedbacks",
                "--optimizers",
                "--batch-norm",
                "--activations",
                "--out",
            )
        if not skip:
            kept.append(word)
    # A folder of its own: the report of the whole grid stays.
    return " ".join([shlex.join(kept), *words, "--out results/comparison/one"])
