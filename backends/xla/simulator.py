"""Nengo's simulator interface over compiled time loops."""

import logging
import re
import time
import warnings

import nengo
import numpy as np
from nengo.cache import get_default_decoder_cache
from nengo.exceptions import SimulationError, SimulatorClosed, ValidationError
from nengo.utils.progress import Progress, ProgressTracker

from ..base import check_keep
from ..compatibility import import_tensorflow
from . import registry
from ..arguments import check_choice, check_data, check_size
from .data import Data
from .host import Host
from .plan import Feed, make_plan, origin
from .program import Loop, Setting
from .step import whole_shape
from .stepped import Stepped

tf = import_tensorflow()
registry.load_own()

logger = logging.getLogger(__name__)

DTYPES = ("float32", "float64")
LEARNING = ("copies", "sum", "mean")
RANDOM = ("compiled", "reference")
# A compiled chunk is used for shorter runs, rather than compile another: by up to this factor, or
# for any where so little goes in and out that it does not matter.
REUSED = 4
LITTLE_BYTES = 2**20
# With more operators than this, merging like ones saves more time in compiling than it costs.
MANY_OPERATORS = 300


class Simulator(nengo.Simulator):
    """Run any Nengo network as one compiled time loop.

    The network is built by Nengo's own builder. Its operators, in the order of Nengo's dependency
    graph, are translated to one TensorFlow function whose loop body is a time step, compiled by
    XLA: once for each kind of input and length of chunk. Where `nengo.Simulator` has an argument or
    attribute, this has the same.

    Parameters
    ----------
    network : nengo.Network or None
    dt : float
        In s.
    seed : int, optional
    model : nengo.builder.Model, optional
    progress_bar : bool or nengo.utils.progress.ProgressBar
    optimize : bool, optional
        Merge like operators first, with Nengo's optimizer. None: where there are many of them,
        which is when it pays.
    minibatch_size : int, optional
        Run so many copies at once that differ in their input, in what is random and, perhaps, in
        what they learn. Data have a first axis of that size, as in NengoDL. None: one, no axis.
    dtype : {"float32", "float64"}
    minibatch_learning : {"copies", "sum", "mean"}
        What learning rules do in a minibatch. ``copies``: each item learns weights of its own, from
        the same start, as in NengoDL. ``sum``, ``mean``: all items share weights, which change by
        the sum or mean of what each item's rule says. The mean makes a learning rate mean the same
        for any minibatch.
    keep : {"all", "last", "mean"} or dict of {nengo.Probe: such}
        What ``data`` has of a probe: every step, the last step or the mean since the last reset,
        which take no memory that grows with time. With a dict, other probes are not recorded.
    random : {"compiled", "reference"}
        Where stochastic neurons get their random numbers. ``compiled``: from counters, in the loop.
        ``reference``: as in `nengo.Simulator`, spike for spike, by running these neurons in Python.

    Attributes
    ----------
    compile_seconds : float
        What compiling took so far.
    on_host : tuple of str
        What Python has to run in every step, which costs most of the time: see docs/backends.md.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is not as described.
    nengo.exceptions.BuildError
        If the network has an operator that nothing is registered for, naming it and the object that
        it came from.

    Notes
    -----
    Functions of Nodes that need the time alone, and processes without input, are run by Python
    before each chunk of steps. Functions that need an input are run by Python in every step, unless
    their compiled form is registered (`nengo_pc.backends.xla.computes`).

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
        check_choice("random", random, RANDOM)
        self.minibatch_size = check_size(minibatch_size)
        self.dtype = dtype
        self.minibatch_learning = minibatch_learning
        self.random = random
        self.compile_seconds = 0.0
        self._batch = self.minibatch_size or 1
        self._keep = keep
        self._settings, self._loops, self._initial = {}, {}, {}
        if model is None:
            model = nengo.builder.Model(
                dt=float(dt),
                label=f"{network}, dt={dt:f}",
                decoder_cache=get_default_decoder_cache(),
            )
        with ProgressTracker(progress_bar, Progress("Building", "Build")) as tracker:
            if network is not None:
                model.build(network, progress=tracker.next_stage("Building", "Build"))
        if seed is None and network is not None and network.seed is not None:
            seed = network.seed + 1
        if optimize is None:
            optimize = len(model.operators) > MANY_OPERATORS
        super().__init__(None, dt, seed, model, False, optimize)
        self.progress_bar = progress_bar

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
        self._n_steps, self._time = 0, 0.0
        self._state, self._signals_in_use = {}, False
        self._python = self._made_python()  # says now what cannot be compiled
        self.clear_probes()

    def _made_python(self):
        """Operators that Python runs, before their first step."""
        plan = self._setting(()).plan
        operators = [*plan.ahead, *plan.callbacks]
        clock = (self.model.step, self.model.time)
        seed = self.seed + self._first_item
        return Host(operators, self.step_order, clock, self.dt, seed, self._batch)

    def close(self):
        """Free what was compiled; what was recorded stays."""
        super().close()
        self._loops, self._settings, self._state, self._initial = {}, {}, {}, {}

    def clear_probes(self):
        """Forget what probes recorded."""
        self.data = Data(self.model.params, self._keep_of, self.minibatch_size is not None)

    def step(self, data=None):
        """Advance by one step; see `run_steps`."""
        self.run_steps(1, data=data, progress_bar=False)

    def run(self, time_in_seconds, data=None, progress_bar=None):
        """Run for a time in s, rounded to whole steps; see `run_steps`."""
        if time_in_seconds < 0:
            raise ValidationError(f"Must be positive (got {time_in_seconds:g})", "time_in_seconds")
        steps = int(np.round(float(time_in_seconds) / self.dt))
        if steps == 0:
            warnings.warn(
                f"{time_in_seconds} results in running for 0 timesteps. Simulator "
                f"still at time {self.time}.",
                stacklevel=2,
            )
        else:
            self.run_steps(steps, data=data, progress_bar=progress_bar)

    def run_steps(self, steps, data=None, progress_bar=None):
        """Run for a number of steps.

        Parameters
        ----------
        steps : int
        data : dict of {nengo.Node: array_like}, optional
            What Nodes without input put out in this run, shape ``(minibatch_size, steps, size)``,
            without the first axis if ``minibatch_size`` is None. Where the axis of steps has
            length 1, this is held for the whole run, and what depends on it alone is worked out
            once.
        progress_bar : bool or nengo.utils.progress.ProgressBar, optional

        Raises
        ------
        nengo.exceptions.ValidationError
            If data do not fit, naming the Node.
        nengo.exceptions.SimulationError
            If a signal became NaN, naming it.
        """
        if self.closed:
            raise SimulatorClosed("Simulator cannot run because it is closed.")
        given = check_data(data or {}, steps, self._batch, self.minibatch_size is None)
        setting = self._setting(tuple((node, len(v) == 1) for node, v in given.items()))
        held = [tf.constant(v[0], self.dtype) for v in given.values() if len(v) == 1]
        fed = [v for v in given.values() if len(v) > 1]
        batches = [v.shape[-1] for v in fed]
        batches += [self._python.n_items(op) for op in setting.plan.ahead]
        longest = setting.chunk_steps(batches)
        little = longest * setting.step_bytes(batches) <= LITTLE_BYTES
        bar = self.progress_bar if progress_bar is None else progress_bar
        with ProgressTracker(bar, Progress("Simulating", "Simulation", steps)) as tracker:
            for done in range(0, steps, longest):
                n = min(longest, steps - done)
                capacity = longest if little else self._capacity(setting, n, longest)
                self._run_chunk(setting, held, [v[done : done + n] for v in fed], n, capacity)
                tracker.total_progress.step(n)

    def _run_chunk(self, setting, held, fed, n, capacity):
        """Run n steps with what is compiled for up to ``capacity``."""
        start, plan = self.n_steps, setting.plan
        fed = [np.pad(v, [(0, capacity - n), (0, 0), (0, 0)]) for v in fed]
        fed += [self._python.ahead(op, start, n, capacity) for op in plan.ahead]
        rows = {p: self._rows(p.probe, capacity) for p in setting.probes if p.keep == "all"}
        loop = self._loop(setting, capacity)
        arguments = (
            setting.constants,
            [self._value(signal, setting) for signal in plan.carried],
            held,
            [tf.constant(v, self.dtype) for v in fed],
            start,
        )
        rest = (list(rows.values()), self._keys(setting))
        if loop.compile_seconds is None:
            began = time.perf_counter()
            loop(*arguments, 0, *rest)
            loop.compile_seconds = time.perf_counter() - began
            self.compile_seconds += loop.compile_seconds
            logger.info("compiled in %.1f s: %s", loop.compile_seconds, self.model.label)
        state, records, steady, finite = loop(*arguments, n, *rest)
        for signal, is_finite in zip(plan.carried, finite):
            if not is_finite:
                raise SimulationError(
                    f"{signal.name} became NaN between steps {start} and {start + n}"
                )
        self._state.update(zip(plan.carried, state))
        for probe, record in zip(setting.probes, records):
            record = np.asarray(record)
            if probe.keep == "all":
                record = record[: rows[probe][n]]
            self.data.add(probe.probe, record, probe.signal.shape, n)
        for probe, value in zip(setting.steady, steady):
            value = np.asarray(value)
            if probe.keep == "all":
                value = np.repeat(value[None], self._rows(probe.probe, n)[n], axis=0)
            elif probe.keep == "mean":
                value = value * n
            self.data.add(probe.probe, value, probe.signal.shape, n)
        self._n_steps += n
        self._time = self._n_steps * self.dt

    def _capacity(self, setting, n, longest):
        """The length of the compiled chunk for n steps: one that is there, or a power of two."""
        there = [c for of, c in self._loops if of is setting and c and n <= c <= REUSED * n]
        return min(there, default=min(longest, 2 ** int(np.ceil(np.log2(n)))))

    def _rows(self, probe, n):
        """How many steps of a probe are kept before each of the next n, and after all of them."""
        steps = self.n_steps + 1 + np.arange(n)
        period = 1 if probe.sample_every is None else probe.sample_every / self.dt
        return np.concatenate([[0], np.cumsum(steps % period < 1)]).astype(np.int32)

    def _keys(self, setting):
        """Keys of random numbers, by operator and by item."""
        order = {op: k for k, op in enumerate(self.step_order)} if setting.drawing else {}
        seeds = [np.random.SeedSequence((self.seed, order[op])) for op in setting.drawing]
        ops = np.array([s.generate_state(1)[0] for s in seeds], dtype=np.uint32)
        items = np.arange(self._first_item, self._first_item + self._batch, dtype=np.uint32)
        return tf.constant(ops), tf.constant(items)

    # What is compiled

    def _setting(self, given):
        """The plan and all else of a run, by which Nodes are given and whether they are held."""
        if given not in self._settings:
            feeds = [Feed(self.model.sig[node]["out"], held) for node, held in given]
            on_host = self.random == "reference"
            plan = make_plan(self.model, self.step_order, self.dg, feeds, on_host)
            self._settings[given] = Setting(
                plan,
                self.dtype,
                self.dt,
                self._batch,
                self.minibatch_learning,
                (self.model.step, self.model.time),
                [(p, self.model.sig[p]["in"], how) for p, how in self._keep_of.items()],
            )
        return self._settings[given]

    @property
    def on_host(self):
        """What Python has to run in every step."""
        plan = self._setting(()).plan
        return tuple(f"{op} of {origin(self.model, op)}" for op in plan.callbacks)

    def _loop(self, setting, capacity):
        python = bool(setting.plan.callbacks)
        key = (setting, None if python else capacity)
        if key not in self._loops:
            self._loops[key] = (
                Stepped(setting, lambda op, n, inputs: self._python.run(op, n, inputs))
                if python
                else Loop(setting, capacity)
            )
        return self._loops[key]

    # State

    def _value(self, signal, setting):
        """What a carried base holds, ``(size, batch)``."""
        if signal in self._state:
            return self._state[signal]
        if self._signals_in_use:
            return _tensor(self._signals[signal], signal, setting)
        if signal not in self._initial:
            self._initial[signal] = _tensor(signal.initial_value, signal, setting)
        return self._initial[signal]

    @property
    def signals(self):
        """Values of signals that one step leaves to the next, as `nengo.Simulator` has them.

        Those that are set anew in each step are not kept. With a minibatch, values are those before
        the first step: see `get_state`.
        """
        if not self.closed and self.minibatch_size is None:
            if not self._signals_in_use:
                for signal in self._signals:
                    self._signals.reset(signal)
            self._signals_in_use = True
            for signal, value in self._state.items():
                self._signals[signal][...] = np.asarray(value).reshape(signal.shape)
            self._state = {}  # whoever asked may change them
            self._signals[self.model.step][...] = self.n_steps
            self._signals[self.model.time][...] = self.time
        return self._signals

    @signals.setter
    def signals(self, signals):
        self._signals, self._signals_in_use = signals, False
        self._state = {}

    def value(self, signal):
        """What a signal that one step leaves to the next holds now.

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
        setting = self._setting(())
        if signal.base is not signal or signal not in setting.plan.carried:
            raise ValidationError(f"{signal.name} is not left to the next step", "signal")
        value = np.asarray(self._value(signal, setting))
        shared = value.size == signal.size
        return value.reshape(signal.shape if shared else (*signal.shape, -1))

    def get_state(self):
        """All that the next step depends on, to go on from in another process.

        Returns
        -------
        dict of {str: ndarray}
            The last axis is the minibatch. What Python runs in every step is left out.
        """
        setting = self._setting(())
        state = {"step": np.array(self.n_steps)}
        for i, signal in enumerate(setting.plan.carried):
            # Addresses in memory are another process's.
            name = re.sub(r"( at )?0x[0-9a-f]+", "", signal.name)
            state[f"{i} {name}".strip()] = np.asarray(self._value(signal, setting))
        return state

    def set_state(self, state):
        """Go on from what `get_state` gave, for the same network, minibatch and precision.

        What Python runs ahead, such as noise, is run again up to there. Probes keep what they have.

        Raises
        ------
        nengo.exceptions.ValidationError
            If it is another network's.
        """
        setting = self._setting(())
        wanted = self.get_state()
        for key in [*wanted, *state]:
            shapes = [np.shape(s[key]) if key in s else None for s in (wanted, state)]
            if shapes[0] != shapes[1]:
                raise ValidationError(
                    f"{key} must have shape {shapes[0]}, got {shapes[1]}: is it the same network?",
                    "state",
                )
        for key, signal in zip(list(wanted)[1:], setting.plan.carried):
            self._state[signal] = tf.constant(np.asarray(state[key], self.dtype))
        self._python = self._made_python()
        self._n_steps = int(state["step"])
        self._time = self._n_steps * self.dt
        self._python.skip(setting.plan.ahead, self._n_steps)

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
        }

    def __setstate__(self, state):
        arguments = dict(state["arguments"])
        optimize = arguments.pop("optimize")
        model, keep = state["model"], state["keep"]
        # What Nengo's optimizer was to do is done.
        self.__init__(None, model=model, keep=keep, optimize=False, **arguments)
        self.optimize = optimize
        self._first_item = state["first_item"]
        self.data.recorded = state["recorded"]
        self._n_steps, self._time = state["n_steps"], state["n_steps"] * self.dt
        if state["state"] is None:
            self.close()
        else:
            self.set_state(state["state"])

    @property
    def _keep_of(self):
        """How much to keep of each probe."""
        return check_keep(self._keep, self.model.probes)

    def _probe_step_time(self):
        """The clock is not a signal here."""


def _tensor(value, signal, setting):
    """A carried base's value for the loop."""
    batch = setting.batch_of(signal)
    value = np.broadcast_to(np.asarray(value, setting.dtype).reshape(-1, 1), (signal.size, batch))
    return tf.constant(value.reshape(whole_shape(signal, batch)))
