"""The native simulator's interface: Nengo's, and data, minibatches, state and what it refuses."""

import copy
import gc
import importlib.metadata
import pickle
import weakref

import nengo
import numpy as np
import pytest
from native_helpers import (
    assert_close,
    in_python,
    native,
    quiet,
    reference,
    wave,
)
from nengo.exceptions import (
    BuildError,
    ReadonlyError,
    SimulationError,
    SimulatorClosed,
    ValidationError,
)
from nengo.rc import rc

from nengo_pc.backends.native import Simulator


def network_of_both_kinds(n_neurons=30):
    """Spikes, rates, synapses, noise: something of all that is carried from step to step."""
    with nengo.Network(seed=3) as network:
        network.given = nengo.Node([0.4, -0.2], label="given")
        network.noise = nengo.Node(nengo.processes.WhiteNoise(), size_out=2)
        ensemble = nengo.Ensemble(n_neurons, 2)
        nengo.Connection(network.given, ensemble)
        nengo.Connection(network.noise, ensemble, transform=0.01)
        nengo.Connection(ensemble, ensemble, synapse=0.01)
        network.decoded = nengo.Probe(ensemble, synapse=0.01)
        network.spikes = nengo.Probe(ensemble.neurons)
        network.sampled = nengo.Probe(ensemble, sample_every=0.0025)
        network.constant = nengo.Probe(network.given, sample_every=0.002)
    return network


@pytest.fixture
def network():
    return network_of_both_kinds()


def simulator_of(network, **options):
    return quiet(Simulator, network, **{"seed": 1, "dtype": "float64", **options})


def assert_equal(simulator, wanted, network, tolerance=1e-12):
    for probe in network.all_probes:
        assert_close(simulator.data[probe], wanted[probe], tolerance, probe)


# The interface


def test_arguments_have_nengos_order(network):
    model = nengo.builder.Model(dt=0.002)
    with Simulator(network, 0.002, 7, model, False, True) as simulator:
        assert (simulator.dt, simulator.seed) == (0.002, 7)
        assert simulator.model is model
        assert simulator.progress_bar is False
        assert simulator.optimize is True
        simulator.run(0.01, False)
        simulator.run_steps(3, False)
        assert simulator.n_steps == 8
    wanted = reference(network, 8, dt=0.002, seed=7)
    assert_equal(simulator, wanted, network)


def test_the_progress_bar_is_the_second_argument(network, capsys):
    with simulator_of(network) as simulator:
        simulator.run(0.002, True)
        simulator.run_steps(3, True)
        assert capsys.readouterr().out.count("Simulation finished") == 2
        simulator.run(0.002, False)
        simulator.run_steps(3, False)
        simulator.run_steps(3)
        simulator.step()
        assert not capsys.readouterr().out
        assert simulator.n_steps == 14


def test_a_progress_bar_by_default(network, capsys):
    with Simulator(network) as simulator:
        simulator.run_steps(40)
    assert "Simulation finished" in capsys.readouterr().out


def test_a_progress_bar_of_ones_own(network):
    class Bar(nengo.utils.progress.ProgressBar):
        seen = []

        def update(self, progress):
            self.seen.append((progress.n_steps, progress.max_steps))

        def close(self):
            self.seen.append("closed")

    with simulator_of(network) as simulator:
        simulator.run_steps(400, Bar())
    assert Bar.seen[-1] == "closed"
    assert Bar.seen[-2] == (400, 400)


def test_it_runs_like_nengos(network):
    wanted = reference(network, 23, seed=1)
    with simulator_of(network) as simulator:
        assert isinstance(simulator, nengo.Simulator)
        assert (simulator.dt, simulator.n_steps, simulator.time) == (0.001, 0, 0)
        simulator.run(0.01)
        simulator.step()
        simulator.run_steps(12)
        assert simulator.n_steps == 23
        assert simulator.time == pytest.approx(0.023)
        assert_equal(simulator, wanted, network)
        np.testing.assert_allclose(simulator.trange(), 0.001 * np.arange(1, 24))
        with quiet(nengo.Simulator, network) as ref:
            ref.run_steps(23)
            for every in (0.0025, 0.002, 0.001):
                np.testing.assert_allclose(
                    simulator.trange(sample_every=every), ref.trange(sample_every=every)
                )
            with pytest.warns(DeprecationWarning):
                np.testing.assert_allclose(simulator.trange(0.004), ref.trange(0.004))
        assert len(simulator.trange(sample_every=0.0025)) == len(wanted[network.sampled])
        assert simulator.data[network.constant].shape == (11, 2)
        with pytest.raises(ValueError, match="read-only"):
            simulator.data[network.decoded][0] = 1
    assert np.ptp(wanted[network.decoded]) > 0


def test_it_cannot_be_used_once_it_is_closed(network):
    with simulator_of(network) as simulator:
        assert not simulator.closed
        simulator.run_steps(5)
    assert simulator.closed
    for use in (simulator.step, lambda: simulator.run(0.01), simulator.reset):
        with pytest.raises(SimulatorClosed):
            use()
    with pytest.raises(SimulatorClosed):
        simulator.run_steps(3)
    assert simulator.data[network.decoded].shape == (5, 2)
    assert (simulator.n_steps, len(simulator.trange())) == (5, 5)
    with pytest.raises(SimulatorClosed), simulator:
        pass
    simulator.close()


@pytest.mark.filterwarnings("error")
def test_one_that_was_not_closed_warns(network):
    simulator = simulator_of(network)
    with pytest.warns(ResourceWarning, match="Please close"):
        simulator.__del__()
    simulator.close()


