"""One training epoch by this package against the same network written directly in tf.keras.

Prints the ratio of their times, from epochs run in turn in one process:

    python benchmarks/training.py [--epochs 5]

The network is 784-300-300-10 of SoftLIF units with batch norm and dropout, Adam, minibatches of
250, on 50,000 random images of MNIST's size: time does not depend on what the images show. Against
``Model.fit`` as it comes, and against ``Model.fit`` of a model compiled with XLA.
"""

import argparse
import statistics
import time

import numpy as np

from nengo_pc.learning import TrainingOptions
from nengo_pc.learning.nengodl_engine import NengoDLEngine
from nengo_pc.learning.training_network import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, tf
from nengo_pc.networks import Dense, LIFConstants, Parameters

HIDDEN = (300, 300)


def keras_model(options, jit_compile):
    """The same network in Keras layers."""
    constants = LIFConstants()

    def soft_lif(current):
        drive = options.smoothing * tf.nn.softplus((current - 1) / options.smoothing)
        period = constants.tau_ref + constants.tau_rc * tf.math.log1p(1 / (drive + 1e-12))
        return constants.amplitude / period

    layers = [tf.keras.layers.Dropout(options.input_dropout)]
    for units in HIDDEN:
        layers += [
            tf.keras.layers.Dense(units, use_bias=False, kernel_initializer="he_normal"),
            tf.keras.layers.BatchNormalization(
                momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON, beta_initializer="ones"
            ),
            tf.keras.layers.Activation(soft_lif),
            tf.keras.layers.Dropout(options.dropout),
        ]
    model = tf.keras.Sequential([*layers, tf.keras.layers.Dense(10)])
    model.compile(
        optimizer=tf.keras.optimizers.Adam(options.learning_rate),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    return model


def main():
    """Time epochs in turn and print the ratios."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--epochs", type=int, default=5, help="default: %(default)s")
    n_epochs = arguments.parse_args().epochs
    options = TrainingOptions(dropout=0.2, input_dropout=0.2)
    rng = np.random.default_rng(0)
    images = rng.random((50_000, 28, 28, 1), dtype=np.float32)
    labels = rng.integers(0, 10, 50_000)
    size = options.batch_size
    parameters = Parameters.random((28, 28, 1), [*map(Dense, HIDDEN), Dense(10)])
    engine = NengoDLEngine(parameters, options, n_updates=10_000)

    def ours():
        order = rng.permutation(len(images)).reshape(-1, size)
        for batch in order:
            loss, _ = engine.update(images[batch], labels[batch])
        float(loss)  # wait for it

    flat = images.reshape(len(images), -1)
    models = {"tf.keras": keras_model(options, False), "tf.keras, XLA": keras_model(options, True)}
    tasks = {"nengo-pc": ours} | {
        name: lambda m=model: m.fit(flat, labels, batch_size=size, verbose=0)
        for name, model in models.items()
    }
    seconds = {name: [] for name in tasks}
    for epoch in range(n_epochs + 1):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            if epoch > 0:  # the first compiles
                seconds[name].append(time.perf_counter() - start)
    engine.close()
    for name, values in seconds.items():
        print(f"{name:15} {statistics.median(values):6.2f} s an epoch (median of {n_epochs})")
    for name in models:
        ratios = [a / b for a, b in zip(seconds["nengo-pc"], seconds[name])]
        low, high = min(ratios), max(ratios)
        print(f"ratio to {name}: {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
