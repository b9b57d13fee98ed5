"""Learning rules against automatic differentiation, plain NumPy dynamics, and invariants."""

from dataclasses import replace

import numpy as np
import pytest
from nengo.exceptions import ValidationError

from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.learning import TrainingDiverged, TrainingOptions, train
from nengo_pc.learning.chain import Batch, Chain
from nengo_pc.learning.options import OPTIMIZERS
from nengo_pc.learning.rule_engine import RuleEngine
from nengo_pc.learning.trainer import make_engine
from nengo_pc.networks import Convolution, Dense, Parameters
from nengo_pc.networks.layers import AveragePooling

tf = import_tensorflow()

N, N_INPUTS, N_CLASSES = 16, 12, 4
PLAIN = {
    "method": "backprop",
    "dtype": "float64",
    "batch_size": N,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "smoothing": 0.1,
    "batch_norm": False,
}


def plain(**more):
    """Options without anything random, with more."""
    return TrainingOptions(**PLAIN | more)


def network(n_layers=3, seed=1, units=9):
    hidden = [Dense(units + i) for i in range(n_layers - 1)]
    return Parameters.random((N_INPUTS,), [*hidden, Dense(N_CLASSES)], seed=seed)


@pytest.fixture(scope="module")
def minibatch():
    rng = np.random.default_rng(0)
    return rng.random((N, N_INPUTS)).astype("f4"), rng.integers(0, N_CLASSES, N)


@pytest.fixture(autouse=True)
def eagerly(request):
    """Without compiling, which takes longer than the tests; those that are ``compiled`` do."""
    tf.config.run_functions_eagerly(request.node.get_closest_marker("compiled") is None)
    yield
    tf.config.run_functions_eagerly(False)


def relative(ours, theirs):
    """The largest difference of each array relative to its largest entry, over all arrays."""
    assert len(ours) == len(theirs)
    scales = [max(np.abs(b).max(), 1e-300) for b in theirs]
    return max(np.abs(a - b).max() / scale for a, b, scale in zip(ours, theirs, scales))


def one_hot(labels):
    return np.eye(N_CLASSES)[labels]


# --- automatic differentiation of a network written again


def soft_lif(x, sigma=0.1, tau_rc=0.02, tau_ref=0.004, amplitude=0.05):
    s = sigma * tf.math.softplus((x - 1) / sigma)
    return amplitude / (tau_ref + tau_rc * tf.math.log(1 + 1 / s))


def autodiff(parameters, options, images, labels):
    """Gradients in the order weights, offset (and scale with batch norm) of each layer."""
    a, variables = tf.cast(images, tf.float64), []
    with tf.GradientTape() as tape:
        last = len(parameters.weights) - 1
        for i, (w, b) in enumerate(zip(parameters.weights, parameters.biases)):
            w, b = (tf.Variable(tf.cast(v, tf.float64)) for v in (w, b))
            variables += [w, b]
            z = a @ tf.transpose(w)
            if i == last:
                break
            if options.batch_norm:
                scale = tf.Variable(tf.fill(b.shape, tf.cast(options.current_scale, tf.float64)))
                variables.append(scale)
                spread = tf.math.reduce_std(z, 0)
                z = (z - tf.reduce_mean(z, 0)) / tf.sqrt(spread**2 + 1e-3) * scale
            a = soft_lif(z + b)
        output, target = z + b, tf.constant(one_hot(labels))
        if options.loss == "cross-entropy":
            loss = -tf.reduce_mean(tf.reduce_sum(target * tf.nn.log_softmax(output), 1))
        else:
            loss = tf.reduce_mean(tf.reduce_sum((output - target) ** 2, 1) / 2)
    return [g.numpy() for g in tape.gradient(loss, variables)]


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("n_layers", [2, 3, 4, 5, 6])
def test_zil_and_fixed_prediction_are_backprop(n_layers, loss, batch_norm, minibatch):
    parameters = network(n_layers)
    options = plain(batch_norm=batch_norm, loss=loss)
    expected = autodiff(parameters, options, *minibatch)
    for method in ("zil", "fixed-prediction", "backprop"):
        engine = RuleEngine(parameters, replace(options, method=method), 1)
        assert relative(engine.gradients(*minibatch), expected) < 1e-10, method


