"""Nodes that share an object with others, on backends that compute them before the run."""

import importlib.util

import nengo
import numpy as np
import pytest

from nengo_pc.backends import Simulator, present

NEEDS_LOIHI = pytest.mark.skipif(
    importlib.util.find_spec("nengo_loihi") is None, reason="needs nengo-loihi"
)
BACKENDS = ["dl", pytest.param("loihi", marks=NEEDS_LOIHI)]
SAID = (
    "Node 'sensor' was computed before the run: it does not see what other Nodes do while running"
)
pytestmark = [
    pytest.mark.filterwarnings("ignore:This version of `nengo_loihi`"),
    pytest.mark.filterwarnings("ignore:NengoLoihi does not support initial values"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in cast"),
    pytest.mark.filterwarnings("ignore:Model is precomputable"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Body:
    """Moves against where it is, so that the sensor must see the motor."""

    def __init__(self):
        self.x = 1.0

    def push(self, t, u):
        self.x -= 0.01 * self.x + 0 * float(u[0])
        return self.x

    def sense(self, t):
        return self.x


def body_network(motor=True):
    body = Body()
    with nengo.Network(seed=1) as network:
        network.given = nengo.Node([0.3], label="given")
        network.noise = nengo.Node(nengo.processes.WhiteNoise(), size_out=1, label="noise")
        network.sensor = nengo.Node(body.sense, label="sensor")
        ensemble = nengo.Ensemble(20, 1, label="chip")
        nengo.Connection(network.given, ensemble)
        nengo.Connection(network.noise, ensemble, transform=0.01)
        nengo.Connection(network.sensor, ensemble)
        if motor:
            nengo.Connection(ensemble, nengo.Node(body.push, size_in=1, label="motor"))
        network.seen = nengo.Probe(network.sensor)
        nengo.Probe(ensemble)
    return network


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sensor_that_sees_less_than_on_the_reference_is_named(backend):
    seen = {}
    for name in ("reference", backend):
        network = body_network()
        with Simulator(network, backend=name) as simulator:
            said = [s for s in simulator.substitutions if "computed before" in s]
            simulator.run_steps(20)
            seen[name] = np.ravel(simulator.data[network.seen])
        assert said == ([] if name == "reference" else [SAID])
    # Nengo may run the sensor before the motor or after: it is one step or none behind.
    assert np.ptp(seen["reference"]) > 0.1
    assert np.ptp(seen[backend]) == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_presentation_says_so_too(backend):
    options = {"node": None, "presentation_time": 0.01, "progress": False, "backend": backend}
    for motor in (True, False):
        network = body_network(motor)
        options["node"] = network.given
        said = present(network, np.ones((1, 1)), **options).substitutions
        assert [s for s in said if "computed before" in s] == [SAID] * motor


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sensor_alone_shares_with_nobody(backend):
    with Simulator(body_network(motor=False), backend=backend) as simulator:
        assert not [s for s in simulator.substitutions if "computed before" in s]


@NEEDS_LOIHI
def test_steps_taken_together_are_right():
    """Without computing ahead, nengo-loihi runs the host step by step: nothing to say."""
    network = body_network()
    with Simulator(network, backend="loihi", precompute=False) as simulator:
        assert not [s for s in simulator.substitutions if "computed before" in s]
        simulator.run_steps(20)
        assert np.ptp(simulator.data[network.seen]) > 0.1


def counting_network():
    count = []

    def first(t):
        count.append(t)
        return len(count)

    with nengo.Network(seed=1) as network:
        nodes = [
            nengo.Node(first, label="first"),
            nengo.Node(lambda t: len(count), label="second"),
        ]
        ensemble = nengo.Ensemble(20, 1)
        for node in nodes:
            nengo.Connection(node, ensemble)
        network.probes_of_nodes = [nengo.Probe(node) for node in nodes]
    return network


def test_two_nodes_without_input_share_on_loihi_and_not_on_nengo_dl():
    with Simulator(counting_network(), backend="dl") as simulator:
        said = simulator.substitutions
    assert [s.split("'")[1] for s in said] == ["first", "second"]


@NEEDS_LOIHI
def test_two_nodes_without_input_are_run_step_by_step_on_loihi():
    network = counting_network()
    with Simulator(network, backend="loihi") as simulator:
        assert not [s for s in simulator.substitutions if "computed before" in s]
        simulator.run_steps(10)
        first, second = (np.ravel(simulator.data[p]) for p in network.probes_of_nodes)
    assert np.abs(first - second).max() <= 1


def test_functions_of_the_package_share_nothing():
    class Known:
        xla_module = "nengo_pc.learning.compiled"

        def __call__(self, t, x):
            return x

    network = body_network(motor=False)
    with network:
        nengo.Connection(network.given, nengo.Node(Known(), size_in=1))
    with Simulator(network, backend="dl") as simulator:
        assert simulator.substitutions == ()
