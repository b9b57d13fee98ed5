import contextlib
import gzip
import hashlib
import http.client
import os
import shutil
import struct
import subprocess
import sys
import types
import urllib.error
from pathlib import Path

import numpy as np
import pytest

from nengo_pc.datasets import NAMES, DamagedFileError, NotAvailableError, Split, load, sources
from nengo_pc.datasets.download import download
from nengo_pc.datasets.idx import idx_md5, read_idx
from nengo_pc.datasets.mnist import PUBLISHED, SHAPES
from nengo_pc.datasets.npz import read_npz

DATA = os.environ.get("NENGO_PC_DATA")
FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def idx_bytes(array):
    return (
        struct.pack(">BBBB", 0, 0, 8, array.ndim)
        + b"".join(struct.pack(">I", size) for size in array.shape)
        + array.tobytes()
    )


def flip_bit(content, position):
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


def made_arrays(name):
    """Arrays of the right form; the first two pixels of an image number it."""
    arrays = {}
    for part in ("train", "test"):
        images = np.zeros(SHAPES[f"x_{part}"], dtype=np.uint8)
        index = np.arange(len(images))
        images[:, 0, 0], images[:, 0, 1] = index % 256, index // 256
        counts = PUBLISHED[name].class_counts[f"y_{part}"]
        arrays[f"x_{part}"] = images
        arrays[f"y_{part}"] = np.repeat(np.arange(10, dtype=np.uint8), counts)
    return arrays


@pytest.fixture(scope="module")
def fashion():
    return made_arrays("fashion_mnist")


@pytest.fixture(scope="module")
def fashion_idx(fashion, tmp_path_factory):
    folder = tmp_path_factory.mktemp("idx")
    for key, array in fashion.items():
        packed = gzip.compress(idx_bytes(array), compresslevel=1)
        (folder / f"{FILES[key]}.gz").write_bytes(packed)
    return folder


@pytest.fixture(scope="module")
def fashion_npz(fashion, tmp_path_factory):
    path = tmp_path_factory.mktemp("npz") / "fashion_mnist.npz"
    np.savez_compressed(path, **fashion)
    return path


def link(source, target):
    """Show the files of one folder in another."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        (target / path.name).symlink_to(path)
    return target


@pytest.fixture(autouse=True)
def nothing_outside(monkeypatch, tmp_path):
    """No data of the machine's own, and no network."""

    def no_network(name):
        raise NotAvailableError("the download failed (no network in tests)")

    monkeypatch.delenv("NENGO_PC_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(sources, "download", no_network)


def test_import_is_light():
    code = (
        "import sys, nengo_pc.datasets;"
        "print(sorted({'tensorflow', 'tf_keras', 'keras', 'sklearn'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr


# The IDX format


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_read_idx(tmp_path, shape, pack):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "file"
    path.write_bytes(pack(idx_bytes(array)))
    for ndim in (None, len(shape)):
        found = read_idx(path, ndim=ndim)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, array)


def test_idx_md5_is_that_of_the_file():
    array = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    assert idx_md5(array) == hashlib.md5(idx_bytes(array)).hexdigest()


IMAGES = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
PACKED = gzip.compress(IMAGES)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "holds 0 bytes"),
        (IMAGES[:3], "holds 3 bytes"),
        (IMAGES[:9], "found 9 bytes, wanted a header of 16"),
        (IMAGES[:-5], "found 35 bytes, wanted 40"),
        (IMAGES + b"\0", "found 41 bytes, wanted 40"),
        (b"<htm" + IMAGES[4:], "found 0x3c68746d, wanted 0x00000803"),
        (b"\0\0\x0d\x03" + IMAGES[4:], "found 0x00000d03, wanted 0x00000803"),
        (idx_bytes(np.zeros(5, dtype=np.uint8)), "found 0x00000801, wanted 0x00000803"),
        (PACKED[:-1], "broken gzip"),
        (PACKED[: len(PACKED) // 2], "broken gzip"),
        (PACKED[:5], "broken gzip"),
        (flip_bit(PACKED, len(PACKED) // 2), "broken gzip"),
        (flip_bit(PACKED, len(PACKED) - 8), "broken gzip.*CRC"),
        (gzip.compress(IMAGES[:-5]), "found 35 bytes, wanted 40"),
    ],
)
def test_damaged_idx(tmp_path, content, words):
    path = tmp_path / FILES["x_train"]
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=f"{FILES['x_train']}: .*{words}"):
        read_idx(path, ndim=3)


# The .npz form


def test_read_npz_refuses_what_is_not_plain_arrays(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object), y=np.arange(3))
    with pytest.raises(DamagedFileError, match=r"mnist\.npz: .*Object arrays"):
        read_npz(path, ["x", "y"])
    with pytest.raises(DamagedFileError, match="has the arrays x, y; wanted also z"):
        read_npz(path, ["y", "z"])
    np.testing.assert_array_equal(read_npz(path, ["y"])["y"], np.arange(3))


