"""Generative predictive coding against Gaussian closed forms, autodiff and invariants."""

import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.linalg import subspace_angles

from nengo_pc.analysis.free_energy import free_energy
from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.learning import TrainingDiverged
from nengo_pc.learning import generative_dynamics as dynamics
from nengo_pc.learning.generative import RaoBallard
from nengo_pc.networks import Dense, Parameters

tf = import_tensorflow()

# One network of each size and kind is compiled once.
LINEAR = {"activation": "identity", "prior": "gaussian", "dtype": "float64"}
EXACT = {"inference_steps": 20_000, "tolerance": 1e-13}


@pytest.fixture(scope="module")
def images():
    """Digits less their mean, in float64: training and test images."""
    from nengo_pc.datasets import load

    digits = load("digits")
    mean = digits.train.images.mean(axis=0)
    return [np.asarray(s.images - mean, dtype="f8") for s in (digits.train, digits.test)]


def random_weights(sizes, seed=0, scale=0.5):
    rng = np.random.default_rng(seed)
    return [scale * rng.normal(size=shape) for shape in zip(sizes, sizes[1:])]


def random_values(sizes, n=5, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, size)) for size in sizes]


# --- closed forms


def test_causes_of_a_linear_layer_are_the_posterior_mean():
    """Ridge regression: ``(pi UᵀU + alpha I)⁻¹ pi Uᵀ x``, and F* that of the marginal Gaussian."""
    pi, alpha = 3.0, 0.7
    network = RaoBallard((12, 5), precision=[pi], prior_weight=alpha, **LINEAR, **EXACT)
    [u] = random_weights((12, 5))
    network.set_weights([u])
    x = np.random.default_rng(2).normal(size=(7, 12))
    [causes] = network.infer(x)
    expected = np.linalg.solve(pi * u.T @ u + alpha * np.eye(5), pi * u.T @ x.T).T
    np.testing.assert_allclose(causes, expected, rtol=0, atol=1e-8)
    # x is Gaussian with this covariance when the causes are marginalised.
    covariance = np.eye(12) / pi + u @ u.T / alpha
    f = np.sum(x * np.linalg.solve(covariance, x.T).T, axis=1) / 2
    np.testing.assert_allclose(network.free_energy(x)["total"], f, rtol=1e-10)
    np.testing.assert_allclose(network.reconstruct(x), expected @ u.T, atol=1e-8)


def test_causes_of_three_linear_layers_solve_the_normal_equations():
    """Least squares over all causes at once, priors on two of the layers."""
    sizes, pi, alpha = (9, 6, 4, 3), (2.0, 0.5, 3.0), (0.4, 0.0, 1.5)
    network = RaoBallard(sizes, precision=pi, prior_weight=alpha, **LINEAR, **EXACT)
    u1, u2, u3 = random_weights(sizes, scale=0.7)
    network.set_weights([u1, u2, u3])
    x = np.random.default_rng(3).normal(size=(4, 9))
    o = np.zeros
    rows = [
        (pi[0], [-u1, o((9, 4)), o((9, 3))]),
        (pi[1], [np.eye(6), -u2, o((6, 3))]),
        (pi[2], [o((4, 6)), np.eye(4), -u3]),
        (alpha[0], [np.eye(6), o((6, 4)), o((6, 3))]),
        (alpha[2], [o((3, 6)), o((3, 4)), np.eye(3)]),
    ]
    a = np.vstack([np.sqrt(weight) * np.hstack(blocks) for weight, blocks in rows])
    c = np.zeros((len(a), 4))
    c[:9] = -np.sqrt(pi[0]) * x.T
    solution = np.linalg.lstsq(a, c, rcond=None)[0].T
    for ours, theirs in zip(network.infer(x), np.split(solution, [6, 10], axis=1), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8)
    f = np.sum((a @ solution.T - c) ** 2, axis=0) / 2
    np.testing.assert_allclose(network.free_energy(x)["total"], f, rtol=1e-10)


def test_a_sparse_cause_of_one_pixel_solves_a_cubic():
    """``pi u (x - u c) = 2 alpha c / (1 + c²)``; shrunk towards 0 more than a Gaussian's."""
    pi, alpha, u = 2.0, 0.9, 0.8
    network = RaoBallard((1, 1), "identity", [pi], "sparse", alpha, dtype="float64", **EXACT)
    network.set_weights([[[u]]])
    pixels = np.array([[-3.0], [0.5], [1.0], [4.0]])
    [causes] = network.infer(pixels)
    for [x], [c] in zip(pixels, causes):
        roots = np.roots([-pi * u * u, pi * u * x, -pi * u * u - 2 * alpha, pi * u * x])
        [real] = roots[np.abs(roots.imag) < 1e-9].real
        assert c == pytest.approx(real, abs=1e-9)


