"""Learning rules against Nengo's own, and the three meanings of a minibatch."""

import nengo
import numpy as np
import pytest
from native_helpers import assert_close, native, quiet, reference, run_natively
from nengo.exceptions import BuildError, SimulationError, ValidationError

from nengo_pc.backends.native import Simulator
from nengo_pc.learning import ErrorHebbian, FallingRate

N_STEPS = 40
RATE = 1e-3


def learning_network(rule, weights=False, given=(0.5, -0.3)):
    """A connection that learns by a rule, with an error where the rule wants one."""
    with nengo.Network(seed=6) as network:
        network.given = nengo.Node(np.array(given))
        pre = nengo.Ensemble(25, 2, neuron_type=nengo.LIFRate(), seed=1)
        post = nengo.Ensemble(20, 2, neuron_type=nengo.LIFRate(), seed=2)
        nengo.Connection(network.given, pre, synapse=None)
        options = {"solver": nengo.solvers.LstsqL2(weights=True)} if weights else {}
        if isinstance(rule, ErrorHebbian):
            learned = on_pairs(pre, rule) if rule.on_off else onto_a_node(pre, rule)
        else:
            learned = nengo.Connection(pre, post, learning_rule_type=rule, seed=3, **options)
        if isinstance(rule, (nengo.PES, nengo.RLS, ErrorHebbian)):
            nengo.Connection(network.given, learned.learning_rule, transform=-1, synapse=None)
            if not isinstance(rule, ErrorHebbian):
                nengo.Connection(post, learned.learning_rule, synapse=0.01)
        elif isinstance(rule, nengo.Voja):
            nengo.Connection(network.given[0], learned.learning_rule, synapse=None)
        what = (post, "scaled_encoders") if isinstance(rule, nengo.Voja) else (learned, "weights")
        network.weights = nengo.Probe(*what)
        if not isinstance(rule, list) and "delta" in rule.probeable:
            nengo.Probe(learned.learning_rule, "delta")
        network.output = nengo.Probe(post, synapse=0.01)
        nengo.Probe(pre.neurons)
    return network


def onto_a_node(pre, rule):
    matrix = np.random.default_rng(1).normal(size=(2, 25)) * 0.01
    target = nengo.Node(size_in=2)
    return nengo.Connection(pre.neurons, target, transform=matrix, learning_rule_type=rule)


def on_pairs(pre, rule):
    """Weights ``[B, -B]`` from 12 on-neurons and their 12 off-neurons."""
    half = np.random.default_rng(1).normal(size=(2, 12)) * 0.01
    return nengo.Connection(
        pre.neurons[:24],
        nengo.Node(size_in=2),
        transform=np.hstack([half, -half]),
        learning_rule_type=rule,
    )


RULES = {
    "pes": (nengo.PES(RATE), False),
    "pes, whole weights": (nengo.PES(RATE), True),
    "pes, no synapse": (nengo.PES(RATE, pre_synapse=None), False),
    "bcm": (nengo.BCM(1e-7), True),
    "oja": (nengo.Oja(1e-5, beta=0.5), True),
    "voja": (nengo.Voja(RATE), False),
    "error-hebbian": (ErrorHebbian(0.01, None), False),
    "error-hebbian, decay": (ErrorHebbian(0.01, 0.005, decay=50.0), False),
    "error-hebbian, pairs": (ErrorHebbian(0.01, None, on_off=True), False),
    "error-hebbian, pairs, decay": (ErrorHebbian(0.01, None, decay=50.0, on_off=True), False),
    "error-hebbian, consolidation": (ErrorHebbian(0.01, None, consolidation=0.01), False),
    "error-hebbian, all": (
        ErrorHebbian(lambda t: 0.01 * (1 + t), nengo.Alpha(0.003), 20.0, True, 0.01),
        False,
    ),
}
OTHERS = {
    "rls": (nengo.RLS(0.1), False),
    "two at once": ([nengo.BCM(1e-7), nengo.Oja(1e-5)], True),
    "oja, pre and post": (nengo.Oja(1e-5, pre_synapse=nengo.Alpha(0.004), post_synapse=0.02), True),
    "voja, no synapse": (nengo.Voja(1e-4, post_synapse=None), False),
    "error-hebbian, now and then": (ErrorHebbian(0.01, None, update_interval=0.005), False),
}
ALL = RULES | OTHERS
IMAGES = np.random.default_rng(2).uniform(-1, 1, size=(3, 1, 2))


