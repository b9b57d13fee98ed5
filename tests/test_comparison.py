"""The comparison: cells and their keys, the grid, statistics, resuming, the report."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import psutil
import pytest
from nengo.exceptions import ValidationError
from scipy import stats

from nengo_pc import datasets
from nengo_pc.analysis.paired import mean_interval, paired_difference
from nengo_pc.analysis.plausibility import PROBLEMS
from nengo_pc.backends import BACKENDS
from nengo_pc.experiments.comparison import command, questions, report
from nengo_pc.experiments.comparison.cells import ALL_METHODS, ONLINE, Cell
from nengo_pc.experiments.comparison.grid import DESIGN, QUICK_GRID, Grid, Plan, plan
from nengo_pc.experiments.comparison.schedule import connect, run_cells
from nengo_pc.experiments.comparison.store import Store
from nengo_pc.experiments.comparison.studies import QUICK, Study
from nengo_pc.experiments.comparison.table import lines_of, rows_of
from nengo_pc.experiments.comparison.work import run_cell
from nengo_pc.learning.options import OPTIMIZERS
from nengo_pc.learning.rule_options import METHODS
from nengo_pc.learning.rules import RULES
from nengo_pc.networks.feedback import FEEDBACKS
from nengo_pc.networks.gates import DERIVATIVES

ROOT = Path(__file__).parents[1]
DIGITS = datasets.load("digits")
TINY = shlex.split(
    "--dataset digits --methods backprop zil --feedbacks transpose --optimizers adam "
    "--batch-norm on --activations softlif --seeds 0 1 --epochs 2 --batch-size 300 --hidden 12 "
    "--presentation-time 0.02 --test-images 60 --more-backends --workers 1 --no-progress"
)
WAIT = 300  # s, for anything to happen


def tiny():
    """Grid, study and plan of the tiny command."""
    arguments = command.parser().parse_args(TINY)
    grid, study = command._grid(arguments), command._study(arguments, DIGITS)
    return grid, study, plan(grid, study)


def results_of(folder, cells):
    return [Store(folder).load(cell) for cell in cells]


def without_timing(cells, results):
    """The final table, and every number of every cell, but for what a clock says."""

    def strip(value):
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if "seconds" not in k and k not in TIMES}
        return [strip(v) for v in value] if isinstance(value, list) else value

    return lines_of(rows_of(cells, results), timing=False), strip(results)


TIMES = ("ms_per_update",)


def until(condition, what):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen in {WAIT} s"
        time.sleep(0.05)


# --- keys


def cell(method="il", **changes):
    study = Study("digits", 1197, 300, **QUICK)
    activation, optimizer = ("lif", "none") if method in ONLINE else ("softlif", "adam")
    made = study.cell(method, None, None, optimizer, False, activation, 0, ("xla",))
    return replace(made, **changes)


def test_a_key_is_of_the_content_and_the_same_in_every_process():
    one = cell()
    backwards = dict(reversed(list(one.to_dict().items())))
    backwards["settings"] = dict(reversed(list(backwards["settings"].items())))
    assert Cell.from_dict(json.loads(json.dumps(backwards))).key == one.key
    code = (
        "import json, sys; from nengo_pc.experiments.comparison.cells import Cell; "
        "print(Cell.from_dict(json.load(sys.stdin)).key, 'tensorflow' in sys.modules, "
        "'distributed' in sys.modules)"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(one.to_dict()),
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.split() == [one.key, "False", "False"]


CHANGES = {
    "dataset": "mnist",
    "hidden": (100, 51),
    "method": "ipc",
    "feedback": "random",
    "derivative": "box",
    "optimizer": "sgd",
    "batch_norm": True,
    "activation": "relu",
    "seed": 1,
    "backends": (),
    "encoder": "poisson",
    "presentation_time": 0.11,
    "dt": 0.0005,
    "synapse": 0.003,
    "n_test": 299,
}


@pytest.mark.parametrize("name", [f.name for f in fields(Cell) if f.name != "settings"])
def test_every_field_changes_the_key(name):
    also = {"backends": ()} if name == "activation" else {}
    one = cell(**also)
    other = replace(one, **{name: CHANGES[name]})
    assert other.key != one.key
    only_scored = ("backends", "encoder", "presentation_time", "dt", "synapse", "n_test")
    assert (other.training_key == one.training_key) == (name in only_scored)
    assert (other.row_key == one.row_key) == (name == "seed")


def another(name, value):
    """Another value that the option may have."""
    chosen = {
        "loss": "squared-error",
        "schedule": "constant",
        "integrator": "heun",
        "nudging": "positive",
        "dtype": "float64",
        "inference_steps": 3,
        "tolerance": 0.1,
        "precision": [1.0, 2.0, 1.0],
    }
    if name in chosen:
        return chosen[name]
    return value + 1 if isinstance(value, int) else value * 0.5 or 0.05


def test_every_setting_changes_the_key():
    one = cell()
    for name, value in one.settings.items():
        if name == "target_rate":  # of nengodl alone
            continue
        other = replace(one, settings=one.settings | {name: another(name, value)})
        assert other.key != one.key, name


@pytest.mark.parametrize(
    "part, name, value",
    [("network", "gain", 9.0), ("stream", "target_from", 0.012)],
)
def test_every_setting_of_learning_on_line_changes_the_key(part, name, value):
    one = cell("online-spikes")
    changed = one.settings | {part: one.settings[part] | {name: value}}
    assert replace(one, settings=changed).key != one.key
    assert set(one.settings["network"]) | {"hidden", "feedback", "derivative"} == {
        f.name for f in fields(type(one.spiking_pc()[0]))
    }


@pytest.mark.parametrize(
    "changes, name",
    [
        ({"method": "hebb"}, "method"),
        ({"backends": ("brian",)}, "backends"),
        ({"encoder": "morse"}, "encoder"),
        ({"activation": "relu"}, "backends"),
        ({"method": "nengodl", "feedback": "random"}, "feedback"),
        ({"method": "online-spikes"}, "method"),
    ],
)
def test_cells_that_make_no_sense(changes, name):
    with pytest.raises(ValidationError, match=name):
        replace(cell(), **changes)


# --- the grid


@pytest.mark.parametrize("quick", [False, True])
def test_the_grid_holds_every_method_of_the_package(quick):
    grid = replace(Grid(), **QUICK_GRID) if quick else Grid()
    cells = plan(grid, Study("digits", 1197, 300, **(QUICK if quick else {}))).cells
    assert {c.method for c in cells} == {*METHODS, *RULES, *ONLINE}
    assert {c.feedback for c in cells if not c.is_online} == set(FEEDBACKS)
    assert {b for c in cells for b in c.backends} == set(BACKENDS)
    assert {c.batch_norm for c in cells if not c.is_online} == {True, False}
    assert {c.activation for c in cells if not c.is_online} == {"softlif", "relu"}
    assert len({c.key for c in cells}) == len(cells)
    seeds = {}
    for c in cells:
        seeds.setdefault(c.row_key, []).append(c.seed)
    assert all(s == [0, 1, 2] for s in seeds.values())
    if not quick:
        assert {c.derivative for c in cells} == set(DERIVATIVES)


def test_what_is_not_in_the_grid_is_listed_with_the_reason():
    grid = Grid(methods=("nengodl", "zil", "online-spikes"), seeds=(0,))
    planned = plan(grid, Study("digits", 1197, 300))
    combinations = 3 * len(grid.feedbacks) * len(grid.optimizers) * 2 * len(grid.activations)
    assert len(planned.cells) + sum(map(len, planned.left_out.values())) == combinations
    reasons = {reason: names for reason, names in planned.left_out.items() if reason != DESIGN}
    assert any("feedback must be 'transpose' with method nengodl" in reason for reason in reasons)
    assert all(n.startswith("online") for r, ns in reasons.items() if "on line" in r for n in ns)


def test_any_optimizer_has_a_learning_rate():
    grid = Grid(methods=("zil",), optimizers=OPTIMIZERS, seeds=(0,))
    rates = {c.optimizer: c.settings["learning_rate"] for c in plan(grid, Study("d", 9, 9)).cells}
    assert set(rates) == set(OPTIMIZERS) and rates["sgd"] > rates["adam"]


@pytest.mark.parametrize(
    "given, name",
    [("--seeds 1 1", "seeds"), ("--test-images 301", "--test-images"), ("--workers 0", "workers")],
)
def test_bad_options_end_with_one_line(given, name, capsys, tmp_path):
    argv = ["--quick", "--out", str(tmp_path / "out"), *given.split()]
    assert command.main(argv) == 2
    error = capsys.readouterr().err
    assert name in error and error.count("\n") == 1


# --- statistics


def test_paired_interval_of_students_own_example():
    # Student 1908, the sleep data; interval as in the documentation of R's `t.test`.
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = paired_difference(dict(enumerate(first)), dict(enumerate(second)))
    assert found.mean == pytest.approx(-1.58)
    assert (found.low, found.high) == pytest.approx((-2.4598858, -0.7001142), abs=1e-6)
    assert found.excludes_zero and found.n == 10


@pytest.mark.parametrize("n", [2, 3, 8])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_paired_interval_is_scipys(n, confidence):
    ours, theirs = np.random.default_rng(n).normal(0.97, 0.01, (2, n))
    found = paired_difference(dict(enumerate(ours)), dict(enumerate(theirs)), confidence)
    wanted = stats.ttest_rel(ours, theirs).confidence_interval(confidence)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), rel=1e-9)
    assert found.sd == pytest.approx(np.std(ours - theirs, ddof=1))


def test_pairs_share_a_seed_and_one_pair_has_no_interval():
    found = paired_difference({0: 0.9, 1: 0.8, 2: 0.1}, {1: 0.7, 5: 0.3})
    assert (found.mean, found.n) == (pytest.approx(0.1), 1)
    assert (found.sd, found.low, found.high, found.excludes_zero) == (None, None, None, False)
    assert paired_difference({0: 1.0}, {1: 1.0}) is None
    with pytest.raises(ValueError, match="values"):
        mean_interval([])
    with pytest.raises(ValueError, match="confidence"):
        mean_interval([1.0], 95)


def test_words_claim_no_more_than_the_numbers():
    def words(values):
        return questions.differs(mean_interval(values), "that of backprop")

    assert "no interval" in words([0.01]) and "+1.00 points from that of backprop" in words([0.01])
    chance = words([0.01, -0.02, 0.02])
    assert "contains 0: not told from chance" in chance and "3 seeds" in chance
    told = words([-0.02, -0.021, -0.0205])
    assert "−2.05 points" in told and "chance" not in told
    assert words([0.0, 0.0]) == "equals that of backprop in each of 2 seeds"
    assert "no seed" in questions.differs(None, "that of backprop")


# --- running


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert command.main([*TINY, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def with_a_dead_worker(tmp_path_factory):
    """The tiny cells and one that fails, whose only worker was killed in the middle of a cell."""
    folder = tmp_path_factory.mktemp("dead")
    cells = list(tiny()[2].cells[1:3])
    bad = replace(cells[0], settings=cells[0].settings | {"learning_rate": 1e30})
    cells.insert(1, bad)
    store, killed = Store(folder), []
    with connect(workers=1) as client:

        def kill():
            until(lambda: any(store.folder.glob("*.json")), "a first cell")
            time.sleep(0.5)
            killed.extend(client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        run_cells(cells, store, client, folder / "trained", progress=False)
        killer.join()
        alive = list(client.run(os.getpid).values())
    assert len(killed) == 1 and alive != killed
    return folder, cells, bad


def test_cells_of_a_dead_worker_run_again(undisturbed, with_a_dead_worker):
    folder, cells, bad = with_a_dead_worker
    good = [c for c in cells if c is not bad]
    assert without_timing(good, results_of(folder, good)) == without_timing(
        good, results_of(undisturbed, good)
    )


def test_a_failing_cell_does_not_stop_the_rest(with_a_dead_worker, tmp_path):
    folder, cells, bad = with_a_dead_worker
    results = results_of(folder, cells)
    assert [r["status"] for r in results] == ["failed" if c is bad else "done" for c in cells]
    failed = results[cells.index(bad)]
    assert "TrainingDiverged" in failed["error"] and failed["traceback"]
    grid, study, planned = tiny()
    argv = "python run_comparison.py"
    n = report.write_comparison(
        tmp_path, argv, DIGITS, grid, study, Plan(tuple(cells), planned.left_out), results
    )
    assert n == 1
    page = (tmp_path / "report.html").read_text()
    assert "TrainingDiverged" in page and "1 of the runs failed" in page
    runs = json.loads((tmp_path / "metrics.json").read_text())["runs"]
    assert [r["status"] for r in runs].count("failed") == 1
    assert "TrainingDiverged" in next(r["error"] for r in runs if r["status"] == "failed")


def test_a_backend_that_fails_does_not_lose_the_others(undisturbed, tmp_path):
    # Loihi's chip is left with nothing where the one hidden layer gets currents.
    pytest.importorskip("nengo_loihi")
    one = replace(tiny()[2].cells[0], backends=("xla", "loihi"))
    result = run_cell(one.to_dict(), str(undisturbed / "trained"))
    kept = Store(undisturbed).load(tiny()[2].cells[0])
    assert result["status"] == "done" and list(result["scores"]) == ["xla"]
    assert "nothing is left for the Loihi chip" in result["failed_backends"]["loihi"]["error"]
    # Parameters were not trained again.
    assert result["parameters_digest"] == kept["parameters_digest"]
    assert result["seconds_train"] == kept["seconds_train"]


def test_a_killed_script_goes_on_and_gives_the_same_table(undisturbed, tmp_path):
    argv = [sys.executable, str(ROOT / "run_comparison.py"), *TINY, "--out", str(tmp_path)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until(lambda: any(tmp_path.glob("cells/*.json")), "a first cell")
        workers = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert workers and not alive
    cells = tiny()[2].cells
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cells/*.json")}
    assert 0 < len(kept) < len(cells) and not (tmp_path / "report.html").exists()
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{len(cells)} cells, of which {len(cells) - len(kept)} are to run" in done.stdout
    assert done.stderr == ""
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())
    assert without_timing(cells, results_of(tmp_path, cells)) == without_timing(
        cells, results_of(undisturbed, cells)
    )


def test_the_same_command_runs_nothing_again(undisturbed, capsys):
    page = (undisturbed / "report.html").read_bytes()
    assert command.main([*TINY, "--out", str(undisturbed)]) == 0
    assert "4 cells, of which 0 are to run" in capsys.readouterr().out
    assert (undisturbed / "report.html").read_bytes() == page


def test_damaged_cells_are_named(tmp_path):
    store, one = Store(tmp_path), cell()
    assert store.load(one) is None
    store.save(one, {"status": "failed"})
    assert store.load(one) == {"status": "failed"}
    path = store.path(one)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ValueError, match=one.key):
        store.load(one)


# --- the report


class Page(HTMLParser):
    """Attributes that fetch something, and the full table's text."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.table, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.fetched += [v for k, v in attributes.items() if k in ("src", "href", "srcset", "data")]
        if tag == "table":
            self.inside = attributes.get("id") == "full"
        if self.inside and tag == "tr":
            self.table.append([])
        if self.inside and tag in ("td", "th"):
            self.table[-1].append("")

    def handle_data(self, data):
        if self.inside and self.table and self.table[-1]:
            self.table[-1][-1] += data.strip()

    def handle_endtag(self, tag):
        if tag == "table":
            self.inside = False


