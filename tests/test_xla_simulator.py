"""The compiled simulator's interface: Nengo's, NengoDL's data, state, and what it refuses."""

import collections
import gc
import logging
import pickle
import signal
import weakref

import nengo
import numpy as np
import pytest
from nengo.exceptions import SimulationError, SimulatorClosed, ValidationError
from nengo.utils import stdlib
from xla_helpers import compiled, reference

from nengo_pc.backends.xla import Simulator, program, reuse


def network_of_both_kinds(n_neurons=30):
    """Spikes, rates, synapses, noise: something of all that is carried from step to step."""
    with nengo.Network(seed=3) as network:
        network.given = nengo.Node([0.4, -0.2])
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
    return Simulator(network, progress_bar=False, seed=1, dtype="float64", **options)


def assert_equal(one, other, network, **tolerance):
    for probe in network.all_probes:
        np.testing.assert_allclose(one.data[probe], other[probe], **{"rtol": 1e-12, **tolerance})


# The interface


def test_the_progress_bar_is_the_second_argument(network, capsys):
    with simulator_of(network) as simulator:
        simulator.run(0.002, True)
        simulator.run_steps(3, True)
        assert capsys.readouterr().out.count("Simulation finished") == 2
        simulator.run(0.002, False)
        simulator.run_steps(3, False)
        assert not capsys.readouterr().out
        assert simulator.n_steps == 10


def test_it_runs_like_nengos(network):
    wanted = reference(network, 23, seed=1)
    with simulator_of(network) as simulator:
        assert (simulator.dt, simulator.n_steps, simulator.time) == (0.001, 0, 0)
        simulator.run(0.01)
        simulator.step()
        simulator.run_steps(12)
        assert simulator.n_steps == 23
        assert simulator.time == pytest.approx(0.023)
        assert_equal(simulator, wanted, network, atol=1e-12)
        np.testing.assert_allclose(simulator.trange(), 0.001 * np.arange(1, 24))
        assert len(simulator.trange(sample_every=0.0025)) == len(wanted[network.sampled])
        assert simulator.data[network.constant].shape == (11, 2)
        with pytest.raises(ValueError, match="read-only"):
            simulator.data[network.decoded][0] = 1
    for run in (simulator.step, lambda: simulator.run(0.01), simulator.reset):
        with pytest.raises(SimulatorClosed):
            run()
    assert simulator.data[network.decoded].shape == (23, 2)
    with pytest.raises(SimulatorClosed), simulator:
        pass


def test_reset_begins_anew(network):
    with simulator_of(network) as simulator:
        simulator.run_steps(15)
        first = {probe: simulator.data[probe] for probe in network.all_probes}
        simulator.reset()
        assert simulator.n_steps == 0
        assert len(simulator.data[network.decoded]) == 0
        simulator.run_steps(15)
        assert_equal(simulator, first, network, rtol=0)
        simulator.reset(seed=2)
        simulator.run_steps(15)
        assert np.any(simulator.data[network.decoded] != first[network.decoded])
        simulator.clear_probes()
        simulator.run_steps(3)
        assert simulator.data[network.spikes].shape == (3, 30)


def test_what_was_built_is_there(network):
    ensemble = network.ensembles[0]
    with simulator_of(network) as simulator, nengo.Simulator(network, progress_bar=False) as ref:
        np.testing.assert_array_equal(
            simulator.data[ensemble].encoders, ref.data[ensemble].encoders
        )
        assert set(simulator.data) == set(simulator.model.params)


def test_time_and_negative_time(network):
    with simulator_of(network) as simulator:
        with pytest.raises(ValidationError, match="positive"):
            simulator.run(-0.1)
        with pytest.warns(UserWarning, match="0 timesteps"):
            simulator.run(0.0001)
        for steps in (-1, 1.5, True):
            with pytest.raises(ValidationError, match="steps"):
                simulator.run_steps(steps)


@pytest.mark.parametrize("dt", [0.0005, 0.003])
def test_other_steps(network, dt):
    wanted = reference(network, 20, seed=1, dt=dt)
    with simulator_of(network, dt=dt) as simulator:
        simulator.run(20 * dt)
        assert_equal(simulator, wanted, network, atol=1e-12)


