"""Learning on line in spikes: the stream, the learner on every backend, the script."""

import json

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from nengo_pc import datasets
from nengo_pc.backends import Stepper
from nengo_pc.experiments import online_training, spiking_pc
from nengo_pc.experiments.online_training import learn_stream
from nengo_pc.experiments.spiking_pc_network import SpikingPC
from nengo_pc.learning import CheckpointError
from nengo_pc.learning.online import OnlineLearner, Stream
from nengo_pc.networks import Parameters, SpikingClassifier

DIGITS = datasets.load("digits")
SMALL = SpikingPC(hidden=(20,), learning_rate=0.05)
AT_ONCE = SpikingPC(hidden=(20,), learning_rate=0.05, consolidation=0.0)


def learner_of(settings=SMALL, backend="xla", minibatch_size=1, stream=None, **options):
    start = settings.start(DIGITS.image_shape, DIGITS.n_classes)
    network = settings.build(start, 0, minibatch_size)
    return OnlineLearner(network, stream, backend, minibatch_size, **options)


# --- the stream


def network_of(n_inputs, n_classes, **settings):
    settings = SpikingPC(hidden=(3,), **settings)
    return settings.build(settings.start((n_inputs,), n_classes))


def test_images_pass_one_after_another_and_side_by_side():
    network = network_of(2, 3)
    stream = Stream(presentation_time=0.004, target_from=0.001, target_until=0.003)
    images, labels = np.arange(8.0).reshape(4, 2) / 8, np.array([0, 2, 1, 0])
    data = stream.inputs(network, images, labels, minibatch_size=2)
    pixels, target = data[network.input], data[network.target]
    assert pixels.shape == (2, 8, 2) and target.shape == (2, 8, 3)
    for item in range(2):
        for place in range(2):
            number = 2 * place + item
            steps = slice(4 * place, 4 * place + 4)
            assert np.all(pixels[item, steps] == images[number])
            wanted = np.zeros((4, 3))
            wanted[1:3, labels[number]] = 1
            assert np.array_equal(target[item, steps], wanted)


def test_a_given_clamp_is_on_with_the_target():
    network = network_of(2, 3, clamping="given")
    data = Stream(0.004, 0.002, 0.004).inputs(network, np.zeros((2, 2)), np.array([0, 1]))
    assert data[network.clamp][0, :, 0].tolist() == [0, 0, 1, 1, 0, 0, 1, 1]


def test_answers_are_those_of_the_time_of_the_target_in_the_order_of_images():
    stream = Stream(0.003, 0.001, 0.003)
    outputs = np.zeros((2, 6, 4))  # two side by side, two each
    for item, place, answer in ((0, 0, 1), (1, 0, 2), (0, 1, 3), (1, 1, 0)):
        outputs[item, 3 * place] = 9 * np.eye(4)[3 - answer]  # before the target
        outputs[item, 3 * place + 1 : 3 * place + 3, answer] = 1
    assert stream.answers(outputs, 4).tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"presentation_time": 0}, "presentation_time"),
        ({"dt": -1.0}, "dt"),
        ({"target_from": 0.05}, "target_from"),
        ({"target_until": 0.05}, "target_from"),
        ({"shift": 0.5}, "shift"),
    ],
)
def test_streams_that_cannot_be(arguments, name):
    with pytest.raises(ValidationError, match=name):
        Stream(**arguments)


def test_every_pass_shows_all_images_in_another_order():
    first, second = (online_training._indices(50, at, 50, seed=3) for at in (0, 50))
    assert sorted(first) == sorted(second) == list(range(50))
    assert list(first) != list(second)
    across = online_training._indices(50, 40, 20, seed=3)
    assert across.tolist() == [*first[40:], *second[:10]]


# --- the learner


def test_all_backends_learn_the_same_over_100_presentations():
    images, labels = DIGITS.train.images[:100], DIGITS.train.labels[:100]
    learned = {}
    double = {"dtype": "float64"}
    options = {"reference": {}, "native": double, "dl": double, "xla": double}
    for backend, given in options.items():
        with learner_of(backend=backend, **given) as learner:
            seen = [
                learner.learn(images[i : i + 10], labels[i : i + 10]) for i in range(0, 100, 10)
            ]
            parameters, feedback = learner.parameters(), learner.feedback()
        answers = np.concatenate([s["answers"] for s in seen])
        spikes = [s["spikes"] for s in seen]
        learned[backend] = answers, spikes, [*parameters.weights, *parameters.biases, *feedback]
    start = SMALL.start(DIGITS.image_shape, DIGITS.n_classes)
    answers, spikes, weights = learned.pop("reference")
    assert np.abs(weights[0] - start.weights[0]).max() > 0.1  # they did learn
    for other in learned.values():
        assert np.array_equal(other[0], answers)
        for mine, reference in zip(other[1], spikes):
            assert mine == pytest.approx(reference, rel=1e-6)
        for mine, reference in zip(other[2], weights):
            assert mine == pytest.approx(reference, rel=1e-5, abs=1e-6)


