"""Figures of the study: closed forms, invariants, how they look, and the command line."""

import hashlib
import json
import math
import signal

import nengo
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from matplotlib.collections import EventCollection
from PIL import Image

from nengo_pc.backends import present
from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.experiments.study import (
    coding,
    command,
    digits,
    learning,
    neurons,
    predictive_coding,
    spiking,
)
from nengo_pc.experiments.study.catalogue import FIGURES
from nengo_pc.experiments.study.setting import Sizes, Study
from nengo_pc.networks import LIFConstants, SpikingClassifier

CONSTANTS = LIFConstants()
TINY = Sizes(
    hidden=(12, 8),
    epochs=3,
    batch_size=100,
    updates=8,
    spiking_hidden=(20,),
    stream_images=800,
    side_by_side=20,
    notes=4,
    counted=30,
    scored=20,
)
# Those that compare learning rules, which takes less long than compiling them at this size.
RULES = ("rule_updates", "rule_learning", "feedback_alignment")


@pytest.fixture(scope="module")
def study():
    result = Study("digits", None, 0, TINY)
    with eagerly():
        assert result.classifier is result.classifier
    return result


class eagerly:
    def __enter__(self):
        import_tensorflow().config.run_functions_eagerly(True)

    def __exit__(self, *_):
        import_tensorflow().config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def drawn(study):
    """Each figure, drawn when first asked for."""
    done = {}

    def draw(name):
        if name not in done:
            if name in RULES:
                with eagerly():
                    done[name] = FIGURES[name].draw(study)
            else:
                done[name] = FIGURES[name].draw(study)
        return done[name]

    return draw


# --- closed forms and other implementations


def integrated(current, duration):
    """Spike times and a function of time, by SciPy's integrator with the reset as an event."""
    pieces, spikes, start = [], [], 0.0

    def threshold(t, v):
        return v[0] - 1

    threshold.terminal = True
    while start < duration:
        solution = scipy.integrate.solve_ivp(
            lambda t, v: (current - v) / CONSTANTS.tau_rc,
            (start, duration),
            [0.0],
            events=threshold,
            dense_output=True,
            rtol=1e-10,
            atol=1e-12,
        )
        end = solution.t[-1]
        pieces.append((start, end, solution.sol))
        if len(solution.t_events[0]) == 0:
            break
        spikes.append(end)
        start = end + CONSTANTS.tau_ref

    def voltage(t):
        for begin, end, piece in pieces:
            if begin <= t < end or (begin <= t and end >= duration):
                return piece(t)[0]
        return 0.0

    return np.array(spikes), voltage


@pytest.mark.parametrize("current", neurons.CURRENTS)
def test_lif_voltage_is_the_solution_of_its_equation(current):
    spikes, voltage = integrated(current, neurons.DURATION)
    ours = neurons.closed_spikes(current, neurons.DURATION, CONSTANTS)
    np.testing.assert_allclose(ours, spikes, atol=1e-8)
    times = np.arange(0.0003, neurons.DURATION, 0.0007)
    np.testing.assert_allclose(
        neurons.closed_voltage(times, current, CONSTANTS), [voltage(t) for t in times], atol=1e-6
    )


def test_lif_figure_shows_nengo_on_the_closed_form(drawn):
    lif = drawn("lif_voltage")
    assert lif.numbers["largest_difference"] < 1e-12
    assert lif.numbers["spikes_closed_form"] == lif.numbers["spikes_simulated"]
    assert list(lif.numbers["spikes_simulated"].values()) == [0, 2, 6]
    for axes, current in zip(lif.figure.axes, neurons.CURRENTS):
        # Threshold, current, spikes, closed form, simulated: data of the last two.
        closed, simulated = (line.get_xydata() for line in axes.lines[-2:])
        assert len(simulated) == round(neurons.DURATION / neurons.DT)
        first = simulated[simulated[:, 0] < 13]  # ms, before any spike
        expected = current * (1 - np.exp(-first[:, 0] / 20))
        np.testing.assert_allclose(first[:, 1], expected, rtol=1e-9)
        assert closed[:, 1].max() <= 1


