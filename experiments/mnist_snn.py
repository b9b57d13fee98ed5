"""The spiking MNIST classifier: ``run_mnist_snn.py``."""

import argparse
import functools
import itertools
from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path

from nengo.exceptions import ValidationError

from nengo_pc import analysis, datasets
from nengo_pc.backends import BACKENDS
from nengo_pc.backends.registry import get_backend
from nengo_pc.learning import TrainingOptions
from nengo_pc.learning.options import LIF_ACTIVATIONS, OPTIMIZERS, SCHEDULES
from nengo_pc.learning.rule_options import DTYPES, INTEGRATORS, LOSSES, METHODS, NUDGINGS
from nengo_pc.networks import Parameters
from nengo_pc.networks.classifier import SYNAPSE
from nengo_pc.networks.encoders import ENCODERS
from nengo_pc.networks.feedback import FEEDBACKS
from nengo_pc.networks.gates import DERIVATIVES

from . import classification
from .presets import NETWORKS, preset
from .script import run_script

DESCRIPTION = """\
Train a network of LIF neurons through the SoftLIF rate surrogate, by backprop or by predictive
coding, run it in spikes, and report.

With no argument: a 784-300-300-10 network, trained on MNIST by NengoDL and run in spikes on the
native simulator over the whole test set. Where MNIST can't be had, the embedded 8x8 digits are
used, and the report says so.
"""


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="run_mnist_snn.py",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = result.add_argument_group("data")
    group.add_argument("--dataset", choices=datasets.NAMES, help="default: mnist, if it is there")
    group.add_argument("--data", metavar="FOLDER", help="folder with the files of the data set")
    group.add_argument(
        "--test-images", type=int, metavar="N", help="use the first N test images only"
    )

    group = result.add_argument_group("network")
    group.add_argument("--network", choices=NETWORKS, default="mlp", help="default: %(default)s")
    group.add_argument(
        "--hidden", type=int, nargs="+", metavar="UNITS", help="dense hidden layers (mlp: 300 300)"
    )
    group.add_argument("--load", metavar="FILE", help="parameters.npz to run, without training")

    group = result.add_argument_group("learning rule (docs/predictive_coding.md)")
    group.add_argument(
        "--method",
        action="append",
        choices=METHODS,
        help="may be given several times, for one table; default: nengodl",
    )
    group.add_argument("--loss", choices=LOSSES, help="at the output")
    group.add_argument("--feedback", choices=FEEDBACKS, help="weights that carry errors down")
    group.add_argument("--feedback-decay", type=float, metavar="D", help="of kolen-pollack")
    group.add_argument("--derivative", choices=DERIVATIVES, help="factor of feedback in a neuron")
    group.add_argument("--box-width", type=float, metavar="W", help="of the box derivative")
    group.add_argument("--inference-steps", type=int, metavar="T", help="that values take")
    group.add_argument("--inference-rate", type=float, metavar="RATE", help="size of such a step")
    group.add_argument("--integrator", choices=INTEGRATORS, help="of the values")
    group.add_argument("--tolerance", type=float, metavar="V", help="stop where values move slower")
    group.add_argument("--nudging", choices=NUDGINGS, help="how the target acts on the output")
    group.add_argument("--beta", type=float, help="strength of the nudging")
    group.add_argument("--precision", type=float, nargs="+", metavar="PI", help="one per layer")
    group.add_argument("--dtype", choices=DTYPES, help="of the training")

    group = result.add_argument_group("training; defaults depend on network, data set and method")
    flag = argparse.BooleanOptionalAction
    group.add_argument("--epochs", type=int)
    group.add_argument("--batch-size", type=int, metavar="N")
    group.add_argument("--optimizer", choices=OPTIMIZERS)
    group.add_argument("--learning-rate", type=float, metavar="RATE")
    group.add_argument("--schedule", choices=SCHEDULES, help="of the learning rate")
    group.add_argument("--weight-decay", type=float, metavar="W", help="of adamw")
    group.add_argument("--batch-norm", action=flag, help="before every hidden activation")
    group.add_argument("--current-scale", type=float, metavar="S", help="spread of first currents")
    group.add_argument("--dropout", type=float, metavar="P", help="of hidden activities")
    group.add_argument("--input-dropout", type=float, metavar="P", help="of pixels")
    group.add_argument("--noise", type=float, metavar="HZ", help="on hidden rates, training only")
    group.add_argument(
        "--target-rate", type=float, metavar="HZ", help="press mean rates not to exceed this"
    )
    group.add_argument("--rate-weight", type=float, metavar="W", help="of that penalty")
    group.add_argument("--label-smoothing", type=float, metavar="P")
    group.add_argument("--shift", type=int, metavar="PIXELS", help="move training images at random")
    group.add_argument("--smoothing", type=float, metavar="GAMMA", help="of SoftLIF")
    group.add_argument("--activation", choices=LIF_ACTIVATIONS, help="rate curve that is trained")
    group.add_argument("--tensorboard", metavar="FOLDER", help="write TensorBoard's event files")

    group = result.add_argument_group("spikes")
    group.add_argument(
        "--backend",
        nargs="+",
        choices=BACKENDS,
        default=["native"],
        help="one or more; default: native",
    )
    group.add_argument(
        "--encoder", choices=ENCODERS, default="constant", help="of pixels; default: %(default)s"
    )
    group.add_argument(
        "--presentation-time", type=float, default=0.2, metavar="S", help="default: %(default)s s"
    )
    group.add_argument(
        "--dt", type=float, default=0.001, metavar="S", help="default: %(default)s s"
    )
    group.add_argument(
        "--synapse",
        type=float,
        default=SYNAPSE.tau,
        metavar="TAU",
        help="time constant of the alpha synapses in s; default: %(default)s",
    )

    group = result.add_argument_group("runs")
    group.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    group.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="N runs, from --seed on; default: 1"
    )
    group.add_argument("--out", metavar="FOLDER", help="default: results/mnist_snn/<name>")
    group.add_argument(
        "--resume", action="store_true", help="go on where an earlier run of this command stopped"
    )
    return result


