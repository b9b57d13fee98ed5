import importlib.util
import os
import subprocess
import sys
from types import SimpleNamespace

import nengo
import numpy as np
import pytest

from nengo_pc.datasets import load
from nengo_pc.learning import TrainingOptions, train
from nengo_pc.networks import Dense, Parameters


@pytest.fixture(scope="session")
def digits():
    return load("digits")


@pytest.fixture(scope="session")
def matrix_of():
    """The matrix of a Nengo transform: what Nengo makes of each one-hot input, as columns."""

    def matrix(transform, n_inputs):
        one_hot = np.eye(n_inputs)
        with nengo.Network() as network:
            source = nengo.Node(lambda t: one_hot[min(int(round(t / 0.001)) - 1, n_inputs - 1)])
            target = nengo.Node(size_in=transform.size_out)
            nengo.Connection(source, target, transform=transform, synapse=None)
            probe = nengo.Probe(target)
        with nengo.Simulator(network, dt=0.001, progress_bar=False) as simulator:
            simulator.run_steps(n_inputs, progress_bar=False)
        return simulator.data[probe].T

    return matrix


@pytest.fixture(scope="session")
def start_python():
    """Start code in a Python of its own, where nothing chose a Keras yet."""
    started = []

    def start(code):
        chosen = ("TF_USE_LEGACY_KERAS", "TF_CPP_MIN_LOG_LEVEL")
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code],
            env={name: value for name, value in os.environ.items() if name not in chosen},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def trained(digits, tmp_path_factory):
    """A small network trained on the digits, with all that training can do switched on."""
    folder = tmp_path_factory.mktemp("trained")
    start = Parameters.random((8, 8, 1), [Dense(64), Dense(32), Dense(10)], seed=1)
    options = TrainingOptions(
        epochs=60,
        batch_size=57,
        learning_rate=0.01,
        current_scale=1.0,
        dropout=0.1,
        input_dropout=0.05,
        noise=5.0,
        target_rate=100.0,
        label_smoothing=0.05,
        shift=1,
        seed=3,
    )
    checkpoint = folder / "checkpoint.npz"
    events = folder / "events" if importlib.util.find_spec("tensorboard") else None
    result = train(start, digits, options, checkpoint, progress=False, tensorboard=events)
    return SimpleNamespace(
        start=start,
        options=options,
        parameters=result.parameters,
        history=result.history,
        checkpoint=checkpoint,
        events=events,
    )
