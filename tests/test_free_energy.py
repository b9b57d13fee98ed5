"""Free energy and relaxation against closed forms of linear networks, and against autodiff."""

import itertools

import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import multivariate_normal, norm

from nengo_pc.analysis.free_energy import free_energy, linear_equilibrium
from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.learning import TrainingOptions
from nengo_pc.learning.chain import Batch, Chain
from nengo_pc.learning.rule_engine import RuleEngine
from nengo_pc.learning.rules.relaxation import energy, relax, velocities, weighted_errors
from nengo_pc.networks import Convolution, Dense, Parameters
from nengo_pc.networks.layers import AveragePooling

tf = import_tensorflow()

N, N_CLASSES = 4, 3
PRECISION = (0.5, 3.0, 1.5, 0.8, 2.0)
IMAGE = (6, 5, 2)


def plain(**more):
    """Options of inference learning without anything random, with more."""
    nothing = {"dropout": 0.0, "input_dropout": 0.0, "dtype": "float64"}
    return TrainingOptions(**{"method": "il", "smoothing": 0.1, **nothing, **more})


def linear(**more):
    return plain(activation="identity", batch_norm=False, loss="squared-error", **more)


def network(n_layers, seed=0):
    """Weights with singular values from 0.5 to 1.2, so that relaxation is fast."""
    rng = np.random.default_rng(seed)
    sizes = [7, *(6 + i for i in range(n_layers - 1)), N_CLASSES]
    weights = []
    for below, units in itertools.pairwise(sizes):
        u, s, v = np.linalg.svd(rng.normal(size=(units, below)), full_matrices=False)
        weights.append(u * rng.uniform(0.5, 1.2, len(s)) @ v)
    biases = [rng.normal(size=n) for n in sizes[1:]]
    return Parameters((sizes[0],), [Dense(n) for n in sizes[1:]], weights, biases)


def convolutional():
    layers = [Convolution(3, 3), AveragePooling(2), Dense(6), Dense(N_CLASSES)]
    return Parameters.random(IMAGE, layers, seed=1)


def minibatch(parameters, n=N, seed=3):
    rng = np.random.default_rng(seed)
    images = rng.random((n, *parameters.input_shape))
    labels = rng.integers(0, N_CLASSES, n)
    n_hidden = sum(layer.has_weights for layer in parameters.layers) - 1
    nothing = [None] * n_hidden
    return Batch(tf.constant(images), tf.constant(np.eye(N_CLASSES)[labels]), nothing, nothing)


def perturbed(predictions, seed=4, size=0.3):
    """Values that are not the feed-forward ones, as variables."""
    rng = np.random.default_rng(seed)
    return [tf.Variable(u + size * rng.normal(size=u.shape)) for u in predictions[:-1]]


def relaxed(chain, batch, options, steps, rate, values=None, beta=1.0):
    """Values after at most so many steps, and how many they were."""

    def run(values):
        values, _, taken = relax(chain, values, batch, options, steps, rate, beta)
        return values, taken

    if steps > 100:  # fewer take less time than tracing
        run = tf.function(run)
    start = chain.forward(batch)[0][:-1] if values is None else values
    values, taken = run([tf.convert_to_tensor(v) for v in start])
    return [v.numpy() for v in values], int(taken)


def course(chain, batch, options, steps, rate):
    """Energy of the minibatch before the first and after every step."""
    start = chain.forward(batch)[0][:-1]
    path = [start]
    for n in range(1, steps + 1):
        if options.integrator == "adaptive":  # begins anew with its first step's size
            path.append(relax(chain, start, batch, options, n, rate)[0])
        else:
            path.append(relax(chain, path[-1], batch, options, 1, rate)[0])
    return np.array([tf.reduce_sum(energy(chain, values, batch)).numpy() for values in path])


def equilibrium(parameters, batch, precision=None):
    x, y = batch.image.numpy(), batch.target.numpy()
    return linear_equilibrium(parameters.weights, parameters.biases, x, y, precision)


# --- the terms


