"""Figures of a classifier of digits: its images, weights, spikes, and accuracy over time."""

import nengo
import numpy as np

from nengo_pc import analysis
from nengo_pc.analysis.plot_curves import accuracy_over_time as draw_accuracy
from nengo_pc.analysis.plot_images import field_rows, labelled
from nengo_pc.analysis.plot_rasters import rasters as draw_rasters
from nengo_pc.backends import present
from nengo_pc.networks import SpikingClassifier

from .setting import Drawn

DT = 0.001  # s
PRESENTATION_TIME = 0.2  # s
N_FIELDS = 10


def first_digits(study):
    """The first ten images."""
    train = study.dataset.train
    images, labels = train.images[:10, :, :, 0], train.labels[:10]
    height, width = images.shape[1:]
    caption = (
        f"The first ten training images of {height}x{width} pixels with their labels, grey levels "
        "from 0 (white) to 1 (black)."
    )
    numbers = {
        "labels": labels,
        "mean_grey_level": float(study.dataset.train.images.mean()),
        "n_train": len(train),
    }
    return Drawn(labelled(images, labels), caption, numbers)


def rasters(study):
    """Spikes of each layer while one digit is shown."""
    parameters, dataset = study.classifier, study.dataset
    network = SpikingClassifier(parameters, encoder="poisson", seed=study.seed)
    with network:
        output = nengo.Probe(network.output)
        probes = {"encoder": nengo.Probe(network.encoder.output)}
        for index, layer in enumerate(network.layers, start=1):
            probes[f"layer {index}"] = nengo.Probe(layer.neurons)
    image, label = dataset.test.images[:1], int(dataset.test.labels[0])
    shown = present(
        network, image, "reference", PRESENTATION_TIME, DT, seed=study.seed, progress=False
    )
    spikes = {name: shown[probe][0] for name, probe in probes.items()}
    counts = {name: int(np.count_nonzero(values)) for name, values in spikes.items()}
    answer = int(shown[output][0].mean(axis=0).argmax())
    figure = draw_rasters(image[0, :, :, 0], spikes, DT, shown[output][0], label)
    caption = (
        f"The first test image, a {label}, for {1e3 * PRESENTATION_TIME:g} ms: Poisson spikes of "
        "the pixels, spikes of the LIF layers, and the read-out. "
        + ", ".join(f"{name} {count:,}" for name, count in counts.items())
        + f" spikes; the answer is the largest mean output, here {answer}."
    )
    numbers = {"spikes": counts, "label": label, "answer": answer}
    return Drawn(figure, caption, numbers)


def accuracy_over_time(study):
    """Error against the time for which an image is shown."""
    from nengo_pc.experiments.classification import rate_accuracy

    parameters, shown_images = study.classifier, study.shown
    curves, numbers = {}, {"n_test": len(shown_images)}
    for encoder in ("constant", "poisson", "lif"):
        network = SpikingClassifier(parameters, encoder=encoder, seed=study.seed)
        with network:
            output = nengo.Probe(network.output)
        shown = present(
            network,
            shown_images.images,
            "native",
            PRESENTATION_TIME,
            DT,
            seed=study.seed,
            progress=False,
        )
        curves[encoder] = analysis.accuracy_over_time(shown[output], shown_images.labels)
        numbers[encoder] = {
            "accuracy": float(curves[encoder][-1]),
            "time_to_99_percent_s": analysis.time_to_fraction(curves[encoder], DT),
        }
    rate = rate_accuracy(parameters, shown_images)
    numbers["rate_accuracy"] = rate
    times = DT * np.arange(1, len(curves["constant"]) + 1)
    caption = (
        f"Error of {parameters} in spikes on {len(shown_images)} test images if the presentation "
        "ended at each time, the answer being the largest running mean of the output, for pixels "
        "as constant currents, as Poisson spikes and as regular spikes of LIF neurons. 99 % of "
        "the final accuracy is there after "
        + ", ".join(f"{1e3 * numbers[e]['time_to_99_percent_s']:.0f} ms ({e})" for e in curves)
        + f". Dotted: the same parameters as a network of rates, {100 * rate:.1f} % correct."
    )
    return Drawn(draw_accuracy(times, curves, rate), caption, numbers)


def weights(study):
    """First-layer weights before and after training, and the images that neurons fire for."""
    start, parameters = study.start(), study.classifier
    images = study.dataset.train.images.reshape(len(study.dataset.train), -1)
    strongest = np.argsort(-np.abs(parameters.weights[1]).sum(axis=0))[:N_FIELDS]
    rows = {
        "weights before training": start.weights[0][strongest],
        "weights after training": parameters.weights[0][strongest],
        "images that make it fire, less the mean image": preferred(parameters, images)[strongest],
    }
    *learned, wanted = rows.values()
    before, after = (
        float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(fields, wanted)]))
        for fields in learned
    )
    caption = (
        f"The {len(strongest)} first-layer neurons of {parameters} with the largest weights to the "
        "layer above: their weights before and after training, and the training images averaged "
        "by the rate that they evoke, less the mean image. Each field has a scale of its own: "
        "mid-grey is 0, white its largest absolute value, black the same below 0. Of the random "
        "weights at the start, training leaves what images like these do not tell apart. "
        "Correlation of the weights with the images that a neuron fires for: "
        f"{before:.2f} before training, {after:.2f} after it."
    )
    numbers = {
        "root_mean_square_before": float(np.sqrt(np.mean(start.weights[0] ** 2))),
        "root_mean_square_after": float(np.sqrt(np.mean(parameters.weights[0] ** 2))),
        "correlation_with_preferred_before_and_after": [before, after],
    }
    return Drawn(field_rows(rows, parameters.input_shape[:2]), caption, numbers)


def preferred(parameters, images):
    """Images averaged by the first layer's rates that they evoke, less the mean image.

    Parameters
    ----------
    parameters : Parameters
    images : ndarray, shape (n, n_pixels)

    Returns
    -------
    ndarray, shape (n_neurons, n_pixels)
        0 for a neuron that never fires.
    """
    constants = parameters.neuron
    neuron = nengo.LIFRate(tau_rc=constants.tau_rc, tau_ref=constants.tau_ref)
    currents = images @ parameters.weights[0].T + parameters.biases[0]
    rates = neuron.rates(currents, np.ones(currents.shape[1]), np.zeros(currents.shape[1]))
    total = rates.sum(axis=0)
    weighted = rates.T @ images / np.where(total > 0, total, 1)[:, None]
    return np.where(total[:, None] > 0, weighted - images.mean(axis=0), 0.0)