def test_float32_by_default(network):
    with Simulator(network, progress_bar=False) as simulator:
        simulator.run_steps(2)
        assert simulator.data[network.decoded].dtype == np.float32


def test_progress_and_how_long_compiling_took(network, caplog, capsys):
    with (
        caplog.at_level(logging.INFO, logger="nengo_pc"),
        Simulator(network, seed=1) as simulator,
    ):
        simulator.run_steps(5)
        assert 0 < simulator.compile_seconds < 60
        before = simulator.compile_seconds
        simulator.run_steps(5)  # of the same length: nothing to compile
        simulator.run_steps(7)  # less than 8 as well
        simulator.run_steps(2)  # far less than 8, but a chunk of 8 is there
        assert simulator.compile_seconds == before
    assert "compiled in" in caplog.text
    assert "Simulation finished" in capsys.readouterr().out


def test_chunks_are_not_seen(network, monkeypatch):
    wanted = reference(network, 50, seed=1)
    monkeypatch.setattr(program, "CHUNK_STEPS", 7)
    with simulator_of(network) as simulator:
        simulator.run_steps(50)
        assert_equal(simulator, wanted, network, atol=1e-12)


def test_memory_bounds_the_length_of_a_chunk(network, monkeypatch):
    with simulator_of(network, minibatch_size=5) as simulator:
        setting = simulator._setting(())
        monkeypatch.setattr(program, "CHUNK_BYTES", 8 * 5 * (2 + 30 + 2 + 2) * 10)
        assert setting.chunk_steps([5]) == 10
        monkeypatch.setattr(program, "CHUNK_BYTES", 1)
        assert setting.chunk_steps([5]) == 1


# Data


def test_a_minibatch_is_its_items_apart(network):
    values = np.random.default_rng(0).uniform(-1, 1, size=(3, 20, 2))
    with simulator_of(network, minibatch_size=3) as simulator:
        simulator.run_steps(20, data={network.given: values})
        got = {probe: simulator.data[probe] for probe in network.all_probes}
    assert got[network.decoded].shape == (3, 20, 2)
    assert got[network.sampled].shape[:2] == (3, 8)
    for item, given in enumerate(values):
        with network:
            network.given.output = lambda t, given=given: given[int(round(t / 0.001)) - 1]
        alone = reference(network, 20, seed=1 + item)
        for probe, history in alone.items():
            np.testing.assert_allclose(got[probe][item], history, atol=1e-12)


def test_held_data_are_data_repeated(network):
    values = np.random.default_rng(0).uniform(-1, 1, size=(2, 1, 2))
    results = []
    for data in (values, np.repeat(values, 15, axis=1)):
        with simulator_of(network, minibatch_size=2) as simulator:
            simulator.run_steps(15, data={network.given: data})
            results.append({probe: simulator.data[probe] for probe in network.all_probes})
    for probe, history in results[0].items():
        np.testing.assert_allclose(history, results[1][probe], atol=1e-12)
    np.testing.assert_array_equal(results[0][network.constant][:, 0], values[:, 0])


def test_data_can_change_from_run_to_run(network):
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, size=(30, 2))
    values[10:20] = values[10]
    with simulator_of(network) as simulator:
        simulator.run_steps(10, data={network.given: values[:10]})
        simulator.run_steps(10, data={network.given: values[10:11]})
        simulator.run_steps(10, data={network.given: values[None, 20:]})
        got = {probe: simulator.data[probe] for probe in network.all_probes}
    network.given.output = lambda t: values[int(round(t / 0.001)) - 1]
    wanted = reference(network, 30, seed=1)
    for probe, history in got.items():
        np.testing.assert_allclose(history, wanted[probe], atol=1e-12)


def test_data_for_nodes_with_functions_and_processes(network):
    zeros = np.zeros((20, 2))
    with simulator_of(network) as simulator:
        simulator.run_steps(20, data={network.noise: zeros})
        got = simulator.data[network.decoded]
    network.noise.output = np.zeros(2)
    np.testing.assert_allclose(got, reference(network, 20)[network.decoded], atol=1e-12)


