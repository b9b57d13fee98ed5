"""Large signals, which instructions of the native simulator work through part by part."""

import nengo
import numpy as np
import pytest
import scipy.sparse

from nengo_pc.backends.native import Simulator, codes

N = 3 * codes.TILE + 5
TYPES = [
    nengo.LIF(),
    nengo.AdaptiveLIF(inc_n=0.1),
    nengo.LIFRate(),
    nengo.SpikingRectifiedLinear(),
    nengo.Tanh(),
]


def population(neurons, rng):
    """Many neurons that excite one another at random, with a filter; some of them are probed."""
    matrix = scipy.sparse.random(N, N, 2 / N, format="csr", random_state=3)
    with nengo.Network(seed=1) as network:
        node = nengo.Node(lambda t: np.sin(50 * t))
        ensemble = nengo.Ensemble(
            N,
            1,
            neuron_type=neurons,
            gain=rng.uniform(0.5, 2, N),
            bias=rng.uniform(0, 3, N),
            encoders=np.ones((N, 1)),
            eval_points=np.zeros((1, 1)),
        )
        nengo.Connection(node, ensemble, synapse=None)
        nengo.Connection(
            ensemble.neurons,
            ensemble.neurons,
            transform=nengo.Sparse((N, N), init=matrix * 1e-3),
            synapse=0.005,
        )
        network.out = nengo.Probe(ensemble.neurons)
        network.current = nengo.Probe(ensemble.neurons, "input")
    return network


@pytest.mark.parametrize("neurons", TYPES, ids=lambda n: type(n).__name__)
def test_all_parts_of_a_large_population_run(neurons, rng):
    network = population(neurons, rng)
    with (
        nengo.Simulator(network, progress_bar=False) as wanted,
        Simulator(network, progress_bar=False) as got,
    ):
        assert any(row[0] == codes.TILES for row in got._plan({}).ops)
        wanted.run_steps(25)
        got.run_steps(25)
        for probe in (network.out, network.current):
            # Every part changes, the last one too.
            assert np.ptp(wanted.data[probe][:, -5:], axis=0).max() > 0
            scale = max(1, np.abs(wanted.data[probe]).max())
            np.testing.assert_allclose(got.data[probe], wanted.data[probe], atol=1e-11 * scale)


def test_nan_in_any_part_is_told(rng):
    network = population(nengo.LIF(), rng)
    ensemble = network.all_ensembles[0]
    with Simulator(network, progress_bar=False) as simulator:
        simulator.run_steps(3)
        simulator.signals[simulator.model.sig[ensemble.neurons]["voltage"]][-1] = np.nan
        with pytest.raises(nengo.exceptions.SimulationError, match=r"voltage.*step 4"):
            simulator.run_steps(3)
        assert simulator.n_steps == 3
