"""Kernels of functions of the package's own Nodes."""

import math

from numba import njit

from ..codes import (
    BOX,
    HYPERBOLIC,
    LIF_SLOPE,
    LOGISTIC,
    RECTIFIED,
    RECTIFIED_OUTPUT,
    SOFT_LIF_SLOPE,
    SOFTMAX,
    STEP,
)
from .arrays import part
from .products import dot

NUMPY = {"error_model": "numpy"}


@njit(**NUMPY)
def slope(x, kind, p):
    """Return the slope that multiplies feedback; see `nengo_pc.networks.Gate`.

    p: threshold or bounds, or the constants of the neuron type.
    """
    if kind == STEP:
        return 1.0 if x > p[1] else 0.0
    if kind == BOX:
        return 1.0 if x > p[1] and x < p[2] else 0.0
    if kind == RECTIFIED:
        return float(p[1]) if x > 0 else 0.0
    if kind == LOGISTIC:
        t = math.tanh(x / 2)
        return (1 - t * t) / (4 * p[1])
    if kind == HYPERBOLIC:
        t = math.tanh(x)
        return (1 - t * t) / p[1]
    if kind in (LIF_SLOPE, SOFT_LIF_SLOPE):
        amplitude, tau_ref, tau_rc, sigma = p[1], p[2], p[3], p[4]
        if kind == LIF_SLOPE:
            s = x - 1.0
            if not s > 0:
                return 0.0
            log_s, ratio = math.log(s), 1.0 / s
        else:
            z = (x - 1.0) / sigma
            clipped = max(z, -40.0)
            softplus = max(clipped, 0.0) + math.log1p(math.exp(-abs(clipped)))
            s = sigma * softplus
            log_s = math.log(s) + min(z + 40.0, 0.0)
            logistic = 1 / (1 + math.exp(-clipped)) if clipped >= 0 else (
                math.exp(clipped) / (1 + math.exp(clipped))
            )  # fmt: skip
            ratio = logistic / s
        softplus = max(-log_s, 0.0) + math.log1p(math.exp(-abs(log_s)))
        rate = 1.0 / (tau_ref + tau_rc * softplus)
        return amplitude * tau_rc * rate * rate * ratio / (s + 1.0)
    return 1.0


@njit(**NUMPY)
def gated_feedback(y, x, kind, p):
    """``y = g(current) feedback / precision``; p[0] is the precision."""
    n = y.size
    current, feedback = part(x, 0, n), part(x, n, n)
    precision, threshold, zero = p[0], p[1], x[0] - x[0]
    if kind == STEP:
        for i in range(n):
            y[i] = (feedback[i] if current[i] > threshold else zero) / precision
        return
    for i in range(n):
        if feedback[i] == zero:
            y[i] = zero
        else:
            y[i] = slope(current[i], kind, p) * feedback[i] / precision


@njit(**NUMPY)
def output_error(y, x, answer, margin):
    """``y = clamp (target - f(prediction))``, as much of it as exceeds the margin."""
    n = y.size
    clamp, zero = x[2 * n], x[0] - x[0]
    if answer == SOFTMAX:
        largest = x[0]
        for i in range(n):
            largest = max(largest, x[i])
        total = 0.0
        for i in range(n):
            y[i] = math.exp(x[i] - largest)
            total += y[i]
        for i in range(n):
            y[i] = y[i] / total
    elif answer == RECTIFIED_OUTPUT:
        for i in range(n):
            y[i] = max(x[i], zero)
    else:
        for i in range(n):
            y[i] = x[i]
    for i in range(n):
        e = clamp * (x[n + i] - y[i])
        if margin > zero:
            e -= max(-margin, min(margin, e))
        y[i] = e


@njit(**NUMPY)
def excess_power(y, x, initial):
    """``y = mean(x^2) - initial``."""
    y[0] = dot(x, x, x[0] - x[0]) / x.size - initial


@njit(**NUMPY)
def divided_error(y, x, initial, tiny, bound):
    """``y = e / sqrt(v)``, clipped to ``[-bound, bound]``."""
    n = y.size
    power = max(x[n] + initial, 0.0)
    root = math.sqrt(power + tiny)
    for i in range(n):
        y[i] = max(-bound, min(bound, x[i] / root))
