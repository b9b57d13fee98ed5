"""Figures of free energy and its terms."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from nengo_pc.analysis.style import BLACK, line_styles, new_figure, tidy


def free_energy(steps, terms, xlabel):
    """Draw free energy and its terms along relaxation or learning.

    Parameters
    ----------
    steps : array_like, shape (n,)
        What the curves run over, for example steps or epochs.
    terms : dict of str to array_like, each of shape (n,)
        Terms in nats by name; one called ``"total"`` is drawn black and thick.
    xlabel : str

    Returns
    -------
    matplotlib.figure.Figure
        One line per term, on an axis that starts at 0.

    Raises
    ------
    ValueError
        If ``terms`` is empty or a curve does not have one value per step.
    """
    steps = np.asarray(steps, dtype=float)
    if not terms:
        raise ValueError("terms is empty; wanted at least one named curve")
    figure = new_figure(6.6, 3.2)
    axes = figure.subplots()
    parts = [name for name in terms if name != "total"]
    styles = line_styles(parts)
    styles["total"] = {"color": BLACK, "linestyle": "-", "marker": "o", "linewidth": 2.2}
    every = max(1, len(steps) // 10)
    for name, values in terms.items():
        values = np.asarray(values, dtype=float)
        if values.shape != steps.shape:
            raise ValueError(f"terms[{name!r}] has shape {values.shape}; wanted {steps.shape}")
        axes.plot(steps, values, label=name, markersize=4, markevery=every, **styles[name])
    axes.set(xlabel=xlabel, ylabel="free energy (nats per image)")
    axes.set_xlim(steps.min(), steps.max() if len(steps) > 1 else steps.min() + 1)
    axes.set_ylim(0, None)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    # Beside the curves, which leave no corner free.
    figure.legend(loc="outside right center", frameon=False)
    tidy(axes)
    return figure