def test_reset_begins_anew(network):
    with simulator_of(network) as simulator:
        simulator.run_steps(15)
        first = {probe: simulator.data[probe] for probe in network.all_probes}
        simulator.reset()
        assert (simulator.n_steps, simulator.time) == (0, 0)
        assert len(simulator.data[network.decoded]) == 0
        simulator.run_steps(15)
        assert_equal(simulator, first, network, 0)
        simulator.reset(seed=2)
        assert simulator.seed == 2
        simulator.run_steps(15)
        assert_equal(simulator, reference(network, 15, seed=2), network)
        assert np.any(simulator.data[network.decoded] != first[network.decoded])
        simulator.reset(seed=1)
        simulator.run_steps(15)
        assert_equal(simulator, first, network, 0)


def test_probes_can_be_cleared(network):
    wanted = reference(network, 18, seed=1)
    with simulator_of(network) as simulator:
        simulator.run_steps(15)
        kept = simulator.data[network.spikes]
        simulator.clear_probes()
        assert simulator.n_steps == 15
        assert len(simulator.data[network.spikes]) == 0
        simulator.run_steps(3)
        assert_close(simulator.data[network.spikes], wanted[network.spikes][15:])
        assert_close(kept, wanted[network.spikes][:15])


def test_what_was_built_is_there(network):
    ensemble, connection = network.ensembles[0], network.connections[2]
    with simulator_of(network) as simulator, quiet(nengo.Simulator, network) as ref:
        for name in ("encoders", "gain", "bias", "intercepts", "max_rates", "scaled_encoders"):
            np.testing.assert_array_equal(
                getattr(simulator.data[ensemble], name), getattr(ref.data[ensemble], name)
            )
        assert_close(simulator.data[connection].weights, ref.data[connection].weights)
        # Each simulator makes connections of its own to decoded probes.
        mine, theirs = (set(s.data) & set(network.all_objects) for s in (simulator, ref))
        assert mine == theirs
        assert len(mine) == 10
        assert len(simulator.data) == len(ref.data)
        with pytest.raises(KeyError):
            simulator.data[nengo.Node(add_to_container=False)]
        with pytest.raises((ReadonlyError, TypeError)):
            simulator.data[ensemble] = 1


def test_time_that_is_no_time(network):
    with simulator_of(network) as simulator:
        with pytest.raises(ValidationError, match="positive"):
            simulator.run(-0.1)
        with pytest.warns(UserWarning, match="0 timesteps"):
            simulator.run(0.0001)
        assert simulator.n_steps == 0


@pytest.mark.parametrize("steps", [0, -3])
def test_less_than_a_step_is_the_error_that_nengo_raises(network, steps):
    for kind in (nengo.Simulator, Simulator):
        with quiet(kind, network) as simulator, pytest.raises(ValidationError):
            simulator.run_steps(steps)


def test_attributes_of_time_are_read_only(network):
    with simulator_of(network) as simulator:
        for name in ("dt", "n_steps", "time"):
            with pytest.raises((ReadonlyError, AttributeError)):
                setattr(simulator, name, 1)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("constant", [True, False])
def test_nothing_is_sampled_yet(size, constant):
    with nengo.Network() as network:
        output = np.ones(size) if constant else lambda t: t * np.ones(size)
        probe = nengo.Probe(nengo.Node(output), sample_every=0.1)
        filtered = nengo.Probe(network.nodes[0], sample_every=0.05, synapse=0.01)
    shapes = []
    for kind in (nengo.Simulator, Simulator):
        with quiet(kind, network) as simulator:
            shapes.append([np.shape(simulator.data[probe])])
            for n in (1, 98, 1, 101):
                simulator.run_steps(n)
                shapes[-1] += [np.shape(simulator.data[p]) for p in (probe, filtered)]
    assert shapes[0] == shapes[1]
    assert shapes[0][-2] == (2, size)


def test_a_long_run_records_all_its_steps():
    with nengo.Network() as network:
        probes = [nengo.Probe(wave(1)), nengo.Probe(wave(1), sample_every=0.0071)]
    wanted = reference(network, 5000)
    with simulator_of(network) as simulator:
        for n_steps in (1, 2, 4000, 997):
            simulator.run_steps(n_steps)
        for probe in probes:
            assert_close(simulator.data[probe], wanted[probe])
    assert np.ptp(wanted[probes[0]]) > 1


def test_merging_changes_nothing(network):
    got = [native(network, 30, seed=1, optimize=how) for how in (True, False)]
    for probe in network.all_probes:
        np.testing.assert_array_equal(got[0][probe], got[1][probe])
    assert got[0][network.spikes].any()


def test_a_model_that_is_built_already(network):
    model = nengo.builder.Model(dt=0.002)
    model.build(network)
    with simulator_of(None, model=model) as simulator:
        simulator.run_steps(20)
        assert simulator.dt == 0.002
        assert_equal(simulator, reference(network, 20, seed=1, dt=0.002), network)


def test_what_python_runs_is_named(network):
    with network:
        nengo.Node(lambda t: t, label="clock")
    found = in_python(network)
    assert len(found) == 2
    assert any("WhiteNoise" in name for name in found)
    assert any("SimPyFunc" in name and "clock" in name for name in found)


def test_it_is_among_nengos_backends():
    (entry,) = importlib.metadata.entry_points(group="nengo.backends", name="native")
    assert entry.load() is Simulator


# Types


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_have_the_type(network, dtype):
    wanted = reference(network, 60, seed=1)
    with simulator_of(network, dtype=dtype) as simulator:
        simulator.run_steps(60)
        assert simulator.dtype == dtype
        for probe in (network.decoded, network.constant, network.sampled):
            assert simulator.data[probe].dtype == dtype
            tolerance = 1e-12 if dtype == "float64" else 2e-5
            assert_close(simulator.data[probe], wanted[probe], tolerance)
        voltage = simulator.model.sig[network.ensembles[0].neurons]["voltage"]
        assert simulator.signals[voltage].dtype == dtype
    assert np.any(wanted[network.decoded] != wanted[network.decoded].astype("f4"))


