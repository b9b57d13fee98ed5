"""How weights change: off-line trainers and an on-line rule. TensorFlow is imported when used."""

from .checkpoint import CheckpointError
from .error_hebbian import ErrorHebbian
from .options import TrainingOptions
from .traces import FallingRate, covariance_trace
from .trainer import TrainingDiverged, TrainingInterrupted, TrainingResult, train

__all__ = [
    "CheckpointError",
    "ErrorHebbian",
    "FallingRate",
    "TrainingDiverged",
    "TrainingInterrupted",
    "TrainingOptions",
    "TrainingResult",
    "covariance_trace",
    "train",
]
