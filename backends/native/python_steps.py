"""What Python runs: Nengo's own step functions, on arrays of the buffer."""

import copy
import dis
import math
import types

import numpy as np
from nengo.builder.neurons import SimNeurons
from nengo.builder.operator import SimPyFunc
from nengo.builder.processes import SimProcess
from nengo.exceptions import BuildError, SimulationError
from nengo.utils.functions import function_name

# Numbers that most functions return.
NUMBERS = (float, int, np.float64)
# What a function may look at and be run for every item: nothing can change it.
IMMUTABLE = (
    *(type(None), bool, int, float, complex, str, bytes, range, np.generic, np.dtype),
    *(type, types.ModuleType, types.BuiltinFunctionType, np.ufunc),
)


class PythonSteps:
    """Step functions of the operators that Python runs, for each item of a minibatch.

    Item i draws from what Nengo's simulator would draw from with ``seed + i``, so that a run of
    one item is Nengo's.

    Parameters
    ----------
    operators : sequence of Operator
        Those that Python runs.
    step_order : sequence of Operator
        Of the whole model, since operators share a stream of random numbers.
    items : sequence of Signals
        Of each item.
    dt : float
    seed : int
        Of the first item.
    first_item : int
        Number of the first item.
    describe : callable
        From an operator to the Nengo object that it came from, in words.

    Attributes
    ----------
    steps : list of dict of {Operator: callable}
        For each item.
    streams : list of list of numpy.random.RandomState
        For each item, what its neurons draw from.
    """

    def __init__(self, operators, step_order, items, dt, seed, first_item, describe):
        chosen = set(operators)
        self.steps, self.streams = [], []
        if not chosen:
            self.steps, self.streams = [{} for _ in items], [[] for _ in items]
            return
        for i, signals in enumerate(items):
            rng = np.random.RandomState((seed + i) % 2**32)
            copied = _Copies(first_item + i, describe) if i else None
            steps, streams = {}, []
            for op in step_order:
                if op in chosen:
                    own = copied.of(op) if copied else op
                    steps[op] = _made_step(own, signals, dt, rng)
                    streams += getattr(own, "state_extra", {}).values()
                elif isinstance(op, SimProcess):
                    op.process.get_rng(rng)  # draws a seed, as in Nengo
            self.steps.append(steps)
            self.streams.append(streams)


def _made_step(op, signals, dt, rng):
    """Return an operator's step function: Nengo's own, but for functions of Nodes."""
    if type(op) is not SimPyFunc:
        return op.make_step(signals, dt, rng)
    function = op.fn
    put = _put_into(None if op.output is None else signals[op.output], function)
    t = None if op.t is None else signals[op.t]
    x = None if op.x is None else signals[op.x]
    if t is None:
        return (lambda: put(function())) if x is None else (lambda: put(function(x.copy())))
    if x is None:
        return lambda: put(function(t.item()))
    return lambda: put(function(t.item(), x.copy()))


def _put_into(output, function):
    """Return what sets an output to what a function returned, with Nengo's checks.

    Nengo's own step does the same; this one is faster for numbers.
    """

    def put(value):
        if output is None:
            return
        if type(value) in NUMBERS and math.isfinite(value):
            output[...] = value
            return
        try:
            if value is None or not np.isfinite(value).all():
                raise SimulationError(
                    f"Function '{function_name(function)}' returned non-finite value"
                )
            output[...] = value
        except (TypeError, ValueError) as error:
            raise SimulationError(
                f"Function '{function_name(function)}' returned a value {value!r} of invalid type "
                f"{type(value)!r}"
            ) from error

    return put


class _Copies:
    """Copies of operators for another item than the first, so that no state is shared."""

    def __init__(self, item, describe):
        self.item, self.describe = item, describe
        self._memo = {}

    def of(self, op):
        if isinstance(op, SimPyFunc):
            own = copy.copy(op)
            own.fn = self._function(op.fn, op)
            return own
        if isinstance(op, SimNeurons) and op.state_extra:
            own = copy.copy(op)
            own.state_extra = {
                name: self._stream(stream) for name, stream in op.state_extra.items()
            }
            return own
        return op

    def _stream(self, stream):
        state = stream.get_state()
        seeds = np.random.SeedSequence((int(state[1][0]), int(state[1][1]), self.item))
        return np.random.RandomState(seeds.generate_state(4))

    def _function(self, function, op):
        try:
            return self._copied(function)
        except Exception as error:  # whatever a user's object says of being copied
            raise BuildError(
                f"{self.describe(op)} runs a Python function that the items of a minibatch would "
                f"share, and it cannot be copied for each: {error}. Use minibatch_size=None, or a "
                "callable object that copy.deepcopy copies"
            ) from error

    def _copied(self, function):
        if not isinstance(function, types.FunctionType):
            if isinstance(function, IMMUTABLE):
                return function
            return copy.deepcopy(function, self._memo)
        _check_globals(function)
        if function.__closure__ is None and not function.__defaults__:
            return function
        cells = tuple(
            types.CellType(self._value(cell.cell_contents)) for cell in function.__closure__ or ()
        )
        made = types.FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            tuple(map(self._value, function.__defaults__ or ())) or None,
            cells or None,
        )
        made.__kwdefaults__ = function.__kwdefaults__
        return made

    def _value(self, value):
        if isinstance(value, types.FunctionType):
            return self._copied(value)
        return copy.deepcopy(value, self._memo)


def _check_globals(function):
    """Raise a ValueError if a function reads something global that can change, or sets one."""
    for name in sorted(_set_globals(function.__code__)):
        raise ValueError(f"it sets the global {name!r}")
    for name in sorted(_global_names(function.__code__)):
        if name not in function.__globals__:
            continue  # a builtin, or an attribute
        value = function.__globals__[name]
        if isinstance(value, np.ndarray) and not value.flags.writeable:
            continue
        if isinstance(value, types.FunctionType):
            if value is not function:
                _check_globals(value)
        elif not isinstance(value, IMMUTABLE):
            raise ValueError(f"it reads the global {name!r}, a {type(value).__name__}")


def _set_globals(code):
    setting = ("STORE_GLOBAL", "DELETE_GLOBAL")
    names = {i.argval for i in dis.get_instructions(code) if i.opname in setting}
    return names.union(*map(_set_globals, _codes_within(code)))


def _codes_within(code):
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def _global_names(code):
    return set(code.co_names).union(*map(_global_names, _codes_within(code)))