def test_terms_are_those_of_the_free_energy():
    sizes, pi, alpha = (6, 4, 3), (2.0, 0.5), (0.3, 1.5)
    x = random_values(sizes)
    u = random_weights(sizes)
    for activation, f in (("tanh", np.tanh), ("sigmoid", lambda z: 1 / (1 + np.exp(-z)))):
        network = RaoBallard(sizes, activation, pi, "sparse", alpha, dtype="float64")
        network.set_weights(u)
        terms = network.free_energy(x[0], x[1:])
        errors = [x[0] - f(x[1] @ u[0].T), x[1] - f(x[2] @ u[1].T)]
        expected = free_energy(errors, pi)
        for layer in (0, 1):
            theirs = expected.layers[layer].error
            np.testing.assert_allclose(terms[f"error {layer}"], theirs, rtol=1e-12)
            theirs = alpha[layer] * np.log(1 + x[layer + 1] ** 2).sum(axis=1)
            np.testing.assert_allclose(terms[f"prior {layer + 1}"], theirs, rtol=1e-12)
        total = sum(v for k, v in terms.items() if k != "total")
        np.testing.assert_allclose(terms["total"], total, rtol=1e-12)
    # One number is for the top alone.
    assert RaoBallard(sizes, prior_weight=2.0).prior_weight == (0.0, 2.0)
    assert "prior 1" not in RaoBallard(sizes).free_energy(x[0], x[1:])


def test_fields_of_a_linear_network_span_the_principal_subspace():
    """Synthetic data: four strong directions among sixteen, known beforehand.

    With columns of length 1 the least F is known too. In terms of the second moments' eigenvalues
    ``lambda`` and of U's squared singular values ``mu``, whose sum is 4, it is the least of
    ``½ Σ lambda / (1/pi + mu/alpha)``, by a Lagrange multiplier.
    """
    rng = np.random.default_rng(4)
    basis, _ = np.linalg.qr(rng.normal(size=(16, 4)))
    strong = rng.normal(size=(4000, 4)) * [3.0, 2.5, 2.0, 1.5]
    x = strong @ basis.T + 0.2 * rng.normal(size=(4000, 16))
    pi, eigenvalues = 5.0, np.linalg.eigvalsh(x.T @ x / 4000)[::-1]
    total = np.sqrt(eigenvalues[:4]).sum()
    least = total**2 / (2 * 4 * (1 + 1 / pi)) + pi / 2 * eigenvalues[4:].sum()
    for optimizer, rate in (("adam", 0.05), ("sgd", 0.1)):
        network = RaoBallard((16, 4), "identity", [pi], "gaussian", seed=5)
        assert subspace_angles(network.weights[0], basis).max() > 1
        network.fit(x, 8, 100, rate, optimizer, progress=False)
        assert subspace_angles(network.weights[0], basis).max() < 0.03, optimizer
        assert network.free_energy(x)["total"].mean() == pytest.approx(least, rel=1e-3), optimizer
        # No cause is idle: each column is as long as it may be.
        np.testing.assert_allclose(np.linalg.norm(network.weights[0], axis=0), 1, atol=1e-4)


def test_a_sparse_prior_finds_the_causes_themselves():
    """Independent sparse causes are identified up to order and sign; Gaussian ones are not."""
    rng = np.random.default_rng(6)
    basis, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    causes = rng.laplace(size=(5000, 8)) * (rng.random((5000, 8)) < 0.3) * 2
    x = causes @ basis.T
    likeness = {}
    for prior in ("sparse", "gaussian"):
        network = RaoBallard((8, 8), "identity", [5.0], prior, seed=1)
        network.fit(x, epochs=6, batch_size=100, learning_rate=0.03, progress=False)
        cosines = np.abs(basis.T @ network.weights[0])
        likeness[prior] = cosines.max(axis=1).min()
    assert likeness["sparse"] > 0.95
    assert likeness["gaussian"] < 0.9


# --- automatic differentiation


