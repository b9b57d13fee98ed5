"""Images shown, and networks that learn on line, on the native backend and the reference."""

import nengo
import numpy as np
import pytest
from native_helpers import assert_close
from nengo.exceptions import ValidationError

from nengo_pc.backends import BACKENDS, Stepper, present
from nengo_pc.backends import Simulator as simulator_on
from nengo_pc.backends.native import Native, Simulator
from nengo_pc.backends.registry import get_backend
from nengo_pc.learning import ErrorHebbian
from nengo_pc.networks import Dense, LIFConstants, Parameters, PredictiveCoding, SpikingClassifier

N_PIXELS, N_STEPS = 6, 40
IMAGES = np.random.default_rng(4).uniform(size=(5, N_PIXELS))


def classifier(encoder="constant", seed=2):
    """A small classifier that fires a lot."""
    constants = LIFConstants(amplitude=0.1)
    parameters = Parameters.random((N_PIXELS,), [Dense(14), Dense(12), Dense(3)], constants, seed=8)
    network = SpikingClassifier(parameters, encoder=encoder, seed=seed, synapse=0.003)
    with network:
        network.raw = nengo.Probe(network.output)
        network.smooth = nengo.Probe(network.output, synapse=0.01)
        network.layer_spikes = [nengo.Probe(layer.neurons) for layer in network.layers[:2]]
        if encoder != "constant":
            nengo.Probe(network.encoder.output)
    return network


def show(network, backend="native", images=IMAGES, **options):
    options = {"presentation_time": N_STEPS / 1000, "progress": False, **options}
    return present(network, images, backend=backend, **options)


def assert_shown_alike(got, wanted, network, tolerance=1e-12):
    for probe in network.all_probes:
        assert_close(got[probe], wanted[probe], tolerance, probe)
    assert all(np.count_nonzero(wanted[probe]) > 20 for probe in network.layer_spikes)


# Images


@pytest.mark.parametrize("batch_size", [None, 1, 2, 5, 50])
@pytest.mark.parametrize("encoder", ["constant", "lif"])
def test_spikes_are_the_references_image_by_image(encoder, batch_size):
    network = classifier(encoder)
    wanted = show(network, "reference")
    got = show(network, dtype="float64", batch_size=batch_size)
    assert_shown_alike(got, wanted, network)
    for probe in network.layer_spikes:
        np.testing.assert_array_equal(got[probe] > 0, wanted[probe] > 0)
    assert np.any(wanted[network.raw][0] != wanted[network.raw][1])


@pytest.mark.parametrize("batch_size", [None, 1, 2, 5])
def test_poisson_spikes_are_the_references_if_asked_for(batch_size):
    network = classifier("poisson")
    wanted = show(network, "reference", seed=4)
    options = {"dtype": "float64", "random": "reference", "batch_size": batch_size}
    assert_shown_alike(show(network, seed=4, **options), wanted, network)
    other = show(network, seed=5, **options)
    assert np.any(other[network.raw] != wanted[network.raw])


