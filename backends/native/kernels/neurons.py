"""Kernels of neuron types: from currents to outputs, as their ``step`` in Nengo.

Each returns whether all is finite. Constants come typed, in ``p``, so that float32 stays float32:
in compiled code a number written out would make float64 of it. They are exact arithmetic, with no
reordering, so that spikes are those of Nengo.
"""

import math

import numpy as np
from numba import njit

from .randoms import poisson, uniform

EXACT = {"error_model": "numpy"}


@njit(**EXACT)
def rectified_linear(j, y, p):
    """``y = amplitude max(0, J)``; p: amplitude, 0."""
    amplitude, zero = p[0], p[1]
    wrong = False
    for i in range(y.size):
        v = j[i]
        y[i] = amplitude * (v if not v < zero else zero)
        d = v - v
        wrong |= d != d
    return not wrong


@njit(**EXACT)
def sigmoid(j, y, p):
    """``y = 1 / tau_ref / (1 + exp(-J))``; p: 1 / tau_ref, 1."""
    rate, one = p[0], p[1]
    wrong = False
    for i in range(y.size):
        y[i] = rate / (one + math.exp(-j[i]))
        wrong |= y[i] != y[i]
    return not wrong


@njit(**EXACT)
def tanh(j, y, p):
    """``y = tanh(J) / tau_ref``; p: 1 / tau_ref."""
    wrong = False
    for i in range(y.size):
        y[i] = p[0] * math.tanh(j[i])
        wrong |= y[i] != y[i]
    return not wrong


@njit(**EXACT)
def lif_rate(j, y, p):
    """``y = amplitude / (tau_ref + tau_rc log(1 + 1 / (J - 1)))`` above 1.

    p: amplitude, tau_ref, tau_rc, 0, 1.
    """
    amplitude, tau_ref, tau_rc, zero, one = p[0], p[1], p[2], p[3], p[4]
    wrong = False
    for i in range(y.size):
        above = j[i] - one
        if above > zero:
            y[i] = amplitude / (tau_ref + tau_rc * math.log1p(one / above))
        else:
            y[i] = zero
        d = above - above
        wrong |= d != d
    return not wrong


@njit(**EXACT)
def soft_lif_rate(j, y, p):
    """LIF's rate of ``1 + sigma log(1 + exp((J - 1) / sigma))``.

    Hunsberger & Eliasmith 2016, https://arxiv.org/abs/1611.05141, equation 4. Far below threshold
    log(1 + exp(z)) is exp(z), and its logarithm is z.

    p: amplitude, tau_ref, tau_rc, sigma, log(sigma), 0, 1, -20.
    """
    amplitude, tau_ref, tau_rc, sigma, log_sigma = p[0], p[1], p[2], p[3], p[4]
    zero, one, far = p[5], p[6], p[7]
    wrong = False
    for i in range(y.size):
        z = (j[i] - one) / sigma
        if z < far:
            log = -z - log_sigma
        else:
            positive = z if z > zero else zero
            soft = positive + math.log1p(math.exp(-abs(z)))
            log = math.log1p(one / (sigma * soft))
        y[i] = amplitude / (tau_ref + tau_rc * log)
        wrong |= y[i] != y[i]
    return not wrong


@njit(**EXACT)
def adapt(y, n, p):
    """``n += dt / tau_n (inc_n y - n)``; p: dt / tau_n, inc_n."""
    wrong = False
    for i in range(n.size):
        v = n[i] + p[0] * (p[1] * y[i] - n[i])
        n[i] = v
        d = v - v
        wrong |= d != d
    return not wrong


@njit(**EXACT)
def subtract(j, n, out):
    """Set ``out`` to ``j - n``."""
    for i in range(out.size):
        out[i] = j[i] - n[i]


@njit(**EXACT)
def expm1(x):
    """Return ``exp(x) - 1``, by the series for small x, to the last bit but one of float64."""
    if abs(x) > 0.06:
        return math.expm1(x)
    tail = 1 / 120 + x * (1 / 720 + x * (1 / 5040 + x * (1 / 40320)))
    return x * (1.0 + x * (1 / 2 + x * (1 / 6 + x * (1 / 24 + x * tail))))