def test_kolen_pollack_closes_the_gap_as_fast_as_weights_decay():
    # W - B^T shrinks by 1 - rate dt decay a step, whatever is learned; the first adds nothing.
    with learner_of(AT_ONCE, dtype="float64") as learner:
        gaps = [learner.network.parameters.weights[1] - learner.feedback()[0]]
        learner.learn(DIGITS.train.images[:40], DIGITS.train.labels[:40])
        gaps.append(learner.parameters().weights[1] - learner.feedback()[0])
        steps = 40 * learner.stream.steps(learner.stream.presentation_time) - 1
    shrinkage = (1 - AT_ONCE.learning_rate * AT_ONCE.decay * 0.001) ** steps
    assert gaps[1] == pytest.approx(gaps[0] * shrinkage, abs=1e-6)


def test_biases_learn_the_errors_integral():
    # Without their mean, activities of a constant would be nothing, and so would biases.
    settings = SpikingPC(hidden=(20,), consolidation=0.0, decay=0.0)
    network = settings.build(settings.start(DIGITS.image_shape, DIGITS.n_classes))
    with network:
        errors = [nengo.Probe(c.learning_rule, "error") for c in network.biases]
    n_steps = 3000  # the running mean takes 2 s
    label = np.eye(10)[3]
    network.input.output = DIGITS.train.images[0].ravel()
    network.target.output = label
    with nengo.Simulator(network, progress_bar=False) as simulator:
        simulator.run_steps(n_steps, progress_bar=False)
        after = [simulator.signals[simulator.model.sig[c]["weights"]][:, 0] for c in network.biases]
    rules = settings.rules()
    for i, biases in enumerate(network.parameters.biases):
        seen = simulator.data[errors[i]][: n_steps - 1].sum(axis=0)
        assert np.abs(seen).max() > 0
        assert after[i] == pytest.approx(biases + rules[i].learning_rate * 0.001 * seen, abs=1e-9)


def test_without_a_target_nothing_is_learned_but_decay():
    settings = SpikingPC(hidden=(20,), decay=0.0)
    with learner_of(settings) as learner:
        network = learner.network
        data = learner.stream.inputs(network, DIGITS.train.images[:5], DIGITS.train.labels[:5])
        learner.stepper.run({node: v * (node is network.input) for node, v in data.items()})
        weights = learner.parameters().weights
    for mine, start in zip(weights, network.parameters.weights):
        assert np.array_equal(mine, start)


def test_what_learns_is_the_classifier_spike_for_spike():
    settings = SpikingPC(hidden=(12, 8))
    parameters = settings.start(DIGITS.image_shape, DIGITS.n_classes, seed=4)
    image = DIGITS.test.images[3].ravel()
    network = settings.build(parameters)
    classifier = SpikingClassifier(parameters, synapse=nengo.Lowpass(SMALL.synapse), encoder="lif")
    spikes = []
    for net, layers in ((network, network.values), (classifier, classifier.layers)):
        net.input.output = image
        with net:
            probes = [nengo.Probe(layer.neurons) for layer in layers]
        with nengo.Simulator(net, progress_bar=False) as simulator:
            # No target: no error, and the decay of 200 steps moves no spike.
            simulator.run_steps(200, progress_bar=False)
        spikes.append([simulator.data[p] for p in probes])
    assert spikes[0][1].sum() > 0
    for mine, theirs in zip(*spikes):
        assert (mine > 0).sum() == pytest.approx((theirs > 0).sum(), rel=0.02)


def test_wrong_backends_and_sizes():
    with pytest.raises(ValidationError, match="loihi"):
        learner_of(backend="loihi")
    with pytest.raises(ValidationError, match="xla alone"):
        learner_of(backend="reference", minibatch_size=2)
    with (
        learner_of(backend="reference") as learner,
        pytest.raises(ValidationError, match="another process"),
    ):
        learner.state()
    with (
        learner_of(minibatch_size=2) as learner,
        pytest.raises(ValidationError, match="multiple of the minibatch size 2"),
    ):
        learner.learn(DIGITS.train.images[:3], DIGITS.train.labels[:3])


