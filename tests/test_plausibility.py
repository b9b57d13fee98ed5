"""Each element of a network switched alone, networks that cheat, and every off-line method."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from nengo_pc.analysis import Audit, Finding, alignment, audit, audit_table, audit_training
from nengo_pc.analysis.plausibility import CONSTRAINTS, OBJECTIONS, PROBLEMS
from nengo_pc.learning import ErrorHebbian, FallingRate, TrainingOptions, covariance_trace
from nengo_pc.networks import (
    AdaptivePrecision,
    Convolution,
    Dense,
    Gate,
    Parameters,
    PredictiveCoding,
    SpikingClassifier,
    lif_error_neurons,
)
from nengo_pc.networks.feedback import feedback_weights

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*encountered in (log1p|divide)"),
    pytest.mark.filterwarnings("ignore:Non-finite values detected in `max_rates`"),
]
PARAMETERS = Parameters.random((7,), [Dense(6), Dense(5), Dense(3)], seed=1)
LIFRATE = nengo.LIFRate(**vars(PARAMETERS.neuron))
SYNAPSE = nengo.Lowpass(0.005)
RULE = ErrorHebbian(0.1, covariance_trace(0.005), decay=0.03)
# Nothing in it is to be found fault with.
GOOD = {
    "neuron_type": PARAMETERS.neuron.spiking(),
    "error_neuron_type": lif_error_neurons(),
    "drive": "prediction",
    "feedback": "random",
    "derivative": "step",
    "loss": "rectified",
    "synapse": SYNAPSE,
    "encoder": "lif",
    "target_encoder": "lif",
    "clamping": "target",
    "learning_rule": RULE,
    "seed": 3,
}


def make(parameters=PARAMETERS, **changes):
    return PredictiveCoding(parameters, **{**GOOD, **changes})


def differences(found):
    """Problems that are not solved, with their verdicts."""
    return {problem: v for problem, v in found.verdicts.items() if v != "yes"}


def said(found, problem):
    return "; ".join(found[problem].evidence)


SWITCHED = {
    "nothing": ({}, {}),
    "transposed": (
        {"feedback": "transpose"},
        {"weight transport": "no", "unidirectionality": "no", "locality": "partly"},
    ),
    "transposed, fixed": (
        {"feedback": "transpose", "learning_rule": None},
        {"weight transport": "no", "unidirectionality": "no", "locality": "–"},
    ),
    "Kolen-Pollack": ({"feedback": "kolen-pollack"}, {"locality": "partly"}),
    "direct": ({"feedback": "direct"}, {}),
    "exact": ({"derivative": Gate(LIFRATE, "exact")}, {"derivative": "no"}),
    "box": ({"derivative": "box"}, {}),
    "none": ({"derivative": "none"}, {}),
    "another slope": ({"derivative": lambda x: 1 / (1 + x**2)}, {"derivative": "partly"}),
    "rate neurons": ({"neuron_type": LIFRATE}, {"spiking": "partly", "spikes": "partly"}),
    "rectified errors": (
        {"error_neuron_type": None},
        {"linear feedback": "partly", "spiking": "partly", "spikes": "partly"},
    ),
    "rate errors with a bend": (
        {"error_neuron_type": nengo.LIFRate(tau_ref=0.01, amplitude=0.02)},
        {"spiking": "partly", "spikes": "partly"},
    ),
    "spiking errors without a bend": (
        {"error_neuron_type": nengo.PoissonSpiking(nengo.RectifiedLinear(), amplitude=0.01)},
        {},
    ),
    "constant input": ({"encoder": "constant"}, {"spiking": "partly", "spikes": "partly"}),
    "Poisson input": ({"encoder": "poisson"}, {}),
    "constant input, no learning": (
        {"encoder": "constant", "learning_rule": None},
        {"spikes": "partly", "locality": "–"},
    ),
    "constant target that clamps": (
        {"target_encoder": "constant"},
        {"target": "no", "spikes": "partly"},
    ),
    "constant target": (
        {"target_encoder": "constant", "clamping": "given"},
        {"target": "no", "timing": "partly"},
    ),
    "given clamp": ({"clamping": "given"}, {"timing": "partly"}),
    "no synapse": ({"synapse": None}, {"spikes": "no", "target": "partly"}),
    "adaptive precision": ({"precision": AdaptivePrecision()}, {"locality": "partly"}),
    "fixed precision": ({"precision": 2.0}, {}),
    "softmax": ({"loss": "cross-entropy"}, {"locality": "partly"}),
    "squared error": ({"loss": "squared-error"}, {}),
    "values drive": ({"drive": "value"}, {}),
    "values relax": ({"drive": "value", "dynamics": "value"}, {}),
    "no learning": ({"learning_rule": None}, {"locality": "–"}),
    "weights change by a clock": (
        {"learning_rule": ErrorHebbian(0.1, update_interval=0.03)},
        {"timing": "partly"},
    ),
    "falling rate": ({"learning_rule": ErrorHebbian(FallingRate(0.1, 5.0))}, {}),
}


@pytest.mark.parametrize("name", SWITCHED)
def test_one_element_changes_its_own_verdicts(name):
    changes, expected = SWITCHED[name]
    assert differences(audit(make(**changes))) == expected


@pytest.mark.parametrize(
    "neuron_type", [nengo.Tanh(tau_ref=1), nengo.Sigmoid(tau_ref=1), LIFRATE], ids=str
)
@pytest.mark.parametrize("derivative, verdict", [("exact", "no"), ("step", "yes"), ("none", "yes")])
def test_the_slope_is_that_of_the_neurons(neuron_type, derivative, verdict):
    found = audit(make(neuron_type=neuron_type, derivative=derivative))
    assert found["derivative"].verdict == verdict
    other = audit(make(neuron_type=neuron_type, derivative=Gate(nengo.Tanh(tau_ref=1))))
    assert other["derivative"].verdict == ("no" if "Tanh" in str(neuron_type) else "partly")


def test_exact_slope_of_rectified_linear_neurons_is_a_step():
    assert audit(make(neuron_type=nengo.RectifiedLinear(), derivative="exact"))[
        "derivative"
    ].verdict == ("yes")


def test_a_network_of_rates():
    network = PredictiveCoding(PARAMETERS, learning_rule=ErrorHebbian(0.1, None))
    verdicts = audit(network).verdicts
    assert list(verdicts) == list(PROBLEMS) == [*OBJECTIONS, *CONSTRAINTS]
    assert list(verdicts.values()) == [
        *("no", "no", "partly", "no", "partly", "no"),
        *("no", "no", "partly"),
    ]


# --- numbers


def by_hand(a, b):
    return np.dot(np.ravel(a), np.ravel(b)) / np.sqrt(np.sum(a**2) * np.sum(b**2))


def test_alignment_is_the_cosine():
    rng = np.random.default_rng(0)
    W, B = rng.normal(size=(3, 5)), rng.normal(size=(5, 3))
    assert alignment(W, B) == pytest.approx(by_hand(W.T, B))
    assert alignment(W, np.hstack([B, -B])) == pytest.approx(by_hand(W.T, B))
    assert alignment(W, W.T) == pytest.approx(1)
    assert alignment(W, -3 * W.T) == pytest.approx(-1)
    assert np.isnan(alignment(W, 0 * B))


@pytest.mark.parametrize("shapes", [((3,), (3, 1)), ((3, 5), (3, 5)), ((3, 5), (5, 4))])
def test_alignment_of_other_shapes(shapes):
    with pytest.raises(ValidationError, match="shape"):
        alignment(*map(np.ones, shapes))


def test_alignments_before_and_after():
    network = make(feedback="kolen-pollack")
    W, B = PARAMETERS.weights, feedback_weights(PARAMETERS, "kolen-pollack", 3)
    start = audit(network).alignments
    assert [pair["start"] for pair in start] == pytest.approx(
        [by_hand(W[1], B[0]), by_hand(W[2], B[1])], rel=1e-5
    )
    assert [pair["later"] for pair in start] == [None, None]
    halfway = W[2].T + B[1].T
    later = {network.feedback[1]: np.hstack([halfway, -halfway])}
    after = audit(network, later=later)
    assert after.alignments[0]["later"] is None
    expected = by_hand(W[2].T, halfway)
    assert after.alignments[1]["later"] == pytest.approx(expected, rel=1e-5)
    assert f"{expected:.3g} after" in said(after, "weight transport")
    assert after["weight transport"].verdict == "yes"


def test_transport_up_to_a_factor_is_transport():
    given = [2 * w for w in feedback_weights(PARAMETERS, "transpose")]
    found = audit(make(feedback="random", feedback_weights=given))
    assert differences(found) == {"weight transport": "no"}
    assert not any(pair["equal"] for pair in found.alignments)


def test_one_transposed_layer_of_two():
    given = feedback_weights(PARAMETERS, "random")
    given[1] = PARAMETERS.weights[2]
    found = audit(make(feedback_weights=given))
    assert differences(found) == {"weight transport": "partly", "unidirectionality": "no"}
    assert "equal number by number" in said(found, "weight transport")


def test_direct_feedback_that_skips_a_layer_has_no_counterpart():
    found = audit(make(feedback="direct"))
    assert len(found.alignments) == 1
    assert "1 without a forward connection" in said(found, "weight transport")


# --- what the rules read


def test_every_rule_reads_five_signals_at_its_synapse():
    found = audit(make(feedback="kolen-pollack"))
    # Three layers of weights, their biases, two of feedback.
    assert len({r.rule for r in found.readings}) == 8
    for name in {r.rule for r in found.readings}:
        places = sorted(r.place for r in found.readings if r.rule == name)
        assert places == ["constant", "own weight", "postsynaptic", "presynaptic"]
    sources = {(r.rule, r.place): r.source for r in found.readings}
    assert sources["'layer 2'", "presynaptic"] == "'values 1'"
    assert sources["'layer 2'", "postsynaptic"] == "'errors 2'"
    assert sources["'feedback 1'", "presynaptic"] == "'errors 2'"
    assert sources["'feedback 1'", "postsynaptic"] == "'values 1'"


def test_reservations_on_locality_are_told_apart():
    adaptive = said(audit(make(precision=AdaptivePrecision())), "locality")
    assert "'power 1', 'power 2', 'power 3'" in adaptive and "on/off" not in adaptive
    mirrored = said(audit(make(feedback="kolen-pollack")), "locality")
    assert "on/off" in mirrored and "power" not in mirrored
    assert "'output difference'" in said(audit(make(loss="cross-entropy")), "locality")


def test_constant_neurons_are_named_and_not_counted():
    for problem in ("spiking", "spikes"):
        assert "'constant' (1 RectifiedLinear)" in said(audit(make()), problem)


# --- what comes from outside


def test_schedule():
    assert len(audit(make()).schedule) == 2  # image and label
    rule = ErrorHebbian(FallingRate(1.0, 2.0))
    network = make(target_encoder="constant", clamping="given", learning_rule=rule)
    network.input.output = lambda t: np.zeros(7)
    schedule = "\n".join(audit(network, schedule={network.clamp: "1 after 0.1 s"}).schedule)
    assert "'input' (image) is given from outside: a function of time" in schedule
    assert "'target' (label) is given from outside: a constant" in schedule
    assert "'clamp' is given from outside: 1 after 0.1 s" in schedule
    assert "learning rate changes with time: 'layer 1'" in schedule
    assert "'clamp' switches the output of 'output difference'" in said(audit(network), "timing")


# --- networks that cheat


def weights(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_errors_of_another_layer_are_not_local():
    network = make()
    with network:
        nengo.Connection(
            network.errors[1].neurons,
            network.forward[0].learning_rule,
            transform=weights(6, 10),
            synapse=SYNAPSE,
        )
    found = audit(network)
    assert differences(found) == {"locality": "no"}
    assert "'layer 1' learns from error of 'errors 2'" in said(found, "locality")


def test_errors_of_another_layer_one_to_one_are_not_local():
    same = Parameters.random((7,), [Dense(5), Dense(5), Dense(3)], seed=1)
    network = make(same)
    assert differences(audit(network)) == {}
    with network:
        between = nengo.Node(size_in=5)
        nengo.Connection(network.errors[1].neurons[:5], between, synapse=SYNAPSE)
        nengo.Connection(between, network.forward[0].learning_rule, synapse=None)
    assert differences(audit(network)) == {"locality": "no"}


@pytest.mark.parametrize("above", [1, 2, 3])
def test_layers_joined_one_to_one_are_noticed(above):
    same = Parameters.random((7,), [Dense(5), Dense(4 + (above == 1)), Dense(5), Dense(5)], seed=1)
    network = make(same)
    assert differences(audit(network)) == {}
    with network:
        nengo.Connection(network.differences[above], network.differences[0], synapse=None)
    found = audit(network)
    assert found["locality"].verdict == "partly"
    assert "so that place tells little" in said(found, "locality")


def test_a_mixture_of_errors_of_the_own_layer_is_a_reservation():
    network = make()
    with network:
        nengo.Connection(
            network.errors[0].neurons,
            network.forward[0].learning_rule,
            transform=weights(6, 12),
            synapse=SYNAPSE,
        )
    assert differences(audit(network)) == {"locality": "partly"}


def test_on_minus_off_is_no_mixture():
    network = make()
    with network:
        nengo.Connection(
            network.errors[0].neurons,
            network.forward[0].learning_rule,
            transform=np.hstack([np.eye(6), -np.eye(6)]),
            synapse=SYNAPSE,
        )
    assert differences(audit(network)) == {}


@pytest.mark.parametrize("layer", [0, 1])
def test_graded_errors_by_a_matrix_to_a_rule(layer):
    network = make()
    with network:
        source = network.differences[layer]
        nengo.Connection(
            source,
            network.forward[0].learning_rule,
            transform=weights(6, source.size_out),
            synapse=SYNAPSE,
        )
    assert differences(audit(network)) == {"spikes": "partly", "locality": "no"}


def test_graded_feedback():
    network = make()
    with network:
        nengo.Connection(
            network.differences[1], network.gates[0][6:], transform=weights(6, 5), synapse=SYNAPSE
        )
    assert differences(audit(network)) == {"linear feedback": "no", "spikes": "partly"}


def test_learning_switched_from_outside():
    network = make()
    with network:
        switch = nengo.Node(lambda t: -10.0 * (t > 1))
        nengo.Connection(
            switch, network.forward[0].learning_rule, transform=np.ones((6, 1)), synapse=None
        )
    found = audit(network)
    assert differences(found) == {"timing": "partly", "spikes": "partly", "locality": "no"}


def test_the_label_by_hand_to_a_rule():
    network = make()
    with network:
        nengo.Connection(network.target, network.forward[-1].learning_rule, synapse=None)
    assert differences(audit(network)) == {"target": "partly", "locality": "no"}


def test_the_label_by_hand_beside_its_spikes():
    network = make()
    with network:
        compared = next(n for n in network.nodes if n.label == "output difference")
        nengo.Connection(network.target, compared[3:6], synapse=None)
    assert differences(audit(network)) == {"target": "partly"}


def lif(n, neuron_type=None):
    return nengo.Ensemble(
        n, 1, neuron_type=neuron_type or nengo.LIF(), gain=np.ones(n), bias=np.zeros(n)
    )


def both_ways(up, down):
    """Two populations, connected up and down."""
    with nengo.Network() as network:
        network.input = nengo.Node(np.zeros(4))
        a, b = lif(4), lif(3)
        nengo.Connection(network.input, a.neurons, synapse=None)
        nengo.Connection(a.neurons, b.neurons, transform=up, synapse=0.01)
        nengo.Connection(b.neurons, a.neurons, transform=down, synapse=0.01)
    return network


def test_one_array_used_both_ways():
    W = weights(3, 4)
    found = audit(both_ways(W, W.T))
    assert differences(found) == {
        "weight transport": "no",
        "unidirectionality": "no",
        "target": "–",
        "locality": "–",
    }
    apart = audit(both_ways(W, weights(4, 3, seed=1)))
    assert differences(apart) == {"target": "–", "locality": "–"}


def test_two_layers_that_share_weights():
    square = weights(4, 4)
    with nengo.Network() as network:
        network.input = nengo.Node(np.zeros(4))
        layers = [lif(4) for _ in range(3)]
        nengo.Connection(network.input, layers[0].neurons, synapse=None)
        for below, above in zip(layers, layers[1:]):
            nengo.Connection(below.neurons, above.neurons, transform=square, synapse=0.01)
    found = audit(network)
    assert found["unidirectionality"].verdict == "no"
    assert found["weight transport"].verdict == "–"


# --- other networks


def test_classifiers_have_no_feedback():
    layers = [Convolution(2, (3, 3)), Dense(5), Dense(3)]
    parameters = Parameters.random((6, 6, 1), layers, seed=0)
    found = audit(SpikingClassifier(parameters, encoder="lif"))
    nothing = ("weight transport", "derivative", "linear feedback", "target", "locality")
    assert differences(found) == dict.fromkeys(nothing, "–")
    rates = audit(SpikingClassifier(PARAMETERS, neuron_type=LIFRATE))
    assert rates["spiking"].verdict == "no" and rates["spikes"].verdict == "no"


def test_pes_of_ensembles():
    with nengo.Network(seed=0) as network:
        network.input = nengo.Node(np.zeros(1))
        network.target = nengo.Node(np.zeros(1))
        pre, post, error, label = (nengo.Ensemble(20, 1) for _ in range(4))
        nengo.Connection(network.input, pre, synapse=None)
        nengo.Connection(network.target, label, synapse=None)
        learned = nengo.Connection(pre, post, learning_rule_type=nengo.PES())
        nengo.Connection(post, error)
        nengo.Connection(label, error, transform=-1)
        nengo.Connection(error, learned.learning_rule)
    found = audit(network)
    # The error is of another population than the one in which the connection ends.
    assert found["locality"].verdict == "no"
    assert found["spikes"].verdict == found["target"].verdict == found["spiking"].verdict == "yes"


def test_a_built_model_is_read_as_it_is():
    network = make()
    with nengo.Simulator(network, progress_bar=False, optimize=False) as simulator:
        assert audit(network, model=simulator.model) == audit(network)
    merged = nengo.Simulator(network, progress_bar=False)
    merged.close()
    with pytest.raises(ValidationError, match="optimize=False"):
        audit(network, model=merged.model)


# --- off line


def test_backprop_fails():
    found = audit_training(TrainingOptions(method="backprop"))
    assert found.verdicts == dict.fromkeys(PROBLEMS, "no")
    assert [pair["equal"] for pair in found.alignments] == [True, True]
    assert "[1.0, 0.0]" in said(found, "target")


def test_feedback_of_backprop_is_that_of_its_gradients(monkeypatch):
    from nengo_pc.learning.chain import Chain

    monkeypatch.setattr(Chain, "carry_down", lambda *_: pytest.fail("not used by backprop"))
    found = audit_training(TrainingOptions(method="backprop", feedback="random"))
    assert found["weight transport"].verdict == "yes"


def test_nengodl_fails():
    found = audit_training(TrainingOptions())
    assert found.verdicts == dict.fromkeys(PROBLEMS, "no")
    assert "3 matrices for 3 layers" in said(found, "weight transport")


@pytest.mark.parametrize("method", ["backprop", "zil", "il", "ipc", "fixed-prediction"])
@pytest.mark.parametrize("feedback", ["transpose", "random", "direct", "kolen-pollack"])
def test_feedback_of_methods(method, feedback):
    found = audit_training(TrainingOptions(method=method, feedback=feedback, derivative="box"))
    transported = "no" if feedback == "transpose" else "yes"
    assert found.verdicts == {
        "weight transport": transported,
        "derivative": "yes",
        "linear feedback": "no",
        "spiking": "no",
        "timing": "partly" if method == "ipc" else "no",
        "target": "no",
        "spikes": "no",
        "unidirectionality": transported,
        "locality": "no" if method == "backprop" else "partly",
    }
    assert len(found.alignments) == (1 if feedback == "direct" else 2)
    # The engine's small network: 5-4-3-2, of the options' seed.
    parameters = Parameters.random((5,), [Dense(4), Dense(3), Dense(2)], seed=0)
    last = by_hand(parameters.weights[2], feedback_weights(parameters, feedback, 0)[1])
    assert found.alignments[-1]["start"] == pytest.approx(last, rel=1e-5)


@pytest.mark.parametrize("method", ["backprop", "zil"])
@pytest.mark.parametrize(
    "activation, derivative, verdict",
    [
        ("softlif", "exact", "no"),
        ("tanh", "exact", "no"),
        ("tanh", "none", "yes"),
        ("lif", "step", "yes"),
        ("relu", "exact", "yes"),
    ],
)
def test_derivative_of_methods(method, activation, derivative, verdict):
    options = TrainingOptions(method=method, activation=activation, derivative=derivative)
    assert audit_training(options)["derivative"].verdict == verdict


def test_locality_of_methods():
    quiet = {"method": "zil", "loss": "squared-error", "batch_norm": False, "batch_size": 1}
    assert audit_training(TrainingOptions(**quiet))["locality"].verdict == "yes"
    for name, value in (("loss", "cross-entropy"), ("batch_norm", True), ("batch_size", 2)):
        found = audit_training(TrainingOptions(**{**quiet, name: value}))
        assert found["locality"].verdict == "partly"


def test_training_schedule_and_precision():
    found = audit_training(TrainingOptions(method="il", precision=(1.0, 2.0), schedule="constant"))
    assert len(found.alignments) == 1 and len(found.schedule) == 1
    falling = audit_training(TrainingOptions(method="il")).schedule
    assert falling[1] == "learning rate changes with time: cosine"


# --- tables and refusals


def test_tables():
    good = audit(make())
    bad = Audit(tuple(Finding(problem, "no", ("a", "b")) for problem in PROBLEMS))
    lines = audit_table({"spikes": good, "backprop": bad}).splitlines()
    assert len(lines) == 2 + len(PROBLEMS)
    assert lines[0].split() == ["|", "problem", "|", "spikes", "|", "backprop", "|"]
    assert lines[2].split("|")[1:-1] == [" weight transport  ", " yes    ", " no       "]
    assert "| a; b" in str(bad)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda n: audit("a network"), "network"),
        (lambda n: audit(nengo.Network()), "input"),
        (lambda n: audit(n, input="image"), "input"),
        (lambda n: audit(n, target=nengo.Node([0], add_to_container=False)), "target"),
        (lambda n: audit(n, model=nengo.builder.Model()), "model"),
        (lambda n: audit(n, later={n.feedback[0]: np.ones((2, 2))}), "later"),
        (lambda n: audit(n, later={"feedback": np.ones((2, 2))}), "later"),
        (lambda n: audit(n, schedule={n.output: "now"}), "schedule"),
        (lambda n: audit(n)["spelling"], "problem"),
        (lambda n: audit_training("backprop"), "options"),
        (lambda n: audit_table({}), "audits"),
        (lambda n: audit_table({"a": "yes"}), "audits"),
    ],
)
def test_refusals(call, name):
    with pytest.raises(ValidationError, match=name):
        call(make())
