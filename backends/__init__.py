"""Simulators that swap: one network, many backends.

TensorFlow is imported when "dl" or "xla" is used, nengo-loihi when "loihi" is used.
"""

from .errors import BackendUnavailable
from .present import Presentation, check_images, present
from .registry import BACKENDS, Simulator
from .stepper import Stepper

__all__ = [
    "BACKENDS",
    "BackendUnavailable",
    "Presentation",
    "Simulator",
    "Stepper",
    "check_images",
    "present",
]
