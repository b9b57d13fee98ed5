import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from nengo_pc.analysis import (
    accuracy,
    energy_per_image,
    load_metrics,
    summarise,
    table,
    write_report,
)
from nengo_pc.analysis import plots as draw


def digits():
    return load_digits()


def a_run(**changes):
    run = {
        "experiment": "Digits in spikes",
        "version": "0.1.0",
        "command": "python -m nengo_pc.experiments.digits",
        "seed": 0,
        "dataset": "digits",
        "dataset_notice": None,
        "n_train": 1000,
        "n_test": 500,
        "network": "64-100-10",
        "method": "backpropagation",
        "optimizer": "Adam",
        "dt": 0.001,
        "presentation_time": 0.1,
        "encoder": "current",
        "synapse": "low-pass 5 ms",
        "backend": "reference",
        "substitutions": [],
        "rate_accuracy": 0.98,
        "accuracy": np.float64(0.97),
        "confidence_interval": np.array([0.951, 0.982]),
        "mean_rate_hz": {"hidden": np.float32(21.5)},
        "dead_neurons": {"hidden": 0.03},
        "spikes_per_image": 215.0,
        "synops_per_image": 2150.0,
        "energy": energy_per_image(2150, 7400, 100, 100),
        "seconds": {"train": 3.2, "simulate": 1.5},
        "accuracy_over_time": {"time_s": np.arange(3) * 0.001, "accuracy": [0.1, 0.9, 0.97]},
        "time_to_99_percent_s": 0.031,
        "class_histogram": np.full(10, 50),
        "confusion_matrix": np.diag(np.full(10, 50)),
    }
    return run | changes


def a_figure():
    return draw.digit(np.eye(3))


def test_round_trip(tmp_path):
    write_report(tmp_path / "new" / "folder", a_run(), {"digit": a_figure()})
    folder = tmp_path / "new" / "folder"
    assert {path.name for path in folder.iterdir()} == {
        "digit.png",
        "digit.svg",
        "report.md",
        "metrics.json",
    }
    metrics = load_metrics(folder)
    assert metrics["confidence_interval"] == [0.951, 0.982]
    assert metrics["accuracy_over_time"]["time_s"] == [0.0, 0.001, 0.002]
    assert metrics["energy"]["relu_j"]["gpu"] == pytest.approx(7500 * 0.3e-9)
    assert metrics["class_histogram"] == [50] * 10
    assert metrics["dataset_notice"] is None
    assert metrics["seconds"] == {"train": 3.2, "simulate": 1.5}


def test_same_metrics_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_report(tmp_path / name, a_run(), {"digit": a_figure()})
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_report_says_what_matters(tmp_path):
    notice = "These are scikit-learn's digits, not MNIST."
    run = a_run(dataset_notice=notice, substitutions=["LIF by LoihiLIF"], backend="loihi")
    write_report(tmp_path, run, {"digit": (a_figure(), "A diagonal."), "confusion": a_figure()})
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# Digits in spikes\n")
    summary = text.split("\n\n")[1]
    assert "97.00 % (95 % Wilson interval 95.10 to 98.20 %, seed 0)" in summary
    assert "500 test images of digits" in summary
    assert "98.00 %: spikes lose 1.00 points" in summary
    assert f"> {notice}" in text
    assert "```sh\npython -m nengo_pc.experiments.digits\n```" in text
    assert "**Substitutions.**" in text
    assert "- loihi: LIF by LoihiLIF" in text
    assert "hidden (Hz)" in text and "21.5" in text
    assert "Horowitz" in text and "Davies" in text and "Degnan" in text
    assert "![Figure 1](digit.png)\n\n**Figure 1.** A diagonal." in text
    assert "**Figure 2.** Test images by true and answered class" in text
    assert "Warnings" not in text
    assert "Over seeds" not in text


def test_a_bare_run_is_enough(tmp_path):
    keys = ("experiment", "network", "backend", "seed", "dataset", "n_test", "accuracy")
    write_report(tmp_path, {key: a_run()[key] for key in keys}, {})
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "97.00" in text
    assert "None" not in text and "Substitutions" not in text and "Figures" not in text


def test_failures_that_accuracy_hides_are_warned_of(tmp_path):
    one_class = [490, 10] + [0] * 8
    matrix = np.zeros((10, 10), dtype=int)
    matrix[:, 0] = 50
    run = a_run(
        dead_neurons={"hidden": 1.0, "other": 0.99},
        class_histogram=one_class,
        confusion_matrix=matrix,
    )
    write_report(tmp_path, run, {})
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "## Warnings" in text
    assert "no neuron of layer hidden fired" in text
    assert "layer other" not in text
    assert "98.0% of all answers are class 0" in text


