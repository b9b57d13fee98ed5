"""How weights change: off-line trainers. TensorFlow is imported when training starts."""

from .checkpoint import CheckpointError
from .options import TrainingOptions
from .trainer import TrainingDiverged, TrainingInterrupted, TrainingResult, train

__all__ = [
    "CheckpointError",
    "TrainingDiverged",
    "TrainingInterrupted",
    "TrainingOptions",
    "TrainingResult",
    "train",
]
