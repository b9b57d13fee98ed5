"""Every operator against Nengo's own simulator."""

import nengo
import numpy as np
import pytest
from nengo.builder import Builder, Operator, Signal
from nengo.exceptions import BuildError
from scipy import sparse
from xla_helpers import assert_same, compiled, reference

from nengo_pc.backends.views import view_of
from nengo_pc.backends.xla import Simulator, computes, emits
from nengo_pc.backends.xla.emit_products import padded_rows
from nengo_pc.backends.xla.plan import make_plan


def wave(n=3):
    return nengo.Node(lambda t: np.sin(40 * t + np.arange(n)) + 0.2)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


# Wiring


@pytest.mark.parametrize(
    "pre, post, transform",
    [
        (slice(None), slice(None), 1.0),
        (slice(None), slice(None), [1.0, -2.0, 0.5]),
        (slice(None), slice(None), np.arange(9.0).reshape(3, 3)),
        ([2, 0], [0, 1], 1.0),
        ([0, 0, 1], slice(None), 1.0),
        (slice(None, None, -1), slice(None), 1.0),
        (slice(None, None, 2), [1, 2], 1.0),
        (1, 2, 3.0),
        (slice(1), [0, 2], np.ones((2, 1))),
        (slice(None), [0, 0, 1], 1.0),
    ],
)
@pytest.mark.parametrize("synapse", [None, 0.004])
def test_slices_repeats_and_transforms(pre, post, transform, synapse):
    with nengo.Network() as network:
        source, target = wave(), nengo.Node(size_in=3)
        nengo.Connection(source[pre], target[post], transform=transform, synapse=synapse)
        nengo.Connection(source, target, transform=0.1, synapse=None)
        nengo.Probe(target)
        nengo.Probe(target[1:])
    assert_same(network, 20)


def test_scalar_products_and_one_dimension():
    with nengo.Network() as network:
        source, target = wave(1), nengo.Node(size_in=1)
        nengo.Connection(source, target, transform=[[2.0]], synapse=None)
        nengo.Connection(source, target, transform=-0.5, synapse=0.002)
        nengo.Probe(target)
    assert_same(network, 20)


@pytest.mark.parametrize("n_rows, n_columns, density", [(6, 9, 0.3), (40, 30, 0.05), (5, 5, 1.0)])
def test_sparse_transforms(n_rows, n_columns, density, rng):
    matrix = sparse.random(n_rows, n_columns, density, random_state=2)
    with nengo.Network() as network:
        source, target = wave(n_columns), nengo.Node(size_in=n_rows)
        nengo.Connection(
            source, target, transform=nengo.Sparse((n_rows, n_columns), init=matrix), synapse=None
        )
        nengo.Probe(target)
    assert_same(network, 10)


def test_rows_of_a_sparse_matrix_are_padded_to_less_than_twice_their_length(rng):
    lengths = rng.integers(0, 40, 200)
    rows = np.repeat(np.arange(200), lengths)
    columns = np.concatenate([rng.permutation(50)[:n] for n in lengths])
    matrix = sparse.csr_matrix((rng.normal(size=rows.size), (rows, columns)), shape=(200, 50))
    again, n_padded = np.zeros((200, 50)), 0
    for group, at, data in padded_rows(matrix):
        for row, column, value in zip(group, at, data):
            np.add.at(again[row], column, value)
        n_padded += data.size
    np.testing.assert_array_equal(again, matrix.toarray())
    assert n_padded < 2 * matrix.nnz


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize(
    "kind, shape, strides, options",
    [
        (nengo.Convolution, (5, 6), (1, 1), {}),
        (nengo.Convolution, (6, 5), (2, 1), {}),
        (nengo.Convolution, (6, 6), (2, 2), {"groups": 2}),
        (nengo.Convolution, (9,), (2,), {}),
        (nengo.ConvolutionTranspose, (3, 4), (2, 1), {}),
        (nengo.ConvolutionTranspose, (3, 3), (2, 3), {}),
        (nengo.ConvolutionTranspose, (4,), (2,), {}),
    ],
)
def test_convolutions(kind, shape, strides, options, channels_last, padding):
    n_channels = 2
    input_shape = (*shape, n_channels) if channels_last else (n_channels, *shape)
    transform = kind(
        n_filters=4,
        input_shape=input_shape,
        kernel_size=(3,) * len(shape),
        strides=strides,
        padding=padding,
        channels_last=channels_last,
        **options,
    )
    with nengo.Network(seed=1) as network:
        source, target = wave(transform.size_in), nengo.Node(size_in=transform.size_out)
        nengo.Connection(source, target, transform=transform, synapse=None)
        nengo.Probe(target)
    assert_same(network, 3)
    # The same image as each item of a minibatch.
    image = np.random.default_rng(0).random((2, 1, transform.size_in))
    wanted = []
    with network:
        given = nengo.Node(np.zeros(transform.size_in))
        again = nengo.Node(size_in=transform.size_out)
        nengo.Connection(given, again, transform=network.connections[0].transform, synapse=None)
        probe = nengo.Probe(again)
    for item in image:
        given.output = item[0]
        wanted.append(reference(network, 2)[probe])
    got = compiled(network, 2, {given: image}, minibatch_size=2)[probe]
    np.testing.assert_allclose(got, np.array(wanted), atol=1e-10)


