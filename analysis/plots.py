"""Figures of training, learning rules, accuracy and activity.

Each function takes arrays and gives a new ``matplotlib.figure.Figure``; nothing is shown, and
only `save_figure` writes. Importing this module imports matplotlib, which importing
`nengo_pc.analysis` does not do: ask for it by ``from nengo_pc.analysis import plots``.
"""

from nengo_pc.analysis.figure_files import figure_bytes, save_figure
from nengo_pc.analysis.plot_coding import estimation_errors, filter_responses, spike_trains
from nengo_pc.analysis.plot_counts import class_histogram, confusion, rate_histograms
from nengo_pc.analysis.plot_curves import accuracy_over_time, training_curves
from nengo_pc.analysis.plot_feedback import feedback_angles
from nengo_pc.analysis.plot_learning import (
    layer_angles,
    rule_curves,
    rule_differences,
    update_angles,
    update_times,
)
from nengo_pc.analysis.plot_neurons import activations, rate_and_slope, voltage_traces
from nengo_pc.analysis.plot_online import (
    alignment_curve,
    error_spike_panels,
    error_spikes,
    learning_curve,
    learning_rasters,
)
from nengo_pc.analysis.plot_rasters import digit, rasters
from nengo_pc.analysis.plot_relaxation import relaxation, settling

__all__ = [
    "accuracy_over_time",
    "activations",
    "alignment_curve",
    "class_histogram",
    "confusion",
    "digit",
    "error_spike_panels",
    "error_spikes",
    "estimation_errors",
    "feedback_angles",
    "figure_bytes",
    "filter_responses",
    "layer_angles",
    "learning_curve",
    "learning_rasters",
    "rasters",
    "rate_and_slope",
    "rate_histograms",
    "relaxation",
    "rule_curves",
    "rule_differences",
    "save_figure",
    "settling",
    "spike_trains",
    "training_curves",
    "update_angles",
    "update_times",
    "voltage_traces",
]
