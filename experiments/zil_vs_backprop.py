"""Learning rules against backprop, update by update: ``run_zil_vs_backprop.py``."""

import argparse
import statistics
from importlib.metadata import version
from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc import analysis, datasets
from nengo_pc.learning import TrainingOptions
from nengo_pc.learning.options import OPTIMIZERS
from nengo_pc.learning.rule_options import METHODS, RELAXING
from nengo_pc.networks import Dense, Parameters

from .classification import check_writable, load_dataset
from .presets import HIDDEN
from .script import run_script
from .zil_vs_backprop_report import figures, report_text, results_table, seeds_table

DESCRIPTION = """\
Train one network by several learning rules, from the same start and on the same minibatches in the
same order, and measure how far each is from backprop: in every update, in the parameters, in
accuracy and in time. And for inference learning: the angle between its updates and backprop's,
against the steps that its values take and against depth.

With no argument: a 784-300-300-10 network of SoftLIF units on MNIST, about one epoch. Where MNIST
can't be had, the embedded 8x8 digits are used, and the report says so.
"""

RULES = tuple(method for method in METHODS if method != "nengodl")
STEPS = {"il": 20, "ipc": 8}
# Without batch norm, steps of 0.1 overshoot where SoftLIF is steep: over 20 of them the energy of
# 784-300-300-10 on MNIST rises from 6 to 48, before training; with 0.02 it falls to 4.5.
INFERENCE_RATE = 0.02
ANGLE_STEPS = (1, 2, 5, 10, 20, 50, 100, 200)
ANGLE_DEPTHS = (2, 3, 4, 5, 6)


def parser():
    """The command line."""
    result = argparse.ArgumentParser(
        prog="run_zil_vs_backprop.py",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = result.add_argument_group("data")
    group.add_argument("--dataset", choices=datasets.NAMES, help="default: mnist, if it is there")
    group.add_argument("--data", metavar="FOLDER", help="folder with the files of the data set")

    group = result.add_argument_group("network")
    group.add_argument(
        "--hidden",
        type=int,
        nargs="+",
        default=list(HIDDEN),
        metavar="UNITS",
        help=f"hidden layers; default: {' '.join(map(str, HIDDEN))}",
    )
    group.add_argument(
        "--batch-norm",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="before every hidden activation",
    )

    group = result.add_argument_group("training")
    group.add_argument(
        "--methods",
        nargs="+",
        choices=RULES,
        default=list(RULES),
        help="default: all; backprop, with which they are compared, always runs",
    )
    group.add_argument(
        "--steps", type=int, default=782, metavar="N", help="updates; default: %(default)s"
    )
    group.add_argument(
        "--batch-size", type=int, default=64, metavar="N", help="default: %(default)s"
    )
    group.add_argument(
        "--optimizer", choices=OPTIMIZERS, default="adam", help="default: %(default)s"
    )
    group.add_argument(
        "--learning-rate", type=float, default=1e-3, metavar="RATE", help="default: %(default)s"
    )
    group.add_argument(
        "--dropout",
        type=float,
        default=0.0,
        metavar="P",
        help="of hidden activities, the same units in all rules; default: %(default)s",
    )
    group.add_argument(
        "--inference-steps",
        type=int,
        metavar="T",
        help="that the values of il and ipc take for a minibatch; default: 20 and 8",
    )
    group.add_argument(
        "--inference-rate",
        type=float,
        default=INFERENCE_RATE,
        metavar="RATE",
        help="size of these steps in time constants; default: %(default)s",
    )
    group.add_argument("--float64", action="store_true", help="instead of float32")

    group = result.add_argument_group("measurements")
    group.add_argument(
        "--angle-steps",
        type=int,
        nargs="*",
        default=list(ANGLE_STEPS),
        metavar="T",
        help="steps of il's values for which to measure its angle to backprop, maybe none; "
        f"default: {' '.join(map(str, ANGLE_STEPS))}",
    )
    group.add_argument(
        "--angle-depths",
        type=int,
        nargs="*",
        default=list(ANGLE_DEPTHS),
        metavar="L",
        help="layers of weights for which to measure it, maybe none; "
        f"default: {' '.join(map(str, ANGLE_DEPTHS))}",
    )
    group.add_argument(
        "--timing-rounds", type=int, default=15, metavar="N", help="default: %(default)s"
    )

    group = result.add_argument_group("runs")
    group.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    group.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="N runs, from --seed on; default: 1"
    )
    group.add_argument("--out", metavar="FOLDER", help="default: results/zil_vs_backprop/<name>")
    return result


