"""What both simulators of this package ask of a built model."""

from nengo import Connection
from nengo.builder.operator import Copy, SimPyFunc
from nengo.processes import Process


def origin(model, op):
    """Return the Nengo object that an operator was built for, in words.

    Parameters
    ----------
    model : nengo.builder.Model
    op : nengo.builder.Operator
    """
    if isinstance(op, SimPyFunc):
        for obj in model.params:
            if op.t is None and isinstance(obj, Connection) and obj.function is op.fn:
                return str(obj)
            if op.t is not None and getattr(obj, "output", None) is op.fn:
                return str(obj)
    # Synapses and processes, which many objects share, say least.
    objects = sorted(model.sig.items(), key=lambda item: isinstance(item[0], Process))
    for signals in (op.sets + op.incs + op.updates, op.reads):
        for obj, named in objects:
            if any(signal in signals for signal in named.values() if signal is not None):
                return str(obj)
    return op.tag or "unknown origin"


def learned(operators):
    """Return bases that only ever grow by increments, and what they are incremented by.

    With all else that whoever works out the increment keeps.

    Parameters
    ----------
    operators : sequence of Operator
        Or of anything with its ``sets``, ``incs`` and ``updates``.

    Returns
    -------
    set of nengo.builder.Signal
    """
    set_ = {s.base for op in operators for s in op.sets + op.updates}
    grown = {s.base for op in operators for s in op.incs} - set_
    changes = {
        op.src.base for op in operators if isinstance(op, Copy) and op.inc and op.dst.base in grown
    }
    rules = [op for op in operators if any(s.base in changes for s in op.updates)]
    return grown | {s.base for op in rules for s in op.updates}
