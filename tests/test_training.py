import dataclasses
import importlib.util
import itertools
import json
import pickle

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from nengo_pc.backends import BackendUnavailable, present
from nengo_pc.datasets import Split
from nengo_pc.learning import (
    CheckpointError,
    TrainingDiverged,
    TrainingInterrupted,
    TrainingOptions,
    train,
)
from nengo_pc.learning.augmentation import shift
from nengo_pc.networks import AveragePooling, Convolution, Dense, LIFConstants, Parameters

pytestmark = pytest.mark.filterwarnings("ignore:Simulator with model=.*was deallocated while open")
# Nothing random, no batch norm: what is left can be written down.
PLAIN = TrainingOptions(
    epochs=2, batch_size=50, batch_norm=False, dropout=0.0, input_dropout=0.0, smoothing=0.1
)
needs_loihi = pytest.mark.skipif(
    importlib.util.find_spec("nengo_loihi") is None, reason="needs nengo-loihi"
)


def options_like(options, **changes):
    return dataclasses.replace(options, **changes)


def small(units=12):
    return Parameters.random((8, 8, 1), [Dense(units), Dense(10)], seed=1)


def part_of(dataset, n):
    splits = {
        name: Split(split.images[:n], split.labels[:n])
        for name, split in (("train", dataset.train), ("validation", dataset.validation))
    }
    return dataclasses.replace(dataset, **splits)


def outputs_of(parameters, images, *, hidden=False):
    """Outputs, or activities of the first layer, of the rate network on the reference."""
    from nengo_pc.learning.training_network import rate_network

    network = rate_network(parameters)
    with network:
        probe = nengo.Probe(network.layers[0].neurons if hidden else network.output)
    return present(network, images, presentation_time=0.001, keep="last", progress=False)[probe]


@pytest.fixture(scope="module")
def parts():
    """The modules that import TensorFlow."""
    from nengo_pc.learning import nengodl_engine, training_network

    return {**vars(training_network), **vars(nengodl_engine)}


@pytest.fixture
def eagerly(parts):
    """Without compiling, which takes longer than these runs."""
    parts["tf"].config.run_functions_eagerly(True)
    yield
    parts["tf"].config.run_functions_eagerly(False)


def soft_lif(currents, neuron, gamma):
    """Hunsberger & Eliasmith 2016, eq. 4: the rectifier in the LIF rate made soft."""
    rectified = gamma * np.log1p(np.exp((np.asarray(currents, float) - 1) / gamma))
    with np.errstate(divide="ignore"):
        period = neuron.tau_ref + neuron.tau_rc * np.log1p(1 / rectified)
    return neuron.amplitude / period


def activity_of(neuron_type, currents):
    output = np.zeros(len(currents))
    neuron_type.step(0.001, np.asarray(currents, float), output)
    return output


# Closed forms


def test_options_that_differ_are_named():
    options = TrainingOptions()
    assert options.differences(TrainingOptions()) == []
    other = options_like(options, dropout=0.5, seed=3, target_rate=20.0)
    assert options.differences(other) == ["dropout", "target_rate", "seed"]
    assert TrainingOptions(**json.loads(json.dumps(other.to_dict()))) == other


