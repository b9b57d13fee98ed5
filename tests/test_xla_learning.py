"""Learning rules against Nengo's own simulator, and the two meanings of a minibatch."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import BuildError
from xla_helpers import assert_same, compiled, reference

from nengo_pc.backends.xla import Simulator
from nengo_pc.backends.xla.plan import make_plan
from nengo_pc.learning import ErrorHebbian
from nengo_pc.networks import Dense, Parameters, PredictiveCoding

N_STEPS = 60


def learning_network(rule, weights=False, neuron_type=None, given=None):
    """A connection that learns by a rule, with an error where the rule wants one."""
    neuron_type = neuron_type or nengo.LIF()
    with nengo.Network(seed=6) as network:
        network.given = nengo.Node(lambda t: np.sin([20 * t, 30 * t]) if given is None else given)
        if given is not None:
            network.given.output = np.asarray(given)
        pre = nengo.Ensemble(25, 2, neuron_type=neuron_type, seed=1)
        post = nengo.Ensemble(20, 2, neuron_type=neuron_type, seed=2)
        nengo.Connection(network.given, pre, synapse=None)
        options = {"solver": nengo.solvers.LstsqL2(weights=True)} if weights else {}
        learned = nengo.Connection(pre, post, learning_rule_type=rule, seed=3, **options)
        if isinstance(rule, (nengo.PES, nengo.RLS)):
            nengo.Connection(post, learned.learning_rule, synapse=0.01)
            nengo.Connection(network.given, learned.learning_rule, transform=-1, synapse=None)
        elif isinstance(rule, nengo.Voja):
            nengo.Connection(network.given[0], learned.learning_rule, synapse=None)
        what = (post, "scaled_encoders") if isinstance(rule, nengo.Voja) else (learned, "weights")
        network.weights = nengo.Probe(*what)
        network.rule = learned.learning_rule
        nengo.Probe(post, synapse=0.01)
    return network


RULES = {
    "pes": (nengo.PES(1e-3), False),
    "pes, whole weights": (nengo.PES(1e-3), True),
    "pes, no synapse": (nengo.PES(1e-3, pre_synapse=None), False),
    "bcm": (nengo.BCM(1e-7), True),
    "oja": (nengo.Oja(1e-5, beta=0.5), True),
    "oja, pre and post": (nengo.Oja(1e-5, pre_synapse=nengo.Alpha(0.004), post_synapse=0.02), True),
    "voja": (nengo.Voja(1e-3), False),
    "voja, no synapse": (nengo.Voja(1e-4, post_synapse=None), False),
    "rls": (nengo.RLS(0.1), False),
    "two at once": ([nengo.BCM(1e-7), nengo.Oja(1e-5)], True),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_are_nengos(name):
    rule, weights = RULES[name]
    network = learning_network(rule, weights)
    with network:
        if not isinstance(rule, list):
            for attribute in ("delta", *(a for a in rule.probeable if a == "error")):
                nengo.Probe(network.rule, attribute)
    got = assert_same(network, N_STEPS, atol=1e-13)
    assert np.ptp(got[network.weights], axis=0).max() > 0


def coding(learning_rule, spikes=False, **options):
    """Predictive coding that learns one image."""
    parameters = Parameters.random((7,), [Dense(9), Dense(8), Dense(3)], seed=1)
    rng = np.random.default_rng(0)
    if spikes:
        options |= {
            "neuron_type": parameters.neuron.spiking(),
            "error_neuron_type": nengo.SpikingRectifiedLinear(amplitude=0.002),
        }
    network = PredictiveCoding(parameters, learning_rule=learning_rule, seed=0, **options)
    network.input.output, network.target.output = rng.random(7), np.eye(3)[1]
    network.clamp.output = np.ones(1)
    with network:
        network.weights = [nengo.Probe(c, "weights") for c in network.forward + network.feedback]
        nengo.Probe(network.output)
        for population in network.values + network.errors:
            nengo.Probe(population.neurons)
    return network


CODINGS = {
    "exact gate": {"derivative": "exact"},
    "step gate, kolen-pollack": {"derivative": "step", "feedback": "kolen-pollack"},
    "box gate, random feedback": {"derivative": "box", "feedback": "random"},
    "no gate, direct feedback, poisson": {
        "derivative": "none",
        "feedback": "direct",
        "synapse": 0.003,
    },
    "squared error, values relax": {"loss": "squared-error", "dynamics": "value"},
    "tanh": {"neuron_type": nengo.Tanh(tau_ref=1)},
    "sigmoid": {"neuron_type": nengo.Sigmoid(tau_ref=0.5)},
    "rectified linear": {"neuron_type": nengo.RectifiedLinear(amplitude=0.5)},
}


@pytest.mark.parametrize("name", CODINGS)
def test_predictive_coding_that_learns(name):
    synapse = nengo.Alpha(CODINGS[name]["synapse"]) if "synapse" in CODINGS[name] else None
    network = coding(ErrorHebbian(0.5, synapse, decay=0.3), **CODINGS[name])
    # The exact slope is infinite at threshold, and makes much of rounding there.
    got = assert_same(network, N_STEPS, atol=1e-8, rtol=1e-7)
    assert np.ptp(got[network.weights[0]], axis=0).max() > 1e-4


def test_predictive_coding_that_learns_in_spikes():
    alpha = nengo.Alpha(0.003)
    rule = ErrorHebbian(0.5, alpha, decay=0.3)
    network = coding(rule, True, synapse=alpha, derivative="step", feedback="kolen-pollack")
    assert_same(network, 200)


def test_a_gate_of_the_users_own_is_refused():
    with pytest.raises(BuildError, match="Python within a step") as error:
        Simulator(coding(None, derivative=lambda x: 1 / (1 + x**2)), progress_bar=False)
    assert str(error.value).count("<Node") == 2  # all of them are named


def test_changes_of_weights_are_not_carried():
    with Simulator(coding(ErrorHebbian(0.1, None)), progress_bar=False) as simulator:
        plan = make_plan(simulator.model, simulator.step_order)
    assert sum(signal.name == "Delta" for signal in plan.derived) == 8
    assert not any(signal.name == "Delta" for signal in plan.carried)


# A minibatch

IMAGES = np.random.default_rng(2).uniform(-1, 1, size=(3, 1, 2))
BATCHED = {name: RULES[name] for name in ("pes", "bcm", "oja", "voja")}


def alone(rule, weights, image):
    return reference(learning_network(rule, weights, given=image[0]), N_STEPS)


@pytest.mark.parametrize("name", [*BATCHED, "rls"])
def test_copies_learn_as_if_they_were_alone(name):
    rule, weights = RULES[name]
    network = learning_network(rule, weights, given=IMAGES[0, 0])
    got = compiled(network, N_STEPS, {network.given: IMAGES}, minibatch_size=3)
    for item, image in enumerate(IMAGES):
        for mine, theirs in zip(got.values(), alone(rule, weights, image).values()):
            np.testing.assert_allclose(mine[item], theirs, rtol=1e-8, atol=1e-12)
    assert np.ptp(got[network.weights][:, -1], axis=0).max() > 0


def scaled(rule, factor):
    """The same rule with another learning rate."""
    return type(rule)(rule.learning_rate * factor)


@pytest.mark.parametrize("how, factor", [("sum", 3), ("mean", 1)])
@pytest.mark.parametrize("name", BATCHED)
def test_a_minibatch_of_one_image_learns_like_one_at_another_rate(name, how, factor):
    rule, weights = BATCHED[name]
    rule = scaled(rule, 1)
    network = learning_network(rule, weights, given=IMAGES[0, 0])
    same = np.repeat(IMAGES[:1], 3, axis=0)
    got = compiled(
        network, N_STEPS, {network.given: same}, minibatch_size=3, minibatch_learning=how
    )
    wanted = alone(scaled(rule, factor), weights, IMAGES[0])
    assert got[network.weights].shape[0] == 1
    for mine, theirs in zip(got.values(), wanted.values()):
        np.testing.assert_allclose(mine[0], theirs, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("how", ["sum", "mean"])
@pytest.mark.parametrize("decay", [0.0, 2.0])
def test_the_first_change_is_the_sum_or_mean_of_what_each_image_says(how, decay):
    images = np.random.default_rng(1).random((4, 1, 7))
    network = coding(ErrorHebbian(0.5, None, decay=decay))
    alone = []
    for image in images:
        network.input.output = image[0]
        alone.append(reference(network, 10))
    got = compiled(network, 10, {network.input: images}, minibatch_size=4, minibatch_learning=how)
    for probe in network.weights:
        changes = np.array([item[probe] - item[probe][0] for item in alone])
        wanted = changes.mean(axis=0) * (1 if how == "mean" else 4)
        # Later ones differ, since weights have changed.
        first = np.flatnonzero(np.abs(wanted).max(axis=(1, 2)))[0]
        mine = got[probe][0] - got[probe][0, 0]
        np.testing.assert_allclose(mine[first], wanted[first], rtol=1e-8, atol=1e-15)


def test_kolen_pollack_in_a_shared_minibatch():
    """W - B^T shrinks by exactly 1 - rate dt decay in each step, whatever the images."""
    network = coding(ErrorHebbian(0.5, None, decay=3.0), feedback="kolen-pollack")
    images = np.random.default_rng(1).random((4, 1, 7))
    got = compiled(
        network, 50, {network.input: images}, minibatch_size=4, minibatch_learning="mean"
    )
    forward, back = (got[network.weights[k]][0] for k in (1, 3))
    gap = forward - back[:, :, : forward.shape[1]].transpose(0, 2, 1)
    shrunk = gap[0] * (1 - 0.5 * 0.001 * 3.0) ** np.arange(50)[:, None, None]
    np.testing.assert_allclose(gap, shrunk, rtol=1e-9)


def test_least_squares_cannot_be_shared():
    network = learning_network(nengo.RLS(0.1), given=IMAGES[0, 0])
    with pytest.raises(BuildError, match="copies"):
        compiled(network, 2, minibatch_size=3, minibatch_learning="sum")
