"""One flat array for all that a network computes with, and Nengo's signals as views of it."""

import numpy as np
from nengo.builder.operator import Copy, DotInc, Reset, SparseDotInc
from nengo.builder.signal import Signal, SignalDict
from nengo.exceptions import SignalError
from nengo.node import Node

from ..views import view_of

ALIGNED = 16  # entries: a cache line of float32
# A matrix with at least so many rows is stored by column, so that a product with few non-zero
# inputs reads only their columns.
TALL = 8


class Memory:
    """Say where each signal lies in one array, and make arrays that look there.

    The array has a part that all items of a minibatch share, then one part for each item, all of
    the same layout. Signals of another type than the model's floats, sparse matrices and the clock
    have arrays of their own.

    Parameters
    ----------
    model : nengo.builder.Model
    operators : sequence of Operator
        All that the simulator runs.
    dtype : numpy.dtype
        Type of the array.
    batch : int
        Number of items.
    shared : set of Signal
        Bases that operators write to and that all items share. Bases that no operator writes to
        are shared anyway, except the outputs of Nodes.
    kernels : bool
        Whether compiled kernels read it, for which matrices are stored by column and zeros are set
        together.

    Attributes
    ----------
    buffer : (size,) ndarray
    shared_size, item_size : int
        Entries of the shared part and of each item's part.
    zeroed_start, zeroed_size : int
        Place and size, in an item's part, of the signals that each step sets to 0 first.
    written, shared : set of Signal
        Bases that operators write to, and those of them that items share.
    """

    def __init__(self, model, operators, dtype, batch, shared=(), kernels=True):
        self.model, self.dtype, self.batch = model, np.dtype(dtype), batch
        self._float = _float_dtype(operators)
        bases = _bases(operators)
        written = {s.base for op in operators for s in op.sets + op.incs + op.updates}
        nodes = {model.sig[n]["out"] for n in model.sig if isinstance(n, Node)}
        of_items = {b for b in bases if b in written or b in nodes} - set(shared)
        clock = {model.time, model.step}
        inside = [b for b in bases if b not in clock and self._fits(b)]
        self._by_column = _stored_by_column(model, operators, inside) if kernels else set()
        zeroed = _zeroed(operators) if kernels else set()
        first = [b for b in inside if b in of_items and b in zeroed]
        rest = [b for b in inside if b in of_items and b not in zeroed]
        self._offset, size = {}, ALIGNED  # an address of 0 is of nothing
        for base in inside:
            if base not in of_items:
                self._offset[base] = size
                size += _padded(base.size)
        self.sparse = {}
        for op in operators:
            new = type(op) is SparseDotInc and op.A not in written and op.A not in self.sparse
            if new and kernels:
                matrix = by_column(op.A.initial_value)
                self.sparse[op.A] = (size, matrix)
                size += _padded(matrix.nnz)
        self.shared_size = size
        for base in first:
            self._offset[base] = size
            size += _padded(base.size)
        self.zeroed_start, self.zeroed_size = self.shared_size, size - self.shared_size
        self.zeroed_bases = set(first)
        for base in rest:
            self._offset[base] = size
            size += _padded(base.size)
        self._end = size
        self.buffer = self._initial = None
        self.written, self.shared = written, set(shared)

    def _fits(self, base):
        return not base.sparse and base.initial_value.dtype == self._float and base.size > 0

    def reserve(self, size):
        """Return the address of ``size`` more entries for each item, before `allocate`."""
        address = self._end
        self._end += _padded(size)
        return address

    @property
    def item_size(self):
        """Entries of each item's part."""
        return self._end - self.shared_size

    def allocate(self):
        """Make the array."""
        self.buffer = np.zeros(self.shared_size + self.batch * self.item_size, self.dtype)

    def reset_items(self):
        """Set all that lies in items' parts to its initial values."""
        if self._initial is None:
            self._initial = np.zeros(self.item_size, self.dtype)
            for base, start in self._offset.items():
                if start >= self.shared_size:
                    to = self._initial[start - self.shared_size :][: base.size]
                    order = "F" if base in self._by_column else "C"
                    to[...] = np.ravel(base.initial_value, order)
        self.buffer[self.shared_size :].reshape(self.batch, -1)[...] = self._initial

    def __contains__(self, signal):
        return signal.base in self._offset

    def is_shared(self, base):
        """Return whether all items share a base."""
        return self._offset[base] < self.shared_size

    def is_by_column(self, base):
        """Return whether a matrix is stored by column."""
        return base in self._by_column

    def address(self, base):
        """Return the address of a base's first entry, in the first item's part."""
        return self._offset[base]

    def places(self, signal):
        """Return the addresses of all entries of a signal, in the order of its flat form.

        Returns
        -------
        (signal.size,) ndarray of int
        """
        base = signal.base
        view = view_of(signal)
        index = np.arange(view.start, view.stop) if view.is_range else view.index
        if base in self._by_column:
            rows, columns = np.divmod(index, base.shape[1])
            index = columns * base.shape[0] + rows
        return self._offset[base] + index

    def of_all_items(self, address):
        """Return the entry at an address of an item's part, for all items."""
        return self.buffer[address :: self.item_size][: self.batch]

    def array(self, base, item=0):
        """Return a base's array for one item, a view of the buffer."""
        start = self._offset[base]
        if start >= self.shared_size:
            start += item * self.item_size
        flat = self.buffer[start : start + base.size]
        if base in self._by_column:
            return flat.reshape(base.shape[::-1]).T
        return flat.reshape(base.shape)

    def arrays(self, base):
        """Return a base's arrays for all items: one array with a first axis of items."""
        one = self.array(base)
        strides = (self.item_size * self.dtype.itemsize, *one.strides)
        return np.lib.stride_tricks.as_strided(one, (self.batch, *one.shape), strides)


