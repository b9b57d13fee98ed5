"""Reusable Nengo networks: only Nodes, Ensembles and Connections, nothing but nengo and numpy."""

from .classifier import SpikingClassifier
from .encoders import PoissonEncoder
from .layers import AveragePooling, Convolution, Dense
from .parameters import LIFConstants, Parameters

__all__ = [
    "AveragePooling",
    "Convolution",
    "Dense",
    "LIFConstants",
    "Parameters",
    "PoissonEncoder",
    "SpikingClassifier",
]
