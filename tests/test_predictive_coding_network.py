"""The network against a relaxation of its equations, written here in plain NumPy."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import BuildError, ValidationError

from nengo_pc.backends import Simulator, present
from nengo_pc.backends.compatibility import import_nengo_dl
from nengo_pc.learning import ErrorHebbian
from nengo_pc.networks import (
    FEEDBACKS,
    AveragePooling,
    Convolution,
    Dense,
    LIFConstants,
    Parameters,
    PredictiveCoding,
    SpikingClassifier,
    feedback_weights,
)

# Nengo looks for intercepts of all ensembles, and those connected by their neurons have none.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*encountered in (log1p|divide)"),
    pytest.mark.filterwarnings("ignore:Non-finite values detected in `max_rates`"),
]
SoftLIFRate = import_nengo_dl().SoftLIFRate
SOFT = {"sigma": 0.3, "tau_rc": 0.02, "tau_ref": 0.004, "amplitude": 0.05}
NEURONS = {
    "soft": SoftLIFRate(**SOFT),
    "sigmoid": nengo.Sigmoid(tau_ref=1),
    "tanh": nengo.Tanh(tau_ref=1),
    "relu": nengo.RectifiedLinear(),
}
SIZES = {2: (6, 5, 3), 3: (6, 5, 4, 3)}
TAU = 0.003


def make(depth=3, seed=11):
    """Parameters in which every number is another."""
    rng = np.random.default_rng(seed)
    sizes = SIZES[depth]
    return Parameters(
        sizes[:1],
        [Dense(n) for n in sizes[1:]],
        [rng.normal(0, 1.2 / np.sqrt(n), (m, n)) for n, m in zip(sizes, sizes[1:])],
        [rng.normal(0.8, 0.5, m) for m in sizes[1:-1]] + [rng.normal(0, 0.3, sizes[-1])],
    )


PARAMETERS = {depth: make(depth) for depth in SIZES}
IMAGE = np.random.default_rng(7).uniform(size=6)
TARGET = np.array([0.0, 1.0, 0.0])


# The equations, once more


def activation(name, x):
    if name == "soft":
        s = 0.3 * np.log(1 + np.exp((x - 1) / 0.3))
        return 0.05 / (0.004 + 0.02 * np.log(1 + 1 / s))
    if name == "sigmoid":
        return 1 / (1 + np.exp(-x))
    return np.tanh(x) if name == "tanh" else np.maximum(x, 0)


def slope(name, x):
    y = activation(name, x)
    if name == "soft":
        s = 0.3 * np.log(1 + np.exp((x - 1) / 0.3))
        # y = amplitude / T, and T = tau_ref + tau_rc log(1 + 1/s) falls with s
        return y**2 / 0.05 * 0.02 / (s * (s + 1)) / (1 + np.exp((1 - x) / 0.3))
    if name == "sigmoid":
        return y * (1 - y)
    return 1 - y**2 if name == "tanh" else (x > 0) * 1.0


def weights_of(parameters):
    pairs = zip(parameters.weights, parameters.biases)
    return [(w.astype(float), b.astype(float)) for w, b in pairs]


def forward(parameters, name, image=IMAGE):
    """Currents of all layers, without errors."""
    currents, activity = [], image
    for weights, bias in weights_of(parameters):
        currents.append(weights @ activity + bias)
        activity = activation(name, currents[-1])
    return currents


def output_error(u, target, beta, loss):
    if loss == "cross-entropy":
        return beta * (target - np.exp(u) / np.exp(u).sum())
    return beta * (target - u)


def relax(
    parameters,
    name,
    down,
    direct=False,
    beta=1.0,
    loss="cross-entropy",
    precision=(1, 1, 1),
    drive="value",
    step=0.2,
):
    """Euler's method from the feed-forward values until nothing moves.

    Returns the values of hidden layers and the weighted errors of all layers.
    """
    layers = weights_of(parameters)
    x = [u.copy() for u in forward(parameters, name)[:-1]]
    for _ in range(20_000):
        source = x if drive == "value" else forward(parameters, name)[:-1]
        activity = [IMAGE, *(activation(name, v) for v in source)]
        u = [w @ a + b for (w, b), a in zip(layers, activity)]
        errors = [p * (v - m) for p, v, m in zip(precision, x, u)]
        errors.append(precision[len(x)] * output_error(u[-1], TARGET, beta, loss))
        moves = [
            -errors[i] + slope(name, source[i]) * (down[i] @ errors[-1 if direct else i + 1])
            for i in range(len(x))
        ]
        x = [v + step * m for v, m in zip(x, moves)]
        if max(np.abs(m).max() for m in moves) < 1e-13:
            return x, errors
    raise AssertionError("the relaxation of the test does not settle")


def backprop(parameters, name, loss="cross-entropy"):
    """Minus the slopes of the loss: with respect to currents."""
    layers, u = weights_of(parameters), forward(parameters, name)
    deltas = [output_error(u[-1], TARGET, 1, loss)]
    for (weights, _), current in zip(layers[:0:-1], u[-2::-1]):
        deltas.insert(0, slope(name, current) * (weights.T @ deltas[0]))
    return deltas


def transposes(parameters):
    return [w.T.astype(float) for w in parameters.weights[1:]]


# Running the network


def build(parameters, name="soft", **options):
    network = PredictiveCoding(parameters, NEURONS[name], **{"tau_value": TAU, **options})
    # Values that follow the layer below one after another take longer.
    network.settling = 0.5 if options.get("dynamics") == "value" else 0.2
    network.input.output = IMAGE
    network.target.output = TARGET
    network.clamp.output = np.ones(1)
    with network:
        network.probed = {
            "x": [nengo.Probe(node) for node in network.currents],
            "u": [nengo.Probe(node) for node in network.predictions],
            "on_off": [nengo.Probe(errors.neurons) for errors in network.errors],
        }
    return network


def run(network, seconds=None, backend="reference", **options):
    """Histories of values, predictions and errors; by default until they have settled."""
    seconds = network.settling if seconds is None else seconds
    if backend == "reference":
        options["optimize"] = False  # merging operators takes longer than these short runs
    with Simulator(network, backend, **options) as simulator:
        simulator.run(seconds, progress_bar=False)
        data = {k: [simulator.data[p] for p in v] for k, v in network.probed.items()}
    data["errors"] = [np.subtract(*np.split(h, 2, axis=1)) for h in data["on_off"]]
    network.data = simulator.data
    return data


def check_settled(data, x, errors):
    assert np.abs(errors[0]).max() > 1e-3
    for history, wanted in zip([*data["x"], *data["errors"]], [*x, *errors], strict=True):
        np.testing.assert_allclose(history[-1], wanted, rtol=0, atol=1e-6)


# The same equilibrium as the equations have


@pytest.mark.parametrize("depth", SIZES)
@pytest.mark.parametrize("name", NEURONS)
def test_every_activation_settles_at_the_equilibrium(name, depth):
    parameters = PARAMETERS[depth]
    wanted = relax(parameters, name, transposes(parameters))
    check_settled(run(build(parameters, name)), *wanted)


@pytest.mark.parametrize(
    "loss, dynamics",
    [("squared-error", "error"), ("cross-entropy", "value"), ("squared-error", "value")],
)
@pytest.mark.parametrize("depth", SIZES)
def test_both_dynamics_and_losses_settle_at_the_equilibrium(depth, loss, dynamics):
    parameters = PARAMETERS[depth]
    wanted = relax(parameters, "soft", transposes(parameters), loss=loss)
    check_settled(run(build(parameters, loss=loss, dynamics=dynamics)), *wanted)


@pytest.mark.parametrize("drive", ["value", "prediction"])
@pytest.mark.parametrize("feedback", FEEDBACKS)
def test_every_feedback_settles_at_the_equilibrium(feedback, drive):
    parameters = PARAMETERS[3]
    down = [w.T.astype(float) for w in feedback_weights(parameters, feedback, seed=5)]
    wanted = relax(parameters, "soft", down, feedback == "direct", drive=drive)
    check_settled(run(build(parameters, feedback=feedback, drive=drive, seed=5)), *wanted)


@pytest.mark.parametrize("dynamics", ["error", "value"])
@pytest.mark.parametrize("feedback", ["random", "direct"])
def test_given_feedback_weights_are_used(feedback, dynamics):
    parameters = PARAMETERS[3]
    rng = np.random.default_rng(9)
    shapes = [w.shape for w in feedback_weights(parameters, feedback)]
    given = [rng.normal(0, 0.5, shape) for shape in shapes]
    wanted = relax(parameters, "tanh", [w.T for w in given], feedback == "direct")
    network = build(
        parameters, "tanh", feedback=feedback, feedback_weights=given, dynamics=dynamics
    )
    check_settled(run(network), *wanted)


@pytest.mark.parametrize("dynamics", ["error", "value"])
@pytest.mark.parametrize("drive", ["value", "prediction"])
def test_precisions_weigh_the_errors(drive, dynamics):
    parameters, precision = PARAMETERS[3], (2.5, 0.7, 1.6)
    wanted = relax(parameters, "soft", transposes(parameters), precision=precision, drive=drive)
    network = build(parameters, precision=precision, drive=drive, dynamics=dynamics)
    data = run(network)
    check_settled(data, *wanted)
    for pi, x, u, errors in zip(precision, data["x"], data["u"], data["errors"]):
        np.testing.assert_allclose(errors, pi * (x - u), atol=1e-12)


def test_one_precision_is_for_all_layers():
    parameters = PARAMETERS[2]
    wanted = relax(parameters, "soft", transposes(parameters), precision=(1.7, 1.7))
    check_settled(run(build(parameters, precision=1.7)), *wanted)


@pytest.mark.parametrize("beta", [0.3, -0.3])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_the_clamp_nudges_the_output(beta, loss):
    parameters = PARAMETERS[3]
    network = build(parameters, loss=loss)
    network.clamp.output = np.array([beta])
    wanted = relax(parameters, "soft", transposes(parameters), beta=beta, loss=loss)
    check_settled(run(network, 0.4), *wanted)  # pushed away, it settles slowly


def test_any_gate_can_be_given():
    parameters = PARAMETERS[3]
    given = run(build(parameters, "tanh", derivative=lambda x: slope("tanh", x)))
    check_settled(given, *relax(parameters, "tanh", transposes(parameters)))


@pytest.mark.parametrize(
    "derivative, gate",
    [
        ("step", lambda x: (x > 1) * 1.0),
        ("box", lambda x: ((x > 1) & (x < 1.4)) * 1.0),
        ("none", lambda x: 1.0),
    ],
)
def test_spiking_neurons_gates_multiply_the_feedback(derivative, gate):
    # With values driven by the prediction, currents do not depend on errors: a closed form.
    parameters = PARAMETERS[3]
    network = build(parameters, "soft", derivative=derivative, box_width=0.4, drive="prediction")
    u = forward(parameters, "soft")
    top = output_error(u[2], TARGET, 1, "cross-entropy")
    middle = gate(u[1]) * (parameters.weights[2].T @ top)
    bottom = gate(u[0]) * (parameters.weights[1].T @ middle)
    data = run(network)
    for history, wanted in zip(data["errors"], [bottom, middle, top], strict=True):
        np.testing.assert_allclose(history[-1], wanted, atol=1e-9)


# Backprop


@pytest.mark.parametrize(
    "name, loss", [*((name, "cross-entropy") for name in NEURONS), ("soft", "squared-error")]
)
def test_fixed_prediction_settles_at_the_errors_of_backprop(name, loss):
    parameters = PARAMETERS[3]
    network = build(parameters, name, drive="prediction", loss=loss)
    for history, wanted in zip(run(network)["errors"], backprop(parameters, name, loss)):
        np.testing.assert_allclose(history[-1], wanted, atol=1e-8)


def test_small_nudges_give_the_errors_of_backprop_without_fixing_the_prediction():
    parameters, beta = PARAMETERS[3], 1e-4
    network = build(parameters)
    network.clamp.output = np.array([beta])
    for history, wanted in zip(run(network)["errors"], backprop(parameters, "soft")):
        np.testing.assert_allclose(history[-1] / beta, wanted, rtol=0, atol=2e-4)


# Released


def test_released_errors_are_exactly_nought_and_values_feed_forward_from_the_first_step():
    parameters = PARAMETERS[3]
    network = build(parameters)
    network.clamp.output = np.zeros(1)
    network.input.output = lambda t: IMAGE if t < 0.02 else IMAGE[::-1]
    data = run(network, 0.04)
    assert all(np.all(history == 0) for history in data["errors"])
    for image, steps in ((IMAGE, slice(0, 19)), (IMAGE[::-1], slice(20, None))):
        for history, wanted in zip(data["u"], forward(parameters, "soft", image), strict=True):
            steps_wanted = np.broadcast_to(wanted, history[steps].shape)
            np.testing.assert_allclose(history[steps], steps_wanted, atol=1e-12)
    for x, u in zip(data["x"], data["u"]):
        np.testing.assert_array_equal(x, u)


def test_released_values_follow_when_it_is_they_that_relax():
    parameters = PARAMETERS[3]
    network = build(parameters, dynamics="value")
    network.clamp.output = np.zeros(1)
    data = run(network)
    assert np.abs(data["errors"][0][0]).max() > 0.1
    for history, wanted in zip(data["u"], forward(parameters, "soft")):
        np.testing.assert_allclose(history[-1], wanted, atol=1e-9)


@pytest.mark.parametrize("dynamics", ["error", "value"])
def test_the_clamp_goes_on_and_off_within_one_run(dynamics):
    parameters = PARAMETERS[3]
    network = build(parameters, dynamics=dynamics)
    each = network.settling
    network.clamp.output = lambda t: float(each <= t < 2 * each)
    data = run(network, 3 * each)
    settled = relax(parameters, "soft", transposes(parameters))
    free = forward(parameters, "soft")
    for time, x, errors in (
        (each, free[:2], [np.zeros_like(u) for u in free]),
        (2 * each, *settled),
        (3 * each, free[:2], [np.zeros_like(u) for u in free]),
    ):
        last = round(time / 0.001) - 2
        for history, wanted in zip([*data["x"], *data["errors"]], [*x, *errors]):
            np.testing.assert_allclose(history[last], wanted, atol=1e-6)


def test_the_time_constant_is_that_of_the_errors():
    # One hidden layer, prediction fixed: e(t) = (1 - exp(-t / tau)) g(u) B eps from the clamping.
    parameters, tau = PARAMETERS[2], 0.02
    data = run(build(parameters, drive="prediction", tau_value=tau), 0.1)
    times = np.arange(100) * 0.001
    wanted = backprop(parameters, "soft")[0]
    np.testing.assert_allclose(
        data["errors"][0], (1 - np.exp(-times / tau))[:, None] * wanted, atol=1e-9
    )


def test_without_hidden_layers_the_error_is_the_delta_rule_s():
    parameters = Parameters((6,), [Dense(3)], [np.full((3, 6), 0.1)], [np.arange(3)])
    data = run(build(parameters, loss="squared-error"), 0.002)
    wanted = TARGET - (0.1 * IMAGE.sum() + np.arange(3))
    np.testing.assert_allclose(data["errors"][0][-1], wanted, atol=1e-6)


# Learning


def learned(network, rule, feedback="transpose", **options):
    """Build with learning, with probes of the rules' deltas and of all weights."""
    network = build(network, learning_rule=rule, feedback=feedback, **options)
    with network:
        network.deltas = [nengo.Probe(c.learning_rule, "delta") for c in network.forward]
        network.bias_deltas = [nengo.Probe(c.learning_rule, "delta") for c in network.biases]
        network.weights = [nengo.Probe(c, "weights") for c in network.forward]
        network.bias_weights = [nengo.Probe(c, "weights") for c in network.biases]
        network.feedback_weights = [nengo.Probe(c, "weights") for c in network.feedback]
    return network


