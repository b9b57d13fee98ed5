"""Figures of training, learning rules, accuracy and activity.

Each function takes arrays and gives a new ``matplotlib.figure.Figure``; nothing is shown, and
only `save_figure` writes. Importing this module imports matplotlib, which importing
`nengo_pc.analysis` does not do: ask for it by ``from nengo_pc.analysis import plots``.
"""

from nengo_pc.analysis.figure_files import figure_bytes, save_figure
from nengo_pc.analysis.plot_counts import class_histogram, confusion, rate_histograms
from nengo_pc.analysis.plot_curves import accuracy_over_time, training_curves
from nengo_pc.analysis.plot_learning import (
    layer_angles,
    rule_curves,
    rule_differences,
    update_angles,
    update_times,
)
from nengo_pc.analysis.plot_online import (
    alignment_curve,
    error_spikes,
    learning_curve,
    learning_rasters,
)
from nengo_pc.analysis.plot_rasters import digit, rasters

__all__ = [
    "accuracy_over_time",
    "alignment_curve",
    "class_histogram",
    "confusion",
    "digit",
    "error_spikes",
    "figure_bytes",
    "layer_angles",
    "learning_curve",
    "learning_rasters",
    "rasters",
    "rate_histograms",
    "rule_curves",
    "rule_differences",
    "save_figure",
    "training_curves",
    "update_angles",
    "update_times",
]
