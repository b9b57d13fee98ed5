import dataclasses
import errno
import json
import pickle

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from nengo_pc.networks import AveragePooling, Convolution, Dense, LIFConstants, Parameters

CONV = ((6, 7, 2), [Convolution(3, 2), AveragePooling((2, 3)), Convolution(4, 2), Dense(5)])
MLP = ((6,), [Dense(4), Dense(3)])


def build(network=MLP, seed=1, **changes):
    return dataclasses.replace(Parameters.random(*network, seed=seed), **changes)


def replaced(arrays, i, array):
    return (*arrays[:i], array, *arrays[i + 1 :])


@pytest.fixture
def arrays(tmp_path):
    """What the file of a network holds, and a way to write it again."""
    path = tmp_path / "whole.npz"
    build().save(path)
    with np.load(path) as file:
        kept = dict(file)

    def write(**changes):
        changed = tmp_path / "changed.npz"
        np.savez(changed, **{k: v for k, v in (kept | changes).items() if v is not None})
        return changed

    def describe(**changes):
        return write(description=np.array(json.dumps(description | changes)))

    description = json.loads(str(kept["description"]))
    write.describe = describe
    return write


# Closed forms


def within(value, wanted, standard_error):
    assert abs(value - wanted) < 5 * standard_error


@pytest.mark.parametrize(
    "network, i, variance",
    [
        (((300,), [Dense(400), Dense(2)]), 0, 2 / 300),
        (((12, 12, 8), [Convolution(128, (5, 4)), Dense(2)]), 0, 2 / (5 * 4 * 8)),
        (((8, 8, 1), [AveragePooling(2), Dense(2000), Dense(30)]), 1, 2 / 16),
        (((400,), [Dense(500)]), 0, 2 / (400 + 500)),
        (((3, 3, 60), [Convolution(300, 2)]), 0, 2 / (2 * 2 * 60 + 300)),
    ],
    ids=["dense", "convolution", "above pooling", "read-out", "convolution as read-out"],
)
def test_initial_weights_are_he_normal_and_glorot_normal_in_the_read_out(network, i, variance):
    weights = Parameters.random(*network, seed=5).weights[i].ravel().astype(float)
    n = weights.size
    assert n > 15_000
    within(weights.mean(), 0, np.sqrt(variance / n))
    within(weights.var(), variance, variance * np.sqrt(2 / n))
    within(np.mean(weights**4), 3 * variance**2, variance**2 * np.sqrt(96 / n))


def test_initial_biases():
    parameters = Parameters.random(*CONV)
    for bias, wanted in zip(parameters.biases, (np.ones(3), None, np.ones(4), np.zeros(5))):
        np.testing.assert_array_equal(bias, wanted)


@pytest.mark.parametrize(
    "network, count",
    [
        (MLP, 6 * 4 + 4 + 4 * 3 + 3),
        # (5, 6, 3) after the first convolution, (2, 2, 3) after pooling, (1, 1, 4) at last
        (CONV, (2 * 2 * 2 * 3 + 3) + (2 * 2 * 3 * 4 + 4) + (4 * 5 + 5)),
    ],
    ids=["MLP", "CONV"],
)
def test_n_parameters_by_hand(network, count):
    assert build(network).n_parameters == count


@pytest.mark.filterwarnings("ignore:divide by zero encountered in log1p")
def test_lif_constants_make_that_neuron_at_rest():
    neuron = LIFConstants(tau_rc=0.03, tau_ref=0.001, amplitude=0.2).spiking()
    assert type(neuron) is nengo.LIF
    assert (neuron.tau_rc, neuron.tau_ref, neuron.amplitude) == (0.03, 0.001, 0.2)
    with nengo.Network() as network:
        layer = nengo.Ensemble(50, 1, neuron_type=neuron, gain=np.ones(50), bias=np.zeros(50))
        voltage = nengo.Probe(layer.neurons, "voltage")
    with nengo.Simulator(network, progress_bar=False) as simulator:
        simulator.step()
    np.testing.assert_array_equal(simulator.data[voltage], 0)


# Brute force: Nengo itself, one input at a time


@pytest.mark.parametrize(
    "input_shape, layers",
    [
        MLP,
        CONV,
        ((4, 4, 1), [AveragePooling(2), Dense(3)]),
        ((9, 8, 1), [AveragePooling(2), AveragePooling(2), Convolution(2, 2), Dense(3)]),
        ((5, 5, 1), [Convolution(2, 3, padding="same"), AveragePooling(2), Dense(3), Dense(2)]),
    ],
    ids=["MLP", "CONV", "pooled input", "pooled twice", "same"],
)
def test_fan_outs_count_what_nengo_connects(input_shape, layers, matrix_of):
    parameters = Parameters.random(input_shape, layers)
    wanted, matrix = [], None
    for layer, below in zip(parameters.layers, parameters.shapes):
        weights = np.ones(layer.weight_shape(below)) if layer.has_weights else None
        own = matrix_of(layer.transform(weights, below), int(np.prod(below)))
        matrix = own if matrix is None else own @ matrix
        if layer.has_weights:
            wanted.append(np.count_nonzero(matrix, axis=0))
            matrix = None
    result = parameters.fan_outs()
    assert len(result) == len(wanted)
    for counted, brute in zip(result, wanted):
        np.testing.assert_array_equal(counted, brute)