def test_one_class_shown_is_no_failure(tmp_path):
    matrix = np.zeros((10, 10), dtype=int)
    matrix[7, 7] = 5
    run = a_run(class_histogram=matrix.sum(axis=0), confusion_matrix=matrix)
    write_report(tmp_path, run, {})
    assert "Warnings" not in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_several_runs(tmp_path):
    shared = a_run()
    for key in ("seed", "backend", "accuracy", "confidence_interval"):
        del shared[key]
    runs = [
        {"backend": "reference", "seed": 0, "accuracy": 0.96},
        {"backend": "reference", "seed": 1, "accuracy": 0.98},
        {"backend": "loihi", "seed": 0, "accuracy": 0.91, "confidence_interval": [0.88, 0.93]},
    ]
    write_report(tmp_path, shared | {"runs": runs}, {})
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    # The standard deviation of 96 and 98 with n - 1 is sqrt(2).
    assert "reference: 97.00 ± 1.41 % (mean ± standard deviation over the seeds 0, 1)" in text
    assert "loihi: 91.00 % (95 % Wilson interval 88.00 to 93.00 %, seed 0)" in text
    assert "## Over seeds" in text
    assert load_metrics(tmp_path)["runs"] == runs


def test_a_sweep_is_told_apart_by_what_varies(tmp_path):
    runs = [
        {"presentation_time": time, "seed": seed, "accuracy": 0.9 + time + seed / 100}
        for time in (0.01, 0.02)
        for seed in (0, 1)
    ]
    write_report(tmp_path, a_run(runs=runs), {})
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "presentation time 10 ms: 91.50 ± 0.71 %" in text
    assert "presentation time 20 ms: 92.50 ± 0.71 %" in text


def test_many_conditions_are_summed_up(tmp_path):
    runs = [{"presentation_time": n / 100, "accuracy": 0.9 + n / 100} for n in range(1, 9)]
    write_report(tmp_path, a_run(runs=runs, confidence_interval=None), {})
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "over 8 conditions goes from 91.00 % (seed 0)" in text
    assert "to 98.00 % (seed 0)" in text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("nan")])
def test_nan_is_refused_by_name_and_nothing_is_written(tmp_path, value):
    run = a_run(mean_rate_hz={"hidden": value})
    with pytest.raises(ValueError, match=r"metrics\['mean_rate_hz'\]\['hidden'\] is (nan|inf)"):
        write_report(tmp_path / "out", run, {"digit": a_figure()})
    assert not (tmp_path / "out").exists()


def test_nan_in_an_array_is_refused_by_place(tmp_path):
    run = a_run(runs=[{}, {"confidence_interval": np.array([0.9, np.nan])}])
    message = r"metrics\['runs'\]\[1\]\['confidence_interval'\]\[1\] is nan"
    with pytest.raises(ValueError, match=message):
        write_report(tmp_path, run, {})


@pytest.mark.parametrize("wrong", [{1: 2}, {"a": {1, 2}}, {"a": object()}])
def test_what_json_lacks_is_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match=r"metrics\['extra'\]"):
        write_report(tmp_path, a_run(extra=wrong), {})


def test_a_lacking_key_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"run 0 of metrics lacks \['backend', 'n_test'\]"):
        write_report(tmp_path, a_run(n_test=None, backend=None), {})
    with pytest.raises(ValueError, match=r"metrics\['runs'\] is empty"):
        write_report(tmp_path, a_run(runs=[]), {})
    assert list(tmp_path.iterdir()) == []


def test_a_failing_figure_leaves_nothing(tmp_path):
    class Failing:
        def savefig(self, *args, **kwargs):
            raise RuntimeError("no such glyph")

    with pytest.raises(RuntimeError, match="no such glyph"):
        write_report(tmp_path, a_run(), {"digit": a_figure(), "bad": Failing()})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match="has not ended"):
        load_metrics(tmp_path)


def test_metrics_come_last(tmp_path):
    (tmp_path / "report.md").mkdir()  # the report cannot be put in place
    with pytest.raises(OSError):
        write_report(tmp_path, a_run(), {"digit": a_figure()})
    assert {path.name for path in tmp_path.iterdir()} == {"digit.png", "digit.svg", "report.md"}


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    with pytest.raises(OSError, match="file"):
        write_report(blocker / "report", a_run(), {})
    with pytest.raises(OSError, match="file"):
        draw.save_figure(a_figure(), blocker / "digit")


