"""Figures of one neuron: voltage, rate, slope, and the activation that it makes."""

import math

import nengo
import numpy as np

from nengo_pc.analysis.plot_neurons import activations, rate_and_slope, voltage_traces
from nengo_pc.backends.compatibility import import_nengo_dl
from nengo_pc.networks import LIFConstants
from nengo_pc.networks.gates import Gate
from nengo_pc.networks.populations import population

from .setting import Drawn

CURRENTS = (0.8, 1.1, 2.0)  # thresholds
DURATION = 0.12  # s
GAMMAS = (0.02, 0.1, 0.5)  # thresholds; the first is the package's own
AMPLITUDES = (0.05, 0.025, 0.1)  # s; the first is the package's own
DT = 0.001  # s


def lif_voltage(study):
    """Voltage under constant current against its closed form."""
    constants = LIFConstants()
    step_s, voltages, spikes = simulated_voltage(CURRENTS, constants, DURATION, DT)
    fine = np.linspace(0, DURATION, 2401)
    traces, wrong = [], 0.0
    for current, voltage, fired in zip(CURRENTS, voltages.T, spikes.T):
        traces.append(
            {
                "current": current,
                "time_s": fine,
                "closed_form": closed_voltage(fine, current, constants),
                "step_s": step_s,
                "simulated": voltage,
                "spikes_s": closed_spikes(current, DURATION, constants),
                "simulated_spikes": int(np.count_nonzero(fired)),
            }
        )
        wrong = max(wrong, np.abs(voltage - closed_voltage(step_s, current, constants)).max())
    numbers = {
        "largest_difference": wrong,
        "spikes_closed_form": {f"{t['current']:g}": len(t["spikes_s"]) for t in traces},
        "spikes_simulated": {f"{t['current']:g}": t["simulated_spikes"] for t in traces},
        "rate_hz": {f"{j:g}": rate(j, constants) for j in CURRENTS},
    }
    caption = (
        "Membrane voltage of a LIF neuron under a constant current j, in units of its threshold: "
        "Nengo's voltage at every time step of 1 ms, on the closed form v(t) = j (1 - "
        "exp(-t/tau_rc)) that starts anew after each refractory period. Below threshold the "
        "voltage comes to rest at j; above it the neuron fires regularly. The largest difference "
        f"between the two is {wrong:.0e}."
    )
    return Drawn(voltage_traces(traces, constants.tau_ref), caption, numbers)


def closed_voltage(t, current, constants):
    """Voltage at times ``t`` in s, from rest at 0, in units of the threshold."""
    t = np.asarray(t, dtype=float)
    if current <= 1:
        return -current * np.expm1(-t / constants.tau_rc)
    charging = time_to_threshold(current, constants)
    phase = t % (charging + constants.tau_ref)
    return np.where(phase < charging, -current * np.expm1(-phase / constants.tau_rc), 0.0)


def closed_spikes(current, duration, constants):
    """Times of all spikes within ``duration``, in s."""
    if current <= 1:
        return np.zeros(0)
    charging = time_to_threshold(current, constants)
    return np.arange(charging, duration, charging + constants.tau_ref)


def time_to_threshold(current, constants):
    """Time in s from 0 to the threshold of 1, for a current above it."""
    return constants.tau_rc * math.log(current / (current - 1))


def rate(current, constants):
    """Rate in Hz under a constant current."""
    if current <= 1:
        return 0.0
    return 1 / (constants.tau_ref + time_to_threshold(current, constants))


def simulated_voltage(currents, constants, duration, dt):
    """Voltages and spikes of Nengo's LIF neurons.

    Returns
    -------
    time_s : ndarray, shape (n_steps,)
    voltages, spikes : ndarray, shape (n_steps, n_currents)
    """
    with nengo.Network(seed=0) as network:
        neurons = population(len(currents), constants.spiking(), bias=np.array(currents))
        voltage = nengo.Probe(neurons.neurons, "voltage")
        spikes = nengo.Probe(neurons.neurons)
    with nengo.Simulator(network, dt=dt, progress_bar=False) as simulator:
        simulator.run(duration, progress_bar=False)
    return simulator.trange(), simulator.data[voltage], simulator.data[spikes]


