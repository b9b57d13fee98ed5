"""Models of the kinds that Nengo's examples have, on `nengo.Simulator` and on another simulator.

    python benchmarks/examples.py [--only NAME ...] [--simulator nengo_pc.backends.native.Simulator]
        [--seconds 1] [--rounds 3] [--out examples.json]

In each round a model is built and run for one second of simulated time on one simulator and then
on the other, which takes turns at being first. Ratios, in each round, are of the reference's time
to the other's, for building and running together and for running alone; tables have the median
and the range over rounds. Nengo's cache of decoders is off, and both simulators ran a model before
the first round, so that nothing is imported or compiled while time is taken.

What is probed must be the same on both: the largest difference is printed, relative to the largest
value or to 1, and the command fails where it is more than 1e-9. Models are in example_models.

Decoders are solved for by BLAS, whose threads wait for one another: on a machine that does other
work, ratios of building vary several times over unless OPENBLAS_NUM_THREADS=1 is set.
"""

import argparse
import gc
import importlib
import json
import os
import sys
import time

import nengo
import numpy as np
from backends_turns import number
from example_models import MODELS, SKIPPED
from tqdm import tqdm

from nengo_pc.networks.files import whole_file

REFERENCE = "nengo.Simulator"
WARM_UP = ("pes_channel", "neuron_types", "sparse")
TOLERANCE = 1e-9
SEED = 0


def load(path):
    """The class that a dotted path leads to."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def run(simulator, model, seconds):
    """Build and run a model.

    Returns
    -------
    dict
        Seconds for building (``build``) and running (``run``), how many operators there are
        (``operators``), and what was probed (``data``).
    """
    network = model()
    gc.collect()
    start = time.perf_counter()
    with simulator(network, seed=SEED, progress_bar=False) as built:
        middle = time.perf_counter()
        built.run(seconds, progress_bar=False)
        end = time.perf_counter()
        return {
            "build": middle - start,
            "run": end - middle,
            "operators": len(built.model.operators),
            "data": [np.array(built.data[probe]) for probe in network.all_probes],
        }


def difference(ours, theirs):
    """The largest difference, relative to the largest value of a probe or to 1."""
    of_probes = [np.max(np.abs(a - b)) / max(1, np.max(np.abs(b))) for a, b in zip(ours, theirs)]
    return float(np.max(of_probes))


def measure(simulators, model, rounds, seconds):
    """Let two simulators, the reference first in the list, take turns with a model.

    Returns
    -------
    dict
        For the JSON file.
    """
    times = {"reference": [], "other": []}
    differences = []
    for i in range(rounds):
        got = {}
        for side, simulator in list(zip(times, simulators))[:: 1 if i % 2 == 0 else -1]:
            got[side] = run(simulator, model, seconds)
            times[side].append({part: got[side][part] for part in ("build", "run")})
        differences.append(difference(*(got[side]["data"] for side in ("other", "reference"))))
    totals = {side: np.array([t["build"] + t["run"] for t in times[side]]) for side in times}
    runs = {side: np.array([t["run"] for t in times[side]]) for side in times}
    return {
        "operators": got["reference"]["operators"],
        "times": times,
        "difference": float(np.max(differences)),
        "seconds": {side: float(np.median(totals[side])) for side in times},
        "ratios": (totals["reference"] / totals["other"]).tolist(),
        "run_ratios": (runs["reference"] / runs["other"]).tolist(),
    }


def spread(values):
    """Median and range, as text."""
    low, high = number(min(values)), number(max(values))
    return f"{number(np.median(values))} ({low} to {high})"


def row(name, result):
    """One row of the table."""
    cells = [
        name,
        str(result["operators"]),
        *(number(result["seconds"][side]) for side in ("reference", "other")),
        spread(result["ratios"]),
        spread(result["run_ratios"]),
        f"{result['difference']:.0e}",
    ]
    return f"| {' | '.join(cells)} |"


def summary(results, key, what):
    """The geometric mean of the models' ratios, and how many are below 1."""
    medians = np.array([np.median(result[key]) for result in results.values()])
    below = [name for name, ratio in zip(results, medians) if ratio < 1]
    text = f"{what}: geometric mean {number(np.exp(np.mean(np.log(medians))))}, "
    return (
        text + f"{len(below)} of {len(results)} below 1" + (f": {', '.join(below)}" * bool(below))
    )


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=MODELS, default=list(MODELS))
    parser.add_argument("--simulator", default="nengo_pc.backends.native.Simulator")
    parser.add_argument("--seconds", type=float, default=1.0, help="simulated; default 1")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--out", help="JSON file for all times")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    return given


def main():
    """Print the table, and write what was measured."""
    given = arguments()
    nengo.rc.set("decoder_cache", "enabled", "False")  # building is timed
    simulators = [load(REFERENCE), load(given.simulator)]
    for name in WARM_UP:
        for simulator in simulators:
            run(simulator, MODELS[name], 0.01)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    for name in SKIPPED:
        print(f"{name} skipped: nengo_spa is not installed")
    other = given.simulator.split(".")[-2]
    print(
        f"\n| model | operators | reference (s) | {other} (s) | ratio | ratio of running | "
        "difference |\n|---|" + "---:|" * 6
    )
    results = {}
    for name in tqdm(given.only, dynamic_ncols=True, leave=False):
        results[name] = measure(simulators, MODELS[name], given.rounds, given.seconds)
        tqdm.write(row(name, results[name]))
        if given.out:
            with whole_file(given.out) as temporary:
                temporary.write_text(json.dumps(vars(given) | {"models": results}, indent=1) + "\n")
    print()
    print(summary(results, "ratios", "Building and running"))
    print(summary(results, "run_ratios", "Running"))
    differing = [name for name, result in results.items() if not result["difference"] <= TOLERANCE]
    if differing:
        sys.exit(f"Probes differ by more than {TOLERANCE}: {', '.join(differing)}")


if __name__ == "__main__":
    main()
