"""The training loop: epochs, validation, checkpoints, progress."""

import importlib.util
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError
from tqdm import tqdm

from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.backends.errors import BackendUnavailable
from nengo_pc.networks.layers import to_dict

from .augmentation import shift
from .checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from .rule_options import RELAXING


class TrainingDiverged(FloatingPointError):
    """The loss, an error or a parameter is no longer a finite number.

    Attributes
    ----------
    parameters : Parameters
        The last good ones: from the end of the last whole epoch, or where training started.
    """

    def __init__(self, message, parameters=None):
        super().__init__(message)
        self.parameters = parameters


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped by the user; the message says where it can be taken up."""


@dataclass(frozen=True)
class TrainingResult:
    """What training leaves.

    Attributes
    ----------
    parameters : Parameters
    history : list of dict
        One per epoch: ``epoch, loss, accuracy, validation_accuracy, seconds``.
    seconds : float
        Of all epochs, those before a resumption included.
    """

    parameters: object
    history: list
    seconds: float


def train(
    parameters,
    dataset,
    options,
    checkpoint=None,
    resume=False,
    progress=True,
    tensorboard=None,
):
    """Train a classifier.

    The order of the images and their augmentation follow from the seed and the epoch alone, and a
    checkpoint holds all other state, so that a run that was killed and resumed ends with the same
    parameters as one that was not.

    Parameters
    ----------
    parameters : Parameters
        Where training starts.
    dataset : nengo_pc.datasets.Dataset
        Updates use its ``train`` split, accuracy per epoch its ``validation`` split.
    options : TrainingOptions
    checkpoint : str or pathlib.Path, optional
        File written after each epoch.
    resume : bool
        Go on from ``checkpoint`` if it is there.
    progress : bool
        Show a progress bar.
    tensorboard : str or pathlib.Path, optional
        Folder for TensorBoard's event files.

    Returns
    -------
    TrainingResult

    Raises
    ------
    nengo.exceptions.ValidationError
        If the data set does not fit the network or the minibatch.
    CheckpointError
        If ``checkpoint`` is damaged or of another run.
    TrainingDiverged
        If the loss or an error is no longer finite, naming rule, layer and step where the rule
        knows them. The last checkpoint stays, and the error has the last good ``parameters``.
    TrainingInterrupted
        On Ctrl-C; the last checkpoint stays.
    """
    split = dataset.train
    n_batches = len(split) // options.batch_size
    _check_fit(parameters, dataset, options, n_batches)
    run = {
        "network": str(parameters),
        "layers": json.loads(json.dumps([to_dict(layer) for layer in parameters.layers])),
        "dataset": dataset.name,
        "options": options.to_dict(),
        "neuron": vars(parameters.neuron),
    }
    state, history = None, []
    if resume and checkpoint is not None and Path(checkpoint).exists():
        state, history = _load(checkpoint, run)
    writer = _tensorboard_writer(tensorboard)
    engine = make_engine(parameters, options, n_batches * options.epochs)
    bar = tqdm(
        total=n_batches * options.epochs,
        initial=n_batches * len(history),
        unit="batch",
        disable=not progress,
        dynamic_ncols=True,
    )
    try:
        with bar:
            if state is not None:
                engine.set_state(state)
            good = engine.state()
            for epoch in range(len(history), options.epochs):
                bar.set_description(f"epoch {epoch + 1}/{options.epochs}")
                start = time.perf_counter()
                loss, accuracy = _train_epoch(engine, split, options, epoch, bar)
                seconds = time.perf_counter() - start
                outputs = engine.predict(dataset.validation.images)
                validation = float(np.mean(outputs.argmax(axis=1) == dataset.validation.labels))
                history.append(
                    {
                        "epoch": epoch + 1,
                        "loss": loss,
                        "accuracy": accuracy,
                        "validation_accuracy": validation,
                        "seconds": seconds,
                    }
                )
                bar.set_postfix(loss=f"{loss:.4f}", validation=f"{100 * validation:.2f} %")
                writer(history[-1])
                state = engine.state()
                if not all(np.all(np.isfinite(array)) for array in state):
                    raise _diverged(options, f"after epoch {epoch + 1}")
                good = state
                if checkpoint is not None:
                    save_checkpoint(checkpoint, state, {**run, "history": history})
        trained = engine.parameters()
    except TrainingDiverged as error:
        engine.set_state(good)
        error.parameters = engine.parameters()
        raise
    except KeyboardInterrupt as error:
        kept = f"{checkpoint} keeps it" if checkpoint is not None and history else "nothing is kept"
        raise TrainingInterrupted(
            f"stopped after {len(history)} of {options.epochs} epochs; {kept}"
        ) from error
    finally:
        engine.close()
    trained = trained.with_metadata(
        training={"dataset": dataset.name, "options": options.to_dict(), "history": history}
    )
    return TrainingResult(trained, history, sum(epoch["seconds"] for epoch in history))


def make_engine(parameters, options, n_updates):
    """What updates parameters as the options' method says: `NengoDLEngine` or `RuleEngine`.

    Both take the same arguments and have ``update``, ``trouble``, ``predict``, ``parameters``,
    ``state``, ``set_state`` and ``close``.
    """
    if options.method == "nengodl":
        from .nengodl_engine import NengoDLEngine as Engine
    else:
        from .rule_engine import RuleEngine as Engine
    return Engine(parameters, options, n_updates)


def _train_epoch(engine, split, options, epoch, bar):
    """All minibatches once: mean loss and accuracy, as they were before each update."""
    rng = np.random.default_rng([options.seed, epoch])
    order = rng.permutation(len(split))
    n_batches = len(split) // options.batch_size
    losses, correct = [], []
    batches = order[: n_batches * options.batch_size].reshape(n_batches, -1)
    for update, batch in enumerate(batches, start=1):
        images = shift(split.images[batch], options.shift, rng)
        loss, n_correct = engine.update(images, split.labels[batch])
        losses.append(float(loss))
        correct.append(n_correct)
        if engine.trouble or not np.isfinite(losses[-1]):
            raise _diverged(options, f"in epoch {epoch + 1}, update {update}", engine.trouble)
        bar.update()
    losses = np.array(losses)
    accuracy = sum(int(c) for c in correct) / (n_batches * options.batch_size)
    return float(losses.mean()), accuracy


def _check_fit(parameters, dataset, options, n_batches):
    n_inputs, wanted = int(np.prod(dataset.image_shape)), int(np.prod(parameters.input_shape))
    if n_inputs != wanted:
        raise ValidationError(
            f"{dataset.name} has images of {n_inputs} pixels, the network {parameters} takes "
            f"{wanted}",
            "dataset",
        )
    n_outputs = int(np.prod(parameters.shapes[-1]))
    if n_outputs != dataset.n_classes:
        raise ValidationError(
            f"{dataset.name} has {dataset.n_classes} classes, the network {parameters} has "
            f"{n_outputs} outputs",
            "dataset",
        )
    if n_batches == 0:
        raise ValidationError(
            f"must be at most the {len(dataset.train)} training images, got {options.batch_size}",
            "batch_size",
        )


def _diverged(options, when, trouble=None):
    advice = f"try a learning rate below {options.learning_rate:g}"
    if options.method in RELAXING:
        advice += ", or smaller steps of the values (inference_rate)"
    what = trouble or "the loss or a parameter was no longer finite"
    return TrainingDiverged(f"{what} {when}: {advice}")


def _load(checkpoint, run):
    """State and history of a checkpoint that must be of ``run``."""
    state, description = load_checkpoint(checkpoint)
    for name, value in run.items():
        if description.get(name) != value:
            raise CheckpointError(
                f"{checkpoint} is of another run: {_difference(name, description.get(name), value)}"
            )
    return state, description["history"]


def _difference(name, theirs, ours):
    if isinstance(theirs, dict) and isinstance(ours, dict):
        keys = [k for k in {**theirs, **ours} if theirs.get(k) != ours.get(k)]
        return ", ".join(f"{k} {theirs.get(k)!r} there, {ours.get(k)!r} here" for k in keys)
    return f"{name} {theirs!r} there, {ours!r} here"


def _tensorboard_writer(folder):
    """A function that writes one epoch's scalars, or does nothing without a folder."""
    if folder is None:
        return lambda epoch: None
    if importlib.util.find_spec("tensorboard") is None:
        raise BackendUnavailable(
            "TensorBoard", 'pip install "nengo-pc[tensorboard]"', "it is not installed"
        )
    tf = import_tensorflow()
    writer = tf.summary.create_file_writer(str(folder))

    def write(epoch):
        with writer.as_default(step=epoch["epoch"]):
            for name in ("loss", "accuracy", "validation_accuracy"):
                tf.summary.scalar(name, epoch[name])
        writer.flush()

    return write
