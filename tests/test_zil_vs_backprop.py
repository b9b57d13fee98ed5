"""``run_zil_vs_backprop.py`` and its measurements, on real digits with tiny networks."""

import itertools
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from nengo_pc import datasets
from nengo_pc.analysis import plots
from nengo_pc.analysis.style import KNOWN, line_styles
from nengo_pc.experiments import rule_angles, rule_comparison, rule_timing, zil_vs_backprop
from nengo_pc.experiments.rule_angles import angles_over_steps
from nengo_pc.experiments.rule_comparison import (
    RecordingOptimizer,
    angle,
    compare_rules,
    minibatches,
    relative_difference,
)
from nengo_pc.experiments.rule_timing import time_updates
from nengo_pc.learning import TrainingOptions, train
from nengo_pc.learning.trainer import make_engine
from nengo_pc.networks import Dense, Parameters

SCRIPT = Path(__file__).parent.parent / "run_zil_vs_backprop.py"
SMALL = ["--dataset", "digits", "--hidden", "12", "10", "--batch-size", "60"]
SMALL += ["--timing-rounds", "2", "--angle-depths", "--angle-steps"]
STEPS = 10
# What DESIGN and later analyses rely on in each run of metrics.json.
KEYS = {
    "experiment", "version", "command", "seed", "dataset", "dataset_notice", "n_train", "n_test",
    "network", "method", "optimizer", "dt", "presentation_time", "encoder", "synapse", "backend",
    "substitutions", "rate_accuracy", "accuracy", "confidence_interval", "mean_rate_hz",
    "spikes_per_image", "synops_per_image", "seconds", "accuracy_over_time",
    "max_relative_difference", "max_relative_parameter_difference", "ms_per_update",
    "time_ratio_to_backprop", "history",
}  # fmt: skip


def load(folder):
    metrics = json.loads((folder / "metrics.json").read_text(), parse_constant=pytest.fail)
    shared = {key: value for key, value in metrics.items() if key != "runs"}
    return metrics, {run["method"]: shared | run for run in metrics["runs"]}


class Uncompiled:
    """TensorFlow whose functions run as they are: compiling takes longer than such small runs."""

    def __init__(self, tensorflow):
        self._tensorflow = tensorflow

    def __getattr__(self, name):
        return getattr(self._tensorflow, name)

    @staticmethod
    def function(python_function, jit_compile):
        return python_function


@pytest.fixture(scope="module", autouse=True)
def tensorflow():
    """What engines have in place of TensorFlow in these tests, and TensorFlow itself."""
    from nengo_pc.learning import rule_engine

    real = rule_engine.tf
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_engine, "tf", Uncompiled(real))
        patch.setattr(rule_comparison, "N_VALIDATION", 60)
        patch.setattr(rule_angles, "N_BATCHES", 2)
        patch.setattr(rule_timing, "UPDATES", 1)
        yield real


@pytest.fixture
def compiled(tensorflow, monkeypatch):
    """Engines as users have them."""
    monkeypatch.setattr("nengo_pc.learning.rule_engine.tf", tensorflow)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """All rules in float64, with angles."""
    folder = tmp_path_factory.mktemp("all")
    arguments = [*SMALL, "3", "5", "--inference-steps", "3", "--inference-rate", "0.1"]
    arguments += ["--steps", str(STEPS), "--float64", "--out", str(folder)]
    assert zil_vs_backprop.main(arguments) == 0
    metrics, runs = load(folder)
    return SimpleNamespace(folder=folder, metrics=metrics, runs=runs, arguments=arguments)


# --- what the rules are known to do


@pytest.mark.parametrize("method", ["zil", "fixed-prediction"])
def test_rules_that_are_backprop_stay_with_it(method, outcome):
    run = outcome.runs[method]
    assert run["max_relative_difference"] <= 1e-10
    assert run["max_relative_parameter_difference"] <= 1e-8
    assert run["mean_angle_degrees"] <= 1e-8
    assert run["accuracy"] == outcome.runs["backprop"]["accuracy"]


