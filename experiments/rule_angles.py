"""The angle between the updates of inference learning and backprop."""

import itertools
import math
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from nengo_pc.learning.trainer import make_engine
from nengo_pc.networks import Dense, Parameters

from .rule_comparison import angle, minibatches, weights_of, without_retracing_warning

N_BATCHES = 5
UNITS = 100
N_UPDATES = 200


@without_retracing_warning()
def angles_over_steps(parameters, dataset, options, states, steps, progress=True):
    """Angle between IL's and backprop's updates against the steps T that the values take.

    Parameters
    ----------
    parameters : Parameters
        The network.
    dataset : nengo_pc.datasets.Dataset
        Angles are means over the first `N_BATCHES` minibatches of its ``train`` split.
    options : dict of str to TrainingOptions
        Of ``backprop`` and ``il``.
    states : dict of str to list of ndarray
        Engine states (`RuleEngine.state`) where to measure, by name.
    steps : sequence of int
        T.
    progress : bool
        Show a progress bar.

    Returns
    -------
    list of dict
        ``inference_steps``, ``at`` (name of the state), ``angle_degrees`` and its ``sd`` over
        minibatches, both over all weights, ``by_layer`` (degrees, from the input up). None where
        an angle has no value.
    """
    batches = _batches(dataset, options)
    backprop = make_engine(parameters, options["backprop"], 1)
    theirs = {at: _gradients(backprop, state, batches) for at, state in states.items()}
    rows = []
    for n_steps in tqdm(steps, "angles, T", unit="T", disable=not progress):
        il = make_engine(parameters, replace(options["il"], inference_steps=n_steps), 1)
        for at, state in states.items():
            ours = _gradients(il, state, batches)
            rows.append({"inference_steps": n_steps, "at": at, **_summary(ours, theirs[at])})
    return rows


@without_retracing_warning()
def angles_over_depth(dataset, options, depths, progress=True):
    """The same against the number of layers of weights, of `UNITS` units each.

    Networks are measured before and after `N_UPDATES` updates by backprop.

    Parameters
    ----------
    dataset, options
        As in `angles_over_steps`.
    depths : sequence of int
        Layers of weights.
    progress : bool
        Show a progress bar.

    Returns
    -------
    list of dict
        As in `angles_over_steps`, with ``n_layers`` in place of ``inference_steps``.
    """
    batches, rows = _batches(dataset, options), []
    baseline = options["backprop"]
    for n_layers in tqdm(depths, "angles, depth", unit="network", disable=not progress):
        layers = [*(Dense(UNITS) for _ in range(n_layers - 1)), Dense(dataset.n_classes)]
        start = Parameters.random(dataset.image_shape, layers, seed=baseline.seed)
        backprop = make_engine(start, baseline, N_UPDATES)
        il = make_engine(start, options["il"], N_UPDATES)
        states = {"start": backprop.state()}
        order = minibatches(dataset.train, baseline.batch_size, baseline.seed)
        for images, labels in itertools.islice(order, N_UPDATES):
            backprop.update(images, labels)
        states["trained"] = backprop.state()
        for at, state in states.items():
            ours, theirs = (_gradients(engine, state, batches) for engine in (il, backprop))
            rows.append({"n_layers": n_layers, "at": at, **_summary(ours, theirs)})
    return rows


def _batches(dataset, options):
    baseline = options["backprop"]
    order = minibatches(dataset.train, baseline.batch_size, baseline.seed)
    return list(itertools.islice(order, N_BATCHES))


def _gradients(engine, state, batches):
    """Gradients of the weights for each minibatch, from one state."""
    engine.set_state(state)
    return [weights_of(engine, engine.gradients(*batch)) for batch in batches]


def _summary(ours, theirs):
    """Mean angles over minibatches."""
    whole = [angle(a, b) for a, b in zip(ours, theirs)]
    by_layer = [
        [angle([x], [y]) for x, y in zip(a, b, strict=True)]
        for a, b in zip(ours, theirs, strict=True)
    ]
    return {
        "angle_degrees": _statistic(np.mean, whole),
        "sd": _statistic(lambda values: np.std(values, ddof=1), whole),
        "by_layer": [_statistic(np.mean, layer) for layer in zip(*by_layer)],
    }


def _statistic(of, values):
    if None in values:
        return None
    value = float(of(values))
    return value if math.isfinite(value) else None
