"""The time loop as one compiled function."""

import functools
from dataclasses import dataclass

import numpy as np

from ..compatibility import import_tensorflow
from ..views import view_of
from . import registry
from .ahead import written_ahead
from .plan import Feed, is_uniform
from .reuse import reused
from .step import Step, reshaped, whole_shape

tf = import_tensorflow()

# What Python hands to the loop of one chunk.
CHUNK_BYTES = 64 * 2**20
CHUNK_STEPS = 1024
LARGE_RECORD = 4096  # numbers in a step


@dataclass(frozen=True)
class Recorded:
    """A probe as the loop sees it.

    Attributes
    ----------
    probe : nengo.Probe
    signal : nengo.builder.Signal
    keep : {"all", "last", "mean"}
    batch : int
        Of what it records: 1 for what all items share.
    """

    probe: object
    signal: object
    keep: str
    batch: int


@dataclass(frozen=True)
class Group:
    """Probes that are recorded together, since one large array costs less than many small ones.

    Attributes
    ----------
    probes : tuple of Recorded
    keep : str
    batch : int
    row : int
        Of all that is given for each probe, which says where a step is recorded.
    """

    probes: tuple
    keep: str
    batch: int
    row: int


def grouped(probes):
    """Return the groups of probes: small ones share one if they keep the same steps."""
    groups = {}
    for probe in probes:
        alone = probe.signal.size * probe.batch > LARGE_RECORD
        period = probe.probe.sample_every
        key = (probe.keep, probe.batch, period, probe if alone else None)
        groups.setdefault(key, []).append(probe)
    whole = [p for p in probes if p.keep == "all"]
    return [
        Group(tuple(ps), keep, batch, whole.index(ps[0]) if keep == "all" else -1)
        for (keep, batch, _, _), ps in groups.items()
    ]


