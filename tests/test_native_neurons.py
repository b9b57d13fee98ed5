"""Every neuron type, in float64, against Nengo's own simulator and closed forms."""

import nengo
import numpy as np
import pytest
from native_helpers import (
    assert_close,
    assert_same,
    in_python,
    native,
    quiet,
    reference,
    run_natively,
    wave,
)
from nengo.exceptions import SimulationError
from scipy import stats

from nengo_pc.backends.native import Simulator

SECOND = 1000
N_NEURONS = 40
DETERMINISTIC = [
    nengo.RectifiedLinear(amplitude=0.5),
    nengo.SpikingRectifiedLinear(amplitude=0.3),
    nengo.Sigmoid(tau_ref=0.003),
    nengo.Tanh(tau_ref=0.004),
    nengo.LIFRate(tau_rc=0.03, amplitude=2),
    nengo.LIF(),
    nengo.LIF(min_voltage=-np.inf),
    nengo.LIF(min_voltage=-0.5, tau_ref=0.0035, amplitude=0.4),
    nengo.LIF(tau_ref=0),
    nengo.LIF(tau_rc=0.0005),  # less than a step
    nengo.AdaptiveLIFRate(tau_n=0.1),
    nengo.AdaptiveLIF(tau_n=0.1, inc_n=0.05),
    nengo.Izhikevich(),
    nengo.Izhikevich(tau_recovery=0.05, reset_voltage=-70.0, reset_recovery=10.0),
    nengo.RegularSpiking(nengo.LIFRate()),
    nengo.RegularSpiking(nengo.Tanh(), amplitude=0.1),
]
RANDOM = [
    nengo.StochasticSpiking(nengo.LIFRate(), amplitude=0.1),
    nengo.StochasticSpiking(nengo.Tanh()),
    nengo.PoissonSpiking(nengo.RectifiedLinear()),
    nengo.PoissonSpiking(nengo.Tanh(), amplitude=0.2),
]


def population(neuron_type, n_neurons=N_NEURONS):
    """Neurons that see a slow wave, each with its own gain and bias."""
    rng = np.random.default_rng(7)
    with nengo.Network(seed=4) as network:
        ensemble = nengo.Ensemble(
            n_neurons,
            1,
            neuron_type=neuron_type,
            gain=rng.uniform(0.5, 6, n_neurons),
            bias=rng.uniform(-1, 6, n_neurons),
            encoders=nengo.dists.Choice([[1.0]]),
        )
        nengo.Connection(wave(1, 9.0), ensemble, synapse=None)
        network.output = nengo.Probe(ensemble.neurons)
        for name in neuron_type.probeable[1:]:
            nengo.Probe(ensemble.neurons, name)
    return network


def constant(neuron_type, currents):
    """Neurons whose currents are as given."""
    n_neurons = len(currents)
    with nengo.Network(seed=1) as network:
        ensemble = nengo.Ensemble(
            n_neurons,
            1,
            neuron_type=neuron_type,
            gain=np.ones(n_neurons),
            bias=np.asarray(currents, float),
        )
        network.output = nengo.Probe(ensemble.neurons)
        network.neurons = ensemble.neurons
    return network


CURRENTS = np.linspace(4, 9, N_NEURONS)  # above all voltages


@pytest.mark.parametrize("neuron_type", DETERMINISTIC, ids=str)
def test_a_second_of_each_neuron_type(neuron_type):
    network = population(neuron_type)
    got = assert_same(network, SECOND, tolerance=1e-10)
    if neuron_type.spiking:
        wanted = reference(network, SECOND, seed=3)[network.output]
        np.testing.assert_array_equal(got[network.output], wanted)
        assert np.count_nonzero(wanted) > 100


@pytest.mark.parametrize("neuron_type", RANDOM, ids=str)
def test_random_spikes_of_the_references_stream(neuron_type):
    network = population(neuron_type)
    wanted = reference(network, SECOND, seed=3)[network.output]
    got = native(network, SECOND, seed=3, random="reference")[network.output]
    np.testing.assert_array_equal(got, wanted)
    assert np.count_nonzero(wanted) > 100
    (found,) = in_python(network)
    assert "SimNeurons" in found