@pytest.mark.parametrize("encoder", ["constant", "lif", "poisson"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_images_do_not_depend_on_those_shown_beside_them(encoder, dtype):
    network = classifier(encoder)
    whole = show(network, dtype=dtype)
    for batch_size in (1, 2, 3):
        parts = show(network, dtype=dtype, batch_size=batch_size)
        for probe in network.all_probes:
            np.testing.assert_array_equal(parts[probe], whole[probe])
    few = show(network, images=IMAGES[:2], dtype=dtype)
    np.testing.assert_array_equal(few[network.raw], whole[network.raw][:2])
    assert whole[network.raw].dtype == dtype
    assert np.ptp(whole[network.raw]) > 0


def test_compiled_poisson_spikes_have_the_encoders_rate():
    network = classifier("poisson")
    pixels = network.all_probes[-1]
    images = np.repeat(IMAGES[:1], 200, axis=0)
    mine, theirs = (
        show(network, backend, images, keep={pixels: "mean"})[pixels]
        for backend in ("native", "reference")
    )
    spread = np.sqrt((mine.var(axis=0) + theirs.var(axis=0)) / len(images))
    assert np.abs(mine.mean(axis=0) - theirs.mean(axis=0)).max() < (5 * spread).max()
    assert len(np.unique(mine, axis=0)) > 150  # each image has spikes of its own


def test_float32_by_default():
    network = classifier()
    got, wanted = show(network), show(network, "reference")
    assert got[network.raw].dtype == np.float32
    assert got.backend == "native"
    assert got.substitutions == ()
    for probe in network.layer_spikes:
        counts = [np.count_nonzero(shown[probe], axis=1) for shown in (got, wanted)]
        assert np.abs(counts[0] - counts[1]).max() <= 1
        assert np.mean((got[probe] > 0) != (wanted[probe] > 0)) < 0.01


@pytest.mark.parametrize("keep", ["last", "mean"])
def test_what_is_kept(keep):
    network = classifier("lif")
    whole = show(network, dtype="float64")
    got = show(network, dtype="float64", keep=keep, batch_size=2)
    for probe in network.all_probes:
        history = whole[probe]
        assert_close(got[probe], history[:, -1] if keep == "last" else history.mean(axis=1))
    mixed = show(network, keep={network.raw: "mean", network.smooth: "all"})
    assert set(mixed.data) == {network.raw, network.smooth}
    assert mixed[network.smooth].shape == (5, N_STEPS, 3)


def test_other_steps():
    network = classifier("lif")
    options = {"dt": 0.0005, "presentation_time": 0.02}
    got, wanted = show(network, dtype="float64", **options), show(network, "reference", **options)
    assert (got.dt, got.n_steps) == (0.0005, 40)
    assert_shown_alike(got, wanted, network)


def network_that_remembers():
    """A Node whose function knows how many images there were."""
    seen = []
    with nengo.Network(seed=1) as network:
        network.input = nengo.Node(np.zeros(N_PIXELS))
        count = nengo.Node(lambda t, x: seen.append(t) or len(seen), size_in=N_PIXELS, size_out=1)
        nengo.Connection(network.input, count, synapse=None)
        network.count = nengo.Probe(count)
    return network


def test_networks_with_functions_are_shown_one_image_at_a_time():
    found = []
    for backend in ("reference", "native"):
        network = network_that_remembers()
        counts = show(network, backend)[network.count].ravel()
        found.append(counts - counts[0])
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(found[0], np.arange(5 * N_STEPS))
    network = network_that_remembers()
    side_by_side = show(network, batch_size=5)[network.count][:, :, 0]
    for item in side_by_side[1:]:  # each a copy of its own
        np.testing.assert_array_equal(item, side_by_side[0])


@pytest.mark.parametrize("batch_size", [0, -2, 1.5, True])
def test_sizes_of_minibatches_that_do_not_fit(batch_size):
    with pytest.raises(ValidationError) as error:
        show(classifier(), batch_size=batch_size)
    assert error.value.attr == "batch_size"


def test_it_is_the_default_and_has_a_name():
    network = classifier()
    got = present(network, IMAGES[:1], presentation_time=0.003, progress=False)
    assert got.backend == "native"
    assert BACKENDS["native"] is Native
    assert isinstance(get_backend("native"), Native)
    with simulator_on(network) as simulator:
        assert type(simulator) is Simulator
    with simulator_on(network, dt=0.002, minibatch_size=3) as simulator:
        simulator.run_steps(4)
        assert simulator.data[network.raw].shape == (3, 4, 3)


# On line

RULES = {
    "plain": ErrorHebbian(0.5, None, decay=0.3),
    "filtered, consolidated": ErrorHebbian(0.5, nengo.Alpha(0.003), consolidation=0.01),
}


def coding(rule, **options):
    parameters = Parameters.random((7,), [Dense(9), Dense(8), Dense(3)], seed=1)
    network = PredictiveCoding(parameters, learning_rule=rule, seed=0, **options)
    network.learned = network.forward + network.feedback
    with network:
        network.probes_of = [nengo.Probe(network.output), nengo.Probe(network.values[0].neurons)]
    return network


def stretches(n=1, n_stretches=3, n_steps=30):
    rng = np.random.default_rng(3)
    for _ in range(n_stretches):
        images = np.repeat(rng.random((n, 1, 7)), n_steps, axis=1)
        targets = np.repeat(np.eye(3)[rng.integers(0, 3, n)][:, None], n_steps, axis=1)
        yield images, targets, np.ones((n, n_steps, 1))


def stepper_of(network, backend="native", **options):
    inputs = [network.input, network.target, network.clamp]
    if backend == "native":
        options = {"dtype": "float64", **options}
    return Stepper(network, inputs, backend, **options)


def learned_on(network, backend="native", n=1, **options):
    """What probes saw in each stretch and the weights after it."""
    with stepper_of(network, backend, minibatch_size=n, **options) as stepper:
        seen = []
        for data in stretches(n):
            recorded = stepper.run(dict(zip(stepper.inputs, data)))
            seen += [recorded[probe] for probe in network.probes_of]
            seen += [np.array(stepper.weights(c)) for c in network.learned]
    return seen


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("keep", ["all", "mean"])
def test_it_learns_on_line_as_the_reference(rule, keep):
    network = coding(RULES[rule], derivative="box")
    wanted = learned_on(network, "reference", keep=keep)
    got = learned_on(network, keep=keep)
    assert len(got) == len(wanted) == 3 * (2 + len(network.learned))
    for mine, theirs in zip(got, wanted):
        assert_close(mine, theirs, 1e-9)
    first, last = (wanted[2 + k * (len(wanted) // 3)] for k in (0, 2))
    assert np.abs(first - last).max() > 1e-4


def test_precision_of_a_stepper():
    network = coding(RULES["plain"], derivative="box")
    wanted = learned_on(network, "reference")
    got = learned_on(network, dtype="float32")
    assert got[0].dtype == np.float32
    for mine, theirs in zip(got, wanted):
        assert_close(mine, theirs, 1e-4)
    with Stepper(network, [network.input]) as stepper:  # of its own
        assert (stepper.backend, stepper.simulator.dtype) == ("native", "float32")
        assert stepper.simulator.random == "compiled"


def test_items_share_what_they_learn():
    """Weights change by the mean of what items say: alike items learn as one alone does."""
    network = coding(RULES["plain"], derivative="box")
    same = [tuple(np.repeat(d, 3, axis=0) for d in data) for data in stretches()]
    weights = []
    for n, data in ((1, list(stretches())), (3, same)):
        with stepper_of(network, minibatch_size=n) as stepper:
            for given in data:
                recorded = stepper.run(dict(zip(stepper.inputs, given)))
            assert recorded[network.probes_of[0]].shape[0] == n
            weights.append([np.array(stepper.weights(c)) for c in network.learned])
    for alone, together in zip(*weights):
        assert together.shape == alone.shape  # one matrix for all
        assert_close(together, alone, 1e-9)
        assert np.ptp(alone) > 0
    # Others learn otherwise.
    apart = learned_on(network, n=3)
    assert np.abs(apart[-1] - weights[0][-1]).max() > 1e-6


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("rule", RULES)
def test_a_stepper_goes_on_in_another(rule, n):
    network, again = coding(RULES[rule]), coding(RULES[rule])
    data = list(stretches(n))
    with stepper_of(network, minibatch_size=n) as stepper:
        for given in data[:2]:
            stepper.run(dict(zip(stepper.inputs, given)))
        state = stepper.state()
        wanted = stepper.run(dict(zip(stepper.inputs, data[2])))
        weights = [np.array(stepper.weights(c)) for c in network.learned]
    with stepper_of(again, minibatch_size=n) as stepper:
        stepper.set_state(state)
        assert stepper.simulator.n_steps == 60
        got = stepper.run(dict(zip(stepper.inputs, data[2])))
        for connection, matrix in zip(again.learned, weights):
            np.testing.assert_array_equal(stepper.weights(connection), matrix)
    for mine, theirs in zip(again.probes_of, network.probes_of):
        np.testing.assert_array_equal(got[mine], wanted[theirs])
        assert np.ptp(wanted[theirs]) > 0


def test_inputs_of_a_stepper_that_do_not_fit():
    network = coding(RULES["plain"])
    with stepper_of(network, minibatch_size=2) as stepper:
        with pytest.raises(ValidationError, match="must be for"):
            stepper.run({network.input: np.zeros((2, 5, 7))})
        images, targets, clamp = next(stretches(1))
        with pytest.raises(ValidationError, match="needs shape"):
            stepper.run({network.input: images, network.target: targets, network.clamp: clamp})


def test_predictive_coding_runs_in_kernels_alone():
    for derivative in ("exact", "step", "box", "none"):
        network = coding(RULES["plain"], derivative=derivative)
        with simulator_on(network) as simulator:
            assert simulator.in_python == ()
    own = coding(RULES["plain"], derivative=lambda x: 1 / (1 + x**2))
    with simulator_on(own) as simulator:
        assert any("SimPyFunc" in name for name in simulator.in_python)
    wanted, got = learned_on(own, "reference"), learned_on(own)
    for mine, theirs in zip(got, wanted):
        assert_close(mine, theirs, 1e-9)


NETWORKS = {
    "exact": {"derivative": "exact"},
    "step, kolen-pollack": {"derivative": "step", "feedback": "kolen-pollack"},
    "box, random feedback": {"derivative": "box", "feedback": "random"},
    "none, direct feedback": {"derivative": "none", "feedback": "direct", "synapse": 0.003},
    "squared error, values relax": {"loss": "squared-error", "dynamics": "value"},
    "tanh": {"neuron_type": nengo.Tanh(tau_ref=1)},
    "sigmoid": {"neuron_type": nengo.Sigmoid(tau_ref=0.5)},
    "rectified linear": {"neuron_type": nengo.RectifiedLinear(amplitude=0.5)},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_kernels_of_the_packages_own_nodes(name):
    options = dict(NETWORKS[name])
    if "synapse" in options:
        options["synapse"] = nengo.Alpha(options["synapse"])
    network = coding(RULES["plain"], **options)
    wanted, got = learned_on(network, "reference"), learned_on(network)
    # The exact slope is infinite at threshold, and makes much of rounding there: one stretch.
    n = len(wanted) // 3
    for mine, theirs in zip(got[:n], wanted[:n]):
        assert_close(mine, theirs, 1e-8)
        assert np.ptp(theirs) > 0
    assert np.abs(wanted[2] - wanted[2 + n]).max() > 0  # it goes on learning