@pytest.mark.parametrize("prior", ["gaussian", "sparse"])
@pytest.mark.parametrize("activation", ["identity", "tanh", "sigmoid"])
def test_values_and_weights_descend_the_free_energy(activation, prior):
    model = dynamics.Generative(activation, (2.0, 0.5, 3.0), prior, (0.4, 0.0, 1.5))
    sizes = (7, 5, 4, 3)
    values = [tf.Variable(x) for x in random_values(sizes)]
    weights = [tf.Variable(u) for u in random_weights(sizes)]
    with tf.GradientTape() as tape:
        f = tf.reduce_sum(sum(dynamics.terms(model, weights, values).values()))
    of_values, of_weights = tape.gradient(f, [values[1:], weights])
    for ours, theirs in zip(dynamics.velocities(model, weights, values), of_values, strict=True):
        np.testing.assert_allclose(ours.numpy(), -theirs.numpy(), rtol=0, atol=1e-12)
    for ours, theirs in zip(dynamics.gradients(model, weights, values), of_weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy() / 5, rtol=0, atol=1e-12)


def test_the_curvature_bound_is_above_the_curvature_and_near():
    sizes, pi, alpha = (9, 6, 4), (2.0, 0.5), (0.3, 1.5)
    model = dynamics.Generative("identity", pi, "gaussian", alpha)
    for seed in range(5):
        u1, u2 = random_weights(sizes, seed)
        norm = np.linalg.norm(u1, 2)
        bound = float(dynamics.spectral_norm_bound(tf.constant(u1)))
        assert norm <= bound * (1 + 1e-12) and bound <= norm * 6 ** (1 / 64)
        hessian = np.block(
            [
                [pi[0] * u1.T @ u1 + (pi[1] + alpha[0]) * np.eye(6), -pi[1] * u2],
                [-pi[1] * u2.T, pi[1] * u2.T @ u2 + alpha[1] * np.eye(4)],
            ]
        )
        largest = np.linalg.eigvalsh(hessian)[-1]
        bound = float(dynamics.curvature_bound(model, [tf.constant(u1), tf.constant(u2)]))
        assert largest <= bound <= 2 * largest
    # Without weights it is the curvature: of layer 1's error and prior, or of the top's prior.
    nothing = [tf.zeros((9, 6), tf.float64), tf.zeros((6, 4), tf.float64)]
    for precision, prior, largest in (
        ((2.0, 5.0), "gaussian", 5.3),
        ((2.0, 5.0), "sparse", 5.6),
        ((2.0, 0.5), "gaussian", 1.5),
        ((2.0, 0.5), "sparse", 3.0),
    ):
        other = dynamics.Generative("identity", precision, prior, alpha)
        assert float(dynamics.curvature_bound(other, nothing)) == pytest.approx(largest)


# --- relaxation


@pytest.mark.parametrize("activation", ["identity", "tanh", "sigmoid"])
@pytest.mark.parametrize("prior", ["gaussian", "sparse"])
def test_free_energy_never_rises_while_values_relax(activation, prior, images):
    network = RaoBallard((64, 12, 5), activation, (10.0, 2.0), prior, dtype="float64", seed=2)
    network.set_weights([2 * u for u in network.weights])
    course = network.course(images[1][:50], 30)
    assert (np.diff(course["total"]) <= 1e-12 * course["total"][0]).all()
    assert course["total"][-1] < 0.95 * course["total"][0]
    parts = sum(values for name, values in course.items() if name != "total")
    np.testing.assert_allclose(parts, course["total"], rtol=1e-12)


def test_equilibrium_stops_the_relaxation():
    model = dynamics.Generative("tanh", (2.0, 1.0), "sparse", (0.0, 1.0))
    weights = [tf.constant(u) for u in random_weights((8, 5, 3))]
    x = [tf.constant(v) for v in random_values((8, 5, 3))]
    values, steps = dynamics.relax(model, weights, x, 500, 1.0, 1e-6)
    assert 10 < int(steps) < 500
    bound = float(dynamics.curvature_bound(model, weights))
    moves = dynamics.velocities(model, weights, values)
    assert max(np.abs(v.numpy()).max() for v in moves) / bound < 1e-6
    earlier, _ = dynamics.relax(model, weights, x, int(steps) - 2, 1.0)
    moves = dynamics.velocities(model, weights, earlier)
    assert max(np.abs(v.numpy()).max() for v in moves) / bound > 1e-6


def test_causes_of_an_image_do_not_depend_on_the_others(images):
    network = RaoBallard((64, 12, 5), precision=(10.0, 2.0), seed=3)
    many = np.concatenate([images[0][:200], images[1][:100]])  # more than are worked on at once
    together = network.infer(many)
    for layer, alone in enumerate(network.infer(many[270:273])):
        np.testing.assert_allclose(together[layer][270:273], alone, atol=1e-6)
    assert [x.shape for x in together] == [(300, 12), (300, 5)]
    # From where it stopped, it goes on.
    ten = network.infer(many[:5], 10)
    for on, whole in zip(network.infer(many[:5], 10, ten), network.infer(many[:5], 20)):
        np.testing.assert_allclose(on, whole, atol=1e-6)
    assert not network.infer(many[:5], 0)[0].any()


