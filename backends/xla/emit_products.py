"""Emitters of products of weights with signals: dense, sparse, in blocks."""

import numpy as np
from nengo.builder.operator import BsrDotInc, DotInc, SparseDotInc
from nengo.transforms import SparseMatrix
from scipy.sparse import csr_matrix

from ..compatibility import import_tensorflow
from .registry import emits
from .step import reshaped

tf = import_tensorflow()


@emits(DotInc)
def emit_dot_inc(op, step):
    """Emit ``Y += A X``: one matrix product for the whole minibatch."""
    x = step.read_flat(op.X)
    a = step.read_weights(op.A)
    if op.A.ndim == 2 and a.shape.rank == 2:
        product = tf.matmul(a, x)
    elif op.A.ndim == 2:  # every item has weights of its own
        product = tf.reduce_sum(a * x[None], axis=1)
    elif op.A.ndim == 1 and op.X.ndim > 0:
        product = tf.reduce_sum(a * x, axis=0, keepdims=True)
    else:
        product = a * x
    step.inc(op.Y, reshaped(product, (*op.Y.shape, product.shape[-1])))


@emits(SparseDotInc)
def emit_sparse_dot_inc(op, step):
    """Emit ``Y += A X`` with a sparse matrix A.

    XLA has no sparse products. Rows are sorted by how many entries they have, and cut into groups
    padded to the longest row of each: a gather, a product and a sum for each group. Widths at least
    double from group to group, so that padding at most doubles the work.
    """
    matrix = op.A.initial_value
    # Nengo's own format, SciPy's, or, for Nengo without SciPy, a dense matrix.
    matrix = csr_matrix(matrix.allocate() if isinstance(matrix, SparseMatrix) else matrix)
    matrix.sum_duplicates()
    x = step.read_flat(op.X)
    parts, order = [], []
    for rows, columns, data in padded_rows(matrix):
        if columns.shape[1] == 0:
            parts.append(tf.zeros((rows.size, x.shape[-1]), step.dtype))
        elif x.shape[-1] == 1:  # several times faster without a last axis of one
            entries = tf.gather(x[:, 0], columns)
            parts.append(tf.reduce_sum(entries * step.constant(data), axis=1, keepdims=True))
        else:
            entries = tf.gather(x, columns)  # (rows, width, batch)
            parts.append(tf.reduce_sum(entries * step.constant(data)[..., None], axis=1))
        order.append(rows)
    order = np.concatenate(order)
    product = tf.concat(parts, axis=0)
    if not np.array_equal(order, np.arange(order.size)):
        product = tf.gather(product, np.argsort(order).astype(np.int32))
    step.inc(op.Y, reshaped(product, (*op.Y.shape, product.shape[-1])))


def padded_rows(matrix):
    """Return the rows of a sparse matrix in groups of like lengths.

    Parameters
    ----------
    matrix : scipy.sparse.csr_matrix

    Yields
    ------
    rows : (m,) ndarray
    columns : (m, width) ndarray
    data : (m, width) ndarray
        0 where a row is shorter.
    """
    lengths = np.diff(matrix.indptr)
    # Bits of the length: rows of one group differ by less than a factor of 2.
    groups = np.ceil(np.log2(np.maximum(lengths, 1))).astype(int) + (lengths > 0)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        width = int(lengths[rows].max())
        places = np.arange(width)[None]
        there = places < lengths[rows][:, None]
        source = np.where(there, matrix.indptr[rows][:, None] + places, 0)
        columns = np.where(there, matrix.indices[source], 0) if width else source
        data = np.where(there, matrix.data[source], 0) if width else source
        yield rows, columns.astype(np.int32), data


@emits(BsrDotInc)
def emit_bsr_dot_inc(op, step):
    """Emit ``Y += A X`` with A in blocks of one shape: many small products as a batched one.

    Nengo's optimizer makes these of many small ensembles.
    """
    blocks = step.read(op.A)
    n_blocks, n_rows, n_columns = op.A.shape
    x = step.read_flat(op.X)
    x = tf.reshape(x, (-1, n_columns, x.shape[-1]))
    if not np.array_equal(op.indices, np.arange(x.shape[0])):
        x = tf.gather(x, np.asarray(op.indices, np.int32))
    if blocks.shape[-1] == 1:
        product = tf.matmul(blocks[..., 0], x)  # (n_blocks, n_rows, batch)
    else:
        product = tf.reduce_sum(blocks * x[:, None], axis=2)
    per_row = np.diff(op.indptr)
    if not np.all(per_row == 1):
        # Each row of blocks sums its own: from the sums of all before.
        width = int(per_row.max())
        places = np.arange(width)[None]
        there = places < per_row[:, None]
        source = np.where(there, np.asarray(op.indptr)[:-1, None] + places, 0).astype(np.int32)
        taken = tf.gather(product, source)  # (rows of blocks, width, n_rows, batch)
        product = tf.reduce_sum(tf.where(there[..., None, None], taken, step.constant(0)), axis=1)
    step.inc(op.Y, reshaped(product, (*op.Y.shape, product.shape[-1])))