def test_the_report_needs_no_other_file(undisturbed):
    text = (undisturbed / "report.html").read_text()
    page = Page(text)
    assert page.fetched and all(v.startswith(("#", "data:")) for v in page.fetched)
    assert "url(" not in text and "@import" not in text and "<link" not in text
    assert text.count("data:image/svg+xml;base64,") == len(report.FIGURES)


def test_numbers_in_the_table_are_those_of_the_cells(undisturbed):
    heading, *body = Page((undisturbed / "report.html").read_text()).table
    cells = tiny()[2].cells
    by_method = {}
    for path in (undisturbed / "cells").glob("*.json"):
        kept = json.loads(path.read_text())
        by_method.setdefault(kept["cell"]["method"], []).append(kept["result"])
    assert [line[heading.index("method")] for line in body] == ["backprop", "zil"]
    assert sum(map(len, by_method.values())) == len(cells)
    for line in body:
        results = by_method[line[heading.index("method")]]
        for name, values in {
            "rate (%)": [100 * r["rate_accuracy"] for r in results],
            "spiking (%)": [100 * r["scores"]["native"]["accuracy"] for r in results],
        }.items():
            wanted = f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"
            assert line[heading.index(name)] == wanted
        synops = [r["scores"]["native"]["synops_per_image"] for r in results]
        assert line[heading.index("synops / image")].startswith(f"{np.mean(synops):,.0f} ±")
        assert line[heading.index("parameters")] == str(64 * 12 + 12 + 12 * 10 + 10)
        verdicts = results[0]["audit"]
        symbols = {"yes": "●", "partly": "◐", "no": "○"}
        for problem in PROBLEMS:
            assert line[heading.index(f"audit: {problem}")] == symbols[verdicts[problem]["verdict"]]


def test_metrics_have_what_every_experiment_has(undisturbed):
    from nengo_pc.analysis import load_metrics, runs_of

    wanted = shlex.split(
        "experiment version command seed dataset n_train n_test network method optimizer dt "
        "presentation_time encoder synapse backend substitutions rate_accuracy accuracy "
        "confidence_interval mean_rate_hz spikes_per_image synops_per_image seconds "
        "accuracy_over_time"
    )
    runs = runs_of(load_metrics(undisturbed))
    assert len(runs) == 4
    for run in runs:
        assert not set(wanted) - run.keys()
        assert set(run["seconds"]) >= {"train", "simulate"}


def test_methods_of_the_command_line_are_all_methods():
    action = next(a for a in command.parser()._actions if a.dest == "methods")
    assert tuple(action.choices) == ALL_METHODS