@pytest.mark.parametrize("gamma", [0.5, 0.1, 0.02])
def test_the_trained_curve_is_soft_lif(gamma, parts):
    neuron = LIFConstants(0.03, 0.003, 0.07)
    made = parts["training_neuron"](neuron, options_like(PLAIN, smoothing=gamma))
    currents = np.linspace(1 - 15 * gamma, 8, 200)
    wanted = soft_lif(currents, neuron, gamma)
    np.testing.assert_allclose(activity_of(made, currents), wanted, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*encountered in (exp|divide)")
def test_soft_lif_becomes_lif(parts):
    neuron = LIFConstants()
    lif = nengo.LIFRate(neuron.tau_rc, neuron.tau_ref, neuron.amplitude)
    below, above = np.linspace(-3, 0.5, 50), np.linspace(1.05, 9, 300)
    errors = []
    for gamma in (0.3, 0.1, 0.03, 0.01, 0.003, 0.001):
        made = parts["training_neuron"](neuron, options_like(PLAIN, smoothing=gamma))
        # Far below the threshold the period is tau_rc (1 - J) / gamma and more.
        bound = neuron.amplitude * gamma / (neuron.tau_rc * (1 - below))
        assert np.all(activity_of(made, below) <= bound * (1 + 1e-9))
        errors.append(np.abs(activity_of(made, above) - activity_of(lif, above)).max())
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.5
    assert errors[-1] < 1e-6


@needs_loihi
@pytest.mark.filterwarnings("ignore:overflow encountered in exp")
@pytest.mark.parametrize("tau_rc, tau_ref", [(0.02, 0.004), (0.05, 0.0018), (0.0113, 0.001)])
def test_the_loihi_curve_is_half_a_step_from_nengo_loihis_own(tau_rc, tau_ref, parts):
    from nengo_pc.backends.loihi import import_nengo_loihi

    import_nengo_loihi()
    from nengo_loihi.neurons import loihi_rates

    neuron = LIFConstants(tau_rc, tau_ref, amplitude=0.05)
    options = options_like(PLAIN, activation="loihi", smoothing=1e-4)
    currents = np.linspace(1.02, 12, 500)
    ours = 0.05 / activity_of(parts["training_neuron"](neuron, options), currents)
    rates = loihi_rates(neuron.spiking(), np.zeros((1, 500)), np.ones(500), currents, dt=0.001)[0]
    theirs = 0.05 / rates
    assert np.abs(ours - theirs).max() <= 0.0005 * (1 + 1e-6)
    # Neither late nor early on the whole, where a step is small beside the period's range.
    assert abs(np.mean(ours - theirs)) < 0.00025


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_learning_rate_over_a_run(schedule, parts):
    options = options_like(PLAIN, learning_rate=0.3, schedule=schedule)
    optimizer = parts["make_optimizer"](options, 20)
    variable = parts["tf"].Variable([0.0])
    rates = []
    for _ in range(20):
        optimizer.apply_gradients([(parts["tf"].constant([1.0]), variable)])
        rates.append(float(optimizer.learning_rate))  # of this update
    k = np.arange(20)
    wanted = 0.15 * (1 + np.cos(np.pi * k / 20)) if schedule == "cosine" else np.full(20, 0.3)
    np.testing.assert_allclose(rates, wanted, rtol=1e-5)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_first_update_of_adam(name, parts):
    # Its first step is the learning rate times the gradient's sign.
    tf = parts["tf"]
    options = options_like(PLAIN, optimizer=name, learning_rate=0.01, weight_decay=0.5)
    start, gradient = np.array([1.0, -2.0, 3.0], "f4"), np.array([5.0, -0.1, 0.7], "f4")
    variable = tf.Variable(start)
    parts["make_optimizer"](options, 10).apply_gradients([(tf.constant(gradient), variable)])
    decayed = start * (1 - 0.01 * 0.5) if name == "adamw" else start
    np.testing.assert_allclose(variable.numpy(), decayed - 0.01 * np.sign(gradient), atol=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_keeps_the_mean(rate, parts):
    x = np.ones((500, 400), "f4")
    layer = parts["Dropout"](rate, seed=7)
    dropped = layer(x, training=True).numpy()
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], 1 / (1 - rate), rtol=1e-6)
    assert abs(kept.mean() - (1 - rate)) < 4 * np.sqrt(rate * (1 - rate) / x.size)
    for axis in (0, 1):
        expected = np.sqrt(rate * (1 - rate) / x.shape[axis])
        assert 0.8 < kept.mean(axis=axis).std() / expected < 1.2
    np.testing.assert_array_equal(layer(x, training=False), x)