@pytest.mark.parametrize("method", ["il", "ipc"])
def test_rules_that_are_not_differ(method, outcome):
    run = outcome.runs[method]
    assert run["max_relative_difference"] > 1e-3
    assert run["max_relative_parameter_difference"] > 1e-3
    assert all(1 < entry["angle_degrees"] < 90 for entry in run["history"])


def test_backprop_does_not_differ_from_itself(outcome):
    run = outcome.runs["backprop"]
    assert run["max_relative_difference"] == run["max_relative_parameter_difference"] == 0
    assert run["time_ratio_to_backprop"] == 1


def test_dropout_drops_the_same_units_in_all_rules(tmp_path):
    arguments = [*SMALL, "--methods", "zil", "--dropout", "0.4", "--batch-norm", "--float64"]
    assert zil_vs_backprop.main([*arguments, "--steps", "5", "--out", str(tmp_path)]) == 0
    metrics, runs = load(tmp_path)
    assert runs["zil"]["max_relative_difference"] <= 1e-10
    assert runs["zil"]["max_relative_parameter_difference"] <= 1e-8
    # Only what was asked for, and backprop.
    assert list(runs) == ["backprop", "zil"]
    assert metrics["timing"]["il_20_to_20_backprop"] is None
    assert metrics["angles"]["over_steps"] == metrics["angles"]["over_depth"] == []
    assert {path.stem for path in tmp_path.glob("*.png")} == {"learning", "differences", "time"}
    assert not (tmp_path / "parameters-il.npz").exists()


def small_options(**more):
    given = {
        "method": "backprop",
        "batch_size": 16,
        "batch_norm": False,
        "dropout": 0.0,
        "input_dropout": 0.0,
        "dtype": "float64",
    }
    return TrainingOptions(**given | more)


@pytest.mark.usefixtures("compiled")
def test_il_with_weak_nudging_is_backprop(digits):
    """Scellier et al. 2023: at equilibrium, as beta nears 0 (it is 1 above, and they differ)."""
    parameters = Parameters.random(digits.image_shape, [Dense(8), Dense(6), Dense(10)], seed=1)
    backprop = small_options(smoothing=0.5)
    states = {"start": make_engine(parameters, backprop, 1).state()}
    nudged = {"method": "il", "nudging": "positive", "beta": 1e-3, "inference_rate": 0.2}
    options = {"backprop": backprop, "il": replace(backprop, **nudged)}
    [row] = angles_over_steps(parameters, digits, options, states, [400], progress=False)
    assert row["angle_degrees"] < 0.1
    assert len(row["by_layer"]) == 3 and max(row["by_layer"]) < 0.1


def test_ipc_is_compared_by_the_sum_over_its_steps(digits):
    """With weights that hardly move: the first two steps of inference learning's values."""
    parameters = Parameters.random(digits.image_shape, [Dense(8), Dense(10)], seed=1)
    steps = {"inference_steps": 2, "inference_rate": 0.5}
    still = small_options(learning_rate=1e-12, optimizer="sgd")
    options = {"backprop": still, "ipc": replace(still, method="ipc", **steps)}
    [entry] = compare_rules(parameters, digits, options, 1, progress=False)["ipc"].history
    batch = next(minibatches(digits.train, 16, 0))
    backprop = make_engine(parameters, still, 1).gradients(*batch)
    il = replace(still, method="il", **steps | {"inference_steps": 1})
    after_one = make_engine(parameters, il, 1).gradients(*batch)
    # Before the first step only the output has an error, that of backprop.
    total = [after_one[0], after_one[1], after_one[2] + backprop[2], after_one[3] + backprop[3]]
    a, b = (np.concatenate([total[i].ravel() for i in (0, 2)]) for total in (total, backprop))
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert entry["angle_degrees"] == pytest.approx(np.degrees(np.arccos(cosine)), rel=1e-6)
    lengths = [math.sqrt(sum((x**2).sum() for x in arrays)) for arrays in (total, backprop)]
    worst = max(
        np.abs(x / lengths[0] - y / lengths[1]).max() / np.abs(y / lengths[1]).max()
        for x, y in zip(total, backprop)
    )
    assert entry["relative_difference"] == pytest.approx(worst, rel=1e-6)