class Signals(SignalDict):
    """Map signals to arrays as Nengo does, to views of a `Memory`.

    Parameters
    ----------
    memory : Memory
    item : int or None
        Item of the minibatch, for arrays that are made when they are asked for. None: all items,
        as a first axis of what they do not share, if there is a minibatch.
    clock : dict of {Signal: ndarray}
        Arrays of the step and time, which all items share.
    stacked : bool
        Whether there is a minibatch.
    """

    def __init__(self, memory, item, clock, stacked=False):
        super().__init__()
        self.memory, self.item, self._clock, self._stacked = memory, item, clock, stacked
        self._others, self._n_looked_at = [], 0

    def init(self, signal):
        """Make the array of a signal, with its initial value."""
        memory = self.memory
        if signal in self._clock:
            dict.__setitem__(self, signal, self._clock[signal])
        elif signal in memory.sparse:
            dict.__setitem__(self, signal, self._sparse(signal))
        elif signal in memory:
            if signal in self:
                raise SignalError("Cannot add signal twice")
            if signal.is_view:
                if signal.base not in self:
                    self.init(signal.base)
                dict.__setitem__(self, signal, self._view(signal))
            else:
                self._init_base(signal)
        else:
            super().init(signal)

    def _init_base(self, base):
        memory = self.memory
        whole = self._stacked and not memory.is_shared(base)
        array = memory.arrays(base) if whole else memory.array(base, self.item or 0)
        if self.item is None:
            array[...] = base.initial_value
        if base.readonly:
            array.setflags(write=False)
        dict.__setitem__(self, base, array)

    def _sparse(self, signal):
        from scipy.sparse import csc_matrix

        start, matrix = self.memory.sparse[signal]
        values = self.memory.buffer[start : start + matrix.nnz]
        if self.item is None:
            values[...] = matrix.data
        made = csc_matrix(matrix.shape, dtype=values.dtype)
        made.data, made.indices, made.indptr = values, matrix.indices, matrix.indptr
        return made

    def __getitem__(self, signal):
        try:
            return dict.__getitem__(self, signal)
        except KeyError:
            if not isinstance(signal, Signal):
                raise
            if self.item is not None:
                self.init(signal)
                return dict.__getitem__(self, signal)
            if signal.base is signal:
                raise
            if signal not in self.memory:
                return super().__getitem__(signal)
        view = self._view(signal)
        dict.__setitem__(self, signal, view)
        return view

    def _view(self, signal):
        """Return the array of a signal that is a part of another."""
        base = dict.__getitem__(self, signal.base)
        batch = base.ndim - signal.base.ndim
        offset, strides = _in(base[0] if batch else base, signal)
        data = np.lib.stride_tricks.as_strided(
            self.memory.buffer[_start(base, self.memory.buffer) + offset :][:1],
            (*base.shape[:batch], *signal.shape),
            (*base.strides[:batch], *(s * base.itemsize for s in strides)),
        )
        if signal.readonly:
            data.setflags(write=False)
        return data

    def reset(self, signal):
        """Set an array to the initial value of its signal."""
        if signal.sparse:
            if signal in self.memory.sparse:
                self[signal].data[...] = self.memory.sparse[signal][1].data
        elif not signal.readonly:
            self[signal][...] = signal.initial_value

    def reset_others(self):
        """Set what does not lie in items' parts to its initial values."""
        if len(self) != self._n_looked_at:
            self._others = [
                signal
                for signal in self
                if signal.base is signal
                and not (signal.readonly and not signal.sparse)
                and (signal not in self.memory or self.memory.is_shared(signal))
            ]
            self._n_looked_at = len(self)
        for signal in self._others:
            self.reset(signal)


