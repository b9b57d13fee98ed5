"""Spiking simulation on each backend, and NengoDL with and without merged operators.

Prints images per second and ratios, all from one run:

    python benchmarks/simulation.py [--images 400] [--rounds 3]

The network is 784-300-300-10 LIF, alpha synapses of 2 ms, 100 steps of 1 ms an image, random
weights and images, building included. The reference and the Loihi emulator show one image at a
time and get a tenth of the images.
"""

import argparse
import statistics

import nengo
import numpy as np

from nengo_pc.backends import BACKENDS, BackendUnavailable, dl, present
from nengo_pc.networks import Dense, Parameters, SpikingClassifier


def main():
    """Time the backends in turn and print the ratios."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--images", type=int, default=400, help="default: %(default)s")
    arguments.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    arguments = arguments.parse_args()
    parameters = Parameters.random((784,), [Dense(300), Dense(300), Dense(10)])
    network = SpikingClassifier(parameters, synapse=0.002)
    with network:
        output = nengo.Probe(network.output)
    images = np.random.default_rng(0).random((arguments.images, 784))
    unmerged = dl.unmerged

    def show(backend, planner=unmerged):
        dl.unmerged = planner
        shown = images if backend == "dl" else images[: len(images) // 10]
        result = present(
            network, shown, backend, presentation_time=0.1, keep={output: "last"}, progress=False
        )
        return len(shown) / result.seconds

    tasks = {name: lambda name=name: show(name) for name in BACKENDS}
    tasks["dl, merged (NengoDL's default)"] = lambda: show(
        "dl", lambda nengo_dl: nengo_dl.graph_optimizer.tree_planner
    )
    speeds = {}
    for _ in range(arguments.rounds):
        for name, task in tasks.items():
            try:
                speeds.setdefault(name, []).append(task())
            except BackendUnavailable as error:
                print(error)
    base = speeds["reference"]
    for name, values in speeds.items():
        ratio = statistics.median(a / b for a, b in zip(values, base))
        print(f"{name:32} {statistics.median(values):7.1f} images/s, {ratio:6.2f} x reference")


if __name__ == "__main__":
    main()