def test_noise_has_its_deviation_and_no_mean(parts):
    x = np.linspace(-1, 1, 200_000, dtype="f4").reshape(500, 400)
    layer = parts["GaussianNoise"](0.3, seed=7)
    noise = (layer(x, training=True).numpy() - x).ravel().astype(float)
    n = noise.size
    assert abs(noise.mean()) < 4 * 0.3 / np.sqrt(n)
    assert abs(noise.var() - 0.09) < 4 * 0.09 * np.sqrt(2 / n)
    assert abs(np.mean(noise**4) / noise.var() ** 2 - 3) < 4 * np.sqrt(24 / n)
    np.testing.assert_array_equal(layer(x, training=False), x)


def translated(image, rows, columns):
    result = np.zeros_like(image)
    height, width = image.shape[:2]
    for r, c in np.ndindex(height, width):
        if 0 <= r - rows < height and 0 <= c - columns < width:
            result[r, c] = image[r - rows, c - columns]
    return result


def test_shifted_images_are_translated_copies():
    rng = np.random.default_rng(3)
    images = rng.uniform(0.1, 1, size=(600, 5, 4, 2)).astype("f4")
    before = images.copy()
    shifted = shift(images, 1, np.random.default_rng(1))
    assert (shifted.shape, shifted.dtype) == (images.shape, images.dtype)
    moves = list(itertools.product((-1, 0, 1), repeat=2))
    counts = np.zeros(len(moves), int)
    for image, result in zip(images, shifted):
        fits = [np.array_equal(result, translated(image, *move)) for move in moves]
        assert sum(fits) == 1
        counts[fits.index(True)] += 1
    # Each of the nine moves as often: a chi-square of 8 degrees of freedom is below 26 but once
    # in a thousand.
    expected = 600 / 9
    assert np.sum((counts - expected) ** 2 / expected) < 26
    np.testing.assert_array_equal(images, before)


def test_shifting_by_nothing_gives_the_images():
    images = np.random.default_rng(3).uniform(size=(3, 4, 4, 1))
    np.testing.assert_array_equal(shift(images, 0, np.random.default_rng(1)), images)


# Another implementation: the same network in plain TensorFlow


def plain_update(tf, variables, images, labels, options, neuron):
    """Loss, hits and gradients of a SoftLIF network with one hidden layer."""
    weights_1, bias_1, weights_2, bias_2 = variables
    with tf.GradientTape() as tape:
        currents = tf.reshape(images, (len(images), -1)) @ tf.transpose(weights_1) + bias_1
        rectified = options.smoothing * tf.math.softplus((currents - 1) / options.smoothing)
        rates = 1 / (neuron.tau_ref + neuron.tau_rc * tf.math.log1p(1 / rectified))
        scores = neuron.amplitude * rates @ tf.transpose(weights_2) + bias_2
        smoothed = (1 - options.label_smoothing) * np.eye(10)[labels]
        smoothed += options.label_smoothing / 10
        loss = -tf.reduce_mean(tf.reduce_sum(smoothed * tf.nn.log_softmax(scores), axis=1))
        excess = tf.maximum(tf.reduce_mean(rates, axis=0) / options.target_rate - 1, 0)
        loss += options.rate_weight * tf.reduce_mean(excess**2)
    hits = np.count_nonzero(scores.numpy().argmax(axis=1) == labels)
    return float(loss), hits, tape.gradient(loss, variables)