def test_fixed_prediction_gets_there_with_small_steps_too(minibatch):
    options = plain(method="fixed-prediction")
    expected = autodiff(network(), options, *minibatch)
    slow = replace(options, inference_rate=0.2, inference_steps=300)
    assert relative(RuleEngine(network(), slow, 1).gradients(*minibatch), expected) < 1e-10
    few = replace(options, inference_rate=0.2, inference_steps=5)
    assert relative(RuleEngine(network(), few, 1).gradients(*minibatch), expected) > 1e-2


def test_one_layer_is_the_delta_rule(minibatch):
    parameters = network(1)
    images, labels = minibatch
    output = images.astype(float) @ parameters.weights[0].T + parameters.biases[0]
    error = one_hot(labels) - output
    expected = [-error.T @ images / N, -error.mean(0)]
    for method in ("backprop", "zil", "fixed-prediction", "il"):
        options = plain(method=method, loss="squared-error")
        ours = RuleEngine(parameters, options, 1).gradients(images, labels)
        assert relative(ours, expected) < 1e-12


@pytest.mark.compiled
def test_first_updates_are_nengodls(digits):
    """Two ways to the same network: NengoDL's graph of the Nengo network, and the chain."""
    layers = [Dense(20), Dense(15), Dense(10)]
    start = Parameters.random(digits.image_shape, layers, seed=2)
    options = TrainingOptions(
        batch_size=50, dropout=0.0, input_dropout=0.0, optimizer="sgd", learning_rate=0.05
    )
    ends = []
    for method in ("nengodl", "backprop", "zil"):
        engine = make_engine(start, replace(options, method=method), 5)
        for i in range(5):
            some = slice(50 * i, 50 * i + 50)
            engine.update(digits.train.images[some], digits.train.labels[some])
        parameters = engine.parameters()
        ends.append([*parameters.weights, *parameters.biases])
        engine.close()
    assert relative(ends[1], ends[0]) < 1e-4
    assert relative(ends[2], ends[1]) < 1e-4
    assert relative(ends[1], [*start.weights, *start.biases]) > 1e-2


# --- the dynamics in NumPy


def slope(x, d=1e-6):
    return (soft_lif(x + d).numpy() - soft_lif(x - d).numpy()) / (2 * d)


class Dynamics:
    """Predictive coding as the equations have it, every layer at every step."""

    def __init__(self, parameters, images, labels, precision=None, beta=1.0):
        self.W = [w.astype(float) for w in parameters.weights]
        self.b = [b.astype(float) for b in parameters.biases]
        self.B = [w.T for w in self.W]
        self.pi = precision or [1.0] * len(self.W)
        self.beta = beta
        self.y = one_hot(labels)
        self.x = [images.astype(float)]
        for W, b in list(zip(self.W, self.b))[:-1]:
            self.x.append(self.r(len(self.x) - 1) @ W.T + b)

    def r(self, i):
        return self.x[0] if i == 0 else soft_lif(self.x[i]).numpy()

    def errors(self):
        result = []
        for i, (W, b) in enumerate(zip(self.W, self.b)):
            u = self.r(i) @ W.T + b
            if i < len(self.W) - 1:
                result.append(self.pi[i] * (self.x[i + 1] - u))
            else:
                p = np.exp(u) / np.exp(u).sum(1, keepdims=True)
                result.append(self.beta * self.pi[i] * (self.y - p))
        return result

    def step(self, rate, own_time=False):
        e = self.errors()
        moves = [
            slope(self.x[i + 1]) * (e[i + 1] @ self.B[i + 1].T) - e[i] for i in range(len(e) - 1)
        ]
        for i, move in enumerate(moves):
            self.x[i + 1] = self.x[i + 1] + rate * move / (self.pi[i] if own_time else 1)

    def gradients(self):
        result = []
        for i, e in enumerate(self.errors()):
            result += [-e.T @ self.r(i) / N, -e.mean(0)]
        return result