def test_damaged_npz(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, x=np.arange(1000))
    content = path.read_bytes()
    # The third is a pickle, which NumPy would try to load if it were allowed to.
    for damaged in (b"", content[:-30], b"\x80\x04N.", flip_bit(content, len(content) // 2)):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFileError, match=r"mnist\.npz: not a"):
            read_npz(path, ["x"])


# Loading


def test_unknown_name():
    with pytest.raises(ValueError, match="name: got 'cifar', .*mnist, fashion_mnist, digits"):
        load("cifar")
    assert NAMES == ("mnist", "fashion_mnist", "digits")


def test_digits():
    from sklearn.datasets import load_digits

    data = load("digits")
    assert (data.name, data.source, data.notice) == ("digits", "scikit-learn", None)
    assert (data.image_shape, data.n_classes) == ((8, 8, 1), 10)
    splits = (data.train, data.validation, data.test)
    assert [len(split) for split in splits] == [1197, 300, 300]
    for split in splits:
        assert split.images.shape == (len(split), 8, 8, 1)
        assert (split.images.dtype, split.labels.dtype) == (np.float32, np.int64)
        assert split.images.flags.c_contiguous
        assert split.images.min() == 0 and split.images.max() == 1
        share = np.bincount(split.labels) / len(split)
        np.testing.assert_allclose(share, 0.1, atol=0.005)  # stratified

    images, labels = load_digits(return_X_y=True)
    published = {tuple(image): label for image, label in zip(images, labels, strict=True)}
    assert len(published) == 1797  # no two alike, so equality below means disjoint splits
    loaded = {
        tuple(16 * image.ravel()): label
        for split in splits
        for image, label in zip(split.images, split.labels, strict=True)
    }
    assert loaded == published


def test_digits_take_no_folder(tmp_path):
    with pytest.raises(ValueError, match="folder: got"):
        load("digits", folder=tmp_path)


@pytest.mark.parametrize("place", ["direct", "sub-folder", "variable", "cache"])
def test_places_of_idx_files(monkeypatch, tmp_path, fashion, fashion_idx, place):
    folder = None
    if place == "direct":
        folder = where = link(fashion_idx, tmp_path / "files")
    elif place == "sub-folder":
        folder = str(tmp_path)
        where = link(fashion_idx, tmp_path / "fashion_mnist")
    elif place == "variable":
        monkeypatch.setenv("NENGO_PC_DATA", str(tmp_path))
        where = link(fashion_idx, tmp_path / "fashion_mnist")
    else:
        where = link(fashion_idx, tmp_path / "keras" / "datasets" / "fashion-mnist")

    data = load("fashion_mnist", folder=folder)
    assert (data.name, data.notice, data.n_classes) == ("fashion_mnist", None, 10)
    assert str(where) in data.source
    assert_is_made(data, fashion)


def test_npz_and_dotted_names(tmp_path, fashion, fashion_idx, fashion_npz):
    data = load("fashion_mnist", folder=fashion_npz.parent)
    assert data.source == str(fashion_npz)
    assert_is_made(data, fashion)

    for path in fashion_idx.iterdir():
        (tmp_path / path.name.replace("-idx", ".idx")).symlink_to(path)
    assert_is_made(load("fashion_mnist", folder=tmp_path), fashion)


def assert_is_made(data, arrays):
    splits = (data.train, data.validation, data.test)
    assert [len(split) for split in splits] == [50_000, 10_000, 10_000]
    for split in splits:
        assert split.images.shape == (len(split), *data.image_shape)
        assert (split.images.dtype, split.labels.dtype) == (np.float32, np.int64)
        assert split.images.flags.c_contiguous and split.labels.flags.c_contiguous
        assert split.images.min() == 0 and split.images.max() == 1
    for split, start in ((data.train, 0), (data.validation, 50_000), (data.test, 0)):
        first = np.rint(255 * split.images[:, 0, :2, 0]).astype(int)
        np.testing.assert_array_equal(first @ (1, 256), start + np.arange(len(split)))
    labels = np.concatenate([data.train.labels, data.validation.labels])
    np.testing.assert_array_equal(labels, arrays["y_train"])
    np.testing.assert_array_equal(data.test.labels, arrays["y_test"])


def test_search_order(monkeypatch, tmp_path, fashion, fashion_npz):
    downloads = []

    def fake_download(name):
        downloads.append(name)
        return fashion

    monkeypatch.setattr(sources, "download", fake_download)
    monkeypatch.setenv("NENGO_PC_DATA", str(tmp_path / "absent"))
    assert load("fashion_mnist").source == "downloaded through Keras"
    assert downloads == ["fashion_mnist"]

    cache = link(fashion_npz.parent, tmp_path / "keras" / "datasets" / "fashion-mnist")
    assert str(cache) in load("fashion_mnist").source

    monkeypatch.setenv("NENGO_PC_DATA", str(tmp_path / "variable"))
    variable = link(fashion_npz.parent, tmp_path / "variable" / "fashion_mnist")
    assert str(variable) in load("fashion_mnist").source

    folder = link(fashion_npz.parent, tmp_path / "folder")
    assert str(folder) in load("fashion_mnist", folder=folder).source
    assert downloads == ["fashion_mnist"]


def test_default_cache_is_in_the_home_folder(monkeypatch, tmp_path, fashion_npz):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    cache = link(fashion_npz.parent, tmp_path / ".keras" / "datasets" / "fashion-mnist")
    assert str(cache) in load("fashion_mnist").source


@pytest.mark.parametrize("name", [None, "mnist"])
def test_folder_without_files(monkeypatch, tmp_path, fashion_idx, name):
    link(fashion_idx, tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte") as caught:
        load(name, folder=tmp_path)
    assert str(tmp_path) in str(caught.value) and "mnist.npz" in str(caught.value)
    with pytest.raises(FileNotFoundError, match="not a folder"):
        load(name, folder=tmp_path / "absent")


def test_fallback_to_digits(monkeypatch, tmp_path):
    monkeypatch.setenv("NENGO_PC_DATA", str(tmp_path / "absent"))
    data = load()
    assert (data.name, len(data.train)) == ("digits", 1197)
    for words in (
        "digits of scikit-learn (1,797 images of 8x8 pixels) are used",
        "MNIST could not be had",
        str(tmp_path / "absent"),
        str(tmp_path / "keras"),
        "no network in tests",
        "set NENGO_PC_DATA=FOLDER",
        "--data FOLDER",
    ):
        assert words in data.notice


@pytest.mark.parametrize("name, title", [("mnist", "MNIST"), ("fashion_mnist", "Fashion-MNIST")])
def test_no_fallback_for_a_name(name, title):
    with pytest.raises(NotAvailableError, match=f"^{title} could not be had") as caught:
        load(name)
    text = str(caught.value)
    for words in ("folder argument", "NENGO_PC_DATA", "Keras' cache", "download", f"{name}.npz"):
        assert words in text


# Damage


def damage_idx(folder, file, content):
    (folder / f"{file}.gz").unlink()
    (folder / file).write_bytes(content)


@pytest.mark.parametrize(
    "key, change, words",
    [
        ("y_train", lambda y: np.where(np.arange(len(y)) == 7, 10, y), "label 10, wanted 0 to 9"),
        ("y_train", lambda y: y[:-1], r"labels of shape \(59999,\), wanted \(60000,\)"),
        ("y_test", lambda y: y ^ (np.arange(len(y)) == 7), "not the labels of Fashion-MNIST"),
        ("x_test", lambda x: x[:5], r"\(5, 28, 28\), wanted \(10000, 28, 28\)"),
        ("x_test", lambda x: x[:, 1:], r"\(10000, 27, 28\), wanted \(10000, 28, 28\)"),
    ],
)
def test_wrong_content(tmp_path, fashion, fashion_idx, key, change, words):
    link(fashion_idx, tmp_path)
    damage_idx(tmp_path, FILES[key], idx_bytes(change(fashion[key]).astype(np.uint8)))
    with pytest.raises(DamagedFileError, match=f"{FILES[key]}: .*{words}"):
        load("fashion_mnist", folder=tmp_path)


def test_wrong_dtype_in_npz(tmp_path, fashion):
    path = tmp_path / "fashion_mnist.npz"
    np.savez_compressed(path, **{**fashion, "x_test": fashion["x_test"] / np.float32(255)})
    with pytest.raises(DamagedFileError, match="x_test: found float32, wanted uint8"):
        load("fashion_mnist", folder=tmp_path)


def test_checksum_of_mnist(tmp_path):
    for key, array in made_arrays("mnist").items():
        (tmp_path / FILES[key]).write_bytes(idx_bytes(array))
    path = tmp_path / FILES["x_train"]
    found = hashlib.md5(path.read_bytes()).hexdigest()
    words = f"{path.name}: .*found {found}, wanted 6bbc9ace898e44ae57da46a324031adb"
    with pytest.raises(DamagedFileError, match=words):
        load("mnist", folder=tmp_path)


@pytest.mark.parametrize("place", ["variable", "cache"])
@pytest.mark.parametrize("name", [None, "mnist"])
def test_damage_never_falls_back(monkeypatch, tmp_path, place, name):
    if place == "variable":
        monkeypatch.setenv("NENGO_PC_DATA", str(tmp_path))
        folder = tmp_path / "mnist"
    else:
        folder = tmp_path / "keras" / "datasets"
    folder.mkdir(parents=True)
    (folder / "mnist.npz").write_bytes(b"PK cut short")
    with pytest.raises(DamagedFileError, match=r"mnist\.npz: not an \.npz file"):
        load(name)


def test_split_refuses_other_arrays():
    images, labels = np.zeros((3, 2, 2, 1), np.float32), np.zeros(3, np.int64)
    assert len(Split(images, labels)) == 3
    for bad in (images[..., 0], images.astype(float)):
        with pytest.raises(ValueError, match="images: got"):
            Split(bad, labels)
    for bad in (labels[:2], labels.astype(np.uint8)):
        with pytest.raises(ValueError, match="labels: got"):
            Split(images, bad)


# The download


@pytest.fixture
def fake_keras(monkeypatch):
    """Return a stand-in for Keras' Fashion-MNIST module, to be given a ``load_data``."""
    module = types.SimpleNamespace()
    keras = types.SimpleNamespace(datasets=types.SimpleNamespace(fashion_mnist=module))
    monkeypatch.setitem(sys.modules, "tf_keras", keras)
    return module


def test_download_asks_keras(monkeypatch, fake_keras, fashion):
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    train = (fashion["x_train"], fashion["y_train"])
    fake_keras.load_data = lambda: (train, (fashion["x_test"], fashion["y_test"]))
    arrays = download("fashion_mnist")
    assert os.environ["TF_USE_LEGACY_KERAS"] == "1"
    assert all(arrays[key] is fashion[key] for key in SHAPES)

    fake_keras.load_data = lambda: (train, train)
    with pytest.raises(DamagedFileError, match="downloaded by Keras, x_test: .*60000"):
        download("fashion_mnist")


@pytest.mark.parametrize(
    "raised, wanted",
    [
        (Exception("URL fetch failure"), NotAvailableError),
        (urllib.error.URLError("no route"), NotAvailableError),
        (TimeoutError("timed out"), NotAvailableError),
        (http.client.IncompleteRead(b""), NotAvailableError),
        (gzip.BadGzipFile("CRC check failed"), DamagedFileError),
        (EOFError("ended early"), DamagedFileError),
        (ValueError("Incomplete or corrupted file detected"), DamagedFileError),
        (TypeError("a mistake"), TypeError),
    ],
)
def test_download_errors(fake_keras, raised, wanted):
    def load_data():
        raise raised

    fake_keras.load_data = load_data
    with pytest.raises(wanted) as caught:
        download("fashion_mnist")
    assert str(raised) in str(caught.value)
    assert type(caught.value) is wanted


def test_download_without_keras(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    with pytest.raises(NotAvailableError, match="tf_keras cannot be imported"):
        download("mnist")


def test_download_by_keras_itself(monkeypatch, tmp_path, fashion, fashion_idx):
    """Keras' own code, with only the network replaced."""
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    (tmp_path / ".keras").mkdir()  # where Keras does not find it, it writes elsewhere
    monkeypatch.setenv("HOME", str(tmp_path))
    pytest.importorskip("tf_keras")

    @contextlib.contextmanager
    def network(urlretrieve):
        with monkeypatch.context() as patch:
            patch.setattr("tf_keras.src.utils.data_utils.urlretrieve", urlretrieve)
            yield

    def unreachable(url, path, progress):
        raise urllib.error.URLError("no route to host")

    def reachable(url, path, progress):
        shutil.copy(fashion_idx / url.rpartition("/")[2], path)

    def corrupting(url, path, progress):
        Path(path).write_bytes(b"an error page")

    monkeypatch.setattr(sources, "download", download)
    with network(unreachable):
        data = load()
        assert data.name == "digits" and "no route to host" in data.notice
    with network(reachable):
        data = load("fashion_mnist")
        assert data.source == "downloaded through Keras"
        assert_is_made(data, fashion)
    with network(corrupting), pytest.raises(DamagedFileError, match="mnist as downloaded"):
        load()


# The real MNIST

with_mnist = pytest.mark.skipif(
    not DATA or not Path(DATA, "mnist").is_dir(), reason="NENGO_PC_DATA does not name MNIST"
)


@with_mnist
def test_real_mnist(monkeypatch):
    monkeypatch.setenv("NENGO_PC_DATA", DATA)
    data = load()
    assert (data.name, data.notice) == ("mnist", None)
    assert (data.image_shape, data.n_classes) == ((28, 28, 1), 10)
    splits = (data.train, data.validation, data.test)
    assert [len(split) for split in splits] == [50_000, 10_000, 10_000]
    for split in splits:
        assert split.images.shape == (len(split), 28, 28, 1)
        assert (split.images.dtype, split.labels.dtype) == (np.float32, np.int64)
        assert split.images.min() == 0 and split.images.max() == 1
    assert np.bincount(data.test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert data.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert data.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    # The mean and standard deviation that everyone normalizes the training images with.
    training = np.concatenate([data.train.images.ravel(), data.validation.images.ravel()])
    assert training.mean(dtype=float) == pytest.approx(0.1307, abs=5e-5)
    assert training.std(dtype=float) == pytest.approx(0.3081, abs=5e-5)


@with_mnist
def test_one_flipped_bit_in_real_mnist(tmp_path):
    link(Path(DATA, "mnist").resolve(), tmp_path)
    key = "x_test"
    content = idx_bytes(read_idx(next(tmp_path.glob(f"{FILES[key]}*"))))
    (tmp_path / FILES[key]).unlink(missing_ok=True)
    (tmp_path / FILES[key]).write_bytes(flip_bit(content, 5_000_000))
    with pytest.raises(
        DamagedFileError, match=f"{FILES[key]}: wrong MD5 .*{PUBLISHED['mnist'].md5[key]}"
    ):
        load("mnist", folder=tmp_path)
