import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from nengo_pc.networks import PoissonEncoder

DT = 0.001


def spikes(x, seconds=1.0, seed=1, **options):
    """Counts of each neuron in each step, shape (n_steps, n_neurons)."""
    with nengo.Network(seed=seed) as network:
        encoder = PoissonEncoder(len(x), **options)
        encoder.input.output = x
        probe = nengo.Probe(encoder.output)
    with nengo.Simulator(network, dt=DT, progress_bar=False) as simulator:
        simulator.run(seconds, progress_bar=False)
    return simulator.data[probe] * DT * options.get("maximum_rate", 250.0)


# Closed forms: a Poisson process


@pytest.mark.parametrize("x", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("rate", [250.0, 40])
def test_counts_are_whole_and_poisson(x, rate):
    n = 500
    counts = spikes(np.full(n, x), maximum_rate=rate).sum(axis=0)
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-6)
    wanted = rate * x
    assert abs(counts.mean() - wanted) < 4 * np.sqrt(wanted / n)
    # Variance of a sample variance: (m4 - v² (n - 3) / (n - 1)) / n, with m4 = v + 3 v² of Poisson.
    error = np.sqrt((wanted + 3 * wanted**2 - wanted**2 * (n - 3) / (n - 1)) / n)
    assert abs(counts.var(ddof=1) - wanted) < 4 * error


def test_spikes_are_independent_in_time_and_across_neurons():
    trains = spikes(np.full(300, 0.8))
    # Bins of 10 steps: mean and variance 2, no correlation with the next bin or neuron.
    bins = trains.reshape(100, 10, 300).sum(axis=1)
    assert abs(bins.mean() - 2) < 4 * np.sqrt(2 / bins.size)
    centred = bins - 2
    for product in (centred[1:] * centred[:-1], centred[:, 1:] * centred[:, :-1]):
        assert abs(product.mean()) < 4 * 2 / np.sqrt(product.size)


def test_the_filtered_output_is_the_input():
    x = np.repeat([0.1, 0.5, 1.0], 200)
    with nengo.Network(seed=1) as network:
        encoder = PoissonEncoder(len(x), maximum_rate=100)
        encoder.input.output = x
        probe = nengo.Probe(encoder.output, synapse=nengo.Lowpass(0.02))
    with nengo.Simulator(network, dt=DT, progress_bar=False) as simulator:
        simulator.run(0.4, progress_bar=False)
    late = simulator.data[probe][200:].mean(axis=0).reshape(3, 200)
    for estimates, wanted in zip(late, (0.1, 0.5, 1.0)):
        # Over 0.2 s a count has the standard deviation sqrt(rate x 0.2).
        error = np.sqrt(wanted / (100 * 0.2) / 200)
        assert abs(estimates.mean() - wanted) < 5 * error


def test_silent_at_0_and_below():
    counts = spikes(np.array([0.0, -0.5, -1e-9, 1.0]), seconds=0.5).sum(axis=0)
    np.testing.assert_array_equal(counts[:3], 0)
    assert counts[3] > 0


# Invariants


def test_the_seed_decides_the_spikes():
    x = np.full(20, 0.5)
    np.testing.assert_array_equal(spikes(x, 0.1, seed=3), spikes(x, 0.1, seed=3))
    assert np.any(spikes(x, 0.1, seed=3) != spikes(x, 0.1, seed=4))


# Bad input


@pytest.mark.parametrize("rate", [0, -1, np.nan, np.inf, None, [250.0]])
def test_a_rate_is_a_positive_number(rate):
    with pytest.raises(ValidationError) as error:
        PoissonEncoder(3, maximum_rate=rate)
    assert error.value.attr == "maximum_rate"


def test_a_rate_of_another_type_is_named():
    with pytest.raises(ValidationError) as error:
        PoissonEncoder(3, maximum_rate="250")
    assert error.value.attr == "maximum_rate"
