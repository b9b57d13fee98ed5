"""How weights change: off-line trainers and an on-line rule. TensorFlow is imported when used."""

from .checkpoint import CheckpointError
from .error_hebbian import ErrorHebbian
from .options import TrainingOptions
from .trainer import TrainingDiverged, TrainingInterrupted, TrainingResult, train

__all__ = [
    "CheckpointError",
    "ErrorHebbian",
    "TrainingDiverged",
    "TrainingInterrupted",
    "TrainingOptions",
    "TrainingResult",
    "train",
]