def test_zil_is_the_whole_dynamics_read_at_the_right_steps(minibatch):
    parameters, precision = network(4), [0.5, 2.0, 1.5, 1.0]
    for pi in (None, precision):
        all_layers = Dynamics(parameters, *minibatch, precision=pi)
        expected = [None] * 8
        for t in range(4):
            layer = 3 - t
            expected[2 * layer : 2 * layer + 2] = all_layers.gradients()[2 * layer : 2 * layer + 2]
            all_layers.step(1.0, own_time=True)
        options = plain(method="zil", precision=pi)
        ours = RuleEngine(parameters, options, 1).gradients(*minibatch)
        assert relative(ours, expected) < 1e-7  # the slope is a finite difference


@pytest.mark.parametrize("precision", [None, (0.5, 2.0, 1.5)])
def test_inference_learning(precision, minibatch):
    dynamics = Dynamics(network(), *minibatch, precision=precision)
    for _ in range(15):
        dynamics.step(0.1)
    options = plain(method="il", inference_steps=15, inference_rate=0.1, precision=precision)
    ours = RuleEngine(network(), options, 1).gradients(*minibatch)
    assert relative(ours, dynamics.gradients()) < 1e-7


@pytest.mark.parametrize("feedback", ["random", "kolen-pollack"])
def test_inference_learning_with_other_feedback(feedback, minibatch):
    options = plain(method="il", inference_steps=10, inference_rate=0.2, feedback=feedback)
    engine = RuleEngine(network(), options, 1)
    dynamics = Dynamics(network(), *minibatch)
    dynamics.B[1:] = [b.numpy().T for b in engine.chain.feedback]
    for _ in range(10):
        dynamics.step(0.2)
    ours = engine.gradients(*minibatch)[:6]
    assert relative(ours, dynamics.gradients()) < 1e-7