@pytest.mark.parametrize("name", ["", "a/b", "../a", "report"])
def test_figure_names_are_plain(tmp_path, name):
    with pytest.raises(ValueError, match="figures has the name"):
        write_report(tmp_path, a_run(), {name: a_figure()})


def test_load_metrics_names_a_broken_file(tmp_path):
    (tmp_path / "metrics.json").write_text('{"accuracy": ')
    with pytest.raises(ValueError, match=r"metrics\.json is not JSON"):
        load_metrics(tmp_path)


def test_dataclasses_are_stored_by_field(tmp_path):
    write_report(tmp_path, a_run(score=accuracy([1, 1], [1, 0])), {})
    stored = json.loads((tmp_path / "metrics.json").read_text())["score"]
    assert stored["correct"] == 1 and stored["total"] == 2


def test_summarise_gives_mean_and_sample_deviation():
    runs = [a_run(seed=seed, accuracy=value) for seed, value in enumerate([0.95, 0.96, 0.99])]
    (summary,) = summarise(runs)
    assert summary["n_seeds"] == 3
    assert summary["seeds"] == [0, 1, 2]
    assert summary["accuracy"]["mean"] == pytest.approx(np.mean([0.95, 0.96, 0.99]))
    assert summary["accuracy"]["sd"] == pytest.approx(np.std([0.95, 0.96, 0.99], ddof=1))
    assert summary["conversion_loss"]["mean"] == pytest.approx(0.98 - 2.9 / 3)


def test_a_repeated_seed_is_not_another_sample():
    runs = [a_run(seed=0, accuracy=0.9), a_run(seed=0, accuracy=1.0), a_run(seed=1, accuracy=0.97)]
    (summary,) = summarise(runs)
    assert summary["n_seeds"] == 2
    assert summary["accuracy"]["mean"] == pytest.approx(0.96)
    assert summary["accuracy"]["sd"] == pytest.approx(np.std([0.95, 0.97], ddof=1))


def test_summarise_groups_and_leaves_unknowns_out():
    runs = [a_run(), a_run(backend="dl"), a_run(backend="dl", seed=1, rate_accuracy=None)]
    first, second = summarise(runs)
    assert (first["backend"], second["backend"]) == ("reference", "dl")
    assert first["accuracy"]["sd"] is None
    assert second["rate_accuracy"] is None and second["conversion_loss"] is None
    with pytest.raises(ValueError, match="without a seed: network 64-100-10"):
        summarise([a_run(seed=None)])


def test_table_is_aligned():
    rows = [{"name": "a|b", "n": 5, "x": 0.123456}, {"name": "c", "n": 12345, "x": None}]
    assert table(rows, {"name": "Name", "n": "N", "x": "x (s)"}).splitlines() == [
        r"| Name |     N |  x (s) |",
        r"| ---- | ----: | -----: |",
        r"| a\|b |     5 | 0.1235 |",
        r"| c    | 12345 |      – |",
    ]
    assert table([], ["one"]).splitlines() == ["| one |", "| --- |"]
    with pytest.raises(ValueError, match="columns is empty"):
        table(rows, [])


