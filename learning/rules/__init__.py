"""Learning rules: one function each from parameters and a minibatch to updates.

All have the signature ``rule(chain, batch, options, learn)``.
"""

from .backprop import backprop
from .fixed_prediction import fixed_prediction
from .incremental import STEPS as INCREMENTAL_STEPS
from .incremental import ipc
from .inference_learning import il
from .z_il import zil

RULES = {
    "backprop": backprop,
    "zil": zil,
    "fixed-prediction": fixed_prediction,
    "il": il,
    "ipc": ipc,
}

__all__ = [
    "RULES",
    "backprop",
    "fixed_prediction",
    "il",
    "ipc",
    "updates_per_batch",
    "zil",
]


def updates_per_batch(options):
    """How often a rule's optimizer steps for one minibatch."""
    if options.method == "ipc":
        return options.inference_steps or INCREMENTAL_STEPS
    return 1
