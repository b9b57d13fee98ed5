"""The simulator that Nengo's own tests run on, whose tolerances are for float64."""

from nengo_pc.backends.xla import Simulator as XLASimulator


class Simulator(XLASimulator):
    """Float64 unless asked otherwise."""

    def __init__(self, network, *args, dtype="float64", **kwargs):
        super().__init__(network, *args, dtype=dtype, **kwargs)
