"""Learning rules side by side: one network, one start, the same minibatches in the same order."""

import contextlib
import itertools
import logging
import math
import time
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from nengo_pc import analysis
from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.learning import TrainingDiverged
from nengo_pc.learning.trainer import make_engine

BASELINE = "backprop"
N_LOGGED = 50
N_VALIDATION = 1000


def relative_difference(ours, theirs):
    """The largest difference of each array relative to the largest entry of theirs, of all arrays.

    Parameters
    ----------
    ours, theirs : list of ndarray
        Of the same shapes.

    Returns
    -------
    float or None
        None if it has no value: a number is not finite, or theirs is 0 where ours is not.
    """
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        with np.errstate(invalid="ignore"):
            difference, scale = float(np.abs(a - b).max()), float(np.abs(b).max())
        if difference == 0:
            continue
        if scale == 0 or not math.isfinite(difference / scale):
            return None
        worst = max(worst, difference / scale)
    return worst


def angle(ours, theirs):
    """The angle in degrees between two updates, each taken as one vector.

    As Kahan gives it (How futile are mindless assessments of roundoff, 2006, section 12): exact
    near 0, where the arc cosine is not.

    Parameters
    ----------
    ours, theirs : list of ndarray

    Returns
    -------
    float or None
        None if one is 0 or not finite.
    """
    a, b = _unit(ours), _unit(theirs)
    if a is None or b is None:
        return None
    a, b = (np.concatenate([np.ravel(x) for x in arrays]) for arrays in (a, b))
    return 2 * math.degrees(math.atan2(np.linalg.norm(a - b), np.linalg.norm(a + b)))


def _unit(arrays):
    """The arrays in float64, divided by their common Euclidean length; None if it is of no use."""
    arrays = [np.asarray(array, dtype=float) for array in arrays]
    length = math.sqrt(sum(float(np.sum(array**2)) for array in arrays))
    if length == 0 or not math.isfinite(length):
        return None
    return [array / length for array in arrays]


def minibatches(split, batch_size, seed):
    """Images and labels without end, in the order in which `nengo_pc.learning.train` takes them.

    Parameters
    ----------
    split : nengo_pc.datasets.Split
        At least one minibatch.
    batch_size, seed : int

    Yields
    ------
    images, labels : ndarray
    """
    n_batches = len(split) // batch_size
    for epoch in itertools.count():
        order = np.random.default_rng([seed, epoch]).permutation(len(split))
        for batch in order[: n_batches * batch_size].reshape(n_batches, batch_size):
            yield split.images[batch], split.labels[batch]


@contextlib.contextmanager
def without_retracing_warning():
    """Keep TensorFlow from warning that engines are compiled one after another, as they must."""

    def keep(record):
        return "triggered tf.function retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


class RecordingOptimizer:
    """An optimizer that also adds up the gradients it is given.

    Parameters
    ----------
    optimizer : tf.keras.optimizers.Optimizer
    variables : list of tf.Variable
        What it will be given gradients for.
    """

    def __init__(self, optimizer, variables):
        tf = import_tensorflow()
        self._optimizer = optimizer
        self._totals = [tf.Variable(tf.zeros_like(variable)) for variable in variables]

    def apply_gradients(self, gradients_and_variables):
        """Add to the sums, and let the optimizer learn."""
        pairs = list(gradients_and_variables)
        for total, (gradient, _) in zip(self._totals, pairs, strict=True):
            total.assign_add(gradient)
        self._optimizer.apply_gradients(pairs)

    def take(self):
        """The sums since they were last taken, one array per variable."""
        taken = [total.numpy() for total in self._totals]
        for total, array in zip(self._totals, taken):
            total.assign(np.zeros_like(array))
        return taken

    def __getattr__(self, name):
        return getattr(self._optimizer, name)


