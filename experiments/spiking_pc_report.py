"""Figures, tables and text of ``run_spiking_pc.py``."""

import statistics

import nengo
import numpy as np

from nengo_pc import analysis
from nengo_pc.backends import Stepper

N_FIELDS = 48
# Error neurons integrate over several images: the raster is of the last of so many.
N_REPEATS = 10


def results_table(runs):
    """One row for each run: what was scored, and how learning went."""
    rows = [
        {
            "seed": run["seed"],
            "backend": run["backend"],
            "accuracy": f"{100 * run['accuracy']:.2f}",
            "interval": "{:.2f} to {:.2f}".format(*(100 * x for x in run["confidence_interval"])),
            "seen": f"{run['images_seen']:,}",
            "speed": f"{run['images_per_second']:.0f}",
            "values": "{:.0f} to {:.0f}".format(*run["value_spikes_per_image"]),
            "errors": "{:.0f} to {:.0f}".format(*run["error_spikes_per_image"]),
            "alignment": ", ".join(f"{v:.2f}" for v in run["alignment"].values()),
        }
        for run in runs
    ]
    columns = {
        "seed": "seed",
        "backend": "backend",
        "accuracy": "spiking (%)",
        "interval": "95 % interval",
        "seen": "images seen",
        "speed": "images/s",
        "values": "value spikes/image",
        "errors": "error spikes/image",
        "alignment": "cosine of B and Wᵀ",
    }
    return analysis.table(rows, columns)


def figures(settings, start, parameters, history, stream, split):
    """The figures of one seed, with captions, by file name."""
    # Only a report needs matplotlib.
    from nengo_pc.analysis import plots
    from nengo_pc.analysis.plot_images import fields

    notes = history[1:]
    seen = [note["images_seen"] for note in notes]
    errors = {
        name: [note["spikes"][name] for note in notes]
        for name in notes[0]["spikes"]
        if name.startswith("error")
    }
    cosines = {
        name: [note["alignment"][name] for note in history] for name in history[0]["alignment"]
    }
    image, label = split.images[0], int(split.labels[0])
    before, after = (
        one_presentation(settings, p, stream, image, label) for p in (start, parameters)
    )
    hidden = parameters.weights[0]
    # Neurons that do most for the output.
    strongest = np.argsort(-np.abs(parameters.weights[1]).sum(axis=0))[:N_FIELDS]
    return {
        "accuracy": (
            plots.learning_curve(seen, [note["accuracy"] for note in notes]),
            "Accuracy on the stream: answers while an image's target is shown, which does not "
            "reach the output, since the last point.",
        ),
        "error_spikes": (
            plots.error_spikes(seen, errors),
            "Error spikes for each image while learning.",
        ),
        "alignment": (
            plots.alignment_curve([note["images_seen"] for note in history], cosines),
            "Cosine of feedback weights B with the transpose of the forward weights W.",
        ),
        "rasters": (
            plots.learning_rasters(
                image[:, :, 0], before, after, stream.dt, stream.target_from, label
            ),
            "Spikes while one image is shown for the tenth time in a row, with its target, before "
            "and after learning; errors are not divided by their running size here.",
        ),
        "weights": (
            fields(hidden[strongest], parameters.input_shape[:2], columns=8),
            f"First-layer weights of the {len(strongest)} neurons with the largest output weights.",
        ),
    }


def one_presentation(settings, parameters, stream, image, label):
    """Spikes of values and errors while an image and its target are shown again, without learning.

    Errors are divided by what they were at the start of learning, so that those before and after
    can be compared.

    Returns
    -------
    dict of str to ndarray
        ``(n_steps, n_neurons)``.
    """
    network = settings.build_without_learning(parameters)
    with network:
        probes = {}
        for kind in ("values", "errors"):
            for i, ensemble in enumerate(getattr(network, kind)):
                probes[f"{kind} {i + 1}"] = nengo.Probe(ensemble.neurons)
    images = np.repeat(image[None], N_REPEATS, axis=0)
    data = stream.inputs(network, images, np.full(N_REPEATS, label))
    n_steps = stream.steps(stream.presentation_time)
    with Stepper(network, list(data), "reference", stream.dt) as stepper:
        recorded = stepper.run(data)
    return {name: recorded[probe][0, -n_steps:] for name, probe in probes.items()}


def report_text(metrics, captions):
    """The report in Markdown."""
    runs = analysis.runs_of(metrics)
    of_first = [r for r in runs if r["backend"] == runs[0]["backend"]]
    accuracies = [100 * r["accuracy"] for r in of_first]
    spread = f" ± {statistics.stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
    settings, stream = metrics["settings"], metrics["stream"]
    rate = "falling linearly to 0" if metrics["falling_rate"] else "constant"
    until = 1000 * stream["target_until"]
    sections = [
        "# Predictive coding that runs and learns in spikes",
        f"{metrics['network']} on {metrics['dataset']}: **{statistics.fmean(accuracies):.2f}"
        f"{spread} %** of {runs[0]['n_test']} {metrics['scored_split']} images in spikes, "
        f"{len(accuracies)} seed{'s' * (len(accuracies) > 1)}, after "
        f"{runs[0]['images_seen']:,} images.",
        f"`{metrics['command']}`",
        f"NOTICE: {metrics['dataset_notice']}" if metrics.get("dataset_notice") else "",
        results_table(runs),
        f"Values: {settings['values']}; errors: {settings['errors']}; target: "
        f"{settings['target']}; input: {settings['encoder']}; feedback: {settings['feedback']}; "
        f"derivative: {settings['derivative']}. Learning rate {settings['learning_rate']:g} per s "
        f"and image, {rate}; {metrics['minibatch']} images side by side, "
        f"{1000 * stream['presentation_time']:g} ms each, the target from "
        f"{1000 * stream['target_from']:g} to {until:g} ms, learned on "
        f"{metrics['learning_backend']}. Scored {1000 * metrics['presentation_time']:g} ms an "
        "image. Spikes: at the first and at the last note of the stream.",
        *(
            f"![Figure {number}]({name}.png)\n\n**Figure {number}.** {caption} ([SVG]({name}.svg))"
            for number, (name, caption) in enumerate(captions.items(), start=1)
        ),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"