def test_updates_are_those_of_plain_tensorflow(parts, digits):
    tf = parts["tf"]
    options = options_like(
        PLAIN,
        optimizer="sgd",
        learning_rate=0.1,
        label_smoothing=0.2,
        target_rate=15.0,
        rate_weight=0.3,
    )
    start, n_updates = small(), 8
    engine = parts["NengoDLEngine"](start, options, n_updates)
    values = [start.weights[0], start.biases[0], start.weights[1], start.biases[1]]
    variables = [tf.Variable(v, dtype=tf.float64) for v in values]
    velocities = [np.zeros(v.shape) for v in values]
    for step in range(3):
        part = slice(50 * step, 50 * (step + 1))
        images, labels = digits.train.images[part], digits.train.labels[part]
        loss, hits = engine.update(images, labels)
        wanted, wanted_hits, gradients = plain_update(
            tf, variables, images.astype(float), labels, options, start.neuron
        )
        np.testing.assert_allclose(float(loss), wanted, rtol=1e-5)
        assert int(hits) == wanted_hits
        # Nesterov momentum 0.9 on a cosine schedule.
        rate = 0.1 * (1 + np.cos(np.pi * step / n_updates)) / 2
        for variable, velocity, gradient in zip(variables, velocities, gradients):
            velocity[:] = 0.9 * velocity - rate * gradient.numpy()
            variable.assign_add(0.9 * velocity - rate * gradient.numpy())
        now = engine.parameters()
        result = [now.weights[0], now.biases[0], now.weights[1], now.biases[1]]
        for ours, plain, before in zip(result, variables, values):
            np.testing.assert_allclose(ours, plain.numpy(), atol=1e-5)
            assert np.abs(plain.numpy() - before).max() > 1e-3
    engine.close()


# Invariants


def test_the_digits_are_learned(trained, digits):
    outputs = outputs_of(trained.parameters, digits.test.images)
    assert np.mean(outputs.argmax(axis=1) == digits.test.labels) > 0.93
    untrained = outputs_of(trained.start, digits.test.images)
    assert np.mean(untrained.argmax(axis=1) == digits.test.labels) < 0.5


def test_the_history_of_a_run(trained, digits):
    history = trained.history
    assert [epoch["epoch"] for epoch in history] == list(range(1, 61))
    assert set(history[0]) == {"epoch", "loss", "accuracy", "validation_accuracy", "seconds"}
    assert history[-1]["loss"] < history[0]["loss"] / 2
    assert history[-1]["accuracy"] > history[0]["accuracy"] + 0.3
    outputs = outputs_of(trained.parameters, digits.validation.images)
    validation = np.mean(outputs.argmax(axis=1) == digits.validation.labels)
    # Within one image, should two classes tie.
    assert abs(history[-1]["validation_accuracy"] - validation) <= 1.01 / len(outputs)


def test_parameters_know_how_they_came_about(trained, tmp_path):
    trained.parameters.save(tmp_path / "network.npz")
    training = Parameters.load(tmp_path / "network.npz").metadata["training"]
    assert TrainingOptions(**training["options"]) == trained.options
    assert training["dataset"] == "digits"
    assert training["history"] == trained.history
    assert trained.start.metadata == {}


@pytest.mark.parametrize("seed", [1, 2])
def test_an_epoch_shows_each_image_once_with_its_label(seed, digits, parts, monkeypatch):
    shown, engines = [], set()

    def record(self, images, labels):
        engines.add(self)
        shown.append((images, labels))
        return 0.0, 0

    monkeypatch.setattr(parts["NengoDLEngine"], "update", record)
    some = part_of(digits, 110)
    options = options_like(PLAIN, epochs=3, seed=seed)
    train(small(), some, options, progress=False)
    labels = {image.tobytes(): label for image, label in zip(some.train.images, some.train.labels)}
    assert len(labels) == 110
    orders = []
    for epoch in range(3):
        batches = shown[2 * epoch : 2 * epoch + 2]
        images = [image.tobytes() for batch, _ in batches for image in batch]
        assert len(images) == len(set(images)) == 100
        assert [labels[image] for image in images] == [n for _, batch in batches for n in batch]
        orders.append(tuple(images))
    first_of_data = tuple(image.tobytes() for image in some.train.images[:100])
    assert len({*orders, first_of_data}) == 4
    # The learning rate falls over all of these updates.
    (engine,) = engines
    schedule = engine.optimizer.get_config()["learning_rate"]["config"]
    assert schedule["decay_steps"] == 3 * 2