@pytest.mark.parametrize("gamma", neurons.GAMMAS)
def test_rates_by_formula_and_slopes_by_differences(gamma):
    current = np.linspace(0.2, 2.9, 331)
    _, rates, slopes = neurons.rate_curves([gamma], current)
    drive = gamma * np.log1p(np.exp((current - 1) / gamma))
    soft = 1 / (0.004 + 0.02 * np.log1p(1 / drive))
    above = current > 1
    hard = np.zeros_like(current)
    hard[above] = 1 / (0.004 + 0.02 * np.log1p(1 / (current[above] - 1)))
    name = f"SoftLIF, γ = {gamma:g}"
    np.testing.assert_allclose(rates[name], soft, rtol=1e-4)
    np.testing.assert_allclose(rates["LIF"], hard, rtol=1e-6)
    h = 1e-3
    for key, where in ((name, slice(None)), ("LIF", current > 1.05)):
        low, high = (neurons.rate_curves([gamma], current + d)[1][key] for d in (-h, h))
        np.testing.assert_allclose(
            slopes[key][where], ((high - low) / (2 * h))[where], rtol=2e-2, atol=0.05
        )


def test_activations_keep_to_their_scale(drawn):
    numbers = drawn("activation_scaling").numbers
    for amplitude in neurons.AMPLITUDES:
        name = f"LIF, amplitude {amplitude:g} s"
        at_ten = amplitude / (0.004 + 0.02 * math.log(10 / 9))
        assert numbers["mean_slope_0_to_10"][name] == pytest.approx(at_ten / 10, rel=1e-6)
        assert numbers["saturation"][name] == pytest.approx(250 * amplitude)
    nearest = min(numbers["rms_distance_from_relu_0_to_10"].items(), key=lambda item: item[1])
    assert nearest[0] == "LIF, amplitude 0.05 s"


def test_poisson_trains_have_the_statistics_they_should():
    trains, maximum = coding.poisson_trains((0.1, 0.8), 2000, 0.2, seed=3)
    assert maximum == pytest.approx(250)
    for value, spikes in zip((0.1, 0.8), trains.values()):
        mean, counts = 50 * value, spikes.sum(axis=1)
        assert spikes.shape == (2000, 200)
        # Five standard errors of the mean, and of the variance of that many counts.
        assert abs(counts.mean() - mean) < 5 * math.sqrt(mean / 2000)
        assert abs(counts.var() - mean) < 5 * mean * math.sqrt(2 / 2000 + 1 / mean / 2000)
        # Steps are independent.
        assert abs(np.corrcoef(spikes[:, :-1].ravel(), spikes[:, 1:].ravel())[0, 1]) < 0.01


def test_poisson_probabilities_are_scipys():
    for mean in (2.5, 50.0):
        expected = scipy.stats.poisson.pmf(np.arange(121), mean)
        np.testing.assert_allclose(coding.poisson_probabilities(mean, 120), expected, rtol=1e-9)


@pytest.mark.parametrize("tau", coding.TAUS.values())
def test_alpha_has_unit_area_and_its_peak_at_tau(tau):
    area, _ = scipy.integrate.quad(coding.alpha_impulse, 0, 60 * tau, (tau,), points=[tau])
    assert area == pytest.approx(1, abs=1e-9)
    t = np.linspace(0, 10 * tau, 100_001)
    curve = coding.alpha_impulse(t, tau)
    assert t[curve.argmax()] == pytest.approx(tau, rel=1e-3)
    assert curve.max() == pytest.approx(1 / (math.e * tau))
    integral = scipy.integrate.cumulative_trapezoid(curve, t, initial=0)
    np.testing.assert_allclose(coding.alpha_step(t, tau), integral, atol=1e-8)
    assert coding.alpha_impulse(-0.001, tau) == coding.alpha_step(-0.001, tau) == 0


@pytest.mark.parametrize("dt", [0.001, 0.0002])
def test_nengos_alpha_is_the_closed_form_at_every_step(dt):
    tau = 0.003
    time_s, impulse, step = coding.measured_responses(nengo.Alpha(tau), 0.05, dt)
    np.testing.assert_allclose(step, coding.alpha_step(time_s, tau), atol=1e-10)
    for index in (1, 5, 40):
        mean, _ = scipy.integrate.quad(
            coding.alpha_impulse, time_s[index] - dt, time_s[index], (tau,)
        )
        assert impulse[index] == pytest.approx(mean / dt, rel=1e-8)


