"""Nengo's simulator interface over compiled time loops."""

import logging
import re
import time

import nengo
import numpy as np
from nengo.cache import get_default_decoder_cache
from nengo.exceptions import SimulationError, SimulatorClosed, ValidationError
from nengo.utils.progress import Progress, ProgressTracker

from ..arguments import check_choice, check_data, check_size
from ..base import check_keep
from ..compatibility import import_tensorflow
from ..interrupts import Interrupts
from ..timed import Timed
from . import registry
from .ahead import Ahead
from .data import Data
from .merge import merge_operators
from .plan import Feed, make_plan
from .program import Loop, Setting
from .signals import Signals
from .step import whole_shape

tf = import_tensorflow()
registry.load_own()

logger = logging.getLogger(__name__)

DTYPES = ("float32", "float64")
LEARNING = ("copies", "sum", "mean")
RANDOM = ("compiled",)
# A compiled chunk is used for shorter runs, rather than compile another: by up to this factor, or
# for any where so little goes in and out that it does not matter.
REUSED = 4
LITTLE_BYTES = 2**20
# With more operators than this, merging like ones saves more time in compiling than it costs.
MANY_OPERATORS = 300


class Simulator(Timed, nengo.Simulator):
    """Run a Nengo network as one compiled time loop.

    The network is built by Nengo's own builder. Its operators, in the order of Nengo's dependency
    graph, are translated to one TensorFlow function whose loop body is a time step, compiled by
    XLA: once for each kind of input and length of chunk. Where `nengo.Simulator` has an argument or
    attribute, this has the same.

    Parameters
    ----------
    network : nengo.Network or None
    dt : float
        Length of a step in s.
    seed : int, optional
        Seed of all that is random while running.
    model : nengo.builder.Model, optional
        Model that is built already, or to build into.
    progress_bar : bool or nengo.utils.progress.ProgressBar
    optimize : bool, optional
        Whether to merge like operators first, as far as can be. None: where there are more than
        300, which is when it pays.
    minibatch_size : int, optional
        Number of copies to run at once, which differ in their input, in what is random and,
        perhaps, in what they learn. Data have a first axis of that size, as in NengoDL. None: one,
        no axis.
    dtype : {"float32", "float64"}
    minibatch_learning : {"copies", "sum", "mean"}
        What learning rules do in a minibatch. ``copies``: each item learns weights of its own, from
        the same start, as in NengoDL. ``sum``, ``mean``: all items share weights, which change by
        the sum or mean of what each item's rule says. The mean makes a learning rate mean the same
        for any minibatch.
    keep : {"all", "last", "mean"} or dict of {nengo.Probe: such}
        What ``data`` has of a probe: every step, the last step or the mean since the last reset,
        which take no memory that grows with time. With a dict, other probes are not recorded.
    random : {"compiled"}
        Source of the random numbers of stochastic neurons: counters, in the loop. The native
        backend has Nengo's own numbers as well.

    Attributes
    ----------
    compile_seconds : float
        What compiling took so far.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is not as described.
    nengo.exceptions.BuildError
        If Python would have to take part in a step, or an operator has no compiled form, naming
        the Nengo object that it came from. `nengo_pc.backends.native.Simulator` runs such networks.

    Notes
    -----
    Functions of Nodes that need the time alone, functions of what such Nodes put out, and processes
    without input run in Python ahead of each chunk of up to 1,024 steps, step by step and in the
    model's order. They may share objects
    and look at ``n_steps`` and ``time``. They may not look at ``signals`` or at what probes
    recorded, or write to an array that ``signals`` gave before, which raises a
    `nengo.exceptions.SimulationError`; such an array shows them the start of the run. All other
    Python (functions with an input, neuron types and operators of one's own) needs a
    compiled form, see `nengo_pc.backends.xla.computes`.

    TensorFlow keeps what it compiled, some 3 MiB for a small network, until the process ends.
    Networks that differ in nothing but the values of their constants share it.

    If such a function raises, or Ctrl-C is pressed, the steps before are done, recorded and
    counted.

    Sums are made in another order than in `nengo.Simulator`; apart from rounding, results are the
    same. In float64 spikes are, to the step.

    Examples
    --------
    >>> import nengo
    >>> from nengo_pc.backends.xla import Simulator
    >>> with nengo.Network(seed=0) as network:
    ...     node = nengo.Node([0.5])
    ...     ensemble = nengo.Ensemble(50, 1)
    ...     connection = nengo.Connection(node, ensemble)
    ...     probe = nengo.Probe(ensemble, synapse=0.03)
    >>> with Simulator(network, progress_bar=False) as simulator:
    ...     simulator.run(0.2)
    >>> print(f"{simulator.data[probe][-1, 0]:.1f}")
    0.5
    """

    substitutions = ()

    def __init__(
        self,
        network,
        dt=0.001,
        seed=None,
        model=None,
        progress_bar=True,
        optimize=None,
        minibatch_size=None,
        dtype="float32",
        minibatch_learning="copies",
        keep="all",
        random="compiled",
    ):
        self.closed = True  # in case something below fails
        check_choice("dtype", dtype, DTYPES)
        check_choice("minibatch_learning", minibatch_learning, LEARNING)
        if random == "reference":
            raise ValidationError(
                "must be compiled, got 'reference': nengo_pc.backends.native.Simulator "
                "(backend='native') draws Nengo's own random numbers",
                "random",
            )
        check_choice("random", random, RANDOM)
        self.minibatch_size = check_size(minibatch_size)
        self.dtype = dtype
        self.minibatch_learning = minibatch_learning
        self.random = random
        self.compile_seconds = 0.0
        self._batch = self.minibatch_size or 1
        self._keep = keep
        self._settings, self._loops, self._initial, self._constants = {}, {}, {}, {}
        self._bounds = {}  # as Step has it
        self._running_ahead = False
        if model is None:
            model = nengo.builder.Model(
                dt=float(dt),
                label=f"{network}, dt={dt:f}",
                decoder_cache=get_default_decoder_cache(),
            )
        with ProgressTracker(progress_bar, Progress("Building", "Build")) as tracker:
            if network is not None:
                model.build(network, progress=tracker.next_stage("Building", "Build"))
            if optimize is None:
                optimize = len(model.operators) > MANY_OPERATORS
            if optimize:
                with tracker.next_stage("Building (merging operators)", "Merging"):
                    merge_operators(model)
        if seed is None and network is not None and network.seed is not None:
            seed = network.seed + 1
        super().__init__(None, dt, seed, model, False, False)
        self.progress_bar, self.optimize = progress_bar, optimize

    # Running

    def reset(self, seed=None, first_item=0):
        """Go back to the first step.

        Parameters
        ----------
        seed : int, optional
            Of all that is random while running.
        first_item : int
            Number of the minibatch's first item. What is random for an item depends on the seed
            and on its number, not on its place.
        """
        if self.closed:
            raise SimulatorClosed("Cannot reset closed Simulator.")
        if seed is not None:
            self.seed = seed
        self.rng = np.random.RandomState(self.seed)
        self._first_item = int(first_item)
        self._state = {}
        self._ahead = self._made_ahead()  # says now what cannot be compiled
        self._count(0)
        self._signals.hand_out = self._hand_out
        for base in self._signals.given:
            if not base.readonly:
                self._signals.put(base, base.initial_value)
        self.clear_probes()

    def _made_ahead(self):
        """Return what Python runs ahead, before the first step."""
        plan = self._setting(()).plan
        seed = self.seed + self._first_item
        ahead = Ahead(plan.ahead, self.step_order, self._clock, self.dt, seed, self._batch)
        for base in self._constants:
            ahead.put(base, self._signals.array(base))
        return ahead

    @property
    def _clock(self):
        return self.model.step, self.model.time

    def _count(self, n_steps, begun=None):
        """Set the number of steps done, and of the last that was begun, done or not."""
        self._n_steps, self._time = n_steps, n_steps * self.dt
        self._begun = n_steps if begun is None else begun

    def close(self):
        """Free what was compiled; what was recorded stays."""
        super().close()
        self._loops, self._settings, self._state = {}, {}, {}
        self._initial, self._constants = {}, {}

    def clear_probes(self):
        """Forget what probes recorded."""
        self.data = Data(self.model.params, self._keep_of, self.minibatch_size is not None)

    def step(self, *, data=None):
        """Advance by one step; see `run_steps`."""
        self.run_steps(1, False, data=data)

    def run_steps(self, steps, progress_bar=None, *, data=None):
        """Run for a number of steps.

        Parameters
        ----------
        steps : int
        progress_bar : bool or nengo.utils.progress.ProgressBar, optional
        data : dict of {nengo.Node: array_like}, optional
            What Nodes without input put out in this run, shape ``(minibatch_size, steps, size)``,
            without the first axis if ``minibatch_size`` is None. Where the axis of steps has
            length 1, this is held for the whole run, and what depends on it alone is worked out
            once.

        Raises
        ------
        nengo.exceptions.ValidationError
            If data do not fit, naming the Node.
        nengo.exceptions.SimulationError
            If a signal became NaN, naming it.
        nengo.exceptions.BuildError
            If a function of Python takes what is given as its input.
        """
        if self.closed:
            raise SimulatorClosed("Simulator cannot run because it is closed.")
        given = check_data(
            data or {}, steps, self._batch, self.minibatch_size is None, self.model.sig
        )
        setting = self._setting(tuple((node, len(v) == 1) for node, v in given.items()))
        held = [tf.constant(v[0], self.dtype) for v in given.values() if len(v) == 1]
        fed = [v for v in given.values() if len(v) > 1]
        batches = [v.shape[-1] for v in fed]
        batches += [self._ahead.n_items(op) for op in setting.plan.ahead]
        longest = setting.chunk_steps(batches)
        little = longest * setting.step_bytes(batches) <= LITTLE_BYTES
        bar = self.progress_bar if progress_bar is None else progress_bar
        taken = self._take_written()
        try:
            with ProgressTracker(bar, Progress("Simulating", "Simulation", steps)) as tracker:
                for done in range(0, steps, longest):
                    n = min(longest, steps - done)
                    capacity = longest if little else self._capacity(setting, n, longest)
                    self._run_chunk(setting, held, [v[done : done + n] for v in fed], n, capacity)
                    tracker.total_progress.step(n)
            self._check_unwritten(taken)
        finally:
            self._show_state()

    def _run_chunk(self, setting, held, fed, n, capacity):
        """Run n steps with what is compiled for up to ``capacity``."""
        fed = [np.pad(v, [(0, capacity - n), (0, 0), (0, 0)]) for v in fed]
        zeros = [self._ahead.zeros(op, capacity) for op in setting.plan.ahead]
        loop = self._compiled(setting, held, [*fed, *zeros], capacity)
        start = self._begun
        ahead, done, error = self._run_ahead(setting, start, n, capacity)
        with Interrupts():
            if done:
                self._run_loop(loop, setting, held, [*fed, *ahead], start, done)
            if error is not None:
                # Nengo's clock has moved on when a function raises, and the step is not repeated.
                self._begun = start + done + 1
        if error is not None:
            raise error

    def _run_ahead(self, setting, start, n, capacity):
        """Return what Python gives for n steps, how many it was run for, and what stopped it."""
        before = self._n_steps

        def see_step_before(step):
            self._n_steps = before if step == start + 1 else step - 1
            self._time = self._n_steps * self.dt

        self._running_ahead = self.data.hidden = True
        try:
            return self._ahead.run(setting.plan.ahead, start, n, capacity, see_step_before)
        finally:
            self._running_ahead = self.data.hidden = False
            self._count(before, start)

    def _compiled(self, setting, held, fed, capacity):
        """Return the loop for up to ``capacity`` steps."""
        constants = self._loop_constants(setting)
        key = (setting, capacity, tuple(value is None for value in constants))
        if key not in self._loops:
            began = time.perf_counter()
            loop = Loop(setting, capacity)
            loop(*self._arguments(setting, held, fed, capacity, 0))
            seconds = time.perf_counter() - began
            self._loops[key] = loop
            self.compile_seconds += seconds
            logger.info("compiled in %.1f s: %s", seconds, self.model.label)
        return self._loops[key]

    def _arguments(self, setting, held, fed, capacity, n):
        """Return what the loop is called with, for n steps from here."""
        rows = [self._rows(p.probe, capacity) for p in setting.probes if p.keep == "all"]
        return (
            self._loop_constants(setting),
            [self._value(signal, setting) for signal in setting.plan.carried],
            held,
            [tf.constant(v, self.dtype) for v in fed],
            self._begun,
            n,
            rows,
            self._keys(setting),
        )

    def _run_loop(self, loop, setting, held, fed, start, n):
        """Run n compiled steps, record them and count them."""
        carried = setting.plan.carried
        arguments = self._arguments(setting, held, fed, loop.capacity, n)
        state, records, steady, finite = loop(*arguments)
        for signal, is_finite in zip(carried, finite):
            if not is_finite:
                raise SimulationError(
                    f"{signal.name} became NaN between steps {start} and {start + n}"
                )
        self._state.update(zip(carried, state))
        for probe, record in zip(setting.probes, records):
            record = np.asarray(record)
            if probe.keep == "all":
                record = record[: self._rows(probe.probe, n)[n]]
            self.data.add(probe.probe, record, probe.signal.shape, n)
        for probe, value in zip(setting.steady, steady):
            value = np.asarray(value)
            if probe.keep == "all":
                value = np.repeat(value[None], self._rows(probe.probe, n)[n], axis=0)
            elif probe.keep == "mean":
                value = value * n
            self.data.add(probe.probe, value, probe.signal.shape, n)
        self._count(start + n)

    def _capacity(self, setting, n, longest):
        """Return the length of the chunk for n steps: one that is compiled, or a power of two."""
        there = [c for of, c, _ in self._loops if of is setting and n <= c <= REUSED * n]
        return min(there, default=min(longest, 2 ** int(np.ceil(np.log2(n)))))

    def _rows(self, probe, n):
        """Return how many steps of a probe are kept before each of the next n, and after all."""
        steps = self._begun + 1 + np.arange(n)
        period = 1 if probe.sample_every is None else probe.sample_every / self.dt
        return np.concatenate([[0], np.cumsum(steps % period < 1)]).astype(np.int32)

    def _keys(self, setting):
        """Return keys of random numbers, by operator and by item."""
        order = {op: k for k, op in enumerate(self.step_order)} if setting.drawing else {}
        seeds = [np.random.SeedSequence((self.seed, order[op])) for op in setting.drawing]
        ops = np.array([s.generate_state(1)[0] for s in seeds], dtype=np.uint32)
        items = np.arange(self._first_item, self._first_item + self._batch, dtype=np.uint32)
        return tf.constant(ops), tf.constant(items)

    # What is compiled

    def _setting(self, given):
        """Return the plan and all else of a run, by the Nodes given and whether they are held."""
        if given not in self._settings:
            feeds = [Feed(self.model.sig[node]["out"], held) for node, held in given]
            plan = make_plan(self.model, self.step_order, feeds)
            self._settings[given] = Setting(
                plan,
                self.dtype,
                self.dt,
                self._batch,
                self.minibatch_learning,
                self._clock,
                [(p, self.model.sig[p]["in"], how) for p, how in self._keep_of.items()],
                self._bounds,
            )
        return self._settings[given]

    def _loop_constants(self, setting):
        """Return the constants as they are now; None where one number, compiled in, says it all."""
        signals, built = setting.plan.constants, setting.constants
        return [self._constants.get(s, value) for s, value in zip(signals, built)]

    # State

    def _value(self, signal, setting):
        """Return what a carried base holds, ``(size, batch)``."""
        if signal in self._state:
            return self._state[signal]
        if signal not in self._initial:
            self._initial[signal] = _tensor(signal.initial_value, signal, setting)
        return self._initial[signal]

    @property
    def signals(self):
        """Return arrays of signals, to look at and to write to between runs.

        There are those that a step leaves to the next (without a minibatch: see `value`), and those
        that no step changes, such as biases and encoders. What is written to them takes effect in
        the next run, and what a learning rule adds in its first step follows from it. Other signals
        are worked out anew in each step, and raise a `nengo.exceptions.SimulationError`.
        """
        return self._signals

    @signals.setter
    def signals(self, signals):
        self._signals = signals if signals is None else Signals()

    def _hand_out(self, base):
        """Bring a signal's array up to date before somebody sees it, or raise an error."""
        self._check_not_ahead("signals")
        if base in self._clock or base in self._setting(()).plan.carried:
            if self.minibatch_size is not None and base not in self._clock:
                raise SimulationError(
                    f"{base.name} has a value for each item of the minibatch: see "
                    "Simulator.value and Simulator.get_state"
                )
            if base not in self._signals.given:
                self._signals.given.add(base)
                self._show(base)
        elif base.sparse or self._is_written(base):
            what = "compiled in" if base.sparse else "worked out anew in each step"
            raise SimulationError(
                f"{base.name} is {what} and cannot be looked at: use a probe, or "
                "nengo_pc.backends.native.Simulator (backend='native')"
            )
        else:
            self._signals.keep_constant(base)

    def _is_written(self, base):
        ops = self.model.operators
        return any(s.base is base for op in ops for s in op.sets + op.incs + op.updates)

    def _check_not_ahead(self, what):
        if self._running_ahead:
            raise SimulationError(
                f"{what} cannot be used by a Node's function on the xla backend, which runs it "
                "ahead of the steps; use nengo_pc.backends.native.Simulator (backend='native')"
            )

    def _show(self, base):
        """Write a base's value to its array."""
        if base in self._clock:
            self._signals.put(base, self._begun * (1 if base is self.model.step else self.dt))
            self._signals.array(base).setflags(write=False)
        else:
            value = np.asarray(self._value(base, self._setting(())))
            self._signals.put(base, value.reshape(base.shape))

    def _show_state(self):
        """Bring all arrays up to date that somebody has."""
        for base in self._signals.given - set(self._signals.in_use):
            self._show(base)

    def _take_written(self):
        """Take what was written to arrays that somebody has, and return copies of these arrays."""
        setting, signals = self._setting(()), self._signals
        for base in signals.given - set(signals.in_use) - set(self._clock):
            self._set(base, signals.array(base), setting)
        self._take_changed(setting)
        return {base: np.array(signals.array(base)) for base in signals.given}

    def _check_unwritten(self, taken):
        """Raise a SimulationError if somebody wrote to arrays since these copies were made."""
        for base, value in taken.items():
            if not np.array_equal(self._signals.array(base), value, equal_nan=True):
                raise SimulationError(
                    f"{base.name} was written to during the run, which has no effect on the xla "
                    "backend; use nengo_pc.backends.native.Simulator (backend='native')"
                )

    def _take_changed(self, setting):
        """Take constants that were written to."""
        for base in self._signals.changed():
            self._constants[base] = setting.constant(base, self._signals.array(base))
            self._ahead.put(base, self._signals.array(base))

    def _set(self, base, value, setting):
        """Set what a carried base holds: its shape, or with a last axis of items."""
        most = self._bounds.get(base)
        if most is not None and np.any(value > most):
            self._bounds[base] = None
            self._loops = {}  # they count on smaller values
        self._state[base] = _tensor(value, base, setting)

    def value(self, signal):
        """Return what a signal that one step leaves to the next holds now.

        Returns
        -------
        ndarray
            Of the signal's shape; with a minibatch whose items differ in it, with an axis of items
            at the end.

        Raises
        ------
        nengo.exceptions.ValidationError
            If it is not such a signal.
        """
        self._check_not_ahead("value")
        setting = self._setting(())
        if signal.base is not signal or signal not in setting.plan.carried:
            raise ValidationError(f"{signal.name} is not left to the next step", "signal")
        value = np.asarray(self._value(signal, setting))
        shared = value.size == signal.size
        return value.reshape(signal.shape if shared else (*signal.shape, -1))

    def get_state(self):
        """Return all that the next step depends on, to go on from in another process.

        Returns
        -------
        dict of {str: ndarray}
            The last axis is the minibatch. Objects of Python that Nodes' functions change are left
            out.
        """
        self._check_not_ahead("get_state")
        setting = self._setting(())
        state = {"step": np.array(self._begun)}
        for key, signal in self._kept().items():
            state[key] = np.asarray(self._value(signal, setting))
        for key, signal in self._written_constants().items():
            state[key] = np.array(self._signals.in_use[signal])
        return state

    def _kept(self):
        """Return the signals that steps leave to the next, by name."""
        return _named("", self._setting(()).plan.carried)

    def _written_constants(self):
        """Return the constants that somebody wrote to, by name."""
        named = _named("constant ", self._setting(()).plan.constants)
        return {key: signal for key, signal in named.items() if signal in self._constants}

    def set_state(self, state):
        """Go on from what `get_state` gave, for the same network, minibatch and precision.

        What Python runs ahead, such as noise, is run again up to there. Probes keep what they have.

        Raises
        ------
        nengo.exceptions.ValidationError
            If it is another network's.
        """
        setting = self._setting(())
        kept, constants = self._kept(), _named("constant ", setting.plan.constants)
        wanted = {"step": ()} | {
            key: np.shape(self._value(signal, setting)) for key, signal in kept.items()
        }
        wanted |= {key: constants[key].shape for key in state if key in constants}
        for key in [*wanted, *state]:
            shapes = wanted.get(key), np.shape(state[key]) if key in state else None
            if shapes[0] != shapes[1]:
                raise ValidationError(
                    f"{key} must have shape {shapes[0]}, got {shapes[1]}: is it the same network?",
                    "state",
                )
        for key, signal in kept.items():
            self._set(signal, np.asarray(state[key], self.dtype), setting)
        for key, signal in constants.items():
            if key in state or signal in self._constants:
                self._signals.keep_constant(signal)
                self._signals.put(signal, state.get(key, self._signals.built[signal]))
        self._take_changed(setting)
        self._count(int(state["step"]))
        self._show_state()
        self._ahead = self._made_ahead()
        self._running_ahead = True
        try:
            self._ahead.skip(setting.plan.ahead, self._begun)
        finally:
            self._running_ahead = False

    def __getstate__(self):
        names = ("dt", "seed", "progress_bar", "optimize", "minibatch_size", "dtype")
        names += ("minibatch_learning", "random")
        return {
            "arguments": {name: getattr(self, name) for name in names},
            "model": self.model,
            "keep": self._keep,
            "first_item": self._first_item,
            "state": None if self.closed else self.get_state(),
            "recorded": self.data.recorded,
            "n_steps": self.n_steps,
            "begun": self._begun,
        }

    def __setstate__(self, state):
        arguments = dict(state["arguments"])
        optimize = arguments.pop("optimize")
        model, keep = state["model"], state["keep"]
        # Operators are merged already.
        self.__init__(None, model=model, keep=keep, optimize=False, **arguments)
        self.optimize = optimize
        self._first_item = state["first_item"]
        self.data.recorded = state["recorded"]
        if state["state"] is None:
            self.close()
        else:
            self.set_state(state["state"])
        self._count(state["n_steps"], state["begun"])

    @property
    def _keep_of(self):
        """Return how much to keep of each probe."""
        return check_keep(self._keep, self.model.probes)

    def _probe_step_time(self):
        """Leave the clock alone, which is not a signal here."""


def _tensor(value, signal, setting):
    """Return a carried base's value for the loop, the same for all items or with one for each."""
    batch = setting.batch_of(signal)
    value = np.asarray(value, setting.dtype)
    items = 1 if value.size == signal.size else batch
    value = np.broadcast_to(value.reshape(signal.size, items), (signal.size, batch))
    return tf.constant(value.reshape(whole_shape(signal, batch)))


def _named(prefix, signals):
    """Return signals by names that are the same in every process."""
    # Addresses in memory are another process's.
    names = [re.sub(r"( at )?0x[0-9a-f]+", "", signal.name) for signal in signals]
    return {f"{prefix}{i} {name}".strip(): s for i, (name, s) in enumerate(zip(names, signals))}