def test_a_run_that_was_killed_and_resumed_ends_as_one_that_was_not(
    digits, tmp_path, parts, monkeypatch
):
    layers = [Convolution(3, 3), AveragePooling(2), Dense(12), Dense(10)]
    start, some = Parameters.random((8, 8, 1), layers, seed=1), part_of(digits, 200)
    options = TrainingOptions(
        epochs=4, batch_size=40, dropout=0.2, input_dropout=0.1, noise=10.0, shift=1, seed=3
    )
    checkpoint = tmp_path / "run.npz"
    whole = train(start, some, options, progress=False)
    engine, updates = parts["NengoDLEngine"], itertools.count()
    update = engine.update

    def killed(self, images, labels):
        if next(updates) == 2 * 5 + 3:  # in the midst of epoch 3
            raise KeyboardInterrupt
        return update(self, images, labels)

    monkeypatch.setattr(engine, "update", killed)
    with pytest.raises(TrainingInterrupted, match=r"2 of 4 epochs.*run\.npz keeps it") as error:
        train(start, some, options, checkpoint, progress=False)
    assert isinstance(error.value, KeyboardInterrupt)
    result = train(start, some, options, checkpoint, resume=True, progress=False)
    assert next(updates) == 4 * 5 + 4  # none was made again but the three lost

    def without_seconds(history):
        return [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in history]

    for name in ("weights", "biases"):
        for wanted, got in zip(getattr(whole.parameters, name), getattr(result.parameters, name)):
            if wanted is not None:
                np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-7)
    assert without_seconds(result.history) == without_seconds(whole.history)
    assert result.seconds == sum(epoch["seconds"] for epoch in result.history)


def test_a_checkpoint_counts_every_update_of_every_random_layer(trained):
    with np.load(trained.checkpoint) as file:
        counts = [int(file[name]) for name in file.files if file[name].dtype == np.int32]
    # Noise and dropout after two hidden layers, dropout of the input; 1197 // 57 = 21 updates.
    assert counts == [60 * 21] * 5


def test_a_finished_run_resumed_is_what_it_was(trained, digits, parts, monkeypatch):
    def no_update(self, images, labels):
        raise AssertionError("there is nothing left to train")

    monkeypatch.setattr(parts["NengoDLEngine"], "update", no_update)
    result = train(
        trained.start, digits, trained.options, trained.checkpoint, resume=True, progress=False
    )
    assert result.parameters.digest() == trained.parameters.digest()
    assert result.history == trained.history


def test_the_seed_decides_a_run(eagerly, digits):
    options = TrainingOptions(epochs=1, batch_size=50, noise=10.0, shift=1, seed=4)
    some = part_of(digits, 100)

    def digest(**changes):
        result = train(small(), some, options_like(options, **changes), progress=False)
        return result.parameters.digest()

    one = digest()
    assert digest() == one
    assert digest(seed=5) != one
    assert digest(shift=0) != one


def test_random_layers_are_the_same_for_the_same_seed_and_call(parts):
    x = np.ones((20, 30), "f4")
    for make in (
        lambda seed: parts["Dropout"](0.5, seed),
        lambda seed: parts["GaussianNoise"](1.0, seed),
    ):
        one, same, other = make(3), make(3), make(4)
        first, second = one(x, training=True).numpy(), one(x, training=True).numpy()
        np.testing.assert_array_equal(same(x, training=True), first)
        np.testing.assert_array_equal(same(x, training=True), second)
        assert np.any(first != second)
        assert np.any(other(x, training=True).numpy() != first)
        # Predicting between two updates does not use up a call.
        again = make(3)
        again(x, training=True)
        again(x, training=False)
        np.testing.assert_array_equal(again(x, training=True), second)