def test_the_type_is_nengos_precision():
    with nengo.Network(seed=1) as network:
        ensemble = nengo.Ensemble(20, 1, neuron_type=nengo.LIFRate())
        nengo.Connection(nengo.Node(lambda t: np.sin(40 * t)), ensemble)
        probe = nengo.Probe(ensemble, synapse=0.01)
    wanted = reference(network, 50)[probe]
    with simulator_of(network, dtype=None) as simulator:
        simulator.run_steps(50)
        assert simulator.dtype == "float64"
        assert_close(simulator.data[probe], wanted)
    before = rc.get("precision", "bits")
    try:
        rc.set("precision", "bits", "32")
        theirs = reference(network, 50)[probe]
        assert theirs.dtype == "float32"
        for dtype in (None, "float32", "float64"):
            with simulator_of(network, dtype=dtype) as simulator:
                simulator.run_steps(50)
                got = simulator.data[probe]
            assert got.dtype == (dtype or "float32")
            assert_close(got, theirs, 1e-4)
    finally:
        rc.set("precision", "bits", before)
    assert np.ptp(wanted) > 0.1


# Data


def test_a_minibatch_is_its_items_apart(network):
    values = np.random.default_rng(0).uniform(-1, 1, size=(3, 20, 2))
    with simulator_of(network, minibatch_size=3) as simulator:
        simulator.run_steps(20, data={network.given: values})
        got = {probe: simulator.data[probe] for probe in network.all_probes}
    assert got[network.decoded].shape == (3, 20, 2)
    assert got[network.sampled].shape[:2] == (3, 8)
    assert got[network.constant].shape == (3, 10, 2)
    np.testing.assert_array_equal(got[network.constant], values[:, 1::2])
    for item, given in enumerate(values):
        with network:
            network.given.output = lambda t, given=given: given[int(round(t / 0.001)) - 1]
        alone = reference(network, 20, seed=1 + item)
        for probe, history in alone.items():
            assert_close(got[probe][item], history)
    assert np.any(got[network.spikes][0] != got[network.spikes][1])


def test_held_data_are_data_repeated(network):
    values = np.random.default_rng(0).uniform(-1, 1, size=(2, 1, 2))
    results = []
    for data in (values, np.repeat(values, 15, axis=1)):
        with simulator_of(network, minibatch_size=2) as simulator:
            simulator.run_steps(15, data={network.given: data})
            results.append({probe: simulator.data[probe] for probe in network.all_probes})
    for probe, history in results[0].items():
        assert_close(history, results[1][probe])
    np.testing.assert_array_equal(results[0][network.constant][:, 0], values[:, 0])


def test_data_can_change_from_run_to_run(network):
    values = np.random.default_rng(0).uniform(-1, 1, size=(30, 2))
    values[10:20], values[25:] = values[10], [0.4, -0.2]
    with simulator_of(network) as simulator:
        simulator.run_steps(10, data={network.given: values[:10]})
        simulator.run_steps(10, data={network.given: values[10:11]})
        simulator.run_steps(4, data={network.given: values[None, 20:24]})
        simulator.step({network.given: values[24:25]})
        simulator.run_steps(5)  # as it was built
        got = {probe: simulator.data[probe] for probe in network.all_probes}
    network.given.output = lambda t: values[int(round(t / 0.001)) - 1]
    wanted = reference(network, 30, seed=1)
    for probe, history in got.items():
        assert_close(history, wanted[probe])


def test_data_for_nodes_with_functions_and_processes():
    called = []
    with nengo.Network(seed=1) as network:
        noise = nengo.Node(nengo.processes.WhiteNoise(), size_out=2)
        function = nengo.Node(lambda t: called.append(t) or 1.0, size_out=1)
        probes = [nengo.Probe(noise, synapse=0.01), nengo.Probe(function)]
    with simulator_of(network) as simulator:
        called.clear()
        simulator.run_steps(20, data={noise: np.ones((1, 2)), function: np.arange(20.0)[:, None]})
        assert not called
        got = [simulator.data[probe] for probe in probes]
        simulator.run_steps(1)
        assert called == [pytest.approx(0.021)]
    np.testing.assert_allclose(got[1].ravel(), np.arange(20))
    t = np.arange(20)  # one step of delay, then the rise of a low-pass filter
    np.testing.assert_allclose(got[0][:, 0], 1 - np.exp(-0.1 * t), atol=1e-12)


def test_integers_and_booleans_are_data():
    with nengo.Network() as network:
        node = nengo.Node([0.0])
        probe = nengo.Probe(node)
    for data in (np.arange(4)[:, None], np.array([[True], [False]] * 2), [[1], [2], [3], [4.5]]):
        got = native(network, 4, {node: data})[probe]
        np.testing.assert_array_equal(got, np.asarray(data, float))


@pytest.mark.parametrize(
    "values, said",
    [
        (np.zeros((3, 5, 2)), r"given.*shape \(2, 5 or 1, 2\), got \(3, 5, 2\)"),
        (np.zeros((2, 4, 2)), "5 or 1"),
        (np.zeros((2, 5, 3)), "5 or 1"),
        (np.zeros((5, 2)), "5 or 1"),
        (np.full((2, 1, 2), np.nan), "finite"),
        (np.full((2, 1, 2), "a"), "finite real numbers"),
    ],
)
def test_data_that_do_not_fit(network, values, said):
    with (
        simulator_of(network, minibatch_size=2) as simulator,
        pytest.raises(ValidationError, match=said) as error,
    ):
        simulator.run_steps(5, data={network.given: values})
    assert error.value.attr == "data"
    assert simulator.n_steps == 0


def test_data_for_what_is_no_input(network):
    with network:
        empty = nengo.Node(size_in=2)
    with simulator_of(network) as simulator:
        for obj in (network.ensembles[0], empty, "given", network.decoded):
            with pytest.raises(ValidationError, match="Nodes without input"):
                simulator.run_steps(5, data={obj: np.zeros((5, 2))})