def test_many_small_ensembles_merged_and_not():
    with nengo.Network(seed=2) as network:
        source = wave(6)
        array = nengo.networks.EnsembleArray(20, 6)
        product = nengo.networks.Product(20, 3)
        nengo.Connection(source, array.input)
        nengo.Connection(array.output[:3], product.input_a)
        nengo.Connection(array.output[3:], product.input_b)
        nengo.Probe(product.output, synapse=0.01)
        nengo.Probe(array.output)
    apart = assert_same(network)
    merged = compiled(network, 40, seed=3, optimize=True)
    for probe, history in apart.items():
        np.testing.assert_allclose(merged[probe], history, atol=1e-9)


def test_where_the_elements_of_views_lie():
    base = Signal(np.arange(24.0).reshape(4, 6))
    for view in (
        base,
        base[1:3],
        base[2],
        base[:, 1:3],
        base[::2],
        base[1:3].reshape(12),
        base[3, 2],
        base[::-1],
    ):
        places = view_of(view)
        flat = base.initial_value.ravel()
        values = flat[places.start : places.stop] if places.is_range else flat[places.index]
        np.testing.assert_array_equal(values, view.initial_value.ravel())
    assert view_of(base[1:3]).is_range
    assert not view_of(base[:, 1:3]).is_range


# Synapses and processes


@pytest.mark.parametrize(
    "synapse",
    [
        nengo.Lowpass(0.005),
        nengo.Lowpass(0),
        nengo.Alpha(0.003),
        nengo.synapses.Triangle(0.006),
        nengo.LinearFilter([1], [0.001, 0.05, 1]),
        nengo.LinearFilter([0.002, 1], [0.01, 1]),  # passes a part at once
        nengo.LinearFilter([3.0], [1.0]),  # no state
        nengo.LinearFilter([1], [1e-11, 1e-8, 5e-6, 2e-3, 0.3, 1]),
        nengo.LinearFilter([1], [0.004, 1], method="euler"),
        nengo.LinearFilter([0.2], [1, -0.8], analog=False),
    ],
    ids=str,
)
def test_synapses_of_values_and_of_probes(synapse):
    with nengo.Network() as network:
        source, target = wave(), nengo.Node(size_in=3)
        nengo.Connection(source, target, synapse=synapse)
        nengo.Probe(target)
        nengo.Probe(source, synapse=synapse)
        nengo.Probe(nengo.Node(synapse, size_in=3, size_out=3))
    assert_same(network)


