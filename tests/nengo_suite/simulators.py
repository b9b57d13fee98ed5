"""The simulators that Nengo's own tests run on."""

import nengo
from nengo.rc import rc

from nengo_pc.backends.xla import Simulator as XLASimulator


class Simulator(XLASimulator):
    """Of Nengo's own precision, float64 by default, since tolerances are for that."""

    def __init__(self, network, *args, dtype=None, optimize=True, **kwargs):
        dtype = dtype or rc.float_dtype.name
        super().__init__(network, *args, dtype=dtype, optimize=optimize, **kwargs)


class Reference(nengo.Simulator):
    """Nengo's own, as if it were another: so that the same tests are chosen."""