def test_data_for_a_node_of_another_network(network):
    other = network_of_both_kinds()
    with simulator_of(network) as simulator, pytest.raises(ValidationError) as error:
        simulator.run_steps(5, data={other.given: np.zeros((5, 2))})
    assert error.value.attr == "data"


def test_samples_are_taken_when_nengo_takes_them():
    periods = [0.0004, 0.001, 0.0015, 0.002, 0.003, 0.0033, 0.005, 0.007, 0.0071, 0.01, 0.011, 0.03]
    with nengo.Network() as network:
        node = wave(1)
        for period in periods:
            nengo.Probe(node, sample_every=period)
    for dt in (0.001, 0.0003):
        wanted = reference(network, 200, dt=dt)
        with simulator_of(network, dt=dt) as simulator:
            for n_steps in (1, 50, 149):
                simulator.run_steps(n_steps)
            for probe, history in wanted.items():
                assert_close(simulator.data[probe], history)
    assert len({history.shape for history in wanted.values()}) > 5


def test_data_stay_the_same_object(network):
    wanted = reference(network, 12, seed=1)
    with simulator_of(network) as simulator:
        data = simulator.data
        simulator.run_steps(5)
        simulator.reset()
        simulator.run_steps(12)
        assert simulator.data is data
        assert_close(data[network.decoded], wanted[network.decoded])
        simulator.clear_probes()
        assert len(data[network.decoded]) == 0
        simulator.run_steps(2)
        assert len(data[network.decoded]) == 2
    assert len(data[network.decoded]) == 2


def dense_array(values):
    return np.array(values.toarray() if hasattr(values, "toarray") else values)


def test_probes_of_what_is_not_a_vector():
    with nengo.Network(seed=1) as network:
        first, second = nengo.Ensemble(10, 2), nengo.Ensemble(8, 2)
        nengo.Connection(wave(2), first)
        dense = nengo.Connection(first, second)
        matrix = nengo.Sparse((8, 10), indices=[[i, i + 1] for i in range(8)], init=0.01)
        scattered = nengo.Connection(first.neurons, second.neurons, transform=matrix)
        convolution = nengo.Connection(
            first.neurons,
            nengo.Node(size_in=16),
            transform=nengo.Convolution(2, (10, 1), kernel_size=(3,), strides=(1,)),
        )
        probes = [nengo.Probe(c, "weights") for c in (dense, scattered, convolution)]
        nengo.Probe(second.neurons)
    found = []
    for kind in (nengo.Simulator, Simulator):
        with quiet(kind, network, seed=1) as simulator:
            simulator.run_steps(4)
            assert all(len(simulator.data[probe]) == 4 for probe in probes)
            found.append([[dense_array(w) for w in simulator.data[p]] for p in probes])
    for theirs, mine in zip(*found):
        np.testing.assert_allclose(np.array(mine, float), np.array(theirs, float), rtol=1e-12)
        assert np.any(theirs[0])


def test_nothing_is_kept_of_a_simulator_that_is_gone():
    gone = []
    for size in (None, 2):
        simulator = simulator_of(network_of_both_kinds(), minibatch_size=size)
        simulator.run_steps(3)
        gone += [weakref.ref(simulator), weakref.ref(simulator.model)]
        gone.append(weakref.ref(simulator.data[simulator.model.probes[0]].base))
        simulator.close()
        del simulator
    gc.collect()
    assert [reference() for reference in gone] == [None] * len(gone)


# What is kept


def test_the_last_step_and_the_mean_without_history(network):
    keep = {network.decoded: "last", network.spikes: "mean", network.constant: "mean"}
    whole = reference(network, 30, seed=1)
    with simulator_of(network, keep=keep) as simulator:
        simulator.run_steps(11)
        simulator.run_steps(19)
        assert_close(simulator.data[network.decoded], whole[network.decoded][-1])
        assert_close(simulator.data[network.spikes], whole[network.spikes].mean(axis=0))
        np.testing.assert_allclose(simulator.data[network.constant], [0.4, -0.2])
        assert len(simulator.data[network.sampled]) == 0  # which was not asked for
        simulator.clear_probes()
        simulator.run_steps(4)
        again = reference(network, 34, seed=1)[network.spikes][30:]
        assert_close(simulator.data[network.spikes], again.mean(axis=0))


@pytest.mark.parametrize("keep, shape", [("all", (2, 3, 30)), ("last", (2, 30)), ("mean", (2, 30))])
def test_shapes_of_what_is_kept(network, keep, shape):
    with simulator_of(network, keep=keep, minibatch_size=2) as simulator:
        simulator.run_steps(3)
        assert simulator.data[network.spikes].shape == shape
    with simulator_of(network, keep=keep) as simulator:
        simulator.run_steps(3)
        assert simulator.data[network.spikes].shape == shape[1:]


def test_a_mean_in_float32_is_of_many_steps():
    with nengo.Network() as network:
        probe = nengo.Probe(nengo.Node([0.1]))
    got = native(network, 50_000, keep="mean", dtype="float32")[probe]
    assert got.dtype == "float32"
    np.testing.assert_allclose(got, 0.1, rtol=1e-6)


# State


def test_a_run_goes_on_in_another_simulator(network):
    wanted = reference(network, 30, seed=1)
    with simulator_of(network) as simulator:
        simulator.run_steps(18)
        state = simulator.get_state()
    assert all(isinstance(values, np.ndarray) for values in state.values())
    again = network_of_both_kinds()
    with simulator_of(again) as simulator:
        simulator.run_steps(5)
        simulator.clear_probes()
        simulator.set_state(state)
        assert simulator.n_steps == 18
        assert simulator.time == pytest.approx(0.018)
        simulator.run_steps(12)
        for mine, theirs in zip(again.all_probes[:2], network.all_probes[:2]):
            assert_close(simulator.data[mine], wanted[theirs][18:])
    assert np.ptp(wanted[network.decoded][18:]) > 0


