"""Figures of values that relax: energy and errors over time. See `nengo_pc.analysis.plots`."""

import numpy as np

from nengo_pc.analysis.style import BLACK, legend_below, line_styles, new_figure, staggered, tidy


def relaxation(times, panels):
    """Draw energy and its terms along relaxation, in panels side by side.

    Parameters
    ----------
    times : array_like, shape (n,)
        In time constants of a value.
    panels : dict of str to dict of str to array_like, each of shape (n,)
        Terms in nats by title of the panel and by name; ``"total"`` is drawn black and thick.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no panel, or a curve is not as long as ``times``.
    """
    times = np.asarray(times, dtype=float)
    if not panels:
        raise ValueError("panels is empty; wanted at least one")
    figure = new_figure(7.5, 3.7)
    all_axes = np.ravel(figure.subplots(1, len(panels)))
    for axes, (title, terms) in zip(all_axes, panels.items()):
        _draw(axes, times, terms, f"panels[{title!r}]")
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel("time (time constants of a value)")
        axes.set_ylabel("energy (nats per image)")
    legend_below(figure, all_axes[0], 5, 4)
    return figure


def settling(time_s, energy, errors, target_s):
    """Draw energy and errors of a network in time, while a target comes and goes.

    Parameters
    ----------
    time_s : array_like, shape (n,)
        In s.
    energy : dict of str to array_like, each of shape (n,)
        Terms in nats; ``"total"`` is drawn black and thick.
    errors : dict of str to array_like, each of shape (n,)
        Euclidean length of each layer's error, without unit.
    target_s : (float, float)
        From when to when the target is shown, in s: shaded.

    Returns
    -------
    matplotlib.figure.Figure
        Energy above errors, over milliseconds.

    Raises
    ------
    ValueError
        If a curve is not as long as ``time_s``.
    """
    time_ms = 1e3 * np.asarray(time_s, dtype=float)
    figure = new_figure(7, 4.6)
    all_axes = figure.subplots(2, 1, sharex=True)
    for axes, name, curves in zip(all_axes, ("energy", "errors"), (energy, errors)):
        start, end = (1e3 * t for t in target_s)
        axes.axvspan(start, end, facecolor="0.92", zorder=0)
        axes.annotate(
            "target on",
            ((start + end) / 2, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, -3),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize="small",
        )
        _draw(axes, time_ms, curves, name)
        low, high = axes.get_ylim()
        axes.set_ylim(low, 1.12 * high)
    all_axes[0].set_ylabel("energy (nats)")
    all_axes[1].set_ylabel("length of the error\n(no unit)")
    all_axes[1].set_xlabel("time since image onset (ms)")
    legend_below(figure, all_axes[0], 5, 4)
    return figure


def _draw(axes, x, curves, name):
    looks = line_styles(key for key in curves if key != "total")
    for index, (key, values) in enumerate(curves.items()):
        if np.shape(values) != x.shape:
            raise ValueError(f"{name}[{key!r}] has shape {np.shape(values)}; wanted {x.shape}")
        if key == "total":
            look = {"color": BLACK, "linestyle": "-", "marker": "", "linewidth": 2.2}
        else:
            look = looks[key]
        marks = staggered(index, len(curves), len(x), 8)
        axes.plot(x, values, label=key, markersize=5, markevery=marks, **look)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(0, None)
    tidy(axes)