class Setting:
    """What does not change between the chunks of a run.

    Parameters
    ----------
    plan : nengo_pc.backends.xla.plan.Plan
    dtype : str
    dt : float
    batch : int
    learning : str
    clock : tuple of Signal
    probes : list of (nengo.Probe, Signal, str)
        With how much to keep.
    bounds : dict
        As `Step` has it.

    Attributes
    ----------
    probes, steady : list of Recorded
        Probes of what can change from step to step, and of what does not.
    groups : list of Group
    held_feeds : list of Feed
    fed : list
        Feeds that change from step to step, and operators that Python runs ahead.
    drawing : dict of {Operator: int}
        Operators that draw random numbers, numbered.
    """

    def __init__(self, plan, dtype, dt, batch, learning, clock, probes, bounds):
        self.plan, self.dtype, self.dt, self.batch = plan, dtype, dt, batch
        self.learning, self.clock, self.bounds = learning, clock, bounds
        recorded = [Recorded(p, s, how, self.batch_of(s.base)) for p, s, how in probes]
        self.steady = [p for p in recorded if self._is_steady(p.signal.base)]
        self.probes = [p for p in recorded if p not in self.steady]
        self.groups = grouped(self.probes)
        self.held_feeds = [feed for feed in plan.feeds if feed.held]
        self.fed = [feed for feed in plan.feeds if not feed.held] + plan.ahead
        drawing = [op for op in plan.in_loop if getattr(op, "state_extra", None)]
        self.drawing = {op: k for k, op in enumerate(drawing)}
        self._views = {}

    def _is_steady(self, base):
        return base not in self.clock and self.plan.is_steady(base)

    def batch_of(self, base):
        """Return how many items a base that can change has values for."""
        return 1 if self.learning != "copies" and base in self.plan.learned else self.batch

    @functools.cached_property
    def constants(self):
        """Return constants as tensors, ``(size, 1)`` each; None where one number says it all."""
        return [
            None if s.sparse or is_uniform(s.initial_value) else self.constant(s, s.initial_value)
            for s in self.plan.constants
        ]

    def constant(self, signal, value):
        """Return a constant's value for the loop."""
        return tf.constant(np.asarray(value, self.dtype).reshape(whole_shape(signal, 1)))

    def step(self, start, n=None, keys=None):
        """Return a `Step` that starts from these values."""
        return Step(
            self.plan,
            start,
            self.dtype,
            self.dt,
            self.batch,
            self.learning,
            self.clock,
            n,
            keys,
            self.drawing,
            self.view,
            self.bounds,
        )

    def view(self, signal):
        """Return where a signal's elements lie in its base."""
        if signal not in self._views:
            self._views[signal] = view_of(signal)
        return self._views[signal]

    def at_first(self, constants, held):
        """Return values before the loop: constants, what is held, and what follows from these."""
        plan, start = self.plan, {}
        for signal, value in zip(plan.constants, constants):
            if value is None and not signal.sparse:
                value = tf.fill(whole_shape(signal, 1), tf.constant(_first(signal), self.dtype))
            start[signal] = value
        before = self.step(start)
        for feed, value in zip(self.held_feeds, held):
            if feed.signal.base not in plan.carried:
                before.set(feed.signal, value)
        emit(plan.held, before)
        return start | {base: before.final(base) for base in before.written}

    def feed(self, step, held, fed):
        """Set what was given to the run for this step."""
        for feed, value in zip(self.held_feeds, held):
            if feed.signal.base in self.plan.carried:
                step.set(feed.signal, value)
        for source, value in zip(self.fed, fed):
            if isinstance(source, Feed):
                step.set(source.signal, value)

    def step_bytes(self, fed_batches):
        """Return what goes in and comes out of the loop for each step."""
        floats = sum(p.signal.size * p.batch for p in self.probes if p.keep == "all")
        for source, batch in zip(self.fed, fed_batches):
            floats += fed_size(source) * batch
        return floats * np.dtype(self.dtype).itemsize

    def chunk_steps(self, fed_batches):
        """Return how many steps fit a chunk."""
        return int(np.clip(CHUNK_BYTES // max(1, self.step_bytes(fed_batches)), 1, CHUNK_STEPS))


def fed_size(source):
    """Return the size of what Python gives the loop in place of a source."""
    signals = [source.signal] if isinstance(source, Feed) else [s for s, _ in written_ahead(source)]
    return sum(signal.size for signal in signals)


def _first(signal):
    return float(signal.initial_value.flat[0])


def emit(ops, step, given=()):
    """Compile operators in order, or take what is given for them."""
    for op in ops:
        if op not in given:
            registry.emitter_of(op).emit(op, step)
            continue
        for signal, kind in written_ahead(op):
            value = reshaped(given[op], (*signal.shape, given[op].shape[-1]))
            getattr(step, kind)(signal, value)


class Loop:
    """A chunk of up to ``capacity`` steps as one XLA function.

    Parameters
    ----------
    setting : Setting
    capacity : int
    """

    def __init__(self, setting, capacity):
        self.setting = setting
        self.capacity = capacity
        self._compiled = None

    def __call__(self, constants, state, held, fed, start, n_steps, rows, keys):
        """Run ``n_steps``, at most ``capacity``.

        Parameters
        ----------
        constants, state, held, fed : list of tf.Tensor
            ``fed`` with the capacity as first axis.
        start : int
            Steps that were run before.
        rows : list of (capacity + 1,) ndarray
            For each probe that keeps all, the row that a step is recorded in, if it is: then the
            next step has another.
        keys : pair of tf.Tensor

        Returns
        -------
        state, recorded, steady, finite
            ``recorded`` in the order of the setting's probes: ``(rows, size, batch)`` or, for the
            last value or the sum, ``(size, batch)``.
        """
        arguments = (constants, state, held, fed, tf.constant(start), tf.constant(n_steps))
        if self._compiled is None:
            function = tf.function(self._run, jit_compile=True, autograph=False)
            self._compiled = reused(function.get_concrete_function(*arguments, rows, keys))
        return self._compiled(*arguments, rows, keys)

    def _run(self, constants, state, held, fed, start, n_steps, rows, keys):
        setting, plan = self.setting, self.setting.plan
        first = setting.at_first(constants, held)
        records = [self._empty(group) for group in setting.groups]

        def body(i, state, records):
            now = dict(first) | dict(zip(plan.carried, state))
            step = setting.step(now, start + i + 1, keys)
            given = [values[i] for values in fed]
            setting.feed(step, held, given)
            emit(plan.in_loop, step, dict(zip(setting.fed, given)))
            state = [step.final(s, setting.batch_of(s)) for s in plan.carried]
            records = [
                _record(step, group, record, rows, i)
                for group, record in zip(setting.groups, records)
            ]
            return i + 1, state, records

        _, state, records = tf.while_loop(
            lambda i, *_: i < n_steps, body, (tf.constant(0), state, records)
        )
        finite = [tf.reduce_all(s == s) for s in state]  # NaN differs from itself
        last = setting.step(dict(first))
        steady = [last.read_flat(p.signal) for p in setting.steady]
        return state, self._apart(records), steady, finite

    def _empty(self, group):
        dtype = tf.as_dtype(self.setting.dtype)
        shape = (sum(p.signal.size for p in group.probes), group.batch)
        if group.keep == "all":
            return tf.TensorArray(dtype, self.capacity + 1, element_shape=shape)
        return tf.zeros(shape, dtype)

    def _apart(self, records):
        """Return what each probe recorded, in the order of the probes."""
        found = {}
        for group, record in zip(self.setting.groups, records):
            whole = record.stack() if group.keep == "all" else record
            sizes = [p.signal.size for p in group.probes]
            found |= zip(group.probes, tf.split(whole, sizes, axis=-2))
        return [found[probe] for probe in self.setting.probes]


def _record(step, group, record, rows, i):
    """Add a step to what a group of probes recorded."""
    values = [step.read_flat(p.signal) for p in group.probes]
    values = [tf.broadcast_to(v, (v.shape[0], group.batch)) for v in values]
    value = values[0] if len(values) == 1 else tf.concat(values, axis=0)
    if group.keep == "all":
        return record.write(rows[group.row][i], value)
    return record + value if group.keep == "mean" else value
