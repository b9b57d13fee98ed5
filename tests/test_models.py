"""The models in ``models/`` are what they say they are; test_gui.py opens them in a browser."""

import re
import runpy
from itertools import combinations
from types import SimpleNamespace

import nengo
import numpy as np
import pytest
from gui_page import MODELS, NAMES
from nengo.exceptions import ValidationError

from nengo_pc.models.__main__ import main
from nengo_pc.models.soft_lif import SoftLIFRate
from nengo_pc.models.stimuli import Digits, InTurn, presentation, within
from nengo_pc.networks import Parameters
from nengo_pc.networks.gates import Gate


def opened(name):
    """What Nengo GUI would get: all names of a model."""
    return SimpleNamespace(**runpy.run_path(str(MODELS / f"{name}.py")))


def run(of, seconds, *signals):
    """Run an opened model from its start; what was seen of signals, one array each."""
    with of.model:
        probes = [nengo.Probe(signal) for signal in signals]
    with nengo.Simulator(of.model, progress_bar=False) as simulator:
        simulator.run(seconds, progress_bar=False)
        return [simulator.data[probe] for probe in probes]


class TestAll:
    def test_without_tensorflow(self, start_python):
        """Opening, building and running them never imports it."""
        process = start_python(
            "import runpy, sys, nengo\n"
            f"for name in {NAMES}:\n"
            f"    model = runpy.run_path({str(MODELS)!r} + '/' + name + '.py')['model']\n"
            "    with nengo.Simulator(model, progress_bar=False) as simulator:\n"
            "        simulator.run_steps(3, progress_bar=False)\n"
            "found = [n for n in ('tensorflow', 'nengo_dl', 'matplotlib') if n in sys.modules]\n"
            "assert not found, found\n"
        )
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors

    @pytest.mark.parametrize("name", NAMES)
    def test_layout(self, name):
        """Every line of the layout is understood; boxes are on the page and do not overlap."""
        gui = pytest.importorskip("nengo_gui")
        names = vars(opened(name))
        config = gui.config.Config()
        names |= {"nengo_gui": gui, "_viz_config": config}
        for line in (MODELS / f"{name}.py.cfg").read_text().splitlines():
            exec(line, names)
        model = names["model"]
        components = [
            c
            for key, c in names.items()
            if key.startswith("_viz") and isinstance(c, gui.components.Component)
        ]
        plots = [c for c in components if hasattr(c, "obj") or hasattr(c, "node")]
        plots = [c for c in plots if not isinstance(c, gui.components.SimControl)]
        assert plots
        shown = [c.obj if hasattr(c, "obj") else c.node for c in plots]
        of_model = {
            *model.all_nodes,
            *model.all_ensembles,
            *(e.neurons for e in model.all_ensembles),
        }
        assert set(shown) <= of_model
        drawn = {n for n in model.all_nodes if hasattr(n.output, "_nengo_html_")}
        assert drawn == {c.obj for c in plots if isinstance(c, gui.components.HTMLView)}

        items = [*model.nodes, *model.ensembles, *model.networks]
        boxes = {c: (config[c].x, config[c].y, config[c].width, config[c].height) for c in plots}
        boxes |= {item: (*config[item].pos, *config[item].size) for item in items}
        for x, y, half_width, half_height in boxes.values():
            assert 0 <= x - half_width < x + half_width <= 1
            assert 0 <= y - half_height < y + half_height <= 1
        for (x, y, w, h), (x2, y2, w2, h2) in combinations(boxes.values(), 2):
            assert abs(x - x2) >= w + w2 - 1e-9 or abs(y - y2) >= h + h2 - 1e-9
        for component in plots:
            if hasattr(config[component], "max_value"):
                assert config[component].min_value < config[component].max_value

    def test_parameters_say_what_made_them(self):
        """The command in the file is the one in the model's text."""
        paths = sorted((MODELS / "trained").glob("*.npz"))
        assert [path.stem for path in paths] == ["mnist_snn", "predictive_coding"]
        for path in paths:
            command = Parameters.load(path).metadata["command"]
            assert command.startswith("python run_mnist_snn.py --dataset digits ")
            assert command in re.sub(r"\s+", " ", opened(path.stem).__doc__)
            assert path.stat().st_size < 50_000

    def test_command_line(self, capsys):
        assert main(["--help"]) == 0
        said = capsys.readouterr().out
        assert all(name in said for name in NAMES)
        assert main(["no_such_model"]) == 2
        assert "no_such_model" in capsys.readouterr().err


