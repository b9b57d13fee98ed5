"""Processes that take turns, and what is made of their times: the machinery of `backends.py`."""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from libraries_worker import receive, send
from tqdm import tqdm

ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONWARNINGS": "ignore",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


@dataclass(frozen=True)
class Program:
    """How to start a process that serves: see `backends_serve`.

    Attributes
    ----------
    script : str
        In this folder.
    argument : str
    python : str
    """

    script: str
    argument: str
    python: str = sys.executable

    def start(self):
        """A process that reads and writes."""
        return subprocess.Popen(
            [self.python, Path(__file__).with_name(self.script), self.argument],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | ENVIRONMENT,
        )


def backend(name, python=sys.executable):
    """The program that runs one of the backends."""
    return Program("backends_worker.py", name, python)


@dataclass(frozen=True)
class Task:
    """What a process is to run, again and again.

    Attributes
    ----------
    name : str
        Of the backend or library, as the tables have it.
    program : Program
        Tasks of one program share one process.
    network : str
        See `backends_networks.make_case`.
    batch, steps : int
    learning : str
        In a minibatch: see `nengo_pc.backends.xla.Simulator`.
    n_neurons, n_probed : int
        Of the sparse network.
    """

    name: str
    program: Program
    network: str
    batch: int = 1
    steps: int = 100
    learning: str = "copies"
    n_neurons: int = 0
    n_probed: int = 0

    @property
    def key(self):
        """What a process is told."""
        return json.dumps({k: v for k, v in asdict(self).items() if k not in ("name", "program")})


@dataclass
class Result:
    """Times of one task.

    Attributes
    ----------
    task : Task
    error : str or None
        Why there are none.
    build, first : float
        Seconds for building and for the first run, which compiles.
    compile : float or None
        Seconds for compiling, where the simulator says so.
    wall, cpu : list of float
        Seconds for one run, in each round.
    memory : float
        Peak MiB of the process.
    """

    task: Task
    error: str | None = None
    build: float = np.nan
    first: float = np.nan
    compile: float | None = None
    wall: list = field(default_factory=list)
    cpu: list = field(default_factory=list)
    memory: float = np.nan

    @property
    def compile_seconds(self):
        """As the simulator says, or what the first run took more than others."""
        if self.compile is not None or not self.wall:
            return self.compile
        return max(0.0, self.first - float(np.median(self.wall)))

    @property
    def speeds(self):
        """Items per second in each round."""
        return self.task.batch / np.array(self.wall)

    @property
    def ms_per_step(self):
        """Milliseconds for one step of the whole minibatch, in each round."""
        return 1e3 * np.array(self.wall) / self.task.steps

    @property
    def real_time(self):
        """Simulated by real time in each round, steps being 1 ms."""
        return self.task.steps / 1000 / np.array(self.wall)

    @property
    def raw(self):
        """For the JSON file."""
        known = asdict(self)
        known["task"].pop("program")
        known["compile"] = self.compile_seconds
        # JSON has no NaN.
        return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in known.items()}


class Pool:
    """Processes, started when they are asked for the first time."""

    def __init__(self):
        self._processes = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._processes.values():
            process.kill()
            process.wait()

    def ask(self, task, do, *arrays, **named):
        """Arrays and named values that a process answers; an error is among the named."""
        if task.program not in self._processes:
            self._processes[task.program] = task.program.start()
        process = self._processes[task.program]
        with contextlib.suppress(BrokenPipeError):
            send(process.stdin, *arrays, task=task.key, do=do, **named)
        answer = receive(process.stdout)
        if answer is None:
            return [], {"error": "the process ended"}
        return answer[0], {k: v.item() for k, v in answer[1].items()}


def measure(tasks, rounds, seconds, title, pool=None, arrays=()):
    """Time tasks in turn.

    Parameters
    ----------
    tasks : list of Task
    rounds : int
        How often each gets its turn.
    seconds : float
        How long a turn is, at least one run.
    title : str
        Of the progress bar.
    pool : Pool, optional
        Of processes that go on afterwards.
    arrays : callable, optional
        ``arrays(task)`` are sent along when a task is prepared.

    Returns
    -------
    list of Result
    """
    with contextlib.ExitStack() as stack:
        pool = pool or stack.enter_context(Pool())
        total = len(tasks) * (1 + rounds)
        bar = stack.enter_context(tqdm(total=total, desc=title, dynamic_ncols=True))
        results = []
        for task in tasks:
            bar.set_postfix_str(f"{task.name}, {task.batch}: preparing")
            _, known = pool.ask(task, "prepare", *(arrays(task) if arrays else ()))
            results.append(Result(task, **known))
            bar.update()
        for _ in range(rounds):
            for result in results:
                bar.set_postfix_str(f"{result.task.name}, {result.task.batch}")
                if result.error is None:
                    _take_turn(result, pool, seconds)
                bar.update()
    return results


def _take_turn(result, pool, seconds):
    _, known = pool.ask(result.task, "run", seconds=seconds)
    result.error = known.get("error")
    if result.error is None:
        result.wall.append(known["wall"])
        result.cpu.append(known["cpu"])
        result.memory = known["memory"]


def spread(values):
    """Median and quartiles, as text."""
    if len(values) == 0 or not np.all(np.isfinite(values)):
        return None
    low, middle, high = (number(q) for q in np.percentile(values, [25, 50, 75]))
    return middle if low == middle == high else f"{middle} ({low} to {high})"


def number(value):
    """Three significant digits, or all before the point."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:#.3g}".rstrip(".")


def ratios(result, base):
    """How much faster a result is than the base, per item and step, in each round."""
    n = min(len(result.wall), len(base.wall)) if base is not None else 0
    ours = result.speeds[:n] * result.task.steps
    return ours / (base.speeds[:n] * base.task.steps) if n else np.array([])
