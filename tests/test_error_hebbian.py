import pickle

import nengo
import numpy as np
import pytest
from nengo.exceptions import BuildError, ValidationError

from nengo_pc import backends
from nengo_pc.backends.compatibility import import_nengo_dl
from nengo_pc.learning import ErrorHebbian

DT = 0.001
N_STEPS = 30


def run(network, n_steps=N_STEPS):
    with nengo.Simulator(network, dt=DT, progress_bar=False) as simulator:
        simulator.run_steps(n_steps, progress_bar=False)
    return simulator.data


def played(array):
    """A Node that gives out one row per step, and the last one for ever after."""
    return nengo.Node(lambda t: array[min(int(round(t / DT)), len(array)) - 1])


def relu(n):
    """Neurons whose output is their input where that is above 0."""
    return nengo.Ensemble(
        n, 1, neuron_type=nengo.RectifiedLinear(), gain=np.ones(n), bias=np.zeros(n)
    )


def neurons_playing(array):
    ensemble = relu(array.shape[1])
    nengo.Connection(played(array), ensemble.neurons, synapse=None)
    return ensemble.neurons


def lowpass(signal, tau):
    """First-order low-pass, by hand: the input of one step shows in the next."""
    keep = np.exp(-DT / tau)
    output = np.zeros_like(signal)
    for t in range(1, len(signal)):
        output[t] = keep * output[t - 1] + (1 - keep) * signal[t - 1]
    return output


def by_hand(W, e, s, rate, decay):
    """Weights in every step."""
    history = []
    for error, activity in zip(e, s):
        history.append(W.copy())
        W = W.copy()
        for i in range(W.shape[0]):
            for j in range(W.shape[1]):
                W[i, j] += rate * DT * (error[i] * activity[j] - decay * W[i, j])
    return np.array(history)


POSTS = {
    "a Node": lambda n: nengo.Node(size_in=n),
    "neurons": lambda n: relu(n).neurons,
    "an ensemble": lambda n: nengo.Ensemble(10, n),
}


# --- the rule, step by step


