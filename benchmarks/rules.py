"""One update of each learning rule against one of backprop.

Prints milliseconds and ratios, from rounds in which the rules take turns in one process:

    python benchmarks/rules.py [--rounds 30]

The network is 784-300-300-10 of SoftLIF units without batch norm or dropout, Adam, minibatches of
64 random images of MNIST's size: time does not depend on what the images show.
"""

import argparse

import numpy as np

from nengo_pc.experiments.rule_timing import IL_STEPS, time_rules
from nengo_pc.experiments.zil_vs_backprop import INFERENCE_RATE, RULES
from nengo_pc.learning import TrainingOptions
from nengo_pc.learning.rule_options import RELAXING
from nengo_pc.networks import Dense, Parameters

BATCH_SIZE = 64


def main():
    """Time the rules in turn and print the ratios."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rounds", type=int, default=30, help="default: %(default)s")
    rounds = arguments.parse_args().rounds
    plain = {
        "batch_size": BATCH_SIZE,
        "learning_rate": 1e-3,
        "batch_norm": False,
        "dropout": 0.0,
        "input_dropout": 0.0,
    }
    options = {
        method: TrainingOptions(
            method=method,
            inference_rate=INFERENCE_RATE if method in RELAXING else None,
            **plain,
        )
        for method in RULES
    }
    rng = np.random.default_rng(0)
    images = rng.random((BATCH_SIZE, 28, 28, 1), dtype=np.float32)
    labels = rng.integers(0, 10, BATCH_SIZE)
    parameters = Parameters.random((28, 28, 1), [Dense(300), Dense(300), Dense(10)])
    timing = time_rules(parameters, options, images, labels, rounds)
    for method, of_method in timing["by_method"].items():
        low, high = of_method["ms_quartiles"]
        print(
            f"{method:16} {of_method['ms_per_update']:7.2f} ms an update "
            f"({low:.2f} to {high:.2f}), {of_method['time_ratio_to_backprop']:5.2f} x backprop"
        )
    ratio = timing["il_20_to_20_backprop"]
    print(f"il with T = {IL_STEPS} to {IL_STEPS} updates of backprop: {ratio:.2f}")


if __name__ == "__main__":
    main()