@pytest.mark.parametrize("name", ALL)
def test_rules_are_nengos(name):
    rule, weights = ALL[name]
    network = learning_network(rule, weights)
    wanted = reference(network, N_STEPS, seed=3)
    got, by_python = run_natively(network, N_STEPS, seed=3)
    for probe, history in wanted.items():
        assert_close(got[probe], history, 1e-10, probe)
    assert np.ptp(wanted[network.weights], axis=0).max() > 0
    if name not in ("error-hebbian, now and then", "error-hebbian, all"):
        assert by_python == ()


SLICED = {
    "pes from a slice to a slice": lambda pre, post: nengo.Connection(
        pre[1], post[0], learning_rule_type=nengo.PES(RATE)
    ),
    "pes with a function": lambda pre, post: nengo.Connection(
        pre, post, function=lambda x: [x[1], x[0] * x[1]], learning_rule_type=nengo.PES(RATE)
    ),
    "pes with a transform": lambda pre, post: nengo.Connection(
        pre, post[1], transform=[[0.5, -2]], learning_rule_type=nengo.PES(RATE)
    ),
    "pes of some neurons": lambda pre, post: nengo.Connection(
        pre.neurons[3:11],
        post[[1]],
        transform=np.full((1, 8), 1e-4),
        learning_rule_type=nengo.PES(RATE),
    ),
    "pes of every other neuron": lambda pre, post: nengo.Connection(
        pre.neurons[::2], post, transform=np.full((2, 13), 1e-4), learning_rule_type=nengo.PES(1e-3)
    ),
    "voja of one dimension": lambda pre, post: nengo.Connection(
        pre[0], post, transform=[[1], [0.5]], learning_rule_type=nengo.Voja(RATE)
    ),
    "error-hebbian to a slice": lambda pre, post: nengo.Connection(
        pre.neurons[4:19],
        post[1],
        transform=np.full((1, 15), 1e-4),
        learning_rule_type=ErrorHebbian(1e-4, 0.002, decay=5),
    ),
    "error-hebbian from decoders": lambda pre, post: nengo.Connection(
        pre, post, learning_rule_type=ErrorHebbian(1e-4, 0.002, decay=5)
    ),
}


@pytest.mark.parametrize("neuron_type", [nengo.LIF(), nengo.LIFRate()], ids=str)
@pytest.mark.parametrize("name", SLICED)
def test_rules_on_parts_are_nengos(name, neuron_type):
    with nengo.Network(seed=6) as network:
        given = nengo.Node([0.5, -0.3])
        pre = nengo.Ensemble(25, 2, neuron_type=neuron_type, seed=1)
        post = nengo.Ensemble(20, 2, neuron_type=neuron_type, seed=2)
        nengo.Connection(given, pre, synapse=None)
        learned = SLICED[name](pre, post)
        error = learned.learning_rule
        nengo.Connection(given[: error.size_in], error, transform=-1)
        probe = nengo.Probe(learned, "weights", sample_every=0.004)
        nengo.Probe(post.neurons, synapse=0.01)
        encoders = nengo.Probe(post, "scaled_encoders")
    wanted = reference(network, 80)
    got, by_python = run_natively(network, 80)
    for seen, history in wanted.items():
        assert_close(got[seen], history, 1e-10, seen)
    assert max(np.ptp(wanted[p], axis=0).max() for p in (probe, encoders)) > 0
    assert by_python == ()


TOO_SMALL = {
    "bcm": (nengo.BCM(1e-9), slice(5, None), slice(None)),
    "oja": (nengo.Oja(1e-6), slice(5, None), slice(None)),
    "rls": (nengo.RLS(1e-3), slice(4, 19), slice(None)),
    "bcm, post": (nengo.BCM(1e-9), slice(None), slice(3, 9)),
    "oja, post": (nengo.Oja(1e-6), slice(None), slice(3, 9)),
}