def test_the_impulse_response_of_the_alpha_synapse():
    tau, dt = 0.004, 0.001
    with nengo.Network() as network:
        source = nengo.Node(lambda t: float(t < 1.5 * dt) / dt)
        probe = nengo.Probe(source, synapse=nengo.Alpha(tau))
    response = compiled(network, 60)[probe].ravel()
    # Held for a step, then sampled: the step response's rise over dt.
    t = dt * np.arange(61)
    rise = np.diff(1 - (1 + t / tau) * np.exp(-t / tau)) / dt
    np.testing.assert_allclose(response[1:], rise[:-1], atol=1e-9)


@pytest.mark.parametrize(
    "process",
    [
        nengo.processes.WhiteNoise(seed=1),
        nengo.processes.WhiteNoise(),
        nengo.processes.FilteredNoise(synapse=0.01),
        nengo.processes.BrownNoise(),
        nengo.processes.WhiteSignal(0.1, high=100),
        nengo.processes.PresentInput([[0.1], [0.5], [-1.0]], 0.007),
        nengo.processes.Piecewise({0.002: 1, 0.01: lambda t: t, 0.02: -1}),
    ],
    ids=lambda process: type(process).__name__,
)
def test_processes_give_the_references_numbers(process):
    with nengo.Network(seed=0) as network:
        first, second = nengo.Node(process, size_out=1), nengo.Node(process, size_out=1)
        nengo.Probe(first)
        nengo.Probe(second, synapse=0.01)
    assert_same(network)


def test_noise_on_ensembles():
    with nengo.Network(seed=0) as network:
        ensemble = nengo.Ensemble(20, 2, noise=nengo.processes.WhiteNoise())
        nengo.Probe(ensemble.neurons)
        nengo.Probe(ensemble.neurons, "voltage")
    assert_same(network, 100)


# Functions


def with_function(make):
    """A Node named sensor, and what ``make`` adds to it."""
    with nengo.Network(seed=0) as network:
        make(nengo.Node(lambda t: t, label="sensor"))
    return network


def motor(source):
    nengo.Connection(source, nengo.Node(lambda t, x: x / 2, size_in=1, label="motor"))


def silent_motor(source):
    nengo.Connection(source, nengo.Node(lambda t, x: None, size_in=1, label="motor"))


def from_a_filtered_node(source):
    filtered = nengo.Node(nengo.Lowpass(0.01), size_in=1, size_out=1)
    target = nengo.Node(size_in=1, label="target")
    nengo.Connection(source, filtered)
    nengo.Connection(filtered, target, function=lambda x: x**2)


def direct(source):
    ensemble = nengo.Ensemble(1, 1, neuron_type=nengo.Direct(), label="exact")
    nengo.Connection(source, ensemble)
    nengo.Connection(ensemble, nengo.Node(size_in=1), function=lambda x: x**2)


class Doubled(nengo.Process):
    def make_step(self, shape_in, shape_out, dt, rng, state):
        return lambda t, x: 2 * x


def own_process(source):
    node = nengo.Node(Doubled(), size_in=1, size_out=1, label="doubled")
    nengo.Connection(source, node)


@pytest.mark.parametrize(
    "make, named",
    [
        (motor, "<Node 'motor'>"),
        (silent_motor, "<Node 'motor'>"),
        (from_a_filtered_node, "to <Node 'target'>"),
        (direct, "<Connection from <Ensemble 'exact'>"),
        (own_process, "<Node 'doubled'>"),
    ],
)
def test_python_within_a_step_is_refused_by_name(make, named):
    with pytest.raises(BuildError, match="cannot run Python within a step") as error:
        Simulator(with_function(make), progress_bar=False)
    assert named in str(error.value)
    assert str(error.value).count("would need it") == 1
    assert ";" not in str(error.value).split("would need it")[0]  # the sensor runs ahead
    assert "native" in str(error.value)
    assert "computes" in str(error.value)


