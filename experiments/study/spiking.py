"""Figures of the network that learns in spikes, on line: error spikes, feedback, accuracy."""

from dataclasses import dataclass

import nengo
import numpy as np

from nengo_pc.analysis import alignment
from nengo_pc.analysis.plot_online import alignment_curve, error_spike_panels, learning_curve
from nengo_pc.analysis.plot_online import learning_rasters as draw_rasters
from nengo_pc.backends import Stepper

from .setting import Drawn

CALL_STEPS = 300  # at least, of a call of the simulator


@dataclass(frozen=True)
class SpikingLearning:
    """What learning in spikes left.

    Attributes
    ----------
    settings : nengo_pc.experiments.spiking_pc_network.SpikingPC
    stream : nengo_pc.learning.online.Stream
    start, parameters : Parameters
        Before and after.
    history : list of dict
        ``images_seen``, ``alignment``, ``undivided`` and ``validation_accuracy`` (see
        `without_learning`), and from the second on ``accuracy`` and ``spikes`` on the stream since
        the one before.
    """

    settings: object
    stream: object
    start: object
    parameters: object
    history: list


def learn(study):
    """Let a network of spiking neurons learn from a stream of images, and note how it goes."""
    from nengo_pc.experiments.rule_comparison import minibatches
    from nengo_pc.experiments.spiking_pc_network import SpikingPC
    from nengo_pc.learning.online import OnlineLearner, Stream

    sizes, dataset = study.sizes, study.dataset
    settings, stream = SpikingPC(hidden=sizes.spiking_hidden), Stream()
    start = settings.start(dataset.image_shape, dataset.n_classes, study.seed)
    chunk = sizes.side_by_side * -(-CALL_STEPS // stream.steps(stream.presentation_time))
    chunk = min(chunk, len(dataset.train) // sizes.side_by_side * sizes.side_by_side)
    calls = max(-(-sizes.stream_images // chunk), 2)
    duration = calls * chunk / sizes.side_by_side * stream.presentation_time
    network = settings.build(start, study.seed, sizes.side_by_side, duration)
    # Most happens early.
    marks = set(np.round(np.geomspace(1, calls, sizes.notes)).astype(int) - 1)
    batches = minibatches(dataset.train, chunk, study.seed)
    with OnlineLearner(network, stream, "native", sizes.side_by_side, study.seed) as learner:
        history = [_note(study, settings, stream, learner)]
        right, since = 0, []
        for call in range(calls):
            images, labels = next(batches)
            seen = learner.learn(images, labels)
            right += int(np.sum(seen["answers"] == labels))
            since.append(seen["spikes"])
            if call not in marks:
                continue
            note = _note(study, settings, stream, learner)
            note["accuracy"] = right / (len(since) * chunk)
            note["spikes"] = {k: float(np.mean([s[k] for s in since])) for k in since[0]}
            history.append(note)
            right, since = 0, []
        return SpikingLearning(settings, stream, start, learner.parameters(), history)


def _note(study, settings, stream, learner):
    parameters = learner.parameters()
    pairs = zip(parameters.weights[1:], learner.feedback())
    split = study.dataset.validation
    images, labels = (a[: study.sizes.counted] for a in (split.images, split.labels))
    errors, answers = without_learning(settings, parameters, stream, images, labels)
    return {
        "images_seen": learner.images_seen,
        "alignment": {
            f"feedback {i}": float(alignment(w, b.T)) for i, (w, b) in enumerate(pairs, 1)
        },
        "undivided": errors,
        "validation_accuracy": float(np.mean(answers == labels)),
    }


def without_learning(settings, parameters, stream, images, labels):
    """Let images and targets pass while weights are held and errors are not divided.

    Returns
    -------
    errors : dict of str to float
        Error spikes per image, by layer.
    answers : ndarray of int, shape (n,)
        To which targets add nothing: weights are held, and values drive no neurons.
    """
    network = settings.build_without_learning(parameters)
    with network:
        probes = [nengo.Probe(errors.neurons) for errors in network.errors]
        output = nengo.Probe(network.output)
    data = stream.inputs(network, images, labels)
    with Stepper(network, list(data), "reference", stream.dt) as stepper:
        recorded = stepper.run(data)
    counts = [float(np.count_nonzero(recorded[probe])) / len(images) for probe in probes]
    names = [*(f"layer {index}" for index in range(1, len(counts))), "output"]
    return dict(zip(names, counts)), stream.answers(recorded[output], len(images))


def error_spikes(study):
    """Error spikes for each image, as the network learns and with errors not divided."""
    learned = study.spiking_learning
    first, *notes = learned.history
    names = list(first["undivided"])
    undivided = {name: [n["undivided"][name] for n in learned.history] for name in names}
    # On the stream they are called by number.
    divided = {
        name: [n["spikes"][f"error {index}"] for n in notes]
        for index, name in enumerate(names, start=1)
    }
    panels = {
        "weights held, errors undivided": ([n["images_seen"] for n in learned.history], undivided),
        "while learning": ([n["images_seen"] for n in notes], divided),
    }
    held, learning = (
        [sum(counts) for counts in zip(*curves.values())] for curves in (undivided, divided)
    )
    # A note some way into the stream, by when most has happened.
    early = len(learned.history) // 2
    caption = (
        f"Error spikes per image of a {learned.start} network that learns in spikes, on-line. "
        "Left: with the weights as they are by then, held, on "
        f"{study.sizes.counted} validation images and their targets: {held[0]:.1f} before "
        f"learning, {held[early]:.1f} after {learned.history[early]['images_seen']:,} images and "
        f"{held[-1]:.1f} at the end. Right: while it learns, errors are divided by their running "
        f"size, which starts large: {learning[0]:.0f} per image at first, {max(learning):.0f} at "
        f"most and {learning[-1]:.0f} at the end."
    )
    numbers = {
        "undivided_per_image": {name: [v[0], v[-1]] for name, v in undivided.items()},
        "while_learning_per_image": {name: [v[0], v[-1]] for name, v in divided.items()},
        "images_seen": notes[-1]["images_seen"],
    }
    return Drawn(error_spike_panels(panels), caption, numbers)


def spiking_accuracy(study):
    """Accuracy while learning in spikes, on the stream and on images that are not in it."""
    learned = study.spiking_learning
    first, *notes = learned.history
    accuracy = [note["accuracy"] for note in notes]
    validation = [(n["images_seen"], n["validation_accuracy"]) for n in learned.history]
    images = notes[-1]["images_seen"]
    caption = (
        f"Accuracy of a {learned.start} network while it learns in spikes, on-line, "
        f"{study.sizes.side_by_side} images side by side. Line: on the stream, which shows "
        f"{len(study.dataset.train):,} training images again and again, mean since the point "
        f"before: {100 * accuracy[0]:.1f} % at first, {100 * accuracy[-1]:.1f} % at the end of "
        f"{images:,} images. Points: on {study.sizes.counted} validation images of "
        f"{1e3 * learned.stream.presentation_time:g} ms, not learned from: "
        f"{100 * validation[-1][1]:.1f} % at the end."
    )
    numbers = {
        "stream_first_and_last": [accuracy[0], accuracy[-1]],
        "validation_first_and_last": [validation[0][1], validation[-1][1]],
        "images_seen": images,
    }
    figure = learning_curve([note["images_seen"] for note in notes], accuracy, validation)
    return Drawn(figure, caption, numbers)


def spiking_alignment(study):
    """Kolen-Pollack feedback of the spiking network turns towards Wᵀ."""
    learned = study.spiking_learning
    seen = [note["images_seen"] for note in learned.history]
    cosines = {
        name: [note["alignment"][name] for note in learned.history]
        for name in learned.history[0]["alignment"]
    }
    last = {name: values[-1] for name, values in cosines.items()}
    caption = (
        "Cosine between the feedback weights B of the network that learns in spikes and the "
        "transpose of the forward weights W: both learn from the same product of spikes, "
        "Kolen-Pollack. At the end "
        + ", ".join(f"{name} {value:.2f}" for name, value in last.items())
        + "."
    )
    return Drawn(alignment_curve(seen, cosines), caption, {"at_the_end": last})


def spiking_rasters(study):
    """Spikes of values and errors for one image, before and after learning."""
    from nengo_pc.experiments.spiking_pc_report import one_presentation

    learned, split = study.spiking_learning, study.dataset.test
    image, label = split.images[0], int(split.labels[0])
    before, after = (
        one_presentation(learned.settings, parameters, learned.stream, image, label)
        for parameters in (learned.start, learned.parameters)
    )
    counts = {
        name: [int(np.count_nonzero(spikes[name])) for spikes in (before, after)] for name in before
    }
    stream = learned.stream
    figure = draw_rasters(image[:, :, 0], before, after, stream.dt, stream.target_from, label)
    caption = (
        f"Spikes of value and error neurons while the first test image, a {label}, is shown for "
        "the tenth time in a row with its target, before and after learning, errors not divided by "
        "their running size. "
        "Spikes before and after: "
        + ", ".join(f"{name} {a} and {b}" for name, (a, b) in counts.items())
        + "."
    )
    return Drawn(figure, caption, {"spikes_before_and_after": counts})