@pytest.mark.parametrize("name", TOO_SMALL)
def test_rules_that_nengo_cannot_run_raise_its_error(name):
    """Matrices of a part of the neurons, by rules that look at all of them."""
    rule, before, after = TOO_SMALL[name]
    with nengo.Network(seed=6) as network:
        pre, post = nengo.Ensemble(25, 1), nengo.Ensemble(20, 1)
        sources, targets = pre.neurons[before], post.neurons[after]
        if name == "rls":
            targets = nengo.Node(size_in=1)
        learned = nengo.Connection(
            sources,
            targets,
            transform=np.full((targets.size_in, sources.size_out), 1e-4),
            learning_rule_type=rule,
        )
        if name == "rls":
            nengo.Connection(targets, learned.learning_rule)
    for kind in (nengo.Simulator, Simulator):
        with pytest.raises(ValueError, match="broadcast"), quiet(kind, network) as simulator:
            simulator.run_steps(5)


@pytest.mark.parametrize("name", ALL)
def test_copies_learn_as_if_they_were_alone(name):
    rule, weights = ALL[name]
    network = learning_network(rule, weights)
    got = native(network, N_STEPS, {network.given: IMAGES}, minibatch_size=3)
    for item, image in enumerate(IMAGES):
        alone = reference(learning_network(rule, weights, given=image[0]), N_STEPS)
        for mine, theirs in zip(got.values(), alone.values()):
            assert_close(mine[item], theirs, 1e-10)
    assert np.ptp(got[network.weights][:, -1], axis=0).max() > 0


def first_changes(network, probe, history):
    """The change of weights of the first step that changes them, of each item, and its place."""
    changes = np.diff(history[probe], axis=-3)
    place = np.flatnonzero(np.abs(changes).reshape(-1, *changes.shape[-3:]).max(axis=(0, 2, 3)))[0]
    return changes[..., place, :, :], place


@pytest.mark.parametrize("how", ["sum", "mean"])
@pytest.mark.parametrize("name", RULES)
def test_the_first_change_is_the_sum_or_mean_of_what_each_image_says(name, how):
    rule, weights = RULES[name]
    alone = []
    for image in IMAGES:
        single = learning_network(rule, weights, given=image[0])
        alone.append(first_changes(single, single.weights, reference(single, N_STEPS)))
    network = learning_network(rule, weights)
    options = {"minibatch_size": 3, "minibatch_learning": how}
    got = native(network, N_STEPS, {network.given: IMAGES}, **options)
    assert got[network.weights].shape[0] == 3
    for item in (1, 2):  # they share them
        np.testing.assert_array_equal(got[network.weights][0], got[network.weights][item])
    mine, place = first_changes(network, network.weights, got)
    places = {where for _, where in alone}
    assert min(places) == place
    changes = np.array([change * (where == place) for change, where in alone])
    combined = changes.sum(axis=0) if how == "sum" else changes.mean(axis=0)
    assert_close(mine[0], combined, 1e-7)
    assert np.abs(combined).max() > 0


@pytest.mark.parametrize("how, factor", [("sum", 3), ("mean", 1)])
@pytest.mark.parametrize("name", ["pes", "pes, whole weights", "bcm", "oja", "voja"])
def test_a_minibatch_of_one_image_learns_like_one_at_another_rate(name, how, factor):
    rule, weights = RULES[name]
    same = np.repeat(IMAGES[:1], 3, axis=0)
    rule = type(rule)(rule.learning_rate)
    network = learning_network(rule, weights)
    options = {"minibatch_size": 3, "minibatch_learning": how}
    got = native(network, N_STEPS, {network.given: same}, **options)
    other = learning_network(type(rule)(factor * rule.learning_rate), weights, IMAGES[0, 0])
    for mine, theirs in zip(got.values(), reference(other, N_STEPS).values()):
        for item in mine:
            assert_close(item, theirs, 1e-8)