def test_what_each_layer_predicts(images):
    network = RaoBallard((64, 12, 5), "sigmoid", (10.0, 2.0), seed=3)
    u1, u2 = network.weights
    x1, x2 = network.infer(images[1][:6])

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    np.testing.assert_allclose(network.predict(x1), sigmoid(x1 @ u1.T), atol=1e-6)
    from_top = sigmoid(sigmoid(x2 @ u2.T) @ u1.T)
    np.testing.assert_allclose(network.predict(x2, 2), from_top, atol=1e-6)
    shown = network.reconstruct(images[1][:6], layer=2)
    assert shown.shape == (6, 8, 8, 1)
    np.testing.assert_allclose(shown.reshape(6, 64), from_top, atol=1e-6)
    # Fields are slopes of predictions; tanh, whose slope at 0 is 1, is 0 there.
    linear = RaoBallard((64, 12, 5), "tanh", (10.0, 2.0), dtype="float64", seed=3)
    for layer, n in ((1, 12), (2, 5)):
        numeric = linear.predict(1e-6 * np.eye(n), layer) / 1e-6
        np.testing.assert_allclose(linear.fields(layer), numeric, atol=1e-9)
    np.testing.assert_allclose(network.fields(1), u1.T / 4, atol=1e-7)


# --- learning


