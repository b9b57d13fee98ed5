"""Figures of images: receptive fields, and originals beside what a network makes of them."""

import math

import numpy as np

from nengo_pc.analysis.style import new_figure


def fields(weights, image_shape, columns=None):
    """Draw receptive fields as images.

    Parameters
    ----------
    weights : array_like, shape (n_fields, n_pixels)
        One field per row.
    image_shape : tuple of int
        Height and width of a field.
    columns : int, optional
        Fields side by side; by default as many as make a square.

    Returns
    -------
    matplotlib.figure.Figure
        Each field on a scale of its own: mid-grey is 0, white and black its largest absolute
        value, up and down.

    Raises
    ------
    ValueError
        If ``weights`` is not of images of that shape.
    """
    weights = np.asarray(weights, dtype=float)
    height, width = _image_shape(image_shape)
    if weights.ndim != 2 or len(weights) == 0 or weights.shape[1] != height * width:
        raise ValueError(f"weights has shape {weights.shape}; wanted (n_fields, {height * width})")
    columns = math.ceil(math.sqrt(len(weights))) if columns is None else columns
    rows = math.ceil(len(weights) / columns)
    largest = np.abs(weights).max(axis=1, keepdims=True)
    # A field of nothing but zeros is all grey.
    shown = (weights / np.where(largest > 0, largest, 1)).reshape(-1, height, width)
    inch = min(0.75, 7 / columns)
    figure = new_figure(inch * columns, inch * rows * height / width)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, field in zip(panels, shown):
        axes.imshow(field, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    for axes in panels:
        axes.set_axis_off()
    return figure


def reconstructions(rows):
    """Draw images and their reconstructions below them.

    Parameters
    ----------
    rows : dict of str to array_like, each of shape (n, height, width)
        The originals first, by the name that their row gets. All share one grey scale, that of
        the originals.

    Returns
    -------
    matplotlib.figure.Figure
        One row per entry, one column per image.

    Raises
    ------
    ValueError
        If ``rows`` is empty or its entries differ in shape.
    """
    rows = {name: np.asarray(images, dtype=float) for name, images in rows.items()}
    if not rows:
        raise ValueError("rows is empty; wanted at least the originals")
    originals = next(iter(rows.values()))
    if originals.ndim != 3 or originals.size == 0:
        raise ValueError(f"rows has images of shape {originals.shape}; wanted (n, height, width)")
    for name, images in rows.items():
        if images.shape != originals.shape:
            raise ValueError(f"rows[{name!r}] has shape {images.shape}; wanted {originals.shape}")
    n, height, width = originals.shape
    inch = min(0.75, 7 / n)
    figure = new_figure(inch * n, (inch * height / width + 0.22) * len(rows))
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    low, high = originals.min(), originals.max()
    for part, (name, images) in zip(
        figure.subfigures(len(rows), 1, squeeze=False)[:, 0], rows.items()
    ):
        part.suptitle(name, x=0.01, ha="left", fontsize=9)
        for axes, image in zip(part.subplots(1, n, squeeze=False)[0], images):
            axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            axes.set_axis_off()
    return figure


def field_rows(rows, image_shape):
    """Draw several fields of each of a few neurons, one row for each kind.

    Parameters
    ----------
    rows : dict of str to array_like, each of shape (n_neurons, n_pixels)
        Fields by the name that their row gets.
    image_shape : tuple of int
        Height and width of a field.

    Returns
    -------
    matplotlib.figure.Figure
        A column for each neuron. Each field is on a scale of its own, as in `fields`.

    Raises
    ------
    ValueError
        If ``rows`` is empty or not of images of that shape, or rows differ in length.
    """
    height, width = _image_shape(image_shape)
    rows = {name: np.asarray(values, dtype=float) for name, values in rows.items()}
    if not rows:
        raise ValueError("rows is empty; wanted at least one kind of field")
    shape = (len(next(iter(rows.values()))), height * width)
    for name, values in rows.items():
        if values.shape != shape or len(values) == 0:
            raise ValueError(f"rows[{name!r}] has shape {values.shape}; wanted {shape}")
    n = shape[0]
    inch = min(0.9, 7.5 / n)
    figure = new_figure(inch * n, (inch * height / width + 0.25) * len(rows))
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for part, (name, values) in zip(parts, rows.items()):
        part.suptitle(name, x=0.01, ha="left", fontsize="medium")
        for axes, field in zip(part.subplots(1, n, squeeze=False)[0], values):
            largest = np.abs(field).max()
            axes.imshow(
                field.reshape(height, width) / (largest if largest > 0 else 1),
                cmap="gray",
                vmin=-1,
                vmax=1,
                interpolation="nearest",
            )
            axes.set_axis_off()
    return figure


def labelled(images, labels):
    """Draw images in two rows, each below its label.

    Parameters
    ----------
    images : array_like, shape (n, height, width)
        Grey levels, on one scale: the smallest is white, the largest black.
    labels : sequence of int or str, length n

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no image, or not a label for each.
    """
    images = np.asarray(images, dtype=float)
    if images.ndim != 3 or len(images) == 0:
        raise ValueError(f"images has shape {images.shape}; wanted (n, height, width)")
    if len(labels) != len(images):
        raise ValueError(f"labels has {len(labels)} entries; wanted {len(images)} as images")
    columns = math.ceil(len(images) / 2)
    rows = math.ceil(len(images) / columns)
    figure = new_figure(1.25 * columns, 1.5 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, image, label in zip(panels, images, labels):
        axes.imshow(
            image,
            cmap="gray_r",
            vmin=images.min(),
            vmax=images.max(),
            interpolation="nearest",
        )
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{label}", fontsize="large")
    for axes in panels[len(images) :]:
        axes.set_axis_off()
    return figure


def _image_shape(shape):
    """Height and width."""
    if len(shape) != 2 or not all(int(n) == n and n > 0 for n in shape):
        raise ValueError(f"image_shape is {shape}; wanted (height, width)")
    return shape