def main(argv=None):
    """Run the command line; the exit status."""
    return run_script("run_mnist_snn.py", parser(), run, argv)


def run(arguments, command):
    """Train and run, print what is done, and write the report.

    Returns
    -------
    pathlib.Path
        The results folder.
    """
    backends = list(dict.fromkeys(arguments.backend))
    for name in backends:
        get_backend(name).check()
    if arguments.seeds < 1:
        raise ValidationError(f"must be at least 1, got {arguments.seeds}", "--seeds")
    dataset = classification.load_dataset(arguments.dataset, arguments.data)
    test = classification.first_images(dataset.test, arguments.test_images, dataset)
    trainings = {}  # options by method
    for method in arguments.method or ["nengodl"]:
        layers, options = preset(arguments.network, dataset, arguments.hidden, method)
        trainings[method] = _override(options, arguments)
    if arguments.load:
        loaded = Parameters.load(arguments.load)
        _check_loaded(loaded, dataset, arguments.load)
        if len(trainings) > 1:
            raise ValidationError("is trained already: leave --method out", "--load")
        layers = loaded.layers
    folder = Path(arguments.out) if arguments.out else _default_folder(arguments, dataset)
    classification.check_writable(folder)

    runs, first, seeds = [], None, range(arguments.seed, arguments.seed + arguments.seeds)
    spiking = {
        "synapse": arguments.synapse,
        "encoder": arguments.encoder,
        "presentation_time": arguments.presentation_time,
        "dt": arguments.dt,
    }
    for (method, options), seed in itertools.product(trainings.items(), seeds):
        seed_folder = folder / f"seed-{seed}"
        if len(trainings) > 1:
            seed_folder = folder / method / f"seed-{seed}"
        if arguments.load:
            parameters = loaded
        else:
            print(f"\nTraining {layers_name(dataset, layers)} by {method}, seed {seed}")
            parameters = classification.train_seed(
                dataset,
                layers,
                replace(options, seed=seed),
                seed_folder,
                arguments.resume,
                arguments.tensorboard,
            )
        # Of the seed, not of the backend: worked out once, and only if a backend is measured.
        rate = functools.cache(lambda p=parameters: classification.rate_accuracy(p, test))
        print(f"Running {parameters} on {len(test)} test images")
        for backend in backends:
            settings = {
                "parameters": parameters.digest(),
                "dataset": dataset.name,
                "n_test": len(test),
                "seed": seed,
                "backend": backend,
                "version": version("nengo-pc"),
                **spiking,
            }
            run = classification.evaluate_once(
                seed_folder / f"run-{backend}.json",
                settings,
                arguments.resume,
                lambda p=parameters, b=backend, s=seed, r=rate: _measure(p, test, b, s, spiking, r),
            )
            runs.append(run | _training_record(parameters))
        if first is None:
            first = parameters
            parameters.save(folder / "parameters.npz")
    metrics = _metrics(command, arguments, dataset, first, spiking, runs)
    figures = _figures(first, dataset, runs, spiking, seeds[0])
    analysis.write_report(folder, metrics, figures)
    _print_table(analysis.runs_of(metrics), dataset)
    print(f"\nResults: {folder}/report.md, metrics.json, parameters.npz and figures")
    return folder


