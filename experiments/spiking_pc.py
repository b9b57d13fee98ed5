"""Predictive coding that runs and learns in spikes: ``run_spiking_pc.py``."""

import argparse
from dataclasses import fields
from pathlib import Path

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc import analysis, datasets
from nengo_pc.backends import BACKENDS, stepper
from nengo_pc.backends.registry import get_backend
from nengo_pc.learning.online import Stream
from nengo_pc.networks import Parameters
from nengo_pc.networks.encoders import ENCODERS
from nengo_pc.networks.gates import DERIVATIVES

from . import classification
from .online_training import learn_stream
from .script import run_script
from .spiking_pc_network import FEEDBACKS, SpikingPC
from .spiking_pc_report import figures, report_text, results_table

# Images side by side from which xla learns faster than native: benchmarks/online.py.
XLA_FROM = 16
DESCRIPTION = """\
Let a network of spiking neurons learn a data set on line, by predictive coding: images pass by,
nothing is reset between them, all that crosses from one population to another is spikes, feedback
weights are the network's own, and weights change at every step. Then run what it learned in spikes
on the test set.

With no argument: 784-600-10 on MNIST, 20 images side by side that share weights, five passes.
Options take one element after another back: docs/spiking_predictive_coding.md.
"""


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="run_spiking_pc.py",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = result.add_argument_group("data")
    group.add_argument("--dataset", choices=datasets.NAMES, help="default: mnist, if it is there")
    group.add_argument("--data", metavar="FOLDER", help="folder with the files of the data set")
    group.add_argument(
        "--validate",
        action="store_true",
        help="keep the validation images out of the stream and score them, not the test images",
    )
    group.add_argument("--test-images", type=int, metavar="N", help="score the first N only")

    default = SpikingPC()
    group = result.add_argument_group("network")
    group.add_argument("--hidden", type=int, nargs="+", metavar="UNITS", help="default: 600")
    group.add_argument("--values", choices=("spikes", "rates"), help="of value neurons")
    group.add_argument("--errors", choices=("spikes", "graded"), help="of error neurons")
    group.add_argument("--target", choices=("spikes", "graded"), help="how the label arrives")
    group.add_argument(
        "--clamping", choices=("target", "given"), help="what holds the output at the target"
    )
    group.add_argument("--encoder", choices=ENCODERS, help="of pixels; default: lif")
    group.add_argument("--feedback", choices=FEEDBACKS, help="default: kolen-pollack")
    group.add_argument("--derivative", choices=DERIVATIVES, help="gate of feedback; default: step")
    group.add_argument("--gain", type=float, help=f"of currents; default: {default.gain:g}")
    group.add_argument("--margin", type=float, help="of the output, in which errors do not count")
    group.add_argument("--synapse", type=float, metavar="S", help="of all but error neurons")
    group.add_argument("--error-gain", type=float, metavar="GAIN", help="of error neurons")
    group.add_argument("--error-time", type=float, metavar="S", help="of error neurons' synapses")
    group.add_argument("--mean-time", type=float, metavar="S", help="of presynaptic means; 0: none")
    group.add_argument("--trace-lag", type=float, metavar="S", help="of presynaptic traces")
    group.add_argument("--precision-time", type=float, metavar="S", help="of the errors' power")
    group.add_argument("--tau-value", type=float, metavar="S", help="with which errors relax")

    group = result.add_argument_group("learning")
    group.add_argument("--learning-rate", type=float, metavar="RATE", help="per s, for one image")
    group.add_argument("--output-factor", type=float, metavar="F", help="of the output's rate")
    group.add_argument("--decay", type=float, metavar="D", help="of weights, over that rate")
    group.add_argument(
        "--consolidation", type=float, metavar="S", help="time in which changes reach weights"
    )
    group.add_argument(
        "--update-interval", type=float, metavar="S", help="between changes of weights; 0: none"
    )
    group.add_argument(
        "--constant-rate", action="store_true", help="instead of one that falls linearly to 0"
    )
    group.add_argument("--passes", type=float, default=5.0, metavar="N", help="default: 5")
    group.add_argument("--images", type=int, metavar="N", help="length of the stream instead")
    group.add_argument(
        "--minibatch", type=int, default=20, metavar="N", help="images side by side; default: 20"
    )
    group.add_argument(
        "--backend",
        choices=stepper.BACKENDS,
        help=f"backend that learns; default: native, xla for minibatches from {XLA_FROM} on",
    )

    usual = Stream()
    group = result.add_argument_group("stream")
    group.add_argument(
        "--presentation-time",
        type=float,
        default=usual.presentation_time,
        metavar="S",
        help="of an image while learning; default: %(default)s s",
    )
    group.add_argument(
        "--target-from",
        type=float,
        default=usual.target_from,
        metavar="S",
        help="start of the target in an image; default: %(default)s s",
    )
    group.add_argument(
        "--target-until",
        type=float,
        default=usual.target_until,
        metavar="S",
        help="its end; default: %(default)s s",
    )
    group.add_argument("--shift", type=int, default=0, metavar="PIXELS", help="images at random")

    group = result.add_argument_group("runs")
    group.add_argument(
        "--score-on", nargs="+", choices=BACKENDS, default=["native"], help="default: native"
    )
    group.add_argument(
        "--score-time", type=float, default=0.06, metavar="S", help="default: %(default)s s"
    )
    group.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    group.add_argument("--seeds", type=int, default=1, metavar="N", help="N runs, from --seed on")
    group.add_argument("--out", metavar="FOLDER", help="default: results/spiking_pc/<name>")
    group.add_argument("--resume", action="store_true", help="go on where an earlier run stopped")
    return result