def test_rates_and_currents_are_inverse():
    rates = np.array([5.0, 40.0, 60.0, 200.0])
    currents = coding.current_for(rates, CONSTANTS)
    np.testing.assert_allclose([neurons.rate(j, CONSTANTS) for j in currents], rates)
    spikes = coding.regular_spikes(rates, 1000, 0.001)
    assert np.abs(spikes.sum(axis=0) - rates).max() <= 1


def test_estimation_errors_fall_then_rise(drawn):
    figure = drawn("rate_estimation").figure
    regular, poisson = (
        {line.get_label(): line.get_xydata() for line in axes.lines if len(line.get_xdata())}
        for axes in figure.axes
    )
    for panel in (regular, poisson):
        for time in ("50 ms", "100 ms", "200 ms"):
            tau, error = panel[time].T
            best = error.argmin()
            assert 0 < best < len(error) - 1
            assert np.all(np.diff(error[: max(best - 1, 2)]) < 0) and error[-1] > 1.5 * error[best]
        # The longer the presentation, the longer a synapse pays, and the smaller is the error.
        minima = [panel[time][:, 1].min() for time in ("50 ms", "100 ms", "200 ms")]
        assert minima == sorted(minima, reverse=True)
    for time in ("50 ms", "100 ms", "200 ms"):
        assert regular[time][:, 1].min() < poisson[time][:, 1].min() / 2


def test_poisson_error_in_closed_form():
    rates = np.full(800, 50.0)
    # Long against the step and short against the presentation: r ∫ α² = r / (4 τ).
    expected = math.sqrt(50 / (4 * 0.01))
    assert coding.poisson_error(rates, 0.01, 0.5, 0.0001) == pytest.approx(expected, rel=1e-3)
    # Long against the presentation: nothing has come yet.
    assert coding.poisson_error(rates, 100.0, 0.05, 0.001) == pytest.approx(50, rel=1e-3)
    spikes = coding.poisson_spikes_at(rates, 100, 0.001, seed=1)
    for tau in (0.002, 0.02, 0.1):
        measured = coding.filtered_error(spikes, rates, tau, 0.1, 0.001)
        assert measured == pytest.approx(coding.poisson_error(rates, tau, 0.1, 0.001), rel=0.1)


# --- digits


def test_rasters_show_every_spike(drawn, study):
    rasters = drawn("rasters")
    panels = [
        a for a in rasters.figure.axes if any(isinstance(c, EventCollection) for c in a.collections)
    ]
    shown = [sum(len(c.get_positions()) for c in axes.collections) for axes in panels]
    assert shown == list(rasters.numbers["spikes"].values()) and min(shown) > 0
    assert rasters.numbers["label"] == study.dataset.test.labels[0]


def test_accuracy_over_time_ends_at_what_the_reference_simulator_says(drawn, study):
    network = SpikingClassifier(study.classifier)
    with network:
        probe = nengo.Probe(network.output)
    shown = present(
        network, study.shown.images, "reference", digits.PRESENTATION_TIME, progress=False
    )
    right = shown[probe].sum(axis=1).argmax(axis=1) == study.shown.labels
    numbers = drawn("accuracy_over_time").numbers
    assert numbers["constant"]["accuracy"] == pytest.approx(right.mean())
    [line] = [
        line
        for line in drawn("accuracy_over_time").figure.axes[0].lines
        if str(line.get_label()).startswith("constant")
    ]
    assert line.get_ydata()[-1] == pytest.approx(100 * (1 - right.mean()))
    assert line.get_xdata()[-1] == pytest.approx(200)


def test_preferred_images_by_hand(study):
    parameters = study.classifier
    images = study.dataset.train.images[:40].reshape(40, -1).astype(float)
    ours = digits.preferred(parameters, images)
    for neuron in (0, 7):
        rates = [
            neurons.rate(
                float(parameters.weights[0][neuron] @ x + parameters.biases[0][neuron]), CONSTANTS
            )
            for x in images
        ]
        if sum(rates) == 0:
            assert not ours[neuron].any()
            continue
        expected = np.average(images, axis=0, weights=rates) - images.mean(axis=0)
        np.testing.assert_allclose(ours[neuron], expected, atol=1e-5)


# --- learning and relaxation


