"""Figures of one neuron: voltage, rate and slope. Asked for through `nengo_pc.analysis.plots`."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from nengo_pc.analysis.style import (
    BLACK,
    BLUE,
    GREY,
    VERMILLION,
    legend_below,
    line_styles,
    new_figure,
    staggered,
    tidy,
)

SPIKE = (1.0, 1.35)
"""From where to where a spike is drawn, in units of the threshold."""


def voltage_traces(traces, tau_ref):
    """Draw membrane voltages under constant current, simulated and in closed form.

    Parameters
    ----------
    traces : list of dict
        One panel each, with ``current`` (threshold at 1), ``time_s`` and ``closed_form`` (a fine
        curve), ``step_s`` and ``simulated`` (one voltage for each time step), ``spikes_s``.
    tau_ref : float
        Refractory period in s, shaded after each spike.

    Returns
    -------
    matplotlib.figure.Figure
        Voltages in units of the threshold over milliseconds, the largest current at the bottom.

    Raises
    ------
    ValueError
        If there is no trace, or one has not as many voltages as times.
    """
    if not traces:
        raise ValueError("traces is empty; wanted at least one current")
    for trace in traces:
        for x, y in (("time_s", "closed_form"), ("step_s", "simulated")):
            if len(trace[x]) != len(trace[y]):
                raise ValueError(
                    f"a trace has {len(trace[x])} {x} and {len(trace[y])} {y}; wanted as many"
                )
    figure = new_figure(7, 0.8 + 1.5 * len(traces))
    panels = figure.subplots(len(traces), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, trace in zip(panels, traces):
        axes.axhline(1, color=BLACK, linestyle="--", linewidth=1)
        axes.axhline(trace["current"], color=GREY, linestyle=":", linewidth=1.8)
        for spike in trace["spikes_s"]:
            axes.axvspan(
                1e3 * spike,
                1e3 * (spike + tau_ref),
                facecolor="0.9",
                edgecolor="0.6",
                hatch="////",
                linewidth=0,
                zorder=0,
            )
            axes.plot([1e3 * spike] * 2, SPIKE, color=VERMILLION, linewidth=2.2)
        axes.plot(1e3 * trace["time_s"], trace["closed_form"], color=BLACK, linewidth=1.4)
        axes.plot(
            1e3 * trace["step_s"],
            trace["simulated"],
            linestyle="",
            marker="o",
            markersize=3.5,
            markerfacecolor="white",
            markeredgecolor=BLUE,
        )
        rate = len(trace["spikes_s"])
        axes.set_title(
            f"j = {trace['current']:g}: {rate} spike{'s' * (rate != 1)}",
            loc="left",
            fontsize="medium",
        )
        axes.set_ylabel("voltage\n(thresholds)")
        axes.set_ylim(0, max(1.5, 1.1 * min(t["current"] for t in traces)))
        tidy(axes)
    panels[-1].set_xlabel("time since the current began (ms)")
    panels[-1].set_xlim(0, 1e3 * traces[0]["time_s"][-1])
    handles = [
        Line2D([], [], color=BLACK, linewidth=1.4, label="closed form"),
        Line2D(
            [],
            [],
            linestyle="",
            marker="o",
            markersize=4.5,
            markerfacecolor="white",
            markeredgecolor=BLUE,
            label="simulated, every step",
        ),
        Line2D([], [], color=VERMILLION, linewidth=2.2, label="spike"),
        Patch(facecolor="0.9", edgecolor="0.6", hatch="////", linewidth=0, label="refractory"),
        Line2D([], [], color=BLACK, linestyle="--", linewidth=1, label="threshold"),
        Line2D([], [], color=GREY, linestyle=":", linewidth=1.8, label="current j"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def rate_and_slope(current, rates, slopes, highest_slope):
    """Draw rate curves, and their slopes, against the current.

    Parameters
    ----------
    current : array_like, shape (n,)
        Currents; the threshold is 1.
    rates, slopes : dict of str to array_like, each of shape (n,)
        By name of the curve, in Hz, and in Hz per unit of current. The first curve is drawn black.
    highest_slope : float
        Where the slopes' axis ends: a slope may be infinite.

    Returns
    -------
    matplotlib.figure.Figure
        Rates on the left, slopes on the right.

    Raises
    ------
    ValueError
        If the two differ in names, are empty, or a curve is not as long as ``current``.
    """
    current = np.asarray(current, dtype=float)
    _check_curves("rates", rates, current)
    _check_curves("slopes", slopes, current)
    if list(rates) != list(slopes):
        raise ValueError(f"slopes has the curves {list(slopes)}; wanted {list(rates)} as rates")
    figure = new_figure(7.5, 3.6)
    all_axes = figure.subplots(1, 2)
    for axes, curves in zip(all_axes, (rates, slopes)):
        _draw(axes, current, curves)
        axes.axvline(1, color=GREY, linewidth=0.8, zorder=0)
        axes.set_xlabel("current j (thresholds)")
        axes.set_xlim(current[0], current[-1])
        tidy(axes)
    all_axes[0].set_ylabel("firing rate (Hz)")
    all_axes[0].set_ylim(0, None)
    all_axes[1].set_ylabel("slope (Hz per threshold current)")
    all_axes[1].set_ylim(0, highest_slope)
    legend_below(figure, all_axes[0], 4, 3.5)
    return figure


def activations(current, curves, straight):
    """Draw activations against the current, beside a rectified line.

    Parameters
    ----------
    current : array_like, shape (n,)
        Currents; the threshold is 1.
    curves : dict of str to array_like, each of shape (n,)
        Activations by name, without unit.
    straight : array_like, shape (n,)
        The rectified line, named ReLU.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no curve, or one is not as long as ``current``.
    """
    current = np.asarray(current, dtype=float)
    _check_curves("curves", curves, current)
    _check_curves("straight", {"ReLU": straight}, current)
    figure = new_figure(6, 3.8)
    axes = figure.subplots()
    axes.plot(current, straight, color=GREY, linewidth=4, alpha=0.7, label="ReLU, max(0, j)")
    _draw(axes, current, curves)
    axes.set_xlabel("current j (thresholds)")
    axes.set_ylabel("activation (no unit)")
    axes.set_xlim(current[0], current[-1])
    axes.set_ylim(0, 1.05 * max(np.max(straight), *(np.max(c) for c in curves.values())))
    tidy(axes)
    legend_below(figure, axes, 2, 3.5)
    return figure


def _check_curves(name, curves, current):
    if not curves:
        raise ValueError(f"{name} is empty; wanted at least one curve")
    for key, values in curves.items():
        if np.shape(values) != current.shape:
            raise ValueError(
                f"{name}[{key!r}] has shape {np.shape(values)}; wanted {current.shape} as current"
            )


def _draw(axes, current, curves):
    """Draw curves, the first black, with a few staggered markers on each."""
    dashes = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
    looks = line_styles(curves)
    for index, (name, values) in enumerate(curves.items()):
        look = looks[name] | {"linestyle": dashes[index % len(dashes)]}
        if index == 0:
            look |= {"color": BLACK, "marker": "", "linewidth": 2}
        marks = staggered(index, len(curves), len(current), 7)
        axes.plot(current, values, label=name, markersize=5, markevery=marks, **look)
