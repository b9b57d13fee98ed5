"""Reusable Nengo networks: only Nodes, Ensembles and Connections, nothing but nengo and numpy."""

from .classifier import SpikingClassifier
from .encoders import LIFEncoder, PoissonEncoder
from .error_neurons import lif_error_neurons
from .feedback import FEEDBACKS, feedback_weights
from .gates import DERIVATIVES, Gate
from .layers import AveragePooling, Convolution, Dense
from .parameters import LIFConstants, Parameters
from .precision import AdaptivePrecision
from .predictive_coding import PredictiveCoding

__all__ = [
    "AdaptivePrecision",
    "AveragePooling",
    "Convolution",
    "DERIVATIVES",
    "Dense",
    "FEEDBACKS",
    "Gate",
    "LIFConstants",
    "LIFEncoder",
    "Parameters",
    "PoissonEncoder",
    "PredictiveCoding",
    "SpikingClassifier",
    "feedback_weights",
    "lif_error_neurons",
]
