"""What the arguments of `PredictiveCoding` must be, and what they stand for."""

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from .encoders import ENCODERS
from .feedback import FEEDBACKS, feedback_weights
from .gates import Gate
from .layers import Dense
from .parameters import is_positive

KEPT_FOR_BIASES = ("learning_rate", "consolidation", "update_interval")
TARGET_ENCODERS = ("constant", "lif")
CHOICES = {
    "clamping": ("given", "target"),
    "drive": ("value", "prediction"),
    "dynamics": ("error", "value"),
    "encoder": ENCODERS,
    "feedback": FEEDBACKS,
    "target_encoder": TARGET_ENCODERS,
}


def check_choice(name, value):
    """Raise an error unless ``value`` is one of ``CHOICES[name]``."""
    if value not in CHOICES[name]:
        raise ValidationError(f"must be one of {', '.join(CHOICES[name])}, got {value!r}", name)


def check_dense(parameters):
    """Raise an error unless all layers are dense."""
    for i, layer in enumerate(parameters.layers):
        if not isinstance(layer, Dense):
            raise ValidationError(
                f"all layers must be dense, but layer {i + 1} is {layer}", "parameters"
            )


def neurons_of(parameters, neuron_type):
    """The value populations' neuron type: by default LIF rate neurons of the parameters."""
    if neuron_type is None:
        return nengo.LIFRate(**vars(parameters.neuron))
    if not isinstance(neuron_type, nengo.neurons.NeuronType):
        raise ValidationError(f"must be a Nengo neuron type, got {neuron_type!r}", "neuron_type")
    return neuron_type


def gate_of(neuron_type, derivative, box_width):
    """The function that multiplies feedback."""
    if not callable(derivative):
        return Gate(neuron_type, derivative, box_width)
    shape = np.shape(derivative(np.array([0.0, 1.0, 2.0])))
    if shape != (3,):
        raise ValidationError(
            f"must give one number for each current; of 3 currents it gave shape {shape}",
            "derivative",
        )
    return derivative


def time_constant(name, tau):
    """A time constant in s, as a float."""
    if not is_positive(tau):
        raise ValidationError(f"must be a positive time constant in s, got {tau!r}", name)
    return float(tau)


def synapse_of(synapse, name="synapse"):
    """A synapse; a number is the time constant of an alpha synapse."""
    if synapse is None or isinstance(synapse, nengo.synapses.Synapse):
        return synapse
    if not is_positive(synapse):
        raise ValidationError(
            f"must be None, a synapse, or a positive time constant in s, got {synapse!r}", name
        )
    return nengo.Alpha(float(synapse))


def feedback_arrays(parameters, feedback, given, seed):
    """The feedback weights of each hidden layer, in the layout of forward weights."""
    drawn = feedback_weights(parameters, feedback, seed=0 if seed is None else seed)
    if given is None:
        return drawn
    given = [np.asarray(weights, dtype=float) for weights in given]
    shapes, wanted = [w.shape for w in given], [w.shape for w in drawn]
    if shapes != wanted:
        raise ValidationError(f"must have shapes {wanted}, got {shapes}", "feedback_weights")
    if not all(np.all(np.isfinite(weights)) for weights in given):
        raise ValidationError("hold NaN or infinity", "feedback_weights")
    return given


def rules_of(rule, n_layers):
    """One learning rule for each layer of weights; of Nones, if nothing learns.

    Raises
    ------
    nengo.exceptions.ValidationError
        Unless they are None, or can do what `ErrorHebbian` does.
    """
    rules = list(rule) if isinstance(rule, (list, tuple)) else [rule] * n_layers
    if len(rules) != n_layers:
        raise ValidationError(
            f"must be one, or one for each of {n_layers} layers of weights, got {len(rules)}",
            "learning_rule",
        )
    if all(r is None for r in rules):
        return rules
    wanted = ("learning_rate", "pre_synapse", "decay", "mirror")
    for r in rules:
        if not isinstance(r, nengo.learning_rules.LearningRuleType) or not all(
            hasattr(r, name) for name in wanted
        ):
            raise ValidationError(
                "must be a learning rule such as nengo_pc.learning.ErrorHebbian, whose error is "
                f"value minus prediction and which has {', '.join(wanted)}; got {r!r}",
                "learning_rule",
            )
    return rules


def rule_of_biases(rule):
    """The rule for biases, which do not decay, from a constant that needs no trace.

    A trace that is freed of its mean would leave nothing of it.
    """
    if rule is None:
        return None
    same = {name: getattr(rule, name) for name in KEPT_FOR_BIASES if hasattr(rule, name)}
    return type(rule)(pre_synapse=None, **same)