def test_terms_are_minus_log_gaussians():
    rng = np.random.default_rng(0)
    errors = [rng.normal(size=(5, 4)), rng.normal(size=(5, 2, 3))]
    precision = (0.7, 2.5)
    ours = free_energy(errors, precision)
    by_layer = [
        -norm.logpdf(e.reshape(5, -1), scale=pi**-0.5).sum(1) for e, pi in zip(errors, precision)
    ]
    for layer, expected in zip(ours.layers, by_layer):
        np.testing.assert_allclose(layer.total, expected, rtol=1e-13)
    np.testing.assert_allclose(ours.total, sum(by_layer), rtol=1e-13)
    squares = [pi / 2 * (e**2).reshape(5, -1).sum(1) for e, pi in zip(errors, precision)]
    np.testing.assert_allclose(ours.error, sum(squares), rtol=1e-13)
    # Units: a term that only the precision changes, and one that nothing does.
    assert ours.layers[1].log_precision == pytest.approx(-3 * np.log(2.5))
    assert ours.layers[1].constant == pytest.approx(3 * np.log(2 * np.pi))


def test_the_best_precision_is_the_inverse_variance():
    """F falls to its minimum where ``pi = n / |e|²``: what the log term is for."""
    errors = [np.random.default_rng(1).normal(scale=0.3, size=(1, 50))]
    best = 50 / np.sum(errors[0] ** 2)
    result = minimize_scalar(
        lambda log_pi: free_energy(errors, [np.exp(log_pi)]).total[0], bounds=(-5, 10)
    )
    assert np.exp(result.x) == pytest.approx(best, rel=1e-3)


def test_error_terms_are_the_energy_that_values_descend():
    options = linear(precision=PRECISION[:3])
    parameters = network(3)
    chain, batch = Chain(parameters, options), minibatch(parameters)
    values = perturbed(chain.forward(batch)[0])
    below, errors = batch.image.numpy(), []
    for w, b, x in zip(parameters.weights, parameters.biases, [*values, batch.target]):
        errors.append(x.numpy() - below @ w.T.astype(float) - b)
        below = x.numpy()
    expected = free_energy(errors, PRECISION[:3]).error
    np.testing.assert_allclose(energy(chain, values, batch).numpy(), expected, rtol=1e-13)


@pytest.mark.parametrize(
    "errors, precision, words",
    [
        ([], None, "none"),
        ([np.zeros(3)], None, r"\(n, units\)"),
        ([np.zeros((2, 3)), np.zeros((3, 3))], None, "same number of items"),
        ([[[np.nan]]], None, "NaN"),
        ([np.zeros((2, 3))], [1.0, 1.0], r"per layer \(1\)"),
        ([np.zeros((2, 3))], [0.0], "positive"),
        ([np.zeros((2, 3))], [np.inf], "positive"),
    ],
)
def test_terms_refuse(errors, precision, words):
    with pytest.raises(ValidationError, match=words):
        free_energy(errors, precision)


# --- the closed form, by other means


def quadratic(parameters, batch, precision):
    """``F = ½ |A z - c|²`` of all hidden values z of one item after another: A, and c by item."""
    weights = [w.astype(float) for w in parameters.weights]
    sizes = [len(w) for w in weights]
    hidden = np.cumsum([0, *sizes[:-1]])
    a = np.zeros((sum(sizes), hidden[-1]))
    rows = np.cumsum([0, *sizes])
    for i, w in enumerate(weights):
        if i < len(weights) - 1:
            a[rows[i] : rows[i + 1], hidden[i] : hidden[i + 1]] = np.eye(sizes[i])
        if i > 0:
            a[rows[i] : rows[i + 1], hidden[i - 1] : hidden[i]] = -w
    c = np.tile(np.concatenate(parameters.biases).astype(float), (N, 1))
    c[:, : sizes[0]] += batch.image.numpy() @ weights[0].T
    c[:, rows[-2] :] -= batch.target.numpy()
    scale = np.sqrt(np.repeat(precision or np.ones(len(sizes)), sizes))
    return scale[:, None] * a, scale * c, hidden