@pytest.mark.usefixtures("compiled")
def test_one_layer_leaves_nothing_to_infer(digits):
    """Without hidden layers inference learning is the delta rule, and so is backprop."""
    parameters = Parameters.random(digits.image_shape, [Dense(10)], seed=0)
    options = {m: small_options(method=m) for m in ("backprop", "il")}
    runs = compare_rules(parameters, digits, options, 3, progress=False)
    for entry in runs["il"].history:
        assert entry["relative_difference"] < 1e-12
        assert entry["relative_parameter_difference"] < 1e-10
    # The first loss, by the book.
    images, labels = next(minibatches(digits.train, 16, 0))
    output = images.reshape(16, -1) @ parameters.weights[0].T.astype(float) + parameters.biases[0]
    loss = np.mean(np.log(np.exp(output).sum(1)) - output[np.arange(16), labels])
    assert runs["backprop"].history[0]["loss"] == pytest.approx(loss, rel=1e-6)


def test_minibatches_are_those_of_train(digits, tmp_path):
    """An epoch here ends where an epoch of the trainer does."""
    parameters = Parameters.random(digits.image_shape, [Dense(7), Dense(10)], seed=2)
    options = small_options(batch_size=200, seed=5, epochs=2)
    n_updates = 2 * (len(digits.train) // 200)
    run = compare_rules(parameters, digits, {"backprop": options}, n_updates, progress=False)
    ours = run["backprop"].engine.parameters()
    theirs = train(parameters, digits, options, progress=False).parameters
    for a, b in zip((*ours.weights, *ours.biases), (*theirs.weights, *theirs.biases)):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert [e["update"] for e in run["backprop"].history] == list(range(1, n_updates + 1))


def test_every_image_once_an_epoch():
    images = np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1)
    split = datasets.Split(images / 10, np.arange(10))
    batches = list(itertools.islice(minibatches(split, 5, seed=3), 4))
    for epoch in (batches[:2], batches[2:]):
        assert sorted(np.concatenate([labels for _, labels in epoch])) == list(range(10))
    for shown, labels in batches:
        assert (shown == images[labels] / 10).all()
    assert (batches[0][1] != batches[2][1]).any()


def test_about_fifty_updates_are_logged(digits):
    parameters = Parameters.random(digits.image_shape, [Dense(10)], seed=0)
    options = {"backprop": small_options()}
    run = compare_rules(parameters, digits, options, 120, progress=False)["backprop"]
    # Every third, the first and the last.
    assert [entry["update"] for entry in run.history] == [1, *range(3, 121, 3)]


# --- measures, in closed form


def test_angles_in_closed_form():
    east, north = np.array([[2.0, 0.0]]), np.array([[0.0, 3.0]])
    assert angle([east], [north]) == pytest.approx(90)
    assert angle([east], [7 * east]) == 0
    assert angle([east], [-east]) == pytest.approx(180)
    assert angle([east, np.zeros(3)], [east, np.full(3, 2 / math.sqrt(3))]) == pytest.approx(45)
    # Where the cosine is 1 to the last bit.
    tiny = [np.array([1.0, 1e-9])]
    assert angle([np.array([1.0, 0.0])], tiny) == pytest.approx(math.degrees(1e-9))
    assert angle([0 * east], [north]) is None
    assert angle([east], [north * math.nan]) is None


def test_relative_differences_in_closed_form():
    a, b = [np.array([1.0, 2.0]), np.array([[10.0]])], [np.array([1.5, -2.0]), np.array([[10.5]])]
    assert relative_difference(a, b) == pytest.approx(4 / 2)
    assert relative_difference(a, a) == 0
    assert relative_difference([np.zeros(2)], [np.zeros(2)]) == 0
    assert relative_difference([np.ones(2)], [np.zeros(2)]) is None
    assert relative_difference([np.array([math.nan])], [np.ones(1)]) is None


