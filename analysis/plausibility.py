"""How plausible a learner is as a brain: objections to backprop, judged from what was built."""

from collections.abc import Mapping
from dataclasses import dataclass

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from .plausibility_graph import Circuit
from .plausibility_rules import Rules
from .plausibility_verdicts import alignments, judge, schedule_of
from .tables import table

OBJECTIONS = ("weight transport", "derivative", "linear feedback", "spiking", "timing", "target")
CONSTRAINTS = ("spikes", "unidirectionality", "locality")
PROBLEMS = (*OBJECTIONS, *CONSTRAINTS)


@dataclass(frozen=True)
class Finding:
    """A verdict: whether the problem is solved, and what was measured.

    Attributes
    ----------
    problem : str
        One of `PROBLEMS`.
    verdict : {"yes", "partly", "no", "–"}
        The dash: there is nothing to judge, such as feedback in a network that has none.
    evidence : tuple of str
    """

    problem: str
    verdict: str
    evidence: tuple


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    findings : tuple of Finding
        One for each of `PROBLEMS`, in that order.
    schedule : tuple of str
        What is given or switched from outside, and when.
    readings : tuple of Reading
        Each signal that a learning rule reads.
    alignments : tuple of dict
        ``feedback``, ``forward`` (names), ``start`` and ``later`` (cosines, or None), and whether
        they are ``equal`` at the start, number by number.
    """

    findings: tuple
    schedule: tuple = ()
    readings: tuple = ()
    alignments: tuple = ()

    def __getitem__(self, problem):
        """The `Finding` on a problem."""
        for finding in self.findings:
            if finding.problem == problem:
                return finding
        raise ValidationError(f"must be one of {', '.join(PROBLEMS)}, got {problem!r}", "problem")

    @property
    def verdicts(self):
        """A dict from problem to verdict."""
        return {finding.problem: finding.verdict for finding in self.findings}

    def __str__(self):
        """A table of problems, verdicts and evidence."""
        rows = [
            {"problem": f.problem, "solved": f.verdict, "evidence": "; ".join(f.evidence)}
            for f in self.findings
        ]
        return table(rows, ["problem", "solved", "evidence"])


def audit_table(audits):
    """Give one table of verdicts: problems as rows, methods as columns.

    Parameters
    ----------
    audits : dict of str to Audit

    Returns
    -------
    str

    Raises
    ------
    nengo.exceptions.ValidationError
        If there are none, or one is not an `Audit`.
    """
    if not isinstance(audits, Mapping) or not audits:
        raise ValidationError(f"must be a dict with at least one Audit, got {audits!r}", "audits")
    for name, found in audits.items():
        if not isinstance(found, Audit):
            raise ValidationError(f"must hold Audits, got {found!r} for {name!r}", "audits")
    rows = [
        {"problem": problem, **{name: found[problem].verdict for name, found in audits.items()}}
        for problem in PROBLEMS
    ]
    return table(rows, ["problem", *audits])


def audit(network, model=None, later=None, schedule=None, input=None, target=None):
    """Judge a network that learns, or only runs, from its connections and built operators.

    The six objections to backprop are those of Whittington & Bogacz 2019,
    https://doi.org/10.1016/j.tics.2018.12.005, and Lillicrap et al. 2020,
    https://doi.org/10.1038/s41583-020-0277-3; the three constraints are that only spikes cross
    between populations, that no weights are used both ways or shared, and that learning rules
    read what is present at their synapse.

    Parameters
    ----------
    network : nengo.Network
        Such as `nengo_pc.networks.PredictiveCoding`.
    model : nengo.builder.Model, optional
        In which it is built already, ``simulator.model`` of a `nengo.Simulator` with
        ``optimize=False``; else it is built here.
    later : dict of nengo.Connection to ndarray, optional
        Weights after learning, shape ``(n_post, n_pre)``, such as a probe's last: alignment is
        then given for them too.
    schedule : dict of nengo.Node to str, optional
        When what an experiment gives to Nodes changes: a network does not say.
    input, target : nengo.Node, optional
        Where image and label come from; by default ``network.input`` and ``network.target``. With
        no target, nothing is said of one.

    Returns
    -------
    Audit

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is not as described.

    Notes
    -----
    Columns are told from what is joined one to one, see `Circuit`, never from labels; these only
    name things. Functions of Nodes are called to see what they do, so they must have no memory.
    That signals reach a rule in the order of its weights' rows is not checked.

    Examples
    --------
    >>> from nengo_pc.analysis import audit
    >>> from nengo_pc.networks import Dense, Parameters, PredictiveCoding
    >>> parameters = Parameters.random((6,), [Dense(5), Dense(3)], seed=1)
    >>> audit(PredictiveCoding(parameters))["weight transport"].verdict
    'no'
    """
    if not isinstance(network, nengo.Network):
        raise ValidationError(f"must be a nengo.Network, got {network!r}", "network")
    input = _node(network, input, "input")
    if input is None:
        raise ValidationError(f"must be given, since {network} has no such attribute", "input")
    target = _node(network, target, "target")
    if model is None:
        model = nengo.builder.Model(dt=0.001)
        model.build(network)
    elif not isinstance(model, nengo.builder.Model) or not all(
        c in model.params for c in network.all_connections
    ):
        raise ValidationError("must be a nengo.builder.Model that holds the network", "model")
    elif not _has_own_signals(network, model):
        raise ValidationError(
            "was merged by Nengo's optimizer, so that it no longer says what reads what; want that "
            "of nengo.Simulator(..., optimize=False)",
            "model",
        )
    circuit = Circuit(network, model, input)
    later = _later(circuit, later)
    for node in schedule or {}:
        if node not in circuit.outside:
            raise ValidationError(f"must be of Nodes without input, got {node!r}", "schedule")
    rules = Rules(circuit)
    aligned = alignments(circuit, later)
    judged = judge(circuit, rules, aligned, input, target)
    findings = tuple(Finding(problem, *judged[problem]) for problem in PROBLEMS)
    listed = schedule_of(circuit, rules, schedule or {}, input, target)
    return Audit(findings, listed, tuple(rules.readings), aligned)


def _node(network, given, name):
    """The Node given, or the network's attribute, or None."""
    node = getattr(network, name, None) if given is None else given
    if node is not None and node not in network.all_nodes:
        raise ValidationError(f"must be a Node of the network, got {node!r}", name)
    return node


def _has_own_signals(network, model):
    """Whether no two objects' outputs are parts of one signal."""
    objects = [*network.all_nodes, *(e.neurons for e in network.all_ensembles)]
    signals = [model.sig[obj]["out"] for obj in objects if "out" in model.sig[obj]]
    return len({signal.base for signal in signals}) == len(signals)


def _later(circuit, later):
    """Weights after learning, checked."""
    later = {c: np.asarray(weights, dtype=float) for c, weights in (later or {}).items()}
    for c, weights in later.items():
        if c not in circuit.connections:
            raise ValidationError(f"must be of the network's connections, got {c!r}", "later")
        wanted = circuit.weights(c).shape
        if weights.shape != wanted:
            raise ValidationError(f"needs shape {wanted} for {c}, got {weights.shape}", "later")
    return later