@pytest.mark.parametrize(
    "drive, feedback", [*(("value", feedback) for feedback in FEEDBACKS), ("prediction", "random")]
)
def test_weights_and_biases_move_along_errors_times_activities(drive, feedback):
    parameters, precision, rate = PARAMETERS[3], (1.5, 0.8, 1.2), 1e-9
    down = [w.T.astype(float) for w in feedback_weights(parameters, feedback, 5)]
    x, errors = relax(
        parameters, "soft", down, feedback == "direct", precision=precision, drive=drive
    )
    source = x if drive == "value" else forward(parameters, "soft")[:-1]
    activities = [IMAGE, *(activation("soft", v) for v in source)]
    rule = ErrorHebbian(rate, pre_synapse=None)
    network = learned(parameters, rule, feedback, precision=precision, drive=drive, seed=5)
    data = run(network)
    check_settled(data, x, errors)
    for probe, error, activity in zip(network.deltas, errors, activities, strict=True):
        delta = network.data[probe][-1] / (rate * 0.001)
        np.testing.assert_allclose(delta, np.outer(error, activity), atol=3e-6)
    for probe, error in zip(network.bias_deltas, errors, strict=True):
        delta = network.data[probe][-1][:, 0] / (rate * 0.001)
        np.testing.assert_allclose(delta, error, atol=3e-6)


