import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.signal import correlate2d

from nengo_pc.networks import (
    AveragePooling,
    Convolution,
    Dense,
    LIFConstants,
    Parameters,
    PoissonEncoder,
    SpikingClassifier,
)

DT = 0.001
# Nengo looks for intercepts of all ensembles, and those connected by their neurons have none.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*encountered in (log1p|divide)"),
    pytest.mark.filterwarnings("ignore:Non-finite values detected in `max_rates`"),
]
CONV = ((8, 7, 2), [Convolution(3, (3, 2)), AveragePooling(2), Convolution(4, 2), Dense(5)])
MLP = ((12,), [Dense(30), Dense(20), Dense(4)])


def perturbed(input_shape, layers, seed=1, **options):
    """Random parameters in which every bias is another number."""
    parameters = Parameters.random(input_shape, layers, seed=seed, **options)
    rng = np.random.default_rng(seed + 100)
    biases = [None if b is None else b + rng.normal(0, 0.5, b.shape) for b in parameters.biases]
    return Parameters(input_shape, layers, parameters.weights, biases, parameters.neuron)


def run(network, image, seconds, *targets, **options):
    """What is probed of ``targets`` while an image is shown."""
    network.input.output = np.ravel(image)
    with network:
        probes = [nengo.Probe(target, **options) for target in targets]
    with nengo.Simulator(network, dt=DT, progress_bar=False) as simulator:
        simulator.run(seconds, progress_bar=False)
    return [simulator.data[probe] for probe in probes]


def lif_rate(current, neuron):
    """Closed form, with threshold 1."""
    rate = np.zeros_like(current)
    above = current > 1
    passage = neuron.tau_rc * np.log(1 + 1 / (current[above] - 1))
    rate[above] = 1 / (neuron.tau_ref + passage)
    return rate


def forward(parameters, image):
    """The rate network in NumPy and SciPy; currents of each layer of neurons, and the output."""
    activity, currents = image.astype(float), []
    for i, layer in enumerate(parameters.layers):
        weights, bias = parameters.weights[i], parameters.biases[i]
        if isinstance(layer, AveragePooling):
            rows, columns = layer.size
            height, width = activity.shape[0] // rows, activity.shape[1] // columns
            blocks = activity[: height * rows, : width * columns]
            blocks = blocks.reshape(height, rows, width, columns, -1)
            activity = blocks.mean(axis=(1, 3))
            continue
        weights, bias = weights.astype(float), bias.astype(float)
        if isinstance(layer, Dense):
            current = weights @ activity.ravel() + bias
        else:
            current = np.stack(
                [
                    sum(
                        correlate2d(activity[..., c], weights[..., c, f], mode="valid")
                        for c in range(activity.shape[-1])
                    )
                    + bias[f]
                    for f in range(layer.filters)
                ],
                axis=-1,
            )
        currents.append(current)
        activity = parameters.neuron.amplitude * lif_rate(current, parameters.neuron)
    return currents[:-1], currents[-1]


# Closed forms


@pytest.mark.parametrize("network", [MLP, CONV], ids=["MLP", "CONV"])
def test_the_rate_network_is_a_forward_pass(network):
    parameters = perturbed(*network, neuron=LIFConstants(0.03, 0.003, 0.07))
    image = np.random.default_rng(2).uniform(size=network[0])
    rates, output = forward(parameters, image)
    rates = [lif_rate(current, parameters.neuron) for current in rates]
    assert all(np.mean(r > 0) > 0.2 for r in rates)
    neuron = nengo.LIFRate(tau_rc=0.03, tau_ref=0.003, amplitude=0.07)
    classifier = SpikingClassifier(parameters, neuron_type=neuron, synapse=None)
    layers = [layer.neurons for layer in classifier.layers]
    result, *activities = run(classifier, image, 2 * DT, classifier.output, *layers)
    # Without synapses nothing is late: the first step is the whole computation.
    np.testing.assert_allclose(result, [output] * 2, rtol=1e-5, atol=1e-6)
    for activity, rate in zip(activities, rates):
        np.testing.assert_allclose(activity, [0.07 * rate.ravel()] * 2, rtol=1e-5, atol=1e-6)


def test_the_first_layer_spikes_as_the_closed_form_counts():
    # Started from rest, spike k comes at k / rate - tau_ref: exactly, since Nengo's LIF integrates
    # a constant current exactly and keeps the time within the step at which it crossed.
    parameters = perturbed((12,), [Dense(300), Dense(2)])
    image = np.random.default_rng(2).uniform(size=12)
    rate = lif_rate(forward(parameters, image)[0][0], parameters.neuron)
    classifier = SpikingClassifier(parameters)
    (spikes,) = run(classifier, image, 0.5, classifier.layers[0].neurons)
    np.testing.assert_allclose(np.unique(spikes), [0, 0.05 / DT], rtol=1e-6)
    for seconds in (0.1, 0.5):
        counts = np.count_nonzero(spikes[: round(seconds / DT)], axis=0)
        wanted = (seconds + parameters.neuron.tau_ref) * rate
        sure = (np.abs(wanted - np.round(wanted)) > 1e-4) | (rate == 0)
        assert np.mean(sure) > 0.99
        np.testing.assert_array_equal(counts[sure], np.floor(wanted[sure]))
        assert np.all(np.abs(counts - seconds * rate) < 1)
    assert counts.max() > 30
    assert 0.2 < np.mean(counts > 0) < 0.8


