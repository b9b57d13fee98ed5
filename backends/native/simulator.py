"""Nengo's simulator over one buffer, with kernels for the operators that matter."""

import functools
import time

import numpy as np
from nengo.builder.operator import TimeUpdate
from nengo.exceptions import SimulationError, SimulatorClosed, ValidationError
from nengo.rc import rc
from nengo.simulator import Simulator as NengoSimulator
from nengo.utils.progress import Progress, ProgressTracker

from ..arguments import check_choice, check_data, check_size
from ..base import check_keep, seed_streams
from ..interrupts import Interrupts
from ..models import learned, origin
from ..timed import Timed
from . import codes
from .compiling import the_loops
from .growing import groups_of
from .joint import check_joint
from .memory import Memory, Signals
from .plan import Plan, given_outputs, plain_loop
from .program import Program, is_trusted
from .python_steps import PythonSteps
from .records import Records
from .state import Stateful
from .threads import n_threads, run_in_turns, run_ranges

from . import assemble_functions, assemble_neurons, assemble_operators  # noqa: F401, isort: skip
from . import assemble_processes, assemble_rules  # noqa: F401, isort: skip

DTYPES = (None, "float32", "float64")
LEARNING = ("copies", "sum", "mean")
RANDOM = ("compiled", "reference")
CHUNK_SECONDS = 0.2  # between looks at Ctrl-C and the progress bar
LEAST_WORK = 100_000  # entries to work through, to be worth waking threads for
FIRST_CHUNK = 10_000_000  # entries to work through, before it is known how long steps take


