"""Figures of one image and of the spikes it causes. Asked for through `nengo_pc.analysis.plots`."""

import numpy as np
from matplotlib.lines import Line2D

from nengo_pc.analysis.style import BLUE, GREY, VERMILLION, new_figure, tidy

MAX_NEURONS = 100
"""Rows of a raster: more cannot be told apart in print."""


def digit(image, label=None):
    """Draw one image.

    Parameters
    ----------
    image : array_like, shape (n_rows, n_columns) or (n_pixels,)
        Grey levels; a flat image is taken as square.
    label : int or str, optional
        Its class, for the title.

    Returns
    -------
    matplotlib.figure.Figure
        The image, its smallest grey level white and its largest black.

    Raises
    ------
    ValueError
        If ``image`` is neither a matrix nor a flat square.
    """
    figure = new_figure(2, 2.2)
    draw_digit(figure.subplots(), image, label)
    return figure


def rasters(image, spikes, dt, outputs=None, label=None):
    """Draw one image, the spikes of each layer while it is shown, and the outputs.

    Parameters
    ----------
    image : array_like, shape (n_rows, n_columns) or (n_pixels,)
        Grey levels.
    spikes : dict of str to array_like, each of shape (n_steps, n_neurons)
        Spikes by layer, zero where there is none. Of a layer with more than 100 neurons, 100
        evenly spaced ones are drawn, and its axis says so.
    dt : float
        Time step, in seconds.
    outputs : array_like, shape (n_steps, n_classes), optional
        Network output. The answered class, the true one and the runner-up are drawn boldly.
    label : int, optional
        True class of the image.

    Returns
    -------
    matplotlib.figure.Figure
        The image on the left; rasters and outputs on the right, over time in milliseconds.

    Raises
    ------
    ValueError
        If ``spikes`` is empty, layers or outputs differ in steps, or ``dt`` is not positive.
    """
    if not spikes:
        raise ValueError("spikes is empty; wanted at least one layer")
    if not dt > 0:
        raise ValueError(f"dt is {dt}; wanted a positive time in seconds")
    spikes = {layer: np.asarray(values) for layer, values in spikes.items()}
    series = spikes if outputs is None else spikes | {"outputs": np.asarray(outputs)}
    n_steps = len(next(iter(series.values())))
    for name, values in series.items():
        if values.ndim != 2 or len(values) != n_steps:
            raise ValueError(f"{name} has shape {values.shape}; wanted ({n_steps}, n)")

    heights = [1.6] * len(spikes) + ([1.8] if outputs is not None else [])
    figure = new_figure(8, 0.8 + sum(heights))
    grid = figure.add_gridspec(len(heights), 2, width_ratios=(1, 4), height_ratios=heights)
    draw_digit(figure.add_subplot(grid[0, 0]), image, label)
    panels = [figure.add_subplot(grid[0, 1])]
    for row in range(1, len(heights)):
        panels.append(figure.add_subplot(grid[row, 1], sharex=panels[0]))
    for axes, (layer, values) in zip(panels, spikes.items(), strict=False):
        _draw_raster(axes, layer, values, dt)
    if outputs is not None:
        handles = _draw_outputs(panels[-1], series["outputs"], dt, label)
        legend_axes = figure.add_subplot(grid[-1, 0])
        legend_axes.axis("off")
        legend_axes.legend(handles=handles, loc="center", frameon=False, fontsize=9)
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    panels[-1].set_xlabel("time since image onset (ms)")
    panels[0].set_xlim(0, 1e3 * n_steps * dt)
    return figure


def draw_digit(axes, image, label):
    """Draw one image into ``axes``."""
    image = np.asarray(image, dtype=float)
    side = round(image.size**0.5)
    if image.ndim == 1 and side**2 == image.size:
        image = image.reshape(side, side)
    if image.ndim != 2:
        raise ValueError(f"image has shape {image.shape}; wanted a matrix or a flat square")
    axes.imshow(image, cmap="gray_r", interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    if label is not None:
        axes.set_title(f"label {label}", fontsize=10)


def _draw_raster(axes, layer, values, dt):
    """Draw the spikes of one layer into ``axes``."""
    n_neurons = values.shape[1]
    shown = values
    if n_neurons > MAX_NEURONS:
        chosen = np.linspace(0, n_neurons - 1, MAX_NEURONS).round().astype(int)
        shown = values[:, chosen]
    # A spike of step i ends that step, at (i + 1) dt.
    times_ms = [1e3 * dt * (np.flatnonzero(train) + 1) for train in shown.T]
    axes.eventplot(times_ms, colors="black", linelengths=0.9, linewidths=1.2)
    axes.set_ylim(-1, shown.shape[1])
    axes.set_yticks([])
    counted = f"{n_neurons} neurons"
    if n_neurons > MAX_NEURONS:
        counted = f"{MAX_NEURONS} of {counted}"
    axes.set_ylabel(f"{layer}\n{counted}", fontsize=9)
    if not values.any():
        axes.text(0.5, 0.5, "no spikes", transform=axes.transAxes, ha="center", va="center")
    tidy(axes)


def _draw_outputs(axes, outputs, dt, label):
    """Draw the output of each class into ``axes`` and give the handles of a legend."""
    times_ms = 1e3 * dt * np.arange(1, len(outputs) + 1)
    order = np.argsort(-outputs.mean(axis=0), kind="stable")
    answer = int(order[0])
    names = {answer: f"{answer} (answer)"}
    if label is not None and label != answer:
        names[int(label)] = f"{label} (label)"
    elif label is not None:
        names[answer] = f"{answer} (answer, label)"
    for runner_up in order[1:2]:
        names.setdefault(int(runner_up), f"{runner_up} (second)")
    looks = ((BLUE, "-", 2.2), (VERMILLION, "--", 1.8), ("black", ":", 1.8))
    handles = []
    for index, trace in enumerate(outputs.T):
        if index not in names:
            axes.plot(times_ms, trace, color=GREY, linewidth=0.8, zorder=1)
    for (index, name), (color, linestyle, width) in zip(names.items(), looks, strict=False):
        handles += axes.plot(
            times_ms,
            outputs[:, index],
            color=color,
            linestyle=linestyle,
            linewidth=width,
            label=name,
        )
    if outputs.shape[1] > len(names):
        handles.append(Line2D([], [], color=GREY, linewidth=0.8, label="other classes"))
    axes.set_ylabel("output", fontsize=9)
    tidy(axes)
    return handles