class TestStimuli:
    def test_presentation(self):
        """Steps 1 to 200 are the first 200 ms, 201 to 400 the next."""
        t = 0.001 * np.arange(1, 100_001)
        assert [presentation(x, 0.2) for x in t] == [i // 200 for i in range(100_000)]
        assert presentation(0.0, 0.2) == 0
        assert np.allclose([within(x, 0.2) for x in t[[0, 199, 200]]], [0.001, 0.2, 0.001])

    def test_in_turn_shows_images_in_order(self, digits):
        in_turn, shown = InTurn(digits.test, 0.01), Digits(digits.test, 0.01)
        pixels = [shown(t, [in_turn(t)])[:64] for t in 0.01 * np.arange(1, 31) - 0.005]
        assert np.array_equal(pixels, digits.test.images[:30].reshape(30, 64))

    def test_a_chosen_class(self, digits):
        shown = Digits(digits.test, 0.01)
        seen = np.array([shown(0.001 * i, [7.4]) for i in range(1, 51)])
        assert np.all(seen[:, 64:].argmax(axis=1) == 7)
        sevens = digits.test.images[digits.test.labels == 7][:5].reshape(5, 64)
        assert np.array_equal(seen[4::10, :64], sevens)
        again = shown(0.001, [7.0])  # the simulator was reset
        assert np.array_equal(again[:64], sevens[0])

    def test_bad_arguments(self, digits):
        with pytest.raises(ValidationError, match="presentation_time"):
            InTurn(digits.test, 0.0)
        with pytest.raises(ValidationError, match="presentation_time"):
            Digits(digits.test, -1.0)
        without = type(digits.test)(
            digits.test.images[digits.test.labels != 3], digits.test.labels[digits.test.labels != 3]
        )
        with pytest.raises(ValidationError, match="split"):
            Digits(without, 0.1)


class TestLIFNeuron:
    @pytest.mark.parametrize("current", [0.9, 1.2, 1.5, 3.0, 5.0])
    def test_rate(self, current):
        """Counted within a spike of r(j), and the alpha filter keeps the mean."""
        of = opened("lif_neuron")
        of.current.output = [current]
        rates, filtered = run(of, 1.5, of.rate, of.filtered)
        theory = 1 / (0.004 + 0.02 * np.log1p(1 / (current - 1))) if current > 1 else 0.0
        counted, said = rates[-1]
        assert said == pytest.approx(theory, abs=1e-9)
        assert abs(counted * 1.0 - theory * 1.0) <= 1  # in the last second
        # A whole number of intervals would make this exact.
        assert filtered[-1000:].mean() == pytest.approx(theory, abs=1)

    def test_counts_anew(self):
        """Once the current has changed, older spikes no longer count."""
        of = opened("lif_neuron")
        of.current.output = lambda t: 4.0 if t <= 0.5 else 0.5
        (rates,) = run(of, 0.7, of.rate)
        assert rates[499, 0] > 90 and np.all(rates[510:, 0] == 0)

    def test_display(self):
        of = opened("lif_neuron")
        run(of, 1.0)
        assert "38.5 Hz" in of.curve._nengo_html_  # 1 / (0.004 + 0.02 log 3)


class TestPoissonCoding:
    @pytest.mark.parametrize("x", [0.2, 0.8])
    def test_table(self, x):
        """Rates, irregularity and errors are those of theory."""
        of = opened("poisson_coding")
        of.value.output = [x]
        poisson, regular, fast = run(of, 4.0, of.poisson.neurons, of.regular.neurons, of.fast)
        table = of.table
        # 20 trains for 4 s: a Poisson count's standard deviation is its root.
        n = 250 * x * 20 * 4
        assert table.rates[0] == pytest.approx(250 * x, abs=4 * np.sqrt(n) / 80)
        assert table.rates[1] == pytest.approx(250 * x, abs=0.3)
        assert table.variations[0] == pytest.approx(1, abs=0.1)
        assert table.variations[1] < 0.2
        assert np.allclose(table.theory, np.sqrt(x / (4 * np.array([0.005, 0.05]) * 250)))
        assert np.allclose(table.errors[0], table.theory, rtol=0.12)
        assert np.all(table.errors[1] < 0.5 * table.errors[0])
        # The same by convolution with the integral of the alpha function over each step.
        t = 0.001 * np.arange(200)
        alpha = np.diff(1 - (1 + t / 0.005) * np.exp(-t / 0.005))
        for i, spikes in enumerate((poisson, regular)):
            expected = np.convolve(spikes[:, 0], alpha)[: len(spikes)]
            assert np.allclose(fast[1:, i], expected[:-1], atol=1e-6)

    def test_starts_anew(self):
        """What was counted at another value is forgotten."""
        of = opened("poisson_coding")
        of.value.output = lambda t: 0.9 if t <= 1 else 0.1
        run(of, 2.0)
        assert of.table.rates == pytest.approx([25, 25], abs=5)
        assert "error, 5 ms" in of.table._nengo_html_


class TestMNIST:
    def test_answers(self):
        """Most are right, and they are what the output says, averaged over each presentation."""
        of = opened("mnist_snn")
        output, answer = run(of, 12.0, of.classifier.output, of.answer)
        answers = output.reshape(60, 200, 10).sum(axis=1).argmax(axis=1)
        assert np.array_equal(answer[199::200, 0], answers)
        right = answers == of.images.labels[:60]
        assert np.array_equal(of.answers.verdicts, right[:59])
        assert right.mean() > 0.85
        assert f">{'right' if right[59] else 'wrong'}<" in of.answers._nengo_html_

    def test_wrong_is_said(self):
        """A label that does not fit is called wrong."""
        of = opened("mnist_snn")
        for connection in of.model.connections:
            if connection.post_obj is of.answer and connection.pre_obj is of.image:
                connection.transform = np.roll(np.eye(10), 1, axis=0)
        run(of, 2.0)
        assert sum(of.answers.verdicts) <= 2 and ">wrong<" in of.answers._nengo_html_


class TestPredictiveCoding:
    def test_target_off(self):
        """No error anywhere, no energy, and the values of a feed-forward pass."""
        of = opened("predictive_coding")
        of.target_on.output = lambda t: 0.0
        network = of.network
        energy, *seen = run(of, 0.1, of.energy, *network.differences, *network.currents)
        assert np.all(energy == 0) and all(np.all(e == 0) for e in seen[:3])
        activity = of.images.images[0].ravel()
        for weights, bias, current in zip(of.parameters.weights, of.parameters.biases, seen[3:]):
            expected = weights @ activity + bias
            assert np.allclose(current[-1], expected, atol=1e-5)
            s = 0.1 * np.log1p(np.exp((expected - 1) / 0.1))
            activity = 0.05 / (0.004 + 0.02 * np.log1p(1 / s))

    def test_energy_falls(self):
        """While a wrong target is on, it falls at every step, and most where it can."""
        of = opened("predictive_coding")
        on = slice(1500, 2000)  # steps; in the second presentation the digit is told wrong
        energy, output, target, *errors = run(
            of, 2.0, of.energy, of.network.output, of.target, *of.network.differences
        )
        assert np.all(target[on].argmax(axis=1) == (of.images.labels[1] + 1) % 10)
        cross_entropy = np.log(np.exp(output).sum(axis=1)) - (output * target).sum(axis=1)
        squares = sum((e**2).sum(axis=1) for e in errors[:2])
        assert np.allclose(energy[on, 0], (cross_entropy + 0.2 / 2 * squares)[on])
        falling = energy[on, 0][1:]
        assert np.diff(falling).max() < 1e-3
        assert falling[-1] < 0.7 * falling[0]

    def test_settles(self):
        """At the end of a target values no longer move, and errors are those that hold them."""
        of = opened("predictive_coding")
        of.told.output = lambda t, right: (np.argmax(right) + 1) % 10
        values, error = run(of, 0.999, of.network.currents[1], of.network.differences[-1])
        assert np.abs(values[-1] - values[-20]).max() < 0.02
        assert np.abs(values[-1] - values[400]).max() > 0.5
        assert np.abs(error[-1]).max() > 0.05

    def test_soft_lif(self):
        """It is LIF's curve where it is hard; its slope is the one that networks use."""
        currents = np.linspace(-3, 8, 2001)

        def rates(neuron_type, x):
            output = np.empty_like(x)
            neuron_type.step(0.001, x, output)
            return output

        constants = {"tau_rc": 0.02, "tau_ref": 0.004, "amplitude": 0.05}
        hard = nengo.LIFRate(**constants).rates(currents, 1.0, 0.0).ravel()
        away = np.abs(currents - 1) > 0.05
        assert np.allclose(
            rates(SoftLIFRate(1e-5, **constants), currents)[away], hard[away], atol=1e-3
        )
        soft = SoftLIFRate(0.1, **constants)
        slope = (rates(soft, currents + 1e-6) - rates(soft, currents - 1e-6)) / 2e-6
        assert np.allclose(Gate(soft)(currents), slope, atol=1e-6)
        assert np.all(rates(soft, np.array([-1e3, 1.0])) >= 0)


class TestLearning:
    def test_accuracy_rises(self):
        of = opened("spiking_pc_learning")
        run(of, 15.001)
        verdicts = of.guesses.verdicts
        assert len(verdicts) == 150
        assert np.mean(verdicts[-50:]) > np.mean(verdicts[:50]) + 0.25
        curve = of.progress.accuracies()
        assert curve[-1] == np.mean(verdicts[-50:]) and curve[9] == np.mean(verdicts[:10])
        assert f"{100 * curve[-1]:.0f} %" in of.progress._nengo_html_

    def test_learning_off(self):
        """Nothing is told, no error fires, no weight changes."""
        of = opened("spiking_pc_learning")
        of.learning_on.output = [0.0]
        network = of.network
        with of.model:
            weights = [nengo.Probe(c, "weights") for c in (*network.forward, *network.feedback)]
            errors = [nengo.Probe(e.neurons) for e in network.errors]
        with nengo.Simulator(of.model, progress_bar=False) as simulator:
            simulator.run(1.0, progress_bar=False)
        assert all(not simulator.data[probe].any() for probe in errors)
        for probe in weights:
            # What is left is the decay.
            first, last = simulator.data[probe][[0, -1]]
            assert np.allclose(first, last, rtol=0.01)