@pytest.mark.parametrize("neuron_type", RANDOM[::2], ids=str)
def test_resets_of_random_neurons_are_nengos(neuron_type):
    """Which go on in the stream that was made while building."""
    found = []
    for kind in (nengo.Simulator, Simulator):
        network = population(neuron_type)
        with quiet(kind, network, seed=1) as simulator:
            found.append([])
            for seed in (None, 5):
                simulator.run_steps(50)
                found[-1].append(np.array(simulator.data[network.output]))
                simulator.reset(seed)
            simulator.run_steps(50)
            found[-1].append(np.array(simulator.data[network.output]))
    for theirs, mine in zip(*found):
        np.testing.assert_array_equal(mine, theirs)
        assert theirs.any()


def test_neurons_that_start_while_they_are_refractory_or_above_threshold():
    uniform = nengo.dists.Uniform
    for neuron_type in (nengo.LIF, nengo.AdaptiveLIF):
        initial = {"voltage": uniform(-0.5, 3), "refractory_time": uniform(0, 0.006)}
        network = constant(neuron_type(initial_state=initial, min_voltage=-1), CURRENTS)
        with network:
            for name in ("voltage", "refractory_time"):
                nengo.Probe(network.neurons, name)
        got = assert_same(network, 100)
        assert (got[network.output][0] > 0).sum() > 1
        refractory = got[network.all_probes[2]]
        assert (refractory[0] > 0.002).sum() > 5


def test_each_variable_starts_where_it_is_told():
    initial = {"voltage": nengo.dists.Choice([-50.0]), "recovery": nengo.dists.Choice([2.0])}
    assert_same(population(nengo.Izhikevich(initial_state=initial)), 100)


def test_bursts_amplify_rounding():
    """Which spike ends a burst can hang on the last bit: few of them move."""
    network = population(nengo.Izhikevich(reset_recovery=2, coupling=0.25))
    assert in_python(network) == ()
    got = native(network, SECOND)[network.output] > 0
    wanted = reference(network, SECOND)[network.output] > 0
    assert np.mean(got != wanted) < 0.002
    assert np.abs(got.sum(axis=0) - wanted.sum(axis=0)).max() <= 1
    assert wanted.sum() > 1000


# Closed forms


def lif_rates(currents):
    rates, above = np.zeros(len(currents)), currents > 1
    rates[above] = 1 / (0.002 + 0.02 * np.log1p(1 / (currents[above] - 1)))
    return rates


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lif_neurons_fire_at_the_rate_of_the_closed_form(dtype):
    """For constant input, |spikes - t rate| is below 1."""
    currents = np.linspace(0.5, 8, 50)
    network = constant(nengo.LIF(initial_state={"voltage": nengo.dists.Choice([0])}), currents)
    counts = native(network, 2 * SECOND, dtype=dtype)[network.output].sum(axis=0) * 0.001
    assert np.abs(counts - 2 * lif_rates(currents)).max() < 1.01
    assert counts.max() > 200


def test_rates_are_their_closed_forms():
    currents = np.linspace(-3, 8, 50)
    forms = {
        nengo.LIFRate(): lif_rates(currents),
        nengo.RectifiedLinear(2): 2 * np.maximum(currents, 0),
        nengo.Sigmoid(0.005): 200 / (1 + np.exp(-currents)),
        nengo.Tanh(0.005): 200 * np.tanh(currents),
    }
    for neuron_type, rates in forms.items():
        network = constant(neuron_type, currents)
        assert in_python(network) == ()
        for row in native(network, 3)[network.output]:
            assert_close(row, rates, said=neuron_type)


def test_a_membrane_charges_exponentially():
    with nengo.Network() as network:
        initial = {"voltage": nengo.dists.Choice([0])}
        neurons = nengo.Ensemble(
            1, 1, neuron_type=nengo.LIF(initial_state=initial), gain=[1], bias=[0.9]
        ).neurons
        probe = nengo.Probe(neurons, "voltage")
    t = 0.001 * np.arange(1, 101)
    np.testing.assert_allclose(
        native(network, 100)[probe][:, 0], 0.9 * (1 - np.exp(-t / 0.02)), rtol=1e-12
    )


def test_float32_moves_few_spikes():
    network = population(nengo.LIF())
    got = native(network, SECOND, dtype="float32")[network.output] > 0
    wanted = reference(network, SECOND, seed=3)[network.output] > 0
    assert np.abs(got.sum(axis=0) - wanted.sum(axis=0)).max() <= 1
    assert np.mean(got != wanted) < 0.002
    assert wanted.sum() > 1000


# Neuron types of others


