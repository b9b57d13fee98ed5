"""Predictive coding of images without labels: ``run_rao_ballard.py``."""

import argparse
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc import datasets

from .classification import check_writable
from .image_measures import excess_kurtosis, principal_components, scores
from .photographs import SOURCE, load_patches
from .rao_ballard_report import draw, summary, write
from .script import run_script

DESCRIPTION = """\
Learn a generative network in which causes predict the image (Rao & Ballard 1999), without labels.

With no argument: two layers of causes for MNIST's digits, and one for whitened patches of
photographs. Where MNIST can't be had, the embedded 8x8 digits are used, and the report says so.
"""
DATASETS = (*datasets.NAMES, "patches")
# Steps of the curves of free energy along relaxation, and images that they are means over.
COURSE_STEPS, N_COURSE = 50, 250

_PICTURES = {
    "causes": (100, 25),
    "activation": "tanh",
    "precision": (10.0, 3.0),
    "epochs": 4,
    "batch_size": 100,
    "learning_rate": 5e-3,
    "n_train": 20_000,
}
PRESETS = MappingProxyType(
    {
        "mnist": _PICTURES,
        "fashion_mnist": _PICTURES,
        "digits": _PICTURES | {"causes": (32, 10), "epochs": 60, "batch_size": 50},
        "patches": {
            "causes": (64,),
            "activation": "identity",
            "precision": (1.0,),
            "epochs": 10,
            "batch_size": 100,
            "learning_rate": 1e-2,
            "n_train": 20_000,
        },
    }
)
"""Network and training for each data set: ``n_train`` is the most images to learn from."""


@dataclass(frozen=True, eq=False)
class Images:
    """Images to learn from and to measure on, less the mean of the former.

    Attributes
    ----------
    name, source : str
    notice : str or None
        As `nengo_pc.datasets.Dataset` has it.
    train, test : ndarray of float32, shape (n, height, width)
    mean : ndarray, shape (height, width)
        What was taken off.
    """

    name: str
    source: str
    notice: str | None
    train: np.ndarray
    test: np.ndarray
    mean: np.ndarray


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="run_rao_ballard.py",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument(
        "--dataset",
        nargs="+",
        choices=DATASETS,
        help="one or more; default: mnist, if it is there, and patches",
    )
    result.add_argument("--data", metavar="FOLDER", help="folder with the files of the data set")
    result.add_argument("--epochs", type=int, help="default: depends on the data set")
    result.add_argument(
        "--train-images", type=int, metavar="N", help="learn from N images; default: 20000 at most"
    )
    result.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    result.add_argument("--out", metavar="FOLDER", help="default: results/rao_ballard/<data sets>")
    return result


def main(argv=None):
    """Run the command line; the exit status."""
    return run_script("run_rao_ballard.py", parser(), run, argv, stopped="Nothing is kept.")


def run(arguments, command):
    """Learn and measure on each data set, and write the report.

    Returns
    -------
    pathlib.Path
        The results folder.
    """
    if arguments.seed < 0:
        raise ValidationError(f"must be 0 or more, got {arguments.seed}", "--seed")
    names = list(dict.fromkeys(arguments.dataset or (None, "patches")))
    if arguments.data and not set(names) - {"digits", "patches"}:
        raise ValidationError(f"is not used by {' and '.join(names)}", "--data")
    sets = [load_images(n, arguments.data, arguments.train_images, arguments.seed) for n in names]
    folder = Path(arguments.out or Path("results", "rao_ballard", "-".join(s.name for s in sets)))
    check_writable(folder)
    runs, figures = [], {}
    for images in sets:
        print(f"Data: {images.name}, {images.source}")
        if images.notice:
            print(f"NOTICE: {images.notice}")
        network, measured = learn(images, arguments.epochs, arguments.seed)
        network.save(folder / f"parameters-{images.name}.npz")
        runs.append(measured)
        figures |= draw(network, images, measured)
        print(f"{summary(measured)}\n")
    metrics = {
        "experiment": "rao_ballard",
        "version": version("nengo-pc"),
        "command": command,
        "seed": arguments.seed,
        "method": "predictive coding of the image from its causes, without labels",
        "runs": runs,
    }
    write(folder, metrics, figures)
    print(f"Results: {folder}/report.md, metrics.json, parameters and figures")
    return folder


