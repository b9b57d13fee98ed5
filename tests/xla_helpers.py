"""The reference simulator as the other implementation."""

import warnings

import nengo
import numpy as np

from nengo_pc.backends.xla import Simulator


def reference(network, n_steps, **options):
    """What each probe sees on Nengo's own simulator, without merged operators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with nengo.Simulator(network, progress_bar=False, optimize=False, **options) as simulator:
            simulator.run_steps(n_steps, progress_bar=False)
            return {probe: np.array(simulator.data[probe]) for probe in network.all_probes}


def compiled(network, n_steps, data=None, **options):
    """The same, compiled; in float64 unless asked otherwise."""
    options = {"dtype": "float64", "optimize": False, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Simulator(network, progress_bar=False, **options) as simulator:
            simulator.run_steps(n_steps, data=data)
            return {probe: np.array(simulator.data[probe]) for probe in network.all_probes}


def assert_same(network, n_steps=40, atol=1e-10, rtol=1e-9, **options):
    """Both see the same, and something that changes."""
    wanted = reference(network, n_steps, seed=options.get("seed", 3))
    got = compiled(network, n_steps, **{"seed": 3, **options})
    assert wanted
    for probe, history in wanted.items():
        assert got[probe].shape == history.shape
        np.testing.assert_allclose(got[probe], history, rtol=rtol, atol=atol, err_msg=str(probe))
    assert any(np.ptp(history, axis=0).max() > 0 for history in wanted.values())
    return got
