"""Elements of predictive coding in which all is spikes: encoders, errors, precision, traces."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import BuildError, ValidationError
from xla_helpers import compiled, reference

from nengo_pc import backends
from nengo_pc.learning import ErrorHebbian, FallingRate, covariance_trace
from nengo_pc.networks import (
    AdaptivePrecision,
    Dense,
    LIFEncoder,
    Parameters,
    PredictiveCoding,
    lif_error_neurons,
)
from nengo_pc.networks.error_nodes import OutputError
from nengo_pc.networks.precision import DividedError, ExcessPower

# Nengo looks for intercepts of all ensembles, and those connected by their neurons have none.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*encountered in (log1p|divide)"),
    pytest.mark.filterwarnings("ignore:Non-finite values detected in `max_rates`"),
]
DT = 0.001


def run(network, n_steps, dt=DT):
    with nengo.Simulator(network, dt=dt, optimize=False, progress_bar=False) as simulator:
        simulator.run_steps(n_steps, progress_bar=False)
    return simulator.data


def lif_rate(current, tau_rc, tau_ref):
    """Closed form, for currents above 1."""
    return 1 / (tau_ref + tau_rc * np.log(1 + 1 / (current - 1)))


# Encoder

# 30 and 1 add up to the current that one spike's size is made for.
AT_ONE = lif_rate(31.0, 0.02, 0.001)


def encoded(x, n_steps=1000, synapse=None, **options):
    with nengo.Network() as network:
        encoder = LIFEncoder(len(x), **options)
        encoder.input.output = x
        probe = nengo.Probe(encoder.output, synapse=synapse)
    return encoder, run(network, n_steps)[probe]


def test_the_rate_at_1_is_604_hertz():
    assert round(AT_ONE) == 604


@pytest.mark.parametrize("x", [0.08, 0.3, 0.6, 1.0])
def test_encoder_rates_are_the_closed_form_for_each_bias(x):
    encoder, spikes = encoded(np.full(40, x))
    counts = np.count_nonzero(spikes, axis=0)
    wanted = lif_rate(encoder.population.bias + 30 * x, 0.02, 0.001)
    # Over 1 s; a spike that the end cuts off is one.
    np.testing.assert_allclose(counts, wanted, rtol=0, atol=1)
    assert np.ptp(wanted) > 2


@pytest.mark.parametrize("neurons_per_input", [1, 4])
@pytest.mark.parametrize("constants", [{}, {"gain": 8.0, "tau_rc": 0.05, "tau_ref": 0.002}])
def test_filtered_and_decoded_spikes_are_the_mean_rate_over_the_rate_at_1(
    neurons_per_input, constants
):
    x = np.array([0.4, 0.7, 1.0])
    encoder, filtered = encoded(
        x, 1500, nengo.Lowpass(0.02), neurons_per_input=neurons_per_input, **constants
    )
    used = {"gain": 30.0, "tau_rc": 0.02, "tau_ref": 0.001, **constants}
    gain, times = used.pop("gain"), used
    currents = encoder.population.bias.reshape(3, -1) + gain * x[:, None]
    wanted = (lif_rate(currents, **times) / lif_rate(gain + 1, **times)).mean(axis=1)
    decoded = filtered[500:] @ encoder.decoder.T
    np.testing.assert_allclose(decoded.mean(axis=0), wanted, rtol=0.01)
    assert 0.85 < wanted[2] < 1


def test_the_encoder_is_silent_at_0_and_below():
    _, spikes = encoded(np.array([0.0, -0.5, -1e-9] * 20 + [1.0]), 2000)
    np.testing.assert_array_equal(spikes[:, :-1], 0)
    assert np.any(spikes[:, -1])


def test_neurons_with_the_same_input_do_not_fire_together():
    n = 50
    _, spikes = encoded(np.full(n, 0.1), 1200)
    fired = np.count_nonzero(spikes[200:], axis=1)
    p = fired.mean() / n
    # In step with each other the variance would be n times that of independent neurons.
    assert fired.var() < 2 * n * p * (1 - p)
    assert fired.max() < n / 2
    trains = {train.tobytes() for train in (spikes != 0).T}
    assert len(trains) == n


def test_a_decoder_adds_up_the_neurons_of_each_input():
    encoder, _ = encoded(np.zeros(2), 1, neurons_per_input=3)
    np.testing.assert_array_equal(encoder.decoder, [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    assert encoder.population.n_neurons == 6
    _, spikes = encoded(np.array([0.0, 1.0]), 50, neurons_per_input=3)
    assert not np.any(spikes[:, :3]) and np.all(np.any(spikes[:, 3:], axis=0))
    # One spike of three neurons is a third of one of a neuron alone.
    assert np.max(spikes[:, 3:]) * DT == pytest.approx(1 / (3 * AT_ONE))


def test_biases_are_those_of_the_size_and_the_seed():
    biases = [
        LIFEncoder(n, k, bias_seed=seed, seed=nengo_seed).population.bias
        for n, k, seed, nengo_seed in [(6, 2, 0, 1), (6, 2, 0, 2), (12, 1, 0, None), (6, 2, 1, 1)]
    ]
    np.testing.assert_array_equal(biases[0], biases[1])
    np.testing.assert_array_equal(biases[0], biases[2])
    assert np.all(biases[0] != biases[3])
    assert np.all((np.array(biases) >= 0) & (np.array(biases) < 1))


@pytest.mark.parametrize(
    "argument",
    [
        {"neurons_per_input": 0},
        {"neurons_per_input": 1.5},
        {"neurons_per_input": -2},
        {"neurons_per_input": "two"},
        {"gain": 0},
        {"gain": -30},
        {"gain": np.nan},
        {"gain": "high"},
        {"tau_rc": -0.02},
        {"tau_ref": -0.001},
    ],
)
def test_bad_arguments_of_the_encoder(argument):
    with pytest.raises(ValidationError, match=next(iter(argument))):
        LIFEncoder(3, **argument)


# Error neurons


def error_spikes(errors, n_steps, dt=DT, **options):
    """What neurons give out at errors that stay, with the current that is documented."""
    gain = options.get("gain", 10.0)
    n = len(errors)
    with nengo.Network() as network:
        ensemble = nengo.Ensemble(
            n,
            1,
            neuron_type=lif_error_neurons(**options),
            gain=np.full(n, gain),
            bias=np.ones(n),
        )
        nengo.Connection(nengo.Node(errors), ensemble.neurons, synapse=None)
        probe = nengo.Probe(ensemble.neurons)
    return run(network, n_steps, dt)[probe]


@pytest.mark.parametrize("options", [{}, {"gain": 4.0, "tau_rc": 0.05, "tau_ref": 0.0004}])
def test_error_neurons_give_out_1_at_an_error_of_1(options):
    # Nengo drops what is left of a step after a refractory period, so steps are short here.
    dt = 0.0002
    spikes = error_spikes([1.0, 0.3], 10_000, dt, **options)
    of = {"gain": 10.0, "tau_rc": 0.2, "tau_ref": 0.0002, **options}
    gain, times = of.pop("gain"), of
    at_one = lif_rate(1 + gain, **times)
    wanted = np.array([1, lif_rate(1 + 0.3 * gain, **times) / at_one])
    # A spike more or less in the 2 s.
    np.testing.assert_allclose(spikes.mean(axis=0), wanted, rtol=0, atol=1 / (2 * at_one))
    assert np.max(spikes) == pytest.approx(1 / at_one / dt)


def test_in_steps_of_a_millisecond_they_fire_in_every_20th():
    # From rest it takes 0.2 s ln(1 + 1 / 10) = 19.06 ms; the rest of that step is dropped.
    spikes = error_spikes([1.0], 100)
    np.testing.assert_array_equal(np.flatnonzero(spikes), [19, 39, 59, 79, 99])
    # The same in closed form: by 3.7 % less than 1.
    assert np.mean(spikes) == pytest.approx(0.019262 / 0.020, rel=1e-4)


def test_error_neurons_are_silent_without_an_error():
    # 25 membrane time constants: voltages are as close to the threshold as they come.
    assert not np.any(error_spikes([0.0, -1e-6, -1.0, -100.0], 5000))


@pytest.mark.parametrize("value", [0, -10, np.nan, "high"])
def test_a_bad_gain_of_error_neurons(value):
    with pytest.raises(ValidationError, match="gain"):
        lif_error_neurons(value)


@pytest.mark.parametrize("argument", [{"tau_rc": -1}, {"tau_ref": -1}])
def test_bad_constants_of_error_neurons(argument):
    with pytest.raises(ValidationError, match=next(iter(argument))):
        lif_error_neurons(**argument)


def constant_error(error, **options):
    """A network whose one layer has this error all the time."""
    n = len(error)
    parameters = Parameters((2,), [Dense(n)], [np.zeros((n, 2))], [np.full(n, 0.25)])
    network = PredictiveCoding(parameters, loss="squared-error", **options)
    network.target.output = 0.25 + np.asarray(error)
    network.clamp.output = np.ones(1)
    with network:
        network.on_off = nengo.Probe(network.errors[0].neurons)
    return network


def test_on_minus_off_has_the_sign_of_the_error_and_both_signs_are_alike():
    error = np.array([1.0, -1.0, 0.5, -0.5, 0.0])
    network = constant_error(error, error_neuron_type=lif_error_neurons())
    on, off = np.split(run(network, 2000)[network.on_off], 2, axis=1)
    np.testing.assert_array_equal(on[:, [0, 2, 4]], off[:, [1, 3, 4]])
    np.testing.assert_array_equal(on[:, [1, 3, 4]], 0)
    # As above, the closed form at 1 ms steps: 0.2 ln(1 + 1/10) = 19.06 ms make 20 steps, and
    # 0.2 ln(1 + 1/5) = 36.46 ms 37, or 36.66 ms with the refractory period.
    means = (on - off).mean(axis=0) * (0.019262 / DT)
    assert means[0] == -means[1] == pytest.approx(0.019262 / DT * 0.9631, rel=0.01)
    counts = np.count_nonzero(on - off, axis=0)
    np.testing.assert_allclose(counts, [100, 100, 54, 54, 0], atol=1)


# Adaptive precision

ERROR = np.array([1.0, -0.5, 0.25, 0.0])
POWER = (1 + 0.25 + 0.0625) / 4


@pytest.mark.parametrize("initial", [0.05, 2.0])
def test_precision_follows_the_mean_square_exponentially(initial):
    tau, n_steps = 0.02, 400
    network = constant_error(ERROR, precision=AdaptivePrecision(tau, initial))
    on, off = np.split(run(network, n_steps)[network.on_off], 2, axis=1)
    history = on - off
    v = POWER + (initial - POWER) * np.exp(-np.arange(n_steps) * DT / tau)
    np.testing.assert_allclose(history, ERROR / np.sqrt(v)[:, None], rtol=1e-6)
    np.testing.assert_allclose(history[0], ERROR / np.sqrt(initial), rtol=1e-6)
    np.testing.assert_allclose(history[-1], ERROR / np.sqrt(POWER), rtol=1e-6)
    assert np.mean(history[-1] ** 2) == pytest.approx(1)


def test_without_errors_the_precision_rises_until_the_bound():
    # v = 0.2 exp(-t / tau) while the clamp is off.
    tau, bound = 0.01, 20.0
    network = constant_error(ERROR, precision=AdaptivePrecision(tau, 0.2, bound))
    network.clamp.output = lambda t: float(t > 0.0405)
    on, off = np.split(run(network, 41)[network.on_off], 2, axis=1)
    np.testing.assert_array_equal((on - off)[:40], 0)
    unbounded = ERROR / np.sqrt(0.2 * np.exp(-4))
    assert unbounded[0] == pytest.approx(16.52, abs=0.01)
    np.testing.assert_allclose((on - off)[40], unbounded, rtol=1e-5)
    network = constant_error(ERROR, precision=AdaptivePrecision(tau, 0.2, 10.0))
    network.clamp.output = lambda t: float(t > 0.0405)
    on, off = np.split(run(network, 41)[network.on_off], 2, axis=1)
    np.testing.assert_allclose((on - off)[40], np.clip(unbounded, -10, 10), rtol=1e-5)


def test_bounds_hold_for_both_signs():
    network = constant_error([1.0, -1.0, 0.01], precision=AdaptivePrecision(1.0, 1e-4, 3.0))
    on, off = np.split(run(network, 1)[network.on_off][0], 2)
    np.testing.assert_allclose(on - off, [3, -3, 1], rtol=1e-4)


def test_every_layer_has_a_precision_of_its_own():
    rng = np.random.default_rng(3)
    sizes = (4, 6, 3)
    weights = [rng.normal(0, 0.5, (m, n)).astype("f4") for n, m in zip(sizes, sizes[1:])]
    biases = [np.ones(6, "f4"), np.zeros(3, "f4")]
    parameters = Parameters((4,), [Dense(6), Dense(3)], weights, biases)
    image, target = rng.random(4), np.array([0.0, 1.0, 0.0])
    network = PredictiveCoding(
        parameters,
        nengo.RectifiedLinear(),
        drive="prediction",
        derivative="none",
        loss="squared-error",
        precision=AdaptivePrecision(0.02),
        tau_value=0.002,
    )
    network.input.output, network.target.output = image, target
    network.clamp.output = np.ones(1)
    with network:
        probes = [nengo.Probe(errors.neurons) for errors in network.errors]
    data = run(network, 500)
    hidden = np.maximum(weights[0] @ image + 1, 0)
    top = target - weights[1] @ hidden
    top /= np.sqrt(np.mean(top**2))
    below = weights[1].T @ top
    below /= np.sqrt(np.mean(below**2))
    for probe, wanted in zip(probes, (below, top), strict=True):
        np.testing.assert_allclose(np.subtract(*np.split(data[probe][-1], 2)), wanted, rtol=1e-5)


def test_what_the_nodes_of_a_precision_work_out():
    adaptive = AdaptivePrecision(1.0, 0.5, 4.0)
    # (1 + 4 + 4) / 3 - 0.5
    np.testing.assert_allclose(ExcessPower(0.5)(0.0, np.array([1.0, -2.0, 2.0])), [2.5])
    # v is 0.5 + 0.5, and then 0, whatever rounding makes of it.
    divided = DividedError(adaptive)
    np.testing.assert_allclose(divided(0.0, np.array([3.0, -5.0, 0.5])), [3, -4], rtol=1e-7)
    np.testing.assert_allclose(divided(0.0, np.array([1.0, 0.0, -0.6])), [4, 0])


@pytest.mark.parametrize("name", ["tau", "initial", "bound"])
@pytest.mark.parametrize("value", [0, -1, np.nan, "large", None])
def test_bad_arguments_of_precision(name, value):
    with pytest.raises(ValidationError, match=name):
        AdaptivePrecision(**{name: value})


# Rectified loss


def test_a_rectified_output_by_hand():
    node = OutputError("rectified")
    prediction, target = [-1.0, 0.25, 2.0, 0.0], [0.0, 1.0, 0.0, -0.5]
    for clamp, wanted in ((1, [0, 0.75, -2, -0.5]), (-0.5, [0, -0.375, 1, 0.25]), (0, [0] * 4)):
        got = node(0.0, np.array([*prediction, *target, clamp]))
        np.testing.assert_allclose(got, wanted)
    np.testing.assert_array_equal(node.answer(np.array(prediction)), [0, 0.25, 2, 0])


def test_a_rectified_output_in_the_network():
    parameters = Parameters((2,), [Dense(3)], [np.zeros((3, 2))], [[-1, 0.25, 2]])
    network = PredictiveCoding(parameters, loss="rectified")
    network.target.output, network.clamp.output = np.array([0.0, 1.0, 0.0]), np.ones(1)
    with network:
        probe = nengo.Probe(network.errors[0].neurons)
    np.testing.assert_allclose(run(network, 2)[probe][-1], [0, 0.75, 0, 0, 0, 2])


# Margin


def test_errors_within_the_margin_are_none():
    node = OutputError("squared-error", margin=0.25)
    prediction, target = [0.75, 1.25, 0.5, 1.75, 0.25], [1.0, 1.0, 1.0, 1.0, 0.0]
    for clamp, wanted in ((1, [0, 0, 0.25, -0.5, 0]), (-1, [0, 0, -0.25, 0.5, 0]), (0, [0] * 5)):
        got = node(0.0, np.array([*prediction, *target, clamp]))
        np.testing.assert_allclose(got, wanted)


def test_the_margin_s_error_is_minus_the_slope_of_the_insensitive_loss():
    margin, step = 0.3, 1e-6
    target = np.linspace(-1.01, 1.01, 12)
    node = OutputError("squared-error", margin)

    def loss(prediction):
        return 0.5 * np.maximum(np.abs(target - prediction) - margin, 0) ** 2

    slope = (loss(step) - loss(-step)) / (2 * step)
    got = node(0.0, np.array([*np.zeros(12), *target, 1.0]))
    np.testing.assert_allclose(got, -slope, atol=1e-6)


@pytest.mark.parametrize("margin", [-0.1, np.inf, np.nan, True, "wide"])
def test_margins_that_cannot_be(margin):
    with pytest.raises(ValidationError, match="margin"):
        OutputError("rectified", margin)


@pytest.mark.parametrize("loss", ["rectified", "squared-error", "cross-entropy"])
def test_a_margin_compiled(loss):
    parameters = Parameters((2,), [Dense(3)], [np.zeros((3, 2))], [[-1, 0.25, 2]])
    network = PredictiveCoding(parameters, loss=loss, margin=0.2)
    network.target.output, network.clamp.output = np.array([0.0, 1.0, 0.5]), np.ones(1)
    with network:
        probe = nengo.Probe(network.differences[0])
    wanted, got = (run_it(network, 3)[probe] for run_it in (reference, compiled))
    assert np.any(wanted[-1])
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)


# Target in spikes


def test_spikes_of_the_target_clamp_the_output_while_there_is_one():
    bias = np.array([0.5, 0.0, 0.25])
    parameters = Parameters((2,), [Dense(3)], [np.zeros((3, 2))], [bias])
    synapse = nengo.Lowpass(0.005)
    network = PredictiveCoding(
        parameters, loss="squared-error", synapse=synapse, target_encoder="lif", clamping="target"
    )
    target = np.array([0.0, 1.0, 0.0])
    network.target.output = lambda t: target * (0.1 < t < 0.7005)
    (wanted,) = (node for node in network.nodes if node.label == "filtered target")
    with network:
        probes = [nengo.Probe(node) for node in (network.clamp, wanted, network.differences[-1])]
    data = run(network, 900)
    clamp, filtered, error = (data[probe] for probe in probes)
    # Nobody else says when to learn.
    assert network.clamp.size_in == 1 and network.clamp.output is None
    assert network.target is network.target_encoder.input
    assert network.target_encoder.population.n_neurons == 30
    for history in (clamp, filtered, error):
        np.testing.assert_array_equal(history[:100], 0)
        # 40 time constants after the target
        np.testing.assert_allclose(history[-1], 0, atol=1e-15)
    currents = network.target_encoder.population.bias[10:20] + 30
    rate = lif_rate(currents, 0.02, 0.001).mean() / AT_ONE
    assert 0.98 < rate < 1
    shown = slice(200, 700)
    assert clamp[shown].mean() == pytest.approx(rate, rel=0.005)
    np.testing.assert_allclose(filtered[shown].mean(axis=0), rate * target, atol=0.005)
    np.testing.assert_allclose(filtered.sum(axis=1), clamp[:, 0], atol=1e-12)
    # Filtered, ten neurons together are smooth.
    assert np.ptp(clamp[shown]) < 0.15
    np.testing.assert_allclose(error, clamp * (filtered - bias), atol=1e-12)


def test_a_target_given_as_it_is_needs_a_clamp_from_outside():
    parameters = Parameters.random((2,), [Dense(3)])
    network = PredictiveCoding(parameters)
    assert network.target_encoder is None and network.clamp.size_in == 0
    with pytest.raises(ValidationError, match="target_encoder"):
        PredictiveCoding(parameters, target_encoder="poisson")


# Traces


def band_pass(t, tau, tau_mean):
    """Step response of ``tau_mean p / ((tau p + 1) (tau_mean p + 1))``."""
    return tau_mean / (tau_mean - tau) * (np.exp(-t / tau_mean) - np.exp(-t / tau))


TAUS = [(0.005, 2.0), (0.005, 0.1), (0.02, 0.03)]


@pytest.mark.parametrize("tau, tau_mean", TAUS)
def test_responses_of_a_covariance_trace_are_the_closed_form(tau, tau_mean):
    n_steps = 300
    t = np.arange(n_steps + 1) * DT
    steps = band_pass(t, tau, tau_mean)
    trace = covariance_trace(tau, tau_mean)
    given = np.zeros((n_steps, 2))
    given[:, 0], given[0, 1] = 1, 1
    got = trace.filt(given, dt=DT, y0=0)
    np.testing.assert_allclose(got[:, 0], steps[1:], atol=1e-12)
    # An impulse of one step: a step, and the same taken away one step later.
    np.testing.assert_allclose(got[:, 1], np.diff(steps), atol=1e-12)


@pytest.mark.parametrize("tau, tau_mean", TAUS)
def test_a_covariance_trace_forgets_a_constant_with_the_time_constant_of_the_mean(tau, tau_mean):
    n_steps = round(12 * tau_mean / DT)
    got = covariance_trace(tau, tau_mean).filt(np.ones((n_steps, 1)), dt=DT, y0=0)[:, 0]
    assert got.max() > 0.2 and abs(got[-1]) < 5e-5
    # Late, only the slower exponential is left.
    late, apart = n_steps - 2 - round(tau_mean / DT), round(tau_mean / DT)
    ratio = np.exp(-apart * DT / tau_mean)
    assert got[late + apart] / got[late] == pytest.approx(ratio, rel=0.02)


@pytest.mark.parametrize("tau, tau_mean", TAUS)
def test_a_covariance_trace_is_a_trace_without_its_own_mean(tau, tau_mean):
    given = np.random.default_rng(0).random((3000, 2))
    trace = nengo.Lowpass(tau).filt(given, dt=DT, y0=0)
    mean = nengo.Lowpass(tau_mean).filt(trace, dt=DT, y0=0)
    got = covariance_trace(tau, tau_mean).filt(given, dt=DT, y0=0)
    assert np.ptp(got) > 0.2
    # Two filters one after another hold what is between them for a step each.
    np.testing.assert_allclose(got, trace - mean, atol=DT / tau_mean)


@pytest.mark.parametrize("tau, tau_mean, tau_lag", [(0.005, 2.0, 0.01), (0.004, 0.1, 0.03)])
def test_a_trace_that_waits_has_its_lag_more(tau, tau_mean, tau_lag):
    # Its response to a step, from the partial fractions of tau_mean / prod(tau_i p + 1).
    n_steps = 400
    t = np.arange(1, n_steps + 1) * DT
    taus = np.array([tau, tau_mean, tau_lag])
    wanted = np.zeros(n_steps)
    for i, own in enumerate(taus):
        others = np.delete(taus, i)
        wanted += tau_mean * own / np.prod(own - others) * np.exp(-t / own)
    got = covariance_trace(tau, tau_mean, tau_lag).filt(np.ones((n_steps, 1)), dt=DT, y0=0)[:, 0]
    np.testing.assert_allclose(got, wanted, atol=1e-9)


@pytest.mark.parametrize(
    "arguments, name",
    [
        ((0.005, 2.0, -0.01), "tau_lag"),
        ((0.005, 2.0, np.inf), "tau_lag"),
        ((0.005, 0.005), "tau_mean"),
        ((0.005, 0.004), "tau_mean"),
        ((0.005, np.nan), "tau_mean"),
        ((0.005, None), "tau_mean"),
        ((0, 2.0), "tau"),
        ((-0.005, 2.0), "tau"),
        (("short", 2.0), "tau"),
    ],
)
def test_bad_time_constants_of_a_trace(arguments, name):
    with pytest.raises(ValidationError, match=rf"^(.*\.)?{name}: "):
        covariance_trace(*arguments)


# Rates that change


def test_a_falling_rate():
    rate = FallingRate(0.8, 4.0)
    got = [rate(t) for t in (0.0, 1.0, np.float64(2.0), 3.0, 4.0, 5.0, 1e9)]
    np.testing.assert_allclose(got, [0.8, 0.6, 0.4, 0.2, 0, 0, 0])
    assert all(type(value) is float for value in got[:3])
    assert rate == FallingRate(0.8, 4.0)


@pytest.mark.parametrize("name", ["initial", "duration"])
@pytest.mark.parametrize("value", [0, -1, np.nan, None])
def test_bad_arguments_of_a_falling_rate(name, value):
    with pytest.raises(ValidationError, match=name):
        FallingRate(**{"initial": 1.0, "duration": 1.0, name: value})


def swinging(t):
    return 0.5 + np.sin(100 * float(t)) ** 2


N_STEPS = 30
RATES = {"falling": FallingRate(0.7, 0.0205), "swinging": swinging}


def by_nengo_dl(network, n_steps):
    with backends.Simulator(network, backend="dl", dtype="float64", dt=DT) as simulator:
        simulator.run_steps(n_steps)
        data = {probe: np.array(simulator.data[probe]) for probe in network.all_probes}
    return {probe: values.reshape(values.shape[-3:]) for probe, values in data.items()}


def natively(network, n_steps):
    with backends.Simulator(network, backend="native", dt=DT) as simulator:
        simulator.run_steps(n_steps)
        return {probe: np.array(simulator.data[probe]) for probe in network.all_probes}


BACKENDS = {"reference": reference, "native": natively, "xla": compiled, "dl": by_nengo_dl}


def played(values):
    return nengo.Node(lambda t: values[min(int(round(t / DT)), len(values)) - 1])


def relu(n):
    return nengo.Ensemble(
        n, 1, neuron_type=nengo.RectifiedLinear(), gain=np.ones(n), bias=np.zeros(n)
    ).neurons


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", RATES)
def test_the_rate_is_that_of_the_step_whose_change_the_next_step_adds(name, backend):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(2, 3))
    e, s = rng.normal(size=(N_STEPS, 2)), rng.uniform(0, 5, (N_STEPS, 3))
    rates = {"changing": RATES[name], "constant": 0.3}
    with nengo.Network() as network:
        values, error = relu(3), played(e)
        nengo.Connection(played(s), values, synapse=None)
        probes = {}
        # Of one shape, so that NengoDL may merge them.
        for key, rate in rates.items():
            learned = nengo.Connection(
                values,
                nengo.Node(size_in=2),
                transform=weights,
                learning_rule_type=ErrorHebbian(rate, pre_synapse=None, decay=40.0),
            )
            nengo.Connection(error, learned.learning_rule, synapse=None)
            probes[key] = nengo.Probe(learned, "weights")
    got = BACKENDS[backend](network, N_STEPS)
    for key, rate in rates.items():
        w, wanted = weights.copy(), []
        for i in range(N_STEPS):
            wanted.append(w)
            # The first step ends at dt, which is its time.
            now = rate if key == "constant" else rate((i + 1) * DT)
            w = w + now * DT * (np.outer(e[i], s[i]) - 40.0 * w)
        np.testing.assert_allclose(got[probes[key]], wanted, rtol=1e-9, atol=1e-13)
        if name == "falling" and key == "changing":
            # From step 21 on the rate is 0, and weights rest.
            assert np.all(got[probes[key]][20] != got[probes[key]][19])
            assert np.all(np.ptp(got[probes[key]][21:], axis=0) == 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_with_changing_rates_the_gap_shrinks_by_their_product(backend):
    rate, decay = FallingRate(2.0, 0.03), 50.0
    parameters = Parameters.random((4,), [Dense(5), Dense(3)], seed=2)
    network = PredictiveCoding(
        parameters,
        nengo.RectifiedLinear(),
        feedback="kolen-pollack",
        loss="squared-error",
        tau_value=0.002,
        learning_rule=ErrorHebbian(rate, pre_synapse=None, decay=decay),
    )
    network.input.output, network.target.output = np.full(4, 0.5), np.array([0.0, 1.0, 0.0])
    network.clamp.output = np.ones(1)
    with network:
        probes = [nengo.Probe(c, "weights") for c in (network.forward[1], network.feedback[0])]
    w, b = (BACKENDS[backend](network, N_STEPS)[probe] for probe in probes)
    gap = w - b[:, :, :3].transpose(0, 2, 1)
    shrunk = np.cumprod([1] + [1 - rate(k * DT) * DT * decay for k in range(1, N_STEPS)])
    np.testing.assert_allclose(gap, gap[0] * shrunk[:, None, None], rtol=1e-8, atol=1e-13)
    assert np.abs(gap[0]).max() > 0.1 and shrunk[-1] < 0.3
    # It learned, too.
    assert np.abs(w[-1] - w[0] * shrunk[-1]).max() > 1e-3


def test_bad_rates_of_a_rule():
    for rate in (lambda t: -1.0, lambda t: np.nan, lambda t: "fast"):
        with pytest.raises(ValidationError, match="learning_rate"):
            ErrorHebbian(rate)
    with nengo.Network() as network:
        rule = ErrorHebbian(FallingRate(10.0, 1.0), decay=101.0)
        learned = nengo.Connection(
            relu(1), nengo.Node(size_in=1), transform=[[1.0]], learning_rule_type=rule
        )
        nengo.Connection(nengo.Node([0.0]), learned.learning_rule)
    with pytest.raises(BuildError, match="at most 1, got 1.01"):
        nengo.Simulator(network, progress_bar=False)


# A rule for each layer

PARAMETERS = Parameters.random((6,), [Dense(5), Dense(4), Dense(3)], seed=4)


def test_each_layer_learns_with_its_own_rule():
    rates, decays, n_steps = (0.0, 2.0, 5.0), (1.0, 0.0, 30.0), 40
    rules = [ErrorHebbian(r, None, d) for r, d in zip(rates, decays)]
    network = PredictiveCoding(
        PARAMETERS,
        nengo.RectifiedLinear(),
        feedback="kolen-pollack",
        loss="squared-error",
        tau_value=0.002,
        learning_rule=rules,
    )
    image = np.random.default_rng(5).random(6)
    network.input.output, network.target.output = image, np.array([0.0, 1.0, 0.0])
    network.clamp.output = np.ones(1)
    with network:
        forward, biases, feedback = (
            [nengo.Probe(c, "weights") for c in connections]
            for connections in (network.forward, network.biases, network.feedback)
        )
        values = [nengo.Probe(population.neurons) for population in network.values]
        errors = [nengo.Probe(population.neurons) for population in network.errors]
    data = run(network, n_steps)
    activities = [np.tile(image, (n_steps, 1)), *(data[probe] for probe in values)]
    errors = [np.subtract(*np.split(data[probe], 2, axis=1)) for probe in errors]

    def check(probe, rate, decay, post, pre):
        w = data[probe]
        change = rate * DT * (post[:, :, None] * pre[:, None, :] - decay * w)
        np.testing.assert_allclose(np.diff(w, axis=0), change[:-1], rtol=1e-9, atol=1e-14)
        assert np.any(change) == (rate > 0)

    for i, (rate, decay) in enumerate(zip(rates, decays)):
        check(forward[i], rate, decay, errors[i], activities[i])
        check(biases[i], rate, 0, errors[i], np.ones((n_steps, 1)))
        if i > 0:
            # Feedback from errors i is the mirror of the forward weights of that layer.
            on_off = np.hstack([errors[i], -errors[i]])
            check(feedback[i - 1], rate, decay, activities[i], on_off)
    np.testing.assert_array_equal(data[forward[0]][-1], PARAMETERS.weights[0])


@pytest.mark.parametrize(
    "rules",
    [
        [ErrorHebbian()] * 2,
        [ErrorHebbian()] * 4,
        [],
        [ErrorHebbian(), None, ErrorHebbian()],
        [ErrorHebbian(), 0.1, ErrorHebbian()],
        [nengo.PES()] * 3,
    ],
)
def test_a_sequence_of_rules_has_one_for_each_layer(rules):
    with pytest.raises(ValidationError, match="learning_rule"):
        PredictiveCoding(PARAMETERS, learning_rule=rules)


def test_a_sequence_of_nones_does_not_learn():
    network = PredictiveCoding(PARAMETERS, learning_rule=[None] * 3)
    assert not network.learns
    assert all(c.learning_rule is None for c in network.all_connections)


# All of it, compiled


def all_spikes(rate):
    rng = np.random.default_rng(6)
    sizes = (6, 5, 4, 3)
    parameters = Parameters(
        (6,),
        [Dense(n) for n in sizes[1:]],
        [rng.normal(0, 1, (m, n)) for n, m in zip(sizes, sizes[1:])],
        [np.full(5, 3.0), np.full(4, 3.0), np.zeros(3)],
    )
    network = PredictiveCoding(
        parameters,
        parameters.neuron.spiking(),
        lif_error_neurons(),
        drive="prediction",
        feedback="kolen-pollack",
        derivative="step",
        loss="rectified",
        precision=AdaptivePrecision(),
        synapse=nengo.Lowpass(0.005),
        encoder="lif",
        target_encoder="lif",
        clamping="target",
        learning_rule=ErrorHebbian(rate, covariance_trace(0.005), decay=0.03),
        seed=0,
    )
    network.input.output, network.target.output = rng.random(6), np.array([0.0, 1.0, 0.0])
    populations = [
        network.encoder.population,
        network.target_encoder.population,
        *network.values,
        *network.errors,
    ]
    learned = network.forward + network.biases + network.feedback
    with network:
        network.spikes = [nengo.Probe(population.neurons) for population in populations]
        network.weights = [nengo.Probe(connection, "weights") for connection in learned]
    return network


def test_a_network_of_spikes_learns_the_same_compiled():
    network = all_spikes(0.5)
    wanted, got = (run_it(network, 60, seed=3) for run_it in (reference, compiled))
    for probe in network.spikes:
        np.testing.assert_array_equal(got[probe] != 0, wanted[probe] != 0)
        assert np.any(wanted[probe])
    for probe in network.weights:
        np.testing.assert_allclose(got[probe], wanted[probe], rtol=0, atol=1e-9)
        # All but the decay of weights comes from errors.
        shrunk = wanted[probe][0] * (1 - 0.5 * DT * 0.03) ** 59
        assert np.abs(wanted[probe][-1] - shrunk).max() > 1e-6


def test_a_network_of_spikes_has_nothing_else():
    """No Node holds the clamp, and no connection from neurons is without a synapse."""
    network = all_spikes(0.5)
    assert network.clamp.size_in == 1
    constant = network.biases[0].pre_obj
    for connection in network.all_connections:
        if isinstance(connection.pre_obj, nengo.ensemble.Neurons):
            assert connection.pre_obj is constant or connection.synapse is not None


# Consolidation


RATE, DECAY, N_STEPS = 5.0, 0.3, 40


def learned_weights(backend, n_items=1, **how):
    """Weights at the start, presynaptic activities, errors, and weights in each step."""
    rng = np.random.default_rng(3)
    start, s = rng.normal(size=(2, 3)), np.array([1.0, 2.0, 0.5])
    errors = rng.normal(size=(n_items, 2))
    with nengo.Network(seed=0) as network:
        pre = nengo.Ensemble(3, 1, neuron_type=nengo.RectifiedLinear(), gain=np.ones(3), bias=s)
        post, error = nengo.Node(size_in=2), nengo.Node(errors[0])
        learned = nengo.Connection(
            pre.neurons,
            post,
            transform=start,
            learning_rule_type=ErrorHebbian(RATE, None, DECAY, **how),
        )
        nengo.Connection(error, learned.learning_rule, synapse=None)
        probe = nengo.Probe(learned, "weights")
    options = {} if backend == "reference" else {"dtype": "float64"}
    given = {}
    if n_items > 1:
        options |= {"minibatch_size": n_items, "minibatch_learning": "mean"}
        given = {"data": {error: np.repeat(errors[:, None], N_STEPS, axis=1)}}
    with backends.Simulator(network, backend, progress_bar=False, **options) as simulator:
        simulator.run_steps(N_STEPS, progress_bar=False, **given)
        # A minibatch that learns together has one set of weights.
        seen = np.reshape(simulator.data[probe], (-1, N_STEPS, 2, 3))
    assert np.ptp(seen, axis=0).max() == 0
    return start, s, errors, seen[0]


@pytest.mark.parametrize("backend", ["reference", "native", "dl", "xla"])
def test_changes_reach_the_weights_through_a_trace(backend):
    # m <- k m + (1 - k) rate dt (e s - decay W), W <- W + m a step later, by hand.
    tau = 0.01
    weights, s, errors, seen = learned_weights(backend, consolidation=tau)
    kept, trace = np.exp(-DT / tau), np.zeros((2, 3))
    for row in seen:
        weights = weights + trace
        assert row == pytest.approx(weights, abs=1e-9)
        change = RATE * DT * (np.outer(errors[0], s) - DECAY * weights)
        trace = kept * trace + (1 - kept) * change


@pytest.mark.parametrize(
    "backend, n_items", [("reference", 1), ("native", 1), ("dl", 1), ("xla", 1), ("xla", 4)]
)
def test_changes_wait_for_the_clock(backend, n_items):
    # After 7 steps, and so on, all that was due in them arrives at once, by hand.
    weights, s, errors, seen = learned_weights(backend, n_items, update_interval=0.007)
    gathered = np.zeros((2, 3))
    for n, row in enumerate(seen, start=1):
        assert row == pytest.approx(weights, abs=1e-9)
        gathered += RATE * DT * (np.outer(errors.mean(axis=0), s) - DECAY * weights)
        if n % 7 == 0:
            weights, gathered = weights + gathered, np.zeros((2, 3))


def test_a_clock_as_fast_as_the_steps_is_none():
    clocked = learned_weights("reference", update_interval=DT)[-1]
    assert clocked == pytest.approx(learned_weights("reference")[-1], abs=1e-12)


def test_a_clock_and_a_trace_exclude_each_other():
    with pytest.raises(ValidationError, match="update_interval"):
        ErrorHebbian(consolidation=0.1, update_interval=0.03)


@pytest.mark.parametrize("name", ["consolidation", "update_interval"])
@pytest.mark.parametrize("value", [-0.1, np.inf, "soon"])
def test_times_of_changes_that_cannot_be(name, value):
    with pytest.raises(ValidationError, match=name):
        ErrorHebbian(**{name: value})


@pytest.mark.parametrize("name", ["consolidation", "update_interval"])
def test_a_mirror_changes_when_the_rule_does(name):
    assert getattr(ErrorHebbian(**{name: 0.2}).mirror(), name) == 0.2


# Synapses of error neurons


def test_errors_may_have_a_synapse_of_their_own():
    parameters = Parameters.random((2,), [Dense(3), Dense(2)], seed=0)
    values, errors = nengo.Lowpass(0.005), nengo.Lowpass(0.002)
    network = PredictiveCoding(
        parameters,
        feedback="kolen-pollack",
        synapse=values,
        error_synapse=errors,
        learning_rule=ErrorHebbian(0.1, values),
    )
    for connection in network.all_connections:
        if connection.pre_obj in [e.neurons for e in network.values]:
            assert connection.synapse is values
        if getattr(connection.pre_obj, "ensemble", None) in network.errors:
            assert connection.synapse is errors
    # What forward weights learn from is what feedback weights read.
    assert network.feedback[0].learning_rule_type.pre_synapse is errors
    assert PredictiveCoding(parameters, synapse=values).error_synapse is values
    with pytest.raises(ValidationError, match="error_synapse"):
        PredictiveCoding(parameters, error_synapse=-1)


# The output's error


def test_the_outputs_error_follows_with_its_time_constant():
    parameters = Parameters.random((2,), [Dense(3), Dense(2)], seed=0)
    network = PredictiveCoding(parameters, loss="squared-error", tau_output=0.01)
    network.target.output, network.clamp.output = [1.0, 0.0], [1.0]
    with network:
        probes = [nengo.Probe(node) for node in (network.output, network.differences[-1])]
    data = run(network, 100)
    u = data[probes[0]][-1]
    wanted = ([1, 0] - u) * (1 - np.exp(-DT / 0.01) ** np.arange(100))[:, None]
    assert data[probes[1]][1:] == pytest.approx(wanted[1:], abs=1e-9)
    with pytest.raises(ValidationError, match="tau_output"):
        PredictiveCoding(parameters, tau_output=0)