@pytest.mark.parametrize("how", ["sum", "mean"])
@pytest.mark.parametrize("on_off", [False, True])
@pytest.mark.parametrize("decay", [0.0, 50.0])
@pytest.mark.parametrize("consolidation", [0.0, 0.01])
def test_every_step_of_a_shared_error_hebbian_minibatch(how, on_off, decay, consolidation):
    """The rule by hand, in NumPy: constant activities and errors, rates and weights shared."""
    rule = ErrorHebbian(0.01, None, decay, on_off, consolidation)
    network = learning_network(rule)
    (learned,) = [c for c in network.all_connections if c.learning_rule_type is not None]
    activities = network.all_probes[-1]
    options = {"minibatch_size": 3, "minibatch_learning": how}
    got = native(network, N_STEPS, {network.given: IMAGES}, **options)
    s = got[activities][:, -1, :24] if on_off else got[activities][:, -1]
    assert_close(got[activities][:, 5], got[activities][:, -1])  # settled
    if on_off:
        difference = s[:, :12] - s[:, 12:]
        s = np.hstack([difference, -difference])
    e = -IMAGES[:, 0]
    kept = np.exp(-0.001 / consolidation) if consolidation else 0.0
    weights = got[network.weights][0]
    said = np.einsum("bi,bj->bij", e, s)
    said = said.mean(axis=0) if how == "mean" else said.sum(axis=0)
    n_decays = 1 if how == "mean" else 3
    delta = weights[11] - weights[10]
    w = weights[11]
    for k in range(12, N_STEPS):
        delta = kept * delta + (1 - kept) * 0.01 * 0.001 * (said - n_decays * decay * w)
        w = w + delta
        assert_close(weights[k], w, 1e-9, k)
    assert np.abs(weights[-1] - weights[10]).max() > 1e-5
    assert learned.learning_rule_type is rule


def test_least_squares_cannot_be_shared():
    network = learning_network(nengo.RLS(0.1))
    for how in ("sum", "mean"):
        with pytest.raises(BuildError, match=r"share.*copies"):
            native(network, 2, minibatch_size=3, minibatch_learning=how)


def test_a_shared_minibatch_of_one_is_one():
    network = learning_network(nengo.PES(RATE))
    wanted = reference(network, N_STEPS)
    for how in ("sum", "mean", "copies"):
        got = native(network, N_STEPS, minibatch_size=1, minibatch_learning=how)
        for probe, history in wanted.items():
            assert_close(got[probe], history[None], 1e-10)
    assert np.ptp(wanted[network.weights], axis=0).max() > 0


# Large matrices and few errors: whatever is put off must not be seen

ROWS, COLUMNS = 70, 80


def few_errors(n_steps, share=0.04, n_items=None):
    """Errors that are mostly 0, in some steps all of them."""
    rng = np.random.default_rng(8)
    shape = (n_steps, ROWS) if n_items is None else (n_items, n_steps, ROWS)
    errors = rng.normal(size=shape) * (rng.random(shape) < share)
    errors[..., ::5, :] = 0
    return errors


def large_network(rule, errors):
    """Spikes that a large matrix multiplies, which learns from few errors."""
    matrix = np.random.default_rng(1).normal(size=(ROWS, COLUMNS)) * 1e-3
    with nengo.Network(seed=6) as network:
        pre = nengo.Ensemble(COLUMNS, 1, seed=1)
        nengo.Connection(nengo.Node([0.4]), pre, synapse=None)
        target = nengo.Node(size_in=ROWS)
        network.learned = nengo.Connection(
            pre.neurons, target, transform=matrix, learning_rule_type=rule, synapse=None
        )
        network.error = nengo.Node(nengo.processes.PresentInput(errors, 0.001))
        nengo.Connection(network.error, network.learned.learning_rule, synapse=None)
        network.output = nengo.Probe(target)
        network.of_rule = [nengo.Probe(network.learned.learning_rule, "error")]
        network.of_rule += [nengo.Probe(network.learned.learning_rule, "activities")]
    return network


LARGE = {
    "plain": ErrorHebbian(0.01, None),
    "filtered": ErrorHebbian(0.01, 0.005),
    "decay": ErrorHebbian(0.01, None, decay=50.0),
    "consolidation": ErrorHebbian(0.01, None, consolidation=0.01),
    "consolidation, decay": ErrorHebbian(0.01, 0.002, decay=50.0, consolidation=0.004),
    "falling": ErrorHebbian(FallingRate(0.01, 0.15), None, decay=30.0, consolidation=0.02),
    "fast decay": ErrorHebbian(1.0, None, decay=1000.0),  # which leaves nothing
    "no rate": ErrorHebbian(0.0, None, decay=1.0),
}
N_LONG = 200


