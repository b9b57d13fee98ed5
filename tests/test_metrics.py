import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn import metrics as sklearn_metrics

from nengo_pc.analysis import (
    accuracy,
    accuracy_over_time,
    always_same_class,
    class_histogram,
    confusion_matrix,
    layer_rates,
    predictions_over_time,
    spikes_per_image,
    time_to_fraction,
    wilson_interval,
)


@pytest.fixture
def outputs():
    """Two images, three steps, three classes; the first image changes its mind."""
    return np.array(
        [
            [[1.0, 0.0, 0.0], [0.0, 0.6, 0.0], [0.0, 0.6, 0.0]],
            [[0.0, 0.0, 0.0], [0.0, 0.0, 0.1], [0.0, 9.0, 0.0]],
        ]
    )


def test_predictions_follow_the_running_mean(outputs):
    assert predictions_over_time(outputs).tolist() == [[0, 0, 1], [0, 2, 1]]


def test_accuracy_over_time(outputs):
    assert accuracy_over_time(outputs, [1, 1]).tolist() == [0.0, 0.0, 1.0]
    assert accuracy_over_time(outputs, [0, 2]).tolist() == [0.5, 1.0, 0.0]


def test_half_precision_outputs_are_summed_in_full():
    # In half precision 2048 + 1 is 2048, so class 1 would never get past class 0.
    outputs = np.zeros((1, 3000, 2), dtype=np.float16)
    outputs[0, 0, 0] = 2048
    outputs[0, :, 1] = 1
    assert predictions_over_time(outputs)[0, -1] == 1


@pytest.mark.parametrize(
    "bad, message",
    [
        (np.zeros((2, 3)), r"outputs has shape \(2, 3\)"),
        (np.zeros((2, 0, 3)), "outputs has shape"),
        (np.full((1, 1, 2), np.nan), "outputs holds NaN"),
    ],
)
def test_bad_outputs_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        predictions_over_time(bad)


def test_labels_must_fit(outputs):
    with pytest.raises(ValueError, match=r"labels has shape \(3,\)"):
        accuracy_over_time(outputs, [1, 1, 1])