def test_no_two_random_layers_share_a_seed(parts):
    options = TrainingOptions(noise=1.0)
    layers = [Convolution(2, 3), AveragePooling(2), Dense(5), Dense(4), Dense(3)]
    parameters = Parameters.random((8, 8, 1), layers)
    seeds = [
        layer.seed
        for seed in (0, 1, 2)
        for node in parts["TrainingClassifier"](
            parameters, options_like(options, seed=seed)
        ).all_nodes
        for layer in [getattr(node, "tensor_func", None)]
        if isinstance(layer, parts["RandomLayer"])
    ]
    # Noise and dropout after each of three hidden layers, dropout of the input.
    assert len(seeds) == 3 * (2 * 3 + 1)
    assert len(set(seeds)) == len(seeds)


def test_nothing_of_training_is_left_in_the_parameters(parts):
    parameters = Parameters.random((8, 8, 1), [Convolution(2, 3), Dense(5), Dense(3)], seed=1)
    options = options_like(PLAIN, noise=5.0, dropout=0.5, input_dropout=0.5)
    engine = parts["NengoDLEngine"](parameters, options, 10)
    now = engine.parameters()
    engine.close()
    for ours, wanted in zip(now.weights + now.biases, parameters.weights + parameters.biases):
        np.testing.assert_array_equal(ours, wanted)
    assert now.layers == parameters.layers


def test_pressing_on_rates_lowers_them(eagerly, digits, parts):
    images, labels = digits.train.images[:50], digits.train.labels[:50]
    options = options_like(PLAIN, learning_rate=0.02, schedule="constant", rate_weight=1.0)

    def excess(target):
        engine = parts["NengoDLEngine"](small(), options_like(options, target_rate=target), 15)
        losses = [float(engine.update(images, labels)[0]) for _ in range(15)]
        activity = outputs_of(engine.parameters(), images, hidden=True)
        engine.close()
        assert losses[-1] < losses[0]
        return np.maximum(activity.mean(axis=0) / LIFConstants().amplitude - 20, 0).mean()

    free, pressed = excess(None), excess(20.0)
    assert free > 5
    assert pressed < free / 2


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs tensorboard")
def test_tensorboard_gets_the_history(trained, parts):
    tf = parts["tf"]
    (path,) = trained.events.glob("events.out.tfevents.*")
    written = {}
    for event in tf.compat.v1.train.summary_iterator(str(path)):
        for value in event.summary.value:
            written[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    wanted = {
        (name, epoch["epoch"]): epoch[name]
        for epoch in trained.history
        for name in ("loss", "accuracy", "validation_accuracy")
    }
    assert set(written) == set(wanted)
    for key, value in wanted.items():
        np.testing.assert_allclose(written[key], value, rtol=1e-6)


# Bad input: options


@pytest.mark.parametrize(
    "name, value",
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("epochs", None),
        ("batch_size", 0),
        ("batch_size", "50"),
        ("optimizer", "lbfgs"),
        ("optimizer", None),
        ("learning_rate", 0),
        ("learning_rate", -1e-3),
        ("learning_rate", np.nan),
        ("schedule", "linear"),
        ("weight_decay", -0.1),
        ("current_scale", 0),
        ("dropout", 1),
        ("dropout", -0.1),
        ("dropout", np.nan),
        ("input_dropout", 1.5),
        ("noise", -1),
        ("noise", np.nan),
        ("target_rate", 0),
        ("target_rate", -5.0),
        ("rate_weight", -1),
        ("label_smoothing", 1.0),
        ("shift", -1),
        ("shift", 0.5),
        ("smoothing", 0),
        ("activation", "gelu"),
        ("seed", -1),
        ("seed", None),
    ],
)
def test_options_that_make_no_sense_are_named(name, value):
    with pytest.raises(ValidationError) as error:
        TrainingOptions(**{name: value})
    assert error.value.attr == name
    assert repr(value) in str(error.value)


@pytest.mark.parametrize(
    "name, value",
    [
        ("learning_rate", np.inf),
        ("learning_rate", "0.1"),
        ("dropout", None),
        ("epochs", True),
        ("batch_norm", "no"),
        ("target_rate", "20"),
    ],
)
def test_options_of_another_type_are_named(name, value):
    with pytest.raises(ValidationError) as error:
        TrainingOptions(**{name: value})
    assert error.value.attr == name


