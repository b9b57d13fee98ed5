"""What figures of on-line learning draw."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from nengo_pc.analysis import plots as draw
from nengo_pc.analysis.style import BLUE, VERMILLION

SEEN = [100, 200, 300, 400]
COSINES = {"layer 2": [0.0, 0.5, 0.75, 1.0], "layer 3": [0.1, 0.2, 0.3, 0.4]}
COUNTS = {"errors 1": [400.0, 90.0, 30.0, 12.0], "errors 2": [40.0, 9.0, 3.0, 2.0]}


def some_spikes(n_steps=20, seed=0):
    rng = np.random.default_rng(seed)
    sizes = {"values 1": 7, "errors 1": 6}
    return {name: 1000.0 * (rng.random((n_steps, n)) < 0.2) for name, n in sizes.items()}


FIGURES = {
    "learning": lambda: draw.learning_curve(SEEN, [0.2, 0.5, 0.8, 0.9], [(0, 0.1), (400, 0.85)]),
    "stream_alone": lambda: draw.learning_curve(SEEN[:1], [0.2]),
    "alignment": lambda: draw.alignment_curve(SEEN, COSINES),
    "spikes": lambda: draw.error_spikes(SEEN, COUNTS),
    "spikes_log": lambda: draw.error_spikes(SEEN, COUNTS, log=True),
    "rasters": lambda: draw.learning_rasters(
        np.eye(4), some_spikes(), some_spikes(seed=1), 0.001, 0.01, label=3
    ),
}


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_saves(tmp_path, name):
    draw.save_figure(FIGURES[name](), tmp_path / name)
    with Image.open(tmp_path / f"{name}.png") as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.min() < 50 < 200 < pixels.max()
    # Nothing is cut off: the outermost pixels are background.
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border > 250).all()
    assert (tmp_path / f"{name}.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


@pytest.mark.parametrize("name", ["alignment", "spikes", "spikes_log"])
def test_lines_differ_without_colours(name):
    drawn = [line for line in FIGURES[name]().axes[0].get_lines() if "_" not in line.get_label()]
    looks = {(line.get_linestyle(), line.get_marker()) for line in drawn}
    assert len(looks) == len(drawn) == 2


# Curves


def test_accuracies_are_in_percent_of_images():
    axes = FIGURES["learning"]().axes[0]
    stream, validation = axes.get_lines()
    np.testing.assert_allclose(stream.get_xydata(), np.c_[SEEN, [20, 50, 80, 90]])
    np.testing.assert_allclose(validation.get_xydata(), [[0, 10], [400, 85]])
    assert stream.get_label() == "stream (90.0 % at the end)"
    assert validation.get_label() == "validation (85.0 % at the end)"
    # A few validations are points; the stream is a line.
    assert validation.get_linestyle() == "None" and validation.get_marker() != ""
    assert stream.get_linestyle() == "-"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("images seen", "accuracy (% of images)")
    assert axes.get_xlim() == (0, 400) and axes.get_ylim() == (0, 100)


def test_a_stream_without_validation_is_one_line():
    assert len(FIGURES["stream_alone"]().axes[0].get_lines()) == 1


def test_the_axis_reaches_to_the_last_validation():
    axes = draw.learning_curve([1, 2], [0, 1], [(9, 0.5)]).axes[0]
    assert axes.get_xlim() == (0, 9)


def test_cosines_and_their_angles():
    axes, degrees = FIGURES["alignment"]().axes
    drawn = lines(axes)
    for name, values in COSINES.items():
        np.testing.assert_allclose(drawn[name].get_xydata(), np.c_[SEEN, values])
    assert (axes.get_ylabel(), degrees.get_ylabel()) == ("cosine of B and $W^T$", "angle (degrees)")
    assert axes.get_xlabel() == "images seen"
    assert degrees.get_ylim() == axes.get_ylim() == (0, 1.02)
    named = {tick.get_text(): y for tick, y in zip(degrees.get_yticklabels(), degrees.get_yticks())}
    assert set(named) == {"0", "30", "45", "60", "75", "90"}
    assert named["60"] == pytest.approx(0.5) and named["90"] == pytest.approx(0, abs=1e-12)
    assert named["45"] == pytest.approx(0.5**0.5)


def test_cosines_below_0_are_within_the_axis():
    axes, degrees = draw.alignment_curve([1, 2], {"a": [-0.55, 1]}).axes
    assert axes.get_ylim()[0] == pytest.approx(-0.62)
    # The cosine of 120 degrees is -0.5, that of 135 below the axis.
    assert degrees.get_yticklabels()[-1].get_text() == "120"
    assert draw.alignment_curve([1, 2], {"a": [-1, 1]}).axes[0].get_ylim()[0] == -1.02


def test_counts_start_at_0_or_are_logarithmic():
    linear, log = (FIGURES[name]().axes[0] for name in ("spikes", "spikes_log"))
    for axes in (linear, log):
        for name, values in COUNTS.items():
            np.testing.assert_allclose(lines(axes)[name].get_xydata(), np.c_[SEEN, values])
        assert axes.get_ylabel() == "error spikes per image"
        assert axes.get_xlabel() == "images seen"
    assert (linear.get_yscale(), log.get_yscale()) == ("linear", "log")
    assert linear.get_ylim() == pytest.approx((0, 420))
    assert draw.error_spikes([1], {"a": [0]}).axes[0].get_ylim() == (0, 1)


# Rasters


def drawn_spikes(axes):
    """Times of each row's spikes and its colour, by offset."""
    return {
        row.get_lineoffset(): (list(row.get_positions()), to_hex(np.ravel(row.get_color())[:4]))
        for row in axes.collections
    }


