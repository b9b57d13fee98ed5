r"""Brian2 and this package on the same sparse recurrent networks: speed, as ratios, in one run.

    python benchmarks/brian.py --brian-python brian-venv/bin/python
        [--sizes 10000x1000 1000000x10] [--rounds 3] [--out brian.json]

Brian2 needs a Python of its own, and a C++ compiler for its standalone mode:

    python -m venv brian-venv
    brian-venv/bin/pip install brian2==2.9.0 "numpy<2.4"

``10000x1000`` is 10,000 LIF neurons, each with 1,000 others connected to it at random. A bias alone
would make them fire at 26 Hz. Weights are normally distributed, and inhibit in the mean, which
makes that about 20 Hz; so rates tell whether connections work. No learning, no recording, steps of
1 ms. Weights and first voltages come from a file.

The same in all: membranes of 20 ms, a threshold of 1, a reset to 0 and 2 ms of refractory period;
low-pass synapses of 5 ms on the sum of the weighted spikes; equations of a step solved exactly.
Brian2 as its manual has it: ``method="exact"``, ``current_post += w``, the compiler flags it comes
with, synapses in the order of the neurons they come from, as Brian2 itself would make them.

What differs:

- Nengo works out when within its step a neuron fires, and starts the refractory period there.
  Brian2 takes whole steps: an interval between spikes is its own length rounded up, and then 1 ms.
  That is 0.5 ms less in the mean, which is 1 % of the rate.
- Nengo holds the current for a step. In Brian2 it decays within the step, as the equations say. A
  spike adds the same charge to a membrane in both.
- Nengo keeps voltages from going below 0, where these do not go, and looks for numbers that are
  not finite (native does, too).
- Brian2 counts the spikes of each step in the runs timed. The others count in runs of their own.

One network runs in one thread in native, in nengo.Simulator and in "Brian2"; xla takes as many as
TensorFlow likes. CPU time tells what other work on the machine did not add.

Simulators take turns, round after round, each in a process of its own. A turn starts from the first
state, takes some steps and is timed from there on, on the wall, without starting, building or
compiling; Brian2's program says how long its loop took. "building" is the time for a network in
memory, with Brian2 including what its program does before its loop; "compiling" is apart. Rates are
over the same steps in all. They must be the same within 3 %, else this stops with an error.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from backends_networks import ENTRIES_PER_ROW, SEED, WEIGHT
from backends_turns import Pool, Program, Result, Task, number, ratios
from tqdm import tqdm

from nengo_pc.analysis.tables import table
from nengo_pc.networks.files import whole_file

NAMES = {
    "brian": "Brian2",
    "brian-float32": "Brian2, float32",
    "brian-openmp": "Brian2, OpenMP, 2 threads",
    "native": "native, float64",
    "native-float32": "native, float32",
    "xla": "xla, float32",
    "reference": "nengo.Simulator",
}
WORK = 2e8  # neurons and spikes to work through in a turn, more or less
MOST_STEPS, FEWEST_STEPS = 1000, 100
WARM = 20  # steps before those timed
RATE = 20  # Hz, more or less
BIAS, INHIBITION = 1.2, 0.1  # currents, the second in the mean and at that rate
TOLERANCE = 0.03  # of rates
COLUMNS = {
    "network": "network",
    "simulator": "simulator",
    "ms": "ms per step",
    "ratio": "× Brian2",
    "cpu": "CPU ms per step",
    "rate": "rate (Hz)",
    "build": "building (s)",
    "compile": "compiling (s)",
}


@dataclass(frozen=True)
class SparseTask(Task):
    """What a process is to run.

    Attributes
    ----------
    path : str
        File of the network.
    bias : float
        Current of each neuron.
    warm : int
        Steps before those timed.
    counted : int
        Steps after these over which spikes are counted: those that all but the slowest time.
    n_synapses : int
        Onto each neuron.
    """

    path: str = ""
    bias: float = BIAS
    warm: int = WARM
    counted: int = 0
    n_synapses: int = 0


def write_network(path, n_neurons, n_synapses):
    """Write weights, who they connect, by the neuron they come from, and first voltages.

    Each neuron gets one of each ``n_neurons / n_synapses`` neurons, so that no pair occurs twice.
    """
    rng = np.random.default_rng(SEED)
    bounds = n_neurons * np.arange(n_synapses + 1) // n_synapses
    pre = rng.integers(bounds[:-1], bounds[1:], (n_neurons, n_synapses), dtype=np.int32).ravel()
    post = np.repeat(np.arange(n_neurons, dtype=np.int32), n_synapses)
    order = np.argsort(pre, kind="stable")
    scale = WEIGHT * np.sqrt(ENTRIES_PER_ROW / n_synapses)
    np.savez(
        path,
        pre=pre[order],
        post=post[order],
        weights=rng.normal(-INHIBITION / (RATE * n_synapses), scale, pre.size),
        voltage=rng.random(n_neurons),
    )


def tasks_of(size, path, python):
    """Return a task for each simulator."""
    n_neurons, n_synapses = size
    for name, label in NAMES.items():
        own = {"python": python} if name.startswith("brian") else {}
        work = n_neurons * (1 + RATE / 1000 * n_synapses)
        steps = int(np.clip(WORK / work, FEWEST_STEPS, MOST_STEPS))
        yield SparseTask(
            label,
            Program("brian_worker.py", name, **own),
            "sparse",
            steps=steps // 5 if name == "reference" else steps,
            n_neurons=n_neurons,
            path=str(path),
            counted=steps,
            n_synapses=n_synapses,
        )


def measure(tasks, rounds, title):
    """Time tasks in turn.

    Returns
    -------
    results : list of Result
    rates : list of float or None
    """
    with Pool() as pool, tqdm(total=len(tasks) * (2 + rounds), desc=title) as bar:

        def ask(result, do):
            bar.set_postfix_str(f"{result.task.name}: {do}")
            known = {}
            if result.error is None:
                known = pool.ask(result.task, do)[1]
                result.error = known.get("error")
            bar.update()
            return known

        results = [Result(task) for task in tasks]
        for result in results:
            known = ask(result, "prepare")
            result.build, result.compile = known.get("build", np.nan), known.get("compile")
        for _ in range(rounds):
            for result in results:
                known = ask(result, "run")
                if result.error is None:
                    result.wall.append(known["wall"])
                    result.cpu.append(known["cpu"])
        return results, [ask(result, "rate").get("rate") for result in results]


def span(values):
    """Median, least and most, as text."""
    if len(values) == 0:
        return None
    low, middle, high = (number(f(values)) for f in (np.min, np.median, np.max))
    return middle if low == middle == high else f"{middle} ({low} to {high})"


def rows(results, rates):
    """One row for each result."""
    base = results[0] if results[0].error is None else None
    for result, rate in zip(results, rates):
        task = result.task
        yield {
            "network": f"{task.n_neurons:,} × {task.n_synapses:,}",
            "simulator": task.name,
            "ms": span(result.ms_per_step),
            "ratio": span(ratios(result, base)),
            "cpu": span(1e3 * np.array(result.cpu) / task.steps),
            "rate": None if rate is None else f"{rate:.2f}",
            "build": None if np.isnan(result.build) else f"{result.build:.1f}",
            "compile": None if result.compile is None else f"{result.compile:.1f}",
        }


def check_rates(results, rates):
    """Stop unless all fire at the same rate."""
    known = {r.task.name: rate for r, rate in zip(results, rates) if rate is not None}
    middle = np.median(list(known.values()))
    for name, rate in known.items():
        assert abs(rate - middle) <= TOLERANCE * middle, f"{name}: {rate} Hz, not {middle} Hz"


def size(text):
    """Neurons and synapses onto each, of ``10000x1000``."""
    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"wanted NEURONSxSYNAPSES, not {text}")
    n_neurons, n_synapses = map(int, text.split("x"))
    if n_synapses > n_neurons:
        raise argparse.ArgumentTypeError(f"more synapses than neurons: {text}")
    return n_neurons, n_synapses


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--brian-python", required=True, help="a Python that has Brian2")
    parser.add_argument("--sizes", nargs="+", type=size, default=[(10_000, 1000), (1_000_000, 10)])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", help="JSON file for all times")
    given = parser.parse_args()
    if shutil.which(given.brian_python) is None:
        parser.error(f"no program at {given.brian_python}")
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    return given


def main():
    """Measure all sizes, print a table, and write what was measured."""
    given = arguments()
    lines, raw, every = [], [], []
    for each in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.npz"
            write_network(path, *each)
            tasks = list(tasks_of(each, path, given.brian_python))
            results, rates = measure(tasks, given.rounds, "{} x {}".format(*each))
        every.append((results, rates))
        lines += rows(results, rates)
        raw += [r.raw | {"rate": rate} for r, rate in zip(results, rates)]
        if given.out:
            with whole_file(given.out) as temporary:
                temporary.write_text(json.dumps(raw, indent=1) + "\n")
    print(table(lines, COLUMNS))
    for results, rates in every:
        for result in results:
            if result.error is not None:
                print(f"\nNot run: {result.task.name}: {result.error}")
        check_rates(results, rates)


if __name__ == "__main__":
    sys.exit(main())
