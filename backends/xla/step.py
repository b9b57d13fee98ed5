"""The values of signals while operators are compiled."""

import numpy as np

from ..compatibility import import_tensorflow
from ..views import view_of
from .random import threefry_2x32, to_uniform

tf = import_tensorflow()


class Step:
    """What emitters read from and write to; see `nengo_pc.backends.xla.emits`.

    Parameters
    ----------
    plan : nengo_pc.backends.xla.plan.Plan
    start : dict of {Signal: tf.Tensor}
        Bases as they are at the start of the step, each in its `whole_shape`.
    dtype : tf.DType
    dt : float
        In s.
    batch : int
        Items of the minibatch.
    learning : {"copies", "sum", "mean"}
        What learning rules of a minibatch change; see `nengo_pc.backends.xla.Simulator`.
    clock : tuple of Signal
        The model's step and time.
    n : tf.Tensor, optional
        Number of this step, from 1; None before the loop.
    keys : tuple of tf.Tensor, optional
        Of random numbers: one per operator that draws, one per item.
    drawing : dict of {Operator: int}, optional
        Which of the keys is an operator's.
    view : callable
        As `view_of`; one that remembers saves work.
    bounds : dict of {Signal: float or None}
        What no value of a base was above at first, where that was counted on; None where such a
        value was written later.

    Attributes
    ----------
    time : tf.Tensor
        Of this step, in s.
    """

    def __init__(
        self,
        plan,
        start,
        dtype,
        dt,
        batch,
        learning="copies",
        clock=(),
        n=None,
        keys=None,
        drawing=None,
        view=view_of,
        bounds=None,
    ):
        self.plan = plan
        self.dtype = tf.as_dtype(dtype)
        self.dt = dt
        self.batch = batch
        self.learning = learning
        self.n = n
        self._start = start
        self._cells = {}
        self._view = view
        self._keys = keys
        self._drawing = drawing or {}
        self._clock = clock
        self._bounds = {} if bounds is None else bounds
        self.written = {}  # bases, in order

    @property
    def time(self):
        """Return the time of this step in s, a scalar."""
        return tf.cast(self.n, self.dtype) * self.dt

    @property
    def share(self):
        """Return the weight of an item in what a minibatch learns together."""
        return 1 / self.batch if self.learning == "mean" else 1.0

    def constant(self, value):
        """Return a constant of the signals' dtype."""
        return tf.constant(value, dtype=self.dtype)

    def kept(self, value):
        """Return a value that several others follow from, so that it is worked out once and kept.

        XLA on a CPU works out again, for each of its users, what takes but sums and products. What
        ends with a division is worked out once; this one is by 1, which only the run knows.
        """
        return value / tf.cast(self.n > 0, self.dtype)

    # Signals

    def read(self, signal):
        """Return what a signal holds: shape ``(*signal.shape, batch or 1)``."""
        flat = self.read_flat(signal)
        return reshaped(flat, (*signal.shape, flat.shape[-1]))

    def read_flat(self, signal):
        """Return what a signal holds: shape ``(signal.size, batch or 1)``."""
        view = self._view(signal)
        value = _flat(self._base(signal.base), signal.base.size)
        if not view.is_range:
            return tf.gather(value, view.index)
        return value if view.stop - view.start == value.shape[0] else value[view.start : view.stop]

    def read_weights(self, signal):
        """Return what a signal holds: a matrix of its shape if all items have it in common.

        Else as `read`.
        """
        return as_weights(self.read(signal))

    def set(self, signal, value):
        """Set a signal to a tensor that broadcasts to ``(*signal.shape, batch or 1)``."""
        self._write(signal, self._flattened(signal, value), inc=False)

    def inc(self, signal, value):
        """Add to a signal what broadcasts to ``(*signal.shape, batch or 1)``."""
        self._write(signal, self._flattened(signal, value), inc=True)

    def update(self, signal, value):
        """Set what the next step will read."""
        value = self._flattened(signal, value)
        if self.is_shared(signal) and value.shape[-1] != 1:
            value = tf.reduce_sum(value, axis=-1, keepdims=True) * self.share
        self._write(signal, value, inc=False)

    def starts_within(self, signal, most):
        """Return whether no value of a signal was above ``most`` before the first step.

        Where the answer is yes, the loop is compiled anew should somebody write such a value.
        """
        base = signal.base
        if self._bounds.get(base, most) != most or np.any(base.initial_value > most):
            return False
        self._bounds[base] = most
        return True

    # Learning in a minibatch

    def is_shared(self, signal):
        """Return whether all items of the minibatch have this signal in common."""
        return self.learning != "copies" and signal.base in self.plan.learned

    def outer(self, post, pre, change):
        """Return the product ``post pre^T`` by which weights change.

        Parameters
        ----------
        post, pre : tf.Tensor
            ``(n_post, batch)`` and ``(n_pre, batch)``.
        change : Signal
            The change of the weights, ``(n_post, n_pre)``.

        Returns
        -------
        tf.Tensor
            ``(n_post, n_pre, batch)``; summed or averaged, ``(n_post, n_pre)``, if shared.
        """
        if self.batch == 1:
            return post * tf.transpose(pre)
        if self.is_shared(change):
            post, pre = (tf.broadcast_to(x, (x.shape[0], self.batch)) for x in (post, pre))
            return tf.matmul(post * self.share, pre, transpose_b=True)
        return post[:, None] * pre[None]

    def by_row(self, factor, weights, change):
        """Return weights times a factor for each row, as they enter a change.

        Parameters
        ----------
        factor : tf.Tensor
            ``(n_post, batch or 1)``.
        weights : tf.Tensor
            As from `read_weights`.
        change : Signal
            The change of the weights.

        Returns
        -------
        tf.Tensor
            Of the shape that `outer` has.
        """
        if self.is_shared(change) and self.batch > 1:
            factor = tf.broadcast_to(factor, (factor.shape[0], self.batch)) * self.share
            factor = tf.reduce_sum(factor, axis=1, keepdims=True)
        return (factor if weights.shape.rank == 2 else factor[:, None]) * weights

    # Random numbers

    def uniform(self, op, size, turn=0):
        """Return random numbers in [0, 1) of an operator in this step, shape ``(size, batch)``.

        They are a function of the seed, the operator, the item, the step, the place and the turn,
        and so do not depend on the size of the minibatch or on how a run is cut.
        """
        op_keys, items = self._keys
        place = tf.constant(np.arange(size, dtype=np.uint32)[:, None])
        place = place + tf.cast(turn, tf.uint32) * tf.constant(size, tf.uint32)
        counter = (tf.cast(self.n, tf.uint32), place)
        bits = threefry_2x32((op_keys[self._drawing[op]], items[None]), counter)
        return to_uniform(bits, self.dtype)

    # How values are kept

    def final(self, base, batch=None):
        """Return a base's value at the end of the step, in its `whole_shape`."""
        value = self._base(base)
        if batch in (None, 1) or value.shape == (base.size, batch):
            return value
        return tf.broadcast_to(_flat(value, base.size), (base.size, batch))

    def _flattened(self, signal, value):
        """Return a value in the signal's shape, flattened."""
        value = tf.convert_to_tensor(value, self.dtype)
        if signal.ndim == 2 and value.shape == signal.shape:  # a matrix for all items
            return reshaped(value, (signal.size, 1))
        shape = (*signal.shape, value.shape[-1] if value.shape.rank else 1)
        if value.shape.rank != len(shape) or tuple(value.shape) != shape:
            value = tf.broadcast_to(value, shape)
        return reshaped(value, (signal.size, shape[-1]))

    def _write(self, signal, value, inc):
        base = signal.base
        self.written[base] = True
        cell = self._cells.get(base)
        if cell is None:
            cell = self._cells[base] = _Cell(base, lambda: self._at_start(base))
        cell.write(self._view(signal), value, inc)

    def _base(self, base):
        cell = self._cells.get(base)
        return self._at_start(base) if cell is None else cell.value()

    def _at_start(self, base):
        """Return a base's value at the start of the step."""
        if base not in self._start:
            if self._clock and base is self._clock[0]:
                value = tf.reshape(tf.cast(self.n, self.dtype), (1, 1))
            elif self._clock and base is self._clock[1]:
                value = tf.reshape(self.time, (1, 1))
            elif base in self.plan.derived:
                function, reads = self.plan.derived[base]
                flat = [_flat(self._start[s], s.size) for s in reads]
                values = [reshaped(v, (*s.shape, v.shape[-1])) for s, v in zip(reads, flat)]
                value = _whole(self._flattened(base, function(self, *values)), base)
            else:
                raise KeyError(f"{base} is read before it is set")
            self._start[base] = value
        return self._start[base]