def main(argv=None):
    """Run the command line; the exit status."""
    return run_script("run_zil_vs_backprop.py", parser(), run, argv, stopped="Nothing is kept.")


def run(arguments, command):
    """Compare the rules, print what came out, and write the report.

    Returns
    -------
    pathlib.Path
        The results folder.
    """
    _check(arguments)
    dataset = load_dataset(arguments.dataset, arguments.data)
    if not 1 <= arguments.batch_size <= len(dataset.train):
        raise ValidationError(
            f"must be 1 to {len(dataset.train)} for {dataset.name}, got {arguments.batch_size}",
            "--batch-size",
        )
    layers = [*map(Dense, arguments.hidden), Dense(dataset.n_classes)]
    options = _options(arguments, arguments.seed)
    folder = Path(arguments.out) if arguments.out else _default_folder(arguments, dataset)
    check_writable(folder)

    # TensorFlow is imported by what has passed the checks.
    from .rule_angles import angles_over_depth, angles_over_steps
    from .rule_comparison import BASELINE, compare_rules
    from .rule_timing import time_rules

    runs, trained = [], {}
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        options = _options(arguments, seed)
        start = Parameters.random(dataset.image_shape, layers, seed=seed)
        print(f"\n{start}, seed {seed}: {', '.join(options)}, {arguments.steps} updates each")
        compared = compare_rules(start, dataset, options, arguments.steps)
        runs += [_measured(run, seed, dataset.test) for run in compared.values()]
        if seed > arguments.seed:
            continue
        # What is of one seed alone.
        trained = {
            method: run.engine.parameters().with_metadata(
                training={
                    "dataset": dataset.name,
                    "options": options[method].to_dict(),
                    "updates": arguments.steps,
                    "history": run.history,
                }
            )
            for method, run in compared.items()
        }
        timing = time_rules(
            start,
            options,
            dataset.train.images[: arguments.batch_size],
            dataset.train.labels[: arguments.batch_size],
            arguments.timing_rounds,
        )
        angles = {"over_steps": [], "over_depth": []}
        if "il" in options:
            baseline = compared[BASELINE]
            states = {"start": baseline.start, "trained": baseline.engine.state()}
            angles = {
                "over_steps": angles_over_steps(
                    start, dataset, options, states, arguments.angle_steps
                ),
                "over_depth": angles_over_depth(dataset, options, arguments.angle_depths),
            }
    for run_ in runs:
        run_ |= timing["by_method"][run_["method"]]
    first = next(iter(trained.values()))
    metrics = _metrics(command, arguments, dataset, first, timing, angles, runs)
    drawn = figures(metrics)
    for method, parameters in trained.items():
        parameters.save(folder / f"parameters-{method}.npz")
    analysis.write_report(folder, metrics, drawn, report_text)
    print(f"\n{metrics['network']}, {dataset.name}, {arguments.steps} updates")
    print(results_table(runs))
    if arguments.seeds > 1:
        print(f"\nMean ± standard deviation over {arguments.seeds} seeds:\n{seeds_table(runs)}")
    ratio = timing["il_20_to_20_backprop"]
    if ratio is not None:
        print(f"\nOne update of il with T = 20: {ratio:.2f} x the time of 20 of backprop")
    if dataset.notice:
        print(f"NOTICE: {dataset.notice}")
    print(f"\nResults: {folder}/report.md, metrics.json, parameters-<method>.npz and figures")
    return folder