def test_a_recording_optimizer_adds_up_and_passes_on():
    from nengo_pc.backends.compatibility import import_tensorflow

    tf = import_tensorflow()
    variables, given = [tf.Variable([1.0, 2.0]), tf.Variable(3.0)], []
    plain = SimpleNamespace(apply_gradients=given.append, iterations=4)
    recording = RecordingOptimizer(plain, variables)
    for factor in (1.0, 10.0):
        gradients = [tf.constant([factor, 0.0]), tf.constant(2 * factor)]
        recording.apply_gradients(zip(gradients, variables))
    assert [len(pairs) for pairs in given] == [2, 2]
    assert recording.iterations == 4
    first, second = recording.take()
    assert first.tolist() == [11, 0] and second == 22
    assert [np.sum(array) for array in recording.take()] == [0, 0]


def test_times_are_taken_in_turn(monkeypatch):
    """By a clock that every update moves by a known time."""
    now, calls = [0.0], []

    def engine(name, seconds):
        def update(images, labels):
            calls.append(name)
            # The first update compiles.
            now[0] += seconds if calls.count(name) > 1 else 100.0

        return SimpleNamespace(update=update)

    monkeypatch.setattr(rule_timing.time, "perf_counter", lambda: now[0])
    engines = {"a": engine("a", 0.002), "b": engine("b", 0.006)}
    ms = time_updates(engines, None, None, rounds=3, updates=4, progress=False)
    assert ms["a"] == pytest.approx([2, 2, 2])
    assert ms["b"] == pytest.approx([6, 6, 6])
    turns = [name for name, _ in itertools.groupby(calls[2:])]
    assert turns == ["a", "b", "a", "b"]  # b, a in the second round: two turns run together
    assert calls[2:].count("a") == calls[2:].count("b") == 12


# --- what a run leaves


def soft_lif(current, smoothing=0.02):
    drive = smoothing * np.logaddexp(0, (current - 1) / smoothing)
    with np.errstate(divide="ignore"):
        return 0.05 / (0.004 + 0.02 * np.log1p(1 / drive))


@pytest.mark.parametrize("method", zil_vs_backprop.RULES)
def test_accuracy_is_that_of_the_parameters_it_leaves(method, outcome, digits):
    parameters = Parameters.load(outcome.folder / f"parameters-{method}.npz")
    a = digits.test.images.reshape(len(digits.test), -1)
    *hidden, last = zip(parameters.weights, parameters.biases)
    for weights, bias in hidden:
        a = soft_lif(a @ weights.T.astype(float) + bias)
    correct = (a @ last[0].T + last[1]).argmax(1) == digits.test.labels
    run = outcome.runs[method]
    assert run["accuracy"] == pytest.approx(correct.mean())
    # Wilson 1927.
    n, p, z = len(correct), correct.mean(), 1.959964
    centre, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    ends = [(centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)]
    assert run["confidence_interval"] == pytest.approx(ends, rel=1e-5)


def test_metrics_have_what_others_read(outcome):
    assert list(outcome.runs) == list(zil_vs_backprop.RULES)
    for method, run in outcome.runs.items():
        assert set(run) >= KEYS
        assert run["method"] == method and run["seed"] == 0
        assert run["backend"] == "tensorflow"
        assert run["network"] == "64-12-10-10"
        assert (run["n_train"], run["n_test"]) == (1197, 300)
        for key in ("ms_per_update", "time_ratio_to_backprop", "accuracy"):
            assert isinstance(run[key], float) and run[key] > 0
        assert isinstance(run["max_relative_difference"], float)
        updates = [entry["update"] for entry in run["history"]]
        assert updates == list(range(1, STEPS + 1))
        for entry in run["history"]:
            assert all(math.isfinite(value) for value in entry.values())
            assert 0 <= entry["validation_accuracy"] <= 1
        largest = max(entry["relative_difference"] for entry in run["history"])
        assert run["max_relative_difference"] == largest
    assert outcome.metrics["timing"]["il_20_to_20_backprop"] > 0
    assert "--float64" in outcome.metrics["command"]
    assert outcome.metrics["precision"] == 2.0**-52
    assert outcome.metrics["n_validation"] == 60


