"""NengoDL's builder of the error-modulated Hebbian rule; importing it registers it."""

import numpy as np

from nengo_pc.backends.compatibility import import_nengo_dl, import_tensorflow

from .error_hebbian import SimErrorHebbian

tf = import_tensorflow()
nengo_dl = import_nengo_dl()


@nengo_dl.builder.Builder.register(SimErrorHebbian)
class SimErrorHebbianBuilder(nengo_dl.builder.OpBuilder):
    """Build a group of `SimErrorHebbian` operators.

    NengoDL gives learned weights a minibatch axis, so each item of a minibatch has its own.
    """

    def build_pre(self, signals, config):
        """Gather the operators' signals and constants."""
        super().build_pre(signals, config)
        n_rows, n_columns = self.ops[0].weights.shape
        n_ops = len(self.ops)

        def combined(name, *shape):
            return signals.combine([getattr(op, name) for op in self.ops]).reshape((n_ops, *shape))

        self.error = combined("error", n_rows, 1)
        self.activities = combined("activities", 1, n_columns)
        self.weights = combined("weights", n_rows, n_columns)
        self.delta = signals.combine([op.delta for op in self.ops])
        self.rate = combined("rate", 1, 1)
        decay = np.reshape([op.decay for op in self.ops], (-1, 1, 1))
        self.decay = tf.constant(decay, dtype=signals.dtype) if decay.any() else None
        self.dt = signals.dt_val
        self.kept = float(self.ops[0].kept(self.dt))
        self.every = self.ops[0].every
        if self.every > 1:
            self.gathered = signals.combine([op.gathered for op in self.ops])
            self.n = signals[self.ops[0].step].reshape(())

    def build_step(self, signals):
        """One step: the change of the weights of each operator and each item."""
        s = signals.gather(self.activities)
        if self.ops[0].on_off:
            on, off = tf.split(s, 2, axis=-1)
            s = tf.concat([on - off, off - on], axis=-1)
        step_size = (1 - self.kept) * signals.gather(self.rate) * self.dt
        delta = step_size * signals.gather(self.error) * s
        if self.decay is not None:
            delta -= step_size * self.decay * signals.gather(self.weights)
        if self.kept:
            before = signals.gather(self.delta)
            delta += self.kept * tf.reshape(before, tf.shape(delta))
        if self.every > 1:
            n = signals.gather(self.n)
            before = tf.reshape(signals.gather(self.gathered), tf.shape(delta))
            gathered = delta + tf.where((n - 1) % self.every == 0, tf.zeros_like(before), before)
            signals.scatter(self.gathered, gathered)
            delta = tf.where(n % self.every == 0, gathered, tf.zeros_like(gathered))
        signals.scatter(self.delta, delta)

    @staticmethod
    def mergeable(x, y):
        """Whether two operators can be one: weights of one shape, pairs and traces alike."""
        same = (x.on_off, x.consolidation, x.every) == (y.on_off, y.consolidation, y.every)
        return same and x.weights.shape == y.weights.shape