def test_functions_of_what_runs_ahead_run_ahead():
    seen = []

    def square(x):
        seen.append(x.copy())
        return x**2

    with nengo.Network(seed=0) as network:
        source = nengo.Node(lambda t: [t, np.sin(90 * t)])
        constant = nengo.Node([0.5, 0.25])
        noise = nengo.Node(nengo.processes.WhiteNoise(), size_out=2)
        target = nengo.Node(size_in=2)
        nengo.Connection(source, target, function=square, synapse=None)
        nengo.Connection(source[1], target[0], function=lambda x: 2 * x, synapse=0.002)
        nengo.Connection(constant[1], target[1], function=lambda x: x - 1, synapse=None)
        nengo.Connection(noise, target, function=np.abs, synapse=None)
        nengo.Probe(target)
        nengo.Probe(source)
    assert_same(network)
    assert_same(network, optimize=True)
    # In a minibatch, each item has noise of its own, and a function of it.
    got = compiled(network, 20, seed=3, minibatch_size=2)
    for item in range(2):
        for probe, history in reference(network, 20, seed=3 + item).items():
            np.testing.assert_allclose(got[probe][min(item, len(got[probe]) - 1)], history)
    # What is given in place of the source cannot be followed by Python.
    with pytest.raises(BuildError, match=r"Python within a step.*native"):
        compiled(network, 5, {source: np.zeros((5, 2))})


def test_a_written_constant_reaches_functions_that_run_ahead():
    found = []
    for kind in (Simulator, nengo.Simulator):
        with nengo.Network() as network:
            constant, target = nengo.Node([0.5]), nengo.Node(size_in=1)
            nengo.Connection(constant, target, function=lambda x: x**2, synapse=None)
            probe = nengo.Probe(target)
        with kind(network, progress_bar=False) as simulator:
            simulator.run_steps(2)
            simulator.signals[simulator.model.sig[constant]["out"]][...] = 3.0
            simulator.run_steps(2)
            found.append(np.ravel(simulator.data[probe]))
    np.testing.assert_allclose(*found)
    np.testing.assert_allclose(found[0], [0.25, 0.25, 9, 9])


class Cube:
    def __call__(self, t, x):
        return 0 * x  # what Nengo tries


@computes(Cube)
def cube(function, t, x):
    return x**3 + t


def tenth(x):
    return 0 * x  # what Nengo tries


@computes(tenth)
def compiled_tenth(function, t, x):
    assert t is None
    return x / 10


def test_functions_with_a_compiled_form():
    with nengo.Network() as network:
        source, node, target = wave(), nengo.Node(Cube(), size_in=3), nengo.Node(size_in=3)
        nengo.Connection(source, node, synapse=None)
        nengo.Connection(node, target, function=tenth, synapse=None)
        probes = [nengo.Probe(p) for p in (source, target)]
    got = compiled(network, 20)
    t = 0.001 * np.arange(1, 21)[:, None]
    np.testing.assert_allclose(got[probes[1]], (got[probes[0]] ** 3 + t) / 10)


# Operators of others


class SimDouble(Operator):
    def __init__(self, source, target):
        super().__init__()
        self.reads, self.sets, self.incs, self.updates = [source], [target], [], []

    def make_step(self, signals, dt, rng):
        raise AssertionError("not compiled")


class SimUnknown(SimDouble):
    pass


class Doubling(nengo.transforms.Transform):
    size_in = size_out = 2

    def __init__(self, operator):
        super().__init__()
        self.operator = operator

    def sample(self, rng=None):
        return self


@Builder.register(Doubling)
def build_doubling(model, transform, sig_in, decoders=None, encoders=None, rng=None):
    target = Signal(shape=(2,))
    model.add_op(transform.operator(sig_in, target))
    return target, None


def doubling_network(operator):
    with nengo.Network() as network:
        source, target = wave(2), nengo.Node(size_in=2, label="the target")
        nengo.Connection(source, target, transform=Doubling(operator), synapse=None)
        network.source, network.target = nengo.Probe(source), nengo.Probe(target)
    return network


@emits(SimDouble, overwrites=lambda op: op.sets)
def emit_double(op, step):
    step.set(op.sets[0], 2 * step.read(op.reads[0]))


def test_an_operator_of_someone_elses():
    network = doubling_network(SimDouble)
    got = compiled(network, 5)
    np.testing.assert_allclose(got[network.target], 2 * got[network.source])