HISTORY = [
    {"epoch": n, "loss": 1 / n, "accuracy": 1 - 0.3 / n, "validation_accuracy": 1 - 0.4 / n}
    for n in range(1, 6)
]
SPIKES = np.random.default_rng(0).random((30, 150)) < 0.1
OUTPUTS = np.random.default_rng(1).random((30, 10))
FIGURES = {
    "training": lambda: draw.training_curves(HISTORY),
    "one_epoch": lambda: draw.training_curves([{"epoch": 1, "loss": 0.0, "accuracy": 1.0}]),
    "accuracy": lambda: draw.accuracy_over_time(
        [0.001, 0.002, 0.003], {"reference": [0.1, 0.9, 0.98], "mine": [0.1, 0.9, 1.0]}, 0.99
    ),
    "digit": lambda: draw.digit(digits().images[0], digits().target[0]),
    "flat_digit": lambda: draw.digit(digits().data[0]),
    "rasters": lambda: draw.rasters(
        digits().images[0], {"h1": SPIKES, "h2": SPIKES[:, :3] * 0}, 0.001, OUTPUTS, label=0
    ),
    "bare_rasters": lambda: draw.rasters(digits().data[0], {"h1": SPIKES}, 0.001),
    "confusion": lambda: draw.confusion(np.diag([500, 3, 0]) + 1),
    "class_histogram": lambda: draw.class_histogram([3, 0, 5], [3, 2, 3]),
    "rates": lambda: draw.rate_histograms({"h1": np.arange(50.0), "h2": np.zeros(9)}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_saves(tmp_path, name):
    draw.save_figure(FIGURES[name](), tmp_path / name)
    with Image.open(tmp_path / f"{name}.png") as image:
        pixels = np.asarray(image.convert("L"))
    assert min(pixels.shape) >= 250
    assert pixels.min() < 50 < 200 < pixels.max()
    # Nothing is cut off: the outermost pixels are background.
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border > 250).all()
    assert (tmp_path / f"{name}.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_curves_show_errors_in_percent():
    axes = FIGURES["accuracy"]().axes[0]
    drawn = lines(axes)
    assert drawn["reference (2.00 %)"].get_ydata() == pytest.approx([90, 10, 2])
    assert drawn["reference (2.00 %)"].get_xdata() == pytest.approx([1, 2, 3])
    assert drawn["rate (1.00 %)"].get_ydata() == pytest.approx([1, 1])
    low, high = axes.get_ylim()
    assert low < 0 and high >= 90  # an error of zero is on the axis


def test_backends_look_the_same_in_every_figure():
    times = [0.001, 0.002]
    alone = draw.accuracy_over_time(times, {"loihi": [0.5, 0.9]}).axes[0].get_lines()[0]
    curves = {"x": [0.5, 0.9], "reference": [0.5, 0.9], "loihi": [0.5, 0.9]}
    among = draw.accuracy_over_time(times, curves).axes[0].get_lines()
    looks = [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in among]
    assert looks[2] == (alone.get_color(), alone.get_linestyle(), alone.get_marker())
    assert len(set(looks)) == 3


def test_a_raster_has_each_spike_at_the_end_of_its_step():
    spikes = np.zeros((4, 2))
    spikes[0, 0] = spikes[3, 0] = spikes[1, 1] = 1000.0
    axes = draw.rasters(np.eye(2), {"h": spikes}, 0.002).axes[1]
    first, second = axes.collections
    assert first.get_positions() == pytest.approx([2, 8])
    assert second.get_positions() == pytest.approx([4])
    assert axes.get_xlim() == (0, 8)


def test_a_wide_layer_is_thinned_and_says_so():
    axes = draw.rasters(np.eye(2), {"h": SPIKES, "i": SPIKES[:, :100]}, 0.001).axes
    assert len(axes[1].collections) == len(axes[2].collections) == 100
    assert "100 of 150 neurons" in axes[1].get_ylabel()
    assert axes[2].get_ylabel() == "i\n100 neurons"


def test_outputs_name_the_answer_and_the_label():
    outputs = np.zeros((3, 4))
    outputs[:, 2], outputs[:, 1] = 1.0, 0.5
    figure = draw.rasters(np.eye(2), {"h": SPIKES[:3]}, 0.001, outputs, label=3)
    texts = [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]
    assert texts == ["2 (answer)", "3 (label)", "1 (second)", "other classes"]


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: draw.training_curves([]), "history"),
        (lambda: draw.training_curves([{"epoch": 1}]), "history"),
        (lambda: draw.accuracy_over_time([0.001], {}), "curves"),
        (lambda: draw.accuracy_over_time([0.001], {"a": [1, 1]}), r"curves\['a'\]"),
        (lambda: draw.digit(np.zeros(7)), "image"),
        (lambda: draw.rasters(np.eye(2), {}, 0.001), "spikes"),
        (lambda: draw.rasters(np.eye(2), {"h": SPIKES}, 0), "dt"),
        (lambda: draw.rasters(np.eye(2), {"h": SPIKES}, 0.001, OUTPUTS[:5]), "outputs"),
        (lambda: draw.confusion(np.zeros((2, 2))), "matrix"),
        (lambda: draw.class_histogram([1], [1, 2]), "histogram"),
        (lambda: draw.rate_histograms({}), "rates"),
        (lambda: draw.rate_histograms({"h": []}), r"rates\['h'\]"),
    ],
)
def test_figures_refuse(call, name):
    with pytest.raises(ValueError, match=f"^{name} "):
        call()


def test_importing_the_package_leaves_matplotlib_alone():
    code = "import sys, nengo_pc.analysis; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_figures_leave_pyplot_alone():
    code = (
        "import sys; from nengo_pc.analysis import plots; plots.digit([[0, 1]]); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