def test_rasters_are_side_by_side_with_spikes_at_the_end_of_their_steps():
    before, after = np.zeros((4, 2)), np.zeros((4, 2))
    before[0, 0] = before[3, 0] = after[1, 1] = 500.0
    figure = draw.learning_rasters(np.eye(2), {"h": before}, {"h": after}, 0.002, 0.004, label=7)
    image, left, right = figure.axes
    assert image.get_title() == "label 7"
    assert (left.get_title(), right.get_title()) == ("before learning", "after learning")
    rows = drawn_spikes(left)
    assert rows[0][0] == pytest.approx([2, 8]) and rows[1][0] == []
    rows = drawn_spikes(right)
    assert rows[0][0] == [] and rows[1][0] == pytest.approx([4])
    for axes, counted in ((left, "2 spikes"), (right, "1 spike")):
        (target,) = axes.get_lines()
        assert list(target.get_xdata()) == [4, 4]
        assert axes.get_xlim() == (0, 8)
        assert axes.get_xlabel() == "time since image onset (ms)"
        assert counted in [text.get_text() for text in axes.texts]
    assert left.get_ylabel() == "h\n2 neurons"


def test_on_and_off_neurons_have_two_colours():
    spikes = {"values 1": np.eye(6), "errors 1": np.eye(6)}
    axes = draw.learning_rasters(np.eye(2), spikes, spikes, 0.001, 0).axes
    for values, errors in ((axes[1], axes[2]), (axes[3], axes[4])):
        assert {color for _, color in drawn_spikes(values).values()} == {"#000000"}
        rows = drawn_spikes(errors)
        assert [rows[i][0] for i in range(6)] == [pytest.approx([i + 1]) for i in range(6)]
        assert [rows[i][1] for i in range(6)] == [BLUE.lower()] * 3 + [VERMILLION.lower()] * 3
    assert [tick.get_text() for tick in axes[2].get_yticklabels()] == ["on", "off"]


def test_of_many_neurons_100_are_drawn_and_of_pairs_50_of_each():
    # Neuron i fires in step i alone, so the time of a row's spike tells which it is.
    spikes = {"values 1": np.eye(298), "errors 1": np.eye(298)}
    axes = draw.learning_rasters(np.eye(2), spikes, spikes, 0.001, 0.1).axes
    values, errors = drawn_spikes(axes[1]), drawn_spikes(axes[2])
    # 100 over 0..297 are 3 apart.
    assert [row[0][0] for row in values.values()] == pytest.approx(range(1, 299, 3))
    half = np.round(np.arange(50) * 148 / 49)
    which = [errors[i][0][0] - 1 for i in range(100)]
    assert which == pytest.approx(np.concatenate([half, 149 + half]))
    assert [errors[i][1] for i in (49, 50)] == [BLUE.lower(), VERMILLION.lower()]
    assert axes[1].get_ylabel() == "values 1\n100 of 298 neurons"
    assert axes[2].get_ylabel() == "errors 1\n100 of 298 neurons"
    assert "298 spikes" in [text.get_text() for text in axes[1].texts]


# Bad input


def rasters(before=None, after=None, dt=0.001, target_on=0.01, image=None):
    before = some_spikes() if before is None else before
    after = some_spikes() if after is None else after
    return draw.learning_rasters(
        np.eye(2) if image is None else image, before, after, dt, target_on
    )


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: draw.learning_curve([], []), "images_seen"),
        (lambda: draw.learning_curve([[1]], [[0.5]]), "images_seen"),
        (lambda: draw.learning_curve(SEEN, [0.5]), "accuracy"),
        (lambda: draw.learning_curve([1], [97.0]), "accuracy"),
        (lambda: draw.learning_curve([1], [0.5], []), "spiking_accuracy"),
        (lambda: draw.learning_curve([1], [0.5], [1, 0.5]), "spiking_accuracy"),
        (lambda: draw.learning_curve([1], [0.5], [(1, 50)]), "spiking_accuracy"),
        (lambda: draw.alignment_curve([], COSINES), "images_seen"),
        (lambda: draw.alignment_curve(SEEN, {}), "cosines"),
        (lambda: draw.alignment_curve(SEEN, {"a": [1, 2]}), r"cosines\['a'\]"),
        (lambda: draw.alignment_curve([1], {"a": [45]}), r"cosines\['a'\]"),
        (lambda: draw.error_spikes(SEEN, {}), "spikes"),
        (lambda: draw.error_spikes(SEEN, {"a": [[1, 2, 3, 4]]}), r"spikes\['a'\]"),
        (lambda: draw.error_spikes([1], {"a": [-1]}), r"spikes\['a'\]"),
        (lambda: draw.error_spikes([1], {"a": [0]}, log=True), r"spikes\['a'\]"),
        (lambda: rasters(before={}), "before"),
        (lambda: rasters(dt=0), "dt"),
        (lambda: rasters(after={}), "after"),
        (lambda: rasters({"h": np.zeros(3)}, {"h": np.zeros(3)}), r"before\['h'\]"),
        (lambda: rasters({"h": np.zeros((3, 2))}, {"h": np.zeros((4, 2))}), r"after\['h'\]"),
        (
            lambda: rasters({"errors 1": np.zeros((3, 5))}, {"errors 1": np.zeros((3, 5))}),
            r"before\['errors 1'\]",
        ),
        (lambda: rasters(target_on=0.021), "target_on"),
        (lambda: rasters(target_on=-0.001), "target_on"),
        (lambda: rasters(image=np.zeros(7)), "image"),
    ],
)
def test_figures_refuse(call, name):
    with pytest.raises(ValueError, match=f"^{name} "):
        call()