class Leaky(nengo.neurons.NeuronType):
    """Integrate and fire with a rate and leak of its own, written by a user."""

    state = {"voltage": nengo.dists.Choice([0])}
    spiking = True

    def step(self, dt, J, output, voltage):
        voltage += dt * (50 * J - 10 * voltage)
        output[...] = (voltage > 1) / dt
        voltage[output > 0] = 0

    def rates(self, x, gain, bias):
        return np.maximum(self.current(x, gain, bias), 0)


class Doubled(nengo.LIF):
    """A subclass of a type with a kernel, which must not be mistaken for it."""

    def step(self, dt, J, output, **state):
        super().step(dt, J, output, **state)
        output *= 2


class Renamed(nengo.LIF):
    """A subclass that changes nothing."""


@pytest.mark.parametrize("neuron_type", [Leaky(), Doubled()], ids=str)
def test_neuron_types_with_a_step_of_their_own_are_run_by_python(neuron_type):
    network = population(neuron_type)
    got = assert_same(network, 200, python=("SimNeurons",))
    assert got[network.output].any()


def test_a_subclass_that_steps_alike_is_run_by_the_kernel():
    assert_same(population(Renamed(tau_rc=0.015)), 200)


def test_a_step_set_on_one_object_is_run():
    def step(dt, J, output):
        output[...] = np.abs(J)

    neuron_type = nengo.RectifiedLinear()
    neuron_type.step = step
    network = constant(neuron_type, [-2.0, 3.0])
    wanted = reference(network, 30)[network.output]
    np.testing.assert_array_equal(wanted[-1], [2, 3])
    assert_close(native(network, 30)[network.output], wanted)


# Random numbers of the loop's own


def compiled(network, n_steps, **options):
    options = {"random": "compiled", "seed": 5, **options}
    got, by_python = run_natively(network, n_steps, **options)
    assert by_python == ()
    return got[network.output]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_poisson_spikes_have_the_mean_and_variance_and_no_memory(dtype):
    rates = np.linspace(0, 900, 100)
    network = constant(nengo.PoissonSpiking(nengo.RectifiedLinear()), rates)
    counts = compiled(network, 4000, dtype=dtype) * 0.001
    mean = rates * 0.001
    assert np.abs(counts.mean(axis=0) - mean).max() < 5 * np.sqrt(0.9 / 4000)
    np.testing.assert_allclose(counts.var(axis=0).sum(), mean.sum(), rtol=0.02)
    deviation = counts - mean
    for product in (deviation[1:] * deviation[:-1], deviation[:, 1:] * deviation[:, :-1]):
        assert abs(product.mean()) < 4 * 0.45 / np.sqrt(product.size)


@pytest.mark.parametrize("mean", [0.25, 7.5, 31.0, 1000.0])
def test_counts_follow_the_poisson_distribution(mean):
    network = constant(nengo.PoissonSpiking(nengo.RectifiedLinear()), np.full(100, 1000 * mean))
    counts = np.round(compiled(network, 200) * 0.001).ravel()
    distribution = stats.poisson(mean)
    edges = np.unique(distribution.ppf(np.linspace(0.02, 0.98, 20)))
    bins = np.concatenate([[-1], edges, [np.inf]])
    observed = np.histogram(counts, bins + 0.5)[0]
    expected = counts.size * np.diff(distribution.cdf(bins))
    kept = expected > 5
    statistic = ((observed - expected)[kept] ** 2 / expected[kept]).sum()
    assert stats.chi2(max(1, kept.sum() - 1)).sf(statistic) > 1e-4


def test_stochastic_spikes_round_the_expected_number_at_random():
    expected = np.array([0.0, 0.2, 0.7, 1.0, 1.3, 2.75])
    network = constant(nengo.StochasticSpiking(nengo.RectifiedLinear()), 1000 * expected)
    counts = compiled(network, 4000) * 0.001
    for count, mean in zip(counts.T, expected):
        assert set(np.round(count)) <= {np.floor(mean), np.ceil(mean)}
        p = mean - np.floor(mean)
        assert abs(count.mean() - mean) <= 5 * np.sqrt(p * (1 - p) / 4000) + 1e-9
        np.testing.assert_allclose(count.var(), p * (1 - p), atol=0.02)


