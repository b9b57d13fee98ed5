"""Figures of learning rules side by side. Asked for through `nengo_pc.analysis.plots`."""

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from nengo_pc.analysis.style import (
    GREY,
    error_axis,
    legend_below,
    line_styles,
    new_figure,
    staggered,
    tidy,
)

HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo")
# The state that angles are taken at, and how its lines look.
STATES = {"start": ("before training", "--"), "trained": ("after training", "-")}


def rule_curves(histories):
    """Draw loss and validation error of learning rules over updates.

    Parameters
    ----------
    histories : dict of str to list of dict
        By method: entries with ``update``, ``loss`` and ``validation_accuracy`` (a fraction).

    Returns
    -------
    matplotlib.figure.Figure
        Loss on the left, error in percent on the right, both on logarithmic axes.

    Raises
    ------
    ValueError
        If there is no history or one is empty.
    """
    _check_histories(histories)
    figure = new_figure(9, 3.8)
    loss_axes, error_axes = figure.subplots(1, 2)
    losses = {name: [entry["loss"] for entry in h] for name, h in histories.items()}
    errors = {
        name: [100 * (1 - entry["validation_accuracy"]) for entry in h]
        for name, h in histories.items()
    }
    _draw(loss_axes, histories, losses)
    _draw(error_axes, histories, errors)
    if min(min(curve) for curve in losses.values()) > 0:
        loss_axes.set_yscale("log")
    _plain_log_ticks(loss_axes)
    error_axis(error_axes, np.concatenate([np.ravel(curve) for curve in errors.values()]))
    loss_axes.set_ylabel("training loss")
    error_axes.set_ylabel("validation error (% of images)")
    legend_below(figure, error_axes, 6, 4.5)
    return figure


def rule_differences(histories, precision):
    """Draw how far learning rules are from backprop, over updates.

    Parameters
    ----------
    histories : dict of str to list of dict
        By method: entries with ``update``, ``relative_difference`` and
        ``relative_parameter_difference``, None where unknown.
    precision : float
        Relative rounding error of the numbers in use, drawn as a level line.

    Returns
    -------
    matplotlib.figure.Figure
        Of updates on the left, of parameters on the right; logarithmic axes, at whose lower edge
        differences of exactly 0 are drawn.

    Raises
    ------
    ValueError
        If there is no history or one is empty.
    """
    _check_histories(histories)
    keys = ("relative_difference", "relative_parameter_difference")
    values = [entry[key] for history in histories.values() for entry in history for key in keys]
    drawn = [value for value in values if value] + [precision]
    # Room for the line's name below it, and for what is 0.
    low = 10 ** np.floor(np.log10(min(drawn)) - 0.7)
    high = 10 ** np.ceil(np.log10(max(drawn)) + 0.2)
    figure = new_figure(9, 3.8)
    all_axes = figure.subplots(1, 2, sharey=True)
    for axes, key, title in zip(all_axes, keys, ("of each update", "of parameters")):
        axes.axhline(precision, color=GREY, linewidth=1.5, zorder=1)
        curves = {
            name: [np.nan if entry[key] is None else max(entry[key], low) for entry in history]
            for name, history in histories.items()
        }
        _draw(axes, histories, curves)
        axes.set_title(title, fontsize="medium")
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        axes.grid(axis="y", color="0.9", linewidth=0.8)
        axes.set_axisbelow(True)
    all_axes[0].set_ylabel("largest relative difference")
    all_axes[0].annotate(
        f"rounding, {precision:.1e}",
        (1, precision),
        xycoords=("axes fraction", "data"),
        xytext=(-2, -3),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize="small",
    )
    legend_below(figure, all_axes[0], 6, 4.5)
    return figure


def update_angles(over_steps, over_depth):
    """Draw the angle between two rules' updates, before and after training.

    Parameters
    ----------
    over_steps, over_depth : list of dict
        Entries with ``inference_steps`` or ``n_layers``, ``at`` (``"start"`` or ``"trained"``),
        ``angle_degrees`` and ``sd``. One of the lists may be empty.

    Returns
    -------
    matplotlib.figure.Figure
        Against the steps, the depth, or both side by side; bars are standard deviations.

    Raises
    ------
    ValueError
        If both are empty.
    """
    panels = [
        (rows, key, label)
        for rows, key, label in (
            (over_steps, "inference_steps", "steps of the values, T"),
            (over_depth, "n_layers", "layers of weights"),
        )
        if rows
    ]
    if not panels:
        raise ValueError("over_steps and over_depth are empty; wanted at least one angle")
    figure = new_figure(0.7 + 4.1 * len(panels), 3.6)
    all_axes = np.ravel(figure.subplots(1, len(panels), sharey=True))
    look = line_styles(["il"])["il"]
    for axes, (rows, key, label) in zip(all_axes, panels):
        for at, (name, dash) in STATES.items():
            x, y, sd = _of_state(rows, at, key, "angle_degrees", "sd")
            fill = "white" if at == "start" else look["color"]
            axes.errorbar(
                x,
                y,
                yerr=sd,
                label=name,
                **{**look, "linestyle": dash},
                markerfacecolor=fill,
                markersize=5,
                capsize=3,
            )
        _angle_axes(axes, rows, key, label)
    all_axes[0].set_ylabel("angle to backprop (degrees)")
    all_axes[0].legend(frameon=False)
    return figure