def load_images(name, folder=None, n_train=None, seed=0):
    """Images of a data set.

    Parameters
    ----------
    name : str or None
        One of `DATASETS`; None is MNIST, or the embedded digits where it can't be had.
    folder : str, optional
        With the files of the data set.
    n_train : int, optional
        Images to learn from; by default all up to what the preset has.
    seed : int
        Of where patches are.

    Returns
    -------
    Images

    Raises
    ------
    nengo.exceptions.ValidationError
        If there are not so many images.
    """
    if name == "patches":
        wanted = PRESETS[name]["n_train"] if n_train is None else n_train
        train, test = load_patches(wanted, seed=seed)
        source, notice = SOURCE, None
    else:
        dataset = datasets.load(name, None if name == "digits" else folder)
        name, source, notice = dataset.name, dataset.source, dataset.notice
        train, test = (split.images[..., 0] for split in (dataset.train, dataset.test))
        limit = len(train)
        if n_train is not None and not 1 <= n_train <= limit:
            raise ValidationError(
                f"must be 1 to {limit} for {name}, got {n_train}", "--train-images"
            )
        train = train[: n_train or PRESETS[name]["n_train"]]
    mean = train.mean(axis=0)
    return Images(name, source, notice, train - mean, test - mean, mean)


def learn(images, epochs=None, seed=0):
    """Learn from images and measure on those held out, as the preset of the data set says.

    Parameters
    ----------
    images : Images
    epochs : int, optional
        In place of the preset's.
    seed : int

    Returns
    -------
    network : nengo_pc.learning.generative.RaoBallard
    measured : dict
        A run of ``metrics.json``.
    """
    # Asking for help should not pay for TensorFlow.
    from nengo_pc.learning.generative import RaoBallard

    preset = PRESETS[images.name]
    epochs = preset["epochs"] if epochs is None else epochs
    network = RaoBallard(
        (images.mean.size, *preset["causes"]),
        activation=preset["activation"],
        precision=preset["precision"],
        seed=seed,
    )
    start = time.perf_counter()
    before = _mean_terms(network, images.test, network.infer(images.test))
    evaluating = time.perf_counter() - start
    batch_size = min(preset["batch_size"], len(images.train))
    history = network.fit(images.train, epochs, batch_size, preset["learning_rate"])
    start = time.perf_counter()
    causes = network.infer(images.test)
    measured = {
        "dataset": images.name,
        "dataset_source": images.source,
        "dataset_notice": images.notice,
        "n_train": len(images.train),
        "n_test": len(images.test),
        "network": str(network),
        "settings": network.settings,
        "optimizer": "adam",
        "learning_rate": preset["learning_rate"],
        "batch_size": batch_size,
        "epochs": epochs,
        "free_energy": {
            "before": before,
            "after": _mean_terms(network, images.test, causes),
            "course": _course(network, images.test),
        },
        "reconstruction": _reconstruction(network, images, causes),
        "history": history,
    }
    evaluating += time.perf_counter() - start
    training = sum(epoch["seconds"] for epoch in history)
    return network, measured | {"seconds": {"train": training, "evaluate": evaluating}}


def _mean_terms(network, images, causes):
    return {name: float(v.mean()) for name, v in network.free_energy(images, causes).items()}


def _course(network, images):
    """Free energy along relaxation, of images from all over the test set."""
    images = images[:: max(1, len(images) // N_COURSE)][:N_COURSE]
    return {"step": list(range(COURSE_STEPS + 1)), **network.course(images, COURSE_STEPS)}


def _reconstruction(network, images, causes):
    """How well the causes of each layer predict the test images, beside as many components."""
    test = images.test.reshape(len(images.test), -1)
    components = principal_components(images.train)
    result = []
    for layer, x in enumerate(causes, start=1):
        n = x.shape[1]
        basis = components[:, :n]
        result.append(
            {
                "layer": layer,
                "n_causes": n,
                **scores(network.predict(x, layer), test),
                "kurtosis": excess_kurtosis(x),
                "pca": scores(test @ basis @ basis.T, test),
            }
        )
    return result
