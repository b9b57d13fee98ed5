import importlib.util
import sys

import nengo
import numpy as np
import pytest
from nengo.exceptions import BuildError, ValidationError

from nengo_pc.backends import BACKENDS, BackendUnavailable, Simulator, check_images, present
from nengo_pc.networks import Dense, LIFConstants, Parameters, SpikingClassifier

HAS_LOIHI = importlib.util.find_spec("nengo_loihi") is not None
ALL = [
    "reference",
    "native",
    "dl",
    "xla",
    pytest.param("loihi", marks=pytest.mark.skipif(not HAS_LOIHI, reason="needs nengo-loihi")),
]
MINIBATCHED = ["native", "dl", "xla"]
every_backend = pytest.mark.parametrize("backend", ALL)
N_STEPS = 40
N_PIXELS = 6
STOCHASTIC = "Nengo keeps a stochastic neuron's stream through reset(seed)"

pytestmark = [
    pytest.mark.filterwarnings("ignore:This version of `nengo_loihi`"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in cast"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def build(encoder="constant", seed=None, synapse=0.003):
    """A small network that fires a lot; "constant" leaves its second layer to a chip."""
    parameters = Parameters.random(
        (N_PIXELS,), [Dense(14), Dense(12), Dense(3)], LIFConstants(amplitude=0.1), seed=8
    )
    network = SpikingClassifier(parameters, encoder=encoder, seed=seed, synapse=synapse)
    with network:
        network.raw = nengo.Probe(network.output)
        network.smooth = nengo.Probe(network.output, synapse=0.01)
        network.first = nengo.Probe(network.layers[0].neurons)
        network.second = nengo.Probe(network.layers[1].neurons)
    return network


def some_images(n=3):
    return np.random.default_rng(4).uniform(size=(n, N_PIXELS)).astype("f4")


def show(network, images=None, backend="reference", **options):
    images = some_images() if images is None else images
    options = {"presentation_time": N_STEPS / 1000, "progress": False, **options}
    return present(network, images, backend=backend, **options)


def fresh_simulators(network, images, make):
    """Another implementation of `present`: build, hold an image, run, and again."""
    before, data = network.input.output, {probe: [] for probe in network.all_probes}
    for image in images:
        network.input.output = image
        with make(network) as simulator:
            simulator.run_steps(N_STEPS)
            for probe in data:
                data[probe].append(np.array(simulator.data[probe]).reshape(N_STEPS, -1))
    network.input.output = before
    return {probe: np.array(values) for probe, values in data.items()}


def settings(network):
    """What a backend must leave as it was."""

    def plain(value):
        return value.tobytes() if isinstance(value, np.ndarray) else value

    names = ("output", "synapse", "transform", "sample_every", "neuron_type", "gain", "bias")
    return [
        (obj, name, plain(getattr(obj, name)))
        for obj in (*network.all_objects, *network.all_probes)
        for name in names
        if hasattr(obj, name)
    ]


# Another implementation: a fresh simulator for each image


@pytest.mark.filterwarnings("ignore:.*encountered in (log1p|divide)")
@pytest.mark.filterwarnings("ignore:Non-finite values detected in `max_rates`")
def test_reference_is_a_fresh_nengo_simulator_bit_for_bit():
    network, images = build(), some_images()
    wanted = fresh_simulators(network, images, lambda net: nengo.Simulator(net, progress_bar=False))
    shown = show(network, images)
    assert set(shown.data) == set(network.all_probes)
    for probe, history in wanted.items():
        np.testing.assert_array_equal(shown[probe], history)
    assert np.count_nonzero(wanted[network.second]) > 20


def test_the_length_of_a_step_is_nengos():
    network = build()
    network.input.output = some_images()[0]
    with nengo.Simulator(network, dt=0.0005, progress_bar=False) as simulator:
        simulator.run(0.02, progress_bar=False)
    shown = show(network, some_images()[:1], dt=0.0005, presentation_time=0.02)
    assert (shown.dt, shown.n_steps) == (0.0005, 40)
    np.testing.assert_array_equal(shown[network.smooth][0], simulator.data[network.smooth])


@pytest.mark.filterwarnings("ignore:.*encountered in (log1p|divide)")
@pytest.mark.filterwarnings("ignore:Non-finite values detected in `max_rates`")
def test_dl_is_a_fresh_nengo_dl_simulator():
    from nengo_pc.backends.compatibility import import_nengo_dl

    nengo_dl = import_nengo_dl()
    images = some_images(2)
    network, again = build(), build()
    with network:
        nengo_dl.configure_settings(dtype="float64")
    wanted = fresh_simulators(
        network, images, lambda net: nengo_dl.Simulator(net, progress_bar=False)
    )
    shown = show(again, images, "dl", dtype="float64")
    for probe, same in zip(network.all_probes, again.all_probes):
        np.testing.assert_allclose(shown[same], wanted[probe], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("backend", MINIBATCHED)
def test_in_float64_spikes_are_the_references(backend):
    network = build()
    reference, other = show(network), show(network, backend=backend, dtype="float64")
    for probe in (network.first, network.second):
        np.testing.assert_array_equal(other[probe] > 0, reference[probe] > 0)
    for probe in network.all_probes:
        assert other[probe].dtype == np.float64
        np.testing.assert_allclose(other[probe], reference[probe], rtol=1e-9, atol=1e-9)
    assert np.count_nonzero(reference[network.second]) > 20


@pytest.mark.parametrize("backend", MINIBATCHED)
def test_in_float32_spikes_are_close_to_the_references(backend):
    network = build()
    reference, other = show(network), show(network, backend=backend)
    assert other[network.raw].dtype == np.float32
    for probe in (network.first, network.second):
        counts = [np.count_nonzero(shown[probe], axis=1) for shown in (reference, other)]
        # A threshold is crossed a step later or earlier, and so at the end perhaps not at all.
        assert np.abs(counts[0] - counts[1]).max() <= 1
        moved = np.mean((reference[probe] > 0) != (other[probe] > 0))
        assert moved < 0.01


# Invariants


@every_backend
def test_no_image_leaves_anything_to_the_next(backend):
    network, images = build(), some_images()
    # In a minibatch the place of an image decides in which order its sums are made.
    options, tolerance = ({"dtype": "float64"}, 1e-9) if backend in MINIBATCHED else ({}, 0)
    forth = show(network, images, backend, **options)
    back = show(network, images[::-1], backend, **options)
    for probe in network.all_probes:
        np.testing.assert_allclose(forth[probe], back[probe][::-1], rtol=0, atol=tolerance)
    assert np.any(forth[network.second][0] != forth[network.second][1])


@every_backend
def test_all_last_and_mean_of_the_same_history(backend):
    network, images = build(), some_images()
    whole = show(network, images, backend)
    for probe in network.all_probes:
        assert whole[probe].shape[:2] == (len(images), N_STEPS)
    histories = {probe: whole[probe] for probe in network.all_probes}
    last, mean = (show(network, images, backend, keep=how) for how in ("last", "mean"))
    for probe, history in histories.items():
        np.testing.assert_allclose(last[probe], history[:, -1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            mean[probe], history.mean(axis=1, dtype=float), rtol=1e-5, atol=1e-5
        )
    keep = {network.raw: "mean", network.second: "all", network.smooth: "last"}
    mixed = show(network, images, backend, keep=keep)
    assert set(mixed.data) == set(keep)
    for probe, wanted in (
        (network.second, histories[network.second]),
        (network.smooth, last[network.smooth]),
        (network.raw, mean[network.raw]),
    ):
        np.testing.assert_allclose(mixed[probe], wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("backend", MINIBATCHED)
def test_minibatches_that_do_not_divide_the_images(backend):
    network, images = build(), some_images(7)
    whole = show(network, images)
    parts = show(network, images, backend, batch_size=3, dtype="float64")
    for probe in network.all_probes:
        assert len(parts[probe]) == 7
        np.testing.assert_allclose(parts[probe], whole[probe], rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@every_backend
def test_the_network_is_left_as_it_was(backend):
    network = build()
    before = settings(network)
    for keep in ("all", "mean"):
        show(network, backend=backend, keep=keep)
        assert settings(network) == before
    with pytest.raises((TypeError, ValueError)):
        show(network, backend=backend, keep="mean", option_of_no_backend=1)
    assert settings(network) == before


def test_dl_does_not_leave_its_precision():
    network = build()
    show(network, some_images(1), "dl", dtype="float64")
    assert show(network, some_images(1), "dl")[network.raw].dtype == np.float32


def test_dl_does_not_leave_its_history():
    network = build()
    show(network, some_images(1), "dl", keep="last")
    with Simulator(network, backend="dl") as simulator:
        simulator.run_steps(5)
        assert simulator.data[network.raw].shape == (5, 3)


@pytest.mark.parametrize("backend", ["reference", "native", "xla", ALL[-1]])
@pytest.mark.parametrize("network_seed", [None, 5])
def test_the_seed_decides_poisson_spikes(backend, network_seed):
    assert_the_seed_decides(backend, network_seed)


def test_the_seed_decides_poisson_spikes_on_dl():
    assert_the_seed_decides("dl", None)


def assert_the_seed_decides(backend, network_seed):
    network, images = build("poisson", seed=network_seed), some_images(2)
    with network:
        pixels = nengo.Probe(network.encoder.output)
    one, again, other = (show(network, images, backend, seed=seed)[pixels] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.any(one != other)


def test_each_image_has_its_own_stream():
    network, images = build("poisson", seed=5), some_images(3)
    with network:
        pixels = nengo.Probe(network.encoder.output)
    longer, shorter = show(network, images), show(network, images[:2])
    np.testing.assert_array_equal(longer[pixels][:2], shorter[pixels])
    # The next image's spikes do not depend on how long the one before was shown.
    brief = show(network, images, presentation_time=0.02)
    np.testing.assert_array_equal(longer[pixels][:, :20], brief[pixels])


@every_backend
def test_poisson_spikes_differ_from_image_to_image(backend):
    network = build("poisson", seed=5)
    with network:
        pixels = nengo.Probe(network.encoder.output)
    twice = show(network, some_images(1)[[0, 0]], backend)[pixels]
    assert np.any(twice[0] != twice[1])


@every_backend
def test_a_simulator_runs_and_says_what_it_substitutes(backend):
    network = build()
    before = settings(network)
    with Simulator(network, backend=backend, dt=0.002) as simulator:
        assert simulator.dt == 0.002
        simulator.run_steps(10)
        assert simulator.data[network.raw].shape == (10, 3)
    assert (
        type(simulator).__module__.split(".")[0]
        == {
            "reference": "nengo",
            "native": "nengo_pc",
            "dl": "nengo_dl",
            "loihi": "nengo_loihi",
            "xla": "nengo_pc",
        }[backend]
    )
    assert isinstance(simulator.substitutions, tuple)
    assert bool(simulator.substitutions) == (backend == "loihi")
    assert settings(network) == before


def test_a_presentation_says_how_it_came_about():
    network = build()
    shown = show(network, presentation_time=0.0296)
    assert (shown.backend, shown.substitutions) == ("reference", ())
    assert (shown.dt, shown.n_steps) == (0.001, 30)
    assert shown[network.raw] is shown.data[network.raw]
    assert shown[network.raw].shape == (3, 30, 3)
    assert shown.seconds > shown.compile_seconds == 0
    compiled = show(network, backend="xla")
    assert compiled.seconds > compiled.compile_seconds > 0


def test_images_of_any_shape_and_another_node():
    with nengo.Network() as network:
        nodes = [nengo.Node(np.zeros(4)), nengo.Node([9.0])]
        probe = nengo.Probe(nodes[0])
        other = nengo.Probe(nodes[1])
    images = np.random.default_rng(1).uniform(size=(3, 2, 1, 2))
    shown = show(network, images, node=nodes[0], presentation_time=0.002)
    np.testing.assert_array_equal(shown[probe], np.repeat(images.reshape(3, 1, 4), 2, axis=1))
    np.testing.assert_array_equal(shown[other], 9)
    integers = show(network, np.array([[0, 1, 1, 0]]), node=nodes[0], presentation_time=0.001)
    np.testing.assert_array_equal(integers[probe], [[[0, 1, 1, 0]]])


# Bad input


@pytest.mark.parametrize(
    "images, said",
    [
        (np.full((1, N_PIXELS), np.nan), "NaN"),
        (np.full((1, N_PIXELS), np.inf), "infinity"),
        (np.full((2, N_PIXELS), 1.001), r"\[0, 1\].*1\.001"),
        (np.full((2, N_PIXELS), -0.5), r"\[0, 1\].*-0\.5"),
        (np.full((2, N_PIXELS), 255, "u1"), r"\[0, 1\].*255"),
        (np.zeros((2, N_PIXELS + 1)), "6 values each, got 7"),
        (np.zeros((2, N_PIXELS, 2)), "6 values each, got 12"),
        (np.zeros((0, N_PIXELS)), "at least one image"),
        (np.zeros(N_PIXELS), "at least one image"),
        ([], "at least one image"),
        (None, "at least one image"),
        ("digits", "at least one image"),
        ([["a"] * N_PIXELS], "must be real numbers"),
        (np.zeros((1, N_PIXELS), object), "must be real numbers"),
    ],
)
def test_images_that_do_not_fit(images, said):
    network = build()
    with pytest.raises(ValidationError, match=said) as error:
        show(network, images if images is not None else np.array(None))
    assert error.value.attr == "images"


def test_check_images_flattens_what_fits():
    images = np.random.default_rng(1).uniform(size=(2, 3, 2, 1))
    np.testing.assert_array_equal(check_images(images, 6), images.reshape(2, 6))


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("images", [np.zeros((1, 6), complex), [[0.1, 0.2], [0.3]]], ids=str)
def test_images_of_odd_types(images):
    with pytest.raises(ValidationError, match="images"):
        check_images(images)


@pytest.mark.parametrize(
    "options, name",
    [
        ({"presentation_time": 0.0009}, "presentation_time"),
        ({"presentation_time": 0.0}, "presentation_time"),
        ({"presentation_time": -1.0}, "presentation_time"),
        ({"presentation_time": np.nan}, "presentation_time"),
        ({"presentation_time": np.inf}, "presentation_time"),
        ({"dt": 0.0}, "dt"),
        ({"dt": -0.001}, "dt"),
        ({"dt": np.nan}, "dt"),
        ({"backend": "brian"}, "backend"),
        ({"keep": "first"}, "keep"),
        ({"keep": {}}, "keep"),
    ],
)
def test_options_that_do_not_fit_are_named(options, name):
    with pytest.raises(ValidationError) as error:
        show(build(), **options)
    assert error.value.attr == name


@pytest.mark.parametrize("part", ["output", "layers"])
def test_a_node_that_takes_no_image_is_named(part):
    network = build()
    node = network.output if part == "output" else network.layers[0]
    with pytest.raises(ValidationError) as error:
        show(network, node=node)
    assert error.value.attr == "node"


def test_a_probe_of_another_network_is_named():
    network, other = build(), build()
    with pytest.raises(ValidationError, match="not a probe of this network"):
        show(network, keep={other.raw: "all"})


def test_a_network_without_probes_has_nothing_to_record():
    with nengo.Network() as network:
        network.input = nengo.Node([0.0])
    with pytest.raises(ValidationError, match="no probe"):
        show(network, np.zeros((1, 1)))


@pytest.mark.parametrize("backend", MINIBATCHED)
@pytest.mark.parametrize("batch_size", [0, -1, 1.5])
def test_a_minibatch_of_no_size_is_named(backend, batch_size):
    with pytest.raises(ValidationError, match="batch_size"):
        show(build(), some_images(1), backend, batch_size=batch_size)


@pytest.mark.parametrize("name", ["brian", "", None, "Reference"])
def test_an_unknown_backend_is_named(name):
    with pytest.raises(ValidationError, match="reference, native, dl, loihi, xla") as error:
        Simulator(build(), backend=name)
    assert error.value.attr == "backend"


@pytest.mark.parametrize(
    "backend, module, remedy",
    [
        ("dl", "tensorflow", "pip install"),
        ("dl", "nengo_dl", "pip install"),
        ("xla", "tensorflow", "pip install"),
        ("loihi", "nengo_loihi", r"pip install .*loihi"),
    ],
)
def test_a_missing_package_comes_with_the_command_that_installs_it(
    backend, module, remedy, monkeypatch
):
    monkeypatch.setattr(np, "__version__", "1.26.4")
    monkeypatch.setitem(sys.modules, module, None)
    network = build()
    for start in (lambda: show(network, backend=backend), lambda: Simulator(network, backend)):
        with pytest.raises(BackendUnavailable, match=remedy) as error:
            start()
        assert isinstance(error.value, ImportError)
    assert sorted(BACKENDS) == ["dl", "loihi", "native", "reference", "xla"]
    assert show(network, some_images(1)).backend == "reference"


def test_numpy_2_and_nengo_loihi(monkeypatch):
    monkeypatch.setattr(np, "__version__", "2.1.0")
    with pytest.raises(BackendUnavailable, match=r"NumPy 2\.1\.0 is too new.*NumPy below 2"):
        show(build(), backend="loihi")


@pytest.mark.skipif(not HAS_LOIHI, reason="needs nengo-loihi")
def test_a_network_that_cannot_be_built_is_left_as_it_was():
    network = build(synapse=nengo.LinearFilter([1], [0.01, 1]))
    before = settings(network)
    with pytest.raises(BuildError):
        show(network, backend="loihi")
    assert settings(network) == before
