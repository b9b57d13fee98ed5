"""Python in the loop: what users' functions share with one another and with the simulation."""

import threading
from contextlib import contextmanager
from signal import SIGINT, raise_signal

import nengo
import numpy as np
import pytest
from native_helpers import assert_close, assert_same, native, quiet, reference, wave
from nengo.builder import Builder, Operator, Signal
from nengo.builder.learning_rules import get_post_ens
from nengo.builder.operator import Reset
from nengo.exceptions import SimulationError
from scipy import sparse

from nengo_pc.backends.native import Simulator

KINDS = (nengo.Simulator, Simulator)


def on_both(make, act=lambda simulator, network: simulator.run_steps(60), **options):
    """What probes saw, and what ``act`` returned, on each simulator of a network of its own.

    Each network is made anew, since its functions remember.
    """
    found = []
    for kind in KINDS:
        network = make()
        own = {"optimize": False} if kind is nengo.Simulator else {"dtype": "float64"}
        with quiet(kind, network, seed=2, **own, **options) as simulator:
            returned = act(simulator, network)
            found.append(
                ([np.array(simulator.data[p]) for p in network.all_probes], returned, network)
            )
    return found


def assert_alike(found, tolerance=1e-12):
    """Both saw the same, something that changes."""
    (wanted, said, _), (got, mine, _) = found
    for history, other in zip(wanted, got):
        assert_close(other, history, tolerance)
    assert any(history.size and np.ptp(history) > 0 for history in wanted)
    if said is not None:
        np.testing.assert_allclose(np.array(mine, float), np.array(said, float), rtol=1e-12)


def array_of(simulator, obj, key):
    """A signal's array, free to be written to."""
    array = simulator.signals[simulator.model.sig[obj][key]]
    array.setflags(write=True)
    return array


# What functions share


class Cart:
    """A thing to be moved: what the motor does the sensor sees."""

    def __init__(self):
        self.place = 1.0

    def sensor(self, t):
        return self.place

    def motor(self, t, force):
        self.place += 0.001 * float(force[0])


def closed_loop():
    cart = Cart()
    with nengo.Network(seed=1) as network:
        sensor, motor = nengo.Node(cart.sensor), nengo.Node(cart.motor, size_in=1)
        ensemble = nengo.Ensemble(50, 1)
        nengo.Connection(sensor, ensemble, transform=-1)
        nengo.Connection(ensemble, motor, transform=20)
        nengo.Probe(sensor)
    network.cart = cart
    return network


