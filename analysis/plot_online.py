"""Figures of on-line learning in spikes. Asked for through `nengo_pc.analysis.plots`."""

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from nengo_pc.analysis.plot_rasters import MAX_NEURONS, draw_digit
from nengo_pc.analysis.style import (
    BLUE,
    GREY,
    VERMILLION,
    legend_below,
    line_styles,
    new_figure,
    staggered,
    tidy,
)

# Angles that the right axis of `alignment_curve` names, in degrees.
ANGLES = (0, 15, 30, 45, 60, 75, 90, 105, 120, 135, 150, 165, 180)
# Populations whose names start so are pairs of on- and off-neurons.
ON_OFF = "error"
DASHES = ("-", "--", "-.", ":")


def learning_curve(images_seen, accuracy, spiking_accuracy=None):
    """Draw the accuracy of a network while it learns from a stream of images.

    Parameters
    ----------
    images_seen : array_like, shape (n_points,)
        Images of the stream that came before each point.
    accuracy : array_like, shape (n_points,)
        Fraction of right answers on the stream, each given before the target was shown.
    spiking_accuracy : sequence of (int, float), optional
        Images seen and accuracy, a fraction, of each validation: the spiking network on images that
        it does not learn from.

    Returns
    -------
    matplotlib.figure.Figure
        Accuracy in percent against images seen, as a line of the stream and points of the
        validations. The legend gives the last ones.

    Raises
    ------
    ValueError
        If shapes differ, there is nothing to draw, or an accuracy is not a fraction.
    """
    seen = _images_seen(images_seen)
    curves = {"stream": (seen, _fractions("accuracy", accuracy, seen))}
    if spiking_accuracy is not None:
        points = np.asarray(spiking_accuracy, dtype=float)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
            raise ValueError(
                f"spiking_accuracy has shape {points.shape}; wanted (n, 2), images and accuracy"
            )
        at = points[:, 0]
        curves["validation"] = (at, _fractions("spiking_accuracy", points[:, 1], at))
    figure = new_figure(6, 3.6)
    axes = figure.subplots()
    # A stream has many points, a validation few: a line without markers, and markers alone.
    looks = (
        {**line_styles(["training"])["training"], "marker": "", "linewidth": 1.5},
        {**line_styles(["validation"])["validation"], "linestyle": "", "markersize": 6},
    )
    for (name, (x, y)), look in zip(curves.items(), looks, strict=False):
        # A marker at the edge of the axes is not cut in half.
        axes.plot(
            x, 100 * y, label=f"{name} ({100 * y[-1]:.1f} % at the end)", clip_on=False, **look
        )
    axes.set_ylim(0, 100)
    axes.set_ylabel("accuracy (% of images)")
    _images_axis(axes, np.concatenate([x for x, _ in curves.values()]))
    legend_below(figure, axes, 5, 4)
    return figure


def alignment_curve(images_seen, cosines):
    """Draw how well feedback weights line up with the transpose of the forward weights.

    Parameters
    ----------
    images_seen : array_like, shape (n_points,)
        Images of the stream that came before each point.
    cosines : dict of str to array_like, each of shape (n_points,)
        By layer: cosine of the angle between B and the transpose of W.

    Returns
    -------
    matplotlib.figure.Figure
        Cosines against images seen; the right axis gives angles in degrees. A level line is at 1.

    Raises
    ------
    ValueError
        If ``cosines`` is empty, shapes differ, or a cosine is beyond 1 or -1.
    """
    seen = _images_seen(images_seen)
    cosines = _curves("cosines", cosines, seen)
    for name, values in cosines.items():
        if np.any(np.abs(values) > 1 + 1e-6):
            raise ValueError(f"cosines[{name!r}] goes beyond 1 or -1; wanted cosines")
    figure = new_figure(6, 3.6)
    axes = figure.subplots()
    axes.axhline(1, color=GREY, linewidth=1.5, zorder=1)
    _draw(axes, seen, cosines)
    lowest = min(np.nanmin(values) for values in cosines.values())
    # Random feedback starts near a right angle, a little to either side.
    low = 0 if lowest >= 0 else max(np.floor(10 * lowest) / 10, -1)
    axes.set_ylim(low - 0.02 * (low < 0), 1.02)
    axes.set_ylabel("cosine of B and $W^T$")
    _images_axis(axes, seen)
    degrees = axes.twinx()
    degrees.set_ylim(axes.get_ylim())
    shown = [angle for angle in ANGLES if np.cos(np.deg2rad(angle)) >= low - 1e-9]
    # 15 degrees are beside 0 on a cosine's scale, 165 beside 180.
    shown = [angle for angle in shown if angle not in (15, 165)]
    degrees.set_yticks([np.cos(np.deg2rad(angle)) for angle in shown], [str(a) for a in shown])
    degrees.set_ylabel("angle (degrees)")
    degrees.spines["top"].set_visible(False)
    axes.spines["top"].set_visible(False)
    legend_below(figure, axes, 5, 4)
    return figure


