"""The figures of the comparison's report."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from nengo_pc.analysis.plausibility import PROBLEMS
from nengo_pc.analysis.style import BLACK, GREY, error_axis, line_styles, new_figure, tidy

from .questions import is_first
from .table import spread

SHOWN = 2.0  # times the largest difference of a pair, of an axis of differences
ROW_HEIGHT = 0.3  # inches of a line in charts of rows


def cost_of_spikes(rows, grid):
    """Accuracy in rates and in spikes, and energy, of all rows under the first conditions.

    Parameters
    ----------
    rows : sequence of Row
    grid : Grid

    Returns
    -------
    matplotlib.figure.Figure or None
        None if there is nothing to draw.
    """
    backend = grid.backends[0]
    shown = [row for row in rows if is_first(row, grid) and row.rate()]
    if not shown:
        return None
    figure = new_figure(8, 1.3 + ROW_HEIGHT * len(shown))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    for place, row in enumerate(shown):
        style = line_styles([row.cell.method])[row.cell.method]
        _spread_at(left, row.rate(), place - 0.13, style, False)
        if row.spiking(backend):
            _spread_at(left, row.spiking(backend), place + 0.13, style, True)
            ratios = row.score(backend, lambda s: s["energy"]["ratio_45nm"])
            if ratios:
                right.plot(
                    spread(ratios)[0], place, color=style["color"], marker=style["marker"], ms=6
                )
    left.set_yticks(range(len(shown)), [row.name for row in shown])
    left.set_ylim(len(shown) - 0.4, -0.6)
    left.set_xlabel("test accuracy (%)")
    right.axvline(1, color=GREY, linestyle=":", linewidth=1.5)
    right.set_xscale("log")
    low, high = right.get_xlim()
    low, high = min(low / 1.1, 0.45), max(1.1 * high, 2.2)
    ticks = [m * 10.0**power for power in range(-3, 4) for m in (1, 2, 5)]
    right.set_xticks([tick for tick in ticks if low <= tick <= high])
    right.xaxis.set_minor_locator(NullLocator())
    right.set_xlim(low, high)
    right.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    right.set_xlabel("energy, ReLU / spiking\n(synapses, 45 nm)")
    for axes in (left, right):
        axes.grid(axis="y", color="0.9", linewidth=0.8)
        axes.set_axisbelow(True)
        tidy(axes)
    handles = [
        Line2D([], [], color=BLACK, marker="o", linestyle="", markerfacecolor=face, label=label)
        for face, label in (("white", "in rates"), (BLACK, "in spikes"))
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
    return figure


def _spread_at(axes, by_seed, place, style, filled):
    """Mean ± sd of accuracies over seeds as a point with a bar."""
    mean, sd = spread(by_seed)
    axes.errorbar(
        100 * mean,
        place,
        xerr=None if sd is None else 100 * sd,
        color=style["color"],
        marker=style["marker"],
        markerfacecolor=style["color"] if filled else "white",
        markersize=6,
        capsize=2,
        linewidth=1,
    )


def over_time(rows, grid):
    """Error of presentations cut short, of each method under the first conditions; or None."""
    backend, curves = grid.backends[0], {}
    for row in rows:
        curve = row.score(backend, lambda s: s["accuracy_over_time"])
        if curve and is_first(row, grid) and row.cell.method not in curves:
            times = next(iter(curve.values()))["time_s"]
            errors = 100 * (1 - np.mean([c["accuracy"] for c in curve.values()], axis=0))
            curves[row.cell.method] = 1e3 * np.asarray(times), errors
    if not curves:
        return None
    figure = new_figure(8, 3.8)
    axes = figure.subplots()
    styles = line_styles(curves)
    for index, (name, (times, errors)) in enumerate(curves.items()):
        every = max(1, len(times) // 8)
        start = index * every // len(curves)
        axes.plot(times, errors, label=name, markersize=5, markevery=(start, every), **styles[name])
    error_axis(axes, np.concatenate([errors for _, errors in curves.values()]))
    axes.set_xlim(0, None)
    axes.set_xlabel("time since image onset (ms)")
    axes.set_ylabel("error (% of test images)")
    figure.legend(loc="outside right upper", frameon=False, handlelength=3.5)
    tidy(axes)
    return figure


def differences(compared, grid):
    """Differences of rate accuracies from the baseline, with their intervals; or None."""
    shown = [c for c in compared if c.rate is not None and not c.row.cell.is_online]
    if not shown:
        return None
    figure = new_figure(8, 1.1 + 0.8 * ROW_HEIGHT * len(shown))
    axes = figure.subplots()
    axes.axvline(0, color=GREY, linewidth=1.2)
    for place, c in enumerate(shown):
        style = line_styles([c.row.cell.method])[c.row.cell.method]
        if c.rate.low is not None:
            ends = 100 * c.rate.low, 100 * c.rate.high
            axes.plot(ends, [place, place], color=style["color"], linewidth=1.6)
        pairs = [100 * (v - c.baseline.rate()[s]) for s, v in _paired(c)]
        axes.plot(pairs, [place] * len(pairs), color="0.45", marker="|", linestyle="", ms=6)
        axes.plot(
            100 * c.rate.mean, place, color=style["color"], marker=style["marker"], markersize=6
        )
    names = [f"{c.row.name} ({c.row.conditions})" for c in shown]
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    # Two or three seeds may give an interval that leaves nothing else to see.
    furthest = max((abs(100 * (v - c.baseline.rate()[s])) for c in shown for s, v in _paired(c)))
    ends = axes.get_xlim()
    widest = max(SHOWN * furthest, 0.1)
    axes.set_xlim(max(ends[0], -widest), min(ends[1], widest))
    axes.set_xlabel(f"rate accuracy less that of {grid.baseline} (points)")
    axes.grid(axis="y", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    tidy(axes)
    return figure


def _paired(compared):
    theirs = compared.baseline.rate()
    return [(seed, value) for seed, value in compared.row.rate().items() if seed in theirs]


def cost_of_plausibility(rows, grid):
    """Spiking accuracy against the number of problems solved, first conditions; or None."""
    backend = grid.backends[0]
    shown = [row for row in rows if row.spiking(backend) and is_first(row, grid)]
    if not shown:
        return None
    figure = new_figure(8, 4.2)
    axes = figure.subplots()
    together = {}
    for row in shown:
        together.setdefault(row.solved, []).append(row)
    for number, row in enumerate(sorted(shown, key=lambda r: r.solved), start=1):
        members = together[row.solved]
        shift = min(0.2, 0.8 / len(members)) * (members.index(row) - (len(members) - 1) / 2)
        style = line_styles([row.cell.method])[row.cell.method]
        mean, sd = spread(row.spiking(backend))
        axes.errorbar(
            row.solved + shift,
            100 * mean,
            yerr=None if sd is None else 100 * sd,
            color=style["color"],
            marker=style["marker"],
            linestyle="",
            capsize=2,
            markersize=7,
            label=f"{number}  {row.name}",
        )
        axes.annotate(
            str(number),
            (row.solved + shift, 100 * (mean + (sd or 0))),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set_xticks(range(len(PROBLEMS) + 1))
    axes.set_xlim(-0.7, len(PROBLEMS) + 0.5)
    axes.margins(y=0.12)
    axes.set_xlabel(f"problems of the audit solved in full (of {len(PROBLEMS)})")
    axes.set_ylabel("test accuracy in spikes (%)")
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    tidy(axes)
    return figure
