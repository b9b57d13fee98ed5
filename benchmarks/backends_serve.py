"""What all processes of `backends.py` do: prepare tasks and time runs of them, as they are told.

Needs NumPy only, so that it runs in another Python than this package's.
"""

import json
import os
import sys
import time

from libraries_worker import receive, send, spent


def serve(make):
    """Answer what is asked through the standard streams, until there is nothing more.

    Parameters
    ----------
    make : callable
        ``make(task, arrays)`` gives what can ``run()``, from a fresh state each time, and says
        which ``build_seconds`` it took and, once it ran, which ``compile_seconds``, None if it
        does not know. For some, ``rates()`` gives mean rates and answers.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the answers
    runners = {}
    while (message := receive(sys.stdin.buffer)) is not None:
        arrays, named = message
        key = str(named["task"])
        try:
            if str(named["do"]) == "prepare":
                runners[key] = make(json.loads(key), arrays)
                send(answers, **_first(runners[key]))
            elif str(named["do"]) == "rates":
                send(answers, *runners[key].rates())
            else:
                send(answers, **_repeated(runners[key], float(named["seconds"])))
        except Exception as error:  # whatever it is, the table says so
            send(answers, error=f"{type(error).__name__}: {error}".split("\n")[0])


def _first(runner):
    start = time.perf_counter()
    runner.run()
    first = time.perf_counter() - start
    runner.run()  # some have not settled after one
    known = {} if runner.compile_seconds is None else {"compile": runner.compile_seconds}
    return {"build": runner.build_seconds, "first": first, **known}


def _repeated(runner, seconds):
    """Seconds for one run, of as many as fill the time given."""
    start, (cpu, _) = time.perf_counter(), spent()
    n = 0
    while n == 0 or time.perf_counter() - start < seconds:
        runner.run()
        n += 1
    wall = time.perf_counter() - start
    cpu_after, memory = spent()
    return {"wall": wall / n, "cpu": (cpu_after - cpu) / n, "memory": memory}