def energy(parameters, image, label, values):
    """F by NumPy alone, and the feed-forward values if none are given."""

    def soft(x):
        return 0.05 / (0.004 + 0.02 * np.log1p(1 / (0.02 * np.logaddexp(0, (x - 1) / 0.02))))

    total, a, seen = 0.0, image.ravel().astype(float), []
    for index, (w, b) in enumerate(zip(parameters.weights, parameters.biases)):
        u = w.astype(float) @ a + b
        if index == len(parameters.weights) - 1:
            return total + np.log(np.exp(u - u[label]).sum()), seen
        x = u if values is None else values[index]
        seen.append(x)
        total += 0.5 * np.sum((x - u) ** 2)
        a = soft(x)


def test_relaxation_descends_the_energy(study):
    parameters, split = study.start(), study.dataset.validation
    image, label = split.images[0], int(split.labels[0])
    exact = learning.options(study, dtype="float64")
    rate, n_steps = 0.01, 40
    terms = predictive_coding.relax_with_terms(
        parameters, image[None], split.labels[:1], exact, n_steps, rate
    )
    start, values = energy(parameters, image, label, None)
    assert terms["total"][0] == pytest.approx(start, rel=1e-6)
    assert terms["layer 1"][0] == terms["layer 2"][0] == 0
    # One step down the slope, by differences.
    h, moved = 1e-5, []
    for index, x in enumerate(values):
        slope = np.zeros_like(x)
        for unit in range(len(x)):
            ends = []
            for sign in (1, -1):
                there = [v.copy() for v in values]
                there[index][unit] += sign * h
                ends.append(energy(parameters, image, label, there)[0])
            slope[unit] = (ends[0] - ends[1]) / (2 * h)
        moved.append(x - rate * slope)
    assert terms["total"][1] == pytest.approx(energy(parameters, image, label, moved)[0], rel=1e-6)
    assert np.all(np.diff(terms["total"]) < 0)


def test_the_network_comes_to_rest_where_the_equations_do(study):
    """Nengo populations whose errors relax, and TensorFlow values that descend F."""
    parameters, split = study.start(), study.dataset.validation
    image, label = split.images[1], int(split.labels[1])
    relaxed = predictive_coding.relax_with_terms(
        parameters, image[None], split.labels[1:2], learning.options(study), 2500, 0.05
    )
    time_s, errors, outputs = predictive_coding.settle(
        parameters, image, label, learning.options(study), (0.05, 1.5), 2.5
    )
    at_rest = np.searchsorted(time_s, 1.5) - 2
    for name, of_layer in zip(("layer 1", "layer 2"), errors):
        ours = np.sum(of_layer[at_rest] ** 2) / 2
        assert ours == pytest.approx(relaxed[name][-1], rel=0.02, abs=1e-4)
        assert not of_layer[:49].any()
        assert np.linalg.norm(of_layer[-1]) < 1e-3 * np.linalg.norm(of_layer[at_rest])
    probability = np.exp(outputs[at_rest] - outputs[at_rest].max())
    loss = -math.log(probability[label] / probability.sum())
    assert loss == pytest.approx(relaxed["output"][-1], rel=0.02)


def test_rules_that_are_backprop_differ_by_rounding(drawn):
    largest = drawn("rule_updates").numbers["largest_relative_difference"]
    assert largest["zil"] < 1e-12 and largest["fixed-prediction"] < 1e-12
    assert largest["il"] > 1e-4
    learned = drawn("rule_learning").numbers
    assert learned["zil"]["loss"] == pytest.approx(learned["backprop"]["loss"], rel=1e-3)


def test_feedback_turns_as_theory_says(study, monkeypatch):
    monkeypatch.setattr(learning, "LEARNING_RATE", 0.02)
    with eagerly():
        updates, notes = learning.learn_with_feedback(study, 12)
    assert list(updates) == list(range(13)) and set(map(len, notes.values())) == {13}
    # Transposed feedback is backprop.
    for note in notes["transpose"]:
        assert max(note["weights"]) < 1e-2 and max(note["updates"]) < 1e-2
    random, mirrored = notes["random"], notes["kolen-pollack"]
    # Both start with the same weights of chance, about at a right angle.
    assert random[0]["weights"] == pytest.approx(mirrored[0]["weights"])
    assert all(abs(angle - 90) < 25 for angle in random[0]["weights"])
    # B learns from the very product that W learns from.
    for before, after in zip(mirrored[0]["weights"], mirrored[-1]["weights"]):
        assert after < before - 1
    # The output layer's update needs no feedback.
    for kind in notes.values():
        assert kind[5]["updates"][-1] < 1e-2
    assert notes["direct"][0]["weights"] == []