@pytest.mark.parametrize("precision", [False, True])
@pytest.mark.parametrize("n_layers", [2, 3, 4, 5])
def test_closed_form_is_the_minimum_of_the_quadratic(n_layers, precision):
    parameters = network(n_layers)
    precision = PRECISION[:n_layers] if precision else None
    batch = minibatch(parameters)
    ours = equilibrium(parameters, batch, precision)
    a, c, hidden = quadratic(parameters, batch, precision)
    z, squares, _, _ = np.linalg.lstsq(a, c.T, rcond=None)
    np.testing.assert_allclose(ours.energy, squares / 2, rtol=1e-12)
    expected = np.split(z.T, hidden[1:-1], axis=1)
    for x, theirs in zip(ours.values, expected, strict=True):
        np.testing.assert_allclose(x, theirs, atol=1e-12)
    below = batch.image.numpy()
    for w, b, x, e in zip(
        parameters.weights, parameters.biases, [*ours.values, batch.target], ours.errors
    ):
        np.testing.assert_allclose(e, x - (below @ w.T + b), atol=1e-12)
        below = np.asarray(x)
    np.testing.assert_allclose(free_energy(ours.errors, precision).error, ours.energy, rtol=1e-12)


def test_closed_form_by_a_minimiser_that_knows_only_the_energy():
    parameters = network(3)
    batch = minibatch(parameters)
    w, b = parameters.weights, parameters.biases
    x, y = batch.image.numpy()[0], batch.target.numpy()[0]

    def f(z):
        x1, x2 = np.split(z, [len(b[0])])
        errors = (x1 - w[0] @ x - b[0], x2 - w[1] @ x1 - b[1], y - w[2] @ x2 - b[2])
        return sum(pi / 2 * e @ e for pi, e in zip(PRECISION, errors))

    found = minimize(f, np.zeros(len(b[0]) + len(b[1])), method="BFGS", options={"gtol": 1e-7})
    ours = equilibrium(parameters, batch, PRECISION[:3])
    assert found.fun == pytest.approx(ours.energy[0], rel=1e-9)
    np.testing.assert_allclose(found.x, np.concatenate([v[0] for v in ours.values]), atol=1e-5)


def test_two_layers_of_one_unit_by_hand():
    """x = 1, weights 2 and 3, target 0: yhat = 6, S = 1 + 9, F* = 36 / 20, e_1 = -18 / 10."""
    result = linear_equilibrium([[[2]], [[3]]], [[0], [0]], [[1]], [[0]])
    assert result.prediction[0, 0] == 6
    assert result.covariance[0, 0] == 10
    assert result.energy[0] == pytest.approx(1.8)
    assert result.errors[0][0, 0] == pytest.approx(-1.8)
    assert result.values[0][0, 0] == pytest.approx(0.2)
    assert result.errors[1][0, 0] == pytest.approx(-0.6)


def test_one_layer_has_no_hidden_values():
    result = linear_equilibrium([[[2, 0]]], [[1]], [[1, 5]], [[0]], [4.0])
    assert result.values == []
    assert result.energy[0] == pytest.approx(4 / 2 * 9)


def test_surprise_is_that_of_the_marginal_gaussian_sampled():
    """The covariance of targets drawn from the model, layer by layer."""
    parameters, precision = network(3), PRECISION[:3]
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1, 7))
    draws = np.repeat(x, 200_000, axis=0)
    for w, b, pi in zip(parameters.weights, parameters.biases, precision):
        draws = draws @ w.T + b + rng.normal(scale=pi**-0.5, size=(len(draws), len(b)))
    y = draws[:5]
    args = parameters.weights, parameters.biases, np.repeat(x, 5, 0), y, precision
    ours = linear_equilibrium(*args)
    np.testing.assert_allclose(np.cov(draws.T), ours.covariance, atol=0.03)
    np.testing.assert_allclose(draws.mean(0), ours.prediction[0], atol=0.02)
    expected = -multivariate_normal.logpdf(y, draws.mean(0), np.cov(draws.T))
    np.testing.assert_allclose(ours.surprise, expected, rtol=0.01)


