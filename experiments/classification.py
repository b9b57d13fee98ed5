"""Train, convert, run in spikes, measure: the steps of every classification experiment."""

import json
import tempfile
from importlib.metadata import version
from pathlib import Path

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc import analysis, datasets
from nengo_pc.analysis.results import to_json
from nengo_pc.backends import present
from nengo_pc.learning import TrainingDiverged, train
from nengo_pc.networks import Parameters, SpikingClassifier
from nengo_pc.networks.files import whole_file


def check_writable(folder):
    """Make ``folder`` and write to it, so that a run fails before it starts, not after.

    Raises
    ------
    OSError
        Naming the folder.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise type(error)(
            error.errno, f"cannot write results: {error.strerror}", str(folder)
        ) from (error)


def load_dataset(name, folder):
    """Load a data set and print what it is, and where from."""
    dataset = datasets.load(name, folder)
    print(f"Data: {dataset.name}, {dataset.source}")
    if dataset.notice:
        print(f"NOTICE: {dataset.notice}")
    return dataset


def first_images(split, n, dataset):
    """The first n images of a split of a data set, or all if n is None.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there are not so many, naming the option ``--test-images``.
    """
    if n is None:
        return split
    if not 1 <= n <= len(split):
        raise ValidationError(
            f"must be 1 to {len(split)} for {dataset.name}, got {n}", "--test-images"
        )
    return datasets.Split(split.images[:n], split.labels[:n])


def origins(experiment, command, dataset):
    """What ``metrics.json`` of every experiment says first: by whom, how, and from what data."""
    return {
        "experiment": experiment,
        "version": version("nengo-pc"),
        "nengo": nengo.__version__,
        "command": command,
        "dataset": dataset.name,
        "dataset_source": dataset.source,
        "dataset_notice": dataset.notice,
    }


def train_seed(dataset, layers, options, folder, resume=False, tensorboard=None, progress=True):
    """Train a network of one seed, or take what an earlier run left.

    Parameters
    ----------
    dataset : nengo_pc.datasets.Dataset
    layers : list
    options : TrainingOptions
    folder : pathlib.Path
        For ``parameters.npz`` and, while training, ``checkpoint.npz``.
    resume : bool
        Use parameters or a checkpoint that are there.
    tensorboard : str or pathlib.Path, optional
        Folder for TensorBoard's event files.
    progress : bool
        Show a progress bar.

    Returns
    -------
    nengo_pc.networks.Parameters
        With their training in ``metadata["training"]``.

    Raises
    ------
    TrainingDiverged
        The last good parameters are then in ``last_good_parameters.npz``.
    """
    path, checkpoint = folder / "parameters.npz", folder / "checkpoint.npz"
    start = Parameters.random(dataset.image_shape, layers, seed=options.seed)
    if resume and path.exists():
        trained = Parameters.load(path)
        record = trained.metadata.get("training", {})
        same = (trained.input_shape, trained.layers) == (start.input_shape, start.layers)
        if same and (record.get("options"), record.get("dataset")) == (
            options.to_dict(),
            dataset.name,
        ):
            return trained
    try:
        result = train(start, dataset, options, checkpoint, resume, progress, tensorboard)
    except TrainingDiverged as error:
        kept = folder / "last_good_parameters.npz"
        error.parameters.save(kept)
        raise TrainingDiverged(
            f"{error}. Last good parameters: {kept}", error.parameters
        ) from error
    result.parameters.save(path)
    checkpoint.unlink(missing_ok=True)
    return result.parameters


def rate_accuracy(parameters, split):
    """Accuracy of the rate network on ``split``, a fraction."""
    from nengo_pc.learning.training_network import rate_network

    network = rate_network(parameters)
    with network:
        probe = nengo.Probe(network.output)
    outputs = present(
        network, split.images, "native", presentation_time=0.001, keep="last", progress=False
    )[probe]
    return analysis.accuracy(outputs.argmax(axis=1), split.labels).fraction


def evaluate(
    parameters, split, backend, synapse, encoder, presentation_time, dt, seed, progress=True
):
    """Run a trained network in spikes on ``split`` and measure it.

    Returns
    -------
    dict
        The part of ``metrics.json`` that a backend decides, and ``neuron_rates_hz``: each
        neuron's mean rate, by layer.
    """
    network = SpikingClassifier(parameters, synapse=synapse, encoder=encoder, seed=seed)
    populations = _populations(network)
    with network:
        output = nengo.Probe(network.output)
        activity = {name: nengo.Probe(ens.neurons) for name, ens in populations.items()}
    keep = {output: "all", **dict.fromkeys(activity.values(), "mean")}
    shown = present(
        network,
        split.images,
        backend,
        presentation_time,
        dt,
        keep=keep,
        seed=seed,
        progress=progress,
    )
    rates = {
        name: shown[activity[name]] / ens.neuron_type.amplitude for name, ens in populations.items()
    }
    over_time = analysis.accuracy_over_time(shown[output], split.labels)
    predictions = analysis.predictions_over_time(shown[output])[:, -1]
    final = analysis.accuracy(predictions, split.labels)
    n_classes = shown[output].shape[2]
    layers = {name: analysis.layer_rates(r) for name, r in rates.items()}
    return {
        "backend": backend,
        "substitutions": list(shown.substitutions),
        "n_test": len(split),
        "accuracy": final.fraction,
        "confidence_interval": [final.low, final.high],
        "accuracy_over_time": {
            "time_s": dt * np.arange(1, shown.n_steps + 1),
            "accuracy": over_time,
        },
        "time_to_99_percent_s": analysis.time_to_fraction(over_time, dt),
        "mean_rate_hz": {name: layer.mean_hz for name, layer in layers.items()},
        "dead_neurons": {name: layer.dead_fraction for name, layer in layers.items()},
        **_costs(parameters, rates, shown.n_steps * dt, shown.n_steps),
        "class_histogram": analysis.class_histogram(predictions, n_classes),
        "confusion_matrix": analysis.confusion_matrix(split.labels, predictions, n_classes),
        "seconds": {"simulate": shown.seconds, "compile": shown.compile_seconds},
        "neuron_rates_hz": {name: r.mean(axis=0) for name, r in rates.items()},
    }


def _populations(network):
    """Spiking populations by the name that reports give them, from the input up."""
    layers = {f"layer {i + 1}": layer for i, layer in enumerate(network.layers)}
    encoder = {} if network.encoder is None else {"encoder": network.encoder.population}
    return encoder | layers


def _costs(parameters, rates, presentation_time, n_steps):
    """Spikes, synaptic operations and energy per image."""
    fan_outs = parameters.fan_outs()
    macs = analysis.multiply_accumulates(fan_outs)
    spiking = fan_outs if "encoder" in rates else fan_outs[1:]
    counts = [r * presentation_time for r in rates.values()]
    synops = sum(float(analysis.synaptic_operations(c, f).mean()) for c, f in zip(counts, spiking))
    # Constant currents are worked out once for the whole presentation.
    input_macs = 0 if "encoder" in rates else float(fan_outs[0].sum())
    n_neurons = sum(c.shape[1] for c in counts)
    return {
        "spikes_per_image": float(sum(c.sum(axis=1).mean() for c in counts)),
        "synops_per_image": synops,
        "energy": analysis.energy_per_image(synops, macs, n_neurons, n_steps, input_macs),
    }


def evaluate_once(path, settings, resume, measure):
    """The run in ``path`` if it is of these settings and may be reused, else a new one, kept there.

    Parameters
    ----------
    path : pathlib.Path
        JSON file, written whole or not at all.
    settings : dict
        JSON-able: all that the run depends on.
    resume : bool
    measure : callable
        Gives the run, a dict.
    """
    if resume and path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["settings"] == settings:
            return kept["run"]
    content = to_json({"settings": settings, "run": measure()})
    with whole_file(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
    return json.loads(content)["run"]


def raster_figures(parameters, split, synapse, encoder, presentation_time, dt, seed):
    """The first image of ``split``, and the spikes of every layer while it is shown."""
    # Asking for help or training only should not pay for matplotlib.
    from nengo_pc.analysis import plots

    network = SpikingClassifier(parameters, synapse=synapse, encoder=encoder, seed=seed)
    with network:
        output = nengo.Probe(network.output)
        probes = {name: nengo.Probe(ens.neurons) for name, ens in _populations(network).items()}
    image, label = split.images[:1], int(split.labels[0])
    shown = present(
        network,
        image,
        presentation_time=presentation_time,
        dt=dt,
        seed=seed,
        progress=False,
    )
    picture = image[0, :, :, 0]
    spikes = {name: shown[probe][0] for name, probe in probes.items()}
    return {
        "digit": (plots.digit(picture, label), "The image, from the validation split."),
        "rasters": (
            plots.rasters(picture, spikes, dt, shown[output][0], label),
            "Spikes of each layer and the output while one image is shown (reference backend).",
        ),
    }