def test_a_seed_gives_the_first_weights():
    first, same, other = (RaoBallard((64, 5), seed=seed).weights[0] for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.1
    np.testing.assert_allclose(np.linalg.norm(first, axis=0), 1, rtol=1e-5)


def test_the_first_step_of_plain_descent_by_hand():
    """One minibatch, one step ``U += eta pi (x - U c) cᵀ``, columns no longer than allowed."""
    x = np.random.default_rng(7).normal(size=(20, 6))
    network = RaoBallard((6, 3), precision=[2.0], **LINEAR, **EXACT, max_norm=0.8, seed=8)
    [u] = network.weights
    np.testing.assert_allclose(np.linalg.norm(u, axis=0), 0.8)
    c = np.linalg.solve(2 * u.T @ u + np.eye(3), 2 * u.T @ x.T).T
    step = 0.1 * 2 * (x - c @ u.T).T @ c / 20
    outward = np.sum(step * u, axis=0) / 0.8**2
    assert outward.max() > 0
    new = u + step - u * np.maximum(outward, 0)
    lengths = np.linalg.norm(new, axis=0)
    expected = new * np.minimum(1, 0.8 / lengths)
    [epoch] = network.fit(x, 1, 20, learning_rate=0.1, optimizer="sgd", progress=False)
    np.testing.assert_allclose(network.weights[0], expected, atol=1e-9)
    squares = np.sum((x - c @ u.T) ** 2) / 20
    assert epoch["terms"] == pytest.approx(
        {"error 0": squares, "prior 1": np.sum(c**2) / 2 / 20}, rel=1e-9
    )
    assert epoch["free_energy"] == pytest.approx(sum(epoch["terms"].values()))


def test_learning_lowers_the_free_energy_of_images_not_seen(images):
    train, test = (x.astype("f4") for x in images)
    network = RaoBallard((64, 20, 6), precision=(10.0, 3.0), seed=1)
    before = network.free_energy(test)["total"].mean()
    history = network.fit(train, epochs=8, batch_size=50, learning_rate=5e-3, progress=False)
    after = network.free_energy(test)["total"].mean()
    assert after < 0.5 * before
    totals = [epoch["free_energy"] for epoch in history]
    assert totals[-1] < totals[1] < totals[0]
    assert after == pytest.approx(totals[-1], rel=0.1)
    for u in network.weights:
        assert np.linalg.norm(u, axis=0).max() < 1 + 1e-5

    # The same seed shows the images in the same order, whatever was learned meanwhile.
    def learned(seed):
        other = RaoBallard((64, 5), seed=seed)
        other.set_weights([network.weights[0][:, :5]])
        other.fit(train[:200], epochs=1, batch_size=50, optimizer="sgd", progress=False)
        return other.weights[0]

    np.testing.assert_array_equal(learned(4), learned(4))
    assert np.abs(learned(4) - learned(5)).max() > 1e-5


def test_divergence_is_said_and_undone(images):
    network = RaoBallard((64, 4), "identity", seed=1)
    before = network.weights[0]
    with pytest.raises(TrainingDiverged, match=r"no longer finite in epoch 1.*learning rate"):
        network.fit(1e25 * images[0], epochs=2, progress=False)
    np.testing.assert_array_equal(network.weights[0], before)


# --- files


def test_round_trip(tmp_path, images):
    network = RaoBallard(
        (64, 7, 3), "sigmoid", (4.0, 2.0), "gaussian", (0.1, 1.0), 2.0, 30, 0.5, 1e-4, seed=9
    )
    network.set_weights(random_weights((64, 7, 3)))
    path = tmp_path / "new" / "network.npz"
    network.save(path)
    again = RaoBallard.load(path)
    assert again.settings == network.settings
    assert str(again) == "64-7-3"
    for a, b in zip(network.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(network.infer(images[1][:3])[0], again.infer(images[1][:3])[0])
    assert [p.name for p in path.parent.iterdir()] == ["network.npz"]


def test_files_that_are_refused(tmp_path):
    network = RaoBallard((6, 3))
    good = tmp_path / "good.npz"
    network.save(good)
    with np.load(good) as file:
        arrays = dict(file)
    bad = {
        "pickled": arrays | {"weights_1": np.array([{}], dtype=object)},
        "nan": arrays | {"weights_1": np.full((6, 3), np.nan)},
        "shape": arrays | {"weights_1": np.zeros((3, 6))},
        "settings": arrays
        | {"description": np.array(str(arrays["description"]).replace("tanh", "cosh"))},
        "version": arrays
        | {"description": np.array(str(arrays["description"]).replace('on": 1', 'on": 2'))},
        "missing": {"description": arrays["description"]},
    }
    for name, content in bad.items():
        np.savez(tmp_path / f"{name}.npz", **content)
    (tmp_path / "cut.npz").write_bytes(good.read_bytes()[:-60])
    Parameters.random((4,), [Dense(2)]).save(tmp_path / "other.npz")
    for name in (*bad, "cut", "other"):
        with pytest.raises(ValidationError, match=f"{name}.npz"):
            RaoBallard.load(tmp_path / f"{name}.npz")
    with pytest.raises(FileNotFoundError):
        RaoBallard.load(tmp_path / "none.npz")


# --- bad input


@pytest.mark.parametrize(
    "change, name",
    [
        ({"sizes": (4,)}, "sizes"),
        ({"sizes": (4, 0)}, "sizes"),
        ({"sizes": 4}, "sizes"),
        ({"sizes": (4, 2.5)}, "sizes"),
        ({"activation": "relu"}, "activation"),
        ({"prior": "uniform"}, "prior"),
        ({"precision": [1.0, 1.0]}, "precision"),
        ({"precision": [0.0]}, "precision"),
        ({"precision": [float("nan")]}, "precision"),
        ({"prior_weight": [-1.0]}, "prior_weight"),
        ({"prior_weight": "strong"}, "prior_weight"),
        ({"max_norm": 0}, "max_norm"),
        ({"inference_steps": 0}, "inference_steps"),
        ({"inference_steps": True}, "inference_steps"),
        ({"inference_rate": 2.0}, "inference_rate"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"dtype": "float16"}, "dtype"),
        ({"seed": -1}, "seed"),
    ],
)
def test_networks_that_are_refused(change, name):
    with pytest.raises(ValidationError, match=f"{name}: must be"):
        RaoBallard(**{"sizes": (4, 2)} | change)


def test_calls_that_are_refused():
    network, x = RaoBallard((4, 2)), np.zeros((6, 4))
    for call, name in (
        (lambda: network.infer(np.zeros((6, 5))), "images"),
        (lambda: network.infer(np.zeros((0, 4))), "images"),
        (lambda: network.infer(np.zeros(4)), "images"),
        (lambda: network.infer(np.full((6, 4), np.inf)), "images"),
        (lambda: network.infer(x, -1), "steps"),
        (lambda: network.infer(x, start=[np.zeros((5, 2))]), "causes"),
        (lambda: network.free_energy(x, [np.zeros((6, 3))]), "causes"),
        (lambda: network.predict(np.zeros((6, 3))), "causes"),
        (lambda: network.predict(np.zeros((6, 2)), 2), "layer"),
        (lambda: network.fields(0), "layer"),
        (lambda: network.set_weights([np.zeros((2, 4))]), "weights"),
        (lambda: network.fit(x, epochs=0), "epochs"),
        (lambda: network.fit(x, batch_size=7), "batch_size"),
        (lambda: network.fit(x, batch_size=2, learning_rate=0.0), "learning_rate"),
        (lambda: network.fit(x, batch_size=2, optimizer="lbfgs"), "optimizer"),
    ):
        with pytest.raises(ValidationError, match=f"{name}: must be"):
            call()