def state_of(simulator, network):
    """Weights and their next change."""
    sig = simulator.model.sig
    signals = (sig[network.learned]["weights"], sig[network.learned.learning_rule]["delta"])
    return [np.array(simulator.signals[signal]) for signal in signals]


@pytest.mark.parametrize("share", [0.0, 0.04, 1.0])
@pytest.mark.parametrize("name", LARGE)
def test_large_matrices_learn_as_nengos_whatever_the_errors(name, share):
    network = large_network(LARGE[name], few_errors(N_LONG, share))
    found = []
    for kind in (nengo.Simulator, Simulator):
        with quiet(kind, network, seed=1) as simulator:
            found.append(state_of(simulator, network))
            for n_steps in (1, 7, 64, 65, 63):
                simulator.run_steps(n_steps)
                found[-1] += state_of(simulator, network)
            found[-1].append(np.array(simulator.data[network.output]))
            if kind is Simulator:
                assert simulator.in_python == ()
    for mine, theirs in zip(found[1], found[0]):
        assert_close(mine, theirs, 1e-10)
    changed = np.abs(found[0][-3] - found[0][0]).max() > 0
    assert changed == (share > 0 or LARGE[name].decay > 0) * (name != "no rate")


@pytest.mark.parametrize("name", ["plain", "consolidation, decay", "falling"])
def test_large_matrices_next_to_a_function_of_a_user(name):
    """Which might look at them, and so sees them as they are."""
    found = []
    for kind in (nengo.Simulator, Simulator):
        network, seen = large_network(LARGE[name], few_errors(N_LONG)), []
        with network:
            box = []
            nengo.Node(lambda t: seen.append(np.concatenate(state_of(*box))) if box else None)  # noqa: B023
        with quiet(kind, network, seed=1) as simulator:
            box += [simulator, network]
            simulator.run_steps(80)
            found.append([*seen, *state_of(simulator, network), simulator.data[network.output]])
    for mine, theirs in zip(found[1], found[0]):
        assert_close(mine, theirs, 1e-10)
    assert len(found[1]) == 83
    assert np.ptp(np.array(found[1][:80]), axis=0).max() > 0


@pytest.mark.parametrize("name", ["plain", "consolidation, decay", "falling"])
def test_large_matrices_that_are_probed(name):
    network = large_network(LARGE[name], few_errors(N_LONG))
    with network:
        probes = [nengo.Probe(network.learned, "weights", sample_every=0.01)]
        probes.append(nengo.Probe(network.learned.learning_rule, "delta"))
    wanted, got = reference(network, 100), native(network, 100)
    for probe in (*probes, network.output):
        assert_close(got[probe], wanted[probe], 1e-10)
        assert np.ptp(wanted[probe], axis=0).max() > 0