def _check(arguments):
    """Refuse numbers that no later check would name by its option."""
    for name in ("steps", "seeds", "timing_rounds"):
        if getattr(arguments, name) < 1:
            option = f"--{name.replace('_', '-')}"
            raise ValidationError(f"must be at least 1, got {getattr(arguments, name)}", option)
    for name in ("hidden", "angle_steps", "angle_depths"):
        wrong = [value for value in getattr(arguments, name) if value < 1]
        if wrong:
            option = f"--{name.replace('_', '-')}"
            raise ValidationError(f"must all be at least 1, got {wrong[0]}", option)


def _options(arguments, seed):
    """Training options by method, backprop first."""
    result = {}
    for method in RULES:
        if method != "backprop" and method not in arguments.methods:
            continue
        inference = {}
        if method in RELAXING:
            steps = arguments.inference_steps
            inference["inference_steps"] = STEPS[method] if steps is None else steps
            inference["inference_rate"] = arguments.inference_rate
        result[method] = TrainingOptions(
            method=method,
            batch_size=arguments.batch_size,
            optimizer=arguments.optimizer,
            learning_rate=arguments.learning_rate,
            batch_norm=arguments.batch_norm,
            dropout=arguments.dropout,
            input_dropout=0.0,
            dtype="float64" if arguments.float64 else "float32",
            seed=seed,
            **inference,
        )
    return result


def _default_folder(arguments, dataset):
    words = [dataset.name, *map(str, arguments.hidden)]
    words += ["batch-norm"] * arguments.batch_norm + ["float64"] * arguments.float64
    return Path("results", "zil_vs_backprop", "-".join(words))


def _measured(run, seed, test):
    """What a rule's run says of itself."""
    answers = run.engine.predict(test.images).argmax(axis=1)
    final = analysis.accuracy(answers, test.labels)
    history = run.history
    return {
        "method": run.engine.options.method,
        "seed": seed,
        "accuracy": final.fraction,
        "rate_accuracy": final.fraction,
        "confidence_interval": [final.low, final.high],
        "n_test": final.total,
        "max_relative_difference": _over(max, history, "relative_difference"),
        "max_relative_parameter_difference": _over(
            max, run.history, "relative_parameter_difference"
        ),
        "mean_angle_degrees": _over(statistics.fmean, history, "angle_degrees"),
        "seconds": {"train": run.seconds, "simulate": None},
        "history": history,
    }


def _over(of, history, key):
    """One number of all logged values; None if one is unknown."""
    values = [entry[key] for entry in history]
    return None if None in values else of(values)


def _metrics(command, arguments, dataset, parameters, timing, angles, runs):
    from .rule_angles import N_BATCHES, N_UPDATES, UNITS
    from .rule_comparison import N_VALIDATION

    options = _options(arguments, arguments.seed)
    dtype = options["backprop"].dtype
    return {
        "experiment": "zil_vs_backprop",
        "version": version("nengo-pc"),
        "command": command,
        "seed": arguments.seed,
        "dataset": dataset.name,
        "dataset_source": dataset.source,
        "dataset_notice": dataset.notice,
        "n_train": len(dataset.train),
        "n_validation": min(N_VALIDATION, len(dataset.validation)),
        "n_test": len(dataset.test),
        "network": str(parameters),
        "n_parameters": parameters.n_parameters,
        "optimizer": arguments.optimizer,
        "learning_rate": arguments.learning_rate,
        "batch_size": arguments.batch_size,
        "steps": arguments.steps,
        "dtype": dtype,
        "precision": float(np.finfo(dtype).eps),
        "training_options": {method: o.to_dict() for method, o in options.items()},
        "backend": "tensorflow",
        # Rates alone: nothing runs in time or in spikes here.
        **dict.fromkeys(
            (
                "dt",
                "presentation_time",
                "encoder",
                "synapse",
                "mean_rate_hz",
                "spikes_per_image",
                "synops_per_image",
                "accuracy_over_time",
            )
        ),
        "substitutions": [],
        "timing": timing,
        "angles": {
            "n_minibatches": N_BATCHES,
            "units": UNITS,
            "updates_before_trained": {
                "over_steps": arguments.steps,
                "over_depth": N_UPDATES,
            },
            **angles,
        },
        "runs": runs,
    }