@njit(**EXACT)
def log1m(x):
    """Return ``log(1 - x)``, by the series of ``2 artanh(y)`` for small x."""
    if not 0 <= x < 0.06:
        return math.log1p(-x)
    y = x / (x - 2.0)
    q = y * y
    return 2.0 * y * (1.0 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9)))))


@njit(**EXACT)
def lif(j, y, voltage, refractory, p, places):
    """Take a step of leaky integrate-and-fire neurons, exact for a current constant in it.

    First without branches, for neurons that stay above or below all limits in this step; then for
    the few that leave their refractory period or fire.

    p: dt, tau_rc, tau_ref, amplitude / dt, expm1(-dt / tau_rc), min_voltage, 0, 1.
    """
    dt, tau_rc, tau_ref, height, decay = p[0], p[1], p[2], p[3], p[4]
    lowest, zero, one = p[5], p[6], p[7]
    wrong = False
    for i in range(y.size):
        r = refractory[i] - dt
        refractory[i] = r
        v = voltage[i]
        v -= (j[i] - v) * (decay if r <= zero else zero)
        voltage[i] = lowest if v < lowest and r <= zero else v
        y[i] = zero
        d = v - v
        wrong |= d != d
    n = 0
    for i in range(y.size):
        r = refractory[i]
        places[n] = i
        n += (voltage[i] > one) | ((r > zero) & (r < dt))
    for k in range(n):
        i = places[k]
        r, v = refractory[i], voltage[i]
        if r > zero and r < dt:
            v -= (j[i] - v) * expm1(-(dt - r) / tau_rc)
            voltage[i] = lowest if v < lowest else v
        if v > one:
            y[i] = height
            r = tau_ref + (dt + tau_rc * log1m((v - one) / (j[i] - one)))
            refractory[i] = r
            voltage[i] = zero
            wrong |= r != r
    return not wrong


@njit(**EXACT)
def integrate(j, y, voltage, p, rectify):
    """Fire as often as the integral of a rate passes a whole number.

    p: dt, amplitude / dt, 0.
    """
    dt, height, zero = p[0], p[1], p[2]
    wrong = False
    for i in range(y.size):
        rate = j[i]
        if rectify and rate < zero:
            rate = zero
        v = voltage[i] + rate * dt
        n = np.floor(v)
        y[i] = height * n
        voltage[i] = v - n
        d = v - v
        wrong |= d != d
    return not wrong


@njit(**EXACT)
def izhikevich(j, y, voltage, recovery, p):
    """Take a step of Izhikevich's neurons, in Nengo's order of reset and recovery.

    p: dt, 1 / dt, tau_recovery, coupling, reset_voltage, reset_recovery, 0, then -30, 0.04, 5,
    140, 1000 and 30 of the model.
    """
    dt, height, tau, coupling = p[0], p[1], p[2], p[3]
    reset_voltage, reset_recovery, zero, lowest = p[4], p[5], p[6], p[7]
    square, linear, constant, ms, threshold = p[8], p[9], p[10], p[11], p[12]
    wrong = False
    for i in range(y.size):
        current = j[i] if not j[i] < lowest else lowest
        v, u = voltage[i], recovery[i]
        v += (square * (v * v) + linear * v + constant - u + current) * ms * dt
        fired = v >= threshold
        y[i] = height if fired else zero
        if fired:
            v = reset_voltage
        u += tau * (coupling * v - u) * ms * dt
        if fired:
            u += reset_recovery
        voltage[i], recovery[i] = v, u
        d = v - v
        wrong |= d != d
    return not wrong


@njit(**EXACT)
def stochastic(j, y, p, negative, by_poisson, key, item, step):
    """Fire at random: a Poisson number of spikes, or the expected number randomly rounded.

    p: dt, amplitude / dt, 0.
    """
    dt, height, zero = p[0], p[1], p[2]
    for i in range(y.size):
        rate = j[i]
        if rate == zero:
            y[i] = zero
            continue
        d = rate - rate
        if d != d or (rate < zero and not negative):
            return False
        expected = float(abs(rate) * dt)
        if by_poisson:
            n = float(poisson(expected, key, item, i, step))
        else:
            n = np.floor(expected)
            n += uniform(key, item, i, step, 0) < expected - n
        y[i] = height * n
        if rate < zero:
            y[i] = -y[i]
    return True
