"""What a simulator hands to another process, and takes back."""

import re

import numpy as np
from nengo.builder.processes import SimProcess
from nengo.exceptions import ValidationError


class Stateful:
    """Save and restore what the next step of a `Simulator` depends on."""

    def _named(self):
        """Return all arrays by a name that is the same in another process, and what they start as.

        Returns
        -------
        dict of {str: (ndarray, ndarray, bool)}
            The array, its initial value, and whether steps change it.
        """
        found, memory = {}, self._memory
        for base in dict.fromkeys(s.base for op in self._step_order for s in op.all_signals):
            if base in self._clock:
                continue
            # Names can hold the address of an object, which is another in another process.
            name = f"{len(found)} {re.sub('(0x|at 0x)[0-9a-f]+', '', base.name)}".strip()
            if base in memory.sparse:
                found[name] = self.signals[base].data, memory.sparse[base][1].data, False
            elif not base.sparse:
                changes = base in memory.written
                found[name] = self.signals[base], base.initial_value, changes
        return found

    @property
    def _streams(self):
        """Return the random streams of neurons that Python runs, of all items."""
        return [stream for streams in self._python.streams for stream in streams]

    def get_state(self):
        """Return all that the next step depends on, to go on from in another process.

        Returns
        -------
        dict of {str: ndarray}
            In a minibatch, the first axis of what items do not share is that of the items.
            Constants are there if somebody changed them. What Node functions and operators of one's
            own remember is left out.
        """
        state = {
            name: np.array(array)
            for name, (array, start, changes) in self._named().items()
            if changes or not np.array_equal(array, np.broadcast_to(start, array.shape))
        }
        for i, stream in enumerate(self._streams):
            _, words, place, has_gauss, gauss = stream.get_state()
            state[f"stream {i}"] = np.array([*words, place, has_gauss, gauss], np.float64)
        return {"step": np.array(self.n_steps), **state}

    def set_state(self, state):
        """Go on from what `get_state` gave, for the same network.

        Processes without input, such as noise, go on where they were.

        Raises
        ------
        nengo.exceptions.ValidationError
            If it is of another network.
        """
        named = self._named()
        wanted = {name: array.shape for name, (array, _, _) in named.items()}
        optional = {name for name, (_, _, changes) in named.items() if not changes}
        others = {"step": ()} | {f"stream {i}": (627,) for i in range(len(self._streams))}
        for key in [*wanted, *others, *state]:
            shape = (wanted | others).get(key)
            if np.shape(state.get(key)) != shape if key in state else key not in optional:
                given = np.shape(state[key]) if key in state else None
                raise ValidationError(
                    f"{key} must have shape {shape}, got {given}: is it the same network?", "state"
                )
        # Noise goes through its steps again, from its first state, before any state is put.
        _put({name: (array, start) for name, (array, start, _) in named.items()})
        self._make_steps()
        self._skip(int(state["step"]))
        _put({name: (array, state.get(name, start)) for name, (array, start, _) in named.items()})
        for i, stream in enumerate(self._streams):
            *words, place, has_gauss, gauss = state[f"stream {i}"]
            stream.set_state(
                ("MT19937", np.array(words, np.uint32), int(place), int(has_gauss), gauss)
            )

    def _skip(self, n_steps):
        """Set the clock, with processes that need no input at that step."""
        processes = [
            op
            for op in self._step_order
            if self._rows[op] is None and isinstance(op, SimProcess) and op.input is None
        ]
        for n in range(n_steps if processes else 0):
            self._set_clock(n + 1)
            for steps in self._python.steps:
                for op in processes:
                    steps[op]()
        self._set_clock(n_steps)
        self._n_steps, self._time = n_steps, n_steps * self.dt

    def __getstate__(self):
        names = ("dt", "seed", "progress_bar", "optimize", "minibatch_size", "dtype")
        names += ("minibatch_learning", "random")
        return {
            "arguments": {name: getattr(self, name) for name in names},
            "model": self.model,
            "keep": self._keep,
            "first_item": self._first_item,
            "state": None if self.closed else self.get_state(),
            "recorded": self.data.recorded,
            "n_steps": self.n_steps,
        }

    def __setstate__(self, state):
        self.__init__(None, model=state["model"], keep=state["keep"], **state["arguments"])
        self._first_item = state["first_item"]
        self.data.recorded = state["recorded"]
        if state["state"] is None:
            self._n_steps, self._time = state["n_steps"], state["n_steps"] * self.dt
            self.close()
        else:
            self.set_state(state["state"])


def _put(values):
    """Set arrays, read-only ones too: ``{name: (array, value)}``."""
    for array, value in values.values():
        locked = not array.flags.writeable
        if locked:
            array.setflags(write=True)
        array[...] = value
        if locked:
            array.setflags(write=False)
