"""Figures of spikes as a code: trains, filters, errors. See `nengo_pc.analysis.plots`."""

import numpy as np
from matplotlib.ticker import FuncFormatter

from nengo_pc.analysis.style import (
    BLACK,
    BLUE,
    GREY,
    legend_below,
    line_styles,
    new_figure,
    tidy,
)

DASHES = ("-", "--", "-.", ":")


def spike_trains(trains, dt, probabilities):
    """Draw spike trains, and how many spikes they have, for several values.

    Parameters
    ----------
    trains : dict of str to ndarray, each of shape (n_trains, n_steps)
        Spikes in each step, by the name of the value. The first ten trains are drawn.
    dt : float
        Time step in s.
    probabilities : dict of str to array_like, each of shape (n_counts,)
        Expected probability of 0, 1, 2, ... spikes in a train, by the same names.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each value: trains over milliseconds on the left, and on the right the share of
        trains with so many spikes (bars) beside what is expected (points).

    Raises
    ------
    ValueError
        If there is no train, or names differ.
    """
    if not trains:
        raise ValueError("trains is empty; wanted at least one value")
    if list(probabilities) != list(trains):
        raise ValueError(f"probabilities has {list(probabilities)}; wanted {list(trains)}")
    figure = new_figure(7.5, 0.9 + 1.2 * len(trains))
    panels = figure.subplots(
        len(trains), 2, sharex="col", squeeze=False, gridspec_kw={"width_ratios": (3, 2)}
    )
    most = max(len(p) for p in probabilities.values())
    for (raster, counted), (name, spikes) in zip(panels, trains.items()):
        shown = np.asarray(spikes)[:10]
        times_ms = [1e3 * dt * (np.flatnonzero(train) + 1) for train in shown]
        raster.eventplot(times_ms, colors=BLACK, linelengths=0.8, linewidths=1.1)
        raster.set_ylim(-0.7, len(shown) - 0.3)
        raster.set_yticks([])
        raster.set_ylabel(f"{name}\n{len(shown)} trains")
        raster.set_xlim(0, 1e3 * dt * np.shape(spikes)[1])
        counts = np.sum(spikes, axis=1).astype(int)
        share = np.bincount(counts, minlength=most)[:most] / len(counts)
        counted.bar(
            np.arange(most),
            share,
            1.0,
            color="0.8",
            edgecolor=BLUE,
            linewidth=0.7,
            label="simulated trains",
        )
        expected = np.asarray(probabilities[name], dtype=float)
        counted.plot(
            np.arange(len(expected)),
            expected,
            color=BLACK,
            marker="o",
            markersize=2.2,
            linewidth=0.8,
            label="Poisson distribution",
        )
        counted.set_ylabel("share of trains", fontsize=9)
        counted.set_ylim(0, 1.15 * max(share.max(), expected.max()))
        for axes in (raster, counted):
            tidy(axes)
    panels[-1, 0].set_xlabel("time (ms)")
    panels[-1, 1].set_xlabel(f"spikes in {1e3 * dt * np.shape(spikes)[1]:g} ms")
    panels[-1, 1].set_xlim(-0.7, most)
    legend_below(figure, panels[-1, 1], 2, 2)
    return figure


