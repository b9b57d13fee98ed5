"""``run_rao_ballard.py`` from end to end, its images, measures and figures."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from nengo.exceptions import ValidationError
from PIL import Image
from scipy import stats
from sklearn.decomposition import PCA

from nengo_pc import datasets
from nengo_pc.analysis import load_metrics, plot_energy, plot_images
from nengo_pc.analysis.results import runs_of
from nengo_pc.experiments import photographs, rao_ballard
from nengo_pc.experiments.image_measures import excess_kurtosis, principal_components, scores
from nengo_pc.experiments.photographs import load_patches, whiten
from nengo_pc.learning.generative import RaoBallard

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the default run leaves where there is no MNIST, but for its size; and what it says."""

    def unavailable(name):
        raise datasets.NotAvailableError("no MNIST here")

    folder = tmp_path_factory.mktemp("rao_ballard")
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.chdir(folder)
        patch.setattr("nengo_pc.datasets.loader.search", unavailable)
        assert rao_ballard.main(["--epochs", "3", "--train-images", "600"]) == 0
    folder = folder / "results" / "rao_ballard" / "digits-patches"
    (folder / "said.txt").write_text(said.getvalue())
    return folder


# --- the run


def test_what_a_run_leaves(folder):
    figures = {
        "digits-fields-1",
        "digits-fields-2",
        *(f"{d}-{f}" for d in ("digits", "patches") for f in ("learning", "relaxation")),
        *(f"{d}-reconstructions" for d in ("digits", "patches")),
        "patches-fields-1",
    }
    files = {f"{name}.{suffix}" for name in figures for suffix in ("png", "svg")}
    files |= {f"parameters-{d}.npz" for d in ("digits", "patches")}
    files |= {"metrics.json", "report.md", "said.txt"}
    assert {p.name for p in folder.iterdir()} == files
    for name in figures:
        with Image.open(folder / f"{name}.png") as picture:
            assert min(picture.size) > 100
    report = (folder / "report.md").read_text()
    for name in figures:
        assert f"({name}.png)" in report
    assert "python run_rao_ballard.py --epochs 3 --train-images 600" in report
    assert "None" not in report


def test_metrics_of_a_run(folder):
    metrics = load_metrics(folder)
    assert metrics["experiment"] == "rao_ballard"
    assert metrics["command"] == "python run_rao_ballard.py --epochs 3 --train-images 600"
    digits, patches = runs_of(metrics)
    for run in (digits, patches):
        assert run["seed"] == 0 and run["version"]
        assert run["n_train"] == 600
        assert run["epochs"] == len(run["history"]) == 3
        assert run["seconds"]["train"] > 0 and run["seconds"]["evaluate"] > 0
        before, after = run["free_energy"]["before"], run["free_energy"]["after"]
        assert after["total"] < before["total"]
        for terms in (before, after):
            total = sum(value for name, value in terms.items() if name != "total")
            assert terms["total"] == pytest.approx(total, rel=1e-5)
        course = run["free_energy"]["course"]
        assert course["step"] == list(range(51))
        assert (np.diff(course["total"]) <= 1e-5 * course["total"][0]).all()
        for layer in run["reconstruction"]:
            # No linear basis does better, and tanh is close to linear here.
            pca = layer["pca"]
            assert 0 < layer["variance_explained"] < pca["variance_explained"] + 0.05 < 1.05
            assert layer["mean_squared_error"] > 0.8 * pca["mean_squared_error"]
    assert (digits["network"], patches["network"]) == ("64-32-10", "144-64")
    assert (digits["n_test"], patches["n_test"]) == (300, 2000)
    assert [layer["n_causes"] for layer in digits["reconstruction"]] == [32, 10]


def test_metrics_can_be_had_again_from_the_parameters(folder):
    """By other code: scikit-learn's PCA and plain NumPy on the network that was kept."""
    run = runs_of(load_metrics(folder))[0]
    network = RaoBallard.load(folder / "parameters-digits.npz")
    assert network.settings == run["settings"]
    digits = datasets.load("digits")
    train = digits.train.images[:600].reshape(600, 64)
    test = digits.test.images.reshape(300, 64) - train.mean(axis=0)
    first = run["reconstruction"][0]
    squares = ((network.reconstruct(test) - test) ** 2).mean()
    assert first["mean_squared_error"] == pytest.approx(squares, rel=1e-5)
    assert first["variance_explained"] == pytest.approx(1 - squares / (test**2).mean(), rel=1e-5)
    pca = PCA(32, svd_solver="full").fit(train)
    by_pca = pca.inverse_transform(pca.transform(test + train.mean(axis=0))) - train.mean(axis=0)
    squares = ((by_pca - test) ** 2).mean()
    assert first["pca"]["mean_squared_error"] == pytest.approx(squares, rel=1e-4)
    energy = network.free_energy(test)["total"].mean()
    assert run["free_energy"]["after"]["total"] == pytest.approx(energy, rel=1e-5)