@pytest.mark.compiled
def test_incremental(minibatch):
    """Values and weights together, by SGD with Nesterov's momentum 0.9 as Keras has it."""
    rate, momentum, steps = 0.05, 0.9, 6
    dynamics = Dynamics(network(), *minibatch)
    velocity = [np.zeros_like(g) for g in dynamics.gradients()]
    for _ in range(steps):
        gradients = dynamics.gradients()
        dynamics.step(0.3)
        for i, g in enumerate(gradients):
            velocity[i] = momentum * velocity[i] - rate * g
            array = (dynamics.W if i % 2 == 0 else dynamics.b)[i // 2]
            array += momentum * velocity[i] - rate * g
    options = plain(
        method="ipc",
        inference_steps=steps,
        inference_rate=0.3,
        optimizer="sgd",
        learning_rate=rate,
        schedule="constant",
    )
    engine = RuleEngine(network(), options, 1)
    engine.update(*minibatch)
    assert int(engine.optimizer.iterations) == steps
    ours = [v.numpy() for layer in engine.chain.layers for v in (layer.weights, layer.offset)]
    theirs = [v for pair in zip(dynamics.W, dynamics.b) for v in pair]
    assert relative(ours, theirs) < 1e-7
    assert relative(theirs, [v for p in zip(network().weights, network().biases) for v in p]) > 0.05


# --- nudging


def test_weak_nudging_is_backprop(minibatch):
    """The difference falls with beta, or with its square when centred."""
    options = plain(
        method="il",
        activation="tanh",
        inference_steps=200,
        inference_rate=0.2,
        nudging="positive",
    )
    backprop = plain(activation="tanh")
    expected = RuleEngine(network(2), backprop, 1).gradients(*minibatch)

    def difference(nudging, beta):
        o = replace(options, nudging=nudging, beta=beta)
        return relative(RuleEngine(network(2), o, 1).gradients(*minibatch), expected)

    for nudging, order in (("positive", 1), ("negative", 1), ("centred", 2)):
        ratio = difference(nudging, 2e-3) / difference(nudging, 1e-3)
        assert ratio == pytest.approx(2**order, rel=0.1), nudging
    assert difference("positive", 1e-3) < 0.01
    assert difference("centred", 1e-3) < difference("positive", 1e-3) / 10


def test_nudging_with_beta_1_is_clamping(minibatch):
    options = plain(method="il")
    clamped = RuleEngine(network(), options, 1).gradients(*minibatch)
    nudged = replace(options, nudging="positive", beta=1.0)
    assert relative(RuleEngine(network(), nudged, 1).gradients(*minibatch), clamped) < 1e-12


# --- feedback


@pytest.mark.parametrize("method", ["backprop", "zil", "fixed-prediction", "il"])
def test_feedback_alignment_with_the_true_transposes_is_backprop(method, minibatch):
    options = plain(batch_norm=True, method=method)
    expected = RuleEngine(network(), options, 1).gradients(*minibatch)
    engine = RuleEngine(network(), replace(options, feedback="random"), 1)
    assert relative(engine.gradients(*minibatch), expected) > 0.1
    for feedback, layer in zip(engine.chain.feedback, engine.chain.layers[1:]):
        feedback.assign(layer.weights)
    assert relative(engine.gradients(*minibatch), expected) < 1e-12


@pytest.mark.parametrize("method", ["backprop", "zil", "fixed-prediction"])
def test_direct_feedback_in_a_linear_network(method, minibatch):
    """With the product of the weights above as its matrix, it is backprop."""
    options = plain(method=method, activation="identity")
    expected = RuleEngine(network(4), options, 1).gradients(*minibatch)
    engine = RuleEngine(network(4), replace(options, feedback="direct"), 1)
    above = np.eye(N_CLASSES)
    for i in (2, 1, 0):
        above = above @ network(4).weights[i + 1].astype(float)
        engine.chain.feedback[i].assign(above)
    assert relative(engine.gradients(*minibatch), expected) < 1e-12


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("method", ["backprop", "zil", "il", "ipc"])
def test_kolen_pollack_shrinks_the_difference_whatever_the_data(method, optimizer, minibatch):
    options = plain(
        batch_norm=True,
        dropout=0.2,
        method=method,
        feedback="kolen-pollack",
        feedback_decay=2.0,
        optimizer=optimizer,
        learning_rate=0.01,
        schedule="constant",
        inference_steps=4 if method in ("il", "ipc") else None,
    )
    engine = RuleEngine(network(), options, 10)

    def differences():
        pairs = zip(engine.chain.layers[1:], engine.chain.feedback)
        return [layer.weights.numpy() - b.numpy() for layer, b in pairs]

    before, start = differences(), engine.chain.feedback[0].numpy()
    for _ in range(5):
        engine.update(*minibatch)
    steps = int(engine.optimizer.iterations)
    assert steps == (20 if method == "ipc" else 5)
    for now, first in zip(differences(), before):
        np.testing.assert_allclose(now, first * (1 - 0.01 * 2) ** steps, rtol=1e-5, atol=1e-9)
    assert np.abs(engine.chain.feedback[0].numpy() - start).max() > 1e-3


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns(optimizer, minibatch):
    rate = 0.1 if optimizer == "adagrad" else 0.01
    options = plain(method="zil", optimizer=optimizer, learning_rate=rate)
    engine = RuleEngine(network(), options, 40)
    losses = [float(engine.update(*minibatch)[0]) for _ in range(40)]
    assert losses[-1] < 0.9 * losses[0]


def test_feedback_that_does_not_learn_stays(minibatch):
    for feedback in ("random", "direct"):
        options = plain(method="zil", feedback=feedback)
        engine = RuleEngine(network(), options, 10)
        before = [b.numpy() for b in engine.chain.feedback]
        engine.update(*minibatch)
        for b, now in zip(before, engine.chain.feedback):
            np.testing.assert_array_equal(b, now.numpy())


@pytest.mark.parametrize("derivative", ["step", "box", "none"])
def test_other_slopes(derivative, minibatch):
    """Backprop written by hand with the slope in question."""
    images, labels = minibatch
    parameters = network()
    W, b = (list(map(np.float64, v)) for v in (parameters.weights, parameters.biases))
    u1 = images @ W[0].T + b[0]
    u2 = soft_lif(u1).numpy() @ W[1].T + b[1]
    u3 = soft_lif(u2).numpy() @ W[2].T + b[2]
    gate = {
        "step": lambda u: u > 1,
        "box": lambda u: (u > 1) & (u < 2.5),
        "none": np.ones_like,
    }[derivative]
    e3 = one_hot(labels) - np.exp(u3) / np.exp(u3).sum(1, keepdims=True)
    e2 = gate(u2) * (e3 @ W[2])
    e1 = gate(u1) * (e2 @ W[1])
    assert 0 < gate(u1).mean() <= 1
    expected = [-e1.T @ images / N, -e1.mean(0)]
    for method in ("backprop", "zil", "fixed-prediction"):
        options = plain(method=method, derivative=derivative, box_width=1.5)
        ours = RuleEngine(parameters, options, 1).gradients(images, labels)
        assert relative(ours[:2], expected) < 1e-12


# --- linear maps


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(7)],
        [Convolution(3, 3), Dense(7)],
        [Convolution(3, (2, 3), (1, 2), padding="same"), Dense(7)],
        [AveragePooling(2), Convolution(2, 2), Dense(4)],
        [Convolution(2, 2), AveragePooling(2), AveragePooling((1, 2)), Dense(4)],
    ],
    ids=str,
)
def test_maps_are_nengos_transforms(layers, matrix_of):
    from nengo_pc.learning.linear_maps import linear_maps

    parameters = Parameters.random((7, 6, 2), layers, seed=3)
    rng = np.random.default_rng(1)
    matrix, done = None, 0
    for i, map_ in linear_maps(parameters):
        for j in range(done, i + 1):
            below = parameters.shapes[j]
            transform = parameters.layers[j].transform(parameters.weights[j], below)
            this = matrix_of(transform, int(np.prod(below)))
            matrix = this if j == done else this @ matrix
        start, done = parameters.shapes[done], i + 1
        weights = tf.constant(parameters.weights[i].astype(float))
        a = rng.normal(size=(5, *start))
        z = map_.forward(weights, tf.constant(a)).numpy()
        np.testing.assert_allclose(z.reshape(5, -1), a.reshape(5, -1) @ matrix.T, atol=1e-6)
        delta = rng.normal(size=z.shape)
        down = map_.transposed(weights, tf.constant(delta)).numpy()
        assert down.shape == a.shape
        np.testing.assert_allclose(down.reshape(5, -1), delta.reshape(5, -1) @ matrix, atol=1e-6)
        direction = rng.normal(size=weights.shape)
        product = map_.product(tf.constant(delta), tf.constant(a)).numpy()
        moved = map_.forward(tf.constant(direction), tf.constant(a)).numpy()
        assert np.sum(product * direction) == pytest.approx(np.sum(delta * moved))