# Bad input: data sets, checkpoints, learning rates


def test_a_data_set_of_another_size_is_named(digits):
    with pytest.raises(ValidationError, match=r"64 pixels.*takes 49") as error:
        train(Parameters.random((7, 7, 1), [Dense(10)]), digits, PLAIN)
    assert error.value.attr == "dataset"


def test_a_data_set_of_other_classes_is_named(digits):
    with pytest.raises(ValidationError, match=r"10 classes.*7 outputs") as error:
        train(Parameters.random((64,), [Dense(7)]), digits, PLAIN)
    assert error.value.attr == "dataset"


def test_a_minibatch_larger_than_the_data_set_is_named(digits):
    with pytest.raises(ValidationError, match=r"49 training images, got 50") as error:
        train(small(), part_of(digits, 49), PLAIN)
    assert error.value.attr == "batch_size"


@pytest.mark.parametrize(
    "change, said",
    [
        ({"learning_rate": 0.25}, r"learning_rate 0\.01 there, 0\.25 here"),
        ({"epochs": 61, "dropout": 0.2}, r"epochs 60 there, 61 here.*dropout 0\.1 there, 0\.2"),
        ({"target_rate": None}, r"target_rate 100\.0 there, None here"),
    ],
)
def test_a_checkpoint_of_other_options_is_named(change, said, trained, digits):
    options = options_like(trained.options, **change)
    with pytest.raises(CheckpointError, match=said):
        train(trained.start, digits, options, trained.checkpoint, resume=True, progress=False)


@pytest.mark.parametrize("what", ["network", "dataset", "neuron"])
def test_a_checkpoint_of_another_run_is_named(what, trained, digits):
    start, dataset = trained.start, digits
    if what == "network":
        start = Parameters.random((8, 8, 1), [Dense(64), Dense(33), Dense(10)])
        said = "network '64-64-32-10' there, '64-64-33-10' here"
    elif what == "dataset":
        dataset = dataclasses.replace(digits, name="letters")
        said = "dataset 'digits' there, 'letters' here"
    else:
        start = dataclasses.replace(start, neuron=LIFConstants(tau_ref=0.002))
        said = r"tau_ref 0\.004 there, 0\.002 here"
    with pytest.raises(CheckpointError, match=said):
        train(start, dataset, trained.options, trained.checkpoint, resume=True, progress=False)


