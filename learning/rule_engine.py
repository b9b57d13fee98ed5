"""Trains a classifier by one of the learning rules, one compiled function per update."""

import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.networks import Convolution

from .chain import Batch, Chain
from .optimizers import make_optimizer, make_schedule
from .rules import RULES, updates_per_batch

tf = import_tensorflow()


class RuleEngine:
    """The engine of every method but ``nengodl``.

    Parameters
    ----------
    parameters : Parameters
        Where training starts.
    options : TrainingOptions
    n_updates : int
        Minibatches of the whole run, for the learning-rate schedule.

    Raises
    ------
    nengo.exceptions.ValidationError
        If ``options.precision`` does not have one entry per layer of weights.
    """

    def __init__(self, parameters, options, n_updates):
        self.options = options
        self.chain = Chain(parameters, options)
        if len(self.chain.precision) != self.chain.n_layers:
            raise ValidationError(
                f"must have one entry per layer of weights ({self.chain.n_layers}), got "
                f"{len(self.chain.precision)}",
                "precision",
                options,
            )
        self.rule = RULES[options.method]
        n_steps = n_updates * updates_per_batch(options)
        self.schedule = make_schedule(options, n_steps)
        self.optimizer = make_optimizer(options, n_steps)
        self.optimizer.build(self.chain.trained)
        self.count = tf.Variable(0, dtype=tf.int32)  # of minibatches, the seed of what is random
        self.trouble = None
        # XLA more than doubles the time of convolutions on a CPU.
        dense = not any(isinstance(layer, Convolution) for layer in parameters.layers)
        self._update = tf.function(self._update, jit_compile=dense)
        self._gradients = tf.function(self._gradients, jit_compile=dense)
        self._forward = tf.function(self.chain.infer, jit_compile=dense)

    def _batch(self, images, labels):
        """The minibatch with dropout and noise drawn."""
        options, dtype = self.options, self.chain.dtype
        seed = self.count.assign_add(1)
        shape = self.chain.parameters.shapes[0]
        image = tf.reshape(tf.cast(images, dtype), (-1, *shape))
        n_outputs = self.chain.shapes[-1][0]
        target = tf.one_hot(labels, n_outputs, dtype=dtype)
        target = (1 - options.label_smoothing) * target + options.label_smoothing / n_outputs
        mask = self._mask(tf.shape(image), options.input_dropout, seed, 0)
        image = image if mask is None else image * mask
        scales, offsets = [], []
        noise = options.noise * self.chain.parameters.neuron.amplitude
        for index, shape in enumerate(self.chain.shapes[:-1]):
            size = (tf.shape(image)[0], *shape)
            scales.append(self._mask(size, options.dropout, seed, 2 * index + 1))
            normal = None
            if noise > 0:
                stream = self._stream(seed, 2 * index + 2)
                normal = noise * tf.random.stateless_normal(size, stream, dtype=dtype)
            offsets.append(normal)
        return Batch(image, target, scales, offsets)

    def _stream(self, seed, i):
        # Seeds of layers and runs must not meet.
        return tf.stack([tf.constant(1000 * self.options.seed + i, tf.int32), seed])

    def _mask(self, shape, rate, seed, i):
        """Dropout (Srivastava et al. 2014): 0 or ``1 / (1 - rate)``."""
        if rate == 0:
            return None
        uniform = tf.random.stateless_uniform(shape, self._stream(seed, i), dtype=tf.float32)
        return tf.cast(uniform >= rate, self.chain.dtype) / (1 - rate)

    def _learn(self, gradients):
        """One step of the optimizer, and Kolen-Pollack's decay."""
        # Not compiled by XLA, variables change in place: only once all that reads them is done.
        with tf.control_dependencies(gradients):
            if self.options.feedback == "kolen-pollack":
                rate = self.schedule(self.optimizer.iterations)
                keep = 1 - tf.cast(rate, self.chain.dtype) * self.options.feedback_decay
                mirrored = [layer.weights for layer in self.chain.layers[1:]]
                for variable in (*mirrored, *self.chain.feedback):
                    variable.assign(keep * variable)
            gradients = [tf.identity(gradient) for gradient in gradients]
            self.optimizer.apply_gradients(zip(gradients, self.chain.trained))

    def _update(self, images, labels):
        batch = self._batch(images, labels)
        output, trouble = self.rule(self.chain, batch, self.options, self._learn)
        loss = tf.reduce_mean(self.chain.losses(output, batch.target))
        answers = tf.argmax(output, axis=1, output_type=labels.dtype)
        correct = tf.reduce_sum(tf.cast(answers == labels, tf.int32))
        return loss, correct, trouble

    def _gradients(self, images, labels):
        taken = []
        batch = self._batch(images, labels)
        self.rule(self.chain, batch, self.options, taken.append)
        return taken[0]

    def update(self, images, labels):
        """One update of all parameters from one minibatch.

        Parameters
        ----------
        images : (batch_size, ...) float32 ndarray
        labels : (batch_size,) int ndarray

        Returns
        -------
        loss, correct
            Scalars (tensors), from before the update. ``trouble`` is then None, or a sentence
            that names layer and step of the first error that was not finite.
        """
        loss, correct, trouble = self._update(tf.constant(images), tf.constant(labels, tf.int32))
        step, layer = trouble.numpy()
        self.trouble = None
        if step >= 0:
            self.trouble = (
                f"with rule {self.options.method}, the error of layer {layer} was no longer finite "
                f"at step {step}"
            )
        return loss, correct

    def gradients(self, images, labels):
        """What the rule gives for a minibatch, without learning: one array per trained variable.

        Not for ``ipc``, which has one set per step.
        """
        given = self._gradients(tf.constant(images), tf.constant(labels, tf.int32))
        return [gradient.numpy() for gradient in given]

    def predict(self, images):
        """Outputs of the rate network, shape ``(n_images, n_classes)``, dropout and noise off."""
        size, shape = self.options.batch_size, self.chain.parameters.shapes[0]
        outputs = []
        for start in range(0, len(images), size):
            batch = np.reshape(images[start : start + size], (-1, *shape))
            padding = [(0, size - len(batch))] + [(0, 0)] * (batch.ndim - 1)
            padded = tf.constant(np.pad(batch, padding), self.chain.dtype)
            outputs.append(self._forward(padded).numpy()[: len(batch)])
        return np.concatenate(outputs)

    def parameters(self):
        """The parameters as they are now, batch norm fused."""
        return self.chain.extract()

    def _variables(self):
        return [*self.chain.variables, self.count, *self.optimizer.variables]

    def state(self):
        """All that an update depends on: a list of arrays."""
        return [variable.numpy() for variable in self._variables()]

    def set_state(self, state):
        """Go on from a `state`.

        Raises
        ------
        nengo.exceptions.ValidationError
            If the arrays do not fit this network and optimizer.
        """
        variables = self._variables()
        if [v.shape.as_list() for v in variables] != [list(a.shape) for a in state]:
            raise ValidationError("of another network or optimizer", "state", self)
        for variable, value in zip(variables, state):
            variable.assign(value)

    def close(self):
        """Nothing to free."""