def test_with_learning_inference_starts_from_the_same_state():
    parameters = PARAMETERS[3]
    plain = run(build(parameters), 0.05)
    learning = run(build(parameters, learning_rule=ErrorHebbian(0.0)), 0.05)
    for kind in ("x", "u", "errors"):
        for a, b in zip(plain[kind], learning[kind], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("synapse", [None, 0.003])
def test_kolen_pollack_feedback_becomes_the_transpose(synapse):
    parameters, rate, decay, steps = PARAMETERS[3], 2.0, 20.0, 100
    rule = ErrorHebbian(rate, pre_synapse=synapse and nengo.Alpha(synapse), decay=decay)
    network = learned(parameters, rule, "kolen-pollack", synapse=synapse, seed=5)
    run(network, steps * 0.001)
    keep = 1 - rate * 0.001 * decay
    for forward_probe, feedback_probe in zip(network.weights[1:], network.feedback_weights):
        w, b = network.data[forward_probe], network.data[feedback_probe]
        on, off = np.split(b, 2, axis=2)
        np.testing.assert_array_equal(on, -off)
        gap = w - on.transpose(0, 2, 1)
        assert np.abs(w[-1] - w[0] * keep ** (steps - 1)).max() > 1e-3  # it learned, too
        for i in (1, 10, steps - 1):
            np.testing.assert_allclose(gap[i], gap[0] * keep**i, atol=1e-12)


def test_transposed_feedback_stays_the_transpose_while_weights_learn():
    network = learned(PARAMETERS[3], ErrorHebbian(2.0, pre_synapse=None))
    run(network, 0.1)
    for forward_probe, feedback_probe in zip(network.weights[1:], network.feedback_weights):
        w, b = network.data[forward_probe], network.data[feedback_probe]
        assert np.abs(w[-1] - w[0]).max() > 1e-3
        np.testing.assert_allclose(b[:, :, : w.shape[1]], w.transpose(0, 2, 1), atol=1e-13)


@pytest.mark.parametrize("feedback", ["random", "direct"])
def test_other_feedback_does_not_learn(feedback):
    network = learned(PARAMETERS[3], ErrorHebbian(2.0, pre_synapse=None), feedback)
    assert all(c.learning_rule is None for c in network.feedback)
    run(network, 0.05)
    for probe in network.feedback_weights:
        np.testing.assert_array_equal(network.data[probe][-1], network.data[probe][0])


def test_weights_decay_and_biases_do_not():
    parameters, rate, decay = PARAMETERS[3], 2.0, 20.0
    network = learned(parameters, ErrorHebbian(rate, pre_synapse=None, decay=decay))
    network.clamp.output = np.zeros(1)
    run(network, 0.051)
    for probe, bias_probe, weights, bias in zip(
        network.weights, network.bias_weights, parameters.weights, parameters.biases
    ):
        wanted = weights * (1 - rate * 0.001 * decay) ** 50
        np.testing.assert_allclose(network.data[probe][-1], wanted, rtol=1e-6)
        np.testing.assert_array_equal(network.data[bias_probe][-1][:, 0], bias)


@pytest.mark.parametrize("feedback", ["transpose", "kolen-pollack"])
def test_exclusive_or_is_learned_on_line(feedback):
    images = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
    targets = np.eye(2)[[0, 1, 1, 0]]
    rng = np.random.default_rng(2)
    parameters = Parameters(
        (3,),
        [Dense(8), Dense(2)],
        [rng.normal(0, 1.5, (8, 3)), rng.normal(0, 0.5, (2, 8))],
        [rng.normal(0, 0.5, 8), np.zeros(2)],
    )
    shown, rounds = 10, 90  # steps for each image, times that each is shown

    def at(values):
        return lambda t: values[(max(round(t / 0.001), 1) - 1) // shown % 4]

    network = PredictiveCoding(
        parameters,
        nengo.Tanh(tau_ref=1),
        feedback=feedback,
        tau_value=0.002,
        learning_rule=ErrorHebbian(30.0, pre_synapse=None, decay=0.001),
    )
    network.input.output, network.target.output = at(images), at(targets)
    # For the last four images nobody tells the answer.
    end = 4 * shown * rounds * 0.001
    network.clamp.output = lambda t: float(t < end)
    with network:
        probe = nengo.Probe(network.output)
    with Simulator(network) as simulator:
        simulator.run(end + 4 * shown * 0.001, progress_bar=False)
    answers = simulator.data[probe].reshape(rounds + 1, 4, shown, 2)[:, :, 1]
    answers = np.exp(answers) / np.exp(answers).sum(axis=-1, keepdims=True)
    losses = -np.log(np.sum(answers * targets, axis=-1)).mean(axis=1)
    assert losses[0] > 0.6 and losses[-1] < 0.1
    assert np.array_equal(answers[-1].argmax(axis=-1), [0, 1, 1, 0])


# Spikes


@pytest.mark.parametrize("encoder", ["constant", "poisson"])
def test_released_spikes_and_answers_are_those_of_the_classifier(digits, encoder):
    images = digits.test.images[:8]
    layers = [Dense(40), Dense(20), Dense(10)]
    parameters = Parameters.random((8, 8, 1), layers, LIFConstants(amplitude=0.1), seed=1)
    options = {"synapse": 0.003, "encoder": encoder}
    classifier = SpikingClassifier(parameters, **options)
    coding = PredictiveCoding(parameters, parameters.neuron.spiking(), derivative="box", **options)
    shown = []
    for network, layers in ((classifier, classifier.layers), (coding, coding.values)):
        with network:
            probes = [nengo.Probe(layer.neurons) for layer in layers]
            probes.append(nengo.Probe(network.output))
        result = present(network, images, presentation_time=0.05, seed=1, progress=False)
        shown.append([result[probe] for probe in probes])
    for wanted, given in zip(*shown, strict=True):
        assert np.abs(wanted).max() > 1
        np.testing.assert_allclose(given, wanted, atol=1e-9)
    answers = [outputs[-1].mean(axis=1).argmax(axis=1) for outputs in shown]
    assert np.array_equal(*answers) and len(set(answers[0])) > 1


REST = {"initial_state": {"voltage": nengo.dists.Choice([0])}}


def bent(error, top=50.0, tau_rc=0.02, tau_ref=0.002):
    """The rate of a LIF neuron that starts at an error of 0 and fires at ``top`` at 1."""
    gain = 1 / np.expm1((1 / top - tau_ref) / tau_rc)
    return 1 / (tau_ref + tau_rc * np.log(1 + 1 / (gain * error)))


@pytest.mark.parametrize(
    "neuron_type, rate",
    [
        (nengo.SpikingRectifiedLinear(amplitude=0.004, **REST), lambda error: 250 * error),
        (
            nengo.PoissonSpiking(nengo.RectifiedLinear(), amplitude=0.0005),
            lambda error: 2000 * error,
        ),
        (nengo.LIF(amplitude=0.02, **REST), bent),
    ],
    ids=["rectified", "Poisson", "LIF"],
)
def test_spiking_errors_fire_at_the_rate_that_the_amplitude_asks_for(neuron_type, rate):
    # Output errors of 0.4, -1 and 0.
    parameters = Parameters((6,), [Dense(3)], [np.zeros((3, 6))], [[0, 1, 0.25]])
    network = build(parameters, error_neuron_type=neuron_type, loss="squared-error", seed=1)
    network.target.output = np.array([0.4, 0.0, 0.25])
    run(network, 1.0)
    spikes = network.data[network.probed["on_off"][0]].mean(axis=0) / neuron_type.amplitude
    np.testing.assert_allclose(spikes, [rate(0.4), 0, 0, 0, rate(1.0), 0], rtol=0.1)


def test_mean_spikes_settle_at_the_errors_of_rates():
    # All is linear but the values, which fire regularly: the input is constant.
    constants = LIFConstants(amplitude=0.1)
    parameters = Parameters.random((6,), [Dense(14), Dense(3)], constants, seed=8)
    options = {"derivative": "none", "drive": "prediction", "loss": "squared-error"}
    error_neurons = nengo.SpikingRectifiedLinear(amplitude=0.002, **REST)
    rates = PredictiveCoding(parameters, **options)
    spikes = PredictiveCoding(
        parameters, constants.spiking(), error_neurons, synapse=nengo.Lowpass(0.02), **options
    )
    means = []
    for network in (rates, spikes):
        network.input.output = IMAGE
        network.target.output, network.clamp.output = TARGET, np.ones(1)
        with network:
            probes = [nengo.Probe(errors.neurons) for errors in network.errors]
        with Simulator(network) as simulator:
            simulator.run(1.0, progress_bar=False)
        means.append([np.subtract(*np.split(simulator.data[p][200:].mean(0), 2)) for p in probes])
    for wanted, given in zip(*means, strict=True):
        assert np.abs(wanted).max() > 0.5
        np.testing.assert_allclose(given, wanted, atol=0.05 * np.abs(wanted).max())


# Backends


def test_nengo_dl_clamps_each_item_of_a_minibatch_to_its_own_target():
    network = build(PARAMETERS[3])
    clamps, targets = np.array([0.0, 1.0, 0.4]), np.eye(3)
    with Simulator(network, "dl", minibatch_size=3) as simulator:

        def held(values):
            return np.repeat(values[:, None], 40, axis=1)

        feed = {network.clamp: held(clamps[:, None]), network.target: held(targets)}
        simulator.run_steps(40, data=feed, progress_bar=False)
        batch = [simulator.data[p] for p in network.probed["on_off"]]
    for i in range(3):
        network.clamp.output, network.target.output = clamps[i : i + 1], targets[i]
        for wanted, given in zip(run(network, 0.04)["on_off"], batch, strict=True):
            np.testing.assert_allclose(given[i], wanted, atol=1e-4)


def test_nengo_dl_settles_and_learns_as_the_reference_does():
    rule = ErrorHebbian(5.0, pre_synapse=None, decay=0.1)
    options = {"dynamics": "value", "precision": (2, 1, 0.5)}
    network = learned(PARAMETERS[3], rule, "kolen-pollack", **options)
    probes = [*network.weights, *network.bias_weights, *network.feedback_weights]
    states, weights = [], []
    for backend in ("reference", "dl"):
        data = run(network, 0.04, backend)
        states.append([*data["x"], *data["u"], *data["errors"]])
        weights.append([network.data[probe] for probe in probes])
    for wanted, given in zip(*weights, strict=True):
        assert np.abs(wanted[-1] - wanted[0]).max() > 1e-3
        np.testing.assert_allclose(given, wanted, atol=1e-4)
    for wanted, given in zip(*states, strict=True):
        np.testing.assert_allclose(given, wanted, atol=1e-4)


def quiet_loihi(test):
    """nengo-loihi warns of what it rounds and of its age."""
    for words in (
        "ignore:This version of `nengo_loihi`",
        "ignore:NengoLoihi does not support initial values",
        "ignore:tau_s is currently",
        "ignore:Lost .* in weight rounding",
        "ignore::DeprecationWarning",
        "ignore::pytest.PytestUnraisableExceptionWarning",
    ):
        test = pytest.mark.filterwarnings(words)(test)
    return test


@pytest.fixture
def on_loihi():
    """Show an image to a network of spiking neurons on the Loihi emulator and the reference."""
    pytest.importorskip("nengo_loihi")
    constants = LIFConstants(amplitude=0.1)
    parameters = Parameters.random((6,), [Dense(14), Dense(12), Dense(3)], constants, seed=8)

    def show(kind, clamp=0.0, backend="loihi", seconds=0.1, **options):
        network = kind(parameters, constants.spiking(), synapse=0.003, **options)
        coding = kind is PredictiveCoding
        if coding:
            network.target.output, network.clamp.output = TARGET, np.array([clamp])
        with network:
            network.spikes = [
                nengo.Probe(layer.neurons)
                for layer in (network.values if coding else network.layers)
            ]
            network.on_off = [nengo.Probe(e.neurons) for e in (network.errors if coding else ())]
        shown = present(
            network, IMAGE[None], backend, presentation_time=seconds, seed=1, progress=False
        )
        network.said = shown.substitutions
        network.spikes = [shown[p][0] for p in network.spikes]
        network.settled = [
            np.subtract(*np.split(shown[p][0, len(shown[p][0]) // 3 :].mean(axis=0), 2))
            for p in network.on_off
        ]
        return network

    return show


@quiet_loihi
@pytest.mark.parametrize("encoder", ["constant", "poisson"])
@pytest.mark.parametrize("drive", ["value", "prediction"])
def test_loihi_runs_the_released_network_as_it_runs_the_classifier(on_loihi, drive, encoder):
    classifier = on_loihi(SpikingClassifier, encoder=encoder)
    coding = on_loihi(PredictiveCoding, derivative="box", drive=drive, encoder=encoder)
    for wanted, given in zip(classifier.spikes, coding.spikes, strict=True):
        assert np.count_nonzero(wanted) > 10
        np.testing.assert_array_equal(given, wanted)
    assert set(classifier.said) - set(coding.said) <= {
        "layer 1 runs on the host: it receives values, not spikes"
    }
    said = "\n".join(coding.said)
    assert ("values 1 runs on the host" in said) == (encoder == "constant")
    assert "values 2 runs on the host" not in said
    assert ("what gate 2 works out reaches values 2 as spikes" in said) == (drive == "value")


@quiet_loihi
@pytest.mark.parametrize("drive", ["value", "prediction"])
def test_loihi_settles_near_the_errors_of_the_reference(on_loihi, drive):
    options = {"derivative": "box", "drive": drive, "encoder": "poisson", "seconds": 0.4}
    chip, reference = (
        on_loihi(PredictiveCoding, 1.0, backend, **options).settled
        for backend in ("loihi", "reference")
    )
    for given, wanted in zip(chip, reference, strict=True):
        assert np.abs(wanted).max() > 0.1
        np.testing.assert_allclose(given, wanted, atol=0.2 * np.abs(wanted).max())


@quiet_loihi
def test_loihi_leaves_the_network_as_it_was(on_loihi):
    network = on_loihi(PredictiveCoding, derivative="box", seconds=0.01)
    again = on_loihi(PredictiveCoding, derivative="box", seconds=0.01)
    fresh = PredictiveCoding(
        network.parameters, network.neuron_type, synapse=0.003, derivative="box"
    )
    assert len(network.all_connections) == len(fresh.all_connections)
    assert [str(c) for c in network.all_connections] == [str(c) for c in again.all_connections]
    assert all(np.all(values.bias == 0) for values in network.values)


@quiet_loihi
def test_loihi_does_not_learn(on_loihi):
    with pytest.raises(BuildError, match=r"learns with PES only.*layer 1.*inference only"):
        on_loihi(PredictiveCoding, derivative="box", learning_rule=ErrorHebbian())


@quiet_loihi
def test_loihi_has_one_synapse_for_each_connection(on_loihi):
    with pytest.raises(BuildError, match="nothing is left.*values 2.*two synapses"):
        on_loihi(PredictiveCoding, derivative="box", dynamics="value")


# The network as an object


def test_by_default_neurons_are_lif_rate_neurons_of_the_parameters():
    constants = LIFConstants(tau_rc=0.03, tau_ref=0.002, amplitude=0.03)
    parameters = Parameters.random((6,), [Dense(5), Dense(3)], constants, seed=1)
    network = PredictiveCoding(parameters)
    network.input.output = IMAGE
    with network:
        probe = nengo.Probe(network.output)
    with Simulator(network) as simulator:
        simulator.run_steps(1, progress_bar=False)
    (w1, b1), (w2, b2) = weights_of(parameters)
    j = w1 @ IMAGE + b1
    assert 0 < np.sum(j > 1) < 5
    above = np.maximum(j - 1, 1e-9)
    rates = np.where(j > 1, 0.03 / (0.002 + 0.03 * np.log(1 + 1 / above)), 0)
    np.testing.assert_allclose(simulator.data[probe][0], w2 @ rates + b2, atol=1e-9)


def test_populations_and_nodes_have_the_sizes_of_the_layers():
    network = PredictiveCoding(PARAMETERS[3], label="coding", seed=3)
    assert (network.label, network.seed) == ("coding", 3)
    sizes = (network.input.size_out, network.target.size_out, network.clamp.size_out)
    assert sizes == (6, 3, 1)
    assert [v.n_neurons for v in network.values] == [5, 4]
    assert [e.n_neurons for e in network.errors] == [10, 8, 6]
    assert [u.size_out for u in network.predictions] == [5, 4, 3]
    assert [e.size_out for e in network.differences] == [5, 4, 3]
    assert network.output is network.predictions[-1]
    assert len(network.all_probes) == 0
    assert all(node.size_in == 0 for node in (network.input, network.target, network.clamp))


def test_learning_adds_neurons_for_input_and_bias():
    plain = PredictiveCoding(PARAMETERS[3])
    learning = PredictiveCoding(PARAMETERS[3], learning_rule=ErrorHebbian())
    assert learning.n_neurons == plain.n_neurons + 6 + 1
    assert all(c.learning_rule is None for c in plain.all_connections)


@pytest.mark.parametrize("synapse", [None, 0.004, nengo.Lowpass(0.004)], ids=str)
def test_synapses_are_on_all_connections_from_neurons(synapse):
    wanted = nengo.Alpha(0.004) if synapse == 0.004 else synapse
    network = PredictiveCoding(PARAMETERS[3], synapse=synapse)
    inside = {ensemble.neurons for ensemble in [*network.values, *network.errors]}
    found = [c.synapse for c in network.all_connections if c.pre_obj in inside]
    assert len(found) == 2 + 2 and all(s == wanted for s in found)


# Bad input


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("drive", "both", "must be one of value, prediction, got 'both'"),
        ("dynamics", "fast", "must be one of error, value, got 'fast'"),
        ("encoder", "rates", "must be one of constant, poisson"),
        ("feedback", "none", "must be one of transpose, random"),
        ("derivative", "relu", "must be one of exact, step"),
        ("derivative", lambda x: 1.0, r"one number for each current.*shape \(\)"),
        ("box_width", 0, "must be a positive"),
        ("loss", "hinge", "must be one of cross-entropy, squared-error"),
        ("precision", [1, 2], "one for each of 3 layers"),
        ("precision", [1, 2, 0], "positive"),
        ("precision", -1.0, "positive"),
        ("precision", "high", "one number"),
        ("tau_value", 0, "positive time constant"),
        ("tau_value", np.nan, "positive time constant"),
        ("synapse", -0.1, "positive time constant"),
        ("synapse", "alpha", "positive time constant"),
        ("neuron_type", "lif", "must be a Nengo neuron type"),
        ("neuron_type", nengo.LIF(), None),
        ("error_neuron_type", nengo.LIF, "must be a Nengo neuron type"),
        ("error_neuron_type", nengo.Sigmoid(), "silent without an error"),
        ("error_neuron_type", nengo.Tanh(), "silent without an error"),
        ("error_neuron_type", nengo.LIF(amplitude=0.001), "1000 Hz.*larger amplitude"),
        ("feedback_weights", [np.zeros((4, 5))], "must have shapes"),
        ("feedback_weights", [np.zeros((4, 5)), np.zeros((4, 3))], "must have shapes"),
        ("feedback_weights", [np.full((4, 5), np.nan), np.zeros((3, 4))], "NaN"),
        ("learning_rule", 0.1, "such as nengo_pc.learning.ErrorHebbian"),
        ("learning_rule", nengo.PES(), "value minus prediction"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_does_not_fit_is_refused_by_name(name, value, message):
    with pytest.raises(ValidationError) as refused:
        PredictiveCoding(PARAMETERS[3], **{name: value})
    if message is not None:
        assert str(refused.value).startswith(name) or f".{name}:" in str(refused.value)
        assert refused.match(message)
    else:  # it is the gate that does not fit spikes
        assert refused.match("derivative: .*no slope.*step, box, none")


@pytest.mark.parametrize("layers", [[Convolution(2, 3), Dense(2)], [AveragePooling(2), Dense(2)]])
def test_layers_that_are_not_dense_are_refused(layers):
    parameters = Parameters.random((6, 6, 1), layers)
    with pytest.raises(ValidationError, match="parameters: all layers must be dense, but layer 1"):
        PredictiveCoding(parameters)