def whole_shape(base, batch):
    """Return the shape in which a whole base is kept.

    ``(size, batch)``; but a matrix that all items have in common is kept as that, since XLA has
    fast products of a matrix with a vector only if nothing, not even a change of shape, stands
    between the two.
    """
    return base.shape if base.ndim == 2 and batch == 1 else (base.size, batch)


def _flat(value, size):
    """Return a whole base as ``(size, batch)``."""
    return value if value.shape[0] == size else reshaped(value, (size, 1))


def as_weights(value):
    """Return a value as `Step.read_weights` gives it."""
    one_matrix = value.shape.rank == 3 and value.shape[-1] == 1
    return tf.reshape(value, value.shape[:2]) if one_matrix else value


def _whole(value, base):
    """Return ``(size, batch)`` as a whole base is kept."""
    return reshaped(value, whole_shape(base, value.shape[-1]))


def reshaped(value, shape):
    """Return a tensor in a shape, itself if it has it already."""
    return value if tuple(value.shape) == tuple(shape) else tf.reshape(value, shape)


class _Cell:
    """A base's value, put together from what was written to its parts.

    Nengo sets first, then increments, then reads, so that parts can wait until they are read, and
    many small ones become one concatenation.
    """

    def __init__(self, base, start):
        self.base, self.size = base, base.size
        self.start = start
        self.current = None
        self.sets, self.incs = [], []

    def write(self, view, value, inc):
        whole = view.is_range and view.stop - view.start == self.size
        if whole and not inc:
            self.current, self.sets, self.incs = _whole(value, self.base), [], []
            return
        if not inc and self.incs:
            self.value()
        (self.incs if inc else self.sets).append((view, value))

    def value(self):
        if self.sets:
            sets, self.sets = self.sets, []
            covered = sum(v.shape[0] for _, v in sets) == self.size
            below = None if covered else self._flat()
            for view, value in sets:
                if not view.is_range:
                    below = _placed(self._flat() if below is None else below, view, value)
            ranges = [(view, value) for view, value in sets if view.is_range]
            self.current = _whole(_joined(ranges, self.size, below), self.base)
        incs, self.incs = self.incs, []
        parts = [_joined(layer, self.size, None) for layer in _layers(incs)]
        parts += [_spread(v, value, self.size) for v, value in incs if not v.is_range]
        for part in parts:
            current, part = self._current(), _whole(part, self.base)
            if self.base.ndim == 2 and current.shape != part.shape:  # one is a matrix for all items
                current, part = _flat(current, self.size), _flat(part, self.size)
            self.current = current + part
        return self._current()

    def _flat(self):
        return _flat(self._current(), self.size)

    def _current(self):
        if self.current is None:
            self.current = self.start()
        return self.current