def test_angles_lie_between_parallel_and_orthogonal(outcome):
    rows = outcome.metrics["angles"]["over_steps"]
    assert [(r["inference_steps"], r["at"]) for r in rows] == [
        (n, at) for n in (3, 5) for at in ("start", "trained")
    ]
    for row in rows:
        assert len(row["by_layer"]) == 3
        assert all(0 < value < 90 for value in (row["angle_degrees"], *row["by_layer"]))
        # A vector of several parts is no further off than the furthest part.
        assert row["sd"] > 0


def test_the_folder_and_the_report(outcome):
    figures = {"learning", "differences", "angles", "layer_angles", "time"}
    names = {f"{name}{suffix}" for name in figures for suffix in (".png", ".svg")}
    names |= {f"parameters-{method}.npz" for method in zil_vs_backprop.RULES}
    names |= {"report.md", "metrics.json"}
    assert {path.name for path in outcome.folder.iterdir()} == names
    report = (outcome.folder / "report.md").read_text()
    assert outcome.metrics["command"] in report
    assert report.startswith("# Learning rules against backprop\n")
    assert "Z-IL: no update differs" in report and "None" not in report
    assert all(f"![Figure {n}]" in report for n in range(1, 6))
    for name in figures:
        with Image.open(outcome.folder / f"{name}.png") as image:
            pixels = np.asarray(image.convert("L"))
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert (border > 250).all(), f"{name} is cut off"


def test_seeds_and_the_digits_in_place_of_mnist(tmp_path, monkeypatch, capsys):
    def unavailable(name):
        raise datasets.NotAvailableError("no MNIST here")

    monkeypatch.setattr("nengo_pc.datasets.loader.search", unavailable)
    arguments = [*SMALL[2:], "--methods", "backprop", "--steps", "3", "--seed", "4", "--seeds", "2"]
    assert zil_vs_backprop.main([*arguments, "--out", str(tmp_path)]) == 0
    metrics, _ = load(tmp_path)
    assert [run["seed"] for run in metrics["runs"]] == [4, 5]
    assert metrics["runs"][0]["history"] != metrics["runs"][1]["history"]
    assert metrics["dataset"] == "digits" and "no MNIST here" in metrics["dataset_notice"]
    out = capsys.readouterr().out
    assert "NOTICE" in out and "±" in out
    assert metrics["dataset_notice"] in (tmp_path / "report.md").read_text()


# --- what goes wrong


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--steps", "0"], ["--steps", "0"]),
        (["--seeds", "0"], ["--seeds", "0"]),
        (["--timing-rounds", "-1"], ["--timing-rounds", "-1"]),
        (["--hidden", "10", "0"], ["--hidden", "0"]),
        (["--angle-steps", "5", "0"], ["--angle-steps", "0"]),
        (["--angle-depths", "-2"], ["--angle-depths", "-2"]),
        (["--batch-size", "5000"], ["--batch-size", "5000", "1197"]),
        (["--batch-size", "0"], ["--batch-size", "0"]),
        (["--learning-rate", "-1"], ["learning_rate", "-1"]),
        (["--dropout", "1.5"], ["dropout", "1.5"]),
        (["--inference-steps", "0"], ["inference_steps", "0"]),
        (["--inference-rate", "0"], ["inference_rate", "0"]),
        (["--seed", "-1"], ["seed", "-1"]),
        (["--data", "nowhere"], ["nowhere"]),
    ],
)
def test_bad_input_is_said_before_any_work(arguments, words, tmp_path, capsys):
    status = zil_vs_backprop.main([*SMALL, *arguments, "--out", str(tmp_path / "out")])
    message = capsys.readouterr().err
    assert status == 2
    assert all(word in message for word in words), message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--methods", "--dataset", "--optimizer"])
