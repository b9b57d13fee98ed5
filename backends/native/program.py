"""From operators to instructions.

An operator type has one function that writes its instructions, registered with `assembles`. An
operator without one, or whose function finds nothing to do for its shapes, is run as Nengo's own
step function: a kernel makes a network faster and is never needed.
"""

import importlib

import numpy as np
from nengo.builder.operator import SimPyFunc

from ..lookup import find, is_own
from . import codes

_operators = {}
# Packages whose operators, neuron types and processes do as they say.
TRUSTED = ("nengo", "nengo_dl", "nengo_pc", "builtins")


def assembles(operator):
    """Register the function that writes an operator type's instructions.

    The decorated function is called as ``f(op, program)``, with the operator and a `Program`, whose
    `Program.emit` it calls. It returns nothing, or raises `Unsupported`.

    Parameters
    ----------
    operator : type or str
        Subclass of `nengo.builder.Operator`, or its name with that of its module. A class can name
        the module that registers it, in a class attribute ``native_module``.
    """

    def register(function):
        _operators[operator] = function
        return function

    return register


class Unsupported(Exception):
    """No kernel does this; Nengo's own step function will."""


class Program:
    """Write instructions for a `Memory`.

    Parameters
    ----------
    model : nengo.builder.Model
    memory : Memory
    random : {"compiled", "reference"}
    trusted : bool
        Whether nothing that Python runs within a step can change what constants hold.
    groups : dict of {nengo.builder.Signal: nengo_pc.backends.native.growing.Group}
        Weights that are brought up to date seldom, and their changes.

    Attributes
    ----------
    drawing : list of Operator
        Operators that draw random numbers, in the order of their keys.
    alive : list
        Arrays that instructions point at.
    flags : list of int
        Addresses to be set to 0 before each run: what is kept from step to step holds for a run.
    """

    def __init__(self, model, memory, random, trusted, groups=()):
        self.model, self.memory, self.random, self.trusted = model, memory, random, trusted
        self.groups = dict(groups)
        self.dt = model.dt
        self._params, self._index, self._n_index = [0.0, 1.0], [], 0
        self._rows = []
        self.drawing, self.alive, self.flags = [], [], []

    def rows_of(self, op):
        """Return the instructions of an operator, or None if Python is to run it.

        Returns
        -------
        list of (`codes.WIDTH`,) list of int, or None
        """
        load(type(op))
        function = find(_operators, type(op), "make_step")
        if function is None:
            return None
        self._rows = []
        try:
            function(op, self)
        except Unsupported:
            return None
        return self._rows

    # What functions that write instructions use

    def emit(self, code, addresses, ints=(), params=()):
        """Add an instruction.

        Parameters
        ----------
        code : int
        addresses : sequence of int
        ints : sequence of int
        params : sequence of float
        """
        row = [0] * codes.WIDTH
        row[0] = code
        if len(params):
            row[codes.PARAMS] = self.params(params)
        row[codes.FIRST_ADDRESS : codes.FIRST_ADDRESS + len(addresses)] = map(int, addresses)
        row[codes.FIRST_INT : codes.FIRST_INT + len(ints)] = map(int, ints)
        self._rows.append(row)

    def params(self, values):
        """Keep constants and return their place."""
        place = len(self._params)
        self._params.extend(float(v) for v in values)
        return place

    def indices(self, values):
        """Keep integers and return their place."""
        place = self._n_index
        values = np.asarray(values)
        if values.size and values.max() >= 2**31:
            raise Unsupported
        self._index.append(values.astype(np.int32).ravel())
        self._n_index += values.size
        return place

    def scratch(self, size):
        """Return the address of ``size`` entries for each item that no signal has."""
        return self.memory.reserve(size)

    def kept_product(self, n_inputs, n_outputs):
        """Return addresses of a flag with the inputs last seen, and of the product kept of them."""
        seen, product = self.scratch(n_inputs + 1), self.scratch(n_outputs)
        self.flags.append(seen)
        return [seen, product]

    def address(self, signal):
        """Return the address of a signal whose entries lie side by side."""
        if signal not in self.memory:
            raise Unsupported
        if signal.base is signal:
            if self.memory.is_by_column(signal) and min(signal.shape) > 1:
                raise Unsupported
            return self.memory.address(signal)
        places = self.memory.places(signal)
        if places.size and not np.array_equal(places, places[0] + np.arange(places.size)):
            raise Unsupported
        return int(places[0]) if places.size else 0

    def gathered(self, signal):
        """Return the address of a signal's entries side by side, copied there if need be."""
        try:
            return self.address(signal)
        except Unsupported:
            if signal not in self.memory:
                raise
        to = self.scratch(signal.size)
        self.copy_places(
            to + np.arange(signal.size), self.memory.places(signal), False, True, self.moves(signal)
        )
        return to

    def matrix(self, signal):
        """Return the address of a matrix and whether it is stored by column."""
        if signal not in self.memory:
            raise Unsupported
        if signal.base is signal and self.memory.is_by_column(signal):
            return self.memory.address(signal), True
        return self.address(signal), False

    def whole(self, signal):
        """Return what `matrix` does, or None where a signal's entries do not lie side by side."""
        try:
            return self.matrix(signal)
        except Unsupported:
            return None

    def moves(self, signal):
        """Return whether a signal has a place for each item."""
        return not self.memory.is_shared(signal.base)

    def copy_places(self, to, source, increment, to_moves, source_moves):
        """Add an instruction that copies entries from places to places."""
        self.emit(
            codes.COPY_PLACES,
            (),
            (
                len(to),
                self.indices(to),
                self.indices(source),
                increment,
                to_moves,
                source_moves,
            ),
        )

    def key_of(self, op):
        """Return the number of the random stream of an operator."""
        self.drawing.append(op)
        return len(self.drawing) - 1

    # What the simulator uses

    def params_array(self):
        """Return all constants, of the buffer's type."""
        return np.array(self._params, self.memory.dtype)

    def index_array(self):
        """Return all integers."""
        return np.concatenate([np.zeros(0, np.int32), *self._index])


def is_trusted(op):
    """Return whether an operator, kernel or not, looks at nothing but its own signals.

    Functions of users, and operators, neuron types and processes of other packages, could hold the
    simulator and change whatever they like.
    """
    if isinstance(op, SimPyFunc):
        from .assemble_functions import has_kernel

        return has_kernel(op.fn)
    parts = [op, getattr(op, "process", None), getattr(op, "neurons", None)]
    if any(is_own(part, method) for part in parts for method in ("step", "make_step")):
        return False
    return all(type(part).__module__.split(".")[0] in TRUSTED for part in parts)


def load(cls):
    """Import the module that a class names as the one with its kernels."""
    for base in cls.__mro__:
        module = vars(base).get("native_module")
        if module is not None:
            importlib.import_module(module)