@pytest.mark.parametrize("n_layers", [2, 4])
def test_laplace_is_exact_in_a_linear_network(n_layers):
    """F at its minimum, with all terms, and the entropy of q: minus the log evidence."""
    parameters, precision = network(n_layers), PRECISION[:n_layers]
    batch = minibatch(parameters)
    ours = equilibrium(parameters, batch, precision)
    a, _, hidden = quadratic(parameters, batch, precision)
    _, log_det = np.linalg.slogdet(a.T @ a / (2 * np.pi))
    laplace = free_energy(ours.errors, precision).total + log_det / 2
    np.testing.assert_allclose(laplace, ours.surprise, rtol=1e-12)


@pytest.mark.parametrize(
    "change, name",
    [
        ({"weights": []}, "weights"),
        ({"weights": [np.eye(2), np.eye(3)]}, "weights"),
        ({"biases": [np.zeros(2)]}, "biases"),
        ({"biases": [np.zeros(2), np.zeros(3)]}, "biases"),
        ({"x": np.zeros(2)}, "x"),
        ({"y": np.zeros((4, 2))}, "y"),
        ({"precision": [1.0]}, "precision"),
        ({"precision": [1.0, -1.0]}, "precision"),
    ],
)
def test_closed_form_refuses(change, name):
    fits = {
        "weights": [np.eye(2), np.eye(2)],
        "biases": [np.zeros(2), np.zeros(2)],
        "x": np.zeros((3, 2)),
        "y": np.zeros((3, 2)),
    }
    linear_equilibrium(**fits)
    with pytest.raises(ValidationError, match=f"^{name}: "):
        linear_equilibrium(**fits | change)


# --- relaxation reaches it


@pytest.mark.parametrize(
    "n_layers, precision, integrator",
    [
        *itertools.product([2, 3, 4, 5], [False, True], ["euler"]),
        (3, True, "heun"),
        (3, True, "adaptive"),
    ],
)
def test_relaxation_reaches_the_closed_form(n_layers, precision, integrator):
    parameters = network(n_layers)
    precision = PRECISION[:n_layers] if precision else None
    options = linear(precision=precision, integrator=integrator, tolerance=1e-11)
    chain, batch = Chain(parameters, options), minibatch(parameters)
    values, taken = relaxed(chain, batch, options, 5000, 0.1)
    assert 20 < taken < 5000
    expected = equilibrium(parameters, batch, precision)
    for x, theirs in zip(values, expected.values, strict=True):
        np.testing.assert_allclose(x, theirs, rtol=0, atol=1e-8)
    reached = energy(chain, values, batch).numpy()
    np.testing.assert_allclose(reached, expected.energy, rtol=1e-8)
    assert expected.energy.min() > 1e-3


@pytest.mark.parametrize("n_layers", [2, 4])
def test_weights_learn_from_the_errors_of_the_closed_form(n_layers):
    """``dF/dW_l = -pi_l e_l x_{l-1}ᵀ`` at equilibrium, through the whole of the rule."""
    parameters, precision = network(n_layers), PRECISION[:n_layers]
    options = linear(precision=precision, inference_steps=4000, inference_rate=0.1, batch_size=N)
    images = np.random.default_rng(5).random((N, 7)).astype("f4")
    labels = np.array([0, 1, 2, 1])
    engine = RuleEngine(parameters, options, 1)
    ours = engine.gradients(images, labels)
    y = np.eye(N_CLASSES)[labels]
    at = linear_equilibrium(parameters.weights, parameters.biases, images, y, precision)
    for i, (below, e) in enumerate(zip([images, *at.values], at.errors)):
        np.testing.assert_allclose(ours[2 * i], -precision[i] * e.T @ below / N, atol=1e-9)
        np.testing.assert_allclose(ours[2 * i + 1], -precision[i] * e.mean(0), atol=1e-9)


