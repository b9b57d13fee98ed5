"""Inference learning by this package and by pcx: same network, minibatches, machine and run.

    python -m venv pcx-venv
    pcx-venv/bin/pip install pcx==0.6.3
    python benchmarks/libraries.py --pcx-python pcx-venv/bin/python [--rounds 30]

pcx (Pinchetti et al. 2024, https://arxiv.org/abs/2407.01163) needs versions of NumPy and others
that this package cannot have, hence the Python of its own. Each library trains in a process of
its own on the CPU; they take turns, ten updates each time.

The network is 784-300-300-10 with biases and one activation, without batch norm or dropout, on
MNIST (``NENGO_PC_DATA`` says where it is). Values are currents, the output is clamped to the
one-hot label, energy is half the squared errors: ``x_l`` predicted by ``W_l r(x_{l-1}) + b_l``.
From the feed-forward values they take T = 20 Euler steps of 0.1, then weights one step of Adam
(learning rate 1e-3) along the mean gradient of the minibatch of 64.

Prints a Markdown table. Accuracy is on the 10,000 validation images, of a forward pass that NumPy
makes with the weights of either library. Times leave out the first update, which compiles. Memory
is of the whole process. Then, how much the libraries differ: relative to this package's, in
gradients of the first minibatch and in the change of all weights. Rounding grows with updates.
"""

import argparse
import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from libraries_worker import LIBRARIES, receive, send
from tqdm import tqdm

from nengo_pc import datasets

HIDDEN = (300, 300)
ACTIVATIONS = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}
SETTINGS = {
    "inference_steps": 20,
    "inference_rate": 0.1,
    "learning_rate": 1e-3,
    "batch_size": 64,
}
UPDATES = 10  # in each round


class Worker:
    """A process that trains with one library, see `libraries_worker`."""

    def __init__(self, name, python):
        self.name = name
        self.process = subprocess.Popen(
            [python, Path(__file__).with_name("libraries_worker.py"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ
            | {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "2"},
        )

    def ask(self, *arrays, **named):
        """Send arrays, return the answer's."""
        with contextlib.suppress(BrokenPipeError):
            send(self.process.stdin, *arrays, **named)
        answer = receive(self.process.stdout)
        if answer is None:
            raise SystemExit(f"the process of {self.name} ended; its error is above")
        return answer

    def update(self, *batches):
        """Seconds, CPU seconds and peak MiB of updates, one for each minibatch."""
        return {key: float(value) for key, value in self.ask(*batches)[1].items()}


def start_variables(sizes, rng):
    """Weights of variance ``1 / fan_in`` and biases of 0, in turn."""
    for below, units in itertools.pairwise(sizes):
        yield (rng.standard_normal((units, below)) / np.sqrt(below)).astype("f4")
        yield np.zeros(units, "f4")


def minibatches(split, size, rng):
    """Without end, in a new order each epoch."""
    images = split.images.reshape(len(split), -1)
    while True:
        order = rng.permutation(len(split))
        for start in range(0, len(order) - size + 1, size):
            members = order[start : start + size]
            yield images[members], split.labels[members].astype("i4")


def accuracy(variables, activation, split):
    """Fraction of images that a forward pass gets right."""
    a = split.images.reshape(len(split), -1)
    for weights, bias in zip(variables[:-2:2], variables[1:-2:2]):
        a = ACTIVATIONS[activation](a @ weights.T + bias)
    outputs = a @ variables[-2].T + variables[-1]
    return np.mean(outputs.argmax(axis=1) == split.labels)


def difference(ours, theirs, start=None):
    """Norm of the difference relative to that of ours, of all arrays together."""
    start = np.zeros(1) if start is None else flat(start)
    return np.linalg.norm(flat(theirs) - flat(ours)) / np.linalg.norm(flat(ours) - start)


def flat(arrays):
    """One long vector."""
    return np.concatenate([np.ravel(a).astype("f8") for a in arrays])


def compare(workers, activation, rounds, seed):
    """Train, and print the table."""
    # The processes are there already: they would inherit the peak memory of this one.
    dataset = datasets.load("mnist")
    if dataset.notice:
        print(dataset.notice, file=sys.stderr)
    rng = np.random.default_rng(seed)
    sizes = (np.prod(dataset.image_shape), *HIDDEN, dataset.n_classes)
    start = list(start_variables(sizes, rng))
    batches = minibatches(dataset.train, SETTINGS["batch_size"], rng)
    n_updates = 1 + rounds * UPDATES
    settings = SETTINGS | {"activation": activation, "n_updates": n_updates}
    versions = [str(worker.ask(*start, **settings)[1]["version"]) for worker in workers]

    def take(n):
        return [np.stack(arrays) for arrays in zip(*itertools.islice(batches, n))]

    first = take(1)
    gradients = [worker.ask(*[a[0] for a in first], gradients=True)[0] for worker in workers]
    compiling = [worker.update(*first)["wall"] for worker in workers]
    after_first = [worker.ask(variables=True)[0] for worker in workers]
    times = {worker: [] for worker in workers}
    for turn in tqdm(range(rounds), "training", unit="round"):
        batch = take(UPDATES)
        for worker in workers if turn % 2 else workers[::-1]:
            times[worker].append(worker.update(*batch))
    after_all = [worker.ask(variables=True)[0] for worker in workers]

    def ms(worker, clock):
        return np.array([1e3 / UPDATES * round_[clock] for round_ in times[worker]])

    print(
        f"{dataset.name}, {'-'.join(map(str, sizes))}, {activation}, {n_updates} updates\n\n"
        "| library | accuracy (%) | ms per update, median (quartiles) | CPU ms per update "
        "| peak memory (MiB) | first update (s) |\n|---|---|---|---|---|---|"
    )
    for worker, version, variables, seconds in zip(workers, versions, after_all, compiling):
        low, middle, high = np.percentile(ms(worker, "wall"), [25, 50, 75])
        right = accuracy(variables, activation, dataset.validation)
        print(
            f"| {version} | {100 * right:.2f} | {middle:.2f} ({low:.2f} to {high:.2f}) "
            f"| {np.median(ms(worker, 'cpu')):.2f} | {times[worker][-1]['memory']:.0f} "
            f"| {seconds:.1f} |"
        )
    ratio, cpu_ratio = (
        np.median(ms(workers[1], clock) / ms(workers[0], clock)) for clock in ("wall", "cpu")
    )
    print(
        f"\nTime of pcx to that of nengo-pc, median of rounds: {ratio:.2f}, CPU {cpu_ratio:.2f}.\n"
        f"Relative difference of the first gradients: {difference(*gradients):.1e}, of the change "
        f"of weights after one update: {difference(*after_first, start):.1e}, after {n_updates}: "
        f"{difference(*after_all, start):.1e}."
    )


def main():
    """Start a process for each library, compare, and end them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pcx-python", required=True, help="a Python that has pcx")
    parser.add_argument("--rounds", type=int, default=30, help="default: %(default)s")
    parser.add_argument("--activation", choices=ACTIVATIONS, default="tanh")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    arguments = parser.parse_args()
    if shutil.which(arguments.pcx_python) is None:
        parser.error(f"no program at {arguments.pcx_python}")
    pythons = dict(zip(LIBRARIES, (sys.executable, arguments.pcx_python)))
    workers = [Worker(name, python) for name, python in pythons.items()]
    try:
        compare(workers, arguments.activation, arguments.rounds, arguments.seed)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()


if __name__ == "__main__":
    main()