class Simulator(Stateful, Timed, NengoSimulator):
    """Run any Nengo network, with compiled kernels and without compiling anything for it.

    Nengo builds the model and orders its operators. All signals of the float type live in one
    array, ``signals`` are views of it, and one loop, compiled once for each machine, carries out a
    row of integers for each operator. What has no kernel (Node functions, noise, operators of your
    own) runs as Nengo's own step function, in Nengo's order and on the same arrays. So a Node may
    read and change whatever it can in `nengo.Simulator`.

    Where `nengo.Simulator` has an argument or attribute, this has the same.

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
    optimize : bool
        Accepted as by `nengo.Simulator`. Merging operators would gain nothing here, so that
        networks and their random numbers do not depend on it.
    minibatch_size : int, optional
        Number of copies to run side by side, which differ in their input, in what is random and,
        perhaps, in what they learn. Data have a first axis of that size. None: one, no axis.
    dtype : {None, "float32", "float64"}
        Type of the numbers. None: Nengo's own precision, which is float64 unless it is configured
        otherwise.
    minibatch_learning : {"copies", "sum", "mean"}
        What learning rules do in a minibatch. ``copies``: each item learns weights of its own, from
        the same start. ``sum``, ``mean``: all items share weights, which change by the sum or mean
        of what each item's rule says.
    keep : {"all", "last", "mean"} or dict of {nengo.Probe: such}
        How much ``data`` has of a probe: every step, the last step, or the mean since the last
        reset. With a dict, other probes are not recorded.
    random : {"reference", "compiled"}
        Source of the random numbers of stochastic neurons. ``reference``: Nengo's own, spike for
        spike. ``compiled``: counters, in the loop, which is faster; the same law, other numbers.

    Attributes
    ----------
    in_python : tuple of str
        Operators that Python runs in every step, with the objects that they come from.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is not as described.
    nengo.exceptions.BuildError
        In a minibatch, if a Node's Python function cannot be copied for each item.

    Notes
    -----
    Sums are made in another order than in `nengo.Simulator`; apart from rounding, results are the
    same.

    In a minibatch each item has a copy of each Node function, made by `copy.deepcopy` of callable
    objects and of what functions enclose; the first item has the function itself.

    A signal that becomes NaN or infinite stops the run with a `nengo.exceptions.SimulationError`
    that names it, its object and the step.

    Examples
    --------
    >>> import nengo
    >>> from nengo_pc.backends.native import Simulator
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
        optimize=True,
        minibatch_size=None,
        dtype=None,
        minibatch_learning="copies",
        keep="all",
        random="reference",
    ):
        self.closed = True  # in case something below fails
        check_choice("dtype", dtype, DTYPES)
        check_choice("minibatch_learning", minibatch_learning, LEARNING)
        check_choice("random", random, RANDOM)
        self.minibatch_size = check_size(minibatch_size)
        self.dtype = np.dtype(dtype or max(rc.float_dtype, np.dtype("float32"))).name
        self.minibatch_learning, self.random = minibatch_learning, random
        self._batch = self.minibatch_size or 1
        self._keep = keep
        self._first_item = 0
        self._plans = {}
        self._control = np.zeros(4, np.int64)
        self._running = False
        self._set_up = False
        super().__init__(network, dt, seed, model, progress_bar, optimize=False)
        self.optimize = optimize

    # Building

    def _make(self):
        """Lay out the memory and write the instructions."""
        model, order = self.model, self._step_order
        shared = self._shared()
        self._loop, self._joint = the_loops()
        self._program, self._rows = self._assembled(shared)
        for op, rows in self._rows.items():
            check_joint(op, rows, self._memory, self._origin)
        self._groups = list(dict.fromkeys(self._program.groups.values()))
        self._probes = self._probe_rows()
        sizes = [s.size for op in order for s in op.all_signals if not s.sparse]
        self._most_places = max(sizes, default=0) + 1
        self._memory.allocate()
        self._params, self._index = self._program.params_array(), self._program.index_array()
        self._clock = {
            model.step: np.array(model.step.initial_value),
            model.time: np.array(model.time.initial_value),
        }
        stacked = self.minibatch_size is not None
        self.signals = Signals(self._memory, None, self._clock, stacked)
        for op in model.operators:
            op.init_signals(self.signals)
        self._items = [self.signals]
        if stacked:
            self._items = [Signals(self._memory, i, self._clock) for i in range(self._batch)]
        self._make_records()
        self._set_up = True

    def _assembled(self, shared):
        """Return a program and the instructions of each operator: None for those Python runs."""
        order = self._step_order
        self._memory = Memory(
            self.model, order, self.dtype, self._batch, shared, kernels=self._loop is not None
        )
        trusted = all(is_trusted(op) for op in order)
        if self._loop is None:
            # The clock is set for each step, whoever carries it out.
            rows = {op: [] if type(op) is TimeUpdate else None for op in order}
            return Program(self.model, self._memory, self.random, trusted), rows
        groups = {}
        if trusted:
            probed = {self.model.sig[probe]["in"].base for probe in self.model.probes}
            groups = groups_of(order, self._memory, probed, self._batch)
        program = Program(self.model, self._memory, self.random, trusted, groups)
        return program, {op: program.rows_of(op) for op in order}

    def _shared(self):
        """Return the bases that items share although rules change them."""
        if self._batch == 1 or self.minibatch_learning == "copies":
            return ()
        return learned(self._step_order)

    def _probe_rows(self):
        """Return the probes that the loop records: ``{probe: (address, size, places, moves)}``."""
        found = {}
        for probe in self._keep_of:
            signal = self.model.sig[probe]["in"]
            if signal not in self._memory or self._loop is None:
                continue
            places = self._memory.places(signal)
            if np.array_equal(places, places[0] + np.arange(places.size)):
                found[probe] = (int(places[0]), places.size, -1, True)
            else:
                place = self._program.indices(places)
                found[probe] = (0, places.size, place, self._program.moves(signal))
        return found

    @property
    def _keep_of(self):
        """Return how much to keep of each probe."""
        return check_keep(self._keep, self.model.probes)

    @property
    def in_python(self):
        """Return what Python runs in every step."""
        return tuple(
            f"{op} of {self._origin(op)}" for op in self._step_order if self._rows[op] is None
        )

    @property
    def rng(self):
        """Return the stream of random numbers that Nengo's simulator makes its steps with."""
        return np.random.RandomState(self.seed)

    @property
    def is_data(self):
        """Return whether no function of users runs within a step."""
        return self._program.trusted

    @property
    def item_entries(self):
        """Return how many numbers an item of a minibatch needs."""
        return self._memory.item_size

    def seed_streams(self):
        """Draw what neurons draw in Python from the seed and the number of an item alone."""
        for i, streams in enumerate(self._python.streams, self._first_item):
            seed_streams(streams, self.seed + i)

    def value(self, signal):
        """Return a copy of what a signal holds now.

        Parameters
        ----------
        signal : nengo.builder.Signal

        Returns
        -------
        ndarray
            Of the signal's shape; in a minibatch whose items do not share it, with a first axis of
            items.
        """
        return np.array(self.signals[signal])

    def _origin(self, op):
        """Return the Nengo object that an operator was built for, in words."""
        return origin(self.model, op)

    # Running

    def reset(self, seed=None, first_item=0):
        """Go back to the first step.

        Parameters
        ----------
        seed : int, optional
            Seed of all that is random while running.
        first_item : int
            Number of the minibatch's first item. What is random for an item depends on the seed
            and on its number, not on its place.
        """
        if self.closed:
            raise SimulatorClosed("Cannot reset closed Simulator.")
        if seed is not None:
            self.seed = seed
        if not self._set_up:
            self._make()
        self._memory.reset_items()
        for signals in {id(s): s for s in (self.signals, *self._items)}.values():
            signals.reset_others()
        self._first_item = int(first_item)
        self._make_steps()
        self.clear_probes()
        self._probe_step_time()

    def _make_steps(self):
        """Make the functions that Python runs, and the keys of random numbers."""
        order = self._step_order
        self._python = PythonSteps(
            [op for op in order if self._rows[op] is None],
            order,
            self._items,
            self.dt,
            self.seed + self._first_item,
            self._first_item,
            self._origin,
        )
        keys = [
            np.random.SeedSequence((self.seed, i)).generate_state(1, np.uint64)[0]
            for i in range(len(self._program.drawing))
        ]
        self._keys = np.array(keys, np.uint64).view(np.int64)
        if any(self._python.steps):
            self._plans = {}  # which call what was made before

    def clear_probes(self):
        """Forget what probes recorded."""
        self.data.clear()

    def _make_records(self):
        """Make room for what probes record."""
        keep = self._keep_of
        self._beside = [p for p in keep if p not in self._probes]
        probes = {}
        for probe in (*self._probes, *self._beside):
            signal = self.model.sig[probe]["in"]
            dtype = np.dtype(self.dtype) if signal in self._memory else signal.dtype
            # Of a sparse matrix, each sample is a matrix.
            probes[probe] = ((), np.dtype(object)) if signal.sparse else (signal.shape, dtype)
        self.data = Records(
            self.model.params, probes, keep, self._batch, self.minibatch_size is not None
        )
        self._sim_data = self.data.raw
        self._periods = np.array(
            [1.0 if p.sample_every is None else p.sample_every / self.dt for p in probes]
        )
        self._table = np.zeros((len(self._probes), 8), np.int64)
        for row, (probe, (address, size, places, moves)) in zip(self._table, self._probes.items()):
            row[:4] = self.data.mode(probe), address, size, places
            row[6] = moves

    def _record_beside(self):
        """Record probes of signals that are not in the buffer, at the end of a step."""
        step = int(self._control[0]) + 1
        for i, probe in enumerate(self._beside, len(self._probes)):
            if step % self._periods[i] < 1:
                signal = self.model.sig[probe]["in"]
                for item, signals in enumerate(self._items):
                    self.data.append(probe, item, signals[signal].copy())

    def step(self, data=None):
        """Advance by one step; see `run_steps`."""
        self.run_steps(1, False, data=data)

    def run_steps(self, steps, progress_bar=None, *, data=None):
        """Run for a number of steps.

        Parameters
        ----------
        steps : int
        progress_bar : bool or nengo.utils.progress.ProgressBar, optional
        data : dict of {nengo.Node: array_like}, optional
            Outputs of Nodes without input in this run, shape ``(minibatch_size, steps, size)``,
            without the first axis if ``minibatch_size`` is None. Where the axis of steps has
            length 1, this is held for the whole run.

        Raises
        ------
        nengo.exceptions.ValidationError
            If data do not fit, naming the Node.
        nengo.exceptions.SimulationError
            If a signal became NaN or infinite, naming it, its object and the step.
        """
        if self.closed:
            raise SimulatorClosed("Simulator cannot run because it is closed.")
        if steps < 1:
            raise ValidationError(f"must be at least 1 (got {steps})", attr="steps")
        given = {}
        if data:
            given = check_data(
                data, steps, self._batch, self.minibatch_size is None, self.model.sig
            )
        bar = self.progress_bar if progress_bar is None else progress_bar
        if steps == 1 or not bar:
            self._run(steps, given, lambda n: None)
            return
        with ProgressTracker(bar, Progress("Simulating", "Simulation", steps)) as tracker:
            self._run(steps, given, tracker.total_progress.step)

    def _run(self, steps, given, advance):
        """Run in chunks, so that Ctrl-C is heard and the progress bar moves."""
        self._from_step = int(self._clock[self.model.step])
        for flag in self._program.flags:
            self._memory.of_all_items(flag)[...] = 0
        chunk, done = max(1, min(1000, FIRST_CHUNK // self._memory.buffer.size)), 0
        with given_outputs(self, given) as fed:
            plan = self._plan(fed)
            try:
                while done < steps:
                    n = min(chunk, steps - done)
                    began = time.perf_counter()
                    self._run_chunk(plan, n)
                    done += n
                    advance(n)
                    seconds = max(time.perf_counter() - began, 1e-9)
                    chunk = max(1, min(4 * n, int(n * CHUNK_SECONDS / seconds)))
            finally:
                self._settle([group for group in self._groups if group.is_due])

    def _plan(self, fed):
        """Return the instructions of a run and what Python runs between them.

        Parameters
        ----------
        fed : dict of {Signal: ndarray or None}
            Signals that are given: as ``(batch, steps, size)``, or held already.
        """
        key = tuple((signal, values is None) for signal, values in fed.items())
        if key not in self._plans:
            self._plans[key] = Plan(self, [s for s, v in fed.items() if v is not None], fed)
        plan = self._plans[key]
        plan.point_at([values for values in fed.values() if values is not None])
        return plan

    def _run_chunk(self, plan, n):
        """Run for n steps, fewer if something is raised; what was done stays done."""
        start, control = int(self._clock[self.model.step]), self._control
        # Items that need not wait for one another are at different steps when one of them fails.
        apart = self._batch > 1 and not plan.stops and n > 1
        with Interrupts() as interrupts:
            before = self._items_state() if apart else None
            try:
                self._advance(plan, start, n, interrupts)
            except SimulationError:
                if before is None:
                    raise
                self._set_items_state(before)
                for done in range(n):
                    self._advance(plan, start + done, 1, interrupts)
                raise  # which another run in single steps did not, and cannot happen
            finally:
                interrupts.wait = True
                if self._batch > 1:
                    self.data.counts[...] = self.data.counts.min(axis=0)
                self._n_steps = int(control[0])
                self._time = self._n_steps * self.dt

    def _items_state(self):
        """Return a copy of all that a run changes of items."""
        return self._memory.buffer[self._memory.shared_size :].copy(), self.data.counts.copy()

    def _set_items_state(self, state):
        self._memory.buffer[self._memory.shared_size :], self.data.counts[...] = state

    def _advance(self, plan, start, n, interrupts):
        """Run for n steps from a step; Ctrl-C comes between two of what Python calls."""
        control, dt, last = self._control, self.dt, start + n
        step_now, time_now = self._clock[self.model.step], self._clock[self.model.time]
        control[:] = start, 0, 0, 0
        counts, go_on = self.data.counts, self._loop_for(plan, last)
        within = False  # a step that Python has a part in
        self._running = True
        errors = np.seterr(invalid="raise", divide="ignore") if plan.calls_at else {}
        try:
            while True:
                status = go_on()
                if status == codes.DONE:
                    break
                k, step = int(control[1]), int(control[0]) + 1
                within = True
                if status == codes.AT_PYTHON:
                    step_now[...] = step
                    time_now[...] = step * dt
                    interrupts.let_in()
                    for call in plan.calls_at[k]:
                        call()
                    interrupts.wait = True
                    if self.data.counts is not counts:  # probes were cleared
                        counts, go_on = self.data.counts, self._loop_for(plan, last)
                elif status == codes.AT_JOINT:
                    self._do_together(plan.joint_at[k])
                    self._settle([group for group in self._groups if group.is_full])
                else:
                    self._raise_not_finite(plan)
                control[1] = k + 1
                within = False
        finally:
            interrupts.wait = True
            np.seterr(**errors)
            self._running = False
            done = int(control[0])
            # A step that was begun has set the clock.
            self._set_clock(done + (within or (done < last and control[1] > 0)))

    def _loop_for(self, plan, last):
        """Return a function that runs all items to a step, or to what Python does before.

        It returns why they stopped, a code.
        """
        table = self._probe_table(last - int(self._control[0]))
        loop, memory = self._loop or plain_loop, self._memory
        first = (plan.ops.ravel(), self._params, self._index, memory.buffer)
        second = (table.ravel(), self._periods[: len(table)], self.data.counts, self._keys)
        third = (memory.shared_size, memory.item_size, last, self.dt, self._from_step)
        third += (self._first_item, self._most_places)
        if self._batch == 1:
            return functools.partial(loop, *first, self._control, *second, 0, 1, *third)
        work = self._batch * memory.item_size
        threads = n_threads() if not plan.stops or work >= LEAST_WORK else 1

        def run(first_item, last_item):
            control = self._control.copy()
            return loop(*first, control, *second, first_item, last_item, *third), control

        def run_all():
            results = run_ranges(run, self._batch, threads)
            wrong = (result for result in results if result[0] == codes.NOT_FINITE)
            status, self._control[:] = next(wrong, results[0])
            return status

        return run_all

    def _settle(self, due):
        """Bring weights up to date that learn from few errors."""
        if due:
            rows = np.zeros((len(due), codes.WIDTH), np.int64)
            for row, group in zip(rows, due):
                row[: codes.FIRST_INT + 1] = group.settle()
            self._do_together(rows.ravel(), sum(group.weights.size for group in due))
        for group in due:
            group.settled()

    def _do_together(self, ops, work=0):
        """Carry out instructions once for all items, in threads if there is enough to do."""
        memory, mean = self._memory, self.minibatch_learning == "mean"
        rows = ops.reshape(-1, codes.WIDTH)
        sizes = rows[:, codes.FIRST_INT : codes.FIRST_INT + 2]
        outer = rows[:, 0] == codes.OUTER
        work += int(np.sum(sizes[outer].prod(axis=1)) * (1 + self._batch / 8))
        work += int(sizes[rows[:, 0] == codes.ADD, 0].sum())

        def run(turn, turns):
            return self._joint(
                ops, self._params, self._index, memory.buffer, memory.shared_size,
                memory.item_size, self._batch, mean, turn, turns, self._most_places,
            )  # fmt: skip

        run_in_turns(run, n_threads() if work >= LEAST_WORK else 1)

    def _set_clock(self, step):
        self._clock[self.model.step][...] = step
        self._clock[self.model.time][...] = step * self.dt

    def _raise_not_finite(self, plan):
        """Raise a SimulationError for what an instruction left."""
        item, k = int(self._control[2]), int(self._control[3])
        op = plan.operator_at[k]
        signal, value = self._wrong_signal(op, item)
        step = int(self._control[0]) + 1
        raise SimulationError(
            f"{signal.name} of {self._origin(op)} became {value} in step {step} "
            f"(t = {step * self.dt:g} s)"
        )

    def _wrong_signal(self, op, item):
        signals = self._items[item]
        for signal in (*op.sets, *op.incs, *op.updates):
            values = np.asarray(signals[signal])
            wrong = values[~np.isfinite(values)]
            if wrong.size:
                return signal, wrong[0]
        return (*op.sets, *op.incs, *op.updates)[0], "NaN"

    def _probe_table(self, n):
        """Return where the loop records, with room for n more steps."""
        table = self._table
        for i, probe in enumerate(self._probes):
            array = self.data.reserve(probe, int(n / max(1.0, self._periods[i])) + 1)
            table[i, 4], table[i, 5] = array.ctypes.data, array.shape[1]
        return table

    @property
    def n_steps(self):
        """Return the number of steps done."""
        return int(self._control[0]) if self._running else self._n_steps

    @property
    def time(self):
        """Return the simulated time in s."""
        return self.n_steps * self.dt if self._running else self._time

    def close(self):
        """Free the arrays; what was recorded stays."""
        super().close()
        self._memory = self._python = self._program = None
        self._items, self._plans, self._clock = [], {}, {}
