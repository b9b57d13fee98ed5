"""Every operator with a kernel against Nengo's own simulator, and that the kernel was used."""

import nengo
import numpy as np
import pytest
from native_helpers import assert_close, assert_same, in_python, native, quiet, reference, wave
from nengo.builder import Model
from scipy import sparse

from nengo_pc.backends.native import Simulator


@pytest.fixture
def rng():
    return np.random.default_rng(5)


# Wiring


@pytest.mark.parametrize(
    "pre, post, transform",
    [
        (slice(None), slice(None), 1.0),
        (slice(None), slice(None), -1.5),
        (slice(None), slice(None), [1.0, -2.0, 0.5]),
        (slice(None), slice(None), np.arange(9.0).reshape(3, 3)),
        (slice(1, None), slice(2), 1.0),
        (slice(None, None, -1), slice(None), 1.0),
        (slice(None, None, 2), [1, 2], 1.0),
        (slice(None, None, 2), slice(None, None, -2), np.array([[0.5, 1.0], [-2.0, 3.0]])),
        ([2, 0], [0, 1], 1.0),
        ([0, 0, 1], slice(None), 1.0),
        (slice(None), [0, 0, 1], 1.0),
        ([1, 1, 2], [2, 2, 0], [1.0, 2.0, 3.0]),
        (1, 2, 3.0),
        (-1, 0, 1.0),
        (slice(1), [0, 2], np.ones((2, 1))),
    ],
)
@pytest.mark.parametrize("synapse", [None, 0.004])
def test_slices_and_transforms_onto_nodes(pre, post, transform, synapse):
    with nengo.Network() as network:
        source, target = wave(), nengo.Node(size_in=3)
        nengo.Connection(source[pre], target[post], transform=transform, synapse=synapse)
        nengo.Connection(source, target, transform=0.1, synapse=None)
        nengo.Probe(target)
        nengo.Probe(target[1:])
        nengo.Probe(target[[2, 0]])
        nengo.Probe(source[::-1], synapse=0.01)
    assert_same(network, 20)


@pytest.mark.parametrize(
    "post, transform",
    [
        (slice(None), [[1.0], [2.0], [-1.0], [0.5], [3.0]]),
        (slice(1, 4), [[1.0], [2.0], [3.0]]),
        (slice(None, None, 2), [[1.0], [2.0], [3.0]]),
        (slice(None, None, -1), [[1.0], [2.0], [3.0], [4.0], [5.0]]),
        ([0, 0, 3], 1.0),
        ([2, 1, 2], 2.0),
        ([4, 1], [[2.0], [1.0]]),
    ],
)
def test_slices_and_repeats_onto_neurons(post, transform):
    with nengo.Network(seed=1) as network:
        ensemble = nengo.Ensemble(5, 1, neuron_type=nengo.LIFRate(), encoders=np.ones((5, 1)))
        source = wave(3 if np.ndim(transform) == 0 else 1)
        nengo.Connection(source, ensemble.neurons[post], transform=transform, synapse=None)
        nengo.Connection(ensemble.neurons[[0, 0, 4]], nengo.Node(size_in=3), synapse=0.003)
        nengo.Probe(ensemble.neurons, "input")
        nengo.Probe(ensemble.neurons)
        nengo.Probe(ensemble.neurons[1:3])
        nengo.Probe(ensemble.neurons[[3, 1]], synapse=0.01)
    assert_same(network, 20)


def test_one_dimension():
    with nengo.Network() as network:
        source, target = wave(1), nengo.Node(size_in=1)
        nengo.Connection(source, target, transform=[[2.0]], synapse=None)
        nengo.Connection(source, target, transform=-0.5, synapse=0.002)
        nengo.Probe(target)
    assert_same(network, 20)


@pytest.mark.parametrize("rows, columns", [(1, 7), (7, 1), (3, 40), (40, 3), (70, 60), (60, 70)])
def test_products_with_matrices_of_any_shape(rows, columns, rng):
    matrix = rng.normal(size=(rows, columns))
    with nengo.Network() as network:
        source, target = wave(columns), nengo.Node(size_in=rows)
        nengo.Connection(source, target, transform=matrix, synapse=None)
        probe, given = nengo.Probe(target), nengo.Probe(source)
    got = assert_same(network, 20)
    assert_close(got[probe], got[given] @ matrix.T)


