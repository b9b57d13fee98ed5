"""What probes recorded on the native simulator, as the list that Nengo's own simulator has."""

import nengo
import numpy as np
import pytest

from nengo_pc.backends.native import Simulator


@pytest.fixture
def network():
    with nengo.Network(seed=0) as network:
        network.node = nengo.Node(lambda t: [t, 2 * t])
        network.probe = nengo.Probe(network.node)
    return network


@pytest.mark.parametrize("simulator_type", [nengo.Simulator, Simulator])
def test_samples_can_be_taken_and_deleted(network, simulator_type):
    """As Nengo GUI does to keep no more than it shows."""
    with simulator_type(network, progress_bar=False) as simulator:
        simulator.run_steps(3)
        raw = simulator.data.raw[network.probe]
        taken = raw[:]
        assert [len(raw), len(taken)] == [3, 3]
        np.testing.assert_allclose(taken[-1], [0.003, 0.006])
        del raw[:]
        simulator.run_steps(2)
        assert len(simulator.data.raw[network.probe]) == 2
        np.testing.assert_allclose(simulator.data[network.probe][:, 0], [0.004, 0.005])
        del simulator.data.raw[network.probe][:1]
        np.testing.assert_allclose(simulator.data.raw[network.probe], [[0.005, 0.01]])


def test_data_taken_before_do_not_change(network):
    with Simulator(network, progress_bar=False) as simulator:
        simulator.run_steps(4)
        before = simulator.data[network.probe]
        kept = before.copy()
        simulator.run_steps(100)
        simulator.clear_probes()
        simulator.run_steps(100)
        np.testing.assert_array_equal(before, kept)
        with pytest.raises(ValueError, match="read-only"):
            before[0] = 1


def test_probes_cleared_by_a_node_within_a_run():
    simulators = []

    def clear(t):
        if simulators and abs(t - 0.005) < 1e-9:
            simulators[0].clear_probes()

    with nengo.Network() as network:
        nengo.Node(clear)
        node = nengo.Node(lambda t: t)
        probe = nengo.Probe(node)
    for kind in (nengo.Simulator, Simulator):
        simulators.clear()
        with kind(network, progress_bar=False) as simulator:
            simulators.append(simulator)
            simulator.run_steps(8)
        np.testing.assert_allclose(simulator.data[probe].ravel(), [0.005, 0.006, 0.007, 0.008])
