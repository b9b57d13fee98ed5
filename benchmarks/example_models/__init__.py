"""Models of the kinds that the examples of Nengo and of nengo-spa have, for `examples.py`.

Each is a function without arguments that returns a new `nengo.Network` with probes. Functions and
objects in Nodes are made anew with it, so that two simulators never share what a Node remembers.
"""

import importlib.util

from . import basic, dynamics, learning, networks

MODELS = basic.MODELS | dynamics.MODELS | learning.MODELS | networks.MODELS
SKIPPED = ()

if importlib.util.find_spec("nengo_spa"):
    from . import spa

    MODELS |= spa.MODELS
else:
    SKIPPED = ("spa_memory", "spa_binding", "spa_sequence")