def resumed(path, digits):
    return train(small(), part_of(digits, 50), PLAIN, path, resume=True, progress=False)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    "damage", ["truncated", "empty", "random", "parameters", "pickle", "pickled array"]
)
def test_a_damaged_checkpoint_is_refused(damage, trained, digits, tmp_path):
    path, mark = tmp_path / "damaged.npz", tmp_path / "executed"
    content = trained.checkpoint.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[: len(content) * 2 // 3])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "random":
        path.write_bytes(np.random.default_rng(1).bytes(5000))
    elif damage == "parameters":
        small().save(path)
    elif damage == "pickle":
        path.write_bytes(pickle.dumps(Bomb(mark)))
    else:
        np.savez(path, description=np.array([Bomb(mark)], dtype=object))
    with pytest.raises(CheckpointError, match=r"damaged\.npz"):
        resumed(path, digits)
    assert not mark.exists()


@pytest.mark.parametrize("damage", ["npy", "list"])
def test_a_checkpoint_of_another_kind_is_refused(damage, digits, tmp_path):
    path = tmp_path / "damaged.npz"
    with open(path, "wb") as stream:
        if damage == "npy":
            np.save(stream, np.ones(3))
        else:
            np.savez(stream, description=np.array("[]"))
    with pytest.raises(CheckpointError, match=r"damaged\.npz"):
        resumed(path, digits)


def test_a_checkpoint_of_another_padding_is_refused(eagerly, digits, tmp_path):
    some, path = part_of(digits, 50), tmp_path / "run.npz"
    options = options_like(PLAIN, epochs=1)
    for padding in ("same", "valid"):
        start = Parameters.random((8, 8, 1), [Convolution(2, 3, padding=padding), Dense(10)])
        if padding == "same":
            train(start, some, options, path, progress=False)
            continue
        with pytest.raises(CheckpointError):
            train(start, some, options, path, resume=True, progress=False)


def test_a_checkpoint_without_suffix_can_be_resumed(eagerly, digits, tmp_path):
    train(small(), part_of(digits, 50), PLAIN, tmp_path / "run", progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    resumed(tmp_path / "run", digits)


def test_without_a_checkpoint_resuming_starts(eagerly, digits, tmp_path):
    result = resumed(tmp_path / "run.npz", digits)
    assert [epoch["epoch"] for epoch in result.history] == [1, 2]
    assert (tmp_path / "run.npz").exists()


def test_interrupted_before_the_first_epoch_ends_nothing_is_kept(
    digits, tmp_path, parts, monkeypatch
):
    def killed(self, images, labels):
        raise KeyboardInterrupt

    monkeypatch.setattr(parts["NengoDLEngine"], "update", killed)
    with pytest.raises(TrainingInterrupted, match=r"0 of 2 epochs; nothing is kept"):
        train(small(), part_of(digits, 50), PLAIN, tmp_path / "run.npz", progress=False)
    assert list(tmp_path.iterdir()) == []


DIVERGING = options_like(PLAIN, epochs=20, optimizer="sgd", learning_rate=1e38)


def test_a_learning_rate_far_too_high_is_said(eagerly, digits, tmp_path):
    with pytest.raises(TrainingDiverged, match=r"epoch 1.*below 1e\+38"):
        train(small(), part_of(digits, 50), DIVERGING, tmp_path / "run.npz", progress=False)
    assert not (tmp_path / "run.npz").exists()


def test_a_run_that_diverges_later_leaves_its_last_checkpoint(
    eagerly, digits, tmp_path, parts, monkeypatch
):
    update, calls = parts["NengoDLEngine"].update, []

    def infinite_from_the_second_on(self, *args):
        calls.append(1)
        if len(calls) == 2:  # one update each epoch
            weights = self.model.trainable_variables[0]
            weights.assign(np.full(weights.shape, np.inf))
        return update(self, *args)

    monkeypatch.setattr(parts["NengoDLEngine"], "update", infinite_from_the_second_on)
    path = tmp_path / "run.npz"
    with pytest.raises(TrainingDiverged, match="epoch 2"):
        train(small(), part_of(digits, 50), options_like(PLAIN, epochs=3), path, progress=False)
    with np.load(path) as kept:
        assert len(json.loads(str(kept["description"]))["history"]) == 1
        assert all(np.all(np.isfinite(kept[k])) for k in kept.files if k != "description")


def test_a_checkpoint_that_is_refused_leaves_nothing_open(digits, tmp_path, parts, monkeypatch):
    engine, count = parts["NengoDLEngine"], {"opened": 0, "closed": 0}
    start, close = engine.__init__, engine.close

    def opened(self, *args):
        count["opened"] += 1
        start(self, *args)

    def closed(self):
        count["closed"] += 1
        close(self)

    monkeypatch.setattr(engine, "__init__", opened)
    monkeypatch.setattr(engine, "close", closed)
    (tmp_path / "damaged.npz").write_bytes(b"")
    with pytest.raises(CheckpointError):
        resumed(tmp_path / "damaged.npz", digits)
    assert count["opened"] == count["closed"]


def test_a_missing_tensorboard_comes_with_a_command(digits, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorboard" else found(name)
    )
    with pytest.raises(BackendUnavailable, match=r"pip install .*tensorboard"):
        train(small(), digits, PLAIN, tensorboard=tmp_path, progress=False)