# Invariants


@pytest.mark.parametrize("network", [MLP, CONV], ids=["MLP", "CONV"])
def test_a_file_gives_back_every_bit(network, tmp_path):
    parameters = build(network, neuron=LIFConstants(0.05, 0.001, 0.3)).with_metadata(
        training={"seed": 3, "losses": [0.1, 1e-300]}, note="größer"
    )
    odd = parameters.weights[-1].copy()
    info = np.finfo("f4")
    odd.flat[:4] = [info.max, info.smallest_subnormal, -0.0, -info.tiny]
    parameters = dataclasses.replace(
        parameters, weights=replaced(parameters.weights, len(parameters.layers) - 1, odd)
    )
    path = tmp_path / "new folder" / "network.npz"
    parameters.save(path)
    again = Parameters.load(path)
    for name in ("input_shape", "layers", "neuron", "metadata"):
        assert getattr(again, name) == getattr(parameters, name)
    assert again.digest() == parameters.digest()
    for name in ("weights", "biases"):
        for ours, theirs in zip(getattr(parameters, name), getattr(again, name)):
            if ours is None:
                assert theirs is None
            else:
                assert theirs.dtype == np.float32
                assert theirs.tobytes() == ours.tobytes()


def test_the_seed_decides_initial_parameters():
    assert build(seed=1).digest() == build(seed=1).digest()
    assert build(seed=1).digest() != build(seed=2).digest()


def nudged(arrays, i):
    array = arrays[i].copy()
    array.flat[-1] = np.nextafter(array.flat[-1], np.float32(9))
    return replaced(arrays, i, array)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: {"weights": nudged(p.weights, 0)},
        lambda p: {"biases": nudged(p.biases, 2)},
        lambda p: {"neuron": LIFConstants(tau_ref=0.002)},
        lambda p: {"input_shape": (7, 6, 2)},
        lambda p: {"layers": replaced(p.layers, 0, Convolution(3, 2, padding="same"))},
        lambda p: {"layers": replaced(p.layers, 0, Convolution(3, 2, strides=2))},
    ],
    ids=["weight", "bias", "neuron", "input shape", "padding", "strides"],
)
def test_a_digest_changes_with_the_network(change):
    # All convolutions, whose parameters fit an image of any size.
    layers = [Convolution(3, 2), Convolution(4, 1), Convolution(5, 1)]
    parameters = Parameters.random((6, 7, 2), layers, seed=1)
    changed = dataclasses.replace(parameters, **change(parameters))
    assert changed.digest() != parameters.digest()


def test_a_digest_does_not_look_at_metadata():
    parameters = build()
    noted = parameters.with_metadata(a=1).with_metadata(b=2)
    assert noted.metadata == {"a": 1, "b": 2}
    assert parameters.metadata == {}
    assert noted.digest() == parameters.digest()


def test_a_full_disk_leaves_the_file_before(tmp_path, monkeypatch):
    path = tmp_path / "network.npz"
    build(seed=1).save(path)

    def full(file, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        build(seed=2).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["network.npz"]
    assert Parameters.load(path).digest() == build(seed=1).digest()


def test_a_file_without_suffix_holds_the_network(tmp_path):
    build().save(tmp_path / "network")
    assert [p.name for p in tmp_path.iterdir()] == ["network"]
    assert Parameters.load(tmp_path / "network").digest() == build().digest()


# Bad input: files


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def object_arrays(path, bomb):
    np.savez(path, description=np.array([bomb], dtype=object))


def bare_pickle(path, bomb):
    path.write_bytes(pickle.dumps(bomb))


def pickle_among_good_arrays(path, bomb):
    build().save(path)
    with np.load(path) as file:
        np.savez(path, **{**file, "weights_0": np.array([bomb], dtype=object)})


@pytest.mark.parametrize("write", [object_arrays, bare_pickle, pickle_among_good_arrays])
def test_pickles_are_refused_and_never_run(write, tmp_path):
    path, mark = tmp_path / "network.npz", tmp_path / "executed"
    write(path, Bomb(mark))
    with pytest.raises(ValidationError, match="pickled"):
        Parameters.load(path)
    assert not mark.exists()
    # The bomb is a live one.
    loaded = np.load(path, allow_pickle=True)
    if hasattr(loaded, "files"):
        _ = [loaded[name] for name in loaded.files]
    assert mark.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"\x89PNG\r\n\x1a\n", b'{"format": "nengo-pc parameters"}', b"PK\x03\x04", bytes(4096)],
)
def test_a_file_of_another_kind_is_refused(content, tmp_path):
    path = tmp_path / "network.npz"
    path.write_bytes(content)
    with pytest.raises(ValidationError, match=r"network\.npz"):
        Parameters.load(path)