def lif_rate(study):
    """Rate curves of LIF and SoftLIF, and their slopes."""
    current, rates, slopes = rate_curves(GAMMAS)
    at_threshold = {name: float(np.interp(1.0, current, values)) for name, values in rates.items()}
    steepest = {name: float(values.max()) for name, values in slopes.items() if name != "LIF"}
    gentle = f"SoftLIF, γ = {GAMMAS[0]:g}"
    caption = (
        "Firing rate of a LIF neuron (black) and of SoftLIF for several γ, and their slopes. "
        "LIF's slope is infinite at the threshold (grey line); SoftLIF's is finite everywhere, "
        f"with γ = {GAMMAS[0]:g} at most {steepest[gentle]:.0f} Hz per threshold current, and the "
        "curve leaves LIF's by no more than "
        f"{np.abs(rates[gentle] - rates['LIF']).max():.0f} Hz. The larger γ, the gentler the "
        "slope and the higher the rate below threshold."
    )
    numbers = {
        "rate_at_threshold_hz": at_threshold,
        "largest_slope_hz": steepest,
        "largest_distance_from_lif_hz": {
            name: float(np.abs(values - rates["LIF"]).max()) for name, values in rates.items()
        },
    }
    return Drawn(rate_and_slope(current, rates, slopes, 260), caption, numbers)


def rate_curves(gammas, current=None):
    """Rates in Hz and slopes in Hz per unit of current, by name of the curve.

    Parameters
    ----------
    gammas : sequence of float
        Of the SoftLIF curves.
    current : (n,) ndarray, optional

    Returns
    -------
    current : (n,) ndarray
    rates, slopes : dict of str to (n,) ndarray
    """
    # Off the threshold, where LIF's slope is infinite.
    current = np.linspace(0, 3, 600) if current is None else np.asarray(current, dtype=float)
    constants = {"tau_rc": LIFConstants().tau_rc, "tau_ref": LIFConstants().tau_ref}
    neurons = {"LIF": nengo.LIFRate(**constants)}
    soft = import_nengo_dl().SoftLIFRate
    neurons |= {f"SoftLIF, γ = {gamma:g}": soft(sigma=gamma, **constants) for gamma in gammas}
    rates = {name: neuron.rates(current, 1.0, 0.0).ravel() for name, neuron in neurons.items()}
    return current, rates, {name: Gate(neuron)(current) for name, neuron in neurons.items()}


def activation_scaling(study):
    """Scaled rates against ReLU."""
    current = np.linspace(-1, 12, 521)
    usual = LIFConstants()
    curves = {
        f"LIF, amplitude {amplitude:g} s": amplitude
        * nengo.LIFRate(usual.tau_rc, usual.tau_ref).rates(current, 1.0, 0.0).ravel()
        for amplitude in AMPLITUDES
    }
    straight = np.maximum(current, 0)
    mean_slope = {
        name: float(np.interp(10, current, curve) - np.interp(0, current, curve)) / 10
        for name, curve in curves.items()
    }
    wanted = current >= 0
    off = {
        name: float(np.sqrt(np.mean((curve - straight)[wanted & (current <= 10)] ** 2)))
        for name, curve in curves.items()
    }
    first = next(iter(curves))
    caption = (
        "A LIF neuron's rate times the amplitude that each spike carries, against a rectified "
        f"line. With {AMPLITUDES[0]:g} s the activation keeps to ReLU's scale: its mean slope over "
        f"currents from 0 to 10 is {mean_slope[first]:.2f}, near the 1 that initial weights for "
        "rectified units are made for (He et al. 2015). Other amplitudes make it as much flatter "
        "or steeper; all saturate at amplitude / tau_ref."
    )
    numbers = {
        "mean_slope_0_to_10": mean_slope,
        "rms_distance_from_relu_0_to_10": off,
        "saturation": {
            f"LIF, amplitude {amplitude:g} s": amplitude / usual.tau_ref for amplitude in AMPLITUDES
        },
    }
    return Drawn(activations(current, curves, straight), caption, numbers)
