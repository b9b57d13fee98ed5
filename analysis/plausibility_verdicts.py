"""The verdicts on a network, one function for each problem: a verdict and its evidence."""

import itertools

import nengo
import numpy as np
from nengo.connection import LearningRule

from .plausibility_graph import at_neurons, named, one_way, owner
from .plausibility_measures import CURRENTS, TOLERANCE, alignment, judge_factor, misfit

NOTHING = "–"  # there is nothing to judge
EQUAL = 0.99  # cosine from which on weights are those of another connection
STEP = 1e-4  # of current, for slopes
ERRORS = np.linspace(-2.0, 2.0, 81)


def judge(circuit, rules, aligned, input, target):
    """A dict from each problem to its verdict and evidence."""
    return {
        "weight transport": _transport(circuit, aligned),
        "derivative": _derivative(circuit),
        "linear feedback": _linear_feedback(circuit),
        "spiking": _spiking(circuit),
        "timing": _timing(circuit, rules, input, target),
        "target": _target(circuit, target),
        "spikes": _spikes(circuit),
        "unidirectionality": _unidirectionality(circuit),
        "locality": _locality(circuit, rules),
    }


def alignments(circuit, later):
    """Of each feedback connection with the forward one between the same columns: tuple of dict."""
    result = []
    for feedback in circuit.feedback:
        forward = circuit.pair_of(feedback)
        if forward is None:
            continue
        weights = [circuit.weights(forward), circuit.weights(feedback)]
        if weights[0].ndim != 2 or one_way(weights[1]).shape != weights[0].T.shape:
            continue
        start, after = alignment(*weights), None
        if forward in later or feedback in later:
            pair = [later.get(c, circuit.weights(c)) for c in (forward, feedback)]
            after = alignment(*pair)
        result.append(
            {
                "feedback": named(feedback),
                "forward": named(forward),
                "start": start,
                "later": after,
                "equal": np.array_equal(weights[0].T, one_way(weights[1])),
            }
        )
    return tuple(result)


def schedule_of(circuit, rules, when, input, target):
    """What comes from outside, and learning rates that change with time: sentences."""
    said, roles = [], {input: " (image)", target: " (label)"}
    for node in circuit.outside:
        kind = "a constant" if isinstance(node.output, np.ndarray) else "a function of time"
        if isinstance(node.output, nengo.Process):
            kind = str(node.output)
        name = named(node) + roles.get(node, "")
        said.append(f"{name} is given from outside: {when.get(node, kind)}")
    timed = list(dict.fromkeys(r.rule for r in rules.readings if r.place == "time"))
    if timed:
        said.append(f"learning rate changes with time: {_list(timed)}")
    return tuple(said)


def _transport(circuit, aligned):
    if not circuit.feedback:
        return NOTHING, ("there is no feedback",)
    said = []
    for pair in aligned:
        text = f"cosine of {pair['feedback']} with {pair['forward']} transposed: "
        text += f"{pair['start']:.3g} at the start"
        if pair["equal"]:
            text += ", equal number by number"
        if pair["later"] is not None:
            text += f", {pair['later']:.3g} after"
        said.append(text)
    alone = len(circuit.feedback) - len(aligned)
    if alone:
        said.append(f"{alone} without a forward connection between the same layers")
    learn = [c for c in circuit.feedback if c.learning_rule_type is not None]
    said.append(f"{len(learn)} of {len(circuit.feedback)} feedback connections learn")
    equal = sum(pair["start"] >= EQUAL for pair in aligned)
    return share(equal, len(circuit.feedback)), tuple(said)


def _derivative(circuit):
    if not circuit.feedback:
        return NOTHING, ("there is no feedback",)
    verdicts, said = [], []
    for feedback in circuit.feedback:
        node, indices = circuit.function_after(feedback)
        verdict, text = "yes", "no function of currents multiplies it"
        if node is not None:
            verdict, text = _judged_node(circuit, node, indices)
        verdicts.append(verdict)
        said.append(f"{named(feedback)}: {text}")
    return _worst(verdicts), tuple(said)


