"""A compiled backend: a Nengo network as one XLA function.

TensorFlow is imported when `Simulator` is first asked for.
"""

from .backend import XLA
from .registry import computes, emits, filters, steps

__all__ = ["XLA", "Simulator", "computes", "emits", "filters", "steps"]


def __getattr__(name):
    if name == "Simulator":
        from .simulator import Simulator

        return Simulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
