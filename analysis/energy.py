"""What an image costs: synaptic operations, and the energy they are estimated to take.

The energies are products of operation counts and published constants. No figure here has been
measured on a device, and the traffic to, from and between chips is left out.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

MAC_45NM = 4.6e-12
"""Energy of a float32 multiply (3.7 pJ) and add (0.9 pJ) at 45 nm, in J (Horowitz 2014)."""

AC_45NM = 0.9e-12
"""Energy of a float32 add at 45 nm, in J (Horowitz 2014)."""

HOROWITZ = (
    "M. Horowitz (2014), Computing's energy problem (and what we can do about it), ISSCC, 10-14. "
    "https://doi.org/10.1109/ISSCC.2014.6757323"
)
DEGNAN = (
    "B. Degnan, B. Marr, J. Hasler (2016), Assessing trends in performance per watt for signal "
    "processing applications, IEEE Trans. VLSI 24, 58-66, "
    "https://ieeexplore.ieee.org/document/7054508; values as in keras-spiking's ModelEnergy"
)
DAVIES = (
    "M. Davies et al. (2018), Loihi: a neuromorphic manycore processor with on-chip learning, "
    "IEEE Micro 38(1), 82-99; values as in keras-spiking's ModelEnergy"
)
HOEPPNER = (
    "S. Höppner et al. (2019), Dynamic power management for neuromorphic many-core systems, "
    "IEEE Trans. Circuits Syst. I 66, 2973-2986, https://arxiv.org/abs/1903.08941; "
    "values as in keras-spiking's ModelEnergy"
)


@dataclass(frozen=True)
class Device:
    """Energy constants of one device.

    Attributes
    ----------
    title : str
        Name for tables and figures.
    spiking : bool
        True if it computes a synapse only when a spike arrives, and its neurons at every step;
        False if it computes every synapse and every unit once per image.
    joules_per_operation : float
        Energy of a synaptic operation (of a multiply-accumulate where ``spiking`` is False), J.
    joules_per_update : float
        Energy of one update of a neuron (of one unit's nonlinearity), J.
    source : str
        Where the two constants come from.
    """

    title: str
    spiking: bool
    joules_per_operation: float
    joules_per_update: float
    source: str


DEVICES = MappingProxyType(
    {
        "cpu": Device("CPU (Intel i7-4960X)", False, 8.6e-9, 8.6e-9, DEGNAN),
        "gpu": Device("GPU (GTX Titan Black)", False, 0.3e-9, 0.3e-9, DEGNAN),
        "arm": Device("ARM Cortex-A", False, 0.9e-9, 0.9e-9, DEGNAN),
        # The sum as keras-spiking writes it.
        "loihi": Device("Loihi", True, (23.6 + 3.5) * 1e-12, 81e-12, DAVIES),
        "spinnaker": Device("SpiNNaker", True, 13.3e-9, 26e-9, HOEPPNER),
        "spinnaker2": Device("SpiNNaker 2", True, 450e-12, 2.19e-9, HOEPPNER),
    }
)
"""Constants by device, as keras-spiking 0.3 has them."""


@dataclass(frozen=True)
class EnergyEstimate:
    """Estimated energy of one image, in J, on each device.

    Attributes
    ----------
    relu_j : dict of str to float
        Energy of the ReLU network on each device of `DEVICES` that is not spiking.
    spiking_j : dict of str to float
        Energy of the spiking network on each spiking device.
    relu_45nm_j, spiking_45nm_j : float
        Arithmetic of the synapses alone, with `MAC_45NM` and `AC_45NM`. Neuron updates are left
        out on both sides, which favours the spiking network: it makes them at every step.
    ratio_45nm : float or None
        ``relu_45nm_j / spiking_45nm_j``; None for a network that did nothing at all.
    sources : dict of str to str
        Source of the constants, by device name and ``"45nm"``.
    """

    relu_j: dict
    spiking_j: dict
    relu_45nm_j: float
    spiking_45nm_j: float
    ratio_45nm: float | None
    sources: dict


def synaptic_operations(spikes, fan_out):
    """Count the synaptic operations that a layer's spikes cause, image by image.

    Each spike costs one operation per synapse it is sent to. These are the "effective
    accumulates" (Eff_ACs) of NeuroBench, given per image.

    Parameters
    ----------
    spikes : array_like, shape (n_images, n_pre)
        Spikes of each presynaptic neuron during each presentation.
    fan_out : array_like, shape (n_pre,)
        Number of (non-zero) synapses that leave each of them.

    Returns
    -------
    numpy.ndarray, shape (n_images,)
        Operations.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a count is negative or not finite.

    References
    ----------
    J. Yik et al. (2025), The NeuroBench framework for benchmarking neuromorphic computing
    algorithms and systems, Nat. Commun. 16, 1545. https://doi.org/10.1038/s41467-025-56739-4
    """
    spikes = _counts("spikes", spikes)
    fan_out = _counts("fan_out", fan_out)
    if spikes.ndim != 2 or fan_out.ndim != 1 or spikes.shape[1] != len(fan_out):
        raise ValueError(
            f"spikes has shape {spikes.shape} and fan_out {fan_out.shape}; "
            "wanted (n_images, n_pre) and (n_pre,)"
        )
    return spikes @ fan_out


def multiply_accumulates(fan_outs):
    """Count the multiply-accumulates of one image in the ReLU network of the same shape.

    They are NeuroBench's "dense" operations: every synapse once, whatever the activity.

    Parameters
    ----------
    fan_outs : iterable of array_like, each of shape (n_pre,)
        Synapses that leave each unit, for each layer that sends any, the input first.

    Returns
    -------
    int
        Operations per image.

    Raises
    ------
    ValueError
        If ``fan_outs`` is empty or holds a count that is negative or not finite.
    """
    fan_outs = [_counts("fan_outs", fan_out) for fan_out in fan_outs]
    if not fan_outs:
        raise ValueError("fan_outs is empty; wanted one array per layer")
    return int(sum(fan_out.sum() for fan_out in fan_outs))


def energy_per_image(synops, macs, n_neurons, n_steps, input_macs=0):
    """Estimate the energy of one image in spikes and in the ReLU network of the same shape.

    As keras-spiking's ``ModelEnergy`` defines it, a ReLU network computes each synapse and each
    unit once; a spiking network pays for the synapses its spikes reach and for one update of
    every neuron at every step.

    Parameters
    ----------
    synops : float
        Synaptic operations per image of the spiking network; see :func:`synaptic_operations`.
    macs : float
        Multiply-accumulates per image of the ReLU network; see :func:`multiply_accumulates`.
    n_neurons : int
        Neurons of the network; linear output units have no update.
    n_steps : int
        Time steps of a presentation.
    input_macs : float
        Multiply-accumulates per image of an input that is given to the spiking network as
        currents, not as spikes. At 45 nm each costs a MAC; spiking devices have no price for
        one and it is charged as a synaptic operation, which is a lower bound.

    Returns
    -------
    EnergyEstimate
        Energy in J by device, and the sources of the constants.

    Raises
    ------
    ValueError
        If a count is negative or not finite.
    """
    for name, value in {
        "synops": synops,
        "macs": macs,
        "n_neurons": n_neurons,
        "n_steps": n_steps,
        "input_macs": input_macs,
    }.items():
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}; wanted a finite count >= 0")

    relu, spiking = {}, {}
    for name, device in DEVICES.items():
        if device.spiking:
            operations, updates = synops + input_macs, n_neurons * n_steps
        else:
            operations, updates = macs, n_neurons
        joules = operations * device.joules_per_operation + updates * device.joules_per_update
        (spiking if device.spiking else relu)[name] = float(joules)

    relu_45nm = float(macs * MAC_45NM)
    spiking_45nm = float(synops * AC_45NM + input_macs * MAC_45NM)
    return EnergyEstimate(
        relu_j=relu,
        spiking_j=spiking,
        relu_45nm_j=relu_45nm,
        spiking_45nm_j=spiking_45nm,
        ratio_45nm=relu_45nm / spiking_45nm if spiking_45nm > 0 else None,
        sources={name: device.source for name, device in DEVICES.items()} | {"45nm": HOROWITZ},
    )


def _counts(name, values):
    """Give ``values`` as a float array of counts, or refuse them."""
    values = np.asarray(values, dtype=float)
    if values.size == 0 or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(
            f"{name} is empty or holds values that are negative or not finite; wanted counts >= 0"
        )
    return values
