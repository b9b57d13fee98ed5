"""What is worked out once, what in every step, what is carried between steps, what runs ahead.

Nothing here imports TensorFlow.
"""

from dataclasses import dataclass, field

import numpy as np
from nengo.builder.neurons import SimNeurons
from nengo.builder.operator import SimPyFunc, TimeUpdate
from nengo.builder.probe import SimProbe
from nengo.builder.processes import SimProcess
from nengo.exceptions import BuildError

from ..models import learned, origin
from . import registry
from .ahead import find_ahead, written_ahead


class Feed:
    """Stands for an operator: sets a signal to what was given to the run.

    Parameters
    ----------
    signal : nengo.builder.Signal
        A Node's output.
    held : bool
        Whether it is the same in all steps.
    """

    def __init__(self, signal, held):
        self.signal = signal
        self.held = held
        self.sets, self.incs, self.reads, self.updates = [signal], [], [], []


class _Ahead:
    """Stands for an operator that Python runs ahead, as others see it."""

    def __init__(self, op):
        written = written_ahead(op)
        self.reads = op.reads
        self.sets = [signal for signal, kind in written if kind == "set"]
        self.incs = [signal for signal, kind in written if kind == "inc"]
        self.updates = [signal for signal, kind in written if kind == "update"]


@dataclass
class Plan:
    """How to run the operators of a model.

    Attributes
    ----------
    held : list of Operator
        Run once before the first step: they read nothing that changes.
    in_loop : list of Operator
        In every step: their results can differ from step to step.
    ahead : list of Operator
        Among those of the loop: run by Python before the steps, since they need the time alone,
        so that their outputs are input to the loop.
    feeds : list of Feed
    constants : list of Signal
        Bases that nothing writes to.
    carried : list of Signal
        Bases that one step leaves to the next.
    derived : dict of {Signal: (function, list of Signal)}
        Bases that are worked out at the start of a step from carried ones.
    learned : set of Signal
        Bases that are incremented and never set: weights that learn, and their changes.
    """

    held: list = field(default_factory=list)
    in_loop: list = field(default_factory=list)
    ahead: list = field(default_factory=list)
    feeds: list = field(default_factory=list)
    constants: list = field(default_factory=list)
    carried: list = field(default_factory=list)
    derived: dict = field(default_factory=dict)
    learned: set = field(default_factory=set)

    def is_steady(self, base):
        """Return whether a base is the same in all steps."""
        if base in self.carried or base in self.derived:
            return False
        moving = [*self.in_loop, *(f for f in self.feeds if not f.held)]
        return all(s.base is not base for op in moving for s in op.sets + op.incs + op.updates)


def make_plan(model, step_order, feeds=()):
    """Sort the operators of a model.

    Parameters
    ----------
    model : nengo.builder.Model
    step_order : list of Operator
        In an order that keeps Nengo's dependencies.
    feeds : sequence of Feed
        They replace the operators that set the same signals.

    Returns
    -------
    Plan

    Raises
    ------
    nengo.exceptions.BuildError
        For operators that are not compiled, naming the objects they came from.
    """
    given = {feed.signal for feed in feeds}
    ops = [
        op
        for op in step_order
        if not isinstance(op, (TimeUpdate, SimProbe)) and not any(s in given for s in op.sets)
    ]
    plan = Plan(feeds=list(feeds))
    plan.ahead = find_ahead(ops, feeds)
    ahead = set(plan.ahead)
    rest = [op for op in ops if op not in ahead]
    _check(model, rest)
    writers = [*plan.feeds, *(_Ahead(op) for op in plan.ahead), *rest]
    plan.learned = learned(writers)
    plan.derived = _derived(rest, model.dt)
    probed = {model.sig[probe]["in"].base for probe in model.probes}
    plan.carried = in_order(_carried(writers, plan.derived), model.operators)
    written = {s.base for op in writers for s in op.sets + op.incs + op.updates}
    read = {s.base for op in [*rest, *plan.ahead] for s in op.reads} | probed
    read |= {s for _, reads in plan.derived.values() for s in reads}
    clock = {model.step, model.time}
    plan.constants = [
        s for s in in_order(read, model.operators) if s not in written and s not in clock
    ]
    plan.held = _held(rest, plan)
    held = set(plan.held)
    plan.in_loop = [op for op in ops if op not in held]
    return plan