def test_error_spikes_become_fewer(drawn, study):
    learned = study.spiking_learning
    undivided = [sum(note["undivided"].values()) for note in learned.history]
    assert undivided[-1] < 0.7 * undivided[0]
    seen = [note["images_seen"] for note in learned.history]
    assert seen == sorted(set(seen)) and seen[0] == 0 and seen[-1] >= TINY.stream_images
    assert learned.history[-1]["accuracy"] > learned.history[1]["accuracy"]
    # What the last note says is what the parameters that are left say.
    split = study.dataset.validation
    count = TINY.counted
    errors, answers = spiking.without_learning(
        learned.settings,
        learned.parameters,
        learned.stream,
        split.images[:count],
        split.labels[:count],
    )
    assert errors == learned.history[-1]["undivided"]
    assert np.mean(answers == split.labels[:count]) == learned.history[-1]["validation_accuracy"]
    [first, *_] = drawn("error_spikes").figure.axes
    [line] = [line for line in first.lines if line.get_label() == "output"]
    assert line.get_ydata()[0] == learned.history[0]["undivided"]["output"]


# --- how figures look

UNITS = {
    "time": ("(ms)", "(s)", "time constants"),
    "rate": ("(Hz)",),
    "firing": ("(Hz)",),
    "slope": ("Hz",),
    "energy": ("nats",),
    "angle": ("degrees",),
    "accuracy": ("%",),
    "error (": ("%",),
    "error of the rate": ("(Hz)",),
    "validation error": ("%",),
    "voltage": ("threshold",),
    "current": ("threshold",),
    "impulse": ("1/s",),
}


@pytest.mark.parametrize("name", FIGURES)
def test_axes_are_named_and_lines_told_apart_without_colour(name, drawn):
    figure = drawn(name).figure
    for axes in figure.axes:
        if not axes.axison:
            continue
        shared = {
            "x": axes.get_shared_x_axes().get_siblings(axes),
            "y": axes.get_shared_y_axes().get_siblings(axes),
        }
        for which, axis, side in (("x", axes.xaxis, "bottom"), ("y", axes.yaxis, "left")):
            if not axis.get_tick_params().get(f"label{side}", True):
                continue
            labels = [getattr(a, f"get_{which}label")() for a in shared[which]]
            if not len(axis.get_ticklocs()) and not any(labels):
                continue
            assert any(labels), f"{which} axis without a label"
            for label in filter(None, labels):
                for start, units in UNITS.items():
                    if label.lower().startswith(start):
                        assert any(unit in label for unit in units), label
        looks = [
            (str(line.get_linestyle()), line._dash_pattern, str(line.get_marker()))
            for line in axes.lines
            if not str(line.get_label()).startswith("_") and len(line.get_xdata()) > 1
        ]
        assert len(set(map(str, looks))) == len(looks), looks


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_off(name, drawn, tmp_path):
    drawn(name).figure.savefig(tmp_path / "figure.png", dpi=80)
    with Image.open(tmp_path / "figure.png") as image:
        pixels = np.asarray(image.convert("L"))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border > 240).all()


@pytest.mark.parametrize("name", FIGURES)
def test_captions_and_numbers_can_be_written(name, drawn):
    result = drawn(name)
    assert result.caption.endswith(".") and "nan" not in result.caption.lower()
    assert len(result.caption) > 60
    json.dumps(command.plain(result.numbers), allow_nan=False)


# --- the command line


