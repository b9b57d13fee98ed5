import dataclasses

import numpy as np
import pytest

from nengo_pc.analysis import (
    DEVICES,
    energy_per_image,
    multiply_accumulates,
    synaptic_operations,
)


def test_synops_weigh_each_spike_by_its_own_fan_out():
    # Image 1: 2 spikes x 3 synapses + 1 x 10 + 4 x 0; image 2: silent but for 5 x 10.
    assert synaptic_operations([[2, 1, 4], [0, 5, 0]], [3, 10, 0]).tolist() == [16.0, 50.0]


def test_synops_equal_the_spikes_that_arrive():
    rng = np.random.default_rng(0)
    connected = rng.random((7, 20)) < 0.3  # (n_post, n_pre)
    trains = rng.random((50, 20)) < 0.2  # (n_steps, n_pre)
    arrivals = sum(int(connected[:, train].sum()) for train in trains)
    operations = synaptic_operations(trains.sum(axis=0)[np.newaxis], connected.sum(axis=0))
    assert operations.tolist() == [arrivals]


@pytest.mark.parametrize(
    "spikes, fan_out, message",
    [
        ([[1, 2]], [1, 2, 3], r"spikes has shape \(1, 2\) and fan_out \(3,\)"),
        ([1, 2], [1, 2], "spikes has shape"),
        ([[-1]], [1], "^spikes is empty or holds"),
        ([[1]], [np.nan], "^fan_out is empty or holds"),
    ],
)
def test_synops_refuse(spikes, fan_out, message):
    with pytest.raises(ValueError, match=message):
        synaptic_operations(spikes, fan_out)


def test_multiply_accumulates_of_a_dense_network():
    fan_outs = [np.full(784, 300), np.full(300, 300), np.full(300, 10)]
    assert multiply_accumulates(fan_outs) == 784 * 300 + 300 * 300 + 300 * 10
    with pytest.raises(ValueError, match="fan_outs is empty"):
        multiply_accumulates([])


def test_cpu_energy_as_in_the_keras_spiking_manual():
    # Its example: 784 inputs to 128 ReLU units, 8.64e-04 J per inference on "cpu".
    energy = energy_per_image(synops=0, macs=784 * 128, n_neurons=128, n_steps=1)
    assert energy.relu_j["cpu"] == pytest.approx(8.64e-4, rel=5e-4)


def test_energy_by_hand():
    energy = energy_per_image(synops=1000, macs=5000, n_neurons=20, n_steps=50)
    assert energy.relu_j == {
        "cpu": pytest.approx(5020 * 8.6e-9),
        "gpu": pytest.approx(5020 * 0.3e-9),
        "arm": pytest.approx(5020 * 0.9e-9),
    }
    assert energy.spiking_j == {
        "loihi": pytest.approx(1000 * 27.1e-12 + 1000 * 81e-12),
        "spinnaker": pytest.approx(1000 * 13.3e-9 + 1000 * 26e-9),
        "spinnaker2": pytest.approx(1000 * 450e-12 + 1000 * 2.19e-9),
    }
    assert energy.relu_45nm_j == pytest.approx(23e-9)
    assert energy.spiking_45nm_j == pytest.approx(0.9e-9)
    assert energy.ratio_45nm == pytest.approx(23 / 0.9)


def test_an_input_of_currents_is_charged():
    without = energy_per_image(synops=1000, macs=5000, n_neurons=20, n_steps=50)
    charged = energy_per_image(1000, 5000, 20, 50, input_macs=100)
    assert charged.relu_j == without.relu_j
    assert charged.spiking_j["loihi"] - without.spiking_j["loihi"] == pytest.approx(100 * 27.1e-12)
    assert charged.spiking_45nm_j - without.spiking_45nm_j == pytest.approx(100 * 4.6e-12)


def test_a_silent_network_still_updates_its_neurons():
    energy = energy_per_image(synops=0, macs=10, n_neurons=2, n_steps=3)
    assert energy.ratio_45nm is None
    assert energy.spiking_j["loihi"] == pytest.approx(6 * 81e-12)


def test_every_constant_has_a_source():
    energy = energy_per_image(1, 1, 1, 1)
    assert (
        set(energy.sources)
        == set(DEVICES) | {"45nm"}
        == {*energy.relu_j, *energy.spiking_j} | {"45nm"}
    )
    assert all(dataclasses.asdict(energy)["sources"].values())


@pytest.mark.parametrize("name", ["synops", "macs", "n_neurons", "n_steps", "input_macs"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_energy_refuses(name, value):
    arguments = {"synops": 1, "macs": 1, "n_neurons": 1, "n_steps": 1} | {name: value}
    with pytest.raises(ValueError, match=f"^{name} is"):
        energy_per_image(**arguments)