def _layers(pieces):
    """Return those pieces that are ranges, in groups that do not overlap."""
    layers = []
    ranges = [piece for piece in pieces if piece[0].is_range]
    for view, value in sorted(ranges, key=lambda piece: piece[0].start):
        for layer in layers:
            if layer[-1][0].stop <= view.start:
                layer.append((view, value))
                break
        else:
            layers.append([(view, value)])
    return layers


def _joined(pieces, size, below):
    """Return pieces that do not overlap, with ``below`` (or 0) between them."""
    if not pieces:
        return below
    pieces = sorted(pieces, key=lambda piece: piece[0].start)
    parts, at = [], 0
    for view, value in [*pieces, (None, None)]:
        stop = size if view is None else view.start
        if stop > at:
            gap = (
                below[at:stop]
                if below is not None
                else tf.zeros((stop - at, 1), pieces[0][1].dtype)
            )
            parts.append(gap)
        if view is not None:
            parts.append(value)
            at = view.stop
    if len(parts) == 1:
        return parts[0]
    batch = max(part.shape[-1] for part in parts)
    return tf.concat([tf.broadcast_to(p, (p.shape[0], batch)) for p in parts], axis=0)


def _inverse(view, size):
    """Return, for each place of a base, which element of the view is there, and if any is."""
    inverse = np.zeros(size, dtype=np.int32)
    inverse[view.index] = np.arange(view.index.size)
    there = np.zeros((size, 1), dtype=bool)
    there[view.index] = True
    return inverse, there


def _placed(below, view, value):
    """Return ``below`` with the elements of a view replaced."""
    inverse, there = _inverse(view, below.shape[0])
    return tf.where(there, tf.gather(value, inverse), below)


def _spread(view, value, size):
    """Return the elements of a view, added up where several lie in one place, 0 elsewhere."""
    if np.unique(view.index).size < view.index.size:
        return tf.math.unsorted_segment_sum(value, view.index, size)
    inverse, there = _inverse(view, size)
    return tf.where(there, tf.gather(value, inverse), tf.zeros((), value.dtype))