def _check(model, ops):
    """Refuse what is not compiled.

    Raises
    ------
    nengo.exceptions.BuildError
    """
    native = "use nengo_pc.backends.native.Simulator (backend='native')"
    python = dict.fromkeys(origin(model, op) for op in ops if _needs_python(op))
    if python:
        raise BuildError(
            f"the xla backend cannot run Python within a step: {'; '.join(python)} would need it; "
            f"{native}, or register a compiled form: see nengo_pc.backends.xla.computes, steps and "
            "filters"
        )
    for op in ops:
        if registry.emitter_of(op) is None:
            raise BuildError(
                f"the xla backend cannot compile {op!r} of {origin(model, op)}: nothing is "
                f"registered for operators of type {type(op).__name__}; {native}, or see "
                "nengo_pc.backends.xla.emits"
            )


def _needs_python(op):
    """Return whether an operator is a user's own function, without a compiled form."""
    if isinstance(op, SimPyFunc):
        return registry.function_of(op.fn) is None
    if isinstance(op, SimProcess):
        return registry.filter_of(op.process) is None
    return isinstance(op, SimNeurons) and registry.step_of(op.neurons) is None


def in_order(bases, ops):
    """Return bases in the order in which operators mention them, the same in every process."""
    bases = set(bases)
    mentioned = (s.base for op in ops for s in op.sets + op.incs + op.reads + op.updates)
    ordered = dict.fromkeys(base for base in mentioned if base in bases)
    return [*ordered, *(base for base in bases if base not in ordered)]


def _derived(ops, dt):
    """Return bases that need not be carried: see ``derives`` of `registry.emits`."""
    updaters = {}
    for op in ops:
        for signal in op.updates:
            updaters.setdefault(signal.base, set()).add(op)
    found = {}
    for op in ops:
        for signal, (function, reads) in registry.emitter_of(op).derives(op, dt).items():
            whole = [signal, *reads]
            if any(s.base is not s for s in whole) or signal not in op.updates:
                continue  # parts of something larger are left alone
            # At the end of the step the reads hold what the operator saw or left.
            if all(updaters.get(s, set()) <= {op} for s in reads):
                found[signal] = (function, list(reads))
    return found


def _carried(writers, derived):
    """Return bases whose values one step leaves to the next."""
    overwritten, touched = {}, set()
    for op in writers:
        ahead = isinstance(op, (Feed, _Ahead))
        for signal in op.sets if ahead else registry.emitter_of(op).overwrites(op):
            overwritten[signal.base] = overwritten.get(signal.base, 0) + signal.size
        touched.update(s.base for s in op.sets + op.incs + op.updates)
    kept = {s for s in touched if overwritten.get(s, -1) < s.size} - set(derived)
    # What something is derived from; constants need not be carried.
    return kept | {s for _, reads in derived.values() for s in reads if s in touched}


def _held(ops, plan):
    """Return operators that read nothing that changes during the run."""
    changing = set(plan.carried) | set(plan.derived)
    changing |= {feed.signal.base for feed in plan.feeds if not feed.held}
    changing |= {s.base for op in plan.ahead for s, _ in written_ahead(op)}
    steady = {feed.signal.base for feed in plan.feeds if feed.held} | set(plan.constants)
    candidates = [op for op in ops if _is_pure(op)]
    while True:
        held = set(candidates)
        moving = [op for op in ops if op not in held]
        # Bases that something in the loop writes to, and those that it sets.
        written = changing | {s.base for op in moving for s in op.sets + op.incs + op.updates}
        set_in_loop = changing | {s.base for op in moving for s in op.sets}
        known = {s.base for op in candidates for s in op.sets + op.incs} | steady

        def stays(op, written=written, set_in_loop=set_in_loop, known=known):
            return all(s.base in known and s.base not in written for s in op.reads) and all(
                s.base not in set_in_loop for s in op.sets + op.incs
            )

        remaining = [op for op in candidates if stays(op)]
        if len(remaining) == len(candidates):
            return candidates
        candidates = remaining


def _is_pure(op):
    return registry.emitter_of(op).pure and not op.updates and not getattr(op, "state_extra", None)


def is_uniform(array):
    """Return whether all entries of an array are the same."""
    return array.size > 0 and bool(np.all(array == array.flat[0]))