@pytest.mark.parametrize("n_nonzero", [0, 1, 5, 60])
def test_products_do_not_depend_on_how_many_inputs_are_zero(n_nonzero, rng):
    matrix, values = rng.normal(size=(50, 60)), np.zeros((30, 60))
    for step in range(0, 30, 3):  # each is held for three steps, and anything changes then
        values[step : step + 3, rng.permutation(60)[:n_nonzero]] = rng.normal(size=n_nonzero)
    with nengo.Network() as network:
        source, target = nengo.Node(np.zeros(60)), nengo.Node(size_in=50)
        nengo.Connection(source, target, transform=matrix, synapse=None)
        probe = nengo.Probe(target)
    assert in_python(network) == ()
    assert_close(native(network, 30, {source: values})[probe], values @ matrix.T)
    assert values.any() == (n_nonzero > 0)


def test_a_held_input_is_multiplied_anew_once_it_changes(rng):
    matrix = rng.normal(size=(64, 80))
    with nengo.Network() as network:
        source, target = nengo.Node(np.ones(80)), nengo.Node(size_in=64)
        nengo.Connection(source, target, transform=matrix, synapse=None)
        probe = nengo.Probe(target)
    first, second = rng.normal(size=(2, 1, 80))
    with quiet(Simulator, network, dtype="float64") as simulator:
        for data in ({source: first}, {source: second}, {}, {source: first}):
            simulator.run_steps(5, data=data)
        got = simulator.data[probe]
    held = np.repeat([first[0], second[0], np.ones(80), first[0]], 5, axis=0)
    assert_close(got, held @ matrix.T)


@pytest.mark.parametrize("n_rows, n_columns, density", [(6, 9, 0.3), (40, 30, 0.05), (5, 5, 1.0)])
@pytest.mark.parametrize("kind", ["scipy", "nengo"])
def test_sparse_transforms(n_rows, n_columns, density, kind):
    matrix = sparse.random(n_rows, n_columns, density, random_state=2)
    dense, entries = matrix.toarray(), {"init": matrix}
    if kind == "nengo":
        entries = {"indices": np.transpose([matrix.row, matrix.col]), "init": matrix.data}
    with nengo.Network() as network:
        source, target = wave(n_columns), nengo.Node(size_in=n_rows)
        transform = nengo.Sparse((n_rows, n_columns), **entries)
        nengo.Connection(source, target, transform=transform, synapse=None)
        nengo.Connection(source, target, transform=transform, synapse=0.004)
        nengo.Probe(target)
        direct = nengo.Node(size_in=n_rows)
        nengo.Connection(source, direct, transform=transform, synapse=None)
        given, probe = nengo.Probe(source), nengo.Probe(direct)
    got = assert_same(network, 10)
    assert_close(got[probe], got[given] @ dense.T)


def test_sparse_matrices_of_spikes_and_of_random_entries():
    transform = nengo.Sparse(
        (30, 50), indices=[[i % 30, i] for i in range(50)], init=nengo.dists.Uniform(-1, 1)
    )
    with nengo.Network(seed=2) as network:
        ensemble = nengo.Ensemble(50, 1)
        nengo.Connection(wave(1), ensemble, synapse=None)
        target = nengo.Node(size_in=30)
        nengo.Connection(ensemble.neurons, target, transform=transform, synapse=0.005)
        nengo.Probe(target)
    assert_same(network, 60)


def test_repeated_entries_of_a_sparse_matrix_add_up():
    transform = nengo.Sparse((2, 2), indices=[[0, 1], [0, 1], [1, 0]], init=[1.0, 2.0, 4.0])
    with nengo.Network() as network:
        source, target = nengo.Node([3.0, 5.0]), nengo.Node(size_in=2)
        nengo.Connection(source, target, transform=transform, synapse=None)
        probe = nengo.Probe(target)
    np.testing.assert_array_equal(native(network, 2)[probe], [[15, 12]] * 2)


CONVOLUTIONS = [
    (nengo.Convolution, (5, 6), (3, 3), (1, 1), {}),
    (nengo.Convolution, (6, 5), (2, 3), (2, 1), {}),
    (nengo.Convolution, (7, 6), (3, 3), (2, 2), {}),
    (nengo.Convolution, (9,), (3,), (2,), {}),
    (nengo.Convolution, (9,), (4,), (1,), {}),
    (nengo.Convolution, (6, 6), (3, 3), (2, 2), {"groups": 2}),
    (nengo.ConvolutionTranspose, (3, 4), (3, 3), (2, 1), {}),
    (nengo.ConvolutionTranspose, (3, 3), (3, 3), (2, 3), {}),
    (nengo.ConvolutionTranspose, (4,), (3,), (2,), {}),
]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("kind, shape, kernel, strides, options", CONVOLUTIONS)
def test_convolutions(kind, shape, kernel, strides, options, channels_last, padding):
    transform = kind(
        n_filters=4,
        input_shape=(*shape, 2) if channels_last else (2, *shape),
        kernel_size=kernel,
        strides=strides,
        padding=padding,
        channels_last=channels_last,
        **options,
    )
    with nengo.Network(seed=1) as network:
        source, target = wave(transform.size_in), nengo.Node(size_in=transform.size_out)
        nengo.Connection(source, target, transform=transform, synapse=None)
        nengo.Probe(target)
    has_kernel = kind is nengo.Convolution and channels_last and not options
    assert_same(network, 3, python=() if has_kernel else None)