def one_spike(synapse):
    """The output in answer to a single spike, and the step of the spike."""
    neuron = LIFConstants(tau_rc=0.02, tau_ref=100.0, amplitude=0.05)
    weights = [np.zeros((1, 1)), np.array([[2.0]])]
    parameters = Parameters(
        (1,), [Dense(1), Dense(1)], weights, [np.array([1.5]), np.zeros(1)], neuron
    )
    classifier = SpikingClassifier(parameters, synapse=synapse)
    output, spikes = run(classifier, [0.0], 0.3, classifier.output, classifier.layers[0].neurons)
    (step,) = np.flatnonzero(spikes[:, 0])
    return output[:, 0], step


@pytest.mark.parametrize("tau", [0.002, 0.01])
def test_an_alpha_synapse_answers_a_spike_with_its_impulse_response(tau):
    output, step = one_spike(tau)
    answer = output[step:] / (2 * 0.05)  # weight and amplitude
    # A spike is a pulse of one step of area 1, answered from the next step on: the mean of
    # t / tau² exp(-t / tau) over that step.
    t = DT * np.arange(len(answer) + 1)
    step_response = 1 - (1 + t / tau) * np.exp(-t / tau)
    averaged = np.concatenate([[0], np.diff(step_response)]) / DT
    np.testing.assert_allclose(answer, averaged[:-1], atol=1e-6 / tau)
    # Between a mean over a step and the value in its middle lies dt²/24 times the curvature, which
    # is 2 / tau³ at most.
    middle = t[1:] - DT / 2
    sampled = middle / tau**2 * np.exp(-middle / tau)
    np.testing.assert_allclose(answer[1:], sampled[:-1], atol=DT**2 / 12 / tau**3)


def test_without_synapse_the_spike_itself_arrives():
    output, step = one_spike(None)
    np.testing.assert_allclose(output[step], 2 * 0.05 / DT, rtol=1e-6)
    assert np.count_nonzero(output) == 1


def test_poisson_pixels_estimate_the_linear_map():
    parameters = perturbed((20,), [Dense(3)])
    image = np.random.default_rng(2).uniform(size=20)
    classifier = SpikingClassifier(parameters, encoder="poisson", seed=1)
    assert isinstance(classifier.encoder, PoissonEncoder)
    (output,) = run(classifier, image, 4.0, classifier.output)
    weights = parameters.weights[0].astype(float)
    error = np.sqrt(weights**2 @ image / (250 * 4.0))
    wanted = weights @ image + parameters.biases[0]
    assert np.all(np.abs(output.mean(axis=0) - wanted) < 4 * error)
    assert np.all(output.std(axis=0) > 0)


def test_a_silent_image_leaves_the_biases():
    parameters = perturbed((12,), [Dense(3)])
    classifier = SpikingClassifier(parameters, encoder="poisson", seed=1)
    (output,) = run(classifier, np.zeros(12), 0.01, classifier.output)
    np.testing.assert_allclose(output, [parameters.biases[0]] * 10, rtol=1e-6)


# Another implementation: each neuron type's own rates


def hidden(neuron_type, n, seconds):
    """Constant currents from -1 to 6 into a layer of ``neuron_type``; currents and activity."""
    currents = np.linspace(-1, 6, n).astype("f4")
    parameters = Parameters(
        (1,),
        [Dense(n), Dense(1)],
        [np.zeros((n, 1)), np.ones((1, n))],
        [currents, np.zeros(1)],
    )
    classifier = SpikingClassifier(parameters, neuron_type=neuron_type, synapse=None, seed=1)
    output, activity = run(
        classifier, [0.0], seconds, classifier.output, classifier.layers[0].neurons
    )
    np.testing.assert_allclose(output[:, 0], activity.sum(axis=1), rtol=1e-6, atol=1e-6)
    return currents.astype(float), activity


def rates_of(neuron_type, currents):
    return neuron_type.rates(np.zeros(1), np.ones(len(currents)), currents)[0]


@pytest.mark.parametrize(
    "neuron_type",
    [nengo.LIFRate(), nengo.RectifiedLinear(amplitude=0.1), nengo.Sigmoid(), nengo.Tanh()],
    ids=str,
)
def test_rate_neurons_of_any_type(neuron_type):
    currents, activity = hidden(neuron_type, 40, 2 * DT)
    np.testing.assert_allclose(activity, [rates_of(neuron_type, currents)] * 2, rtol=1e-6)