def layers_name(dataset, layers):
    """``784-300-300-10`` and the like."""
    n_pixels = dataset.image_shape[0] * dataset.image_shape[1] * dataset.image_shape[2]
    return "-".join(map(str, [n_pixels, *layers]))


def _override(options, arguments):
    """Options with what was given on the command line."""
    given = {
        field.name: getattr(arguments, field.name)
        for field in fields(TrainingOptions)
        if field.name != "method" and getattr(arguments, field.name) is not None
    }
    return replace(options, **given)


def _check_loaded(parameters, dataset, path):
    n_inputs, n_outputs = parameters.shapes[0], parameters.shapes[-1]
    if n_inputs != dataset.image_shape or n_outputs != (dataset.n_classes,):
        raise ValidationError(
            f"{path} holds a network for images of shape {n_inputs} and {n_outputs[0]} classes; "
            f"{dataset.name} has {dataset.image_shape} and {dataset.n_classes}",
            "--load",
        )


def _default_folder(arguments, dataset):
    words = [dataset.name, arguments.network, *map(str, arguments.hidden or ()), arguments.encoder]
    words += [*(arguments.method or ()), arguments.feedback, arguments.derivative]
    return Path("results", "mnist_snn", "-".join(word for word in words if word))


def _measure(parameters, test, backend, seed, spiking, rate_accuracy):
    measured = classification.evaluate(parameters, test, backend, seed=seed, **spiking)
    record = parameters.metadata.get("training", {})
    history = record.get("history", [])
    measured["seed"] = seed
    measured["rate_accuracy"] = rate_accuracy()
    measured["seconds"]["train"] = sum(epoch["seconds"] for epoch in history) or None
    measured["history"] = history
    return measured


def method_name(options):
    """How reports call a training: the method, its rate curve, and what is not usual of it."""
    words = [options.method, options.activation]
    if options.feedback != "transpose":
        words.append(f"{options.feedback} feedback")
    if options.derivative != "exact":
        words.append(f"{options.derivative} derivative")
    return ", ".join(words)


def _training_record(parameters):
    """What ``metrics.json`` says of the training of a run."""
    record = parameters.metadata.get("training", {})
    options = TrainingOptions(**record.get("options", {}))
    return {
        "method": method_name(options),
        "optimizer": options.optimizer,
        "training_options": options.to_dict(),
    }