def _judged_node(circuit, node, indices):
    """What a Node makes of feedback that enters at ``indices``."""

    def factor(x, feedback=1.0):
        inputs = np.full(node.size_in, x)
        inputs[indices] = feedback
        return np.ravel(node.output(0.0, inputs))[0]

    factors = np.array([factor(x) for x in CURRENTS])
    twice = np.array([factor(x, -2.0) for x in CURRENTS])
    if not np.any(factors):
        return "partly", f"{named(node)} lets no feedback of 1 through"
    if not np.allclose(twice, -2 * factors):
        return "partly", f"{named(node)} is a function of feedback and current, not their product"
    neurons = circuit.value_neurons(node)
    if not neurons and np.ptp(factors):
        return "partly", f"{named(node)} has a factor, but no neurons to compare its slope with"
    slope = np.zeros_like(factors)
    if neurons:
        up, down = (circuit.rates(neurons[0], CURRENTS + h) for h in (STEP, -STEP))
        slope = (up - down) / (2 * STEP)
    return judge_factor(factors, slope)


def _linear_feedback(circuit):
    if not circuit.feedback:
        return NOTHING, ("there is no feedback",)
    verdicts, said = [], []
    for feedback in circuit.feedback:
        source = owner(feedback.pre_obj)
        if not at_neurons(feedback.pre_obj):
            verdicts.append("no")
            said.append(f"{named(feedback)} starts at {named(source)}: signed, graded, no neurons")
            continue
        paired = _is_paired(circuit.weights(feedback))
        curve = circuit.rates(source, ERRORS)
        if paired:
            curve = curve - circuit.rates(source, -ERRORS)
        bend = misfit(curve, ERRORS)
        straight = bend < TOLERANCE and not source.neuron_type.spiking
        signed = curve.min() < 0 and not paired and not source.neuron_type.spiking
        verdicts.append("no" if signed and straight else "partly" if straight else "yes")
        what = "on minus off" if paired else "the rate"
        kind = "spiking" if source.neuron_type.spiking else "graded"
        said.append(
            f"{named(feedback)} starts at {kind} {type(source.neuron_type).__name__} neurons, "
            f"{what} is {bend:.1%} off a line"
        )
    return _worst(verdicts), tuple(said)


def _spiking(circuit):
    populations = [e for e in circuit.ensembles if e not in circuit.constants]
    if not populations:
        return "no", ("there are no neurons",)
    graded = [e for e in populations if not e.neuron_type.spiking]
    said = [f"{len(populations) - len(graded)} of {len(populations)} populations spike"]
    if graded:
        said.append("graded: " + _list(map(_described, graded)))
    return share(len(graded), len(populations)), (*said, *_exempt(circuit))


def _exempt(circuit):
    """What is said of constant neurons."""
    graded = [e for e in circuit.constants if not e.neuron_type.spiking]
    if graded:
        names = _list(map(_described, graded))
        yield f"not counted, since it gives out a constant, a bias: {names}"


def _timing(circuit, rules, input, target):
    switches = []
    for c in circuit.connections:
        if c.pre_obj in circuit.outside and c.pre_obj not in (input, target):
            teaches = isinstance(c.post_obj, LearningRule)
            if teaches or circuit.silences(c):
                what = named(c.post_obj) if teaches else f"the output of {named(c.post_obj)}"
                switches.append(f"{named(c.pre_obj)} switches {what} from outside")
    for period in sorted(set(rules.clocked.values())):
        names = _list(named(c) for c, of in rules.clocked.items() if of == period)
        switches.append(f"weights change by a clock, every {1000 * period:g} ms: {names}")
    said = ["values, errors and weights change in every time step: one phase"]
    if rules.clocked or not rules.connections:
        said = ["values and errors change in every time step: one phase"]
    return ("partly" if switches else "yes"), (*said, *switches)


def _target(circuit, target):
    if target is None:
        return NOTHING, ("no target is named",)
    entered, graded, now, seen = [], [], [target], set()
    while now:
        obj = now.pop()
        if obj in seen:
            continue
        seen.add(obj)
        for c in circuit.connections:
            if owner(c.pre_obj) is not obj:
                continue
            post = owner(c.post_obj)
            if at_neurons(c.post_obj):
                (entered if post.neuron_type.spiking else graded).append(post)
            elif isinstance(post.output, type(None)) and not isinstance(c.post_obj, LearningRule):
                now.append(post)
            else:
                graded.append(post)
    graded = list(dict.fromkeys(graded))
    if graded and not entered:
        where = [named(obj) for obj in graded]
        return "no", (f"enters {_list(where)} as exact numbers, given by hand",)
    said, direct = [], []
    for ensemble in dict.fromkeys(entered):
        leaving = [c for c in circuit.connections if owner(c.pre_obj) is ensemble]
        direct += [c for c in leaving if c.synapse is None]
        said.append(
            f"enters as currents into {ensemble.n_neurons} spiking neurons of {named(ensemble)}, "
            f"whose spikes reach {_list(named(c.post_obj) for c in leaving)} through "
            f"{_list(sorted({str(c.synapse) for c in leaving}))}"
        )
    if not entered:
        return "no", ("it is connected to nothing",)
    said += [f"enters {named(obj)} as exact numbers too" for obj in graded]
    return ("partly" if graded or direct else "yes"), tuple(said)


