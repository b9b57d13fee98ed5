"""Who compiles what: emitters by operator, neuron type, process and Node function.

Nothing here imports TensorFlow. The package's own emitters are in the modules ``emit_*.py``, which
are imported when a simulator is built. A package with an operator, neuron type, process or function
of its own registers an emitter with the decorators below. So that nobody has to import TensorFlow
for that, the class can instead name the module that registers it, in a class attribute::

    class SimMine(nengo.builder.Operator):
        xla_module = "my_package.xla"  # imported when a network with this operator is compiled
"""

import contextlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass

from ..lookup import find

# Imported once a simulator is built; each registers what its name says.
OWN_MODULES = ("operators", "products", "convolutions", "neurons", "processes", "learning_rules")


@dataclass(frozen=True)
class Emitter:
    """How one operator type is compiled.

    Attributes
    ----------
    emit : callable
        ``emit(op, step)``, with `nengo_pc.backends.xla.step.Step`.
    overwrites : callable
        From an operator to the signals that it sets without reading what they held before. State
        of the loop is what is not among them.
    derives : callable
        From an operator and dt to ``{signal: (function, reads)}``: see `emits`.
    pure : bool
        Whether what it sets and increments depends on nothing but what it reads.
    """

    emit: Callable
    overwrites: Callable
    derives: Callable
    pure: bool


_operators, _neurons, _processes, _functions = {}, {}, {}, {}


def emits(operator, overwrites=lambda op: (), derives=lambda op, dt: {}, pure=True):
    """Register the emitter of an operator type.

    The decorated function is called as ``emit(op, step)`` while the time loop is compiled, once
    per operator, in the order of Nengo's dependency graph. It reads tensors with
    ``step.read(signal)`` and leaves new ones with ``step.set``, ``step.inc`` and ``step.update``,
    for what the operator declares in ``reads``, ``sets``, ``incs`` and ``updates``. Tensors have
    the signal's shape and one axis more, the last: the minibatch, or 1 where all items are alike.

    Parameters
    ----------
    operator : type
        Subclass of `nengo.builder.Operator`.
    overwrites : callable
        ``overwrites(op)`` are the signals among ``op.sets`` that are set whole, without regard to
        what they held. All others are carried from step to step, which is never wrong.
    derives : callable
        ``derives(op, dt)`` is a dict ``{signal: (function, reads)}`` of signals among
        ``op.updates`` that need not be carried: in the next step they are worked out as
        ``function(step, *values)``, from what the signals ``reads`` hold at the end of this one.
        A learning rule's change of weights, for example, takes a product of two vectors to store.
    pure : bool
        False if what is set depends on more than what is read: random numbers, say. Operators that
        are pure and read nothing but what stays the same for the whole run are run once.

    Examples
    --------
    >>> from nengo_pc.backends.xla import emits
    >>> class Twice:  # a nengo.builder.Operator, with `source` read and `target` set
    ...     pass
    >>> @emits(Twice, overwrites=lambda op: [op.target])
    ... def emit_twice(op, step):
    ...     step.set(op.target, 2 * step.read(op.source))
    """
    return _registering(_operators, operator, lambda f: Emitter(f, overwrites, derives, pure))


def steps(neuron_type):
    """Register how a neuron type takes a step.

    The decorated function is called as ``f(neurons, J, state, step)``, with currents
    ``(n_neurons, batch)`` and the state as a dict of such tensors by name, and returns the output
    and a dict of the new state. Subclasses that do not override ``step`` are compiled alike.

    Parameters
    ----------
    neuron_type : type or str
        Subclass of `nengo.neurons.NeuronType`, or its name with that of its module, if the module
        is not to be imported.
    """
    return _registering(_neurons, neuron_type)


def filters(process):
    """Register how a process with an input, such as a synapse, takes a step.

    The decorated function is called as ``f(process, x, state, step)`` and returns the output and a
    dict of the new state. An attribute ``f.derive``, if there is one, is called as
    ``derive(process, shape, dt)`` and gives ``(function, names)`` where the output is a function of
    the new states of these names, else None: see ``derives`` of `emits`. Subclasses that do not
    override ``make_step`` are compiled alike.

    Parameters
    ----------
    process : type
        Subclass of `nengo.Process`.
    """
    return _registering(_processes, process)


def computes(function, when=lambda function: True):
    """Register the compiled form of a function of Nodes or of connections from Nodes.

    The decorated function is called as ``f(function, t, x)`` with the function itself, the time
    in s (None for connections) and the input ``(size_in, batch)`` (None without), and returns
    ``(size_out, batch)``.

    Parameters
    ----------
    function : callable or type
        A function, or a class whose instances are used as functions.
    when : callable
        Which of its instances have this compiled form.
    """
    return _registering(_functions, function, lambda f: (f, when))


def _registering(registry, key, made=lambda f: f):
    def register(f):
        registry[key] = made(f)
        return f

    return register


def load_own():
    """Import the package's own emitters, and with them TensorFlow."""
    for name in OWN_MODULES:
        importlib.import_module(f"{__package__}.emit_{name}")


def emitter_of(op):
    """Return the `Emitter` of an operator, or None."""
    return _find(_operators, type(op), "make_step")


def step_of(neurons):
    """Return how a neuron type takes a step, or None."""
    return _find(_neurons, type(neurons), "step")


def filter_of(process):
    """Return how a process takes a step, or None."""
    return _find(_processes, type(process), "make_step")


def function_of(function):
    """Return the compiled form of a function, or None."""
    _load(type(function))
    found = _find(_functions, type(function), "__call__")
    with contextlib.suppress(TypeError):  # not hashable
        found = _functions.get(function, found)
    compiled, when = found or (None, None)
    return compiled if compiled is not None and when(function) else None


def _find(registry, cls, method):
    """Return what is registered for the class that defines how ``cls`` behaves."""
    _load(cls)
    return find(registry, cls, method)


def _load(cls):
    """Import the modules that a class names for what is registered for it."""
    for base in cls.__mro__:
        module = vars(base).get("xla_module")
        if module is not None:
            importlib.import_module(module)
