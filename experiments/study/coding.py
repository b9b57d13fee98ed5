"""Figures of spikes as a code: Poisson trains, the alpha filter, and what it tells of a rate."""

import nengo
import numpy as np

from nengo_pc.analysis.plot_coding import estimation_errors, filter_responses, spike_trains
from nengo_pc.networks import LIFConstants, PoissonEncoder
from nengo_pc.networks.populations import population

from .setting import Drawn

DT = 0.001  # s
VALUES = (0.05, 0.2, 0.5, 1.0)  # of a pixel
N_TRAINS = 1000
SHOWN_TIME = 0.2  # s, of a presentation
# Of alpha filters, in s: the thesis, this package, Hunsberger & Eliasmith 2016.
TAUS = {"τ = 1.18 ms": 0.00118, "τ = 2 ms": 0.002, "τ = 5 ms": 0.005}
RATES = (40.0, 60.0)  # Hz, from and to
N_NEURONS = 500
PRESENTATIONS = (0.05, 0.1, 0.2)  # s


def poisson_spikes(study):
    """Poisson spike trains for several values."""
    trains, maximum_rate = poisson_trains(VALUES, N_TRAINS, SHOWN_TIME, study.seed)
    expected, numbers = {}, {}
    for value, (name, spikes) in zip(VALUES, trains.items()):
        mean = maximum_rate * value * SHOWN_TIME
        expected[name] = poisson_probabilities(mean, int(maximum_rate * SHOWN_TIME * 1.5))
        counts = spikes.sum(axis=1)
        numbers[name] = {
            "expected_mean": mean,
            "mean": float(counts.mean()),
            "variance": float(counts.var(ddof=1)),
        }
    fano = np.mean([n["variance"] / n["mean"] for n in numbers.values()])
    caption = (
        f"Poisson spike trains for four grey levels x, {maximum_rate:g} Hz at x = 1: ten trains "
        f"of each (left), and how many spikes {N_TRAINS} trains have in {1e3 * SHOWN_TIME:g} ms "
        "(bars) beside the Poisson distribution of the expected mean (points). The variance of "
        f"the count over its mean is {fano:.2f} on average; 1 is expected."
    )
    return Drawn(spike_trains(trains, DT, expected), caption, {"counts": numbers})


def poisson_trains(values, n_trains, duration, seed):
    """Spikes of `PoissonEncoder` for each value.

    Returns
    -------
    trains : dict of str to ndarray, each of shape (n_trains, n_steps)
        Spikes in each step.
    maximum_rate : float
        In Hz, at x = 1.
    """
    with nengo.Network(seed=seed) as network:
        encoder = PoissonEncoder(len(values) * n_trains)
        encoder.input.output = np.repeat(values, n_trains)
        probe = nengo.Probe(encoder.output)
    with nengo.Simulator(network, dt=DT, progress_bar=False, seed=seed) as simulator:
        simulator.run(duration, progress_bar=False)
    amplitude = encoder.population.neuron_type.amplitude
    counts = np.round(simulator.data[probe].T * DT / amplitude).reshape(len(values), n_trains, -1)
    return {f"x = {x:g}": c for x, c in zip(values, counts)}, 1 / amplitude


def poisson_probabilities(mean, most):
    """Probabilities of 0 to ``most`` events of a Poisson distribution."""
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])
    return np.exp(np.arange(most + 1) * np.log(mean) - mean - log_factorials)


def alpha_filter(study):
    """Impulse and step response of the alpha filter, in Nengo and in closed form."""
    duration = 0.03
    fine = np.linspace(0, duration, 1201)
    impulse = {name: alpha_impulse(fine, tau) for name, tau in TAUS.items()}
    step = {name: alpha_step(fine, tau) for name, tau in TAUS.items()}
    time_s, measured_impulse, measured_step, numbers = None, {}, {}, {}
    for name, tau in TAUS.items():
        time_s, of_impulse, of_step = measured_responses(nengo.Alpha(tau), duration, DT)
        measured_impulse[name], measured_step[name] = of_impulse, of_step
        numbers[name] = {
            "area": float(of_impulse.sum() * DT),
            "peak_closed_form_per_s": float(alpha_impulse(tau, tau)),
            "peak_measured_per_s": float(of_impulse.max()),
            "time_of_peak_measured_s": float(time_s[of_impulse.argmax()]),
            "largest_difference_of_step": float(np.abs(of_step - alpha_step(time_s, tau)).max()),
        }
    first = numbers["τ = 1.18 ms"]
    caption = (
        "Alpha filters: lines are α(t) = t/τ² exp(-t/τ) and its integral 1 - (1 + t/τ) exp(-t/τ), "
        f"markers what Nengo's synapse gives at every step of {1e3 * DT:g} ms, later by the one "
        "step that a connection takes. Step responses agree to "
        f"{max(n['largest_difference_of_step'] for n in numbers.values()):.0e}. An impulse lasts "
        "a whole step, so that Nengo gives, at the end of each step, the mean of α over it: half a "
        "step late, the area right, but the "
        f"peak of the shortest filter is {first['peak_measured_per_s']:.0f} per second in place "
        f"of {first['peak_closed_form_per_s']:.0f}."
    )
    figure = filter_responses(fine, impulse, step, time_s, measured_impulse, measured_step)
    return Drawn(figure, caption, numbers)


def alpha_impulse(t, tau):
    """``α(t) = t/τ² exp(-t/τ)`` in 1/s, 0 before t = 0."""
    t = np.maximum(t, 0)
    return t / tau**2 * np.exp(-t / tau)


