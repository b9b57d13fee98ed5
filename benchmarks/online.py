"""Time learning in spikes on line: `run_spiking_pc.py`'s network, on backends side by side.

    python benchmarks/online.py [--backends native xla] [--minibatch 1 20 40] [--rounds 3]

MNIST where it can be had, else the embedded digits. Each backend and minibatch learns in a process
of its own, in turns; a turn is some calls of 13 images side by side. Prints images per second,
medians with quartiles, and ratios to the first backend in each round.
"""

import argparse
import subprocess
import sys
import time

import numpy as np
from backends_turns import spread

from nengo_pc.analysis.tables import table

CALLS, IMAGES = 6, 13


def one(backend, minibatch):
    """Learn for some calls and print the images per second of each."""
    from nengo_pc.datasets import NotAvailableError, load
    from nengo_pc.experiments.spiking_pc_network import SpikingPC
    from nengo_pc.learning.online import OnlineLearner, Stream

    try:
        data = load("mnist")
    except NotAvailableError:
        data = load("digits")
    settings, n = SpikingPC(), IMAGES * minibatch
    start = settings.start(data.image_shape, data.n_classes)
    network = settings.build(start, 0, minibatch, duration=100.0)
    images, labels = data.train.images, data.train.labels
    with OnlineLearner(network, Stream(), backend, minibatch) as learner:
        speeds = []
        for k in range(CALLS + 1):
            index = np.arange(k * n, (k + 1) * n) % len(labels)
            began = time.perf_counter()
            learner.learn(images[index], labels[index])
            speeds.append(n / (time.perf_counter() - began))
    print(np.median(speeds[1:]))  # the first call compiles


def main():
    """Take turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backends", nargs="+", default=["native", "xla"])
    parser.add_argument("--minibatch", nargs="+", type=int, default=[1, 20, 40])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one[0], int(given.one[1]))
        return
    rows = []
    for size in given.minibatch:
        speeds = {name: [] for name in given.backends}
        for _ in range(given.rounds):
            for name, found in speeds.items():
                command = [sys.executable, __file__, "--one", name, str(size)]
                said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                found.append(float(said.split()[-1]))
        first = np.array(speeds[given.backends[0]])
        rows += [
            {
                "backend": name,
                "side by side": size,
                "images/s": spread(np.array(found)),
                f"× {given.backends[0]}": spread(np.array(found) / first),
            }
            for name, found in speeds.items()
        ]
    print(table(rows, rows[0].keys()))


if __name__ == "__main__":
    main()
