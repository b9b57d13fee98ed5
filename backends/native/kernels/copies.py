"""Kernels that set, copy and multiply entry by entry.

All take flat arrays of one float type; integers are sizes, places and strides in entries.
"""

from numba import njit

NUMPY = {"error_model": "numpy"}


@njit(**NUMPY)
def fill(y, value):
    """Set all entries to a value."""
    for i in range(y.size):
        y[i] = value


@njit(**NUMPY)
def copy(y, x):
    """Set y to x."""
    for i in range(y.size):
        y[i] = x[i]


@njit(**NUMPY)
def add(y, x):
    """Add x to y."""
    for i in range(y.size):
        y[i] += x[i]


@njit(**NUMPY)
def copy_places(y, to, x, source, increment):
    """Set or add to entries of y at some places those of x at others."""
    if increment:
        for i in range(to.size):
            y[to[i]] += x[source[i]]
    else:
        for i in range(to.size):
            y[to[i]] = x[source[i]]


@njit(**NUMPY)
def add_scaled(y, factor, x):
    """Add ``factor * x`` to y."""
    for i in range(y.size):
        y[i] += factor * x[i]


@njit(**NUMPY)
def add_product(y, a, x):
    """Add ``a * x`` to y, entry by entry."""
    for i in range(y.size):
        y[i] += a[i] * x[i]


@njit(**NUMPY)
def add_product_places(y, to, a, first, x, second):
    """Add products of entries of a and x, at some places, to those of y at others."""
    for i in range(to.size):
        y[to[i]] += a[first[i]] * x[second[i]]


@njit(**NUMPY)
def all_finite(x):
    """Return whether no entry is NaN or infinite."""
    wrong = False
    for i in range(x.size):
        d = x[i] - x[i]
        wrong |= d != d
    return not wrong