@pytest.mark.parametrize("n_steps", [1, 10, 100, 300])
def test_a_sensor_sees_at_once_what_a_motor_moved(n_steps):
    def act(simulator, network):
        for _ in range(300 // n_steps):
            simulator.run_steps(n_steps)
        return network.cart.place

    found = on_both(closed_loop, act)
    assert_alike(found)
    assert abs(found[0][1]) < 0.2  # it was brought back to about 0
    assert len(np.unique(found[1][0][0])) > 200


def test_nodes_without_input_draw_in_turns_from_one_stream():
    def make():
        rng, phase = np.random.RandomState(4), []
        with nengo.Network(seed=1) as network:
            for _ in range(3):
                nengo.Probe(nengo.Node(lambda t: rng.randn()))
            nengo.Probe(nengo.Node(lambda t: phase.append(t) or len(phase)))
            nengo.Probe(nengo.Node(lambda t: len(phase) % 3))
        return network

    found = on_both(make)
    assert_alike(found, 0)
    assert len(np.unique(found[1][0][:3])) == 180


class Watcher:
    """A Node that looks at its simulator while it runs."""

    def __init__(self, look):
        self.look, self.seen, self.simulator = look, [], None

    def __call__(self, t):
        if self.simulator is not None:
            self.seen.append(self.look(self.simulator))
        return t


def watched(look):
    """A network with an ensemble, a probe of it, and a Node that looks."""
    with nengo.Network(seed=1) as network:
        ensemble = nengo.Ensemble(20, 1)
        nengo.Connection(wave(1), ensemble, synapse=None)
        network.probe = nengo.Probe(ensemble.neurons)
        network.sampled = nengo.Probe(ensemble, sample_every=0.003)
        network.watcher = Watcher(lambda simulator: look(simulator, network, ensemble))
        nengo.Probe(nengo.Node(network.watcher))
    return network


LOOKS = {
    "n_steps": lambda s, n, e: s.n_steps,
    "time": lambda s, n, e: s.time,
    "the step's signal": lambda s, n, e: float(s.signals[s.model.step]),
    "the time's signal": lambda s, n, e: float(s.signals[s.model.time]),
    "how much was recorded": lambda s, n, e: len(s.data[n.probe]),
    "what was recorded last": lambda s, n, e: np.sum(s.data[n.probe][-1:]),
    "how much was sampled": lambda s, n, e: len(s.data[n.sampled]),
    "voltages": lambda s, n, e: np.array(s.signals[s.model.sig[e.neurons]["voltage"]]),
    "spikes": lambda s, n, e: np.array(s.signals[s.model.sig[e.neurons]["out"]]),
    "currents": lambda s, n, e: np.array(s.signals[s.model.sig[e.neurons]["in"]]),
    "what was built": lambda s, n, e: s.data[e].encoders,
    "times of samples": lambda s, n, e: len(s.trange()),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_node_sees_the_simulator_as_it_is_in_each_step(name):
    def act(simulator, network):
        network.watcher.simulator = simulator
        simulator.run_steps(40)
        simulator.step()
        simulator.run_steps(9)
        return network.watcher.seen

    found = on_both(lambda: watched(LOOKS[name]), act)
    wanted, got = (np.array(seen, float).reshape(50, -1) for _, seen, _ in found)
    assert_close(got, wanted)
    if name != "what was built":
        assert np.ptp(wanted) > 0


def test_a_node_may_clear_the_probes():
    def make():
        network = watched(lambda s, n, e: int(s.n_steps) % 7 == 6 and s.clear_probes())
        network.watcher.seen = []
        return network

    def act(simulator, network):
        network.watcher.simulator = simulator
        simulator.run_steps(40)
        return len(simulator.data[network.probe]), len(simulator.data[network.sampled])

    found = on_both(make, act)
    assert_alike(found)
    assert found[1][1][0] < 10


def test_a_view_kept_from_before_the_run_moves_with_it():
    def make():
        views = []
        with nengo.Network(seed=1) as network:
            ensemble = nengo.Ensemble(20, 1)
            nengo.Connection(nengo.Node([0.6]), ensemble)
            nengo.Probe(nengo.Node(lambda t: float(views[0].sum()) if views else 0.0))
            network.ensemble, network.views = ensemble, views
        return network

    def act(simulator, network):
        network.views.append(array_of(simulator, network.ensemble.neurons, "voltage"))
        simulator.run_steps(100)

    found = on_both(make, act)
    assert_alike(found)
    assert len(np.unique(found[1][0][0])) > 50


# What functions write


def written_by_a_node(how, n_neurons=60):
    """A Node that changes, in step 21, 41 and so on, what a connection multiplies with."""
    with nengo.Network(seed=1) as network:
        given, target = nengo.Node(np.linspace(-1, 1, 50)), nengo.Node(size_in=n_neurons)
        matrix = np.random.default_rng(0).normal(size=(n_neurons, 50))
        connection = nengo.Connection(given, target, transform=matrix, synapse=None)
        ensemble = nengo.Ensemble(20, 1)
        decoded = nengo.Node(size_in=1)
        network.connections_by_name = {
            "matrix": (connection, "weights"),
            "decoders": (nengo.Connection(ensemble, decoded), "weights"),
            "biases": (ensemble.neurons, "bias"),
            "encoders": (ensemble, "encoders"),
            "a constant": (given, "out"),
            "voltages": (ensemble.neurons, "voltage"),
        }
        nengo.Connection(given[0], ensemble)
        arrays = network.arrays = []

        def write(t):
            if arrays and int(round(t / 0.001)) % 20 == 0:
                arrays[0][...] = how(arrays[0])
            return t

        nengo.Node(write)
        nengo.Node(lambda t, x: None, size_in=1)
        nengo.Probe(target)
        nengo.Probe(decoded)
        nengo.Probe(ensemble.neurons)
    return network


@pytest.mark.parametrize(
    "name", ["matrix", "decoders", "biases", "encoders", "a constant", "voltages"]
)
def test_what_a_node_writes_takes_effect_in_the_same_step(name):
    def act(simulator, network):
        network.arrays.append(array_of(simulator, *network.connections_by_name[name]))
        simulator.run_steps(60)

    found = on_both(lambda: written_by_a_node(lambda array: 1 - array[..., ::-1]), act)
    assert_alike(found)
    unchanged = reference(written_by_a_node(lambda array: array), 60, seed=2)
    differ = [np.any(a != b) for a, b in zip(found[0][0], unchanged.values())]
    assert any(differ)


def test_a_node_changes_what_rules_learn():
    """Matrices of every rule, their change, biases and voltages, all by arrays kept from before."""

    def make():
        arrays = []

        def write(t):
            step = int(round(t / 0.001))
            for array in arrays:
                if step % 7 == 0:
                    array *= 0.5
                if step % 11 == 0:
                    array[..., :2] += 0.01
            return t

        with nengo.Network(seed=1) as network:
            source, first, second = wave(2), nengo.Ensemble(100, 2), nengo.Ensemble(60, 2)
            nengo.Connection(source, first)
            matrix = np.random.RandomState(0).randn(60, 100) * 1e-4
            oja = nengo.Connection(
                first.neurons, second.neurons, transform=matrix, learning_rule_type=nengo.Oja(1e-7)
            )
            pes = nengo.Connection(first, second, learning_rule_type=nengo.PES(1e-4))
            nengo.Connection(source, pes.learning_rule)
            nengo.Connection(source, first, learning_rule_type=nengo.Voja(1e-3))
            nengo.Node(write)
            nengo.Probe(second.neurons)
            for connection in (oja, pes):
                nengo.Probe(connection, "weights")
            nengo.Probe(first, "scaled_encoders")
        network.arrays = arrays
        network.written = [(oja, "weights"), (pes, "weights"), (first, "encoders")]
        network.written += [(oja.learning_rule, "delta"), (first.neurons, "bias")]
        network.written += [(second.neurons, "voltage")]
        return network

    def act(simulator, network):
        network.arrays += [array_of(simulator, *where) for where in network.written]
        simulator.run_steps(60)
        simulator.run_steps(40)

    assert_alike(on_both(make, act))


def test_a_node_that_learns_by_itself():
    def make():
        weights = np.zeros((1, 20))
        with nengo.Network(seed=1) as network:
            source, ensemble = wave(1), nengo.Ensemble(20, 1)
            nengo.Connection(source, ensemble, synapse=None)

            def decode(t, x):
                weights[...] += 1e-6 * (x[20] - weights @ x[:20]) * x[:20]
                return weights @ x[:20]

            node = nengo.Node(decode, size_in=21)
            nengo.Connection(ensemble.neurons, node[:20], synapse=0.01)
            nengo.Connection(source, node[20], synapse=None)
            nengo.Probe(node)
        return network

    assert_alike(on_both(make, lambda simulator, _: simulator.run_steps(200)))


# Between runs


def lesioned_network():
    matrix = sparse.random(6, 40, 0.5, random_state=3)
    with nengo.Network(seed=1) as network:
        given = nengo.Node([0.6])
        network.ensemble, target = nengo.Ensemble(40, 1), nengo.Node(size_in=1)
        nengo.Connection(given, network.ensemble)
        network.decoders = nengo.Connection(network.ensemble, target)
        network.learned = nengo.Connection(
            network.ensemble, target, learning_rule_type=nengo.PES(1e-3)
        )
        nengo.Connection(given, network.learned.learning_rule)
        scattered, dense = nengo.Node(size_in=6), nengo.Node(size_in=80)
        network.sparse = nengo.Connection(
            network.ensemble.neurons,
            scattered,
            transform=nengo.Sparse((6, 40), init=matrix),
            synapse=None,
        )
        held = nengo.Node(np.linspace(-1, 1, 40))
        network.held = nengo.Connection(
            held, dense, transform=np.arange(3200.0).reshape(80, 40), synapse=None
        )
        network.given = given
        network.spikes = nengo.Probe(network.ensemble.neurons)
        nengo.Probe(target, synapse=0.02)
        nengo.Probe(scattered)
        nengo.Probe(dense)
    return network


LESIONS = {
    "biases": (lambda n: n.ensemble.neurons, "bias", -1000.0),
    "encoders": (lambda n: n.ensemble, "encoders", 0.0),
    "decoders": (lambda n: n.decoders, "weights", 0.0),
    "learned weights": (lambda n: n.learned, "weights", 0.1),
    "a matrix of a held input": (lambda n: n.held, "weights", 2.0),
    "a sparse matrix": (lambda n: n.sparse, "weights", 0.0),
    "a Node's output": (lambda n: n.given, "out", -0.7),
    "voltages": (lambda n: n.ensemble.neurons, "voltage", 0.5),
}


def lesion(simulator, network, name):
    obj, key, value = LESIONS[name]
    array = simulator.signals[simulator.model.sig[obj(network)][key]]
    array = array.data if sparse.issparse(array) else array
    array.setflags(write=True)
    array[..., : array.shape[-1] // 2 or 1] = value
    return array


@pytest.mark.parametrize("name", LESIONS)
def test_what_is_written_between_runs_takes_effect(name):
    def act(simulator, network):
        simulator.run_steps(30)
        array = lesion(simulator, network, name)
        simulator.run_steps(30)
        array[...] = 1.01 * array  # the same array, still in use
        simulator.run_steps(30)

    found = on_both(lesioned_network, act)
    if name == "a sparse matrix":  # whose entries lie in another order
        (wanted, _, _), (got, _, _) = found
        assert_close(got[0], wanted[0])
        assert np.any(got[2][:30]) or np.any(got[2][30:])
        return
    assert_alike(found)
    unchanged = reference(lesioned_network(), 90, seed=2)
    assert any(np.any(a != b) for a, b in zip(found[0][0], unchanged.values()))


def test_the_data_of_a_sparse_matrix_can_be_scaled():
    def act(simulator, network):
        simulator.run_steps(30)
        array = simulator.signals[simulator.model.sig[network.sparse]["weights"]].data
        array.setflags(write=True)
        array *= -2
        simulator.run_steps(30)

    found = on_both(lesioned_network, act)
    assert_alike(found)
    unchanged = list(reference(lesioned_network(), 60, seed=2).values())[2]
    assert_close(found[1][0][2][30:], -2 * unchanged[30:])


def test_lesioned_neurons_are_silent():
    network = lesioned_network()
    with quiet(Simulator, network) as simulator:
        lesion(simulator, network, "biases")
        simulator.run_steps(100)
        spikes = simulator.data[network.spikes]
    assert not spikes[:, :20].any()
    assert spikes[:, 20:].any()


@pytest.mark.parametrize("name", sorted(set(LESIONS) - {"a sparse matrix"}))  # which Nengo leaves
def test_reset_brings_back_what_nengo_brings_back(name):
    def act(simulator, network):
        lesion(simulator, network, name)
        simulator.run_steps(10)
        simulator.reset()
        simulator.run_steps(30)

    assert_alike(on_both(lesioned_network, act))


def everything():
    """A network with something of each kind of signal."""
    with nengo.Network(seed=1) as network:
        given, clock = wave(2), nengo.Node(lambda t: np.sin(20 * t))
        first = nengo.Ensemble(20, 2)
        second = nengo.Ensemble(15, 2, neuron_type=nengo.AdaptiveLIF())
        nengo.Connection(given, first)
        nengo.Connection(clock, first[0], synapse=nengo.Alpha(0.01))
        learned = nengo.Connection(first, second, learning_rule_type=nengo.PES())
        nengo.Connection(clock, learned.learning_rule, transform=[[1], [-1]])
        nengo.Connection(
            first.neurons,
            second.neurons,
            transform=1e-4 * np.ones((15, 20)),
            learning_rule_type=[nengo.BCM(1e-9), nengo.Oja(1e-7)],
        )
        voja = nengo.Connection(given, first, learning_rule_type=nengo.Voja(1e-3))
        nengo.Connection(clock, voja.learning_rule)
        nengo.Connection(
            first.neurons,
            nengo.Node(size_in=3),
            transform=nengo.Sparse((3, 20), init=sparse.eye(3, 20)),
        )
        nengo.Probe(second, synapse=0.01)
        nengo.Probe(second.neurons[2:5])
    return network


@pytest.mark.parametrize("n_steps", [0, 1, 30])
def test_every_signal_holds_after_a_run_what_nengos_holds(n_steps):
    def act(simulator, network):
        if n_steps:
            simulator.run_steps(n_steps)
        found = []
        for obj, named in simulator.model.sig.items():
            for key, signal in sorted(named.items()):
                if signal is None or obj == "common":
                    continue  # without an array, in Nengo
                array = simulator.signals[signal]
                array = array.toarray() if sparse.issparse(array) else array
                found.append((f"{key}: {signal.name}", np.array(array)))
        found.append(("step", np.array(simulator.signals[simulator.model.step])))
        found.append(("time", np.array(simulator.signals[simulator.model.time])))
        return found

    found = []
    for kind in KINDS:
        network = everything()
        options = {"optimize": False} if kind is nengo.Simulator else {"dtype": "float64"}
        with quiet(kind, network, seed=2, **options) as simulator:
            found.append(act(simulator, network))
    wanted, got = found
    assert len(wanted) == len(got) > 50
    for (name, mine), (_, theirs) in zip(got, wanted):
        assert_close(mine, theirs, 1e-10, name)


def test_nodes_within_a_step_see_every_signal_as_nengos_do():
    def make():
        network, network.found, network.simulators = everything(), [], []

        def look(t, *x):
            for simulator in network.simulators:
                for obj, named in simulator.model.sig.items():
                    for signal in named.values() if obj != "common" else ():
                        if signal is not None and not signal.sparse:
                            network.found.append(np.array(simulator.signals[signal]).ravel())
            return t

        first = network.ensembles[0]
        with network:
            early, late = nengo.Node(look), nengo.Node(look, size_in=2)
            nengo.Connection(early, first[0], synapse=None)
            nengo.Connection(first, late)
            nengo.Connection(late, first[1], synapse=None)
        return network

    def act(simulator, network):
        network.simulators.append(simulator)
        simulator.run_steps(10)
        return np.concatenate(network.found)

    (_, wanted, _), (_, got, _) = on_both(make, act)
    assert len(wanted) > 10_000
    assert_close(got, wanted, 1e-10)


def test_names_of_signals_and_what_a_dict_of_signals_does():
    network = everything()
    with quiet(Simulator, network) as simulator, quiet(nengo.Simulator, network) as ref:
        assert len(simulator.signals) > 50
        assert simulator.model.step in simulator.signals
        assert all(signal in simulator.signals for signal in list(simulator.signals))
        assert str(simulator.model.step) in str(simulator.signals)
        with pytest.raises(KeyError):
            simulator.signals[Signal(np.zeros(2))]
        voltage = simulator.model.sig[network.ensembles[0].neurons]["voltage"]
        simulator.signals[voltage] = np.full(20, 0.25)  # into the array, as in Nengo
        np.testing.assert_array_equal(simulator.signals[voltage], 0.25)
        with pytest.raises(ValueError, match="read-only"):
            simulator.signals[simulator.model.sig[network.ensembles[0].neurons]["bias"]][0] = 1
        assert type(ref.signals).__mro__[0] in type(simulator.signals).__mro__


# Exceptions


class Stop(Exception):
    pass


def stopping_network(stop_at, error, takes_input=False):
    fired = []

    def stop(t, *x):
        if t > stop_at * 0.001 - 1e-5 and not fired:
            fired.append(t)
            raise error("enough")
        return t

    with nengo.Network(seed=1) as network:
        network.noise = nengo.Node(nengo.processes.WhiteNoise(), size_out=1)
        ensemble = nengo.Ensemble(20, 1)
        nengo.Connection(network.noise, ensemble, transform=0.01)
        nengo.Probe(network.noise)
        node = nengo.Node(stop, size_in=int(takes_input))
        if takes_input:
            nengo.Connection(ensemble, node)
        nengo.Probe(node)
        nengo.Probe(nengo.Node(lambda t: t, label="clock"), sample_every=0.003)
        network.spikes = nengo.Probe(ensemble.neurons)
        nengo.Probe(ensemble, synapse=0.01)
    return network


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt, SystemExit, FloatingPointError])
@pytest.mark.parametrize("takes_input", [False, True])
@pytest.mark.parametrize("stop_at", [1, 17, 40])
def test_an_exception_leaves_the_steps_before_it(stop_at, takes_input, error):
    def act(simulator, network):
        with pytest.raises(error, match="enough"):
            simulator.run_steps(60)
        assert simulator.n_steps == stop_at - 1
        assert simulator.time == pytest.approx(0.001 * (stop_at - 1))
        assert len(simulator.data[network.spikes]) == stop_at - 1
        return len(simulator.trange())

    found = on_both(lambda: stopping_network(stop_at, error, takes_input), act)
    for mine, theirs in zip(found[1][0], found[0][0]):
        assert_close(mine, theirs)


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
@pytest.mark.parametrize("takes_input", [False, True])
def test_a_run_goes_on_after_an_exception_as_nengos_does(takes_input, error):
    def act(simulator, network):
        with pytest.raises(error):
            simulator.run_steps(60)
        simulator.run_steps(25)
        return simulator.n_steps, len(simulator.data[network.spikes])

    # The clock counts the step that broke off, which was not recorded.
    found = on_both(lambda: stopping_network(40, error, takes_input), act)
    assert_alike(found)
    assert found[0][1] == (65, 64)


def counting_network():
    """A Node that counts steps, and how far it is behind."""
    with nengo.Network() as network:
        counter = nengo.Node(size_in=1)
        summed = nengo.LinearFilter([1], [1, -1], analog=False)
        nengo.Connection(nengo.Node([1.0]), counter, synapse=summed)
        network.count = nengo.Probe(counter)
        network.sampled = nengo.Probe(counter, sample_every=0.1)
    network.behind = 50 - reference(network, 50)[network.count][-1, 0]
    assert 0 <= network.behind <= 1
    return network


def interrupt_after(seconds, simulator):
    """Run until Ctrl-C."""
    timer = threading.Timer(seconds, raise_signal, (SIGINT,))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        simulator.run_steps(20_000_000)


@pytest.mark.parametrize("size", [None, 3])
def test_ctrl_c_while_the_loop_runs(size):
    """Each item counts its steps; whatever is looked at says the same number of them."""
    network = counting_network()
    keep, found = {network.count: "last", network.sampled: "all"}, []
    for delay in (0.01, 0.03, 0.1):
        with quiet(Simulator, network, minibatch_size=size, keep=keep) as simulator:
            simulator.run_steps(30)
            interrupt_after(delay, simulator)
            n_steps = simulator.n_steps
            found.append(n_steps)
            assert simulator.signals[simulator.model.step] == n_steps
            assert simulator.signals[simulator.model.time] == pytest.approx(n_steps * 0.001)
            for n in (n_steps, n_steps + 203):
                assert simulator.n_steps == n
                assert simulator.data[network.sampled].shape[-2] == n // 100
                np.testing.assert_array_equal(simulator.data[network.count], n - network.behind)
                simulator.run_steps(203)
    assert max(found) > 30


@pytest.mark.parametrize("size", [None, 3])
def test_ctrl_c_while_python_runs(size):
    """In a step that broke off some things were done already, as in Nengo."""
    network = counting_network()
    with network:
        nengo.Node(lambda t: t)
    keep = {network.count: "last", network.sampled: "all"}
    with quiet(Simulator, network, minibatch_size=size, keep=keep) as simulator:
        simulator.run_steps(3)
        interrupt_after(0.2, simulator)
        n_steps = simulator.n_steps
        assert n_steps > 3
        assert simulator.data[network.sampled].shape[-2] == n_steps // 100
        assert 0 <= simulator.signals[simulator.model.step] - n_steps <= 1
        simulator.run_steps(203)
        assert 203 <= simulator.n_steps - n_steps <= 204
        behind = simulator.n_steps - simulator.data[network.count]
        assert np.abs(behind - network.behind).max() <= 1


@contextmanager
def failing(kind, output, size_in=0, **options):
    """A simulator of a Node that gives ``output`` from step 10 on."""
    with nengo.Network() as network:
        node = nengo.Node(
            lambda t, *x: output if t > 0.0095 else [t, t], size_in=size_in, size_out=2, label="odd"
        )
        if size_in:
            nengo.Connection(wave(size_in), node, synapse=None)
        nengo.Connection(node, nengo.Node(size_in=2), transform=[[1, 2], [3, 4]])
        network.probe = nengo.Probe(node)
    with quiet(kind, network, **options) as simulator:
        yield simulator, network.probe


@pytest.mark.parametrize("size_in", [0, 1])
@pytest.mark.parametrize(
    "output", [None, [1.0, 2.0, 3.0], np.zeros((2, 2)), [np.nan, 1.0], "words", {}, [1, None]]
)
def test_a_wrong_output_is_the_error_that_nengo_raises(output, size_in):
    said = []
    for kind in KINDS:
        with failing(kind, output, size_in) as (simulator, probe):
            with pytest.raises(Exception) as error:  # noqa: B017, PT011, whatever Nengo's is
                simulator.run_steps(20)
            said.append((type(error.value), str(error.value)[:40]))
            assert simulator.n_steps == 9
            assert len(simulator.data[probe]) == 9
    assert said[0] == said[1]


def test_infinity_from_a_node_is_as_in_nengo():
    found = []
    for kind in KINDS:
        with failing(kind, [np.inf, 1.0]) as (simulator, probe):
            try:
                simulator.run_steps(9)
                simulator.run_steps(1)
                found.append("none")
            except Exception as error:
                found.append(type(error))
    assert found[0] == found[1] or SimulationError in found


# NaN and infinity in kernels


def test_nan_is_said_with_its_signal_its_object_and_the_step():
    with nengo.Network() as network:
        given = nengo.Node([0.0])
        ensemble = nengo.Ensemble(5, 1, label="hurt", seed=1)
        nengo.Connection(given, ensemble, synapse=None)
        probe = nengo.Probe(ensemble.neurons)
    with quiet(Simulator, network) as simulator:
        simulator.run_steps(7)
        array_of(simulator, ensemble.neurons, "bias")[2] = np.nan
        with pytest.raises(SimulationError, match=r"hurt.* became nan in step 8 \(t = 0.008 s\)"):
            simulator.run_steps(5)
        assert simulator.n_steps == 7
        assert len(simulator.data[probe]) == 7


@pytest.mark.parametrize(
    "neuron_type",
    [
        nengo.LIF(),
        nengo.LIFRate(),
        nengo.RectifiedLinear(),
        nengo.SpikingRectifiedLinear(),
        nengo.AdaptiveLIF(),
        nengo.AdaptiveLIFRate(),
        nengo.Sigmoid(),
        nengo.Tanh(),
        nengo.Izhikevich(),
        nengo.RegularSpiking(nengo.LIFRate()),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [None, 2])
def test_every_neuron_type_tells_of_nan(neuron_type, size):
    with nengo.Network() as network:
        ensemble = nengo.Ensemble(20, 1, neuron_type=neuron_type, label="hurt", seed=1)
    with quiet(Simulator, network, minibatch_size=size) as simulator:
        simulator.run_steps(7)
        array_of(simulator, ensemble.neurons, "bias")[19] = np.nan
        with pytest.raises(SimulationError, match="hurt.*step 8 "):
            simulator.run_steps(5)


def test_a_loop_that_diverges_is_stopped():
    with nengo.Network() as network:
        state = nengo.Node([1.0]), nengo.Node(size_in=1, label="bomb")
        nengo.Connection(state[0], state[1], synapse=0.001)
        nengo.Connection(state[1], state[1], transform=1e30, synapse=0.001)
    with quiet(Simulator, network) as simulator, pytest.raises(SimulationError) as error:
        simulator.run_steps(1000)
    said = str(error.value)
    assert "bomb" in said
    assert "inf" in said or "nan" in said.lower()
    assert f"step {simulator.n_steps + 1} " in said
    assert 5 < simulator.n_steps < 50  # float64 ends after 308 / 30 steps


@pytest.mark.parametrize("kind", [nengo.LIF, nengo.AdaptiveLIF])
def test_a_refractory_time_of_nan_is_told(kind):
    """A current between 1 and a voltage above: log1p of less than -1."""
    neuron_type = kind(initial_state={"voltage": nengo.dists.Choice([1.8])})
    with nengo.Network(seed=1) as network:
        nengo.Ensemble(3, 1, neuron_type=neuron_type, gain=np.ones(3), bias=[4.0, 1.5, 4.0])
    for kind, error in ((nengo.Simulator, FloatingPointError), (Simulator, SimulationError)):
        with quiet(kind, network) as simulator, pytest.raises(error):
            simulator.run_steps(5)


# Operators of one's own


class Decay(nengo.learning_rules.LearningRuleType):
    """Weights fall to 0."""

    modifies = "weights"
    probeable = ("delta",)


class SimDecay(Operator):
    def __init__(self, weights, delta):
        super().__init__()
        self.sets, self.incs, self.reads, self.updates = [], [], [weights], [delta]

    def make_step(self, signals, dt, rng):
        weights, delta = signals[self.reads[0]], signals[self.updates[0]]

        def step():
            delta[...] = -0.05 * weights

        return step


@Builder.register(Decay)
def build_decay(model, decay, rule):
    weights = model.sig[rule.connection]["weights"]
    model.add_op(SimDecay(weights, model.sig[rule]["delta"]))
    model.sig[rule]["weights"] = weights


def test_a_learning_rule_of_ones_own():
    with nengo.Network(seed=1) as network:
        pre, post = nengo.Ensemble(20, 1), nengo.Ensemble(20, 1)
        nengo.Connection(wave(1), pre)
        learned = nengo.Connection(
            pre,
            post,
            solver=nengo.solvers.LstsqL2(weights=True),
            learning_rule_type=Decay(),
        )
        weights = nengo.Probe(learned, "weights")
        nengo.Probe(learned.learning_rule, "delta")
        nengo.Probe(post.neurons)
    got = assert_same(network, python=("SimDecay",))[weights]
    assert get_post_ens(learned) is post
    # Each step adds what the one before worked out; the first adds nothing.
    assert_close(got[-1], got[0] * 0.95 ** (len(got) - 1), 1e-9)


class Flip(Operator):
    """An operator with a state of its own, which a step function encloses."""

    def __init__(self, signal):
        super().__init__()
        self.sets, self.incs, self.reads, self.updates = [signal], [], [], []

    def make_step(self, signals, dt, rng):
        out, sign = signals[self.sets[0]], [1.0]

        def step():
            sign[0] *= -1
            out[...] = sign[0]

        return step


def test_an_operator_of_ones_own_in_a_prebuilt_model():
    found = []
    for kind in KINDS:
        with nengo.Network(seed=1) as network:
            target = nengo.Node(size_in=2)
            probe = nengo.Probe(target, synapse=0.01)
        model = nengo.builder.Model(dt=0.001)
        model.build(network)
        (reset,) = (op for op in model.operators if isinstance(op, Reset))
        model.operators.remove(reset)
        model.add_op(Flip(model.sig[target]["in"]))
        with quiet(kind, None, model=model) as simulator:
            simulator.run_steps(20)
            found.append(np.array(simulator.data[probe]))
    assert_close(found[1], found[0])
    assert np.ptp(found[0]) > 0


class Delay(nengo.Process):
    """A process with a state and a random stream."""

    def make_state(self, shape_in, shape_out, dt, dtype=None):
        return {"kept": np.zeros((5, *shape_in))}

    def make_step(self, shape_in, shape_out, dt, rng, state):
        kept = state["kept"]

        def step(t, x):
            out = kept[-1] + 1e-3 * rng.randn(*shape_in)
            kept[1:] = kept[:-1]
            kept[0] = x
            return out

        return step


class Held(nengo.Lowpass):
    """A synapse that is like one with a kernel, but for its step."""

    def make_step(self, shape_in, shape_out, dt, rng, state):
        step = super().make_step(shape_in, shape_out, dt, rng, state)
        return lambda t, x: step(t, x) if t > 0.01 else np.zeros(shape_out)


def test_processes_and_synapses_of_ones_own():
    with nengo.Network(seed=1) as network:
        node, target = nengo.Node(Delay(), size_in=2, size_out=2), nengo.Node(size_in=2)
        nengo.Connection(wave(2), node, synapse=None)
        nengo.Connection(node, target, synapse=Held(0.01))
        nengo.Probe(node)
        late = nengo.Probe(target)
    got = assert_same(network, python=("Delay", "Held"))
    assert not got[late][:9].any()


class Shown(nengo.processes.PresentInput):
    """A process that is like one with a kernel, but for its step."""

    def make_step(self, *arguments, **options):
        step = super().make_step(*arguments, **options)
        return lambda t: -step(t)


def test_a_subclass_of_a_process_with_a_kernel():
    with nengo.Network() as network:
        probe = nengo.Probe(nengo.Node(Shown([[1.0], [2.0]], 0.004)))
    got = assert_same(network, python=("Shown",))
    assert got[probe].max() < 0


def test_a_process_whose_step_is_set_on_one_object():
    def make_step(shape_in, shape_out, dt, rng, state):
        return lambda t: np.full(shape_out, t)

    process = nengo.processes.PresentInput([[1.0], [2.0]], 0.004)
    process.make_step = make_step
    with nengo.Network() as network:
        probe = nengo.Probe(nengo.Node(process))
    wanted = reference(network, 10)[probe]
    np.testing.assert_allclose(wanted.ravel(), 0.001 * np.arange(1, 11))
    assert_close(native(network, 10)[probe], wanted)


def test_functions_of_connections_that_python_runs():
    def make():
        seen = []
        with nengo.Network(seed=1) as network:
            node, target = wave(2), nengo.Node(size_in=1)
            nengo.Connection(node, target, function=lambda x: seen.append(1) or x[0] * x[1])
            nengo.Connection(node, target, function=lambda x: len(seen), synapse=None)
            nengo.Probe(target)
        return network

    assert_alike(on_both(make))


@pytest.mark.parametrize("output", [3, True, np.float32(2), np.array(4), np.int64(5), [1], (2.5,)])
def test_whatever_kind_of_number_a_node_gives(output):
    with nengo.Network() as network:
        node = nengo.Node(lambda t: output if t > 0.004 else 0.0, size_out=1)
        nengo.Probe(node)
        nengo.Probe(nengo.Node(lambda t, x: x, size_in=1))
    assert_same(network, 10, python=None)


def test_a_function_that_keeps_its_input_keeps_copies_as_in_nengo():
    def make():
        kept = []
        with nengo.Network() as network:
            node = nengo.Node(lambda t, x: kept.append(x), size_in=2)
            nengo.Connection(wave(2), node, synapse=None)
            nengo.Probe(wave(1))
        network.kept = kept
        return network

    found = on_both(make)
    wanted, got = (np.array(network.kept) for _, _, network in found)
    np.testing.assert_array_equal(got, wanted)
    assert np.ptp(got) > 0


def test_a_function_cannot_write_to_its_input():
    said = []
    for kind in KINDS:
        with nengo.Network() as network:
            node = nengo.Node(lambda t, x: x.__setitem__(0, 1.0), size_in=2)
            nengo.Connection(wave(2), node, synapse=None)
        with quiet(kind, network) as simulator:
            try:
                simulator.run_steps(2)
                said.append(None)
            except ValueError as error:
                said.append(str(error))
    assert said[0] == said[1]


# Threads


def test_two_simulators_in_two_threads():
    networks = [everything(), closed_loop()]
    wanted = [reference(make(), 200, seed=s) for s, make in enumerate((everything, closed_loop))]
    found, barrier = [None, None], threading.Barrier(2)

    def run(i):
        with quiet(Simulator, networks[i], seed=i, dtype="float64") as simulator:
            barrier.wait()
            for _ in range(20):
                simulator.run_steps(10)
            found[i] = [np.array(simulator.data[p]) for p in networks[i].all_probes]

    threads = [threading.Thread(target=run, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for histories, other in zip(wanted, found):
        for history, mine in zip(histories.values(), other):
            assert_close(mine, history)
            assert np.ptp(history) > 0


def test_a_simulator_within_another_ones_node():
    def inner(t):
        return native(network_inside, 5)[probe][-1, 0] if t > 0 else 0.0

    with nengo.Network() as network_inside:
        probe = nengo.Probe(nengo.Node(lambda t: 2 * t))
    with nengo.Network() as network:
        outer = nengo.Probe(nengo.Node(inner))
    np.testing.assert_allclose(native(network, 3)[outer], 0.01)


def test_a_node_changes_a_large_matrix_whose_input_is_held(rng):
    """A product that would be kept while its input stays the same follows the matrix."""
    simulators = []
    with nengo.Network(seed=0) as network:
        held, out = nengo.Node(rng.uniform(0.1, 1, 64)), nengo.Node(size_in=40)
        connection = nengo.Connection(held, out, transform=rng.uniform(size=(40, 64)), synapse=None)
        probe = nengo.Probe(out)

        def halve(t):
            if simulators and abs(t - 0.004) < 1e-9:
                simulator = simulators[0]
                weights = simulator.signals[simulator.model.sig[connection]["weights"]]
                weights.setflags(write=True)
                weights[...] = 0.5 * weights
                weights.setflags(write=False)

        nengo.Node(halve)
    with Simulator(network, progress_bar=False) as simulator:
        simulators.append(simulator)
        simulator.run_steps(8)
    data = simulator.data[probe]
    assert data[0].min() > 0
    np.testing.assert_allclose(data[2], data[0])
    np.testing.assert_allclose(data[5:], 0.5 * data[:3])
