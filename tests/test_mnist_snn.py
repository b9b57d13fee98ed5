"""``run_mnist_snn.py`` from end to end, on real digits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nengo_pc import datasets
from nengo_pc.experiments import classification, mnist_snn
from nengo_pc.networks import Dense, Parameters

SCRIPT = Path(__file__).parent.parent / "run_mnist_snn.py"
SMALL = ["--dataset", "digits", "--hidden", "60", "--epochs", "25", "--test-images", "40"]
# What docs and later analyses rely on in each run of metrics.json.
KEYS = {
    "experiment", "version", "command", "seed", "dataset", "n_train", "n_test", "network",
    "method", "optimizer", "dt", "presentation_time", "encoder", "synapse", "backend",
    "substitutions", "rate_accuracy", "accuracy", "confidence_interval", "mean_rate_hz",
    "spikes_per_image", "synops_per_image", "seconds", "accuracy_over_time",
}  # fmt: skip


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    """A small network, trained once and run on two backends."""
    folder = tmp_path_factory.mktemp("small")
    assert mnist_snn.main([*SMALL, "--backend", "reference", "dl", "--out", str(folder)]) == 0
    return folder


def runs_in(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    shared = {key: value for key, value in metrics.items() if key != "runs"}
    return [shared | run for run in metrics["runs"]]


def test_a_run_leaves_what_the_readme_says(small_run):
    for name in ("report.md", "parameters.npz", "rasters.png", "rasters.svg", "training.png"):
        assert (small_run / name).stat().st_size > 0, name
    runs = runs_in(small_run)
    assert [run["backend"] for run in runs] == ["reference", "dl"]
    for run in runs:
        assert set(run) >= KEYS
        assert run["n_test"] == 40
        assert run["accuracy"] > 0.85  # chance is 0.1
        low, high = run["confidence_interval"]
        assert low < run["accuracy"] < high
        over_time = run["accuracy_over_time"]
        assert len(over_time["time_s"]) == len(over_time["accuracy"]) == 200
        assert over_time["accuracy"][-1] == run["accuracy"]
        assert np.isclose(over_time["time_s"][-1], 0.2)
    assert not list(small_run.rglob(".*")), "temporary files are left"


def test_the_two_backends_agree(small_run):
    reference, dl = runs_in(small_run)
    assert reference["accuracy"] == dl["accuracy"]
    assert np.isclose(reference["spikes_per_image"], dl["spikes_per_image"], rtol=1e-3)


def test_spikes_are_rates_times_neurons_times_time(small_run):
    for run in runs_in(small_run):
        assert np.isclose(run["spikes_per_image"], run["mean_rate_hz"]["layer 1"] * 60 * 0.2)
        # Each hidden neuron has ten synapses.
        assert np.isclose(run["synops_per_image"], 10 * run["spikes_per_image"])


def test_several_methods_make_one_table(tmp_path, capsys):
    arguments = ["--method", "zil", "--method", "il", "--inference-rate", "0.05"]
    with pytest.raises(SystemExit):
        mnist_snn.main(["--method", "no-such-rule"])
    # Z-IL has no step to choose, and says so before anything is trained.
    assert mnist_snn.main([*SMALL, *arguments, "--out", str(tmp_path)]) == 2
    assert "inference_rate" in capsys.readouterr().err
    fits = ["--method", "zil", "--method", "il", "--derivative", "step", "--epochs", "12"]
    assert mnist_snn.main([*SMALL, *fits, "--out", str(tmp_path)]) == 0
    runs = runs_in(tmp_path)
    assert [run["training_options"]["method"] for run in runs] == ["zil", "il"]
    assert [run["method"] for run in runs] == [
        "zil, softlif, step derivative",
        "il, softlif, step derivative",
    ]
    assert all(run["accuracy"] > 0.8 for run in runs)
    assert runs[0]["history"] != runs[1]["history"]
    for name in ("zil/seed-0/parameters.npz", "il/seed-0/parameters.npz", "training_il.png"):
        assert (tmp_path / name).exists()
    table = capsys.readouterr().out
    assert "| zil, softlif, step derivative |" in table and "| il, softlif, step" in table


def test_a_training_that_diverges_is_an_error_and_keeps_parameters(tmp_path, capsys):
    arguments = ["--method", "il", "--derivative", "none", "--inference-rate", "1e30"]
    assert mnist_snn.main([*SMALL, *arguments, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "rule il" in error and "layer" in error and "step" in error
    assert not (tmp_path / "metrics.json").exists()
    kept = Parameters.load(tmp_path / "seed-0" / "last_good_parameters.npz")
    start = Parameters.random((8, 8, 1), kept.layers, seed=0)
    np.testing.assert_allclose(kept.weights[-1], start.weights[-1])


def test_loading_the_parameters_gives_the_same_network(small_run, tmp_path):
    load = ["--load", str(small_run / "parameters.npz")]
    arguments = ["--dataset", "digits", "--test-images", "40", "--backend", "reference"]
    assert mnist_snn.main([*arguments, *load, "--out", str(tmp_path)]) == 0
    [run] = runs_in(tmp_path)
    before = runs_in(small_run)[0]
    for key in ("accuracy", "rate_accuracy", "spikes_per_image", "accuracy_over_time"):
        assert run[key] == before[key], key


def test_resume_measures_nothing_twice(small_run, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("measured again")

    before = runs_in(small_run)
    monkeypatch.setattr(classification, "evaluate", refuse)
    monkeypatch.setattr(classification, "train", refuse)
    arguments = [*SMALL, "--backend", "reference", "dl", "--out", str(small_run), "--resume"]
    assert mnist_snn.main(arguments) == 0
    after = runs_in(small_run)
    assert [run["accuracy"] for run in after] == [run["accuracy"] for run in before]


def test_resume_with_another_presentation_measures_again(small_run, monkeypatch):
    calls = []
    evaluate = classification.evaluate
    monkeypatch.setattr(
        classification, "evaluate", lambda *a, **k: calls.append(a[2]) or evaluate(*a, **k)
    )
    arguments = [*SMALL, "--backend", "reference", "--presentation-time", "0.05", "--resume"]
    assert mnist_snn.main([*arguments, "--out", str(small_run)]) == 0
    assert calls == ["reference"]
    assert len(runs_in(small_run)[0]["accuracy_over_time"]["accuracy"]) == 50


def test_several_seeds_are_summarised(tmp_path, capsys):
    arguments = ["--dataset", "digits", "--hidden", "20", "--epochs", "2", "--test-images", "20"]
    assert mnist_snn.main([*arguments, "--seeds", "2", "--out", str(tmp_path)]) == 0
    assert [run["seed"] for run in runs_in(tmp_path)] == [0, 1]
    assert "2 seeds" in capsys.readouterr().out
    digests = {Parameters.load(p).digest() for p in tmp_path.glob("seed-*/parameters.npz")}
    assert len(digests) == 2


def test_poisson_input_and_the_loihi_emulator(small_run, tmp_path):
    pytest.importorskip("nengo_loihi")
    load = ["--load", str(small_run / "parameters.npz"), "--dataset", "digits"]
    spiking = ["--encoder", "poisson", "--backend", "loihi", "--test-images", "20"]
    assert mnist_snn.main([*load, *spiking, "--out", str(tmp_path)]) == 0
    [run] = runs_in(tmp_path)
    assert run["accuracy"] > 0.8
    assert any("low-pass" in sentence for sentence in run["substitutions"])
    report = (tmp_path / "report.md").read_text()
    assert all(sentence in report for sentence in run["substitutions"])


def test_convolutions(tmp_path):
    arguments = ["--dataset", "digits", "--network", "conv", "--epochs", "15", "--hidden", "32"]
    spiking = ["--presentation-time", "0.1", "--test-images", "100"]
    assert mnist_snn.main([*arguments, *spiking, "--out", str(tmp_path)]) == 0
    assert runs_in(tmp_path)[0]["accuracy"] > 0.8


def test_mnist_where_the_environment_has_it(tmp_path):
    folder = os.environ.get("NENGO_PC_DATA")
    if folder is None or not Path(folder, "mnist").exists():
        pytest.skip("NENGO_PC_DATA names no folder with mnist/")
    arguments = ["--epochs", "2", "--test-images", "300", "--out", str(tmp_path)]
    assert mnist_snn.main(arguments) == 0
    [run] = runs_in(tmp_path)
    assert run["dataset"] == "mnist"
    assert run["network"] == "784-300-300-10"
    # Two of the 40 epochs; a linear classifier has 92 % on the whole test set.
    assert run["rate_accuracy"] > 0.92
    assert run["accuracy"] > 0.92


def test_without_mnist_the_digits_are_used_and_said(tmp_path, monkeypatch, capsys):
    def unavailable(name):
        raise datasets.NotAvailableError("no MNIST here")

    monkeypatch.setattr("nengo_pc.datasets.loader.search", unavailable)
    arguments = ["--hidden", "20", "--epochs", "1", "--test-images", "10"]
    assert mnist_snn.main([*arguments, "--out", str(tmp_path)]) == 0
    assert "NOTICE" in capsys.readouterr().out
    [run] = runs_in(tmp_path)
    assert run["dataset"] == "digits"
    assert "no MNIST here" in run["dataset_notice"]
    assert run["dataset_notice"] in (tmp_path / "report.md").read_text()


def test_ctrl_c_keeps_the_checkpoint_and_resume_goes_on(tmp_path, monkeypatch, capsys):
    from nengo_pc.learning.nengodl_engine import NengoDLEngine

    arguments = ["--dataset", "digits", "--hidden", "20", "--epochs", "3", "--test-images", "10"]
    arguments += ["--out", str(tmp_path / "interrupted")]
    update, calls = NengoDLEngine.update, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 30:  # in the second epoch of 23 updates
            raise KeyboardInterrupt
        return update(self, *args)

    monkeypatch.setattr(NengoDLEngine, "update", interrupted)
    assert mnist_snn.main(arguments) == 130
    assert "--resume" in capsys.readouterr().err
    assert (tmp_path / "interrupted" / "seed-0" / "checkpoint.npz").exists()
    assert not (tmp_path / "interrupted" / "metrics.json").exists()
    monkeypatch.setattr(NengoDLEngine, "update", update)
    assert mnist_snn.main([*arguments, "--resume"]) == 0
    arguments[-1] = str(tmp_path / "whole")
    assert mnist_snn.main(arguments) == 0
    resumed, whole = (
        Parameters.load(tmp_path / n / "parameters.npz") for n in ("interrupted", "whole")
    )
    for a, b in zip((*resumed.weights, *resumed.biases), (*whole.weights, *whole.biases)):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--test-images", "100000"], ["--test-images", "300", "100000"]),
        (["--seeds", "0"], ["--seeds", "0"]),
        (
            ["--presentation-time", "0.0001", "--hidden", "5", "--epochs", "1"],
            ["presentation_time"],
        ),
        (["--dropout", "1.5"], ["dropout", "1.5"]),
        (["--learning-rate", "-1"], ["learning_rate", "-1"]),
        (["--batch-size", "5000"], ["batch_size", "5000"]),
        (["--hidden", "0"], ["units", "0"]),
        (["--load", "nowhere.npz"], ["nowhere.npz"]),
    ],
)
def test_bad_input_is_said_before_any_work(arguments, words, tmp_path, capsys):
    status = mnist_snn.main(["--dataset", "digits", "--out", str(tmp_path), *arguments])
    message = capsys.readouterr().err
    assert status == 2
    assert all(word in message for word in words), message
    assert not (tmp_path / "metrics.json").exists()


@pytest.mark.parametrize("flag", ["--backend", "--dataset", "--network", "--encoder"])
def test_unknown_names_list_the_choices(flag, capsys):
    with pytest.raises(SystemExit) as exit_:
        mnist_snn.main([flag, "bogus"])
    assert exit_.value.code == 2
    message = capsys.readouterr().err
    assert "bogus" in message and "choose from" in message


def test_parameters_of_another_network_are_refused(tmp_path, capsys):
    path = tmp_path / "mnist.npz"
    Parameters.random((28, 28, 1), [Dense(5), Dense(10)]).save(path)
    arguments = ["--dataset", "digits", "--load", str(path), "--out", str(tmp_path / "out")]
    assert mnist_snn.main(arguments) == 2
    message = capsys.readouterr().err
    assert "(28, 28, 1)" in message and "(8, 8, 1)" in message


def test_a_results_folder_that_cannot_be_written_stops_the_run_at_once(tmp_path, capsys):
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    assert mnist_snn.main([*SMALL, "--out", str(occupied / "results")]) == 2
    assert str(occupied) in capsys.readouterr().err


def test_help_reads_without_tensorflow():
    code = (
        "import sys; from nengo_pc.experiments import mnist_snn; "
        "mnist_snn.parser().format_help(); "
        "sys.exit('tensorflow' in sys.modules or 'nengo_loihi' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    shown = subprocess.run(
        [sys.executable, str(SCRIPT), "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "SoftLIF" in shown and "--presentation-time" in shown