def test_convolutions_between_neurons_that_spike():
    transform = nengo.Convolution(3, (6, 6, 1), init=nengo.dists.Uniform(-1, 1))
    with nengo.Network(seed=1) as network:
        first, second = nengo.Ensemble(36, 1), nengo.Ensemble(transform.size_out, 1)
        nengo.Connection(wave(1), first, synapse=None)
        nengo.Connection(first.neurons, second.neurons, transform=transform)
        nengo.Probe(second.neurons)
        nengo.Probe(second.neurons, "input")
    assert_same(network, 60)


# Filters

FILTERS = [
    nengo.Lowpass(0.005),
    nengo.Lowpass(0),
    nengo.Lowpass(1e-5),  # so short that its output follows its input
    nengo.Alpha(0.003),
    nengo.Alpha(0),
    nengo.LinearFilter([1], [0.001, 0.05, 1]),
    nengo.LinearFilter([3.0], [1.0]),  # no state
    nengo.LinearFilter([0.002, 1], [0.01, 1]),  # passes a part at once
    nengo.LinearFilter([2e-5, 0.002, 1], [1e-4, 0.02, 1]),  # with two states
    nengo.LinearFilter([1], [1e-6, 3e-4, 0.03, 1]),
    nengo.LinearFilter([1], [1e-11, 1e-8, 5e-6, 2e-3, 0.3, 1]),
    nengo.LinearFilter([1], [0.004, 1], method="euler"),
    nengo.LinearFilter([0.2], [1, -0.8], analog=False),
    nengo.LinearFilter([0.1, 0.2], [1, -0.8, 0.1], analog=False),
    nengo.LinearFilter([0.5, 0.1, 0.2], [1, -0.8, 0.1], analog=False),
]


@pytest.mark.parametrize("synapse", FILTERS, ids=str)
def test_linear_filters_on_connections_nodes_and_probes(synapse):
    with nengo.Network(seed=0) as network:
        source, target = wave(), nengo.Node(size_in=3)
        nengo.Connection(source, target, synapse=synapse)
        nengo.Connection(source[::-1], target, synapse=synapse, transform=0.5)
        nengo.Probe(target)
        nengo.Probe(source, synapse=synapse)
        filtered = nengo.Node(synapse, size_in=3, size_out=3)
        nengo.Connection(source, filtered, synapse=None)
        nengo.Probe(filtered)
        ensemble = nengo.Ensemble(10, 3)
        nengo.Connection(source, ensemble, synapse=synapse)
        nengo.Probe(ensemble.neurons, synapse=synapse)
    assert_same(network)


def test_a_triangle_is_filtered_by_python():
    with nengo.Network() as network:
        source, target = wave(), nengo.Node(size_in=3)
        nengo.Connection(source, target, synapse=nengo.synapses.Triangle(0.006))
        nengo.Probe(target)
        nengo.Probe(source[1:], synapse=nengo.synapses.Triangle(0.004))
    assert_same(network, python=("Triangle", "Triangle"))


def test_the_impulse_response_of_the_alpha_synapse():
    tau, dt = 0.004, 0.001
    impulse = np.zeros((60, 1))
    impulse[0] = 1 / dt
    with nengo.Network() as network:
        source = nengo.Node([0.0])
        probe = nengo.Probe(source, synapse=nengo.Alpha(tau))
    response = native(network, 60, {source: impulse})[probe].ravel()
    # Held for a step, then sampled: the step response's rise over dt.
    t = dt * np.arange(61)
    rise = np.diff(1 - (1 + t / tau) * np.exp(-t / tau)) / dt
    np.testing.assert_allclose(response[1:], rise[:-1], atol=1e-9)


@pytest.mark.parametrize("dt", [0.0005, 0.003])
def test_other_steps(dt):
    with nengo.Network(seed=4) as network:
        source, ensemble = wave(1), nengo.Ensemble(20, 1)
        nengo.Connection(source, ensemble, synapse=nengo.Alpha(0.01))
        nengo.Probe(ensemble, synapse=0.01)
        nengo.Probe(ensemble.neurons)
    wanted, got = reference(network, 50, dt=dt, seed=1), native(network, 50, dt=dt, seed=1)
    for probe in network.all_probes:
        assert_close(got[probe], wanted[probe])
        assert np.ptp(wanted[probe]) > 0


