"""Measures and shows what classifiers do: accuracy, activity, cost, figures and reports.

Figures are in `nengo_pc.analysis.plots`, which is not imported here since it needs matplotlib:
``from nengo_pc.analysis import plots``.
"""

from nengo_pc.analysis.energy import (
    AC_45NM,
    DEVICES,
    MAC_45NM,
    Device,
    EnergyEstimate,
    energy_per_image,
    multiply_accumulates,
    synaptic_operations,
)
from nengo_pc.analysis.metrics import (
    Accuracy,
    accuracy,
    accuracy_over_time,
    always_same_class,
    class_histogram,
    confusion_matrix,
    predictions_over_time,
    time_to_fraction,
    wilson_interval,
)
from nengo_pc.analysis.plausibility import Audit, Finding, audit, audit_table
from nengo_pc.analysis.plausibility_measures import alignment
from nengo_pc.analysis.plausibility_training import audit_training
from nengo_pc.analysis.rates import LayerRates, layer_rates, spikes_per_image
from nengo_pc.analysis.report import write_report
from nengo_pc.analysis.results import load_metrics, runs_of
from nengo_pc.analysis.summary import conversion_loss, summarise
from nengo_pc.analysis.tables import table

__all__ = [
    "AC_45NM",
    "DEVICES",
    "MAC_45NM",
    "Accuracy",
    "Audit",
    "Device",
    "EnergyEstimate",
    "Finding",
    "LayerRates",
    "accuracy",
    "accuracy_over_time",
    "alignment",
    "always_same_class",
    "audit",
    "audit_table",
    "audit_training",
    "class_histogram",
    "confusion_matrix",
    "conversion_loss",
    "energy_per_image",
    "layer_rates",
    "load_metrics",
    "multiply_accumulates",
    "predictions_over_time",
    "runs_of",
    "spikes_per_image",
    "summarise",
    "synaptic_operations",
    "table",
    "time_to_fraction",
    "wilson_interval",
    "write_report",
]