def run(*arguments):
    return command.main([*map(str, arguments)])


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_list(capsys):
    assert run("--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FIGURES)


def test_unknown_figures_and_seeds_are_named(tmp_path, capsys):
    assert run("--only", "lif_voltage", "lif_volts", "--out", tmp_path) == 2
    message = capsys.readouterr().err
    assert "lif_volts" in message and "lif_voltage, lif_rate" in message and "--only" in message
    assert run("--only", "lif_voltage", "--seed", -1, "--out", tmp_path) == 2
    assert "--seed" in capsys.readouterr().err
    assert files(tmp_path) == []


def test_a_data_set_that_is_not_there_is_one_error(tmp_path, capsys):
    out = tmp_path / "out"
    assert (
        run("--only", "first_digits", "--dataset", "mnist", "--data", tmp_path, "--out", out) == 2
    )
    assert "mnist" in capsys.readouterr().err.lower()
    # What needs no data does not ask for any.
    assert run("--only", "lif_voltage", "--dataset", "mnist", "--data", tmp_path, "--out", out) == 0


def test_only_some_and_the_page_of_all_that_is_there(tmp_path):
    assert run("--only", "lif_voltage", "--out", tmp_path) == 0
    first = ["lif_voltage.json", "lif_voltage.png", "lif_voltage.svg", "metrics.json", "report.md"]
    assert files(tmp_path) == first
    assert run("--only", "first_digits", "--out", tmp_path) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert list(metrics["figures"]) == ["first_digits", "lif_voltage"] and not metrics["failed"]
    page = (tmp_path / "report.md").read_text()
    for name in metrics["figures"]:
        assert f"]({name}.png)" in page and f"]({name}.svg)" in page
        assert FIGURES[name].source in page and metrics["figures"][name]["caption"] in page
        assert f"--only {name}" in page and "seed 0" in page
    assert "Not made yet: `lif_rate`" in page
    assert "scikit-learn" in page  # where the digits are from


def test_resume_keeps_what_is_of_the_same_settings(tmp_path, capsys):
    names = ["lif_voltage", "poisson_spikes"]
    made = ["--only", *names, "--out", tmp_path]
    assert run(*made) == 0
    before = {name: (tmp_path / f"{name}.png").stat().st_mtime_ns for name in names}
    assert run(*made, "--resume") == 0
    assert "0 made, 2 kept" in capsys.readouterr().out
    assert before == {name: (tmp_path / f"{name}.png").stat().st_mtime_ns for name in names}
    (tmp_path / "lif_voltage.svg").unlink()
    assert run(*made, "--resume") == 0
    assert "1 made, 1 kept" in capsys.readouterr().out
    digest = hashlib.sha256((tmp_path / "poisson_spikes.png").read_bytes()).hexdigest()
    assert run(*made, "--resume", "--seed", 1) == 0
    assert "2 made, 0 kept" in capsys.readouterr().out
    other = hashlib.sha256((tmp_path / "poisson_spikes.png").read_bytes()).hexdigest()
    assert other != digest
    # The same seed gives the same picture.
    assert run(*made, "--only", "poisson_spikes") == 0
    assert hashlib.sha256((tmp_path / "poisson_spikes.png").read_bytes()).hexdigest() == digest


def test_a_failed_figure_says_so_and_the_others_go_on(tmp_path, monkeypatch, capsys):
    from nengo_pc.experiments.study import catalogue

    def broken(study):
        raise RuntimeError("no ink")

    monkeypatch.setitem(FIGURES, "lif_voltage", catalogue.Figure("Broken", "none", broken, False))
    assert run("--only", "lif_voltage", "alpha_filter", "--out", tmp_path) == 1
    assert "lif_voltage failed: RuntimeError: no ink" in capsys.readouterr().err
    page = (tmp_path / "report.md").read_text()
    assert "no ink" in page and "](alpha_filter.png)" in page
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["failed"] == {"lif_voltage": "RuntimeError: no ink"}
    assert not (tmp_path / "lif_voltage.png").exists()


def test_killed_while_writing_leaves_no_half_file(tmp_path, start_python, capsys):
    """Killed before the third file of the second figure has its name."""
    process = start_python(
        f"""
import os, signal
from nengo_pc.experiments.study import command
from nengo_pc.networks import files

replace, written = os.replace, []

def killed(source, target):
    written.append(os.path.basename(target))
    if written[-1] == "alpha_filter.svg":
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

files.os.replace = killed
command.main(["--only", "lif_voltage", "alpha_filter", "--out", {str(tmp_path)!r}])
"""
    )
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    visible = [name for name in files(tmp_path) if not name.startswith(".")]
    assert "alpha_filter.svg" not in visible and "alpha_filter.json" not in visible
    assert "lif_voltage.json" in visible
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert list(metrics["figures"]) == ["lif_voltage"]
    for name in visible:
        if name.endswith(".png"):
            with Image.open(tmp_path / name) as image:
                image.load()
    assert run("--only", "lif_voltage", "alpha_filter", "--out", tmp_path, "--resume") == 0
    assert "1 made, 1 kept" in capsys.readouterr().out
    assert "](alpha_filter.png)" in (tmp_path / "report.md").read_text()