def _start(array, buffer):
    """Return the place of an array's first entry in the buffer."""
    start = array.__array_interface__["data"][0] - buffer.__array_interface__["data"][0]
    return start // buffer.itemsize


def _in(base, signal):
    """Return where a part of a base starts in the base's array, and its strides, in entries."""
    own = [s // base.itemsize for s in base.strides]
    if signal.base.ndim < 2 or base.flags.c_contiguous:
        return signal.elemoffset, signal.elemstrides
    width = signal.base.shape[1]
    row, column = divmod(signal.elemoffset, width)
    strides = [s // width * own[0] if s % width == 0 else s * own[1] for s in signal.elemstrides]
    return row * own[0] + column * own[1], strides


def by_column(matrix):
    """Return a sparse matrix, Nengo's or SciPy's, as `scipy.sparse.csc_matrix`."""
    from scipy.sparse import csc_matrix

    matrix = csc_matrix(matrix.allocate() if hasattr(matrix, "allocate") else matrix)
    matrix.sum_duplicates()
    return matrix


def _padded(size):
    return -(-size // ALIGNED) * ALIGNED


def _bases(operators):
    """Return the bases that operators mention, in their order."""
    return list(dict.fromkeys(s.base for op in operators for s in op.all_signals))


def _float_dtype(operators):
    """Return the type of the model's floats: that of most signals."""
    types = [s.initial_value.dtype for op in operators for s in op.all_signals if not s.sparse]
    types = [t for t in types if t.kind == "f" and t.itemsize >= 4]
    return max(set(types), key=types.count) if types else np.dtype("float64")


def _zeroed(operators):
    """Return bases that a `Reset` sets to 0, whole."""
    return {
        op.dst
        for op in operators
        if type(op) is Reset and op.value == 0 and op.dst.base is op.dst and op.dst.size > 0
    }


def _stored_by_column(model, operators, bases):
    """Return matrices that products read by column, and those copied to and from them."""
    parts = {
        s.base
        for signals in [
            *(op.all_signals for op in operators),
            *map(dict.values, model.sig.values()),
        ]
        for s in signals
        if s is not None and s.base is not s
    }
    matrices = {b for b in bases if b.ndim == 2 and b not in parts}
    chosen = {
        op.A
        for op in operators
        if type(op) is DotInc and op.A in matrices and op.A.shape[0] >= TALL and op.X.ndim < 2
    }
    copies = [
        (op.src, op.dst)
        for op in operators
        if type(op) is Copy and op.src_slice is None and op.dst_slice is None
    ]
    while True:
        more = {
            b
            for pair in copies
            if chosen & set(pair)
            for b in pair
            if b in matrices and b.shape == pair[0].shape == pair[1].shape
        }
        if more <= chosen:
            return chosen
        chosen |= more
