"""Figures of feedback weights while a network learns. See `nengo_pc.analysis.plots`."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from nengo_pc.analysis.style import GREY, legend_below, line_styles, new_figure, staggered, tidy


def feedback_angles(updates, panels):
    """Draw angles over updates, a curve for each kind of feedback weights.

    Parameters
    ----------
    updates : array_like, shape (n,)
        Updates that came before each point.
    panels : dict of str to dict of str to array_like, each of shape (n,)
        Angles in degrees, by title of the panel and by kind of feedback.

    Returns
    -------
    matplotlib.figure.Figure
        Panels side by side on one scale, with a line at 90 degrees, where there is no relation.

    Raises
    ------
    ValueError
        If there is no panel, or a curve is not as long as ``updates``.
    """
    updates = np.asarray(updates)
    if not panels:
        raise ValueError("panels is empty; wanted at least one")
    for title, curves in panels.items():
        for name, values in curves.items():
            if np.shape(values) != updates.shape:
                raise ValueError(
                    f"panels[{title!r}][{name!r}] has shape {np.shape(values)}; wanted "
                    f"{updates.shape} as updates"
                )
    figure = new_figure(2.35 * len(panels) + 0.5, 3.6)
    all_axes = np.ravel(figure.subplots(1, len(panels), sharey=True))
    highest = max(np.max(values) for curves in panels.values() for values in curves.values())
    for axes, (title, curves) in zip(all_axes, panels.items()):
        axes.axhline(90, color=GREY, linewidth=1, zorder=0)
        for index, (name, look) in enumerate(line_styles(curves).items()):
            marks = staggered(index, len(curves), len(updates), 6)
            axes.plot(updates, curves[name], label=name, markersize=5, markevery=marks, **look)
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel("update")
        axes.set_xlim(0, updates[-1])
        axes.set_ylim(-2, max(95, 1.03 * highest))
        axes.set_yticks(range(0, int(max(95, highest)) + 1, 15))
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.grid(axis="y", color="0.9", linewidth=0.8)
        axes.set_axisbelow(True)
        tidy(axes)
    all_axes[0].set_ylabel("angle (degrees)")
    most = max(all_axes, key=lambda axes: len(axes.get_legend_handles_labels()[0]))
    legend_below(figure, most, 5, 4.5)
    return figure
