"""Steps that Python takes part in: compiled stages, and Nengo's own step functions between them."""

import numpy as np

from ..compatibility import import_tensorflow
from .plan import in_order
from .program import emit
from .step import whole_shape

tf = import_tensorflow()


class Stepped:
    """A chunk of steps, one after another, for networks with functions that only Python can run.

    Parameters
    ----------
    setting : nengo_pc.backends.xla.program.Setting
    call : callable
        ``call(op, n, inputs)`` runs an operator in Python, as `Host.run` does.
    """

    def __init__(self, setting, call):
        self.setting = setting
        self._call_python = call
        self.compile_seconds = None
        self._first = tf.function(self._before, jit_compile=True, autograph=False)
        self._stages = [
            _Stage(setting, i, compiled) for i, (compiled, _) in enumerate(setting.plan.stages)
        ]

    def __call__(self, constants, state, held, fed, start, n_steps, rows, keys):
        """Run ``n_steps``; parameters and results as those of `program.Loop`."""
        setting, plan = self.setting, self.setting.plan
        steady = dict(zip(self._steady_bases(), self._first(constants, held)))
        records = [[] if p.keep == "all" else 0 for p in setting.probes]
        carried = dict(zip(plan.carried, state))
        whole = [p for p in setting.probes if p.keep == "all"]
        for i in range(n_steps):
            n = start + i + 1
            values = steady | carried
            now = [v[i] for v in fed]
            number = tf.constant(n)
            for stage, (_, callbacks) in zip(self._stages, plan.stages):
                stage(values, number, keys, held, now)
                for op in callbacks:
                    self._call(op, n, values)
            carried = {s: values[s] for s in plan.carried}
            for k, probe in enumerate(setting.probes):
                value = self._read(probe.signal, n, values)
                value = np.broadcast_to(value, (value.shape[0], probe.batch))
                if probe.keep == "all":
                    row = rows[whole.index(probe)]
                    if row[i + 1] > row[i]:
                        records[k].append(value)
                elif probe.keep == "mean":
                    records[k] = records[k] + value
                else:
                    records[k] = value
        shapes = [(0, p.signal.size, p.batch) for p in setting.probes]
        records = [
            np.array(r).reshape(-1, *shape[1:]) if p.keep == "all" else r
            for p, r, shape in zip(setting.probes, records, shapes)
        ]
        state = [carried[s] for s in plan.carried]
        finite = [not np.isnan(s).any() for s in state]
        last = setting.step(dict(steady))
        return state, records, [last.read_flat(p.signal) for p in setting.steady], finite

    def _steady_bases(self):
        plan = self.setting.plan
        bases = {s.base for op in plan.held for s in op.sets + op.incs}
        bases |= {f.signal.base for f in self.setting.held_feeds} - set(plan.carried)
        return [*plan.constants, *in_order(bases, plan.held)]

    def _before(self, constants, held):
        first = self.setting.at_first(constants, held)
        # A sparse matrix is no tensor; its emitter has it.
        return [first[s] if first[s] is not None else tf.zeros(()) for s in self._steady_bases()]

    def _call(self, op, n, values):
        """Run an operator, with its results in ``values``."""
        clock = self.setting.clock
        inputs = {s: self._read(s, n, values) for s in op.reads if s not in clock}
        for signal, value in self._call_python(op, n, inputs).items():
            self._write(signal, value, signal in op.incs, values)

    def _read(self, signal, n, values):
        """What a signal holds, ``(size, batch or 1)``."""
        setting, base = self.setting, signal.base
        if base in setting.clock:
            return np.array([[n if base is setting.clock[0] else n * setting.dt]])
        flat = np.asarray(values[base]).reshape(base.size, -1)
        view = setting.view(signal)
        return flat[view.start : view.stop] if view.is_range else flat[view.index]

    def _write(self, signal, value, inc, values):
        """Set or add to a signal, ``(size, items)``."""
        setting, base = self.setting, signal.base
        batch = max(value.shape[1], setting.batch_of(base) if base in setting.plan.carried else 1)
        if signal is base and not inc:
            flat = np.broadcast_to(value, (base.size, batch))
        else:
            before = np.asarray(values[base]).reshape(base.size, -1)
            batch = max(batch, before.shape[1])
            flat = np.array(np.broadcast_to(before, (base.size, batch)))
            view = setting.view(signal)
            places = slice(view.start, view.stop) if view.is_range else view.index
            flat[places] = flat[places] + value if inc else value
        values[base] = tf.constant(flat.reshape(whole_shape(base, batch)), setting.dtype)


class _Stage:
    """Operators between two calls of Python, as one XLA function."""

    def __init__(self, setting, number, ops):
        self.setting, self.ops = setting, ops
        self.is_first = number == 0
        feeds = setting.plan.feeds if self.is_first else []
        touched = [op.sets + op.incs + op.reads + op.updates for op in (*ops, *feeds)]
        self._touched = list(dict.fromkeys(s.base for signals in touched for s in signals))
        self._given = self._written = self._concrete = None
        self._function = tf.function(self._run, jit_compile=True, autograph=False)

    def __call__(self, values, n, keys, held, fed):
        """Run, with the results in ``values``."""
        if not self._touched:
            return
        if self._given is None:
            self._given = [base for base in self._touched if base in values]
        arguments = ([values[base] for base in self._given], n, keys, held, fed)
        if self._concrete is None:
            self._concrete = self._function.get_concrete_function(*arguments)
        results = self._concrete(*arguments)
        values.update(zip(self._written, results))

    def _run(self, values, n, keys, held, fed):
        setting = self.setting
        step = setting.step(dict(zip(self._given, values)), n, keys)
        if self.is_first:
            setting.feed(step, held, fed)
        emit(self.ops, step, dict(zip(setting.fed, fed)))
        self._written = list(step.written)
        carried = setting.plan.carried
        return [
            step.final(base, setting.batch_of(base) if base in carried else None)
            for base in self._written
        ]