def main(argv=None):
    """Run the command line; the exit status."""
    return run_script("run_spiking_pc.py", parser(), run, argv)


def run(arguments, command):
    """Learn, score, print what came out, and write the report.

    Returns
    -------
    pathlib.Path
        The results folder.
    """
    if arguments.backend is None:
        arguments.backend = "xla" if arguments.minibatch >= XLA_FROM else "native"
    for name in [arguments.backend, *arguments.score_on]:
        get_backend(name).check()
    if arguments.seeds < 1:
        raise ValidationError(f"must be at least 1, got {arguments.seeds}", "--seeds")
    dataset = classification.load_dataset(arguments.dataset, arguments.data)
    seen, scored = splits(dataset, arguments.validate, arguments.test_images)
    settings, stream = _settings(arguments), _stream(arguments)
    n_images = arguments.images or round(arguments.passes * len(seen))
    folder = Path(arguments.out) if arguments.out else _default_folder(arguments, dataset, settings)
    classification.check_writable(folder)
    runs, first = [], None
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        start = settings.start(dataset.image_shape, dataset.n_classes, seed)
        seed_folder = folder / f"seed-{seed}"
        print(f"\n{start}, seed {seed}: {n_images} images, {arguments.minibatch} side by side")
        parameters, history = _learned(
            arguments, settings, start, seen, stream, n_images, seed, seed_folder
        )
        for backend in arguments.score_on:
            measured = score(parameters, scored, settings, backend, arguments.score_time, seed)
            runs.append(measured | summary(history) | {"seed": seed, "history": history})
        first = first or (start, parameters, history)
    start, parameters, history = first
    metrics = {
        **classification.origins("spiking_pc", command, dataset),
        "n_train": len(seen),
        "n_images": n_images,
        "scored_split": "validation" if arguments.validate else "test",
        "network": str(parameters),
        "n_parameters": parameters.n_parameters,
        "method": "spiking predictive coding, on line",
        "optimizer": "none: weights change at every step",
        "settings": settings.to_dict(),
        "stream": stream.to_dict(),
        "falling_rate": not arguments.constant_rate,
        "minibatch": arguments.minibatch,
        "learning_backend": arguments.backend,
        "encoder": settings.encoder,
        "synapse": f"low-pass, {1000 * settings.synapse:g} ms",
        "presentation_time": arguments.score_time,
        "dt": stream.dt,
        "runs": [{k: v for k, v in run.items() if k != "neuron_rates_hz"} for run in runs],
    }
    drawn = figures(settings, start, parameters, history, stream, dataset.validation)
    parameters.save(folder / "parameters.npz")
    analysis.write_report(folder, metrics, drawn, report_text)
    print(f"\n{results_table(analysis.runs_of(metrics))}")
    if dataset.notice:
        print(f"NOTICE: {dataset.notice}")
    print(f"\nResults: {folder}/report.md, metrics.json, parameters.npz and figures")
    return folder