def error_spikes(images_seen, spikes, log=False):
    """Draw how many spikes error neurons fire for an image, while the network learns.

    Parameters
    ----------
    images_seen : array_like, shape (n_points,)
        Images of the stream that came before each point.
    spikes : dict of str to array_like, each of shape (n_points,)
        By layer: error spikes per image, on- and off-neurons together.
    log : bool
        A logarithmic axis instead of a linear one that starts at 0.

    Returns
    -------
    matplotlib.figure.Figure
        Error spikes per image against images seen.

    Raises
    ------
    ValueError
        If ``spikes`` is empty, shapes differ, a count is negative, or 0 on a logarithmic axis.
    """
    seen = _images_seen(images_seen)
    spikes = _curves("spikes", spikes, seen)
    for name, values in spikes.items():
        if np.any(values < 0):
            raise ValueError(f"spikes[{name!r}] goes below 0; wanted counts")
        if log and np.any(values == 0):
            raise ValueError(f"spikes[{name!r}] has a 0, which a logarithmic axis has not")
    figure = new_figure(6, 3.6)
    axes = figure.subplots()
    _draw(axes, seen, spikes)
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        highest = max(np.nanmax(values) for values in spikes.values())
        axes.set_ylim(0, 1.05 * highest if highest > 0 else 1)
    axes.yaxis.set_major_formatter(FuncFormatter(_number))
    axes.set_ylabel("error spikes per image")
    _images_axis(axes, seen)
    tidy(axes)
    legend_below(figure, axes, 5, 4)
    return figure


def error_spike_panels(panels):
    """Draw error spikes for an image in panels side by side, on axes of the images seen.

    Parameters
    ----------
    panels : dict of str to (array_like, dict of str to array_like)
        By title: images seen, shape (n_points,), and error spikes per image by layer, each of that
        shape.

    Returns
    -------
    matplotlib.figure.Figure
        Layers look the same in all panels; each has a scale of its own, from 0.

    Raises
    ------
    ValueError
        If there is no panel, shapes differ, or a count is negative.
    """
    if not panels:
        raise ValueError("panels is empty; wanted at least one")
    figure = new_figure(7.5, 3.6)
    all_axes = np.ravel(figure.subplots(1, len(panels)))
    for axes, (title, (seen, spikes)) in zip(all_axes, panels.items()):
        seen = _images_seen(seen)
        spikes = _curves(title, spikes, seen)
        if any(np.any(values < 0) for values in spikes.values()):
            raise ValueError(f"{title!r} goes below 0; wanted counts")
        _draw(axes, seen, spikes)
        highest = max(np.nanmax(values) for values in spikes.values())
        axes.set_ylim(0, 1.05 * highest if highest > 0 else 1)
        axes.set_title(title, fontsize="medium")
        axes.set_ylabel("error spikes per image")
        _images_axis(axes, seen)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    legend_below(figure, all_axes[0], 5, 4)
    return figure


def learning_rasters(image, before, after, dt, target_on, label=None):
    """Draw the spikes that one image causes, before and after learning side by side.

    Parameters
    ----------
    image : array_like, shape (n_rows, n_columns) or (n_pixels,)
        Grey levels; a flat image is taken as square.
    before, after : dict of str to array_like, each of shape (n_steps, n_neurons)
        Spikes by population, zero where there is none. Those of a population whose name starts with
        "error" are of on-neurons in the first half of the columns, and of as many off-neurons in
        the second. Of more than 100 neurons, 100 evenly spaced ones are drawn, and the axis says
        so; of pairs, 50 of each kind.
    dt : float
        Time step, in seconds.
    target_on : float
        Time since image onset at which the target comes, in seconds: a vertical line.
    label : int or str, optional
        Class of the image.

    Returns
    -------
    matplotlib.figure.Figure
        The image on the left, then a column of rasters before and one after learning, over time in
        milliseconds. On-neurons are blue, and off-neurons vermilion above them. Each raster tells
        how many spikes there were of all neurons, drawn or not.

    Raises
    ------
    ValueError
        If ``before`` and ``after`` differ in populations or shapes or are empty, an error
        population is not of pairs, ``dt`` is not positive, or ``target_on`` is not within the
        presentation.
    """
    if not before:
        raise ValueError("before is empty; wanted at least one population")
    if not dt > 0:
        raise ValueError(f"dt is {dt}; wanted a positive time in seconds")
    if list(after) != list(before):
        raise ValueError(f"after has populations {list(after)}; wanted {list(before)} as before")
    before, after = ({k: np.asarray(v) for k, v in d.items()} for d in (before, after))
    n_steps = len(next(iter(before.values())))
    for name, values in before.items():
        if values.ndim != 2 or len(values) != n_steps or values.shape[1] == 0:
            raise ValueError(f"before[{name!r}] has shape {values.shape}; wanted ({n_steps}, n)")
        if after[name].shape != values.shape:
            raise ValueError(
                f"after[{name!r}] has shape {after[name].shape}; wanted {values.shape} as before"
            )
        if name.startswith(ON_OFF) and values.shape[1] % 2:
            raise ValueError(
                f"before[{name!r}] has {values.shape[1]} neurons; wanted on-neurons and as many "
                "off-neurons"
            )
    if not 0 <= target_on <= n_steps * dt:
        raise ValueError(
            f"target_on is {target_on}; wanted a time from 0 to {n_steps * dt:g} s, the end"
        )

    figure = new_figure(9, 0.9 + 1.45 * len(before))
    grid = figure.add_gridspec(len(before), 3, width_ratios=(1, 3, 3))
    draw_digit(figure.add_subplot(grid[0, 0]), image, label)
    for column, (title, spikes) in enumerate(
        (("before learning", before), ("after learning", after)), start=1
    ):
        for row, (name, values) in enumerate(spikes.items()):
            axes = figure.add_subplot(grid[row, column])
            _draw_population(axes, name, values, dt, named=column == 1)
            axes.axvline(1e3 * target_on, color="black", linestyle="--", linewidth=1, zorder=3)
            axes.set_xlim(0, 1e3 * n_steps * dt)
            if row == 0:
                axes.set_title(title, fontsize="medium", pad=16)
                _above(axes, "target", (1e3 * target_on, 1), ("data", "axes fraction"), "center")
            axes.tick_params(labelbottom=row == len(spikes) - 1)
        axes.set_xlabel("time since image onset (ms)")
    return figure