def test_unknown_names_list_the_choices(flag, capsys):
    with pytest.raises(SystemExit) as exit_:
        zil_vs_backprop.main([flag, "bogus"])
    assert exit_.value.code == 2
    message = capsys.readouterr().err
    assert flag in message and "bogus" in message and "choose from" in message


def test_a_folder_that_cannot_be_written_stops_the_run_at_once(tmp_path, capsys):
    (tmp_path / "file").write_text("not a folder")
    assert zil_vs_backprop.main([*SMALL, "--out", str(tmp_path / "file" / "results")]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_divergence_is_an_error_that_says_what_to_change(tmp_path, capsys):
    arguments = ["--methods", "backprop", "--optimizer", "sgd", "--learning-rate", "1e38"]
    assert zil_vs_backprop.main([*SMALL, *arguments, "--out", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "--learning-rate" in message and "backprop" in message and "update" in message
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing(tmp_path, monkeypatch, capsys):
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(rule_comparison.RuleRun, "update", stopped)
    arguments = [*SMALL, "--methods", "backprop", "--out", str(tmp_path)]
    assert zil_vs_backprop.main(arguments) == 130
    assert "Nothing is kept" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help_reads_without_tensorflow():
    code = (
        "import sys; from nengo_pc.experiments import zil_vs_backprop; "
        "zil_vs_backprop.parser().format_help(); sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- figures


def test_methods_are_told_apart_without_colour():
    names = ["nengodl", *zil_vs_backprop.RULES]
    assert set(names) <= set(KNOWN)
    styles = line_styles(names).values()
    for key in ("color", "linestyle", "marker"):
        assert len({style[key] for style in styles}) == len(names), key


def test_differences_of_zero_and_unknown_ones_are_drawn():
    def history(values):
        keys = ("relative_difference", "relative_parameter_difference")
        return [{"update": n, **dict.fromkeys(keys, v)} for n, v in enumerate(values, 1)]

    histories = {"zil": history([0.0, 1e-16, 0.0]), "il": history([0.5, None, 2.0])}
    figure = plots.rule_differences(histories, 2.0**-52)
    axes = figure.axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    low, high = axes.get_ylim()
    assert lines["zil"] == pytest.approx([low, 1e-16, low], rel=1e-12)
    assert np.isnan(lines["il"][1]) and lines["il"][2] == 2
    assert low < 1e-16 and high >= 2
    with pytest.raises(ValueError, match="histories is empty"):
        plots.rule_differences({"zil": []}, 1e-7)


def test_markers_of_curves_that_lie_on_each_other_do_not():
    entries = [
        {"update": n, "loss": 1 / n, "validation_accuracy": 1 - 0.5 / n} for n in range(1, 51)
    ]
    figure = plots.rule_curves(dict.fromkeys(zil_vs_backprop.RULES, entries))
    for axes in figure.axes:
        marked = [
            set(range(50)[slice(line.get_markevery()[0], None, line.get_markevery()[1])])
            for line in axes.get_lines()
        ]
        assert len(marked) == 5 and all(marked)
        assert not any(a & b for a, b in itertools.combinations(marked, 2))
    error = figure.axes[1].get_lines()[0].get_ydata()
    assert error[0] == pytest.approx(50) and error[-1] == pytest.approx(1)


def test_angles_above_ninety_degrees_are_on_the_axis():
    rows = [
        {"inference_steps": n, "at": at, "angle_degrees": 60.0, "sd": 1.0, "by_layer": [10.0, 117]}
        for n in (1, 10)
        for at in ("start", "trained")
    ]
    for axes in plots.layer_angles(rows).axes:
        assert axes.get_ylim()[1] > 117
    figure = plots.update_angles(rows, [])
    assert len(figure.axes) == 1 and figure.axes[0].get_ylim()[1] < 100
    with pytest.raises(ValueError, match="empty"):
        plots.update_angles([], [])
