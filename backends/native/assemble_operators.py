"""Instructions of Nengo's basic operators, products and convolutions."""

import numpy as np
from nengo.builder.operator import (
    Copy,
    DotInc,
    ElementwiseInc,
    Reset,
    SparseDotInc,
    TimeUpdate,
)
from nengo.builder.probe import SimProbe
from nengo.builder.transforms import ConvInc, calc_pad

from . import codes
from .program import Unsupported, assembles

# A product of at least so many numbers is kept while its dense input stays the same.
KEPT_PRODUCT = 2048


@assembles(TimeUpdate)
def time_update(op, program):
    """Leave it to the loop, which counts steps."""


@assembles(SimProbe)
def sim_probe(op, program):
    """Do nothing: the loop records."""


@assembles(Reset)
def reset(op, program):
    """Write ``dst = value``; zeros of an item are set together, before all else."""
    if op.dst.size and op.dst not in program.memory.zeroed_bases:
        program.emit(codes.FILL, [program.address(op.dst)], [op.dst.size], [op.value])
    elif op.dst.size and op.value != 0:
        raise Unsupported


@assembles(Copy)
def copy(op, program):
    """Write ``dst[slice] = src[slice]`` or ``+=``."""
    if op.dst not in program.memory or op.src not in program.memory:
        raise Unsupported
    if op.src.base is op.dst.base:
        raise Unsupported
    if op.inc and op.dst in program.groups:
        program.emit(codes.BEGIN, (), [program.groups[op.dst].pointer])
        return
    if op.src_slice is None and op.dst_slice is None and op.src.shape == op.dst.shape:
        whole = [program.whole(signal) for signal in (op.dst, op.src)]
        if None not in whole and whole[0][1] == whole[1][1]:
            code = codes.ADD if op.inc else codes.COPY
            program.emit(code, [address for address, _ in whole], [op.dst.size])
            return
    to = _sliced(program, op.dst, op.dst_slice)
    source = _sliced(program, op.src, op.src_slice)
    try:
        source = np.broadcast_to(source, to.shape)
    except ValueError:
        raise Unsupported from None
    if not op.inc and len(np.unique(to)) < to.size:
        raise Unsupported  # Nengo has an error for that
    moves = program.moves(op.dst), program.moves(op.src)
    if _is_range(to) and _is_range(source):
        code = codes.ADD if op.inc else codes.COPY
        program.emit(code, [to.flat[0], source.flat[0]], [to.size])
    elif to.size:
        program.copy_places(to.ravel(), source.ravel(), op.inc, *moves)


def _sliced(program, signal, key):
    places = program.memory.places(signal).reshape(signal.shape)
    return places if key is None else places[key]


def _is_range(places):
    flat = places.ravel()
    return flat.size > 0 and np.array_equal(flat, flat[0] + np.arange(flat.size))


@assembles(ElementwiseInc)
def elementwise_inc(op, program):
    """Write ``Y += A * X``, with broadcasting."""
    _add_product(program, op.A, op.X, op.Y)


def _add_product(program, a, x, y):
    memory = program.memory
    if not all(s in memory for s in (a, x, y)):
        raise Unsupported
    for scalar, vector in ((a, x), (x, a)):
        if scalar.size == 1 and vector.size == y.size:
            try:
                addresses = [program.address(s) for s in (y, vector, scalar)]
            except Unsupported:
                continue
            program.emit(codes.ADD_SCALED, addresses, [y.size])
            return
    try:
        places = [np.broadcast_to(memory.places(s).reshape(s.shape), y.shape) for s in (y, a, x)]
    except ValueError:
        raise Unsupported from None
    if all(_is_range(p) for p in places):
        to, first, second = (p.flat[0] for p in places)
        program.emit(codes.ADD_PRODUCT, [to, second, first], [y.size])
    elif y.size:
        kept = [program.indices(p) for p in places]
        moves = [program.moves(s) for s in (y, a, x)]
        program.emit(codes.ADD_PRODUCT_PLACES, (), [y.size, *kept, *moves])


@assembles(DotInc)
def dot_inc(op, program):
    """Write ``Y += A X``."""
    a, x, y = op.A, op.X, op.Y
    if a.ndim == 0 or x.ndim == 0:
        _add_product(program, a, x, y)
        return
    rows, columns = (1, a.size) if a.ndim == 1 else a.shape
    if a.ndim > 2 or columns != x.size or rows != y.size:
        raise Unsupported
    if rows * columns == 0:
        return
    to = program.address(y)
    matrix, by_column = program.matrix(a)
    given = program.gathered(x)
    if a in program.groups:
        program.emit(codes.WEIGHTED, [to, given], [rows, columns, program.groups[a].pointer])
        return
    is_large = rows * columns >= KEPT_PRODUCT and a.base not in program.memory.written
    if columns == 1:
        program.emit(codes.ADD_SCALED, [to, matrix, given], [rows])
    elif not by_column:
        program.emit(codes.BY_ROW, [to, given, matrix], [rows, columns])
    elif is_large and program.trusted:
        kept = program.kept_product(columns, rows)
        program.emit(codes.HELD_BY_COLUMN, [to, given, matrix, *kept], [rows, columns])
    else:
        program.emit(codes.BY_COLUMN, [to, given, matrix], [rows, columns])


@assembles(SparseDotInc)
def sparse_dot_inc(op, program):
    """Write ``Y += A X``, A sparse."""
    if op.A not in program.memory.sparse:
        raise Unsupported
    start, matrix = program.memory.sparse[op.A]
    program.emit(
        codes.SPARSE,
        [program.address(op.Y), program.gathered(op.X), start],
        [
            op.Y.size,
            op.X.size,
            matrix.nnz,
            program.indices(matrix.indptr),
            program.indices(matrix.indices),
        ],
    )


@assembles(ConvInc)
def conv_inc(op, program):
    """Write a convolution over one or two axes, channels last."""
    conv = op.conv
    if conv.dimensions > 2 or conv.groups != 1 or not conv.channels_last:
        raise Unsupported
    one = (1,) if conv.dimensions == 1 else ()
    x_shape = one + tuple(conv.input_shape.shape)
    y_shape = one + tuple(conv.output_shape.shape)
    kernel = one + tuple(conv.kernel_size)
    strides = one + tuple(conv.strides)
    before = [
        calc_pad(conv.padding, x_shape[i], y_shape[i], strides[i], kernel[i]) // 2 for i in (0, 1)
    ]
    shape = program.indices([*x_shape, *y_shape, *kernel, *strides, *before])
    addresses = [program.address(op.Y), program.gathered(op.X), program.address(op.W)]
    ints = [op.Y.size, op.X.size, op.W.size, shape]
    if program.trusted and op.W.base not in program.memory.written:
        addresses += program.kept_product(op.X.size, op.Y.size)
        program.emit(codes.HELD_CONVOLUTION, addresses, ints)
    else:
        program.emit(codes.CONVOLUTION, addresses, ints)
