"""Random numbers from counters: Philox-4x32 with 10 rounds.

Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", https://doi.org/10.1145/2063384.2063405
"""

import math

import numpy as np
from numba import njit

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
W0, W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
LOW, SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)


@njit(error_model="numpy")
def philox(k0, k1, c0, c1, c2, c3):
    """Return four 32-bit words, as good as random, for a key of two and a counter of four."""
    for _ in range(10):
        p0, p1 = M0 * np.uint64(c0), M1 * np.uint64(c2)
        c0, c1, c2, c3 = (
            np.uint32(p1 >> SHIFT) ^ c1 ^ k0,
            np.uint32(p1 & LOW),
            np.uint32(p0 >> SHIFT) ^ c3 ^ k1,
            np.uint32(p0 & LOW),
        )
        k0, k1 = np.uint32(k0 + W0), np.uint32(k1 + W1)
    return c0, c1, c2, c3


@njit(error_model="numpy")
def uniform(key, item, neuron, step, turn):
    """Return a number in [0, 1) of 53 bits, a function of its arguments alone.

    Parameters
    ----------
    key : int
        Of seed and population.
    item, neuron, step, turn : int
    """
    a, b, _, _ = philox(
        np.uint32(key & 0xFFFFFFFF),
        np.uint32((key >> 32) ^ item),
        np.uint32(neuron),
        np.uint32(step & 0xFFFFFFFF),
        np.uint32(step >> 32),
        np.uint32(turn),
    )
    high, low = np.int64(a >> np.uint32(5)), np.int64(b >> np.uint32(6))
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0)


@njit(error_model="numpy")
def poisson(mean, key, item, neuron, step):
    """Return a Poisson number by inversion; large means in parts of at most 32."""
    total, turn = 0, 0
    while mean > 0:
        part = min(mean, 32.0)
        mean -= part
        u = uniform(key, item, neuron, step, turn)
        turn += 1
        p = math.exp(-part)
        reached, n = p, 0
        while u >= reached and (n < part or p > 1e-18):
            n += 1
            p *= part / n
            reached += p
        total += n
    return total
