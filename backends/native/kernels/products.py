"""Kernels of matrix products, which read only the columns of inputs that are not zero."""

from numba import njit

from .arrays import part

# Sums may be made in any order.
SUMS = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}


@njit(error_model="numpy")
def find_not_zero(x, places):
    """List the places of entries that are not zero, without branches; return how many."""
    zero = x[0] - x[0]
    n = 0
    for j in range(x.size):
        places[n] = j
        n += x[j] != zero
    return n


@njit(**SUMS)
def add_by_column(y, matrix, x, places):
    """Add ``A x`` to y, A stored by column: four non-zero inputs at a time."""
    rows = y.size
    n = find_not_zero(x, places)
    for k in range(0, n - 3, 4):
        j0, j1, j2, j3 = places[k], places[k + 1], places[k + 2], places[k + 3]
        a, b = part(matrix, j0 * rows, rows), part(matrix, j1 * rows, rows)
        c, d = part(matrix, j2 * rows, rows), part(matrix, j3 * rows, rows)
        fa, fb, fc, fd = x[j0], x[j1], x[j2], x[j3]
        for i in range(rows):
            y[i] += fa * a[i] + fb * b[i] + fc * c[i] + fd * d[i]
    for k in range(n - n % 4, n):
        j = places[k]
        a, fa = part(matrix, j * rows, rows), x[j]
        for i in range(rows):
            y[i] += fa * a[i]


@njit(**SUMS)
def dot(a, x, zero):
    """Return the inner product of two vectors."""
    total = zero
    for j in range(x.size):
        total += a[j] * x[j]
    return total


@njit(**SUMS)
def add_by_row(y, matrix, x, zero):
    """Add ``A x`` to y, A of a few rows stored by row."""
    columns = x.size
    n = 0
    for j in range(columns):
        n += x[j] != zero
    if 8 * n >= columns:
        for i in range(y.size):
            y[i] += dot(part(matrix, i * columns, columns), x, zero)
    elif n:
        for j in range(columns):
            f = x[j]
            if f != zero:
                for i in range(y.size):
                    y[i] += f * matrix[i * columns + j]


@njit(error_model="numpy")
def add_sparse(y, x, values, starts, rows, places):
    """Add ``A x`` to y, A sparse and stored by column."""
    for k in range(find_not_zero(x, places)):
        j = places[k]
        f = x[j]
        for e in range(starts[j], starts[j + 1]):
            y[rows[e]] += f * values[e]


@njit(error_model="numpy")
def is_same(x, y):
    """Return whether two vectors are equal, entry by entry."""
    for start in range(0, x.size, 64):
        size = min(64, x.size - start)
        a, b = part(x, start, size), part(y, start, size)
        differs = False
        for i in range(size):
            differs |= a[i] != b[i]
        if differs:
            return False
    return True


@njit(error_model="numpy")
def is_dense(x, zero):
    """Return whether at least a quarter of a vector's entries are not zero."""
    n = 0
    for j in range(x.size):
        n += x[j] != zero
    return 4 * n >= x.size


@njit(**SUMS)
def add_convolution(y, x, kernel, shape, zero):
    """Add a convolution over two axes, channels last, to y.

    Parameters
    ----------
    y : (height, width, n_filters) flattened
    x : (height, width, n_channels) flattened
    kernel : (height, width, n_channels, n_filters) flattened
    shape : (12,) ndarray of int
        Height, width and channels of x; those of y; height and width of the kernel; steps and
        rows and columns of padding before the first.
    """
    hx, wx, cx, hy, wy, cy, hk, wk, sh, sw, ph, pw = (
        shape[0], shape[1], shape[2], shape[3], shape[4], shape[5],
        shape[6], shape[7], shape[8], shape[9], shape[10], shape[11],
    )  # fmt: skip
    for i in range(hx):
        for j in range(wx):
            for c in range(cx):
                f = x[(i * wx + j) * cx + c]
                if f == zero:
                    continue
                for ki in range(hk):
                    top = i + ph - ki
                    if top % sh != 0 or top < 0 or top // sh >= hy:
                        continue
                    for kj in range(wk):
                        left = j + pw - kj
                        if left % sw != 0 or left < 0 or left // sw >= wy:
                            continue
                        to = part(y, ((top // sh) * wy + left // sw) * cy, cy)
                        k = part(kernel, ((ki * wk + kj) * cx + c) * cy, cy)
                        for m in range(cy):
                            to[m] += f * k[m]