@pytest.mark.parametrize("random", ["reference", "compiled"])
def test_the_state_of_a_minibatch_that_learns_and_draws(random):
    def make():
        with nengo.Network(seed=1) as network:
            source = nengo.Node(nengo.processes.WhiteSignal(1.0, high=20), size_out=1)
            ensemble = nengo.Ensemble(
                20, 1, neuron_type=nengo.PoissonSpiking(nengo.LIFRate()), label="draws"
            )
            target = nengo.Node(size_in=1)
            nengo.Connection(source, ensemble)
            learned = nengo.Connection(ensemble, target, learning_rule_type=nengo.PES(1e-3))
            nengo.Connection(source, learned.learning_rule, transform=-1)
            nengo.Connection(target, learned.learning_rule)
            network.probes_of = [nengo.Probe(learned, "weights"), nengo.Probe(ensemble.neurons)]
        return network

    first, second = make(), make()
    options = {"minibatch_size": 3, "random": random}
    with simulator_of(first, **options) as simulator:
        simulator.run_steps(25)
        state = pickle.loads(pickle.dumps(simulator.get_state()))
        simulator.run_steps(25)
        wanted = [simulator.data[probe][:, 25:] for probe in first.probes_of]
    with simulator_of(second, **options) as simulator:
        simulator.set_state(state)
        simulator.run_steps(25)
        for probe, history in zip(second.probes_of, wanted):
            np.testing.assert_array_equal(simulator.data[probe], history)
            assert np.ptp(history) > 0


def test_the_state_of_another_network(network):
    with simulator_of(network) as simulator:
        state = simulator.get_state()
    for other, options in (
        (network_of_both_kinds(31), {}),
        (nengo.Network(), {}),
        (network, {"minibatch_size": 2}),
    ):
        with (
            simulator_of(other, **options) as simulator,
            pytest.raises(ValidationError, match="same network") as error,
        ):
            simulator.set_state(state)
        assert error.value.attr == "state"