def _spikes(circuit):
    constants, reasons = 0, []
    for c in circuit.crossings:
        source = owner(c.pre_obj)
        if source in circuit.constants:
            constants += 1
        elif not at_neurons(c.pre_obj):
            reasons.append(f"{named(c)} starts at the Node {named(source)}")
        elif not source.neuron_type.spiking:
            reasons.append(f"{named(c)} starts at graded {named(source)}")
        elif c.synapse is None:
            reasons.append(f"{named(c)} has no synapse")
    n = len(circuit.crossings) - constants
    if n == 0:
        return NOTHING, ("nothing crosses between populations",)
    said = [f"{n - len(reasons)} of {n} connections between populations carry spikes, by synapses"]
    if reasons:
        said.append(_list(reasons))
    currents = {named(c.pre_obj) for c in circuit.connections if c.pre_obj in circuit.outside}
    if currents:
        said.append(f"not counted, since they are outside: {_list(sorted(currents))}")
    return share(len(reasons), n), (*said, *_exempt(circuit))


def _unidirectionality(circuit):
    shared = []
    for a, b in itertools.combinations(circuit.weighted, 2):
        if _same_weights(circuit.weights(a), circuit.weights(b)):
            shared.append(f"{named(a)} and {named(b)} have the same weights")
    used = {}
    signals = {circuit.model.sig[c].get("weights"): c for c in circuit.weighted}
    for op in circuit.model.operators:
        for signal, c in signals.items():
            if signal is not None and signal in op.reads and (op.incs or op.sets):
                used.setdefault(c, []).append(op)
    shared += [f"{named(c)} is used by {len(ops)} operators" for c, ops in used.items() if ops[1:]]
    said = [f"{len(circuit.weighted)} connections with weights, each one way", *shared]
    pairs = [c for c in circuit.weighted if _is_paired(circuit.weights(c))]
    if pairs:
        said.append(f"weights of on/off pairs are equal but for sign in {_list(map(named, pairs))}")
    return ("no" if shared else "yes"), tuple(said)


def _is_paired(weights):
    """Whether weights are ``[B, -B]``, of on/off pairs."""
    return weights.ndim == 2 and one_way(weights).shape != weights.shape


def _same_weights(a, b):
    """Whether two arrays hold the same numbers, transposed or not, other than only one."""
    if a.ndim != 2 or b.ndim != 2:
        return a.shape == b.shape and np.array_equal(a, b)
    a, b = one_way(a), one_way(b)
    if len(np.unique(np.abs(a[a != 0]))) < 2:
        return False
    return np.array_equal(a, b) or np.array_equal(a, b.T)


def _locality(circuit, rules):
    if not rules.connections:
        return NOTHING, ("nothing learns",)
    wrong = [r for r in rules.readings if not r.is_local]
    said = [f"{len(rules.connections)} connections learn"]
    places = [r.place for r in rules.readings]
    said.append(
        "their rules read "
        + ", ".join(f"{places.count(place)} {place}" for place in dict.fromkeys(places))
    )
    said += [f"{r.rule} learns from {r.signal} of {r.source}, not at its synapse" for r in wrong]
    doubts = []
    if rules.pooled:
        names = sorted(map(named, rules.pooled))
        doubts.append(f"errors pass {_list(names)}, shared by all units of a layer")
    if rules.paired:
        names = _list(map(named, rules.paired))
        doubts.append(f"each synapse of {names} reads the other neuron of an on/off pair too")
    for c in rules.mixed:
        doubts.append(f"{named(c)} is a matrix: each synapse gets errors of several units")
    for c in rules.unread:
        doubts.append(f"what the rule of {named(c)} reads was not found")
    doubts += [f"{text}, so that place tells little" for text in circuit.merged()]
    return ("no" if wrong else "partly" if doubts else "yes"), (*said, *doubts)


def _described(ensemble):
    return f"{named(ensemble)} ({ensemble.n_neurons} {type(ensemble.neuron_type).__name__})"


def share(wrong, total):
    """The verdict if ``wrong`` of ``total`` fail."""
    return "yes" if wrong == 0 else "no" if wrong == total else "partly"


def _worst(verdicts):
    return "no" if "no" in verdicts else "partly" if "partly" in verdicts else "yes"


def _list(items, most=4):
    """Names, the rest counted."""
    items = list(items)
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
