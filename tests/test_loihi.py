import importlib.util

import nengo
import numpy as np
import pytest
from nengo.exceptions import BuildError

from nengo_pc.backends import Simulator, present
from nengo_pc.networks import (
    AveragePooling,
    Convolution,
    Dense,
    LIFConstants,
    Parameters,
    SpikingClassifier,
)

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("nengo_loihi") is None, reason="needs nengo-loihi"),
    pytest.mark.filterwarnings("ignore:This version of `nengo_loihi`"),
    pytest.mark.filterwarnings("ignore:NengoLoihi does not support initial values"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in cast"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
IMAGES = np.random.default_rng(4).uniform(size=(2, 6)).astype("f4")


def build(hidden=(14, 12), **options):
    layers = [*map(Dense, hidden), Dense(3)]
    parameters = Parameters.random((6,), layers, LIFConstants(amplitude=0.1), seed=8)
    network = SpikingClassifier(parameters, **{"synapse": 0.003, **options})
    with network:
        network.raw = nengo.Probe(network.output)
        network.spikes = [nengo.Probe(layer.neurons) for layer in network.layers]
    return network


def show(network, images=IMAGES, backend="loihi", **options):
    options = {"presentation_time": 0.04, "progress": False, **options}
    return present(network, images, backend=backend, **options)


# Closed forms


@pytest.mark.parametrize("tau", [0.002, 0.01])
def test_the_low_pass_of_twice_the_time_constant_has_the_same_mean_delay(tau):
    dt = 1e-5

    def mean_delay(synapse):
        pulse = np.zeros((round(60 * tau / dt), 1))
        pulse[0] = 1 / dt
        response = synapse.filt(pulse, dt=dt, y0=0)[:, 0] * dt
        assert abs(response.sum() - 1) < 1e-3
        return np.sum(np.arange(len(response)) * dt * response)

    network = build(synapse=tau)
    with Simulator(network, backend="loihi") as simulator:
        words = " ".join(simulator.substitutions)
        assert f"alpha synapse of {1000 * tau:g} ms" in words
        assert f"low-pass of {2000 * tau:g} ms" in words
        # What the chip was given: the decay of synaptic current in one step, in 4095ths.
        (block,) = simulator.model.blocks
        decay = block.compartment.decay_u
    np.testing.assert_allclose(decay, -4095 * np.expm1(-0.001 / (2 * tau)), atol=1)
    # The impulse response t / tau² exp(-t / tau) has the mean 2 tau, a low-pass its constant.
    assert abs(mean_delay(nengo.Alpha(tau)) - 2 * tau) < dt
    assert abs(mean_delay(nengo.Lowpass(2 * tau)) - 2 * tau) < dt


# Other implementations


def test_it_is_a_fresh_nengo_loihi_simulator_for_each_image():
    from nengo_pc.backends.loihi import import_nengo_loihi

    nengo_loihi = import_nengo_loihi()
    shown_network = build()
    shown = show(shown_network)
    network = build()
    nengo_loihi.add_params(network)
    network.config[network.layers[0]].on_chip = False
    for connection in network.all_connections:
        if connection.post_obj == network.layers[1].neurons:
            connection.synapse = nengo.Lowpass(0.006)
    for i, image in enumerate(IMAGES):
        network.input.output = image
        with nengo_loihi.Simulator(network, target="sim", seed=0) as simulator:
            simulator.run_steps(shown.n_steps)
        np.testing.assert_array_equal(shown[shown_network.raw][i], simulator.data[network.raw])
    assert np.any(shown[shown_network.spikes[1]])


def test_a_layer_on_the_host_spikes_as_on_the_reference():
    network = build()
    host = [show(network, backend=backend)[network.spikes[0]] for backend in ("loihi", "reference")]
    np.testing.assert_array_equal(host[0] > 0, host[1] > 0)
    assert np.count_nonzero(host[0]) > 20


def test_it_classifies_the_digits_as_the_reference_does(trained, digits):
    images, labels = digits.test.images[:60], digits.test.labels[:60]
    network = SpikingClassifier(trained.parameters, synapse=0.005)
    with network:
        output = nengo.Probe(network.output)
    scores = {
        backend: show(network, images, backend, presentation_time=0.1, keep="mean")[output]
        for backend in ("reference", "loihi")
    }
    accuracy = {name: np.mean(s.argmax(axis=1) == labels) for name, s in scores.items()}
    assert accuracy["reference"] > 0.85
    assert accuracy["loihi"] > accuracy["reference"] - 0.1
    agreement = np.mean(scores["loihi"].argmax(axis=1) == scores["reference"].argmax(axis=1))
    assert agreement > 0.85


# Invariants: what is substituted is said, and put back


def test_pixels_as_values_leave_the_first_layer_to_the_host():
    network = build()
    said = show(network).substitutions
    assert len(said) == 2
    assert said[0].startswith("layer 1 runs on the host")
    assert "values, not spikes" in said[0]
    assert said[1].startswith("layer 2: alpha synapse of 3 ms became a low-pass of 6 ms")


def test_pixels_as_spikes_leave_the_encoder_to_the_host():
    network = build(encoder="poisson", seed=1)
    said = show(network).substitutions
    assert [words.split(" ")[0] for words in said] == ["Poisson", "layer", "layer"]
    assert "no PoissonSpiking neurons" in said[0]
    assert all("alpha" in words for words in said[1:])


def test_a_neuron_type_the_chip_lacks_runs_on_the_host():
    network = build((10, 12, 8))
    network.layers[1].neuron_type = nengo.LIFRate()
    said = show(network).substitutions
    assert [w for w in said if "runs on the host" in w] == [
        "layer 1 runs on the host: it receives values, not spikes",
        "layer 2 runs on the host: the chip has no LIFRate neurons",
    ]


def test_a_low_pass_is_not_substituted():
    said = show(build(synapse=nengo.Lowpass(0.005))).substitutions
    assert all("runs on the host" in words for words in said)


def test_a_synapse_that_reaches_the_chip_through_pooling_is_substituted():
    layers = [Convolution(2, 3), AveragePooling(2), Dense(8), Dense(3)]
    parameters = Parameters.random((6, 6, 1), layers, LIFConstants(amplitude=0.1), seed=1)
    network = SpikingClassifier(parameters, synapse=0.003)
    with network:
        network.spikes = [nengo.Probe(layer.neurons) for layer in network.layers]
    shown = show(network, np.random.default_rng(4).uniform(size=(2, 6, 6, 1)))
    assert shown.substitutions == (
        "layer 1 runs on the host: it receives values, not spikes",
        "layer 2: alpha synapse of 3 ms became a low-pass of 6 ms, the same mean delay",
    )
    assert np.any(shown[network.spikes[1]])


def test_synapses_off_the_chip_stay():
    # From the chip to the read-out the host filters: an alpha synapse there is Nengo's own.
    network = build()
    (last,) = (
        c for c in network.all_connections if c.post_obj is network.output and c.synapse is not None
    )
    assert not any(last.label in words for words in show(network).substitutions)


def test_synapses_are_put_back():
    network = build()
    before = [c.synapse for c in network.all_connections]
    show(network)
    with Simulator(network, backend="loihi"):
        assert [c.synapse for c in network.all_connections] == before
    assert nengo.Alpha(0.003) in before


def test_where_populations_run_is_put_back():
    network = build((14, 12, 8))
    network.layers[1].neuron_type = nengo.LIFRate()
    show(network)
    network.layers[1].neuron_type = network.neuron_type
    fresh = build((14, 12, 8))
    again, wanted = show(network), show(fresh)
    assert again.substitutions == wanted.substitutions
    np.testing.assert_array_equal(again[network.spikes[1]], wanted[fresh.spikes[1]])


def test_neurons_that_only_derive_from_lif_are_not_taken_for_lif():
    network = build(neuron_type=nengo.AdaptiveLIF(), encoder="poisson", seed=1)
    try:
        said = show(network).substitutions
    except BuildError:
        return
    assert any("AdaptiveLIF" in words for words in said)


# Bad input


def test_nothing_left_for_the_chip_is_an_error():
    with pytest.raises(BuildError, match=r"nothing is left for the Loihi chip.*poisson"):
        show(build((14,)))
    with pytest.raises(BuildError, match="nothing is left for the Loihi chip"):
        Simulator(build((14,)), backend="loihi")


def test_rate_neurons_are_an_error():
    with pytest.raises(BuildError, match="nothing is left for the Loihi chip"):
        show(build(neuron_type=nengo.LIFRate()))


def test_other_synapses_are_named():
    synapse = nengo.LinearFilter([1], [0.01, 1])
    with pytest.raises(BuildError, match=r"low-pass synapses only; layer 2 has LinearFilter"):
        show(build(synapse=synapse))


def test_pooling_after_the_chip_is_an_error_in_words():
    layers = [Convolution(2, 3), AveragePooling(2), Dense(5), Dense(2)]
    parameters = Parameters.random((6, 6, 1), layers, seed=1)
    network = SpikingClassifier(parameters, encoder="poisson", seed=1)
    with network:
        nengo.Probe(network.output)
    with pytest.raises(BuildError, match="pool"):
        show(network, np.zeros((1, 36)))