COPIES = {
    "pickle": lambda simulator, probes: pickle.loads(pickle.dumps((simulator, probes))),
    "deepcopy": lambda simulator, probes: copy.deepcopy((simulator, probes)),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("size", [None, 2])
def test_copies_go_on_as_if_they_had_not_been_interrupted(network, how, size):
    with simulator_of(network, minibatch_size=size) as simulator:
        simulator.run_steps(10)
        again, probes = COPIES[how](simulator, network.all_probes)
        simulator.run_steps(10)
        wanted = [simulator.data[probe] for probe in network.all_probes]
    with again:
        assert again.n_steps == 10
        again.run_steps(10)
        for probe, history in zip(probes, wanted):
            np.testing.assert_array_equal(again.data[probe], history)
        assert again.data[probes[0]].shape[-2:] == (20, 2)
        again.reset()
        again.run_steps(10)
        first = [h[..., :10, :] for h in wanted[:2]]
        for probe, history in zip(probes, first):
            np.testing.assert_array_equal(again.data[probe], history)


PROCESSES = [
    nengo.processes.WhiteNoise(),
    nengo.processes.WhiteNoise(seed=3),
    nengo.processes.FilteredNoise(synapse=0.01),
    nengo.processes.FilteredNoise(synapse=nengo.Alpha(0.01)),
    nengo.processes.BrownNoise(),
    nengo.processes.WhiteSignal(0.1, high=100),
    nengo.processes.Piecewise({0.002: 1, 0.01: 0.5, 0.02: -1}),
    nengo.processes.PresentInput([[1.0], [2.0]], 0.004),
]


@pytest.mark.parametrize("process", PROCESSES, ids=str)
@pytest.mark.parametrize("size", [None, 2])
def test_noise_goes_on_where_it_was(process, size):
    """In another simulator that is put into the state, and in a copy."""
    with nengo.Network(seed=0) as network:
        probe = nengo.Probe(nengo.Node(process, size_out=1))
        ensemble = nengo.Ensemble(1, 1, noise=process, gain=[1], bias=[0.5])
        voltages = nengo.Probe(ensemble.neurons, "voltage")
        nengo.Probe(network.nodes[0], synapse=0.01)
    with simulator_of(network, minibatch_size=size) as simulator:
        simulator.run_steps(15)
        state = simulator.get_state()
        copied, probes = copy.deepcopy((simulator, network.all_probes))
        simulator.run_steps(15)
        wanted = [simulator.data[p] for p in network.all_probes]
        assert np.ptp(simulator.data[voltages]) > 0
        assert np.ptp(simulator.data[probe]) > 0
    with copied:
        copied.run_steps(15)
        for copy_of, history in zip(probes, wanted):
            np.testing.assert_array_equal(copied.data[copy_of], history)
    with simulator_of(network, minibatch_size=size) as simulator:
        simulator.set_state(state)
        simulator.run_steps(15)
        for p, history in zip(network.all_probes, wanted):
            np.testing.assert_array_equal(simulator.data[p], history[..., 15:, :])


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_what_was_closed_hold_its_data(network, how):
    with simulator_of(network) as simulator:
        simulator.run_steps(10)
    again, probes = COPIES[how](simulator, network.all_probes)
    np.testing.assert_array_equal(again.data[probes[1]], simulator.data[network.spikes])
    assert again.closed
    assert again.n_steps == 10
    with pytest.raises(SimulatorClosed):
        again.step()


def test_copies_keep_what_was_written(network):
    with simulator_of(network) as simulator:
        bias = simulator.signals[simulator.model.sig[network.ensembles[0].neurons]["bias"]]
        bias.setflags(write=True)
        bias[:15] = -1000
        again, probes = copy.deepcopy((simulator, network.all_probes))
        simulator.run_steps(40)
        with again:
            again.run_steps(40)
            np.testing.assert_array_equal(again.data[probes[1]], simulator.data[network.spikes])
            assert not again.data[probes[1]][:, :15].any()
            assert again.data[probes[1]].any()


# A minibatch


def test_signals_of_a_minibatch_have_an_axis_of_items(network):
    with simulator_of(network, minibatch_size=2) as simulator:
        neurons = simulator.model.sig[network.ensembles[0].neurons]
        assert simulator.signals[neurons["voltage"]].shape == (2, 30)
        assert simulator.signals[neurons["bias"]].shape == (30,)  # they share it
        assert simulator.value(neurons["voltage"]).shape == (2, 30)
        simulator.signals[neurons["voltage"]][1] = 0.5
        simulator.run_steps(1)
        seen = simulator.signals[neurons["voltage"]]
        assert np.any(seen[0] != seen[1])
        copied = simulator.value(neurons["voltage"])
        copied[...] = 7
        assert seen.max() < 7


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("n_neurons", [1, 3000])
def test_minibatches_large_enough_for_threads_and_too_small(size, n_neurons):
    with nengo.Network(seed=1) as network:
        given = nengo.Node([0.0])
        ensemble = nengo.Ensemble(n_neurons, 1, neuron_type=nengo.SpikingRectifiedLinear())
        nengo.Connection(given, ensemble.neurons, transform=np.full((n_neurons, 1), 100.0))
        probe = nengo.Probe(ensemble.neurons)
    values = np.linspace(0.1, 1, size)[:, None, None]
    got = native(network, 30, {given: values}, minibatch_size=size)[probe]
    for item, value in enumerate(values[:, 0]):
        given.output = value
        np.testing.assert_array_equal(got[item], reference(network, 30)[probe])
    assert got.any()


def test_what_items_share_can_be_written_to(network):
    """Biases of all items at once, or one item's voltages."""
    with simulator_of(network, minibatch_size=2) as simulator:
        neurons = simulator.model.sig[network.ensembles[0].neurons]
        bias = simulator.signals[neurons["bias"]]
        bias.setflags(write=True)
        bias[:15] = -1000
        simulator.run_steps(60)
        spikes = simulator.data[network.spikes]
        assert not spikes[:, :, :15].any()
        assert spikes[0].any()
        assert spikes[1].any()


class Summed(nengo.Process):
    """A process that adds up its input, in a state of its own, and noise."""

    def make_state(self, shape_in, shape_out, dt, dtype=None):
        return {"total": np.zeros(shape_out)}

    def make_step(self, shape_in, shape_out, dt, rng, state):
        def step(t, x):
            state["total"] += x
            return state["total"] + rng.randn(*shape_out)

        return step


class Counting(nengo.neurons.NeuronType):
    """Neurons that add up their currents."""

    state = {"total": nengo.dists.Choice([0.0])}

    def step(self, dt, J, output, total):
        total += J
        output[...] = total

    def gain_bias(self, max_rates, intercepts):
        return np.ones_like(max_rates), np.zeros_like(max_rates)

    def rates(self, x, gain, bias):
        return self.current(x, gain, bias)


def test_what_python_runs_has_a_state_for_each_item():
    def make():
        with nengo.Network(seed=1) as network:
            network.given = nengo.Node([0.0])
            process = nengo.Node(Summed(), size_in=1, size_out=1)
            nengo.Connection(network.given, process, synapse=None)
            neurons = nengo.Ensemble(3, 1, neuron_type=Counting()).neurons
            nengo.Connection(network.given, neurons, transform=np.ones((3, 1)), synapse=None)
            triangle = nengo.Probe(network.given, synapse=nengo.synapses.Triangle(0.005))
            network.seen = [nengo.Probe(process), nengo.Probe(neurons), triangle]
        return network

    network = make()
    got = native(network, 6, {network.given: VALUES}, seed=2, minibatch_size=3)
    for item, value in enumerate(VALUES[:, 0]):
        alone = make()
        alone.given.output = value
        wanted = reference(alone, 6, seed=2 + item)
        for mine, theirs in zip(network.seen, alone.seen):
            assert_close(got[mine][item], wanted[theirs])
            assert np.ptp(wanted[theirs]) > 0


def test_an_exception_in_one_item_leaves_the_steps_before_it():
    def stop(t, x):
        if t > 0.0095 and x[0] < 0:
            raise RuntimeError("enough")
        return x

    network = with_functions([(stop, True)])
    with simulator_of(network, minibatch_size=3) as simulator:
        with pytest.raises(RuntimeError, match="enough"):
            simulator.run_steps(20, data={network.given: VALUES})
        assert simulator.n_steps == 9
        assert simulator.data[network.seen[0]].shape == (3, 9, 1)
        simulator.run_steps(4, data={network.given: np.abs(VALUES)})
        assert simulator.data[network.seen[0]].shape == (3, 13, 1)
        np.testing.assert_array_equal(
            simulator.data[network.seen[0]][:, 8:10, 0], [[1, 1], [2, 2], [-3, 3]]
        )


@pytest.mark.parametrize("size, hurt", [(2, 0), (3, 2), (3, 0), (40, 39), (40, 3)])
def test_nan_in_one_item_leaves_the_steps_before_it_of_all(size, hurt):
    with nengo.Network() as network:
        given = nengo.Node([0.0])
        ensemble = nengo.Ensemble(20, 1, label="hurt", seed=1)
        nengo.Connection(given, ensemble, synapse=None)
        probe = nengo.Probe(ensemble.neurons, "voltage")
    wanted = native(network, 10, minibatch_size=1)[probe][0]
    assert np.ptp(wanted, axis=0).max() > 0
    with simulator_of(network, minibatch_size=size) as simulator:
        simulator.run_steps(7)
        voltage = simulator.signals[simulator.model.sig[ensemble.neurons]["voltage"]]
        voltage[hurt, 5] = np.nan
        with pytest.raises(SimulationError, match="hurt.*step 8 "):
            simulator.run_steps(30)
        assert simulator.n_steps == 7
        assert simulator.data[probe].shape == (size, 7, 20)
        voltage[hurt] = 0
        simulator.run_steps(3)
        got = simulator.data[probe]
    assert got.shape == (size, 10, 20)
    for item in got[:, :7]:  # of the step that broke off some was done already, as in Nengo
        assert_close(item, wanted[:7])


def test_simulators_of_one_model_are_apart(network):
    model = nengo.builder.Model(dt=0.001)
    model.build(network)
    wanted = reference(network, 20, seed=1)
    with simulator_of(None, model=model) as one, simulator_of(None, model=model, seed=2) as other:
        for _ in range(20):
            one.step()
            other.step()
        assert_equal(one, wanted, network)
        assert np.any(other.data[network.decoded] != wanted[network.decoded])


# Functions in a minibatch

SHARED_LIST = []
FROZEN = np.arange(3.0)
FROZEN.setflags(write=False)
SCALE = 2.0


def uses_frozen_globals(t):
    return SCALE * FROZEN + np.sin(t)


def uses_a_list(t):
    SHARED_LIST.append(t)
    return len(SHARED_LIST)


def calls_what_uses_a_list(t):
    return uses_a_list(t)


class Counter:
    def __init__(self, shared=None):
        self.n, self.shared = 0, [] if shared is None else shared

    def __call__(self, t, x):
        self.n += 1
        self.shared.append(x[0])
        return self.n * x[0]

    def length(self, t):
        return float(len(self.shared)) + self.n


def with_functions(functions, size_out=1):
    """A Node that is given, and Nodes that run functions of it."""
    with nengo.Network(seed=1) as network:
        network.given = nengo.Node([0.0])
        network.seen = []
        for i, (function, takes_input) in enumerate(functions):
            node = nengo.Node(
                function, size_in=int(takes_input), size_out=size_out, label=f"node {i}"
            )
            if takes_input:
                nengo.Connection(network.given, node, synapse=None)
            network.seen.append(nengo.Probe(node))
    return network


VALUES = np.array([1.0, 2.0, -3.0])[:, None, None]


def assert_items_apart(make, n_steps=6):
    """Each item is what a simulator of its own would be."""
    network = make()
    got = native(network, n_steps, {network.given: VALUES}, minibatch_size=len(VALUES))
    for item, value in enumerate(VALUES[:, 0]):
        alone = make()
        alone.given.output = value
        wanted = reference(alone, n_steps)
        for mine, theirs in zip(network.seen, alone.seen):
            assert_close(got[mine][item], wanted[theirs])
    return [got[probe] for probe in network.seen]


def test_pure_functions_see_each_item():
    (got,) = assert_items_apart(lambda: with_functions([(lambda t, x: x**2 + t, True)]))
    np.testing.assert_allclose(got[:, 0, 0], [1.001, 4.001, 9.001])


def test_what_a_function_encloses_is_copied_for_each_item():
    def make():
        total, seen = np.zeros(1), []

        def add(t, x):
            total[0] += x[0]
            seen.append(t)
            return total[0] + len(seen)

        return with_functions([(add, True), (lambda t: len(seen) + total[0], False)])

    first, _ = assert_items_apart(make)
    np.testing.assert_allclose(first[:, -1, 0], [12, 18, -12])


def test_callable_objects_are_copied_and_share_what_they_shared():
    def make():
        counter = Counter()
        other = Counter(counter.shared)
        return with_functions([(counter, True), (counter.length, False), (other, True)])

    got = assert_items_apart(make)
    np.testing.assert_allclose(got[0][:, -1, 0], [6, 12, -18])
    assert got[1][0, -1, 0] > 10


def test_defaults_and_functions_within_functions_are_copied():
    def make():
        def append(x, to):
            to.append(x)
            return sum(to)

        def outer(t, x, kept=[]):  # noqa: B006, which is the point
            return append(x[0], kept)

        return with_functions([(outer, True)])

    (got,) = assert_items_apart(make)
    np.testing.assert_allclose(got[:, -1, 0], [6, 12, -18])


def test_globals_that_cannot_change_may_be_read():
    network = with_functions([(uses_frozen_globals, False)], 3)
    got = native(network, 3, minibatch_size=2)[network.seen[0]]
    np.testing.assert_allclose(got[1], reference(network, 3)[network.seen[0]])
    assert np.ptp(got) > 0


@pytest.mark.parametrize("function", [uses_a_list, calls_what_uses_a_list])
def test_globals_that_can_change_are_refused_by_name(function):
    network = with_functions([(function, False)])
    with pytest.raises(BuildError, match="SHARED_LIST") as error:
        native(network, 3, minibatch_size=2)
    assert "<Node 'node 0'>" in str(error.value)
    native(network, 3, minibatch_size=1)  # of one nothing is shared
    native(network, 3)


def test_what_cannot_be_copied_is_refused_by_name():
    class Stubborn(Counter):
        def __deepcopy__(self, memo):
            raise TypeError("there is only one of me")

    network = with_functions([(lambda t: t, False), (Stubborn(), True)])
    with pytest.raises(BuildError, match="there is only one of me") as error:
        native(network, 3, minibatch_size=2)
    assert "<Node 'node 1'>" in str(error.value)
    native(network, 3)


def sets_a_global(t):
    global SCALE
    SCALE = 2.0
    return t


def test_setting_a_global_is_refused():
    """Its docstring says: reads something global that can change, or sets one."""
    with pytest.raises(BuildError, match="SCALE"):
        native(with_functions([(sets_a_global, False)]), 3, minibatch_size=2)


def test_reset_makes_copies_of_the_first_items_functions():
    def make():
        return with_functions([(Counter(), True)])

    network = make()
    with simulator_of(network, minibatch_size=2) as simulator:
        simulator.run_steps(3, data={network.given: VALUES[:2]})
        before = simulator.data[network.seen[0]]
        assert np.ptp(before) > 0
        simulator.reset()
        simulator.run_steps(3, data={network.given: VALUES[:2]})
        after = simulator.data[network.seen[0]]
    assert after.shape == before.shape
    # As in Nengo, reset does not reset what a function remembers.
    np.testing.assert_allclose(after[0, :, 0], [4, 5, 6])


def test_noise_of_items_is_that_of_seeds_side_by_side(network):
    got = native(network, 20, seed=4, minibatch_size=3)
    for item in range(3):
        wanted = reference(network, 20, seed=4 + item)
        for probe, history in wanted.items():
            assert_close(got[probe][item], history)
    with simulator_of(network, minibatch_size=1) as simulator:
        simulator.reset(seed=4, first_item=2)
        simulator.run_steps(20)
        np.testing.assert_array_equal(simulator.data[network.decoded][0], got[network.decoded][2])
    assert np.any(got[network.decoded][0] != got[network.decoded][1])


# What it refuses


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "float16"},
        {"minibatch_size": 0},
        {"minibatch_size": -1},
        {"minibatch_size": 2.5},
        {"minibatch_size": True},
        {"minibatch_learning": "alone"},
        {"random": "numpy"},
        {"keep": "first"},
    ],
)
def test_arguments_that_do_not_fit_are_named(network, options):
    with pytest.raises(ValidationError) as error:
        Simulator(network, progress_bar=False, **options)
    assert error.value.attr == next(iter(options))


