"""How long one update of each learning rule takes."""

import statistics
import time
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from nengo_pc.learning.trainer import make_engine

from .rule_comparison import without_retracing_warning

ROUNDS = 15
UPDATES = 10
IL_STEPS = 20
IL_NAME = f"il, T = {IL_STEPS}"


def time_updates(engines, images, labels, rounds, updates, progress=True):
    """Time updates of engines in turn, so that what else the machine does hits all of them.

    Each engine makes one update first, which compiles it and is not counted. Each round starts
    with another engine.

    Parameters
    ----------
    engines : dict of str to RuleEngine
    images, labels : ndarray
        The minibatch of all updates.
    rounds : int
    updates : int
        By each engine in each round.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict of str to ndarray
        Milliseconds per update, one value per round.
    """
    names = list(engines)
    for name in names:
        engines[name].update(images, labels)
    seconds = {name: np.empty(rounds) for name in names}
    for turn in tqdm(range(rounds), "timing", unit="round", disable=not progress):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            for _ in range(updates):
                engines[name].update(images, labels)
            seconds[name][turn] = time.perf_counter() - start
    return {name: 1e3 * values / updates for name, values in seconds.items()}


@without_retracing_warning()
def time_rules(parameters, options, images, labels, rounds=ROUNDS, progress=True):
    """Milliseconds per update of each rule, and ratios to backprop from the same rounds.

    Parameters
    ----------
    parameters : Parameters
    options : dict of str to TrainingOptions
        By method, backprop among them.
    images, labels : ndarray
        One minibatch.
    rounds : int
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict
        ``by_method``: for each method ``ms_per_update`` (median over rounds), ``ms_quartiles`` of
        it, and ``time_ratio_to_backprop`` (median of the ratios of each round).
        ``il_20_to_20_backprop``: one update of IL with T = 20 against 20 updates of backprop,
        None without ``il``.
    """
    timed = dict(options)
    if "il" in options and options["il"].inference_steps != IL_STEPS:
        timed[IL_NAME] = replace(options["il"], inference_steps=IL_STEPS)
    n_updates = rounds * UPDATES + 1
    engines = {name: make_engine(parameters, o, n_updates) for name, o in timed.items()}
    ms = time_updates(engines, images, labels, rounds, UPDATES, progress)
    ratios = {name: float(np.median(values / ms["backprop"])) for name, values in ms.items()}
    il_ratio = ratios.get(IL_NAME, ratios.get("il"))
    return {
        "by_method": {
            name: {
                "ms_per_update": statistics.median(ms[name]),
                "ms_quartiles": np.percentile(ms[name], [25, 75]).tolist(),
                "time_ratio_to_backprop": ratios[name],
            }
            for name in options
        },
        "il_20_to_20_backprop": None if il_ratio is None else il_ratio / IL_STEPS,
        "rounds": rounds,
        "updates_per_round": UPDATES,
        "batch_size": len(images),
    }