@pytest.mark.parametrize(
    "neuron_type",
    [
        nengo.LIF(tau_ref=0.001, amplitude=0.5),
        nengo.SpikingRectifiedLinear(amplitude=0.1),
        nengo.RegularSpiking(nengo.LIFRate()),
    ],
    ids=str,
)
def test_spiking_neurons_of_any_type(neuron_type):
    currents, activity = hidden(neuron_type, 40, 1.0)
    # Within a spike, and another for the random state that these start from.
    counts = activity.mean(axis=0) / neuron_type.amplitude
    wanted = rates_of(neuron_type, currents) / neuron_type.amplitude
    np.testing.assert_allclose(counts, wanted, atol=2)
    assert wanted.max() > 4


@pytest.mark.parametrize(
    "neuron_type",
    [nengo.PoissonSpiking(nengo.LIFRate()), nengo.StochasticSpiking(nengo.LIFRate())],
    ids=str,
)
def test_stochastic_neurons(neuron_type):
    currents, activity = hidden(neuron_type, 40, 1.0)
    wanted = rates_of(nengo.LIFRate(), currents)
    counts = activity.mean(axis=0)
    np.testing.assert_array_equal(counts[wanted == 0], 0)
    assert np.all(np.abs(counts - wanted) <= 5 * np.sqrt(wanted))


@pytest.mark.parametrize("neuron_type", [nengo.AdaptiveLIF(), nengo.Izhikevich()], ids=str)
def test_neurons_without_a_closed_form(neuron_type):
    _, activity = hidden(neuron_type, 40, 0.4)
    counts = np.count_nonzero(activity[100:], axis=0)  # after Izhikevich's first transient
    assert counts[0] == 0
    assert counts[-1] > 0
    assert np.all(np.diff(counts) >= -1)


# Invariants


@pytest.mark.parametrize("encoder", ["constant", "poisson"])
def test_only_nodes_ensembles_and_connections(encoder):
    parameters = perturbed(*CONV)
    classifier = SpikingClassifier(parameters, encoder=encoder, synapse=0.005)
    assert classifier.all_probes == []
    kinds = {type(obj) for obj in classifier.all_objects if not isinstance(obj, nengo.Network)}
    assert kinds == {nengo.Node, nengo.Ensemble, nengo.Connection}
    assert all(not callable(node.output) for node in classifier.all_nodes)
    for connection in classifier.all_connections:
        assert connection.learning_rule_type is None
        from_neurons = isinstance(connection.pre_obj, nengo.ensemble.Neurons)
        assert connection.synapse == (nengo.Alpha(0.005) if from_neurons else None)
    assert [layer.n_neurons for layer in classifier.layers] == [6 * 6 * 3, 2 * 2 * 4]
    assert all(layer.neuron_type == parameters.neuron.spiking() for layer in classifier.layers)
    assert classifier.input.size_out == 8 * 7 * 2
    assert classifier.output.size_in == 5


def test_synapses_as_they_are_given():
    parameters = perturbed(*MLP)

    def synapses(**options):
        network = SpikingClassifier(parameters, **options)
        return {c.synapse for c in network.all_connections if c.pre_obj in neurons(network)}

    def neurons(network):
        return [layer.neurons for layer in network.layers]

    assert synapses() == {nengo.Alpha(0.002)}
    assert synapses(synapse=0.01) == {nengo.Alpha(0.01)}
    assert synapses(synapse=nengo.Lowpass(0.01)) == {nengo.Lowpass(0.01)}
    assert synapses(synapse=None) == {None}


def test_a_numpy_number_is_an_alpha_synapse_too():
    classifier = SpikingClassifier(perturbed(*MLP), synapse=np.float32(0.01))
    (connection,) = (
        c
        for c in classifier.all_connections
        if c.post_obj is classifier.output and c.synapse is not None
    )
    assert isinstance(connection.synapse, nengo.Alpha)


def test_options_of_a_network_are_passed_on():
    classifier = SpikingClassifier(perturbed(*MLP), label="mine", seed=5)
    assert (classifier.label, classifier.seed) == ("mine", 5)


def test_two_classifiers_in_one_network_do_not_meet():
    parameters = [perturbed(*MLP, seed=seed) for seed in (1, 2)]
    image = np.random.default_rng(2).uniform(size=12)
    with nengo.Network() as network:
        pair = [SpikingClassifier(p) for p in parameters]
        network.input = nengo.Node(image)
        for classifier in pair:
            classifier.input.output = image
        probes = [nengo.Probe(classifier.output) for classifier in pair]
    with nengo.Simulator(network, progress_bar=False) as simulator:
        simulator.run(0.05, progress_bar=False)
    for p, probe in zip(parameters, probes):
        alone = SpikingClassifier(p)
        (output,) = run(alone, image, 0.05, alone.output)
        np.testing.assert_array_equal(simulator.data[probe], output)


# Bad input


@pytest.mark.parametrize("encoder", ["latency", None, "Poisson", ["constant"]])
def test_an_unknown_encoder_is_named(encoder):
    with pytest.raises(ValidationError, match="constant, poisson") as error:
        SpikingClassifier(perturbed(*MLP), encoder=encoder)
    assert error.value.attr == "encoder"


def test_a_negative_time_constant_is_refused():
    with pytest.raises(ValidationError):
        SpikingClassifier(perturbed(*MLP), synapse=-0.01)