@pytest.mark.parametrize("optimize", [True, False])
def test_data_where_like_operators_are_merged(optimize):
    with nengo.Network(seed=1) as network:
        nodes = [nengo.Node([0.1]), nengo.Node([0.2]), nengo.Node(lambda t: 0.3)]
        probes = []
        for node in nodes:
            ensemble = nengo.Ensemble(10, 1)
            nengo.Connection(node, ensemble)
            probes.append(nengo.Probe(ensemble.neurons))
    data = {nodes[0]: np.full((1, 1), 0.6), nodes[2]: np.full((30, 1), -0.5)}
    got = compiled(network, 30, data, optimize=optimize)
    nodes[0].output, nodes[2].output = np.array([0.6]), lambda t: -0.5
    wanted = reference(network, 30)
    for probe in probes:
        np.testing.assert_array_equal(got[probe], wanted[probe])
        assert wanted[probe].any()


@pytest.mark.parametrize(
    "values, said",
    [
        (np.zeros((3, 5, 2)), r"shape \(2, 5 or 1, 2\), got \(3, 5, 2\)"),
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


def test_data_for_what_is_no_input(network):
    with simulator_of(network) as simulator:
        for obj in (network.ensembles[0], nengo.Node(size_in=2, add_to_container=False), "given"):
            with pytest.raises(ValidationError, match="Nodes without input"):
                simulator.run_steps(5, data={obj: np.zeros((5, 2))})


# What is kept


def test_the_last_step_and_the_mean_without_history(network):
    keep = {network.decoded: "last", network.spikes: "mean", network.constant: "mean"}
    whole = reference(network, 30, seed=1)
    with simulator_of(network, keep=keep) as simulator:
        simulator.run_steps(11)
        simulator.run_steps(19)
        np.testing.assert_allclose(
            simulator.data[network.decoded], whole[network.decoded][-1], atol=1e-12
        )
        np.testing.assert_allclose(
            simulator.data[network.spikes], whole[network.spikes].mean(axis=0), atol=1e-9
        )
        np.testing.assert_allclose(simulator.data[network.constant], [0.4, -0.2])
    with simulator_of(network, keep="last", minibatch_size=2) as simulator:
        simulator.run_steps(3)
        assert simulator.data[network.spikes].shape == (2, 30)


# State


def test_a_run_goes_on_in_another_process(network):
    wanted = reference(network, 30, seed=1)
    with simulator_of(network) as simulator:
        simulator.run_steps(18)
        state = simulator.get_state()
    assert all(isinstance(values, np.ndarray) for values in state.values())
    again = network_of_both_kinds()
    with simulator_of(again) as simulator:
        simulator.set_state(state)
        assert simulator.n_steps == 18
        simulator.run_steps(12)
        for mine, theirs in zip(again.all_probes[:2], network.all_probes[:2]):
            np.testing.assert_allclose(simulator.data[mine], wanted[theirs][18:], atol=1e-12)


def test_the_state_of_another_network(network):
    with simulator_of(network) as simulator:
        state = simulator.get_state()
    with (
        simulator_of(network_of_both_kinds(31)) as simulator,
        pytest.raises(ValidationError, match="same network"),
    ):
        simulator.set_state(state)


def test_a_simulator_survives_pickling(network):
    with simulator_of(network) as simulator:
        simulator.run_steps(10)
        kept = pickle.dumps((simulator, network.decoded))
        simulator.run_steps(10)
        wanted = simulator.data[network.decoded]
    again, probe = pickle.loads(kept)
    with again:
        again.run_steps(10)
        np.testing.assert_array_equal(again.data[probe], wanted)


def test_signals_can_be_looked_at_and_changed(network):
    with (
        simulator_of(network) as simulator,
        nengo.Simulator(network, progress_bar=False, seed=1, optimize=False) as ref,
    ):
        simulator.run_steps(9)
        ref.run_steps(9, progress_bar=False)
        for sim in (simulator, ref):
            voltage = sim.model.sig[network.ensembles[0].neurons]["voltage"]
            assert sim.signals[voltage].std() > 0
            sim.signals[voltage][...] = 0.5
        simulator.run_steps(9)
        ref.run_steps(9, progress_bar=False)
        assert_equal(simulator, ref.data, network, atol=1e-12)


def lesioned_network():
    with nengo.Network(seed=1) as network:
        given = nengo.Node([0.6])
        network.ensemble, target = nengo.Ensemble(40, 1), nengo.Node(size_in=1)
        nengo.Connection(given, network.ensemble)
        network.decoders = nengo.Connection(network.ensemble, target)
        network.learned = nengo.Connection(
            network.ensemble, target, learning_rule_type=nengo.PES(1e-3)
        )
        nengo.Connection(given, network.learned.learning_rule)
        network.given = given
        network.spikes = nengo.Probe(network.ensemble.neurons)
        network.output = nengo.Probe(target, synapse=0.02)
        nengo.Probe(network.ensemble.neurons, "refractory_time")
    return network


LESIONS = {
    "biases": (lambda n: n.ensemble.neurons, "bias", -1000.0),
    "encoders": (lambda n: n.ensemble, "encoders", 0.0),
    "decoders": (lambda n: n.decoders, "weights", 0.0),
    "learned weights": (lambda n: n.learned, "weights", 0.1),
    "a Node's output": (lambda n: n.given, "out", -0.7),
    "voltages above threshold": (lambda n: n.ensemble.neurons, "voltage", 1.8),
}


def lesion(simulator, network, name):
    obj, key, value = LESIONS[name]
    array = simulator.signals[simulator.model.sig[obj(network)][key]]
    array.setflags(write=True)
    array[..., : array.shape[-1] // 2 or 1] = value
    return array


@pytest.mark.parametrize("name", LESIONS)
def test_what_is_written_between_runs_takes_effect(name):
    recorded = []
    for kind in (simulator_of, nengo.Simulator):
        network = lesioned_network()
        options = {} if kind is simulator_of else {"progress_bar": False, "seed": 1}
        with kind(network, optimize=False, **options) as simulator:
            simulator.run_steps(30)
            array = lesion(simulator, network, name)
            simulator.run_steps(30)
            array[...] = 1.01 * array  # the same array, still in use
            simulator.run_steps(30)
            recorded.append([np.array(simulator.data[p]) for p in network.all_probes])
            simulator.reset()  # brings back what is not read-only
            simulator.run_steps(30)
            recorded[-1] += [np.array(simulator.data[p]) for p in network.all_probes]
    for mine, theirs in zip(*recorded):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-11)


def test_a_lesion_changes_the_run():
    network = lesioned_network()
    with simulator_of(network) as simulator:
        lesion(simulator, network, "biases")
        simulator.run_steps(100)
        spikes = simulator.data[network.spikes]
    assert not spikes[:, :20].any()
    assert spikes[:, 20:].any()


@pytest.mark.parametrize("name", ["biases", "decoders", "a Node's output", "learned weights"])
def test_a_lesion_survives_pickling_and_the_state(name):
    network = lesioned_network()
    with simulator_of(network) as simulator:
        lesion(simulator, network, name)
        simulator.run_steps(20)
        kept, state = pickle.dumps((simulator, network.all_probes)), simulator.get_state()
        simulator.run_steps(20)
        wanted = [simulator.data[p] for p in network.all_probes]
    again, probes = pickle.loads(kept)
    with again:
        again.run_steps(20)
        for probe, history in zip(probes, wanted):
            np.testing.assert_array_equal(again.data[probe], history)
    other = lesioned_network()
    with simulator_of(other) as simulator:
        simulator.set_state(state)
        simulator.run_steps(20)
        for probe, history in zip(other.all_probes[:1], wanted):
            np.testing.assert_allclose(simulator.data[probe], history[20:], atol=1e-9)


def test_arrays_follow_the_runs():
    """An array that was handed out holds, after each run, what the reference's does."""
    network = lesioned_network()
    with (
        simulator_of(network) as simulator,
        nengo.Simulator(network, progress_bar=False, seed=1, optimize=False) as ref,
    ):
        pairs = []
        for sim in (simulator, ref):
            signals = [
                sim.model.sig[network.ensemble.neurons]["voltage"],
                sim.model.sig[network.learned]["weights"],
                sim.model.step,
                sim.model.time,
            ]
            pairs.append([sim.signals[signal] for signal in signals])
        for n in (1, 17):
            simulator.run_steps(n)
            ref.run_steps(n, progress_bar=False)
            for mine, theirs in zip(*pairs):
                np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("key", ["in", "out"])
def test_what_is_worked_out_anew_is_not_given(key):
    network = lesioned_network()
    with simulator_of(network) as simulator:
        simulator.run_steps(3)
        signal = simulator.model.sig[network.ensemble.neurons][key]
        for look in (
            lambda: simulator.signals[signal],
            lambda: simulator.signals.get(signal),
            lambda: simulator.signals.items(),
            lambda: simulator.signals.values(),
        ):
            with pytest.raises(SimulationError, match="worked out anew in each step"):
                look()


def test_signals_of_a_minibatch_are_given_by_value(network):
    with simulator_of(network, minibatch_size=2) as simulator:
        neurons = simulator.model.sig[network.ensembles[0].neurons]
        with pytest.raises(SimulationError, match=r"Simulator\.value"):
            simulator.signals[neurons["voltage"]]
        assert simulator.value(neurons["voltage"]).shape == (30, 2)
        assert simulator.signals[neurons["bias"]].shape == (30,)


# Python ahead of the steps


class Experiment:
    """What several Nodes without input share: a phase, and a stream of random numbers."""

    def __init__(self):
        self.phase, self.rng, self.seen, self.simulator = 0, np.random.RandomState(4), [], None

    def advance(self, t):
        self.phase = int(t / 0.005) % 3
        return self.phase

    def cue(self, t):
        return float(self.phase == 1)

    def draw(self, t):
        return self.rng.randn()

    def look(self, t):
        if self.simulator is not None:
            self.seen.append((t, self.simulator.n_steps, self.simulator.time))
        return t


def shared_network():
    experiment = Experiment()
    with nengo.Network(seed=1) as network:
        for function in (experiment.advance, experiment.cue, experiment.draw, experiment.draw):
            nengo.Probe(nengo.Node(function))
        nengo.Probe(nengo.Node(experiment.look))
    network.experiment = experiment
    return network


def test_nodes_without_input_share_what_they_share(monkeypatch):
    monkeypatch.setattr(program, "CHUNK_STEPS", 16)
    recorded, seen = [], []
    for kind in (Simulator, nengo.Simulator):
        network = shared_network()
        options = {"dtype": "float64"} if kind is Simulator else {}
        with kind(network, progress_bar=False, **options) as simulator:
            network.experiment.simulator = simulator
            simulator.run_steps(30)
            simulator.run_steps(20)
            assert simulator.n_steps == 50
            recorded.append([np.array(simulator.data[p]) for p in network.all_probes])
            seen.append(network.experiment.seen)
    np.testing.assert_array_equal(*recorded)
    np.testing.assert_allclose(*seen, rtol=1e-12)
    assert seen[0][19][1] == 19
    assert len(np.unique(recorded[0][1])) == 2


class Stop(Exception):
    pass


def stopping_network(stop_at, error=Stop):
    fired = []

    def stop(t):
        if t > stop_at * 0.001 - 1e-5 and not fired:
            fired.append(t)
            raise error("enough")
        return t

    with nengo.Network(seed=1) as network:
        network.noise = nengo.Node(nengo.processes.WhiteNoise(), size_out=1)
        ensemble = nengo.Ensemble(20, 1)
        nengo.Connection(network.noise, ensemble, transform=0.01)
        nengo.Probe(network.noise)
        nengo.Probe(nengo.Node(stop))
        nengo.Probe(nengo.Node(lambda t: t, label="clock"), sample_every=0.003)
        network.spikes = nengo.Probe(ensemble.neurons)
    return network


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
@pytest.mark.parametrize("stop_at", [1, 40, 49])
def test_an_exception_leaves_the_steps_before_it(stop_at, error, monkeypatch):
    monkeypatch.setattr(program, "CHUNK_STEPS", 16)
    found = []
    for kind in (Simulator, nengo.Simulator):
        network = stopping_network(stop_at, error)
        options = {"dtype": "float64", "optimize": False} if kind is Simulator else {}
        with kind(network, progress_bar=False, seed=2, **options) as simulator:
            with pytest.raises(error, match="enough"):
                simulator.run_steps(60)
            assert simulator.n_steps == stop_at - 1
            assert simulator.time == pytest.approx(0.001 * (stop_at - 1))
            assert len(simulator.data[network.spikes]) == stop_at - 1
            simulator.run_steps(25)
            found.append([simulator.n_steps, len(simulator.data[network.spikes])])
            found[-1] += [np.array(simulator.data[p]).ravel() for p in network.all_probes[:3]]
    for mine, theirs in zip(*found):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_ctrl_c_while_the_loop_runs_waits_for_it(network, monkeypatch):
    run = program.Loop.__call__

    def interrupted(loop, *arguments):
        if arguments[5]:  # steps
            signal.raise_signal(signal.SIGINT)
        return run(loop, *arguments)

    wanted = reference(network, 30, seed=1)
    with simulator_of(network) as simulator:
        simulator.run_steps(10)
        with monkeypatch.context() as patched:
            patched.setattr(program.Loop, "__call__", interrupted)
            with pytest.raises(KeyboardInterrupt):
                simulator.run_steps(10)
        assert simulator.n_steps == 20
        simulator.run_steps(10)
        assert_equal(simulator, wanted, network, atol=1e-12)


@pytest.mark.parametrize(
    "look",
    [
        lambda simulator, network: simulator.signals[simulator.model.step],
        lambda simulator, network: simulator.data[network.all_probes[0]],
        lambda simulator, network: simulator.get_state(),
    ],
)
def test_a_function_cannot_look_at_what_is_not_there_yet(look):
    box = []

    def function(t):
        if box:
            look(*box)
        return t

    with nengo.Network() as network:
        nengo.Probe(nengo.Node(function))
    with Simulator(network, progress_bar=False) as simulator:
        simulator.run_steps(3)
        box[:] = simulator, network
        with pytest.raises(SimulationError, match="native"):
            simulator.run_steps(3)
        box.clear()
        simulator.run_steps(3)
        assert len(simulator.data[network.all_probes[0]]) == 6


@pytest.mark.parametrize("name", ["biases", "learned weights"])
def test_writing_during_the_run_is_an_error(name):
    network, arrays = lesioned_network(), []

    def function(t):
        for array in arrays:
            array *= 0.5

    with network:
        nengo.Node(function)
    with simulator_of(network) as simulator:
        arrays.append(lesion(simulator, network, name))
        with pytest.raises(SimulationError, match=r"written to during the run.*native"):
            simulator.run_steps(5)


# What has not been sampled yet


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("constant", [True, False])
def test_nothing_is_sampled_yet(size, constant):
    with nengo.Network() as network:
        output = np.ones(size) if constant else lambda t: t * np.ones(size)
        probe = nengo.Probe(nengo.Node(output), sample_every=0.1)
    shapes = []
    for kind in (Simulator, nengo.Simulator):
        with kind(network, progress_bar=False) as simulator:
            shapes.append([])
            for n in (1, 98, 1, 101):
                simulator.run_steps(n)
                shapes[-1].append(simulator.data[probe].shape)
    assert shapes[0] == shapes[1]
    with Simulator(network, progress_bar=False, minibatch_size=2) as simulator:
        simulator.run_steps(20)
        assert simulator.data[probe].shape == (1 if constant else 2, 0, size)


# What is compiled once for several networks


def similar_network(seed, n_neurons=20, tau_rc=0.02, amplitude=1.0):
    neuron_type = nengo.LIF(tau_rc=tau_rc)
    with nengo.Network(seed=seed) as network:
        source = nengo.Node(lambda t: amplitude * np.sin(50 * t))
        ensemble = nengo.Ensemble(n_neurons, 1, neuron_type=neuron_type)
        target = nengo.Node(size_in=1)
        nengo.Connection(source, ensemble)
        nengo.Connection(ensemble, ensemble, synapse=0.02)
        learned = nengo.Connection(ensemble, target, learning_rule_type=nengo.PES())
        nengo.Connection(source, learned.learning_rule)
        nengo.Probe(target)
        nengo.Probe(ensemble.neurons)
    return network


def test_networks_that_differ_in_values_share_what_is_compiled(monkeypatch):
    monkeypatch.setattr(reuse, "_kept", collections.OrderedDict())
    networks = [similar_network(seed) for seed in range(3)] + [similar_network(0, amplitude=0.5)]
    for network in networks:
        wanted = reference(network, 30, seed=5)
        for probe, history in compiled(network, 30, seed=5).items():
            np.testing.assert_allclose(history, wanted[probe], rtol=1e-9, atol=1e-11)
    assert len(reuse._kept) == 1


@pytest.mark.parametrize("changes", [{"n_neurons": 21}, {"tau_rc": 0.021}])
def test_networks_that_differ_otherwise_do_not(changes, monkeypatch):
    monkeypatch.setattr(reuse, "_kept", collections.OrderedDict())
    compiled(similar_network(0), 10)
    network = similar_network(0, **changes)
    wanted = reference(network, 30, seed=5)
    for probe, history in compiled(network, 30, seed=5).items():
        np.testing.assert_allclose(history, wanted[probe], rtol=1e-9, atol=1e-11)
    assert len(reuse._kept) == 2


def test_only_so_many_are_kept(monkeypatch):
    monkeypatch.setattr(reuse, "_kept", collections.OrderedDict())
    monkeypatch.setattr(reuse, "MOST_KEPT", 2)
    for n_neurons in (5, 6, 5, 7):
        compiled(similar_network(0, n_neurons), 2)
    kept = list(reuse._kept)
    assert len(kept) == 2
    compiled(similar_network(1, 5), 2)  # was used after 6
    assert list(reuse._kept) == kept[::-1]


def test_a_network_is_not_kept_with_what_was_compiled():
    network = similar_network(0)
    with simulator_of(network) as simulator:
        simulator.run_steps(2)
        model = weakref.ref(simulator.model)
    del simulator
    gc.collect()
    assert model() is None


# What must not depend on the machine


def test_merging_goes_on_to_the_end_whatever_the_clock_says(monkeypatch):
    def merged():
        with nengo.Network(seed=2) as network:
            source = nengo.Node(lambda t: np.sin(t + np.arange(6)))
            array = nengo.networks.EnsembleArray(10, 6)
            product = nengo.networks.Product(10, 3)
            nengo.Connection(source, array.input)
            nengo.Connection(array.output[:3], product.input_a)
            nengo.Connection(array.output[3:], product.input_b)
            nengo.Probe(product.output)
        with Simulator(network, progress_bar=False, optimize=True) as simulator:
            operators = [
                (type(op).__name__, [s.shape for s in op.all_signals])
                for op in simulator.model.operators
            ]
            return operators, list(simulator.get_state()), simulator

    class Slow(stdlib.Timer):
        """A clock by which each pass takes ten times as long as all before."""

        seconds = 1.0

        def __exit__(self, *arguments):
            super().__exit__(*arguments)
            Slow.seconds *= 1e3
            self.duration = Slow.seconds

    first = merged()
    monkeypatch.setattr(nengo.builder.optimizer, "Timer", Slow)
    again = merged()
    assert first[:2] == again[:2]
    operators, graph = first[2].model.operators, first[2].dg
    before = len(operators)
    nengo.builder.optimizer.OpMergePass(graph)(False)
    assert len(graph) == before  # nothing is left to merge


# What it refuses


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "float16"},
        {"minibatch_size": 0},
        {"minibatch_size": 2.5},
        {"minibatch_learning": "alone"},
        {"random": "numpy"},
        {"random": "reference"},
        {"keep": "first"},
    ],
)
def test_arguments_that_do_not_fit_are_named(network, options):
    with pytest.raises(ValidationError) as error:
        Simulator(network, progress_bar=False, **options)
    assert error.value.attr == next(iter(options))


def test_a_probe_of_another_network(network):
    other = network_of_both_kinds()
    with pytest.raises(ValidationError, match="not a probe of this network"):
        Simulator(network, progress_bar=False, keep={other.decoded: "all"})


def test_nan_is_said_with_the_signal_it_is_in():
    with nengo.Network() as network:
        given, target = nengo.Node([1.0]), nengo.Node(size_in=1)
        nengo.Connection(given, target, synapse=nengo.LinearFilter([1], [1, -1e30], analog=False))
        nengo.Connection(target, target, transform=-1e30, synapse=0.001)
    with pytest.raises(SimulationError, match="NaN between steps"):
        compiled(network, 100)