@pytest.mark.parametrize("integrator", ["euler", "heun", "adaptive"])
@pytest.mark.parametrize("activation", ["identity", "softlif"])
def test_the_equilibrium_stop_stops_early_and_at_equilibrium(activation, integrator):
    tolerance = 1e-4
    options = plain(
        activation=activation, batch_norm=False, integrator=integrator, tolerance=tolerance
    )
    parameters = network(3)
    chain, batch = Chain(parameters, options), minibatch(parameters)

    def fastest(values):
        errors, _, caches = weighted_errors(chain, values, batch)
        moves = velocities(chain, values, errors, caches, batch)
        return max(np.sqrt(np.mean(k.numpy() ** 2)) for k in moves)

    values, taken = relaxed(chain, batch, options, 2000, 0.1)
    assert 10 < taken < 2000
    assert fastest(values) < tolerance
    # Not much earlier: the step before the last but one was still faster.
    earlier, _ = relaxed(chain, batch, options, taken - 2, 0.1)
    assert fastest(earlier) > tolerance


# --- energy falls, and rests without a target


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("integrator", ["euler", "heun", "adaptive"])
def test_energy_never_rises(integrator, loss, batch_norm):
    options = plain(batch_norm=batch_norm, loss=loss, integrator=integrator)
    parameters = Parameters.random((7,), [Dense(8), Dense(6), Dense(N_CLASSES)], seed=2)
    chain, batch = Chain(parameters, options), minibatch(parameters, n=8)
    energies = course(chain, batch, options, 6 if integrator == "adaptive" else 15, 0.05)
    assert (np.diff(energies) <= 1e-12 * energies[0]).all()
    assert energies[-1] < 0.95 * energies[0]


def test_energy_rises_with_too_large_a_step():
    """What the test above would see: the linear network's curvature has eigenvalues above 2/h."""
    options = linear()
    parameters = network(3)
    chain, batch = Chain(parameters, options), minibatch(parameters)
    a, _, _ = quadratic(parameters, batch, None)
    largest = np.linalg.eigvalsh(a.T @ a)[-1]
    assert (np.diff(course(chain, batch, options, 30, 1.9 / largest)) <= 0).all()
    assert (np.diff(course(chain, batch, options, 30, 2.2 / largest)) > 0).any()


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("integrator", ["euler", "heun", "adaptive"])
def test_without_a_target_the_feed_forward_state_is_stationary(integrator, batch_norm):
    options = plain(batch_norm=batch_norm, integrator=integrator)
    parameters = network(4)
    chain, batch = Chain(parameters, options), minibatch(parameters)
    start = [u.numpy() for u in chain.forward(batch)[0][:-1]]
    values, _ = relaxed(chain, batch, options, 5, 0.1, beta=0.0)
    for x, u in zip(values, start, strict=True):
        np.testing.assert_allclose(x, u, rtol=0, atol=1e-13)


@pytest.mark.parametrize("integrator", ["euler", "heun", "adaptive"])
def test_without_a_target_what_is_little_beside_it_stays_little(integrator):
    options = plain(batch_norm=False, integrator=integrator)
    parameters = network(4)
    chain, batch = Chain(parameters, options), minibatch(parameters)
    predictions = chain.forward(batch)[0]
    beside = perturbed(predictions, size=1e-12)
    values, _ = relaxed(chain, batch, options, 60, 0.1, beside, beta=0.0)
    for x, u in zip(values, predictions[:-1], strict=True):
        np.testing.assert_allclose(x, u.numpy(), rtol=0, atol=1e-11)


def test_a_weak_target_moves_the_values_in_proportion_to_its_weight():
    options = plain()
    parameters = network(3)
    chain, batch = Chain(parameters, options), minibatch(parameters)
    start = chain.forward(batch)[0][-2].numpy()
    moved = [
        np.abs(relaxed(chain, batch, options, 10, 0.1, beta=beta)[0][-1] - start).max()
        for beta in (1e-6, 1e-5)
    ]
    assert moved[1] > 1e-7
    assert moved[1] / moved[0] == pytest.approx(10, rel=1e-3)