@dataclass
class RuleRun:
    """One rule's run beside the others.

    Attributes
    ----------
    engine : RuleEngine
    start : list of ndarray
        Its state before the first update.
    history : list of dict
        At each logged update: ``update`` (from 1), ``loss`` (mean of the minibatches since the
        last one logged, each before its update), ``validation_accuracy``,
        ``relative_difference`` of this update from backprop's at the same parameters,
        ``angle_degrees`` between the two, and ``relative_parameter_difference`` from backprop's
        own trajectory.
    seconds : float
        Of all updates.
    losses : list of float
        Of the minibatches since the last logged update.
    """

    engine: object
    start: list
    history: list = field(default_factory=list)
    seconds: float = 0.0
    losses: list = field(default_factory=list)

    @property
    def trained(self):
        """All that learns, as arrays."""
        return [variable.numpy() for variable in self.engine.chain.trained]

    def update(self, images, labels, n):
        """Learn from a minibatch, the ``n``-th.

        Raises
        ------
        TrainingDiverged
            If the loss or an error is no longer finite.
        """
        start = time.perf_counter()
        loss, _ = self.engine.update(images, labels)
        self.losses.append(float(loss))
        self.seconds += time.perf_counter() - start
        if self.engine.trouble or not math.isfinite(self.losses[-1]):
            options = self.engine.options
            what = self.engine.trouble or f"the loss of {options.method} was no longer finite"
            raise TrainingDiverged(
                f"{what}, in update {n}: try --learning-rate below {options.learning_rate:g}, or "
                "smaller steps of the values (--inference-rate)"
            )


@without_retracing_warning()
def compare_rules(parameters, dataset, options, n_updates, progress=True):
    """Train the same network by several rules at once, and compare each with backprop.

    What is compared of an update is what a rule gives its optimizer. ``ipc`` gives that at each of
    its steps: its gradients are summed over them, and then both this sum and backprop's gradient
    are divided by their Euclidean length, so that the difference is one of direction only.

    Parameters
    ----------
    parameters : Parameters
        Where all start.
    dataset : nengo_pc.datasets.Dataset
        Updates use its ``train`` split, accuracy the first `N_VALIDATION` images of
        ``validation``.
    options : dict of str to TrainingOptions
        By method, backprop among them; the same seed and minibatch size in all.
    n_updates : int
        Minibatches.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict of str to RuleRun

    Raises
    ------
    TrainingDiverged
        If a loss or an error is no longer finite.
    """
    runs = {}
    for method, of_method in options.items():
        engine = make_engine(parameters, of_method, n_updates)
        runs[method] = RuleRun(engine, engine.state())
        engine.optimizer = RecordingOptimizer(engine.optimizer, engine.chain.trained)
    reference = make_engine(parameters, options[BASELINE], n_updates)
    baseline = options[BASELINE]
    batches = minibatches(dataset.train, baseline.batch_size, baseline.seed)
    images, labels = dataset.validation.images, dataset.validation.labels
    validation = images[:N_VALIDATION], labels[:N_VALIDATION]
    every = math.ceil(n_updates / N_LOGGED)
    bar = tqdm(total=n_updates, unit="update", disable=not progress, dynamic_ncols=True)
    with bar:
        bar.set_description("training")
        for n in range(1, n_updates + 1):
            batch = next(batches)
            logged = n in (1, n_updates) or n % every == 0
            for run in runs.values():
                if logged:
                    run.history.append(_logged_update(run, reference, batch, n))
                else:
                    run.update(*batch, n)
            if logged:
                _log_state(runs, validation)
            bar.update()
    return runs


def _logged_update(run, reference, batch, n):
    """Learn from a minibatch and compare the update with backprop's at the same parameters."""
    method = run.engine.options.method
    entry = {"update": n, "relative_difference": 0.0, "angle_degrees": 0.0}
    if method == BASELINE:
        run.update(*batch, n)
        return entry
    # The state has the count from which dropout is drawn, too.
    reference.set_state(run.engine.state())
    theirs = reference.gradients(*batch)
    run.engine.optimizer.take()
    run.update(*batch, n)
    ours = run.engine.optimizer.take()
    entry["angle_degrees"] = angle(*(weights_of(run.engine, g) for g in (ours, theirs)))
    if method == "ipc":
        ours, theirs = _unit(ours), _unit(theirs)
    known = ours is not None and theirs is not None
    entry["relative_difference"] = relative_difference(ours, theirs) if known else None
    return entry


def _log_state(runs, validation):
    """Complete the last entry of each history with where the rules are after the update."""
    images, labels = validation
    baseline = runs[BASELINE].trained
    for run in runs.values():
        answers = run.engine.predict(images).argmax(axis=1)
        run.history[-1] |= {
            "loss": float(np.mean(run.losses)),
            "validation_accuracy": analysis.accuracy(answers, labels).fraction,
            "relative_parameter_difference": relative_difference(run.trained, baseline),
        }
        run.losses.clear()


def weights_of(engine, arrays):
    """Of one array per trained variable of an engine, those that belong to weights, by layer."""
    weights = {layer.weights.ref() for layer in engine.chain.layers}
    return [a for v, a in zip(engine.chain.trained, arrays, strict=True) if v.ref() in weights]
