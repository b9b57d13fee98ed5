"""Nengo's own simulator as the other implementation of the native one."""

import warnings

import nengo
import numpy as np

from nengo_pc.backends.native import Simulator

TOLERANCE = 1e-12


def quiet(kind, network, **options):
    """A simulator that neither warns nor shows how far it is, built without a cache of decoders.

    To open the cache takes longer than to work out the decoders of a small network.
    """
    enabled = nengo.rc.get("decoder_cache", "enabled")
    nengo.rc.set("decoder_cache", "enabled", "False")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kind(network, progress_bar=False, **options)
    finally:
        nengo.rc.set("decoder_cache", "enabled", enabled)


def reference(network, n_steps, **options):
    """What each probe sees on `nengo.Simulator`, whose operators are not merged."""
    with quiet(nengo.Simulator, network, optimize=False, **options) as simulator:
        simulator.run_steps(n_steps)
        return {probe: np.array(simulator.data[probe]) for probe in network.all_probes}


def native(network, n_steps, data=None, **options):
    """What each probe sees on the native simulator, in float64 unless asked otherwise."""
    return run_natively(network, n_steps, data, **options)[0]


def in_python(network, **options):
    """What Python runs in every step."""
    with quiet(Simulator, network, **options) as simulator:
        return simulator.in_python


def assert_close(got, wanted, tolerance=TOLERANCE, said=""):
    """The same apart from rounding, relative to the largest value."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, said
    largest = np.abs(wanted).max(initial=0)
    np.testing.assert_allclose(
        got, wanted, rtol=tolerance, atol=tolerance * largest, err_msg=str(said)
    )


def run_natively(network, n_steps, data=None, **options):
    """What `native` gives, and what Python ran in every step."""
    with quiet(Simulator, network, **{"dtype": "float64", **options}) as simulator:
        simulator.run_steps(n_steps, data=data)
        got = {probe: np.array(simulator.data[probe]) for probe in network.all_probes}
        return got, simulator.in_python


def assert_same(network, n_steps=40, tolerance=TOLERANCE, python=(), **options):
    """Both see the same, something that changes, and kernels did it.

    ``python``: words, each of which one of the operators that Python runs must have; None: any.
    """
    wanted = reference(network, n_steps, seed=3)
    assert any(np.ptp(history, axis=0).max() > 0 for history in wanted.values())
    got, found = run_natively(network, n_steps, seed=3, **options)
    for probe, history in wanted.items():
        assert_close(got[probe], history, tolerance, probe)
    if python is not None:
        assert len(found) == len(python), found
        for word in python:
            assert any(word in operator for operator in found), found
    return got


def wave(size=3, speed=40.0):
    """A Node without Python: sines, shown sample after sample."""
    steps = 0.001 * np.arange(1000)[:, None]
    samples = np.sin(speed * steps + np.arange(size)) + 0.2
    return nengo.Node(nengo.processes.PresentInput(samples, 0.001))