def test_a_seed_gives_the_same_run_and_another_does_not(folder):
    def learned(seed):
        images = rao_ballard.load_images("patches", n_train=600, seed=seed)
        _, run = rao_ballard.learn(images, 3, seed)
        return run["free_energy"]["after"], [epoch["free_energy"] for epoch in run["history"]]

    first = runs_of(load_metrics(folder))[1]
    expected = first["free_energy"]["after"], [epoch["free_energy"] for epoch in first["history"]]
    assert learned(0) == expected
    assert learned(1) != expected


def test_without_mnist_the_digits_are_used_and_said(folder):
    digits, patches = load_metrics(folder)["runs"]
    assert "no MNIST here" in digits["dataset_notice"]
    assert f"> {digits['dataset_notice']}" in (folder / "report.md").read_text()
    assert "NOTICE: " + digits["dataset_notice"] in (folder / "said.txt").read_text()
    assert patches["dataset_notice"] is None


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--dataset", "digits", "--train-images", "2000"], ["--train-images", "1197", "2000"]),
        (["--dataset", "patches", "--train-images", "1"], ["n_train", "1"]),
        (["--dataset", "digits", "--epochs", "0"], ["epochs", "0"]),
        (["--seed", "-1"], ["--seed", "-1"]),
        (["--dataset", "patches", "--data", "somewhere"], ["--data", "patches"]),
        (["--dataset", "mnist", "--data", "/nowhere"], ["/nowhere"]),
    ],
)
def test_errors_are_one_line(arguments, words, tmp_path, capsys):
    assert rao_ballard.main([*arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("run_rao_ballard.py: error:") and error.count("\n") == 1
    assert all(word in error for word in words)
    assert not list((tmp_path / "out").glob("*.json"))


def test_help_needs_no_tensorflow():
    code = (
        "import sys; sys.argv = ['run_rao_ballard.py', '--help']\n"
        "import runpy\n"
        "try: runpy.run_path('run_rao_ballard.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print('tensorflow' in sys.modules, 'matplotlib' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=os.environ
    )
    assert "--dataset" in result.stdout
    assert result.stdout.splitlines()[-1] == "False False"


# --- photographs


def test_whitening_is_its_filter():
    """A cosine comes out as itself times the filter at its frequency; a constant is lost."""
    rows, columns = np.mgrid[:64, :80]
    for k, m in ((0, 8), (16, 0), (4, 20)):
        wave = np.cos(2 * np.pi * (k * rows / 64 + m * columns / 80))
        f = np.hypot(k / 64, m / 80)
        expected = f * np.exp(-((f / 0.4) ** 4)) * wave
        np.testing.assert_allclose(whiten(5 + wave), expected, atol=1e-12)


def test_whitening_flattens_the_spectrum_of_a_photograph():
    from sklearn.datasets import load_sample_images

    grey = load_sample_images().images[0].mean(axis=2)[:400, :400]
    f = np.hypot(np.fft.fftfreq(400)[:, None], np.fft.fftfreq(400))

    def slope(picture):
        """Of the logarithm of amplitude against that of frequency."""
        amplitude = np.abs(np.fft.fft2(picture))
        bands = [(f >= low) & (f < 1.2 * low) for low in np.geomspace(0.01, 0.2, 12)]
        means = [amplitude[band].mean() for band in bands]
        return stats.linregress([np.log(f[b].mean()) for b in bands], np.log(means)).slope

    assert slope(grey) < -0.8
    assert abs(slope(whiten(grey))) < 0.4


def test_patches():
    train, test = load_patches(301, 100, 10, seed=3)
    assert train.shape == (301, 10, 10) and test.shape == (100, 10, 10)
    assert train.dtype == test.dtype == np.float32
    for patches in (train, test):
        assert patches.std(axis=(1, 2)).min() >= 0.3 - 1e-6
        assert np.isfinite(patches).all()
    again = load_patches(301, 100, 10, seed=3)
    np.testing.assert_array_equal(train, again[0])
    np.testing.assert_array_equal(test, again[1])
    assert np.abs(load_patches(301, 100, 10, seed=4)[0] - train).max() > 0.1


def test_test_patches_are_from_the_right_of_the_photographs(monkeypatch):
    """In photographs that are noise, where every place can be told."""
    rng = np.random.default_rng(0)

    class Noise:
        images = [rng.random((120, 200, 3)) for _ in range(2)]

    monkeypatch.setattr("sklearn.datasets.load_sample_images", lambda: Noise)
    monkeypatch.setattr(photographs, "whiten", lambda picture: picture)
    monkeypatch.setattr(photographs, "LEAST_CONTRAST", 0.0)
    train, test = load_patches(60, 60, 4)
    halves = [i.reshape(60, 2, 100, 2, 3).mean(axis=(1, 3, 4)) for i in Noise.images]
    scales = [half[6:-6, 6:74].std() for half in halves]
    for kind, low, high in ((train, 6, 74), (test, 86, 94)):
        for n, patch in enumerate(kind):
            half, scale = halves[n >= 30], scales[n >= 30]
            found = np.argwhere(np.isclose(half / scale, patch[0, 0], rtol=1e-6))
            [place] = [
                (r, c)
                for r, c in found
                if np.allclose(half[r : r + 4, c : c + 4] / scale, patch, rtol=1e-5)
            ]
            assert low <= place[1] <= high - 4
            assert 6 <= place[0] <= 54 - 4


@pytest.mark.parametrize("wrong, name", [((1, 10), "n_train"), ((10, 0), "n_test")])
def test_patches_refuse(wrong, name):
    with pytest.raises(ValidationError, match=name):
        load_patches(*wrong)
    with pytest.raises(ValidationError, match="size"):
        load_patches(10, 10, 300)


# --- measures


def test_measures():
    rng = np.random.default_rng(1)
    images = rng.normal(size=(200, 4, 3)) * np.arange(1, 4)
    images -= images.mean(axis=0)
    ours = principal_components(images)
    theirs = PCA().fit(images.reshape(200, 12)).components_.T
    np.testing.assert_allclose(np.abs(np.sum(ours * theirs, axis=0)), 1, atol=1e-8)
    result = scores(np.array([[1.0, 0.0]]), np.array([[1.0, 2.0]]))
    assert result == {"mean_squared_error": 2.0, "variance_explained": pytest.approx(0.2)}
    causes = rng.laplace(size=(500, 3)) + 7
    expected = stats.kurtosis(causes, axis=0).mean()
    assert excess_kurtosis(causes) == pytest.approx(expected, rel=1e-9)
    assert excess_kurtosis(np.c_[causes, np.zeros(500)]) == pytest.approx(expected, rel=1e-9)
    assert excess_kurtosis(np.zeros((5, 2))) is None


# --- figures


def test_fields_are_drawn_each_on_its_own_scale():
    weights = np.array([[1.0, -2.0, 0.0, 0.5, 0.0, 1.0], [0.1, 0, 0, 0, 0, 0], np.zeros(6)])
    figure = plot_images.fields(weights, (2, 3))
    assert isinstance(figure, Figure)
    shown = [a.images[0] for a in figure.axes if a.images]
    assert len(shown) == 3
    np.testing.assert_allclose(shown[0].get_array(), [[0.5, -1, 0], [0.25, 0, 0.5]])
    np.testing.assert_allclose(shown[1].get_array(), [[1, 0, 0], [0, 0, 0]])
    assert not shown[2].get_array().any()
    assert all(image.get_clim() == (-1, 1) for image in shown)


def test_reconstructions_share_the_scale_of_the_originals():
    images = np.arange(24.0).reshape(2, 4, 3)
    figure = plot_images.reconstructions({"given": images, "made": images / 2})
    shown = [image for axes in figure.axes for image in axes.images]
    assert len(shown) == 4
    np.testing.assert_array_equal(shown[3].get_array(), images[1] / 2)
    assert {image.get_clim() for image in shown} == {(0, 23)}
    titles = [part.get_suptitle() for part in figure.subfigs]
    assert titles == ["given", "made"]


def test_free_energy_is_drawn_with_its_terms():
    terms = {"error": [3.0, 2.0, 1.0], "prior": [0.0, 0.5, 0.5], "total": [3.0, 2.5, 1.5]}
    figure = plot_energy.free_energy([0, 1, 2], terms, "step")
    [axes] = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert set(lines) == set(terms)
    for name, values in terms.items():
        np.testing.assert_array_equal(lines[name].get_ydata(), values)
    assert len({line.get_color() for line in axes.lines}) == 3
    assert axes.get_ylim()[0] == 0 and axes.get_xlabel() == "step"
    assert "nats" in axes.get_ylabel()
    assert plot_energy.free_energy([1], {"total": [2.0]}, "epoch").axes


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: plot_images.fields(np.zeros((2, 5)), (2, 3)), r"\(n_fields, 6\)"),
        (lambda: plot_images.fields(np.zeros((0, 6)), (2, 3)), "n_fields"),
        (lambda: plot_images.fields(np.zeros((2, 6)), (6,)), "image_shape"),
        (lambda: plot_images.reconstructions({}), "rows is empty"),
        (lambda: plot_images.reconstructions({"a": np.zeros((2, 4))}), "n, height, width"),
        (
            lambda: plot_images.reconstructions(
                {"a": np.zeros((2, 4, 4)), "b": np.zeros((1, 4, 4))}
            ),
            "'b'",
        ),
        (lambda: plot_energy.free_energy([0, 1], {}, "step"), "terms is empty"),
        (lambda: plot_energy.free_energy([0, 1], {"total": [1.0]}, "step"), "'total'"),
    ],
)
def test_figures_refuse(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_metrics_are_json_without_nan(folder):
    def refuse(constant):
        raise AssertionError(constant)

    json.loads((folder / "metrics.json").read_text(), parse_constant=refuse)