def filter_responses(time_s, impulse, step, step_time_s, measured_impulse, measured_step):
    """Draw what filters make of an impulse and of a step.

    Parameters
    ----------
    time_s, step_time_s : array_like, shapes (n,) and (n_steps,)
        Times in s of the closed form, and of what was measured.
    impulse, step : dict of str to array_like, each of shape (n,)
        By filter, in closed form: in 1/s, and without unit.
    measured_impulse, measured_step : dict of str to array_like, each of shape (n_steps,)
        The same, as a simulator's time steps give it.

    Returns
    -------
    matplotlib.figure.Figure
        Lines in closed form and markers as measured, over milliseconds.

    Raises
    ------
    ValueError
        If names differ or there is no filter.
    """
    if not impulse or any(
        list(curves) != list(impulse) for curves in (step, measured_impulse, measured_step)
    ):
        raise ValueError("impulse is empty or the others have other filters; wanted the same")
    figure = new_figure(7.5, 3.7)
    all_axes = figure.subplots(1, 2)
    looks = line_styles(impulse)
    dashes = dict(zip(impulse, DASHES))
    for axes, closed, measured in zip(all_axes, (impulse, step), (measured_impulse, measured_step)):
        for name, look in looks.items():
            axes.plot(
                1e3 * np.asarray(time_s),
                closed[name],
                color=look["color"],
                linestyle=dashes[name],
                linewidth=1.8,
                label=name,
            )
            axes.plot(
                1e3 * np.asarray(step_time_s),
                measured[name],
                color=look["color"],
                marker=look["marker"],
                linestyle="",
                markersize=5,
                markerfacecolor="white",
                clip_on=False,
            )
        axes.set_xlabel("time (ms)")
        axes.set_xlim(0, 1e3 * np.max(time_s))
        axes.set_ylim(0, None)
        tidy(axes)
    all_axes[0].set_ylabel("impulse response (1/s)")
    all_axes[1].set_ylabel("step response (no unit)")
    all_axes[1].axhline(1, color=GREY, linewidth=0.8, zorder=0)
    legend_below(figure, all_axes[0], 4, 3.5)
    return figure


def estimation_errors(tau_s, measured, closed_form):
    """Draw how far filtered spikes are from the rate, against the time constant of the filter.

    Parameters
    ----------
    tau_s : array_like, shape (n,)
        Time constants in s.
    measured : dict of str to dict of str to array_like, each of shape (n,)
        A panel for each kind of spike train: root mean square errors in Hz by the name of the
        curve.
    closed_form : dict of str to dict of str to array_like
        The same where a closed form is known: drawn as thin lines below the markers.

    Returns
    -------
    matplotlib.figure.Figure
        Errors in Hz against time constants in ms, both on logarithmic axes.

    Raises
    ------
    ValueError
        If there is nothing to draw or a curve is not as long as ``tau_s``.
    """
    tau_ms = 1e3 * np.asarray(tau_s, dtype=float)
    if not measured:
        raise ValueError("measured is empty; wanted at least one kind of spike train")
    for kind, curves in measured.items():
        for name, values in curves.items():
            if np.shape(values) != tau_ms.shape:
                raise ValueError(
                    f"measured[{kind!r}][{name!r}] has shape {np.shape(values)}; wanted "
                    f"{tau_ms.shape} as tau_s"
                )
    figure = new_figure(7.5, 3.7)
    all_axes = np.ravel(figure.subplots(1, len(measured), sharey=True))
    handles = {}
    for axes, (kind, curves) in zip(all_axes, measured.items()):
        for index, (name, look) in enumerate(line_styles(curves).items()):
            known = closed_form.get(kind, {}).get(name)
            look |= {"linestyle": DASHES[index % len(DASHES)]}
            if known is not None:
                axes.plot(tau_ms, known, color="0.45", linewidth=1.2, zorder=1)
                look |= {"linestyle": ""}
            axes.plot(tau_ms, curves[name], label=name, markersize=5.5, **look)
        if kind in closed_form:
            axes.plot([], [], color="0.45", linewidth=1.2, label="closed form")
        for handle, name in zip(*axes.get_legend_handles_labels()):
            handles.setdefault(name, handle)
        axes.set_title(kind, fontsize="medium")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("time constant of the synapse (ms)")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.grid(axis="y", color="0.9", linewidth=0.8)
        axes.set_axisbelow(True)
        tidy(axes)
    all_axes[0].set_ylabel("error of the rate, RMS (Hz)")
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=5,
        frameon=False,
        handlelength=3.5,
    )
    return figure
