"""The one look of all figures: Okabe and Ito's colours, told apart without colour as well.

Every line also has its own dash pattern and marker, so that a black-and-white print and a
colour-blind reader lose nothing. The colours are those of M. Okabe and K. Ito (2008), Color
universal design, https://jfly.uni-koeln.de/color/.
"""

from types import MappingProxyType

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

BLACK, GREY = "#000000", "#999999"
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY = "#CC79A7", "#E69F00", "#56B4E9"


def _line(color, linestyle, marker):
    return MappingProxyType({"color": color, "linestyle": linestyle, "marker": marker})


KNOWN = MappingProxyType(
    {
        "reference": _line(BLUE, "-", "o"),
        "dl": _line(VERMILLION, "--", "s"),
        "loihi": _line(GREEN, "-.", "^"),
        "native": _line(PURPLE, (0, (3, 1)), "P"),
        "xla": _line(BLACK, (0, (5, 1, 1, 1)), "D"),
        "training": _line(BLACK, "-", "o"),
        "validation": _line(PURPLE, "--", "D"),
        # Learning rules: those that are backprop lie on each other and must differ most.
        "backprop": _line(BLACK, "-", "o"),
        "zil": _line(SKY, "--", "s"),
        "fixed-prediction": _line(ORANGE, ":", "^"),
        "il": _line(VERMILLION, "-.", "D"),
        "ipc": _line(BLUE, (0, (5, 1, 1, 1, 1, 1)), "v"),
        "nengodl": _line(GREY, (0, (8, 2)), "X"),
        "online-rates": _line(GREEN, (0, (3, 1)), "P"),
        "online-spikes": _line(PURPLE, "-", "*"),
        # Feedback weights: transposed ones are backprop's.
        "transpose": _line(BLACK, "-", "o"),
        "kolen-pollack": _line(GREEN, "--", "s"),
        "random": _line(VERMILLION, "-.", "^"),
        "direct": _line(BLUE, ":", "v"),
        # Layers, from the input up; the last is the output.
        "layer 1": _line(PURPLE, "--", "D"),
        "layer 2": _line(ORANGE, "-.", "v"),
        "layer 3": _line(GREEN, (0, (5, 1, 1, 1)), "X"),
        "output": _line(SKY, ":", "P"),
        # Encoders of the image.
        "constant": _line(BLUE, "-", "o"),
        "poisson": _line(VERMILLION, "--", "s"),
        "lif": _line(GREEN, "-.", "^"),
    }
)
"""Line styles of the names that come back from figure to figure."""

SPARE = tuple(
    _line(color, dash, marker)
    for dash in ("-", "--", "-.", ":")
    for color, marker in ((PURPLE, "D"), (ORANGE, "v"), (SKY, "P"), (BLACK, "X"), (GREY, "*"))
)
"""Line styles of all other names, taken in turn."""


def line_styles(names):
    """Give each name its line style.

    Parameters
    ----------
    names : iterable of str
        Names of the curves of one figure. Those in `KNOWN` look the same in all figures.

    Returns
    -------
    dict of str to dict
        Keyword arguments of ``Axes.plot``: color, linestyle and marker.
    """
    styles, n_spare = {}, 0
    for name in names:
        if name in KNOWN:
            styles[name] = dict(KNOWN[name])
        else:
            styles[name] = dict(SPARE[n_spare % len(SPARE)])
            n_spare += 1
    return styles


def new_figure(width, height):
    """Make an empty figure that no pyplot state knows of.

    Parameters
    ----------
    width, height : float
        Size in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A figure with constrained layout.
    """
    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes):
    """Take the upper and right frame lines off ``axes``."""
    axes.spines[["top", "right"]].set_visible(False)


def staggered(index, n_curves, n_points, n_marks):
    """``markevery`` of a curve: a few markers, not where those of the other curves are."""
    every = max(1, n_points // n_marks)
    return index * every // n_curves, every


def legend_below(figure, axes, columns, handlelength):
    """Put the legend of ``axes`` below all of ``figure``, at most so many entries side by side."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(len(labels), columns),
        frameon=False,
        handlelength=handlelength,
    )


def error_axis(axes, errors):
    """Scale the y axis of ``axes`` for errors in percent, which differ most near zero.

    The scale is logarithmic; where an error is exactly zero it is linear below the smallest
    positive one, since a logarithmic axis has no zero.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Axes whose y axis shows errors.
    errors : array_like
        All errors drawn, in percent.
    """
    errors = np.asarray(errors, dtype=float).ravel()
    positive = errors[errors > 0]
    # Below 0.01 % (one image of MNIST's test set) there is nothing to tell apart.
    low = max(positive.min(), 0.01) if positive.size else 0.01
    high = max(errors.max(initial=0), 2 * low)
    nice = np.array([m * 10.0**power for power in range(-2, 3) for m in (1, 2, 5)][:-2])
    # The axis ends on ticks, so that a flat curve has some too.
    first = max(np.searchsorted(nice, low * (1 + 1e-9)) - 1, 0)
    last = min(np.searchsorted(nice, high * (1 - 1e-9)), len(nice) - 1)
    ticks = nice[first : last + 1]
    if (errors <= 0).any():
        axes.set_yscale("symlog", linthresh=ticks[0])
        axes.set_ylim(-0.1 * ticks[0], ticks[-1])
        ticks = np.append(0, ticks)
    else:
        axes.set_yscale("log")
        axes.set_ylim(ticks[0], ticks[-1])
    axes.set_yticks(ticks)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