@pytest.mark.parametrize(
    "correct, total, low, high",
    [
        # R. G. Newcombe (1998), Stat. Med. 17, 857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_as_published(correct, total, low, high):
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("correct, total", [(1, 7), (9812, 10000), (9999, 10000)])
def test_wilson_interval_solves_the_score_equation(correct, total, confidence):
    share, z = correct / total, norm.isf((1 - confidence) / 2)

    def score(p):
        return (share - p) ** 2 - z**2 * p * (1 - p) / total

    expected = brentq(score, 1e-12, share, xtol=1e-14), brentq(score, share, 1 - 1e-12, xtol=1e-14)
    assert wilson_interval(correct, total, confidence) == pytest.approx(expected, abs=1e-10)


def test_wilson_interval_is_exact_at_both_ends():
    z = norm.isf(0.025)
    for total in (1, 10, 10000):
        low, high = wilson_interval(0, total)
        assert low == 0.0
        assert high == pytest.approx(z**2 / (total + z**2))
        low, high = wilson_interval(total, total)
        assert high == 1.0
        assert low == pytest.approx(total / (total + z**2))


@pytest.mark.parametrize(
    "arguments, name",
    [((1, 0), "total"), ((3, 2), "correct"), ((-1, 2), "correct"), ((1, 2, 1.0), "confidence")],
)
def test_wilson_interval_refuses(arguments, name):
    with pytest.raises(ValueError, match=f"^{name} is"):
        wilson_interval(*arguments)


def test_accuracy():
    result = accuracy([1, 2, 3, 3], [1, 2, 3, 0])
    assert (result.correct, result.total, result.fraction) == (3, 4, 0.75)
    assert (result.low, result.high) == wilson_interval(3, 4)


@pytest.mark.parametrize("predictions, labels", [([1], [1, 2]), ([], []), ([[1]], [[1]])])
def test_accuracy_refuses(predictions, labels):
    with pytest.raises(ValueError, match="predictions has shape"):
        accuracy(predictions, labels)


@pytest.mark.parametrize(
    "series, expected",
    [
        ([0.1, 0.5, 0.99, 1.0], 0.003),
        ([0.1, 1.0, 0.5, 1.0], 0.004),  # a first peak that does not last
        ([1.0, 1.0, 1.0], 0.001),
        ([1.0, 0.6, 0.5], 0.001),  # above the final accuracy all along
        ([0.1, 0.2, 0.3], 0.003),
        ([0.0, 0.0], 0.001),
        ([0.7], 0.001),
    ],
)
def test_time_to_99_percent(series, expected):
    assert time_to_fraction(series, dt=0.001) == pytest.approx(expected)


def test_time_to_another_fraction():
    assert time_to_fraction([0.1, 0.5, 0.8, 1.0], dt=0.01, fraction=0.5) == pytest.approx(0.02)


@pytest.mark.parametrize(
    "arguments, name",
    [
        (([], 0.001), "accuracy"),
        (([[1.0]], 0.001), "accuracy"),
        (([np.nan], 0.001), "accuracy"),
        (([1.0], 0.0), "dt"),
        (([1.0], 0.001, 0.0), "fraction"),
        (([1.0], 0.001, 1.1), "fraction"),
    ],
)
def test_time_to_fraction_refuses(arguments, name):
    with pytest.raises(ValueError, match=f"^{name} "):
        time_to_fraction(*arguments)


def test_confusion_matrix_agrees_with_sklearn():
    rng = np.random.default_rng(3)
    labels, predictions = rng.integers(0, 9, 500), rng.integers(0, 10, 500)
    expected = sklearn_metrics.confusion_matrix(labels, predictions, labels=range(10))
    assert np.array_equal(confusion_matrix(labels, predictions, 10), expected)


@pytest.mark.parametrize("wrong", [10, -1, 2.5])
def test_classes_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=f"predictions holds {wrong}"):
        confusion_matrix([1, 2], [1, wrong], 10)
    with pytest.raises(ValueError, match=f"predictions holds {wrong}"):
        class_histogram([1, wrong], 10)


def test_class_histogram_has_unanswered_classes():
    assert class_histogram([0, 2, 2], 4).tolist() == [1, 0, 2, 0]


def test_always_same_class():
    assert always_same_class([95, 5, 0])
    assert not always_same_class([89, 11, 0])
    assert always_same_class([60, 40], fraction=0.6)
    assert type(always_same_class(np.array([95, 5]))) is bool
    with pytest.raises(ValueError, match="histogram is"):
        always_same_class([0, 0])


def test_layer_rates():
    rates = layer_rates([[0.0, 10.0, 0.0, 30.0], [0.0, 20.0, 40.0, 0.0]])
    assert rates.mean_hz == 12.5
    assert rates.max_hz == 20.0  # over neurons, each meant over images: not 40
    assert rates.dead_fraction == 0.25
    assert rates.active_fraction == 0.5
    assert rates.silent is False


def test_a_silent_layer_is_told():
    rates = layer_rates(np.zeros((3, 5)))
    assert rates.silent is True
    assert (rates.dead_fraction, rates.active_fraction, rates.mean_hz) == (1.0, 0.0, 0.0)


def test_spikes_per_image():
    assert spikes_per_image([[10.0, 20.0], [0.0, 5.0]], 0.2).tolist() == [6.0, 1.0]


@pytest.mark.parametrize("bad", [[1.0, 2.0], [[-1.0]], [[np.inf]], np.zeros((0, 3))])
def test_bad_rates_are_refused(bad):
    with pytest.raises(ValueError, match="^rates "):
        layer_rates(bad)
    with pytest.raises(ValueError, match="^rates "):
        spikes_per_image(bad, 0.1)
    with pytest.raises(ValueError, match="^presentation_time is 0"):
        spikes_per_image([[1.0]], 0)
