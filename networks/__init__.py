"""Reusable Nengo networks: only Nodes, Ensembles and Connections, nothing but nengo and numpy."""

from .classifier import SpikingClassifier
from .encoders import PoissonEncoder
from .feedback import FEEDBACKS, feedback_weights
from .gates import DERIVATIVES, Gate
from .layers import AveragePooling, Convolution, Dense
from .parameters import LIFConstants, Parameters
from .predictive_coding import PredictiveCoding

__all__ = [
    "AveragePooling",
    "Convolution",
    "DERIVATIVES",
    "Dense",
    "FEEDBACKS",
    "Gate",
    "LIFConstants",
    "Parameters",
    "PoissonEncoder",
    "PredictiveCoding",
    "SpikingClassifier",
    "feedback_weights",
]