def _images_seen(images_seen):
    """The x values of a curve."""
    seen = np.asarray(images_seen, dtype=float)
    if seen.ndim != 1 or seen.size == 0:
        raise ValueError(f"images_seen has shape {seen.shape}; wanted (n_points,)")
    return seen


def _as_long(name, values, seen):
    values = np.asarray(values, dtype=float)
    if values.shape != seen.shape:
        raise ValueError(f"{name} has shape {values.shape}; wanted {seen.shape} as images_seen")
    return values


def _fractions(name, values, seen):
    values = _as_long(name, values, seen)
    if np.any((values < 0) | (values > 1)):
        raise ValueError(f"{name} goes beyond 0 or 1; wanted fractions")
    return values


def _curves(name, curves, seen):
    """Curves as arrays, each with one value per point."""
    if not curves:
        raise ValueError(f"{name} is empty; wanted at least one layer")
    return {key: _as_long(f"{name}[{key!r}]", values, seen) for key, values in curves.items()}


def _draw(axes, seen, curves):
    """Draw curves over images seen, with a few staggered markers each."""
    for index, (name, look) in enumerate(line_styles(curves).items()):
        marks = staggered(index, len(curves), len(seen), 8)
        # A marker at the edge of the axes is not cut in half.
        look = {**look, "linestyle": DASHES[index % len(DASHES)], "clip_on": False}
        axes.plot(seen, curves[name], label=name, markersize=5, markevery=marks, **look)


def _number(value, _=None):
    return f"{value:,.6g}"


def _images_axis(axes, seen):
    axes.set_xlabel("images seen")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(FuncFormatter(_number))
    axes.set_xlim(0, seen.max() if seen.max() > 0 else 1)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    tidy(axes)


def _draw_population(axes, name, values, dt, named):
    """Draw the spikes of one population into ``axes``, and its name if asked to."""
    n = values.shape[1]
    if name.startswith(ON_OFF):
        half = _evenly(n // 2, MAX_NEURONS // 2)
        chosen = np.concatenate([half, n // 2 + half])
        colors = [BLUE] * len(half) + [VERMILLION] * len(half)
        # Where on-neurons end and off-neurons begin is seen without colours, too.
        axes.axhline(len(half) - 0.5, color=GREY, linewidth=0.6, zorder=0)
    else:
        chosen = _evenly(n, MAX_NEURONS)
        colors = ["black"] * len(chosen)
    # A spike of step i ends that step, at (i + 1) dt.
    times_ms = [1e3 * dt * (np.flatnonzero(train) + 1) for train in values[:, chosen].T]
    axes.eventplot(times_ms, colors=colors, linelengths=0.9, linewidths=1.2)
    axes.set_ylim(-1, len(chosen))
    axes.set_yticks([])
    if name.startswith(ON_OFF):
        axes.set_yticks([len(chosen) / 4 - 0.5, 3 * len(chosen) / 4 - 0.5], ["on", "off"])
        axes.tick_params(axis="y", length=0, labelleft=named)
    if named:
        counted = f"{n} neurons" if len(chosen) == n else f"{len(chosen)} of {n} neurons"
        axes.set_ylabel(f"{name}\n{counted}", fontsize=9)
    # Of all neurons: those drawn may be silent while others are not.
    fired = np.count_nonzero(values)
    _above(axes, f"{fired:,} spike{'s' * (fired != 1)}", (1, 1), "axes fraction", "right")
    tidy(axes)


def _above(axes, text, at, coordinates, alignment):
    axes.annotate(
        text,
        at,
        xycoords=coordinates,
        xytext=(0, 2),
        textcoords="offset points",
        ha=alignment,
        fontsize="small",
    )


def _evenly(n, most):
    """At most so many of n neurons, evenly spaced."""
    return np.linspace(0, n - 1, min(n, most)).round().astype(int)
