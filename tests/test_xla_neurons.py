"""Neuron types against Nengo's own, spike for spike, and what is random against its law."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import BuildError, ValidationError
from scipy import stats
from xla_helpers import assert_same, compiled, reference

from nengo_pc.backends.compatibility import import_nengo_dl
from nengo_pc.backends.xla import Simulator, steps
from nengo_pc.backends.xla.emit_neurons import log_one_minus, one_minus_exp, poisson
from nengo_pc.backends.xla.random import tf, threefry_2x32, to_uniform

SECOND = 1000
DETERMINISTIC = [
    nengo.RectifiedLinear(),
    nengo.SpikingRectifiedLinear(amplitude=0.5),
    nengo.Sigmoid(),
    nengo.Tanh(tau_ref=0.01),
    nengo.LIFRate(amplitude=0.1),
    nengo.LIF(),
    nengo.LIF(tau_rc=0.03, tau_ref=0.004, min_voltage=-1, amplitude=0.05),
    nengo.LIF(tau_rc=0.0005, tau_ref=0.0),  # no series: a step is longer than tau_rc
    nengo.AdaptiveLIFRate(tau_n=0.1),
    nengo.AdaptiveLIF(tau_n=0.1, inc_n=0.05),
    nengo.Izhikevich(),
    nengo.RegularSpiking(nengo.LIFRate()),
    nengo.RegularSpiking(nengo.Tanh(), amplitude=0.1),
]
RANDOM = [
    nengo.StochasticSpiking(nengo.LIFRate(), amplitude=0.1),
    nengo.StochasticSpiking(nengo.Tanh()),
    nengo.PoissonSpiking(nengo.RectifiedLinear()),
    nengo.PoissonSpiking(nengo.Tanh(), amplitude=0.2),
]


def population(neuron_type, n_neurons=40):
    """Neurons that see a slow wave, each with its own gain and bias."""
    rng = np.random.default_rng(7)
    with nengo.Network(seed=4) as network:
        wave = nengo.Node(lambda t: np.sin(9 * t))
        ensemble = nengo.Ensemble(
            n_neurons,
            1,
            neuron_type=neuron_type,
            gain=rng.uniform(0.5, 6, n_neurons),
            bias=rng.uniform(-1, 6, n_neurons),
            encoders=nengo.dists.Choice([[1.0]]),
        )
        nengo.Connection(wave, ensemble, synapse=None)
        network.output = nengo.Probe(ensemble.neurons)
        for name in neuron_type.probeable[1:]:
            nengo.Probe(ensemble.neurons, name, sample_every=0.01)
    return network


@pytest.mark.parametrize("neuron_type", DETERMINISTIC, ids=str)
def test_a_second_of_each_neuron_type(neuron_type):
    network = population(neuron_type)
    got = assert_same(network, SECOND, atol=1e-8)
    wanted = reference(network, SECOND, seed=3)[network.output]
    if neuron_type.spiking:
        np.testing.assert_array_equal(got[network.output], wanted)
        assert np.count_nonzero(wanted) > 100


@pytest.mark.parametrize("neuron_type", RANDOM, ids=str)
def test_random_spikes_have_the_references_rates(neuron_type):
    network = population(neuron_type)
    mine, theirs = (
        run(network, 4 * SECOND, seed=3)[network.output] * 0.001 / neuron_type.amplitude
        for run in (compiled, reference)
    )
    np.testing.assert_allclose(mine, np.round(mine), atol=1e-9)  # whole numbers of spikes
    # The difference of two Poisson numbers varies by their sum; other neurons vary less.
    difference = np.abs(mine.sum(axis=0) - theirs.sum(axis=0))
    spread = np.sqrt(1 + np.abs(mine).sum(axis=0) + np.abs(theirs).sum(axis=0))
    assert (difference / spread).max() < 5
    assert np.abs(mine).sum() > 300


def test_the_references_random_numbers_are_natives():
    with pytest.raises(ValidationError, match="native") as error:
        Simulator(population(RANDOM[0]), progress_bar=False, random="reference")
    assert error.value.attr == "random"


def test_voltages_that_start_above_threshold():
    neuron_type = nengo.LIF(initial_state={"voltage": nengo.dists.Uniform(0, 3)})
    with nengo.Network(seed=2) as network:
        ensemble = nengo.Ensemble(
            30, 1, neuron_type=neuron_type, gain=np.ones(30), bias=np.linspace(4, 9, 30)
        )
        network.output = nengo.Probe(ensemble.neurons)
        nengo.Probe(ensemble.neurons, "refractory_time")
    got = assert_same(network, 100)
    assert (got[network.output][0] > 0).sum() > 10


def test_bursts_amplify_rounding():
    """Which spike ends a burst can hang on the last bit: few of them move."""
    network = population(nengo.Izhikevich(reset_recovery=2, coupling=0.25))
    got = compiled(network, SECOND)[network.output] > 0
    wanted = reference(network, SECOND, seed=3)[network.output] > 0
    assert np.mean(got != wanted) < 0.002
    assert np.abs(got.sum(axis=0) - wanted.sum(axis=0)).max() <= 1


def test_float32_moves_few_spikes():
    network = population(nengo.LIF())
    got = compiled(network, SECOND, dtype="float32")[network.output] > 0
    wanted = reference(network, SECOND, seed=3)[network.output] > 0
    assert np.abs(got.sum(axis=0) - wanted.sum(axis=0)).max() <= 1
    assert np.mean(got != wanted) < 0.002


def test_soft_lif_is_nengo_dls():
    soft = import_nengo_dl().neurons.SoftLIFRate
    for sigma in (1.0, 0.02, 1e-3):
        network = population(soft(sigma=sigma))
        got, wanted = compiled(network, 200), reference(network, 200, seed=3)
        np.testing.assert_allclose(got[network.output], wanted[network.output], rtol=1e-6)


def test_the_spike_count_follows_the_rate():
    """For constant input, |spikes - t rate| is below 1 (a closed form)."""
    currents = np.linspace(0.5, 8, 50)
    with nengo.Network() as network:
        ensemble = nengo.Ensemble(
            50,
            1,
            neuron_type=nengo.LIF(initial_state={"voltage": nengo.dists.Choice([0])}),
            gain=np.ones(50),
            bias=currents,
        )
        probe = nengo.Probe(ensemble.neurons)
    counts = compiled(network, 2000, dtype="float32")[probe].sum(axis=0) * 0.001
    rates = np.zeros(50)
    above = currents > 1
    rates[above] = 1 / (0.002 + 0.02 * np.log1p(1 / (currents[above] - 1)))
    assert np.abs(counts - 2 * rates).max() < 1.01


# Neuron types of others


class Leaky(nengo.neurons.NeuronType):
    state = {"voltage": nengo.dists.Choice([0])}
    spiking = True

    def step(self, dt, J, output, voltage):
        voltage += dt * (50 * J - 10 * voltage)
        output[...] = (voltage > 1) / dt
        voltage[output > 0] = 0

    def rates(self, x, gain, bias):
        return np.maximum(self.current(x, gain, bias), 0)


class Leakier(Leaky):
    def step(self, dt, J, output, voltage):
        super().step(dt, J / 2, output, voltage)


def test_a_neuron_type_nobody_knows_is_refused():
    with pytest.raises(BuildError, match="Python within a step") as error:
        Simulator(population(Leaky()), progress_bar=False)
    assert "<Ensemble" in str(error.value)
    assert "native" in str(error.value)


def test_a_neuron_type_of_someone_elses_compiled():
    @steps(Leaky)
    def leaky(neurons, j, state, step):
        voltage = state["voltage"] + step.dt * (50 * j - 10 * state["voltage"])
        spiked = voltage > 1
        zero = step.constant(0)
        return tf.where(spiked, step.constant(1 / step.dt), zero), {
            "voltage": tf.where(spiked, zero, voltage)
        }

    assert_same(population(Leaky()), 100)
    with pytest.raises(BuildError, match="Python within a step"):
        Simulator(population(Leakier()), progress_bar=False)


# What is random


def test_threefry_is_random123s():
    """Known answers of Random123 1.09 (kat_vectors): threefry2x32, 20 rounds."""
    known = [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ]
    for key, counter, answer in known:
        words = [[tf.constant(word, tf.uint32) for word in pair] for pair in (key, counter)]
        assert tuple(int(word) for word in threefry_2x32(*words)) == answer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_numbers_are_uniform(dtype):
    counter = (tf.constant(1, tf.uint32), tf.constant(np.arange(200_000, dtype=np.uint32)))
    key = (tf.constant(5, tf.uint32), tf.constant(6, tf.uint32))
    u = to_uniform(threefry_2x32(key, counter), tf.as_dtype(dtype)).numpy()
    assert u.dtype == dtype
    assert 0 <= u.min() < u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("mean", [0.0, 1e-3, 0.25, 1.0, 7.5, 31.0, 100.0, 1000.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_poisson_numbers_follow_the_poisson_distribution(mean, dtype):
    n = 20_000
    rng = np.random.default_rng(3)
    draws = [rng.random(n).astype(dtype) for _ in range(40)]

    def draw(turn):
        return tf.gather(tf.constant(np.array(draws)), tf.cast(turn, tf.int32))

    counts = tf.function(lambda: poisson(tf.constant(mean, dtype), draw))().numpy()
    assert np.array_equal(counts, np.round(counts))
    if mean == 0:
        assert not counts.any()
        return
    distribution = stats.poisson(mean)
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / n)
    edges = np.unique(distribution.ppf(np.linspace(0.02, 0.98, 20)))
    bins = np.concatenate([[-1], edges, [np.inf]])
    observed = np.histogram(counts, bins + 0.5)[0]
    expected = n * np.diff(distribution.cdf(bins))
    kept = expected > 5
    statistic = ((observed - expected)[kept] ** 2 / expected[kept]).sum()
    assert stats.chi2(max(1, kept.sum() - 1)).sf(statistic) > 1e-4


def test_poisson_spikes_have_the_rate_and_no_memory():
    rates = np.linspace(0, 900, 100)
    with nengo.Network(seed=1) as network:
        ensemble = nengo.Ensemble(
            100,
            1,
            neuron_type=nengo.PoissonSpiking(nengo.RectifiedLinear()),
            gain=np.ones(100),
            bias=rates,
        )
        probe = nengo.Probe(ensemble.neurons)
    counts = compiled(network, 4000, dtype="float32")[probe] * 0.001
    mean = rates * 0.001
    assert np.abs(counts.mean(axis=0) - mean).max() < 5 * np.sqrt(0.9 / 4000)
    np.testing.assert_allclose(counts.var(axis=0).sum(), mean.sum(), rtol=0.02)
    deviation = counts - mean
    for product in (deviation[1:] * deviation[:-1], deviation[:, 1:] * deviation[:, :-1]):
        assert abs(product.mean()) < 4 * 0.45 / np.sqrt(product.size)


def poisson_network():
    with nengo.Network(seed=1) as network:
        network.given = nengo.Node([0.0] * 6)
        ensemble = nengo.Ensemble(
            6,
            1,
            neuron_type=nengo.PoissonSpiking(nengo.RectifiedLinear()),
            gain=np.full(6, 300.0),
            bias=np.zeros(6),
        )
        nengo.Connection(network.given, ensemble.neurons, synapse=None)
        network.spikes = nengo.Probe(ensemble.neurons)
    return network


def spikes_of(network, images, first_item=0, seed=5, cuts=(40,)):
    with Simulator(network, minibatch_size=len(images), progress_bar=False) as simulator:
        simulator.reset(seed, first_item)
        for n in cuts:
            simulator.run_steps(n, data={network.given: images[:, None]})
        return np.array(simulator.data[network.spikes])


def test_random_spikes_depend_on_the_item_and_not_on_its_place_or_on_cuts():
    network, images = poisson_network(), np.full((4, 6), 0.5)
    whole = spikes_of(network, images)
    parts = [spikes_of(network, images[:2]), spikes_of(network, images[2:], first_item=2)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    np.testing.assert_array_equal(whole, spikes_of(network, images, cuts=(1, 7, 32)))
    assert np.any(whole[0] != whole[1])
    assert np.any(whole != spikes_of(network, images, seed=6))


# Series


@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-7), ("float64", 4e-16)])
@pytest.mark.parametrize("largest", [1e-3, 0.05, 0.3, 1.0, 3.0])
def test_series_are_as_exact_as_their_type(dtype, tolerance, largest):
    z = np.linspace(0, largest, 1001).astype(dtype)
    got = one_minus_exp(tf.constant(z), largest).numpy()
    assert got.dtype == dtype
    np.testing.assert_allclose(got, -np.expm1(-z.astype(float)), rtol=2 * tolerance)
    x = -np.expm1(-z.astype(float)).astype(dtype)
    got = log_one_minus(tf.constant(x), float(-np.expm1(-largest))).numpy()
    assert got.dtype == dtype
    np.testing.assert_allclose(got, np.log1p(-x.astype(float)), rtol=4 * tolerance)