@pytest.mark.parametrize("steps", [-1, 1.5, True])
def test_numbers_of_steps_with_data(network, steps):
    with simulator_of(network) as simulator, pytest.raises(ValidationError) as error:
        simulator.run_steps(steps, data={network.given: np.zeros((1, 2))})
    assert error.value.attr == "steps"


def test_a_probe_of_another_network(network):
    other = network_of_both_kinds()
    with pytest.raises(ValidationError, match="not a probe of this network"):
        Simulator(network, progress_bar=False, keep={other.decoded: "all"})
    with pytest.raises(ValidationError, match="must be one of"):
        Simulator(network, progress_bar=False, keep={network.decoded: "some"})


def test_a_cycle_without_a_synapse_is_the_error_that_nengo_raises():
    with nengo.Network() as network:
        node = nengo.Node(size_in=1)
        nengo.Connection(node, node, synapse=None)
    errors = []
    for kind in (nengo.Simulator, Simulator):
        with pytest.raises(BuildError) as error:
            quiet(kind, network)
        errors.append(str(error.value))
    assert errors[0] == errors[1]


# Without Numba


def everything_at_once():
    with nengo.Network(seed=1) as network:
        source = nengo.Node(lambda t: np.sin([20 * t, 30 * t]))
        first = nengo.Ensemble(20, 2)
        second = nengo.Ensemble(15, 2, neuron_type=nengo.AdaptiveLIF())
        nengo.Connection(source, first, synapse=nengo.Alpha(0.01))
        learned = nengo.Connection(first, second, learning_rule_type=nengo.PES())
        nengo.Connection(source, learned.learning_rule)
        nengo.Connection(
            first.neurons,
            second.neurons[::-1],
            transform=nengo.Sparse((15, 20), indices=[[i, i] for i in range(15)], init=1e-3),
        )
        nengo.Probe(second, synapse=0.01)
        nengo.Probe(second.neurons[2:5])
        nengo.Probe(learned, "weights", sample_every=0.003)
        nengo.Probe(nengo.Node([1.0, 2.0]))
    return network