@pytest.mark.parametrize("kind", [nengo.PoissonSpiking, nengo.StochasticSpiking])
def test_negative_rates_make_negative_spikes(kind):
    currents = np.linspace(-1, 1, 21)
    network = constant(kind(nengo.Tanh(0.002), amplitude=0.5), currents)
    spikes = compiled(network, 4000)
    mean = 500 * np.tanh(currents) * 0.5
    assert np.abs(spikes.mean(axis=0) - mean).max() < 5 * 0.5 * 1000 * np.sqrt(0.5 / 4000)
    assert spikes[:, :9].max() == 0 == spikes[:, 12:].min()
    assert not spikes[:, 10].any()
    assert spikes.min() < 0 < spikes.max()


@pytest.mark.parametrize("neuron_type", RANDOM, ids=str)
def test_random_spikes_have_the_references_rates(neuron_type):
    network = population(neuron_type)
    mine = compiled(network, 4 * SECOND) * 0.001 / neuron_type.amplitude
    theirs = reference(network, 4 * SECOND, seed=3)[network.output] * 0.001 / neuron_type.amplitude
    np.testing.assert_allclose(mine, np.round(mine), atol=1e-9)  # whole numbers of spikes
    # The difference of two Poisson numbers varies by their sum; other neurons vary less.
    difference = np.abs(mine.sum(axis=0) - theirs.sum(axis=0))
    spread = np.sqrt(1 + np.abs(mine).sum(axis=0) + np.abs(theirs).sum(axis=0))
    assert (difference / spread).max() < 5
    assert np.abs(mine).sum() > 300


def shown(network, first_item=0, n_items=4, seed=5, cuts=(40,), **options):
    """Spikes of items that see the same, whose numbers start with ``first_item``."""
    options = {"random": "compiled", "dtype": "float64", **options}
    with quiet(Simulator, network, minibatch_size=n_items, **options) as simulator:
        simulator.reset(seed, first_item)
        for n_steps in cuts:
            simulator.run_steps(n_steps)
        return np.array(simulator.data[network.output])


@pytest.mark.parametrize("random", ["compiled", "reference"])
@pytest.mark.parametrize("kind", [nengo.PoissonSpiking, nengo.StochasticSpiking])
def test_random_spikes_depend_on_the_item_and_not_on_its_place_or_on_cuts(kind, random):
    network = constant(kind(nengo.RectifiedLinear()), np.full(6, 300.0))
    whole = shown(network, random=random)
    parts = [shown(network, 0, 2, random=random), shown(network, 2, 2, random=random)]
    if random == "compiled":
        np.testing.assert_array_equal(whole, np.concatenate(parts))
        assert np.any(whole != shown(network, seed=6))
        alone = shown(network, 3, 1)[0]
        np.testing.assert_array_equal(whole[3], alone)
    np.testing.assert_array_equal(whole, shown(network, cuts=(1, 7, 32), random=random))
    for item in range(1, 4):
        assert np.any(whole[0] != whole[item])


def test_populations_and_neurons_draw_apart():
    with nengo.Network(seed=1) as network:
        probes = []
        for _ in range(2):
            ensemble = nengo.Ensemble(
                50,
                1,
                neuron_type=nengo.PoissonSpiking(nengo.RectifiedLinear()),
                gain=np.ones(50),
                bias=np.full(50, 400.0),
            )
            probes.append(nengo.Probe(ensemble.neurons))
    got = native(network, 2000, seed=1, random="compiled")
    one, other = (np.minimum(got[probe] * 0.001, 1).ravel() for probe in probes)
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(one.size)
    assert one.std() > 0.1


@pytest.mark.parametrize("kind", [nengo.PoissonSpiking, nengo.StochasticSpiking])
def test_random_spikes_of_infinite_rates_are_an_error(kind):
    network = constant(kind(nengo.RectifiedLinear()), [100.0, 200.0])
    with quiet(Simulator, network, random="compiled") as simulator:
        simulator.run_steps(5)
        bias = simulator.signals[simulator.model.sig[network.neurons]["bias"]]
        bias.setflags(write=True)
        bias[1] = np.inf
        with pytest.raises(SimulationError, match="<Ensemble"):
            simulator.run_steps(5)
        assert simulator.n_steps == 5


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_soft_lif_is_nengo_dls():
    from nengo_pc.backends.compatibility import import_nengo_dl

    soft = import_nengo_dl().neurons.SoftLIFRate
    for sigma in (1.0, 0.02, 1e-3):
        network = population(soft(sigma=sigma))
        assert in_python(network) == ()
        got, wanted = native(network, 200), reference(network, 200, seed=3)
        assert_close(got[network.output], wanted[network.output], 1e-9)
        assert np.ptp(wanted[network.output]) > 10
