"""Backprop through the SoftLIF network, by NengoDL."""

import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc.backends.base import quiet_build
from nengo_pc.networks import Convolution

from .optimizers import make_optimizer
from .training_network import TrainingClassifier, nengo_dl, tf


class NengoDLEngine:
    """Trains a classifier by NengoDL, one compiled function per update.

    NengoDL turns the Nengo network into a Keras model; the update around it (loss, gradient,
    optimizer) is compiled with it, which takes half the time of ``nengo_dl.Simulator.fit``
    (``benchmarks/training.py``).

    Parameters
    ----------
    parameters : Parameters
        Where training starts.
    options : TrainingOptions
    n_updates : int
        Updates of the whole run, for the learning-rate schedule.
    """

    trouble = None  # a NengoDL model has no steps and no errors of layers to name

    def __init__(self, parameters, options, n_updates):
        self.options = options
        self.network = TrainingClassifier(parameters, options, seed=options.seed)
        with quiet_build():
            self.simulator = nengo_dl.Simulator(
                self.network,
                minibatch_size=options.batch_size,
                seed=options.seed,
                progress_bar=False,
            )
        self.model = self.simulator.keras_model
        self.optimizer = make_optimizer(options, n_updates)
        self.optimizer.build(self.model.trainable_variables)
        self._one_step = tf.ones((options.batch_size, 1), tf.int32)
        # XLA halves the time of dense layers on a CPU and more than doubles that of convolutions.
        dense = not any(isinstance(layer, Convolution) for layer in parameters.layers)
        self._update = tf.function(self._update, jit_compile=dense)
        self._forward = tf.function(self._forward, jit_compile=dense)

    def _run(self, images, training):
        flat = tf.reshape(images, (self.options.batch_size, 1, -1))
        output, *rates, _ = self.model([flat, self._one_step], training=training)
        return output[:, 0], [r[:, 0] for r in rates]

    def _forward(self, images):
        return self._run(images, training=False)[0]

    def _loss(self, images, labels):
        output, activities = self._run(images, training=True)
        n_classes = output.shape[-1]
        targets = tf.one_hot(labels, n_classes, dtype=output.dtype)
        smoothing = self.options.label_smoothing
        targets = (1 - smoothing) * targets + smoothing / n_classes
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, output))
        for activity in activities:
            rate = tf.reduce_mean(activity, axis=0) / self.network.parameters.neuron.amplitude
            excess = tf.nn.relu(rate / self.options.target_rate - 1)
            loss += self.options.rate_weight * tf.reduce_mean(excess**2)
        return loss, output

    def _update(self, images, labels):
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            loss, output = self._loss(images, labels)
        gradients = tape.gradient(loss, variables)
        # Not compiled by XLA, variables change in place: only once all that reads them is done.
        with tf.control_dependencies(gradients):
            gradients = [tf.identity(gradient) for gradient in gradients]
            self.optimizer.apply_gradients(zip(gradients, variables))
        predictions = tf.argmax(output, axis=1, output_type=labels.dtype)
        return loss, tf.reduce_sum(tf.cast(predictions == labels, tf.int32))

    def update(self, images, labels):
        """One update of all parameters from one minibatch.

        Parameters
        ----------
        images : (batch_size, ...) float32 ndarray
        labels : (batch_size,) int ndarray

        Returns
        -------
        loss, correct
            Scalars (tensors), from before the update.
        """
        return self._update(tf.constant(images), tf.constant(labels, tf.int32))

    def predict(self, images):
        """Outputs of the rate network, shape ``(n_images, n_classes)``, dropout and noise off."""
        size = self.options.batch_size
        outputs = []
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            padding = [(0, size - len(batch))] + [(0, 0)] * (batch.ndim - 1)
            padded = np.pad(batch, padding) if len(batch) < size else batch
            outputs.append(self._forward(tf.constant(padded)).numpy()[: len(batch)])
        return np.concatenate(outputs)

    def parameters(self):
        """The parameters as they are now, batch norm fused."""
        return self.network.extract(self.simulator)

    def _variables(self):
        return [*self.model.weights, *self.optimizer.variables]

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
        """Free the simulator."""
        self.simulator.close()
