"""Figures of training and of accuracy over time. Asked for through `nengo_pc.analysis.plots`."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from nengo_pc.analysis.style import GREY, error_axis, line_styles, new_figure, tidy


def training_curves(history):
    """Draw loss and error over the epochs of a training.

    Parameters
    ----------
    history : sequence of dict
        One entry per epoch with the keys ``epoch``, ``loss``, ``accuracy`` and, if there was a
        validation set, ``validation_accuracy``; accuracies are fractions.

    Returns
    -------
    matplotlib.figure.Figure
        Loss on the left, errors in percent on the right, both on logarithmic axes.

    Raises
    ------
    ValueError
        If ``history`` is empty or an entry lacks a key.
    """
    if not history:
        raise ValueError("history is empty; wanted one entry per epoch")
    for entry in history:
        missing = {"epoch", "loss", "accuracy"} - entry.keys()
        if missing:
            raise ValueError(f"history has an entry without {sorted(missing)}: {entry}")
    epochs = [entry["epoch"] for entry in history]
    curves = {"training": _error_percent([entry["accuracy"] for entry in history])}
    validation = [entry.get("validation_accuracy") for entry in history]
    if None not in validation:
        curves["validation"] = _error_percent(validation)

    figure = new_figure(8, 3.2)
    loss_axes, error_axes = figure.subplots(1, 2)
    styles = line_styles(curves)
    mark = {"markersize": 4, "markevery": max(1, len(history) // 10)}
    loss_axes.plot(
        epochs,
        [entry["loss"] for entry in history],
        **line_styles(["training"])["training"],
        **mark,
    )
    if all(entry["loss"] > 0 for entry in history):
        loss_axes.set_yscale("log")
    loss_axes.set_ylabel("training loss")
    for name, errors in curves.items():
        error_axes.plot(epochs, errors, label=name, **styles[name], **mark)
    error_axis(error_axes, list(curves.values()))
    error_axes.set_ylabel("error (% of images)")
    error_axes.legend(frameon=False)
    for axes in (loss_axes, error_axes):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        tidy(axes)
    return figure


def accuracy_over_time(times_s, curves, rate_accuracy=None):
    """Draw the error that presentations cut short at each time would have had.

    Parameters
    ----------
    times_s : array_like, shape (n_steps,)
        End of each step since the start of the presentation, in seconds.
    curves : dict of str to array_like, each of shape (n_steps,)
        Accuracy after each step, as a fraction, by backend (or any other name).
    rate_accuracy : float, optional
        Accuracy of the rate network as a fraction, drawn as a level line.

    Returns
    -------
    matplotlib.figure.Figure
        Error in percent, on a logarithmic axis, against time in milliseconds.

    Raises
    ------
    ValueError
        If ``curves`` is empty or a curve does not have one value per time.
    """
    times_ms = 1e3 * np.asarray(times_s, dtype=float)
    if not curves:
        raise ValueError("curves is empty; wanted at least one named accuracy series")
    errors = {name: _error_percent(curve) for name, curve in curves.items()}
    for name, error in errors.items():
        if error.shape != times_ms.shape:
            raise ValueError(
                f"curves[{name!r}] has shape {error.shape}; wanted {times_ms.shape} as times_s"
            )
    figure = new_figure(6, 3.8)
    axes = figure.subplots()
    drawn = list(errors.values())
    if rate_accuracy is not None:
        level = _error_percent(rate_accuracy)
        drawn.append(level)
        axes.axhline(level, color=GREY, linestyle=":", linewidth=2, label=f"rate ({level:.2f} %)")
    styles = line_styles(errors)
    every = max(1, len(times_ms) // 10)
    for index, (name, error) in enumerate(errors.items()):
        # Markers are staggered, since curves of good backends lie on each other.
        start = index * every // (len(errors) + 1)
        axes.plot(
            times_ms,
            error,
            label=f"{name} ({error[-1]:.2f} %)",
            markersize=5,
            markevery=(start, every),
            **styles[name],
        )
    error_axis(axes, np.concatenate([np.ravel(error) for error in drawn]))
    axes.set_xlim(0, None)
    axes.set_xlabel("time since image onset (ms)")
    axes.set_ylabel("error (% of images)")
    axes.legend(frameon=False, title="at the end")
    tidy(axes)
    return figure


def _error_percent(accuracy):
    """Give the error in percent of an accuracy given as a fraction."""
    return 100 * (1 - np.asarray(accuracy, dtype=float))