def splits(dataset, validate=False, n_scored=None):
    """What the stream shows and what is scored.

    Parameters
    ----------
    dataset : nengo_pc.datasets.Dataset
    validate : bool
        Score the validation split, and leave it out of the stream.
    n_scored : int, optional
        Score so many images only.

    Returns
    -------
    seen, scored : nengo_pc.datasets.Split
    """
    seen, scored = dataset.train, dataset.validation
    if not validate:
        seen = datasets.Split(
            np.concatenate([dataset.train.images, dataset.validation.images]),
            np.concatenate([dataset.train.labels, dataset.validation.labels]),
        )
        scored = dataset.test
    return seen, classification.first_images(scored, n_scored, dataset)


def score(parameters, split, settings, backend, presentation_time, seed):
    """What a learned network does in spikes, each image from a fresh state."""
    return classification.evaluate(
        parameters,
        split,
        backend,
        synapse=nengo.Lowpass(settings.synapse),
        encoder=settings.encoder,
        presentation_time=presentation_time,
        dt=0.001,
        seed=seed,
    )


def summary(history):
    """What a history comes to."""
    first, last = history[1], history[-1]
    errors = [sum(v for k, v in n["spikes"].items() if "error" in k) for n in (first, last)]
    values = [sum(v for k, v in n["spikes"].items() if "value" in k) for n in (first, last)]
    return {
        "images_seen": last["images_seen"],
        "images_per_second": last["images_seen"] / last["seconds"],
        "stream_accuracy": last["accuracy"],
        "error_spikes_per_image": errors,
        "error_spikes_ratio": errors[1] / errors[0] if errors[0] else None,
        "value_spikes_per_image": values,
        "alignment": last["alignment"],
    }


def _learned(arguments, settings, start, seen, stream, n_images, seed, folder):
    """Parameters and history of a seed, maybe those that an earlier run left."""
    path, notes = folder / "parameters.npz", folder / "checkpoint.npz"
    record = {
        "settings": settings.to_dict(),
        "stream": stream.to_dict(),
        "n_images": n_images,
        "n_split": len(seen),
        "minibatch": arguments.minibatch,
        "falling": not arguments.constant_rate,
        "seed": seed,
    }
    if arguments.resume and path.exists():
        kept = Parameters.load(path)
        learning = kept.metadata.get("learning", {})
        if {k: v for k, v in learning.items() if k != "history"} == analysis.results.plain(record):
            return kept, learning["history"]
    parameters, history = learn_stream(
        settings,
        start,
        seen,
        stream,
        n_images,
        arguments.backend,
        arguments.minibatch,
        not arguments.constant_rate,
        seed,
        notes,
        arguments.resume,
    )
    parameters = parameters.with_metadata(
        learning=analysis.results.plain(record | {"history": history})
    )
    parameters.save(path)
    notes.unlink(missing_ok=True)
    return parameters, history


def _settings(arguments):
    """Settings with what was given on the command line."""
    given = {
        field.name: getattr(arguments, field.name)
        for field in fields(SpikingPC)
        if getattr(arguments, field.name) is not None
    }
    if "hidden" in given:
        given["hidden"] = tuple(given["hidden"])
    return SpikingPC(**given)


def _stream(arguments):
    return Stream(
        arguments.presentation_time,
        arguments.target_from,
        arguments.target_until,
        arguments.shift,
    )


def _default_folder(arguments, dataset, settings):
    words = [dataset.name, *map(str, settings.hidden)]
    usual = SpikingPC()
    for name in ("values", "errors", "target", "clamping", "encoder", "feedback", "derivative"):
        if getattr(settings, name) != getattr(usual, name):
            words.append(f"{getattr(settings, name)}-{name}")
    words += ["constant-rate"] * arguments.constant_rate
    words += [
        f"minibatch-{arguments.minibatch}",
        *([f"shift-{arguments.shift}"] * (arguments.shift > 0)),
    ]
    return Path("results", "spiking_pc", "-".join(words))