def test_zil_through_convolutions_is_backprop():
    layers = [Convolution(3, 3), AveragePooling(2), Convolution(4, 2), Dense(6), Dense(N_CLASSES)]
    parameters = Parameters.random((8, 8, 1), layers, seed=3)
    rng = np.random.default_rng(0)
    images, labels = rng.random((N, 8, 8, 1)).astype("f4"), rng.integers(0, N_CLASSES, N)
    options = plain(batch_norm=True, dropout=0.2)
    given = [
        RuleEngine(parameters, replace(options, method=m), 1).gradients(images, labels)
        for m in ("backprop", "zil", "fixed-prediction")
    ]
    assert relative(given[1], given[0]) < 1e-10
    assert relative(given[2], given[0]) < 1e-10


@pytest.mark.compiled
@pytest.mark.parametrize("method", ["zil", "ipc"])
def test_updates_without_xla_are_those_with_it(method):
    """As convolutional networks have it: variables must not change before they were read."""
    parameters = network(3, units=200)
    rng = np.random.default_rng(0)
    options = plain(
        method=method, batch_norm=True, optimizer="sgd", learning_rate=0.1, schedule="constant"
    )
    engines = [RuleEngine(parameters, options, 60) for _ in range(2)]
    engines[1]._update = tf.function(type(engines[1])._update.__get__(engines[1]))
    for _ in range(60):
        images, labels = rng.random((N, N_INPUTS)).astype("f4"), rng.integers(0, N_CLASSES, N)
        engines[1].set_state(engines[0].state())
        for engine in engines:
            engine.update(images, labels)
        ours, theirs = ([v.numpy() for v in engine.chain.trained] for engine in engines)
        assert relative(ours, theirs) < 1e-9


