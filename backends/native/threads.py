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


def run_ranges(function, batch, threads):
    """Call ``function(first, last)`` on ranges of items, and return what it gave for each.

    Parameters
    ----------
    function : callable
    batch : int
        Number of items.
    threads : int
        Number of threads, at most.

    Returns
    -------
    list
    """
    n = min(batch, threads)
    bounds = [batch * i // n for i in range(n + 1)]
    return _in_threads([(function, *pair) for pair in zip(bounds, bounds[1:])])


def run_in_turns(function, threads):
    """Call ``function(turn, turns)`` in a number of threads."""
    return _in_threads([(function, turn, threads) for turn in range(threads)])


def _in_threads(calls):
    if len(calls) == 1:
        function, *arguments = calls[0]
        return [function(*arguments)]
    pool = _pool(os.getpid())
    others = [pool.submit(*call) for call in calls[1:]]
    function, *arguments = calls[0]
    return [function(*arguments), *(other.result() for other in others)]
