"""Figures of classes and rates counted. Asked for through `nengo_pc.analysis.plots`."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from nengo_pc.analysis.style import BLACK, BLUE, new_figure, tidy


def confusion(matrix):
    """Draw a confusion matrix.

    Parameters
    ----------
    matrix : array_like of int, shape (n_classes, n_classes)
        Images; rows are true classes, columns answers.

    Returns
    -------
    matplotlib.figure.Figure
        Counts, shaded on a logarithmic scale so that the few errors show; zeros are blank.

    Raises
    ------
    ValueError
        If ``matrix`` is not square or counts nothing.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.sum() <= 0:
        raise ValueError(
            f"matrix has shape {matrix.shape}; wanted (n_classes, n_classes), not all zero"
        )
    figure = new_figure(5.4, 4.6)
    figure.set_layout_engine("compressed")  # constrained clips labels beside square axes
    axes = figure.subplots()
    norm = LogNorm(vmin=1, vmax=max(10, matrix.max()))
    image = axes.imshow(np.ma.masked_less(matrix, 1), cmap="Blues", norm=norm)
    for row, column in np.argwhere(matrix > 0):
        count = matrix[row, column]
        axes.text(
            column,
            row,
            f"{count:d}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if norm(count) > 0.6 else BLACK,
        )
    ticks = range(len(matrix))
    axes.set(xticks=ticks, yticks=ticks, xlabel="answered class", ylabel="true class")
    axes.tick_params(length=0)
    figure.colorbar(image, ax=axes, label="images")
    return figure


def class_histogram(histogram, labels_histogram):
    """Draw how often each class is answered beside how often it is shown.

    Parameters
    ----------
    histogram, labels_histogram : array_like of int, shape (n_classes,)
        Images answered as, and images of, each class.

    Returns
    -------
    matplotlib.figure.Figure
        Two bars per class.

    Raises
    ------
    ValueError
        If the two differ in shape.
    """
    histogram, labels_histogram = np.asarray(histogram), np.asarray(labels_histogram)
    if histogram.ndim != 1 or histogram.shape != labels_histogram.shape:
        raise ValueError(
            f"histogram has shape {histogram.shape} and labels_histogram "
            f"{labels_histogram.shape}; wanted the same (n_classes,)"
        )
    figure = new_figure(6, 3.2)
    axes = figure.subplots()
    classes = np.arange(len(histogram))
    axes.bar(
        classes - 0.2, labels_histogram, 0.4, color="white", edgecolor=BLACK, label="true class"
    )
    axes.bar(
        classes + 0.2,
        histogram,
        0.4,
        color=BLUE,
        edgecolor=BLACK,
        hatch="///",
        label="answered class",
    )
    axes.set(xticks=classes, xlabel="class", ylabel="images")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0, 1.2 * max(histogram.max(), labels_histogram.max(), 1))
    axes.legend(frameon=False, ncols=2, loc="upper center")
    tidy(axes)
    return figure


def rate_histograms(rates):
    """Draw the distribution of firing rates in each layer.

    Parameters
    ----------
    rates : dict of str to array_like, each of shape (n_neurons,)
        Each neuron's mean rate over images, in Hz, by layer.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per layer, with its mean and its share of silent neurons.

    Raises
    ------
    ValueError
        If ``rates`` is empty or a layer is not a series of rates.
    """
    if not rates:
        raise ValueError("rates is empty; wanted at least one layer")
    rates = {layer: np.asarray(values, dtype=float) for layer, values in rates.items()}
    for layer, values in rates.items():
        if values.ndim != 1 or values.size == 0:
            raise ValueError(f"rates[{layer!r}] has shape {values.shape}; wanted (n_neurons,)")
    figure = new_figure(6, 0.7 + 1.7 * len(rates))
    panels = figure.subplots(len(rates), 1, sharex=True, squeeze=False)[:, 0]
    largest = max(values.max() for values in rates.values())
    bins = np.linspace(0, largest if largest > 0 else 1, 41)
    for axes, (layer, values) in zip(panels, rates.items(), strict=True):
        axes.hist(values, bins=bins, color=BLUE, edgecolor="white", linewidth=0.5)
        axes.axvline(values.mean(), color=BLACK, linestyle="--", linewidth=1.2)
        axes.text(
            0.99,
            0.95,
            f"{layer}: {values.size} neurons\nmean {values.mean():.1f} Hz (dashed)\n"
            f"{np.mean(values == 0):.1%} never fired",
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=9,
        )
        axes.set_ylabel("neurons")
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        tidy(axes)
    panels[-1].set_xlabel("mean firing rate (Hz)")
    panels[-1].set_xlim(0, None)
    return figure