# --- rest


def test_without_error_nothing_moves(minibatch):
    """A target that is the network's own answer is no target: feed-forward is the minimum."""
    from nengo_pc.learning.rules import il
    from nengo_pc.learning.rules.relaxation import relax

    images = tf.constant(minibatch[0].astype(float))
    options = plain(method="il", loss="squared-error")
    chain = Chain(network(), options)
    batch = Batch(images, None, [None, None], [None, None])
    predictions, _ = chain.forward(batch)
    batch.target = predictions[-1]
    values, _, _ = relax(chain, predictions[:-1], batch, options, 50, 0.3)
    for x, u in zip(values, predictions):
        np.testing.assert_array_equal(x.numpy(), u.numpy())
    taken = []
    il(chain, batch, options, taken.append)
    assert all(np.all(g.numpy() == 0) for g in taken[0])


@pytest.mark.compiled
@pytest.mark.parametrize("feedback", ["transpose", "kolen-pollack"])
def test_one_epoch_by_zil_is_one_epoch_by_backprop(feedback, digits):
    start = Parameters.random(digits.image_shape, [Dense(30), Dense(20), Dense(10)], seed=4)
    options = TrainingOptions(
        method="zil",
        epochs=1,
        batch_size=50,
        learning_rate=0.01,
        dtype="float64",
        feedback=feedback,
    )
    states, accuracies = [], []
    for method in ("backprop", "zil", "fixed-prediction"):
        engine = make_engine(start, replace(options, method=method), 20)
        for i in range(20):
            some = slice(50 * i, 50 * i + 50)
            engine.update(digits.train.images[some], digits.train.labels[some])
        states.append([v.numpy() for v in engine.chain.variables])
        answers = engine.predict(digits.test.images).argmax(1)
        accuracies.append((answers == digits.test.labels).mean())
    for state in states[1:]:
        for ours, theirs in zip(state, states[0]):
            np.testing.assert_allclose(ours, theirs, atol=1e-8)
    assert accuracies[0] == accuracies[1] == accuracies[2]
    assert relative(states[0][:1], [start.weights[0]]) > 0.1


@pytest.mark.compiled
@pytest.mark.parametrize(
    "method, more",
    [
        ("zil", {"feedback": "kolen-pollack", "derivative": "box"}),
        ("il", {"integrator": "heun", "nudging": "centred", "beta": 0.3, "inference_steps": 5}),
        ("ipc", {"noise": 5.0, "inference_steps": 4}),
    ],
)
def test_training_and_resuming(method, more, digits, tmp_path):
    start = Parameters.random(digits.image_shape, [Dense(40), Dense(10)], seed=5)
    settings = {"learning_rate": 0.01, "epochs": 6, "batch_size": 50, "dropout": 0.1} | more
    options = TrainingOptions(method=method, **settings)
    whole = train(start, digits, options, progress=False)
    assert whole.history[-1]["validation_accuracy"] > 0.85

    class Stop(Exception):
        pass

    path = tmp_path / "checkpoint.npz"
    from nengo_pc.learning import trainer

    real, seen = trainer.save_checkpoint, []

    def save(*args):
        real(*args)
        seen.append(1)
        if len(seen) == 3:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "save_checkpoint", save)
        with pytest.raises(Stop):
            train(start, digits, options, path, progress=False)
    resumed = train(start, digits, options, path, resume=True, progress=False)
    for a, b in zip(whole.parameters.weights, resumed.parameters.weights):
        np.testing.assert_array_equal(a, b)