def test_released_from_other_values_it_returns_to_the_feed_forward_state():
    options = linear()
    parameters = network(4)
    chain, batch = Chain(parameters, options), minibatch(parameters)
    start = chain.forward(batch)[0]
    values, _ = relaxed(chain, batch, options, 3000, 0.1, perturbed(start), beta=0.0)
    for x, u in zip(values, start[:-1], strict=True):
        np.testing.assert_allclose(x, u.numpy(), rtol=0, atol=1e-9)


# --- velocities


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("activation", ["softlif", "tanh", "sigmoid"])
@pytest.mark.parametrize("kind", ["dense", "convolution"])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_velocities_are_minus_the_gradient_of_the_energy(loss, kind, activation, batch_norm):
    """Away from the feed-forward state, with every layer's precision its own."""
    parameters = network(3) if kind == "dense" else convolutional()
    options = plain(
        activation=activation, batch_norm=batch_norm, loss=loss, precision=(0.5, 3.0, 1.5)
    )
    chain, batch = Chain(parameters, options), minibatch(parameters, n=6)
    values = perturbed(chain.forward(batch)[0])
    for beta in (1.0, -0.4):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(energy(chain, values, batch, beta))
        expected = tape.gradient(total, values)
        errors, _, caches = weighted_errors(chain, values, batch, beta)
        ours = velocities(chain, values, errors, caches, batch)
        for a, b in zip(ours, expected, strict=True):
            scale = np.abs(b.numpy()).max()
            assert scale > 1e-3
            np.testing.assert_allclose(a.numpy(), -b.numpy(), rtol=0, atol=1e-12 * scale)


# --- integrators


def exact_flow(parameters, batch, precision=None):
    """The linear network's hidden values, side by side, as a function of start and time.

    ``x(t) = x* + exp(-t A) (x(0) - x*)`` with A the curvature of the energy, by its eigenvectors.
    """
    a, c, _ = quadratic(parameters, batch, precision)
    rest = np.linalg.solve(a.T @ a, a.T @ c.T).T
    rates, modes = np.linalg.eigh(a.T @ a)
    return lambda start, time: rest + (start - rest) @ modes * np.exp(-time * rates) @ modes.T


@pytest.mark.parametrize("integrator, order", [("euler", 1), ("heun", 2)])
def test_order_of_accuracy(integrator, order):
    """Halving the step divides the error at a fixed time by 2 to the order."""
    options = linear(integrator=integrator, precision=PRECISION[:3])
    parameters = network(3)
    chain, batch = Chain(parameters, options), minibatch(parameters)
    start = [v.numpy() for v in perturbed(chain.forward(batch)[0], size=1.0)]
    expected = exact_flow(parameters, batch, PRECISION[:3])(np.hstack(start), 0.3)
    wrong = []
    for steps in (15, 30, 60):
        values, _ = relaxed(chain, batch, options, steps, 0.3 / steps, start)
        wrong.append(np.abs(np.hstack(values) - expected).max())
    ratios = np.divide(wrong[:-1], wrong[1:])
    np.testing.assert_allclose(ratios, 2**order, rtol=0.06)


def test_each_adaptive_step_keeps_its_tolerance():
    """It lands within 1 % of the values on the exact course from where it began.

    The first step asked for is far too large: it must be refused until one fits.
    """
    options = linear(integrator="adaptive")
    parameters = network(3)
    chain, batch = Chain(parameters, options), minibatch(parameters)
    start = [v.numpy() for v in perturbed(chain.forward(batch)[0], size=1.0)]
    path = [np.hstack(start)]
    for steps in range(1, 16):
        path.append(np.hstack(relaxed(chain, batch, options, steps, 50.0, start)[0]))
    refused, sizes, exact = 0, [], exact_flow(parameters, batch)
    for before, after in itertools.pairwise(path):
        if np.array_equal(before, after):
            refused += 1
            continue

        def distance(time, before=before, after=after):
            return np.sqrt(np.mean((exact(before, time) - after) ** 2))

        nearest = minimize_scalar(distance, bounds=(0, 3), method="bounded")
        sizes.append(nearest.x)
        assert nearest.fun < 0.01 * np.sqrt(np.mean(after**2))
    assert refused >= 2
    assert len(sizes) >= 5
    assert max(sizes) > 1.5 * min(sizes)
