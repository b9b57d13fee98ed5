import numpy as np
import pytest
from nengo.exceptions import ValidationError

from nengo_pc.networks import (
    FEEDBACKS,
    AveragePooling,
    Convolution,
    Dense,
    Parameters,
    feedback_weights,
)

DENSE = Parameters.random((7,), [Dense(6), Dense(5), Dense(4)], seed=3)
CONV = Parameters.random(
    (9, 8, 2), [Convolution(3, 3), AveragePooling(2), Convolution(4, 2), Dense(5)], seed=3
)
WIDE = Parameters.random((5,), [Dense(300), Dense(400), Dense(10)], seed=3)


def test_transpose_is_a_copy_of_the_forward_weights_above_each_hidden_layer():
    for parameters, above in ((DENSE, [1, 2]), (CONV, [2, 3])):
        given = feedback_weights(parameters, "transpose")
        assert len(given) == len(above)
        for weights, i in zip(given, above):
            np.testing.assert_array_equal(weights, parameters.weights[i])
            assert not np.shares_memory(weights, parameters.weights[i])


@pytest.mark.parametrize("feedback", ["random", "kolen-pollack"])
@pytest.mark.parametrize("parameters", [DENSE, CONV], ids=str)
def test_random_feedback_has_the_shapes_of_forward_weights_but_not_their_values(
    parameters, feedback
):
    above = feedback_weights(parameters, "transpose")
    for weights, forward in zip(feedback_weights(parameters, feedback, seed=3), above):
        assert weights.shape == forward.shape and weights.dtype == np.float32
        assert np.abs(weights - forward).min() > 0


def test_direct_feedback_starts_at_the_output():
    assert [w.shape for w in feedback_weights(DENSE, "direct")] == [(4, 6), (4, 5)]
    sizes = [(5, 7 * 6 * 3), (5, 2 * 2 * 4)]
    assert [w.shape for w in feedback_weights(CONV, "direct")] == sizes
    assert all(w.dtype == np.float32 for w in feedback_weights(CONV, "direct"))


def test_variances_are_those_of_the_initial_forward_weights():
    # He: 2 / fan_in; at the output and for direct feedback, Glorot: 2 / (fan_in + fan_out).
    between, output = feedback_weights(WIDE, "random", seed=1)
    direct = feedback_weights(WIDE, "direct", seed=1)
    for weights, variance in (
        (between, 2 / 300),
        (output, 2 / 410),
        (direct[0], 2 / 310),
        (direct[1], 2 / 410),
    ):
        # The variance of n normal numbers has a standard deviation of sqrt(2 / n).
        assert weights.var() == pytest.approx(variance, rel=4 * np.sqrt(2 / weights.size))
        assert abs(weights.mean()) < 4 * np.sqrt(variance / weights.size)


@pytest.mark.parametrize("feedback", FEEDBACKS)
def test_the_seed_alone_decides(feedback):
    first, again = (feedback_weights(WIDE, feedback, seed=5) for _ in range(2))
    for a, b in zip(first, again):
        np.testing.assert_array_equal(a, b)
    if feedback != "transpose":
        for a, b in zip(first, feedback_weights(WIDE, feedback, seed=6)):
            assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.1


@pytest.mark.parametrize("seed", [0, 3])
def test_random_feedback_is_independent_of_forward_weights_of_the_same_seed(seed):
    parameters = Parameters.random((5,), WIDE.layers, seed=seed)
    for given, forward in zip(feedback_weights(parameters, "random", seed), parameters.weights[1:]):
        assert abs(np.corrcoef(given.ravel(), forward.ravel())[0, 1]) < 0.07
    # Of other shapes, they must not be the same random numbers in the same order either.
    drawn = feedback_weights(parameters, "direct", seed)[0].ravel()
    forward = parameters.weights[0].ravel()
    assert abs(np.corrcoef(drawn[:1500], forward[:1500])[0, 1]) < 0.15


def test_kolen_pollack_starts_as_random():
    pairs = zip(feedback_weights(DENSE, "kolen-pollack", 2), feedback_weights(DENSE, "random", 2))
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_without_hidden_layers_there_is_no_feedback():
    parameters = Parameters.random((4,), [Dense(2)])
    assert all(feedback_weights(parameters, feedback) == [] for feedback in FEEDBACKS)


def test_an_unknown_feedback_is_refused():
    with pytest.raises(ValidationError, match="feedback: must be one of transpose.*'backwards'"):
        feedback_weights(DENSE, "backwards")