def test_random_bytes_are_refused(tmp_path):
    path, rng = tmp_path / "network.npz", np.random.default_rng(1)
    for size in (1, 100, 10_000):
        path.write_bytes(rng.bytes(size))
        with pytest.raises(ValidationError, match=r"network\.npz"):
            Parameters.load(path)


@pytest.mark.parametrize("part", np.linspace(0, 1, 24, endpoint=False))
def test_a_truncated_file_is_refused(part, tmp_path):
    path = tmp_path / "network.npz"
    build().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValidationError, match=r"network\.npz"):
        Parameters.load(path)


def test_a_damaged_byte_is_refused_or_harmless(tmp_path):
    path, parameters = tmp_path / "network.npz", build()
    parameters.save(path)
    content = path.read_bytes()
    for position in range(0, len(content), 9):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            digest = Parameters.load(path).digest()
        except ValidationError:
            continue
        assert digest == parameters.digest()


def test_an_npy_file_is_refused(tmp_path):
    np.save(tmp_path / "network.npy", np.ones(3))
    with pytest.raises(ValidationError, match=r"network\.npy"):
        Parameters.load(tmp_path / "network.npy")


def test_arrays_without_description_are_refused(arrays):
    with pytest.raises(ValidationError, match=r"changed\.npz"):
        Parameters.load(arrays(description=None))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "3", '"nengo-pc parameters"'])
def test_another_description_is_refused(text, arrays):
    with pytest.raises(ValidationError, match=r"changed\.npz"):
        Parameters.load(arrays(description=np.array(text)))


@pytest.mark.parametrize(
    "change, said",
    [
        ({"format": "nengo-pc checkpoint"}, "nengo-pc checkpoint"),
        ({"version": 2}, "version 2"),
        ({"version": None}, "version None"),
        ({"layers": [{"kind": "dense", "units": 4}, {"kind": "attention"}]}, "attention"),
        ({"layers": 3}, r"changed\.npz"),
        ({"input_shape": 6}, r"changed\.npz"),
        ({"input_shape": [7]}, r"\(4, 7\)"),
        ({"neuron": {"tau": 1}}, r"changed\.npz"),
        ({"neuron": {"tau_rc": -0.02}}, "tau_rc"),
        ({"layers": [{"kind": "dense", "units": 5}, {"kind": "dense", "units": 3}]}, "needs shape"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(change, said, arrays):
    with pytest.raises(ValidationError, match=said):
        Parameters.load(arrays.describe(**change))


@pytest.mark.parametrize("change", ["input shape", "text as weights"])
def test_values_of_another_type_are_refused(change, arrays):
    if change == "input shape":
        path = arrays.describe(input_shape=["x"])
    else:
        path = arrays(weights_0=np.array("x"))
    with pytest.raises(ValidationError):
        Parameters.load(path)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"weights_0": np.zeros((4, 7))}, r"weights.*\(4, 6\).*\(4, 7\)"),
        ({"weights_0": None}, r"weights.*\(4, 6\).*None"),
        ({"bias_1": None}, r"biases.*\(3,\).*None"),
        ({"bias_1": np.zeros((3, 1))}, r"biases.*\(3,\).*\(3, 1\)"),
        ({"weights_1": np.full((3, 4), np.nan)}, "weights.*NaN"),
        ({"bias_0": np.array([0, 0, np.inf, 0])}, "biases.*NaN or infinity"),
    ],
)
def test_arrays_that_do_not_fit_are_named(change, said, arrays):
    with pytest.raises(ValidationError, match=said):
        Parameters.load(arrays(**change))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        Parameters.load(tmp_path / "nowhere.npz")


# Bad input: arguments


@pytest.mark.parametrize(
    "changes, name",
    [
        ({"weights": ()}, "weights"),
        ({"biases": (np.zeros(4),)}, "biases"),
        ({"weights": (None, np.zeros((3, 4)))}, "weights"),
        ({"weights": (np.zeros((4, 6)), np.full((3, 4), 1e39))}, "weights"),  # inf as float32
        ({"layers": ()}, "layers"),
        ({"layers": (Dense(4), AveragePooling(2))}, "layers"),
        ({"layers": (Dense(4), Dense(2))}, "weights"),
        ({"input_shape": (5,)}, "weights"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_parameters_that_do_not_fit_are_named(changes, name):
    with pytest.raises(ValidationError) as error:
        build(**changes)
    assert error.value.attr == name


@pytest.mark.parametrize("name", ["tau_rc", "tau_ref", "amplitude"])
@pytest.mark.parametrize("value", [0, -0.02, np.nan, np.inf, None, [0.02]])
def test_lif_constants_are_positive_numbers(name, value):
    with pytest.raises(ValidationError) as error:
        LIFConstants(**{name: value})
    assert error.value.attr == name


@pytest.mark.parametrize("value", ["0.02", 0.02j])
def test_lif_constants_of_another_type_are_named(value):
    with pytest.raises(ValidationError):
        LIFConstants(tau_rc=value)


@pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt")
@pytest.mark.parametrize("input_shape", [(0,), (-3,)])
def test_an_input_of_no_size_is_refused(input_shape):
    with pytest.raises(ValidationError):
        Parameters.random(input_shape, [Dense(2)])