def alpha_step(t, tau):
    """The integral of `alpha_impulse` from 0 to t."""
    t = np.maximum(t, 0)
    return -np.expm1(-t / tau) - t / tau * np.exp(-t / tau)


def measured_responses(synapse, duration, dt):
    """What Nengo makes of an impulse of area 1 in its first step, and of a step of height 1.

    Returns
    -------
    time_s : ndarray, shape (n_steps,)
        Of the output, counted from the end of the first step: what a Node gives out in one step,
        a synapse passes on in the next.
    impulse, step : ndarray, shape (n_steps,)
        In 1/s, and without unit.
    """
    with nengo.Network() as network:
        impulse = nengo.Probe(
            nengo.Node(lambda t: 1 / dt if t < 1.5 * dt else 0.0), synapse=synapse
        )
        step = nengo.Probe(nengo.Node(1.0), synapse=synapse)
    with nengo.Simulator(network, dt=dt, progress_bar=False) as simulator:
        simulator.run(duration, progress_bar=False)
    time_s = simulator.trange() - dt
    return time_s, simulator.data[impulse].ravel(), simulator.data[step].ravel()


def rate_estimation(study):
    """How far filtered spikes are from the rate, against the time constant of the filter."""
    taus = np.geomspace(0.001, 0.2, 16)
    rates = np.linspace(*RATES, N_NEURONS)
    n_steps = round(max(PRESENTATIONS) / DT)
    spikes = {
        "regular (LIF)": regular_spikes(rates, n_steps, DT),
        "Poisson": poisson_spikes_at(rates, n_steps, DT, study.seed),
    }
    measured = {
        kind: {
            _name(time): [filtered_error(of_kind, rates, tau, time, DT) for tau in taus]
            for time in PRESENTATIONS
        }
        for kind, of_kind in spikes.items()
    }
    closed = {
        "Poisson": {
            _name(time): [poisson_error(rates, tau, time, DT) for tau in taus]
            for time in PRESENTATIONS
        }
    }
    best = {
        kind: {
            name: {"tau_s": float(taus[np.argmin(errors)]), "error_hz": float(min(errors))}
            for name, errors in curves.items()
        }
        for kind, curves in measured.items()
    }
    longest = _name(max(PRESENTATIONS))
    lif, poisson = best["regular (LIF)"][longest], best["Poisson"][longest]
    caption = (
        f"Error of the rate that alpha-filtered spikes of {N_NEURONS} neurons of {RATES[0]:g} to "
        f"{RATES[1]:g} Hz tell at the end of a presentation of 50, 100 and 200 ms, root mean "
        "square over neurons. A short synapse leaves single spikes, a long one has not yet risen "
        "to the rate: the error falls, then rises. After 200 ms it is least for regular spikes "
        f"with τ = {1e3 * lif['tau_s']:.0f} ms ({lif['error_hz']:.1f} Hz), for Poisson spikes with "
        f"τ = {1e3 * poisson['tau_s']:.0f} ms ({poisson['error_hz']:.1f} Hz). Thin lines: the "
        "closed form for Poisson spikes, variance (r/dt) Σ h² and bias r (1 - Σ h) of the sampled "
        "filter h; the variance nears r/(4τ) where τ is long against the step."
    )
    return Drawn(estimation_errors(taus, measured, closed), caption, {"best": best})


def _name(presentation_time):
    return f"{1e3 * presentation_time:g} ms"


def regular_spikes(rates, n_steps, dt):
    """Spikes in each step of LIF neurons that start at rest, shape ``(n_steps, n_neurons)``."""
    constants = LIFConstants()
    currents = current_for(np.asarray(rates), constants)
    with nengo.Network(seed=0) as network:
        neurons = population(len(currents), constants.spiking(), bias=currents)
        probe = nengo.Probe(neurons.neurons)
    with nengo.Simulator(network, dt=dt, progress_bar=False) as simulator:
        simulator.run_steps(n_steps, progress_bar=False)
    return np.round(simulator.data[probe] * dt / constants.amplitude)


def current_for(rate_hz, constants):
    """The constant current under which a LIF neuron fires at a rate: the inverse of its curve."""
    return -1 / np.expm1(-(1 / rate_hz - constants.tau_ref) / constants.tau_rc)


def poisson_spikes_at(rates, n_steps, dt, seed):
    """Spikes in each step of Nengo's Poisson neurons, shape ``(n_steps, n_neurons)``."""
    with nengo.Network(seed=seed) as network:
        neurons = population(
            len(rates), nengo.PoissonSpiking(nengo.RectifiedLinear()), bias=np.asarray(rates)
        )
        probe = nengo.Probe(neurons.neurons)
    with nengo.Simulator(network, dt=dt, progress_bar=False, seed=seed) as simulator:
        simulator.run_steps(n_steps, progress_bar=False)
    return np.round(simulator.data[probe] * dt)


def filtered_error(spikes, rates, tau, time, dt):
    """Root mean square over neurons of filtered spikes less the rate, after ``time``, in Hz."""
    n_steps = round(time / dt)
    estimated = nengo.Alpha(tau).filt(spikes[:n_steps] / dt, dt=dt, y0=0)[-1]
    return float(np.sqrt(np.mean((estimated - rates) ** 2)))


def poisson_error(rates, tau, time, dt):
    """The same in closed form: bias and variance of Poisson spikes through the sampled filter."""
    ages = dt * np.arange(round(time / dt))
    kernel = alpha_step(ages + dt, tau) - alpha_step(ages, tau)
    bias = rates * (1 - kernel.sum())
    variance = rates / dt * np.sum(kernel**2)
    return float(np.sqrt(np.mean(bias**2 + variance)))