def test_steppers_refuse_data_that_do_not_fit():
    with nengo.Network() as network:
        node = nengo.Node([0.0, 0.0])
        nengo.Probe(node)
    with Stepper(network, [node], "reference") as stepper:
        with pytest.raises(ValidationError, match="data"):
            stepper.run({})
        with pytest.raises(ValidationError, match=r"\(1, 3, 2\)"):
            stepper.run({node: np.zeros((1, 3, 1))})


@pytest.mark.parametrize("backend", ["reference", "native", "dl", "xla"])
def test_stretches_follow_one_another(backend):
    with nengo.Network() as network:
        node = nengo.Node([0.0, 0.0])
        total = nengo.Node(size_in=1)
        integral = nengo.LinearFilter([1], [1, 0])  # of both, in s
        nengo.Connection(node, total, transform=[[1, 1]], synapse=integral)
        probe = nengo.Probe(total)
    rows = np.random.default_rng(0).uniform(size=(1, 30, 2))
    with Stepper(network, [node], backend) as stepper:
        parts = [stepper.run({node: rows[:, a : a + 10]})[probe] for a in (0, 10, 20)]
    wanted = 0.001 * np.cumsum(rows[0].sum(axis=1))
    # A synapse shows its input one step late.
    assert np.concatenate(parts, axis=1)[0, 1:, 0] == pytest.approx(wanted[:-1], abs=1e-5)


# --- a run, and what it leaves


def learned(tmp_path, **options):
    settings = SMALL
    start = settings.start(DIGITS.image_shape, DIGITS.n_classes)
    return learn_stream(
        settings,
        start,
        DIGITS.train,
        Stream(),
        200,
        minibatch_size=4,
        notes=5,
        checkpoint=tmp_path / "checkpoint.npz",
        progress=False,
        **options,
    )


def test_a_run_that_is_stopped_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    whole, history = learned(tmp_path / "whole")
    original, calls = OnlineLearner.learn, []

    def stops(self, *arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(OnlineLearner, "learn", stops)
        with pytest.raises(KeyboardInterrupt):
            learned(tmp_path)
    resumed, again = learned(tmp_path, resume=True)
    for a, b in zip((*whole.weights, *whole.biases), (*resumed.weights, *resumed.biases)):
        assert np.array_equal(a, b)
    for note, other in zip(history, again, strict=True):
        assert {**note, "seconds": 0} == {**other, "seconds": 0}


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    learned(tmp_path)
    with pytest.raises(CheckpointError, match="seed, start differ|seed differ"):
        learned(tmp_path, resume=True, seed=1)


def test_the_script_learns_the_digits(tmp_path, capsys):
    command = ["--dataset", "digits", "--hidden", "40", "--images", "6000", "--minibatch", "5"]
    command += ["--score-on", "reference", "xla"]
    command += ["--test-images", "60", "--out", str(tmp_path)]
    assert spiking_pc.main(command) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    reference, compiled = metrics["runs"]
    assert reference["accuracy"] > 0.85
    assert abs(reference["accuracy"] - compiled["accuracy"]) <= 1 / 60
    notes = [compiled["history"][i]["spikes"] for i in (1, -1)]
    first, last = (note["error 1"] + note["error 2"] for note in notes)
    assert compiled["error_spikes_ratio"] == pytest.approx(last / first)
    assert compiled["alignment"]["feedback 1"] > compiled["history"][0]["alignment"]["feedback 1"]
    assert 6000 <= compiled["history"][-1]["images_seen"] < 6065  # whole calls of 13 times 5
    report = (tmp_path / "report.md").read_text()
    for name in ("accuracy", "error_spikes", "alignment", "rasters", "weights"):
        assert (tmp_path / f"{name}.png").exists() and f"{name}.png" in report
    assert Parameters.load(tmp_path / "parameters.npz").neuron == SpikingPC().neuron
    # Again, with --resume, nothing is learned anew.
    assert spiking_pc.main([*command, "--resume"]) == 0
    again = json.loads((tmp_path / "metrics.json").read_text())["runs"][1]
    assert again["accuracy"] == compiled["accuracy"]


@pytest.mark.parametrize(
    "options, says",
    [
        (["--seeds", "0"], "--seeds"),
        (["--test-images", "0"], "--test-images"),
        (["--gain", "-1"], "gain"),
        (["--target-from", "0.1"], "target_from"),
        (["--backend", "dl", "--minibatch", "2"], "minibatch_size"),
        (["--images", "3", "--minibatch", "4"], "n_images"),
    ],
)
def test_wrong_options_are_named(tmp_path, capsys, options, says):
    assert spiking_pc.main(["--dataset", "digits", "--out", str(tmp_path), *options]) == 2
    assert says in capsys.readouterr().err
