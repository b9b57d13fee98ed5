"""Items of a minibatch, run by threads: compiled code does not hold Python's lock."""

import functools
import os
from concurrent.futures import ThreadPoolExecutor


def n_threads():
    """Return how many threads to use: one for each core that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _pool(process):
    """Return the pool of this process; a fork has to make one of its own."""
    return ThreadPoolExecutor(max(1, n_threads() - 1), thread_name_prefix="nengo_pc.native")


def run_ranges(function, batch):
    """Call a function on ranges of items, in threads, and return what it gave for each.

    Parameters
    ----------
    function : callable
        ``function(first, last)``.
    batch : int

    Returns
    -------
    list
    """
    n = min(batch, n_threads())
    bounds = [round(batch * i / n) for i in range(n + 1)]
    return _in_threads([(function, *pair) for pair in zip(bounds, bounds[1:])])


def run_in_turns(function, most):
    """Call ``function(turn, turns)`` in as many threads as there are, ``most`` at most."""
    n = min(most, n_threads())
    return _in_threads([(function, turn, n) for turn in range(n)])


def _in_threads(calls):
    if len(calls) == 1:
        function, *arguments = calls[0]
        return [function(*arguments)]
    pool = _pool(os.getpid())
    others = [pool.submit(*call) for call in calls[1:]]
    function, *arguments = calls[0]
    return [function(*arguments), *(other.result() for other in others)]