@pytest.mark.parametrize("name", ["plain", "consolidation, decay", "falling"])
def test_large_matrices_are_written_to_reset_copied_and_put_into_others(name):
    network = large_network(LARGE[name], few_errors(N_LONG))
    found = []
    for kind in (nengo.Simulator, Simulator):
        with quiet(kind, network, seed=1) as simulator:
            simulator.run_steps(90)
            weights, delta = (
                simulator.signals[signal]
                for signal in (
                    simulator.model.sig[network.learned]["weights"],
                    simulator.model.sig[network.learned.learning_rule]["delta"],
                )
            )
            weights[:, ::2] = 0.01
            delta[3] = 1e-3
            if kind is Simulator:
                state = simulator.get_state()
            simulator.run_steps(70)
            found.append([*state_of(simulator, network), simulator.data[network.output]])
            simulator.reset()
            simulator.run_steps(70)
            found[-1] += [*state_of(simulator, network), simulator.data[network.output]]
    for mine, theirs in zip(found[1], found[0]):
        assert_close(mine, theirs, 1e-10)
    assert np.abs(found[0][0] - found[0][3]).max() > 1e-3
    with quiet(Simulator, network, seed=1) as simulator:
        simulator.run_steps(20)
        simulator.set_state(state)
        simulator.run_steps(70)
        for mine, theirs in zip(state_of(simulator, network), found[0]):
            assert_close(mine, theirs, 1e-10)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_run_that_breaks_off_leaves_what_was_learned():
    network = large_network(LARGE["plain"], few_errors(N_LONG))
    with network:
        state = nengo.Node([1.0]), nengo.Node(size_in=1)
        nengo.Connection(state[0], state[1], synapse=0.001)
        nengo.Connection(state[1], state[1], transform=1e4, synapse=0.001)
    with quiet(Simulator, network, seed=1) as simulator:
        with pytest.raises(SimulationError):
            simulator.run_steps(N_LONG)
        n_steps = simulator.n_steps
        assert 60 < n_steps < N_LONG
        (weights, _), output = state_of(simulator, network), simulator.data[network.output]
    with quiet(nengo.Simulator, network, seed=1) as simulator:
        simulator.run_steps(n_steps)
        wanted = state_of(simulator, network)[0]
        assert_close(output, simulator.data[network.output], 1e-10)
        simulator.run_steps(1)
        after = state_of(simulator, network)[0]
    # The step that broke off may have changed them or not.
    assert min(np.abs(weights - wanted).max(), np.abs(weights - after).max()) < 1e-12
    assert np.ptp(wanted) > 0


@pytest.mark.parametrize("how", ["sum", "mean"])
@pytest.mark.parametrize("n_items", [2, 4, 5])
@pytest.mark.parametrize("name", ["plain", "filtered", "decay", "consolidation, decay", "falling"])
def test_large_matrices_that_items_share(name, n_items, how):
    """The rule by hand, from what probes saw of errors and activities."""
    rule, n_steps = LARGE[name], 100
    network = large_network(rule, few_errors(2))
    data = {network.error: few_errors(n_steps, n_items=n_items)}
    options = {"minibatch_size": n_items, "minibatch_learning": how, "dtype": "float64"}
    with quiet(Simulator, network, seed=1, **options) as simulator:
        start, _ = state_of(simulator, network)
        simulator.run_steps(n_steps, data=data)
        (weights, _) = state_of(simulator, network)
        output = simulator.data[network.output]
        errors, activities = (simulator.data[probe] for probe in network.of_rule)
    combined = np.einsum("bti,btj->tij", errors, activities)
    n_decays = n_items if how == "sum" else 1
    combined /= 1 if how == "sum" else n_items
    kept = np.exp(-0.001 / rule.consolidation) if rule.consolidation else 0.0
    w, delta, seen = start.copy(), 0.0, []
    for step, said in enumerate(combined, 1):
        w = w + delta
        seen.append(w)
        rate = rule.learning_rate
        rate = rate(0.001 * step) if callable(rate) else rate
        delta = kept * delta + (1 - kept) * rate * 0.001 * (said - n_decays * rule.decay * w)
    assert_close(weights, w, 1e-10)
    assert np.abs(w - start).max() > 1e-5
    if rule.pre_synapse is None:  # activities are what is multiplied
        assert_close(output, np.einsum("tij,btj->bti", seen, activities), 1e-10)
        assert np.ptp(output) > 0


def test_float32_learns_much_as_float64():
    network = large_network(LARGE["consolidation, decay"], few_errors(N_LONG))
    found = []
    for dtype in ("float64", "float32"):
        with quiet(Simulator, network, seed=1, dtype=dtype) as simulator:
            before = state_of(simulator, network)[0]
            simulator.run_steps(N_LONG)
            found.append(state_of(simulator, network)[0] - before)
    assert found[1].dtype == np.float32
    assert_close(found[1], found[0], 1e-3)
    assert np.ptp(found[0]) > 0


def test_arguments_of_minibatch_learning():
    network = large_network(LARGE["plain"], few_errors(2))
    with pytest.raises(ValidationError, match="copies, sum, mean"):
        quiet(Simulator, network, minibatch_learning="max")