def layer_angles(over_steps):
    """Draw the angle between two rules' updates for each layer of weights.

    Parameters
    ----------
    over_steps : list of dict
        Entries with ``inference_steps``, ``at`` (``"start"`` or ``"trained"``), ``angle_degrees``
        and ``by_layer``.

    Returns
    -------
    matplotlib.figure.Figure
        Against the steps, before training on the left and after it on the right.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not over_steps:
        raise ValueError("over_steps is empty; wanted at least one angle")
    figure = new_figure(8.9, 3.6)
    all_axes = figure.subplots(1, 2, sharey=True)
    for axes, (at, (title, _)) in zip(all_axes, STATES.items()):
        x, whole, by_layer = _of_state(
            over_steps, at, "inference_steps", "angle_degrees", "by_layer"
        )
        axes.plot(x, whole, color=GREY, linewidth=5, alpha=0.6, label="all weights")
        names = [f"layer {index + 1}" for index in range(len(by_layer[0]) if by_layer else 0)]
        for index, (name, look) in enumerate(line_styles(names).items()):
            axes.plot(x, [angles[index] for angles in by_layer], label=name, **look, markersize=5)
        axes.set_title(title, fontsize="medium")
        _angle_axes(axes, over_steps, "inference_steps", "steps of the values, T")
    all_axes[0].set_ylabel("angle to backprop (degrees)")
    legend_below(figure, all_axes[0], 6, 4.5)
    return figure


def update_times(times):
    """Draw how long an update of each learning rule takes.

    Parameters
    ----------
    times : dict of str to dict
        By method: ``ms_per_update``, ``ms_quartiles`` of it, and ``time_ratio_to_backprop``.

    Returns
    -------
    matplotlib.figure.Figure
        Milliseconds as bars, with quartiles as whiskers and ratios as text.

    Raises
    ------
    ValueError
        If there are none.
    """
    if not times:
        raise ValueError("times is empty; wanted at least one method")
    figure = new_figure(6.5, 0.9 + 0.42 * len(times))
    axes = figure.subplots()
    for index, (name, look) in enumerate(line_styles(times).items()):
        ms, (low, high) = times[name]["ms_per_update"], times[name]["ms_quartiles"]
        axes.barh(
            name,
            ms,
            height=0.62,
            color="white",
            edgecolor=look["color"],
            linewidth=1.5,
            hatch=HATCHES[index % len(HATCHES)],
        )
        axes.errorbar(
            ms,
            index,
            xerr=[[max(ms - low, 0)], [max(high - ms, 0)]],
            color="black",
            capsize=3,
            linewidth=1.2,
        )
        axes.annotate(
            f"{ms:.3g} ms, {times[name]['time_ratio_to_backprop']:.2f} × backprop",
            (max(ms, high), index),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    axes.set_xlim(
        0, 1.6 * max(max(t["ms_per_update"], t["ms_quartiles"][1]) for t in times.values())
    )
    axes.invert_yaxis()
    axes.set_xlabel("time of an update (ms)")
    axes.tick_params(axis="y", length=0)
    tidy(axes)
    return figure


def _check_histories(histories):
    if not histories or not all(histories.values()):
        raise ValueError("histories is empty or holds an empty one; wanted logged updates")


def _draw(axes, histories, curves):
    """Draw curves over updates so that each is seen where they lie on each other."""
    styles = line_styles(curves)
    for index, (name, curve) in enumerate(curves.items()):
        updates = [entry["update"] for entry in histories[name]]
        axes.plot(
            updates,
            curve,
            label=name,
            # The first drawn is the widest, and markers are staggered.
            linewidth=1.3 + 0.7 * (len(curves) - 1 - index),
            markersize=6,
            markevery=staggered(index, len(curves), len(updates), 6),
            **styles[name],
        )
    axes.set_xlabel("update")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    tidy(axes)


def _plain_log_ticks(axes):
    """Ticks at 1, 2 and 5 of a decade, as plain numbers."""
    if axes.get_yscale() != "log":
        return
    low, high = axes.get_ylim()
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [m * 10.0**power for power in powers for m in (1, 2, 5)]
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def _of_state(rows, at, *keys):
    """The values of each key, of the entries of one state whose angle is known."""
    rows = [row for row in rows if row["at"] == at and row["angle_degrees"] is not None]
    return [[row[key] for row in rows] for key in keys]


def _angle_axes(axes, rows, key, label):
    ticks = sorted({row[key] for row in rows})
    if key == "inference_steps":
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xticks(ticks)
    axes.set_xlabel(label)
    high = 90 if axes.dataLim.ymax <= 90 else 180
    axes.set_ylim(-0.02 * high, 1.05 * high)
    axes.set_yticks(range(0, high + 1, high // 6))
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    tidy(axes)