@pytest.mark.compiled
def test_divergence_names_rule_layer_and_step(digits):
    layers = [Dense(30), Dense(30), Dense(10)]
    start = Parameters.random(digits.image_shape, layers, seed=5)
    options = TrainingOptions(
        method="il",
        activation="identity",
        inference_rate=50.0,
        inference_steps=200,
        batch_size=50,
        epochs=2,
        batch_norm=False,
        loss="squared-error",
    )
    message = r"rule il, .* layer \d .* step \d+ in epoch 1, update 1: .*inference_rate"
    with pytest.raises(TrainingDiverged, match=message) as raised:
        train(start, digits, options, progress=False)
    for ours, theirs in zip(raised.value.parameters.weights, start.weights):
        np.testing.assert_array_equal(ours, theirs)


def test_parameters_of_the_last_whole_epoch_are_kept(digits, monkeypatch):
    start = Parameters.random(digits.image_shape, [Dense(20), Dense(10)], seed=5)
    options = TrainingOptions(method="zil", batch_size=50, epochs=3, schedule="constant")
    first = train(start, digits, replace(options, epochs=1), progress=False)
    real, calls = RuleEngine.update, []

    def update(self, images, labels):
        calls.append(1)
        n_batches = len(digits.train) // 50
        return real(self, images * (np.nan if len(calls) == n_batches + 3 else 1), labels)

    monkeypatch.setattr(RuleEngine, "update", update)
    message = r"rule zil, .* layer 2 .* step 0 in epoch 2, update 3"
    with pytest.raises(TrainingDiverged, match=message) as raised:
        train(start, digits, options, progress=False)
    kept = raised.value.parameters
    for ours, theirs in zip(kept.weights, first.parameters.weights):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "given, word",
    [
        ({"method": "bp"}, "method"),
        ({"method": "zil", "feedback": "none"}, "feedback"),
        ({"method": "zil", "inference_steps": 5}, "inference_steps"),
        ({"method": "zil", "nudging": "positive"}, "nudging"),
        ({"method": "ipc", "nudging": "centred"}, "nudging"),
        ({"method": "ipc", "integrator": "heun"}, "integrator"),
        ({"feedback": "random"}, "feedback"),
        ({"dtype": "float64"}, "dtype"),
        ({"method": "il", "inference_steps": 0}, "inference_steps"),
        ({"method": "il", "inference_rate": -1}, "inference_rate"),
        ({"method": "il", "precision": (1, -1)}, "precision"),
        ({"method": "il", "beta": 0}, "beta"),
        ({"method": "il", "target_rate": 20}, "target_rate"),
        ({"method": "il", "loss": "hinge"}, "loss"),
        ({"method": "il", "activation": "gelu"}, "activation"),
    ],
)
def test_options_are_checked(given, word):
    with pytest.raises(ValidationError, match=word):
        TrainingOptions(**given)


def test_precision_needs_one_entry_per_layer():
    options = TrainingOptions(method="il", precision=(1.0, 2.0))
    with pytest.raises(ValidationError, match=r"precision.*\(3\), got 2"):
        RuleEngine(network(), options, 1)


def test_options_survive_json():
    import json

    options = TrainingOptions(method="il", precision=(1.0, 2.0))
    again = TrainingOptions(**json.loads(json.dumps(options.to_dict())))
    assert again == options
