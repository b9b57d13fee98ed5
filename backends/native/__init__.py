"""The simulator for every Nengo network: Nengo's own, over one buffer, with compiled kernels.

Numba is imported when `Simulator` is first asked for.
"""

__all__ = ["Native", "Simulator"]


def __getattr__(name):
    if name == "Simulator":
        from .simulator import Simulator

        return Simulator
    if name == "Native":
        from .backend import Native

        return Native
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