def test_an_unknown_operator_is_named_with_its_origin():
    class SimStrange(Operator):
        def __init__(self, source, target):
            super().__init__()
            self.reads, self.sets, self.incs, self.updates = [source], [target], [], []

    with pytest.raises(BuildError, match="SimStrange") as error:
        Simulator(doubling_network(SimStrange), progress_bar=False)
    assert "Connection" in str(error.value)
    assert "the target" in str(error.value)
    assert "emits" in str(error.value)


def test_a_subclass_that_does_something_else_is_not_taken_for_its_parent():
    class SimTriple(SimDouble):
        def make_step(self, signals, dt, rng):
            """Something else."""

    with pytest.raises(BuildError, match="SimTriple"):
        Simulator(doubling_network(SimTriple), progress_bar=False)
    got = compiled(doubling_network(SimUnknown), 2)  # inherits what it does
    assert got


class SimLate(SimDouble):
    """Twice what it reads, for the next step."""

    def __init__(self, source, target):
        super().__init__(source, target)
        self.sets, self.updates = [], [target]

    def make_step(self, signals, dt, rng):
        source, target = signals[self.reads[0]], signals[self.updates[0]]

        def step():
            target[...] = 2 * source

        return step


@emits(SimLate, derives=lambda op, dt: {op.updates[0]: (lambda step, x: 2 * x, op.reads)})
def emit_late(op, step):
    step.update(op.updates[0], 2 * step.read(op.reads[0]))


class Late(Doubling):
    """Two updates one after the other."""


@Builder.register(Late)
def build_late(model, transform, sig_in, decoders=None, encoders=None, rng=None):
    target = Signal(shape=(2,))
    source = model.build(nengo.Lowpass(0.003), sig_in, mode="update") if transform.lags else sig_in
    model.add_op(SimLate(source, target))
    return target, None


@pytest.mark.parametrize("lags", [True, False])
def test_what_is_derived_is_what_the_operator_saw(lags):
    """An operator that reads what another updates sees it before that."""
    transform = Late(SimLate)
    transform.lags = lags
    with nengo.Network() as network:
        source, target = wave(2), nengo.Node(size_in=2)
        nengo.Connection(source, target, transform=transform, synapse=None)
        nengo.Probe(target)
    assert_same(network, 10)


# What is worked out once


def plan_of(network):
    with Simulator(network, progress_bar=False, optimize=False) as simulator:
        return make_plan(simulator.model, simulator.step_order)


def test_what_depends_on_constants_alone_is_worked_out_once():
    with nengo.Network(seed=0) as network:
        source, moving = nengo.Node([0.3, 0.4]), wave(2)
        first, second = nengo.Node(size_in=2), nengo.Node(size_in=2)
        nengo.Connection(source, first, transform=np.ones((2, 2)), synapse=None)
        nengo.Connection(first, second, transform=np.ones((2, 2)), synapse=None)
        nengo.Connection(moving, second, synapse=None)
        rates = nengo.Ensemble(5, 2, neuron_type=nengo.LIFRate())
        spikes = nengo.Ensemble(5, 2)
        nengo.Connection(first, rates, synapse=None)
        nengo.Connection(first, spikes, synapse=None)
        for target in (first, second, rates.neurons, spikes.neurons):
            nengo.Probe(target)
    plan = plan_of(network)
    held, moving = ({type(op).__name__ for op in ops} for ops in (plan.held, plan.in_loop))
    products = [op for op in plan.in_loop if type(op).__name__ == "DotInc"]
    assert not products, products
    assert "SimNeurons" in held  # rates
    assert "SimNeurons" in moving  # spikes
    assert {s.name.split(".")[-1] for s in plan.carried} == {"voltage", "refractory_time"}
    assert_same(network)


def test_the_output_of_a_synapse_is_not_carried_beside_its_state():
    with nengo.Network() as network:
        source, target = wave(), nengo.Node(size_in=3)
        nengo.Connection(source, target, synapse=nengo.Alpha(0.01))
        nengo.Probe(target)
    plan = plan_of(network)
    assert [signal.shape for signal in plan.carried] == [(2, 3)]
    assert len(plan.derived) == 1
