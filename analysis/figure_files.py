"""Figures as files. Asked for through `nengo_pc.analysis.plots`."""

import io

import matplotlib

from nengo_pc.networks.files import whole_file


def figure_bytes(figure):
    """Render a figure; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.

    Returns
    -------
    dict of str to bytes
        File contents by suffix: ``".png"`` (150 dpi) and ``".svg"``.
    """
    contents = {}
    # Element ids of an SVG are random, and its header dated, unless told otherwise.
    with matplotlib.rc_context({"svg.hashsalt": "nengo-pc"}):
        for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
            stream = io.BytesIO()
            figure.savefig(stream, format=suffix[1:], dpi=150, metadata=metadata)
            contents[suffix] = stream.getvalue()
    return contents


def save_figure(figure, path_without_suffix):
    """Write a figure as PNG and SVG, each whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    path_without_suffix : str or pathlib.Path
        Where to; ``.png`` and ``.svg`` are appended.

    Raises
    ------
    OSError
        If the folder cannot be made or written to; the message names it.
    """
    for suffix, content in figure_bytes(figure).items():
        with whole_file(f"{path_without_suffix}{suffix}") as temporary:
            temporary.write_bytes(content)
