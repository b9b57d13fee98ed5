"""An experiment on disk: figures, a report that people read, and metrics that programs read."""

from pathlib import Path

from nengo_pc.analysis.report_text import report_text
from nengo_pc.analysis.results import METRICS_FILE, plain, to_json
from nengo_pc.networks.files import whole_file

REPORT_FILE = "report.md"


def write_report(folder, metrics, figures, text=report_text):
    """Write the report of an experiment.

    Everything is rendered before anything is written. Figures come first and ``metrics.json``
    last, each file whole or not at all: a fresh folder holds metrics only with all the rest.

    Parameters
    ----------
    folder : str or pathlib.Path
        Where to; made if it is missing. Files of an earlier report are replaced.
    metrics : dict
        Metrics of one run; or keys that all runs share, and a list ``runs`` of the metrics of
        each. For the usual ``text``, every run must have ``experiment``, ``network``,
        ``backend``, ``seed``, ``dataset``, ``n_test`` and ``accuracy``, and these keys are shown
        where they are given:

        - ``version``, ``command``, ``dataset_notice``, ``n_train``, ``method``, ``optimizer``,
          ``encoder``, ``synapse``: text or numbers, shown as they are;
        - ``dt``, ``presentation_time``, ``time_to_99_percent_s``: in seconds;
        - ``substitutions``: list of str, what the backend ran instead of what was asked;
        - ``rate_accuracy``: fraction; ``confidence_interval``: ``[low, high]``, fractions;
        - ``mean_rate_hz``, ``dead_neurons``: Hz and fraction, by layer;
        - ``spikes_per_image``, ``synops_per_image``: counts;
        - ``energy``: an :class:`~nengo_pc.analysis.energy.EnergyEstimate` or its fields;
        - ``seconds``: wall-clock time, ``{"train": ..., "simulate": ..., "compile": ...}``;
        - ``class_histogram``, ``confusion_matrix``: counts, used for warnings.

        All others are only stored. NumPy values and dataclasses are converted.
    figures : dict of str to (matplotlib.figure.Figure or (matplotlib.figure.Figure, str))
        Figures, with captions if wanted, by file name without suffix.
    text : callable
        Gives the report in Markdown from the metrics, in the types of JSON, and the captions (None
        where there is none) by figure name; by default that of a classifier in spikes.

    Raises
    ------
    ValueError
        If the metrics hold NaN or infinity, lack a key, or a figure's name is not a plain file
        name. Nothing has been written then.
    OSError
        If the folder cannot be made or written to; the message names it.
    """
    # Only a report needs matplotlib, so importing this package does not import it.
    from nengo_pc.analysis.figure_files import figure_bytes

    folder = Path(folder)
    metrics = plain(metrics)
    contents, captions = {}, {}
    for name, entry in figures.items():
        if not name or Path(name).name != name or name == Path(REPORT_FILE).stem:
            raise ValueError(f"figures has the name {name!r}; wanted a file name without a folder")
        figure, captions[name] = entry if isinstance(entry, tuple) else (entry, None)
        for suffix, content in figure_bytes(figure).items():
            contents[f"{name}{suffix}"] = content
    contents[REPORT_FILE] = text(metrics, captions).encode()
    contents[METRICS_FILE] = to_json(metrics).encode()
    for name, content in contents.items():
        with whole_file(folder / name) as temporary:
            temporary.write_bytes(content)
