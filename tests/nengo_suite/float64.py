"""The simulator that Nengo's own tests run on."""

from nengo.rc import rc

from nengo_pc.backends.xla import Simulator as XLASimulator


class Simulator(XLASimulator):
    """Of Nengo's own precision, float64 by default, since tolerances are for that."""

    def __init__(self, network, *args, dtype=None, optimize=True, **kwargs):
        dtype = dtype or rc.float_dtype.name
        super().__init__(network, *args, dtype=dtype, optimize=optimize, **kwargs)
