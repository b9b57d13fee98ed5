"""Simulators that swap: one network, many backends.

Numba is imported when "native" is used, TensorFlow when "dl" or "xla" is, nengo-loihi when "loihi"
is.
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