@pytest.mark.parametrize("size", [None, 2])
def test_without_numba_it_is_nengos(size, monkeypatch):
    monkeypatch.setattr("nengo_pc.backends.native.simulator.the_loops", lambda: (None, None))
    network = everything_at_once()
    with simulator_of(network, minibatch_size=size) as simulator:
        assert len(simulator.in_python) > 20
        simulator.run_steps(37)
        simulator.step()
        got = {probe: simulator.data[probe] for probe in network.all_probes}
        simulator.reset()
        simulator.run_steps(38)
        again = simulator.data[network.all_probes[0]]
        np.testing.assert_array_equal(again, got[network.all_probes[0]])
    for item in range(size or 1):
        for probe, history in reference(network, 38, seed=1 + item).items():
            assert_close(got[probe] if size is None else got[probe][item], history)
            if probe is not network.all_probes[-1]:
                assert np.ptp(history) > 0


@pytest.mark.parametrize("how", ["sum", "mean"])
def test_without_numba_items_cannot_share_what_they_learn(how, monkeypatch):
    monkeypatch.setattr("nengo_pc.backends.native.simulator.the_loops", lambda: (None, None))
    with pytest.raises(BuildError, match="copies"):
        simulator_of(everything_at_once(), minibatch_size=2, minibatch_learning=how)


def test_without_numba_data_state_and_keep(network, monkeypatch):
    values = np.random.default_rng(0).uniform(-1, 1, size=(2, 20, 2))
    keep = {network.decoded: "all", network.spikes: "mean", network.sampled: "last"}
    found = []
    for compiled in (True, False):
        if not compiled:
            monkeypatch.setattr(
                "nengo_pc.backends.native.simulator.the_loops", lambda: (None, None)
            )
        with simulator_of(network, minibatch_size=2, keep=keep) as simulator:
            simulator.run_steps(20, data={network.given: values})
            simulator.run_steps(5, data={network.given: values[:, :1]})
            found.append([simulator.data[probe] for probe in keep])
            state = simulator.get_state()
        with simulator_of(network, minibatch_size=2, keep=keep) as simulator:
            simulator.set_state(state)
            simulator.run_steps(5)
            found[-1].append(simulator.data[network.decoded])
    for mine, theirs in zip(*found):
        assert_close(mine, theirs)
        assert np.ptp(mine) > 0