# Processes that are run by Python, and one that is not


@pytest.mark.parametrize(
    "process",
    [
        nengo.processes.WhiteNoise(seed=1),
        nengo.processes.WhiteNoise(),
        nengo.processes.FilteredNoise(synapse=0.01),
        nengo.processes.BrownNoise(),
        nengo.processes.WhiteSignal(0.1, high=100),
        nengo.processes.Piecewise({0.002: 1, 0.01: lambda t: t, 0.02: -1}),
    ],
    ids=lambda process: type(process).__name__,
)
def test_processes_give_the_references_numbers(process):
    with nengo.Network(seed=0) as network:
        first, second = nengo.Node(process, size_out=1), nengo.Node(process, size_out=1)
        nengo.Probe(first)
        nengo.Probe(second, synapse=0.01)
    assert_same(network, python=("", ""))


@pytest.mark.parametrize("presentation_time", [0.001, 0.003, 0.0025, 0.007])
def test_images_shown_one_after_another(presentation_time):
    images = np.arange(12.0).reshape(3, 2, 2)
    with nengo.Network() as network:
        nengo.Probe(nengo.Node(nengo.processes.PresentInput(images, presentation_time)))
    assert_same(network, 50)


@pytest.mark.parametrize("presentation_time", [0.001, 0.003])
def test_images_shown_one_after_another_in_float32(presentation_time):
    images = np.arange(100.0)[:, None]
    with nengo.Network() as network:
        probe = nengo.Probe(nengo.Node(nengo.processes.PresentInput(images, presentation_time)))
    got = native(network, 500, dtype="float32")[probe].ravel()
    held = round(presentation_time / 0.001)
    np.testing.assert_array_equal(got, np.arange(500) // held % 100)


def test_noise_on_ensembles():
    with nengo.Network(seed=0) as network:
        ensemble = nengo.Ensemble(20, 2, noise=nengo.processes.WhiteNoise())
        nengo.Connection(wave(2), ensemble)
        nengo.Probe(ensemble.neurons)
        nengo.Probe(ensemble.neurons, "voltage")
    assert_same(network, 100, python=("WhiteNoise",))


# Networks


def test_ensemble_arrays_and_products():
    with nengo.Network(seed=2) as network:
        source = wave(6)
        array = nengo.networks.EnsembleArray(20, 6)
        product = nengo.networks.Product(20, 3)
        nengo.Connection(source, array.input)
        nengo.Connection(array.output[:3], product.input_a)
        nengo.Connection(array.output[3:], product.input_b)
        squares = array.add_output("squares", np.square)
        nengo.Probe(squares, synapse=0.01)
        nengo.Probe(product.output, synapse=0.01)
        nengo.Probe(array.output)
    assert_same(network, 100)


def test_circular_convolution():
    with nengo.Network(seed=2) as network:
        convolution = nengo.networks.CircularConvolution(20, 8)
        nengo.Connection(wave(8), convolution.input_a)
        nengo.Connection(wave(8, 70), convolution.input_b)
        nengo.Probe(convolution.output, synapse=0.01)
    assert_same(network, 60)


def test_ensembles_that_feed_one_another():
    with nengo.Network(seed=2) as network:
        first, second = nengo.Ensemble(40, 2), nengo.Ensemble(30, 2, radius=2)
        nengo.Connection(wave(2), first)
        nengo.Connection(first, second, function=lambda x: [x[0] * x[1], x[0]])
        nengo.Connection(second, first, synapse=0.05, transform=[[0, 1], [-1, 0]])
        nengo.Connection(first[0], first[1], function=np.sin)
        nengo.Connection(first.neurons[:20], second.neurons[10:], transform=1e-4)
        for ensemble in (first, second):
            nengo.Probe(ensemble, synapse=0.01)
            nengo.Probe(ensemble, "input")
            nengo.Probe(ensemble.neurons)
            nengo.Probe(ensemble.neurons, "refractory_time")
        nengo.Probe(network.connections[1], "weights")
        nengo.Probe(network.connections[1], "output")
        nengo.Probe(network.connections[1], "input")
    assert_same(network, 200)


@pytest.mark.parametrize("name", ["basal ganglia", "memory", "neurons of an array"])
def test_nengos_own_networks(name):
    with nengo.Network(seed=2) as network:
        if name == "basal ganglia":
            ganglia = nengo.networks.BasalGanglia(3, n_neurons_per_ensemble=20)
            thalamus = nengo.networks.Thalamus(3, n_neurons_per_ensemble=20)
            nengo.Connection(wave(3), ganglia.input)
            nengo.Connection(ganglia.output, thalamus.input)
            nengo.Probe(thalamus.output, synapse=0.01)
        elif name == "memory":
            memory = nengo.networks.AssociativeMemory(np.eye(3), n_neurons=20)
            memory.add_wta_network()
            memory.add_threshold_to_outputs()
            nengo.Connection(wave(3), memory.input)
            nengo.Probe(memory.output, synapse=0.01)
        else:
            array = nengo.networks.EnsembleArray(10, 3)
            neurons_in, neurons_out = array.add_neuron_input(), array.add_neuron_output()
            nengo.Connection(wave(3), array.input)
            nengo.Connection(wave(1), neurons_in, transform=np.full((30, 1), 0.1), synapse=None)
            nengo.Probe(neurons_out)
            nengo.Probe(array.output, synapse=0.01)
    assert_same(network, 80, tolerance=1e-10, python=None)


@pytest.mark.parametrize("n_neurons", [1, 1500])
def test_one_neuron_and_many(n_neurons):
    with nengo.Network(seed=2) as network:
        ensemble = nengo.Ensemble(n_neurons, 1, encoders=np.ones((n_neurons, 1)))
        nengo.Connection(wave(1), ensemble, synapse=None)
        probe = nengo.Probe(ensemble.neurons)
        nengo.Probe(ensemble.neurons, "voltage")
    assert assert_same(network, 100)[probe].any()


def test_direct_mode():
    with nengo.Network(seed=2) as network:
        network.config[nengo.Ensemble].neuron_type = nengo.Direct()
        first, second = nengo.Ensemble(1, 2), nengo.Ensemble(1, 1)
        nengo.Connection(wave(2), first, synapse=None)
        nengo.Connection(first, second, function=lambda x: x[0] * x[1], synapse=0.01)
        nengo.Connection(first[1], second, transform=0.5)
        nengo.Probe(second)
        nengo.Probe(first, synapse=0.01)
    assert_same(network, python=("SimPyFunc",))


def test_the_integrator_of_a_constant_is_a_ramp():
    with nengo.Network() as network:
        source, state = nengo.Node([0.5]), nengo.Node(size_in=1)
        integrate = nengo.LinearFilter([0.001], [1, -1], analog=False)
        nengo.Connection(source, state, synapse=integrate)
        probe = nengo.Probe(state)
    got = native(network, 50)[probe].ravel()
    np.testing.assert_allclose(np.diff(got), 0.0005, rtol=1e-9)


# Nothing to do


def test_nodes_alone():
    with nengo.Network() as network:
        constant = nengo.Node([1.0, -2.0])
        probes = [nengo.Probe(constant), nengo.Probe(constant[1]), nengo.Probe(wave())]
    got = assert_same(network, 10)
    np.testing.assert_array_equal(got[probes[0]], [[1, -2]] * 10)
    np.testing.assert_array_equal(got[probes[1]], [[-2]] * 10)


def test_an_input_without_output_and_an_output_without_input():
    with nengo.Network() as network:
        alone = nengo.Node(size_in=2)
        nengo.Connection(wave(2), nengo.Node(size_in=2))
        probe = nengo.Probe(alone)
        nengo.Probe(wave(1))
    assert not assert_same(network, 10)[probe].any()


def test_an_empty_network():
    with quiet(Simulator, nengo.Network()) as simulator:
        simulator.run_steps(7)
        simulator.step()
        assert simulator.n_steps == 8
        assert simulator.time == pytest.approx(0.008)
        assert simulator.in_python == ()
        assert simulator.signals[simulator.model.step] == 8


def test_no_network():
    with quiet(Simulator, None, model=Model(dt=0.002)) as simulator:
        simulator.run(0.01)
        assert (simulator.dt, simulator.n_steps) == (0.002, 5)


def test_a_network_of_no_probes():
    with nengo.Network(seed=1) as network:
        ensemble = nengo.Ensemble(10, 1)
        nengo.Connection(wave(1), ensemble)
    found = []
    for kind in (nengo.Simulator, Simulator):
        with quiet(kind, network) as simulator:
            simulator.run_steps(30)
            voltage = simulator.model.sig[ensemble.neurons]["voltage"]
            found.append(np.array(simulator.signals[voltage]))
    assert_close(*found)
    assert np.ptp(found[0]) > 0
