"""Runs one cell: trains, scores in rates and in spikes, judges, measures. For worker processes."""

import functools
import os
import sys
import tempfile
import traceback
import warnings
from importlib.metadata import version
from pathlib import Path

import nengo
import numpy as np

from nengo_pc import analysis, datasets
from nengo_pc.analysis.results import plain
from nengo_pc.experiments import classification
from nengo_pc.experiments.online_training import learn_stream
from nengo_pc.experiments.spiking_pc import summary
from nengo_pc.networks import Dense, Parameters

from .cells import Cell

TRACEBACK_LINES = 12
N_NOTES = 10  # of learning on line; each is a checkpoint
# Too long for a table of hundreds of runs.
LEFT_OUT = ("neuron_rates_hz", "confusion_matrix")
AUDITED = (4, 4, 1), 6  # image shape and hidden units: what is judged has no size


def run_cell(description, folder=None, data=None):
    """Run a cell, whatever happens.

    Parameters
    ----------
    description : dict
        Of a `Cell`, from its ``to_dict``.
    folder : str, optional
        Where trained parameters and checkpoints are kept, for the next attempt at this cell.
    data : str, optional
        Folder of the data set.

    Returns
    -------
    dict
        JSON-able: ``status`` is "done", with what was measured, or "failed", with ``error`` and
        the end of its ``traceback``. What one backend failed at is in ``failed_backends``.
    """
    _calm_tensorflow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {"status": "done", **plain(_run(Cell.from_dict(description), folder, data))}
    except Exception as error:
        return _failure_of(error)


def failure(error, lines=()):
    """What a cell leaves that could not be run."""
    return {"status": "failed", "error": error, "traceback": list(lines)}


def _failure_of(error):
    lines = traceback.format_exception(error)
    lines = "".join(lines).rstrip().splitlines()
    return failure(f"{type(error).__name__}: {error}", lines[-TRACEBACK_LINES:])


def _calm_tensorflow():
    """One thread, and no messages, where TensorFlow has not started yet."""
    if "tensorflow" in sys.modules:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from nengo_pc.backends.compatibility import import_tensorflow

    tf = import_tensorflow()
    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _run(cell, folder, data):
    dataset = _dataset(cell.dataset, data)
    test = classification.first_images(dataset.test, cell.n_test, dataset)
    with tempfile.TemporaryDirectory() as temporary:
        kept = Path(folder or temporary) / cell.training_key
        learn = _learn_on_line if cell.is_online else _train
        parameters, learned = learn(cell, dataset, kept)
    scores, failed = {}, {}
    for backend in cell.backends:
        try:
            scored = _score(cell, parameters, test, backend)
        except Exception as error:  # the others' scores, and the training, are not lost
            failed[backend] = _failure_of(error)
        else:
            scores[backend] = {k: v for k, v in scored.items() if k not in LEFT_OUT}
    result = {
        "network": str(parameters),
        "n_parameters": parameters.n_parameters,
        "parameters_digest": parameters.digest(),
        "n_train": len(dataset.train),
        "n_test": len(test),
        "rate_accuracy": classification.rate_accuracy(parameters, test),
        "scores": scores,
        "failed_backends": failed,
        "audit": _judged(cell),
        "versions": {"nengo-pc": version("nengo-pc"), "nengo": nengo.__version__},
        **learned,
    }
    _forget()
    return result


@functools.lru_cache(maxsize=1)
def _dataset(name, data):
    return datasets.load(name, data)


def _train(cell, dataset, folder):
    """Parameters, and what training took and gave."""
    layers = [*cell.layers, Dense(dataset.n_classes)]
    parameters = classification.train_seed(
        dataset, layers, cell.options(), folder, resume=True, progress=False
    )
    history = parameters.metadata["training"]["history"]
    updates = len(dataset.train) // cell.settings["batch_size"]
    # Compilation falls into the first epoch.
    later = [epoch["seconds"] for epoch in history[1:] or history]
    return parameters, {
        "history": history,
        "validation_accuracy": history[-1]["validation_accuracy"],
        "updates": updates * len(history),
        "seconds_train": sum(epoch["seconds"] for epoch in history),
        "ms_per_update": 1e3 * float(np.median(later)) / updates,
    }


def _learn_on_line(cell, dataset, folder):
    """Parameters, and what learning took and gave."""
    path, checkpoint = folder / "parameters.npz", folder / "checkpoint.npz"
    settings, stream = cell.spiking_pc()
    minibatch = cell.settings["minibatch"]
    if path.exists():
        parameters = Parameters.load(path)
    else:
        start = settings.start(dataset.image_shape, dataset.n_classes, cell.seed)
        parameters, history = learn_stream(
            settings,
            start,
            dataset.train,
            stream,
            cell.settings["n_images"],
            minibatch_size=minibatch,
            seed=cell.seed,
            checkpoint=checkpoint,
            resume=True,
            notes=N_NOTES,
            progress=False,
        )
        # The rate curve tells `rate_accuracy` what these parameters are run as in rates.
        training = {"options": {"activation": "lif"}, "history": history}
        parameters = parameters.with_metadata(training=plain(training))
        parameters.save(path)
        checkpoint.unlink(missing_ok=True)
    history = parameters.metadata["training"]["history"]
    updates = history[-1]["images_seen"] // minibatch
    # The first note has compilation in it.
    first, last = history[1], history[-1]
    later = (last["images_seen"] - first["images_seen"]) // minibatch
    seconds = last["seconds"] - first["seconds"] if later else last["seconds"]
    return parameters, {
        "history": history,
        "updates": updates,
        "seconds_train": last["seconds"],
        "ms_per_update": 1e3 * seconds / (later or updates),
        "online": summary(history),
    }


def _score(cell, parameters, test, backend):
    """What the network does in spikes on a backend."""
    tau = cell.synapse
    return classification.evaluate(
        parameters,
        test,
        backend,
        synapse=nengo.Lowpass(tau) if cell.is_online else nengo.Alpha(tau),
        encoder=cell.encoder,
        presentation_time=cell.presentation_time,
        dt=cell.dt,
        seed=cell.seed,
        progress=False,
    )


@functools.lru_cache(maxsize=64)
def _judged_as(row):
    """Verdict and evidence by problem, of a cell of any seed."""
    if row.is_online:
        shape, units = AUDITED
        settings, _ = row.spiking_pc()
        settings = type(settings)(**settings.to_dict() | {"hidden": (units,) * len(row.hidden)})
        found = analysis.audit(settings.build(settings.start(shape, 10)))
    else:
        found = analysis.audit_training(row.options())
    return {f.problem: {"verdict": f.verdict, "evidence": list(f.evidence)} for f in found.findings}


def _judged(cell):
    return _judged_as(cell.with_seed(0))


def _forget():
    """Let go of the graphs of this cell, of which a worker would gather one for each cell."""
    from nengo_pc.backends.compatibility import import_tensorflow

    import_tensorflow().keras.backend.clear_session()