@pytest.mark.parametrize("post", POSTS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 3)])
@pytest.mark.parametrize("tau", [None, 0.004])
def test_every_step_is_the_formula(post, shape, tau):
    rng = np.random.default_rng(0)
    W = rng.normal(size=shape)
    e, s = rng.normal(size=(N_STEPS, shape[0])), rng.uniform(0, 5, (N_STEPS, shape[1]))
    with nengo.Network(seed=0) as network:
        learned = nengo.Connection(
            neurons_playing(s),
            POSTS[post](shape[0]),
            transform=W,
            learning_rule_type=ErrorHebbian(0.7, pre_synapse=tau, decay=40),
        )
        nengo.Connection(played(e), learned.learning_rule, synapse=None)
        weights = nengo.Probe(learned, "weights")
        probes = {name: nengo.Probe(learned.learning_rule, name) for name in ErrorHebbian.probeable}
    data = run(network)
    filtered = s if tau is None else lowpass(s, tau)
    expected = by_hand(W, e, filtered, 0.7, 40)
    np.testing.assert_allclose(data[weights], expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(data[probes["error"]], e, rtol=1e-12)
    np.testing.assert_allclose(data[probes["activities"]], filtered, rtol=1e-12, atol=1e-14)
    delta = data[probes["delta"]][:-1].reshape(np.diff(expected, axis=0).shape)
    np.testing.assert_allclose(delta, np.diff(expected, axis=0), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("post", POSTS)
def test_from_an_ensemble_it_learns_decoders(post):
    with nengo.Network(seed=1) as network:
        ensemble = nengo.Ensemble(12, 2)
        nengo.Connection(nengo.Node([0.5, -0.3]), ensemble)
        learned = nengo.Connection(
            ensemble[1],
            POSTS[post](3),
            function=lambda x: x**2,
            transform=[[1], [2], [3]],
            learning_rule_type=ErrorHebbian(1e-4, pre_synapse=0.01, decay=3),
        )
        e = np.random.default_rng(2).normal(size=(60, 3))
        nengo.Connection(played(e), learned.learning_rule, synapse=None)
        weights, spikes = nengo.Probe(learned, "weights"), nengo.Probe(ensemble.neurons)
    data = run(network, 60)
    assert data[weights].shape == (60, 3, 12)
    assert np.any(data[spikes])
    expected = by_hand(data[weights][0], e, lowpass(data[spikes], 0.01), 1e-4, 3)
    np.testing.assert_allclose(data[weights], expected, rtol=1e-10)


@pytest.mark.parametrize("pre", [slice(1, 3), slice(0, 4, 2), [3, 0]])
@pytest.mark.parametrize("post", [slice(0, 2), [2, 0]])
@pytest.mark.parametrize("to", ["a Node", "neurons"])
def test_slices(pre, post, to):
    rng = np.random.default_rng(3)
    W, e, s = rng.normal(size=(2, 2)), rng.normal(size=(9, 2)), rng.uniform(0, 5, (9, 4))
    with nengo.Network() as network:
        target = POSTS[to](3)
        learned = nengo.Connection(
            neurons_playing(s)[pre],
            target[post],
            transform=W,
            learning_rule_type=ErrorHebbian(1.0, pre_synapse=None),
        )
        nengo.Connection(played(e), learned.learning_rule, synapse=None)
        probe = nengo.Probe(learned, "weights")
    np.testing.assert_allclose(run(network, 9)[probe], by_hand(W, e, s[:, pre], 1.0, 0), rtol=1e-12)


def test_on_off_pairs_share_one_change():
    rng = np.random.default_rng(4)
    B, e, s = rng.normal(size=(2, 3)), rng.normal(size=(20, 2)), rng.uniform(-5, 5, (20, 3))
    with nengo.Network() as network:
        learned = nengo.Connection(
            neurons_playing(np.hstack([s, -s])),
            nengo.Node(size_in=2),
            transform=np.hstack([B, -B]),
            learning_rule_type=ErrorHebbian(1.0, pre_synapse=None, decay=50, on_off=True),
        )
        nengo.Connection(played(e), learned.learning_rule, synapse=None)
        probe = nengo.Probe(learned, "weights")
    weights = run(network, 20)[probe]
    np.testing.assert_allclose(weights[..., :3], by_hand(B, e, s, 1.0, 50), rtol=1e-11)
    np.testing.assert_array_equal(weights[..., 3:], -weights[..., :3])


def test_rules_of_one_connection_add_up():
    e, s = np.ones((10, 1)), np.full((10, 1), 2.0)
    with nengo.Network() as network:
        learned = nengo.Connection(
            neurons_playing(s),
            nengo.Node(size_in=1),
            transform=[[0.0]],
            learning_rule_type={
                "slow": ErrorHebbian(1.0, pre_synapse=None),
                "fast": ErrorHebbian(10.0, pre_synapse=None),
            },
        )
        for name in ("slow", "fast"):
            nengo.Connection(played(e), learned.learning_rule[name][0], synapse=None)
        probe = nengo.Probe(learned, "weights")
    np.testing.assert_allclose(run(network, 10)[probe].ravel(), 11 * 2 * DT * np.arange(10))


# --- closed forms


def regression(s, y, rate, decay, n_steps):
    """Weights after each step, from 0, learning y from s, both played over and over."""
    repeats = -(-n_steps // len(s))
    with nengo.Network() as network:
        prediction, error = nengo.Node(size_in=y.shape[1]), nengo.Node(size_in=y.shape[1])
        learned = nengo.Connection(
            neurons_playing(np.tile(s, (repeats, 1))),
            prediction,
            synapse=None,
            transform=np.zeros((y.shape[1], s.shape[1])),
            learning_rule_type=ErrorHebbian(rate, pre_synapse=None, decay=decay),
        )
        nengo.Connection(played(np.tile(y, (repeats, 1))), error, synapse=None)
        nengo.Connection(prediction, error, synapse=None, transform=-1)
        nengo.Connection(error, learned.learning_rule, synapse=None)
        probes = nengo.Probe(learned, "weights"), nengo.Probe(learned.learning_rule, "error")
    data = run(network, n_steps)
    return tuple(data[probe] for probe in probes)


def test_with_one_sample_the_error_falls_geometrically():
    s, y = np.array([[1.0, 2.0, 0.5]]), np.array([[3.0, -1.0]])
    _, e = regression(s, y, rate=20.0, decay=0, n_steps=50)
    factor = 1 - 20.0 * DT * np.sum(s**2)
    np.testing.assert_allclose(e, y * factor ** np.arange(50)[:, None], rtol=1e-11)


def test_with_exact_targets_it_finds_the_weights():
    rng = np.random.default_rng(5)
    s, W = rng.uniform(0, 1, (6, 3)), rng.normal(size=(2, 3))
    weights, _ = regression(s, s @ W.T, rate=500.0, decay=0, n_steps=1500)
    np.testing.assert_allclose(weights[-1], W, atol=1e-6)


def test_with_inexact_targets_and_decay_it_finds_ridge_regression():
    rng = np.random.default_rng(6)
    s, y, decay = rng.uniform(0, 1, (5, 2)), rng.normal(size=(5, 2)), 0.3
    weights, _ = regression(s, y, rate=5.0, decay=decay, n_steps=6000)
    # The mean change is 0 where W (S^T S / 5 + decay) = Y^T S / 5.
    expected = (y.T @ s / 5) @ np.linalg.inv(s.T @ s / 5 + decay * np.eye(2))
    np.testing.assert_allclose(weights[-5:].mean(axis=0), expected, rtol=0.01)


def test_decay_alone_is_a_geometric_sequence():
    W = np.random.default_rng(7).normal(size=(2, 3))
    with nengo.Network() as network:
        learned = nengo.Connection(
            neurons_playing(np.ones((1, 3))),
            nengo.Node(size_in=2),
            transform=W,
            learning_rule_type=ErrorHebbian(2.0, decay=25),
        )
        nengo.Connection(nengo.Node([0, 0]), learned.learning_rule)
        probe = nengo.Probe(learned, "weights")
    expected = [W * (1 - 2.0 * DT * 25) ** k for k in range(N_STEPS)]
    np.testing.assert_allclose(run(network)[probe], expected, rtol=1e-12)


@pytest.mark.parametrize("silent", ["error", "activity"])
def test_weights_rest_while_either_is_silent(silent):
    active = np.zeros(30)
    active[10:20] = 1
    e, s = np.ones((30, 2)), np.ones((30, 3))
    (e if silent == "error" else s)[...] *= active[:, None]
    with nengo.Network() as network:
        learned = nengo.Connection(
            neurons_playing(s),
            nengo.Node(size_in=2),
            transform=np.zeros((2, 3)),
            learning_rule_type=ErrorHebbian(1.0, pre_synapse=None),
        )
        nengo.Connection(played(e), learned.learning_rule, synapse=None)
        probe = nengo.Probe(learned, "weights")
    changed = np.any(np.diff(run(network)[probe], axis=0) != 0, axis=(1, 2))
    np.testing.assert_array_equal(changed, active[:-1] == 1)


# --- against Nengo's PES


def pes_network(rule, sign):
    with nengo.Network(seed=8) as network:
        ensemble = nengo.Ensemble(25, 1)
        nengo.Connection(nengo.Node(lambda t: np.sin(20 * t)), ensemble)
        prediction, error = nengo.Node(size_in=1), nengo.Node(size_in=1)
        learned = nengo.Connection(
            ensemble.neurons, prediction, transform=np.zeros((1, 25)), learning_rule_type=rule
        )
        nengo.Connection(nengo.Node([0.7]), error, transform=sign)
        nengo.Connection(prediction, error, transform=-sign)
        nengo.Connection(error, learned.learning_rule)
        weights = nengo.Probe(learned, "weights")
    return network, weights


def test_with_the_error_turned_round_it_is_pes_times_the_number_of_neurons():
    network, weights = pes_network(ErrorHebbian(2e-5, pre_synapse=None), sign=1)
    ours = run(network, 200)[weights]
    network, weights = pes_network(nengo.PES(2e-5 * 25, pre_synapse=None), sign=-1)
    theirs = run(network, 200)[weights]
    assert np.ptp(theirs) > 1e-4
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("tau, delay", [(None, 0), (0.01, 1)])
def test_with_the_same_error_it_moves_against_pes(tau, delay):
    deltas = []
    for rule in (ErrorHebbian(0.1, pre_synapse=tau), nengo.PES(0.1, pre_synapse=tau)):
        with nengo.Network() as network:
            learned = nengo.Connection(
                neurons_playing(np.arange(1.0, 5.0)[None]),
                nengo.Node(size_in=2),
                transform=np.zeros((2, 4)),
                learning_rule_type=rule,
            )
            nengo.Connection(nengo.Node([1.0, -2.0]), learned.learning_rule, synapse=None)
            probe = nengo.Probe(learned.learning_rule, "delta")
        deltas.append(run(network)[probe])
    ours, theirs = deltas
    # PES's presynaptic synapse is one step ahead of those of connections.
    np.testing.assert_allclose(ours[delay:], -4 * theirs[: N_STEPS - delay], rtol=1e-12)
    assert np.any(ours[-1] > 0)


# --- Kolen-Pollack


SYNAPSES = {
    "none": (None, None),
    "low-pass": (nengo.Lowpass(0.005), nengo.Lowpass(0.005)),
    "alpha": (nengo.Alpha(0.003), nengo.Alpha(0.003)),
    "one of each": (nengo.Alpha(0.002), nengo.Lowpass(0.008)),
}


def loop(rule, of_values, of_errors, neuron_type, on_off):
    """Values and errors that drive one another, both learning: their two connections."""
    rng = np.random.default_rng(9)
    n_values, n_errors = 5, 3
    W, B = rng.normal(size=(n_errors, n_values)), rng.normal(size=(n_values, n_errors))
    signs = np.hstack([np.eye(n_errors), -np.eye(n_errors)]) if on_off else np.eye(n_errors)
    with nengo.Network(seed=10) as network:
        values, errors = (
            nengo.Ensemble(n, 1, neuron_type=neuron_type, gain=np.full(n, 2.0), bias=np.ones(n))
            for n in (n_values, signs.shape[1])
        )
        drive = nengo.Node(lambda t: 1 + np.sin(50 * t + np.arange(n_values)))
        nengo.Connection(drive, values.neurons)
        raw = nengo.Node(size_in=n_errors)
        nengo.Connection(nengo.Node(rng.normal(size=n_errors)), raw)
        nengo.Connection(raw, errors.neurons, transform=signs.T)
        forward = nengo.Connection(
            values.neurons, raw, transform=-W, learning_rule_type=rule, label="forward"
        )
        backward = nengo.Connection(
            errors.neurons,
            values.neurons,
            transform=-B @ signs,
            learning_rule_type=rule.mirror(of_errors, on_off=on_off),
        )
        nengo.Connection(errors.neurons, forward.learning_rule, transform=signs, synapse=of_errors)
        nengo.Connection(values.neurons, backward.learning_rule, synapse=of_values)
        probes = nengo.Probe(forward, "weights"), nengo.Probe(backward, "weights")
    return network, probes


@pytest.mark.parametrize("on_off", [False, True])
@pytest.mark.parametrize("synapses", SYNAPSES)
@pytest.mark.parametrize("neuron_type", ["LIFRate", "LIF"])
def test_feedback_weights_become_the_transpose(neuron_type, synapses, on_off):
    neuron_type = getattr(nengo, neuron_type)(amplitude=0.05)
    of_values, of_errors = SYNAPSES[synapses]
    rule = ErrorHebbian(0.05, pre_synapse=of_values, decay=400)
    network, probes = loop(rule, of_values, of_errors, neuron_type, on_off)
    data = run(network, 100)
    forward, backward = (data[probe] for probe in probes)
    difference = forward - backward[..., :3].transpose(0, 2, 1)
    size = np.linalg.norm(difference, axis=(1, 2))
    np.testing.assert_allclose(size[1:] / size[:-1], 1 - 0.05 * DT * 400, rtol=1e-12)
    if on_off:
        np.testing.assert_array_equal(backward[..., 3:], -backward[..., :3])
    # The signals matter: without them, weights would shrink to a seventh.
    shrunk = forward[0] * (1 - 0.05 * DT * 400) ** 99
    assert np.max(np.abs(forward[-1] - shrunk)) > 0.05


def test_the_mirror_has_the_same_rate_and_decay():
    rule = ErrorHebbian(0.25, pre_synapse=0.02, decay=3)
    assert rule.mirror() == ErrorHebbian(0.25, decay=3)
    assert rule.mirror(0.01, on_off=True) == ErrorHebbian(0.25, 0.01, 3, True)
    assert rule.mirror(None).pre_synapse is None


# --- NengoDL


def two_layers():
    """Whatever the rule can do, in one network."""
    rng = np.random.default_rng(11)
    with nengo.Network(seed=12) as network:
        image, target = nengo.Node([0.0] * 4), nengo.Node([0.0] * 2)
        values = nengo.Ensemble(
            4, 1, neuron_type=nengo.LIF(amplitude=0.05), gain=np.full(4, 4.0), bias=np.ones(4)
        )
        errors = relu(4)
        nengo.Connection(image, values.neurons)
        prediction = nengo.Node(size_in=2)
        signs = np.hstack([np.eye(2), -np.eye(2)])
        nengo.Connection(target, errors.neurons, transform=signs.T)
        nengo.Connection(prediction, errors.neurons, transform=-signs.T)
        ensemble = nengo.Ensemble(8, 2)
        nengo.Connection(target, ensemble)
        alpha = nengo.Alpha(0.004)
        rule = ErrorHebbian(1.0, alpha, decay=20)
        learned = []

        def learn(rule, pre, post, matrix, error=errors.neurons, transform=signs, synapse=None):
            connection = nengo.Connection(pre, post, transform=matrix, learning_rule_type=rule)
            nengo.Connection(error, connection.learning_rule, transform=transform, synapse=synapse)
            learned.append(connection)

        W, B = rng.normal(size=(2, 4)) / 4, rng.normal(size=(4, 2))
        learn(rule, values.neurons, prediction, W)
        # Like operators, which NengoDL merges: another rate and no decay; sliced; tiny rates.
        learn(ErrorHebbian(0.5), values.neurons, relu(2).neurons, W)
        learn(ErrorHebbian(2.0), errors.neurons[[2, 0, 1, 3]], nengo.Node(size_in=3)[[2, 0]], W)
        for rate in (2e-9, 3e-9):
            post = nengo.Node(size_in=1)
            learn(ErrorHebbian(rate), values.neurons, post, W[:1], transform=signs[:1])
        # Weights of one shape, pairs or none.
        pairs, B = rule.mirror(None, on_off=True), np.hstack([B, -B])
        learn(pairs, errors.neurons, values.neurons, B, values.neurons, 1, alpha)
        learn(ErrorHebbian(0.1, None), errors.neurons, nengo.Node(size_in=4), B, transform=1)
        learn(ErrorHebbian(1e-3, None), ensemble, nengo.Node(size_in=2), np.eye(2))
        probes = [nengo.Probe(connection, "weights") for connection in learned]
        probes += [
            nengo.Probe(connection.learning_rule, name)
            for connection in learned
            for name in ErrorHebbian.probeable
        ]
    return network, (image, target), probes


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(13)
    return rng.uniform(0, 1, (3, 4)), rng.normal(size=(3, 2))


@pytest.fixture(scope="module")
def by_reference(inputs):
    """Every probe for every item, each run by itself."""
    items = []
    for image, target in zip(*inputs):
        network, nodes, probes = two_layers()
        for node, value in zip(nodes, (image, target)):
            node.output = value
        data = run(network, 60)
        items.append([data[probe] for probe in probes])
    return [np.stack(item) for item in zip(*items)]


@pytest.mark.parametrize("merged", [True, False])
def test_nengo_dl_is_the_reference_with_weights_for_each_item(merged, inputs, by_reference):
    network, nodes, probes = two_layers()
    options = {"dt": DT, "minibatch_size": 3}
    if merged:
        nengo_dl = import_nengo_dl()
        with network:
            nengo_dl.configure_settings(dtype="float64")
        simulator = nengo_dl.Simulator(network, progress_bar=False, **options)
    else:
        simulator = backends.Simulator(network, backend="dl", dtype="float64", **options)
    held = {node: np.repeat(v[:, None], 60, axis=1) for node, v in zip(nodes, inputs)}
    with simulator:
        simulator.run_steps(60, data=held)
        for probe, expected in zip(probes, by_reference):
            assert np.ptp(expected) > 0
            np.testing.assert_allclose(
                simulator.data[probe].reshape(expected.shape),
                expected,
                rtol=1e-9,
                atol=1e-9 * np.max(np.abs(expected)),
                err_msg=str(probe),
            )
    weights = by_reference[0]
    assert np.min(np.abs(weights[0, -1] - weights[1, -1])) > 1e-3


# --- what is refused


def connected(rule=None, pre=None, post=None, wired=True, **options):
    """A network with one learned connection, from 4 neurons to 2 values."""
    with nengo.Network() as network:
        pre = relu(4).neurons if pre is None else pre()
        post = nengo.Node(size_in=2) if post is None else post()
        options.setdefault("transform", np.zeros((2, 4)))
        learned = nengo.Connection(pre, post, learning_rule_type=rule or ErrorHebbian(), **options)
        if wired:
            nengo.Connection(nengo.Node(np.zeros(post.size_in)), learned.learning_rule)
    return network


@pytest.fixture
def precision():
    """Nengo's precision, which NengoDL leaves at 32 bits when a network cannot be built."""
    bits = nengo.rc.get("precision", "bits")
    yield
    nengo.rc.set("precision", "bits", bits)


@pytest.mark.parametrize("backend", ["reference", "dl"])
def test_a_rule_without_an_error_is_an_error(backend, precision):
    with pytest.raises(BuildError, match=r"connect the error.*`connection.learning_rule`"):
        backends.Simulator(connected(wired=False), backend=backend)


def test_each_rule_needs_an_error_of_its_own():
    with nengo.Network() as network:
        connected()
        connected(wired=False)
    with pytest.raises(BuildError, match="has no error"):
        backends.Simulator(network)


def test_the_error_may_come_from_another_network():
    with nengo.Network() as network:
        inner = connected(wired=False)
        nengo.Connection(nengo.Node([0, 0]), inner.connections[0].learning_rule)
    backends.Simulator(network)


@pytest.mark.parametrize(
    "what, message",
    [
        ({"transform": 0.5, "post": lambda: nengo.Node(size_in=4)}, r"matrix.*\(4, 4\).*\(\)"),
        ({"transform": np.ones(4), "post": lambda: nengo.Node(size_in=4)}, r"matrix.*\(4,\)"),
        (
            {
                "pre": lambda: nengo.Ensemble(10, 1),
                "post": lambda: nengo.Ensemble(10, 1),
                "transform": 1,
                "solver": nengo.solvers.LstsqL2(weights=True),
            },
            "weights=True",
        ),
        ({"rule": ErrorHebbian(10, decay=101)}, "at most 1, got 1.01"),
        ({"rule": ErrorHebbian(on_off=True), "transform": np.ones((2, 4))}, r"\[B, -B\]"),
        (
            {
                "rule": ErrorHebbian(on_off=True),
                "pre": lambda: relu(3).neurons,
                "transform": np.zeros((2, 3)),
            },
            r"\[B, -B\]",
        ),
    ],
)
def test_what_it_cannot_do_is_said_while_building(what, message):
    with pytest.raises(BuildError, match=message):
        backends.Simulator(connected(**what))


@pytest.mark.parametrize(
    "transform",
    [
        nengo.Sparse((2, 4), indices=[[0, 0]], init=[1.0]),
        nengo.Convolution(1, (4, 1), kernel_size=(3,), strides=(1,)),
    ],
)
def test_nengo_refuses_transforms_that_are_not_dense(transform):
    with pytest.raises(NotImplementedError, match=f"{type(transform).__name__}.*not supported"):
        backends.Simulator(connected(transform=transform))


@pytest.mark.parametrize(
    "what",
    [{"pre": lambda: nengo.Node(size_in=4)}, {"transform": None, "post": lambda: relu(4).neurons}],
)
def test_nengo_refuses_connections_without_neurons_or_weights(what):
    with pytest.raises(ValidationError):
        connected(**what)


@pytest.mark.parametrize(
    "argument",
    [
        {"learning_rate": -1e-3},
        {"learning_rate": np.nan},
        {"learning_rate": "fast"},
        {"decay": -0.1},
        {"decay": np.inf},
        {"decay": np.nan},
        {"decay": None},
        {"pre_synapse": "alpha"},
        {"on_off": 2},
    ],
)
def test_bad_arguments(argument):
    with pytest.raises(ValidationError) as error:
        ErrorHebbian(**argument)
    assert next(iter(argument)) in str(error.value)


def test_defaults_and_copies():
    rule = ErrorHebbian()
    assert (rule.learning_rate, rule.decay, rule.on_off) == (1e-3, 0, False)
    assert rule.pre_synapse == nengo.Lowpass(0.005)
    rule = ErrorHebbian(0.1, nengo.Alpha(0.01), 2.0, True)
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert eval(repr(rule), {"ErrorHebbian": ErrorHebbian, "Alpha": nengo.Alpha}) == rule