def _metrics(command, arguments, dataset, parameters, spiking, runs):
    return {
        **classification.origins("mnist_snn", command, dataset),
        "n_train": len(dataset.train),
        "network": str(parameters),
        "n_parameters": parameters.n_parameters,
        "loaded": arguments.load,
        **spiking,
        "synapse": f"alpha, {1000 * spiking['synapse']:g} ms",
        "runs": [{k: v for k, v in run.items() if k != "neuron_rates_hz"} for run in runs],
    }


def _figures(parameters, dataset, runs, spiking, seed):
    """Figures of the first seed."""
    from nengo_pc.analysis import plots

    first = runs[0]
    of_seed = [run for run in runs if run["seed"] == seed]
    several = len({run["method"] for run in runs}) > 1
    curves = {
        run["training_options"]["method"] if several else run["backend"]: run["accuracy_over_time"][
            "accuracy"
        ]
        for run in of_seed
        if not several or run["backend"] == first["backend"]
    }
    labels = [sum(row) for row in first["confusion_matrix"]]
    figures = {}
    for run in of_seed:
        if run["history"] and run["backend"] == first["backend"]:
            method = run["training_options"]["method"]
            figures[f"training_{method}" if several else "training"] = (
                plots.training_curves(run["history"]),
                f"Loss and accuracy while training ({run['method']}).",
            )
    figures["accuracy_over_time"] = (
        plots.accuracy_over_time(
            first["accuracy_over_time"]["time_s"],
            curves,
            None if several else first["rate_accuracy"],
        ),
        "Test accuracy if the presentation were cut short.",
    )
    figures |= classification.raster_figures(parameters, dataset.validation, seed=seed, **spiking)
    by_backend = f"{first['backend']} backend, seed {seed}"
    figures["rates"] = (
        plots.rate_histograms(first["neuron_rates_hz"]),
        f"Mean rate of each neuron over all test images ({by_backend}).",
    )
    figures["confusion"] = (
        plots.confusion(first["confusion_matrix"]),
        f"Confusion matrix in spikes ({by_backend}).",
    )
    figures["classes"] = (
        plots.class_histogram(first["class_histogram"], labels),
        f"How often each class is answered, and how often it is there ({by_backend}).",
    )
    return figures


def _print_table(runs, dataset):
    print(f"\n{runs[0]['network']}, {dataset.name}, {runs[0]['encoder']} input")
    rows = [
        {
            "method": run["method"],
            "seed": run["seed"],
            "backend": run["backend"],
            "images": run["n_test"],
            "rate (%)": f"{100 * run['rate_accuracy']:.2f}",
            "spiking (%)": f"{100 * run['accuracy']:.2f}",
            "95 % interval": " to ".join(f"{100 * v:.2f}" for v in run["confidence_interval"]),
            "rates (Hz)": ", ".join(f"{rate:.1f}" for rate in run["mean_rate_hz"].values()),
            "spikes/image": f"{run['spikes_per_image']:,.0f}",
            "s": f"{run['seconds']['simulate']:.0f}",
        }
        for run in runs
    ]
    print(analysis.table(rows, {name: name for name in rows[0]}))
    for summary in analysis.summarise(runs):
        if summary["n_seeds"] > 1:
            rate, spikes = summary["rate_accuracy"], summary["accuracy"]
            print(
                f"{summary['method']}, {summary['backend']}, {summary['n_seeds']} seeds: "
                f"rate {100 * rate['mean']:.2f} ± {100 * rate['sd']:.2f} %, "
                f"spiking {100 * spikes['mean']:.2f} ± {100 * spikes['sd']:.2f} %"
            )
    substitutions = {s for run in runs for s in run["substitutions"]}
    for sentence in sorted(substitutions):
        print(f"Substituted: {sentence}")
    if dataset.notice:
        print(f"NOTICE: {dataset.notice}")
