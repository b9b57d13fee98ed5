"""The predictive-coding network that runs and learns in spikes, and it with an element less.

Constants were chosen on the validation split, see docs/spiking_predictive_coding.md.
"""

from dataclasses import asdict, dataclass

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc.learning import ErrorHebbian, FallingRate, covariance_trace
from nengo_pc.networks import (
    AdaptivePrecision,
    Dense,
    LIFConstants,
    Parameters,
    PredictiveCoding,
    lif_error_neurons,
)
from nengo_pc.networks.parameters import is_positive
from nengo_pc.networks.populations import lif_rate

TAU_RC, TAU_REF = 0.02, 0.001  # s, of value neurons


@dataclass(frozen=True)
class SpikingPC:
    """Settings of the network; the defaults have everything in spikes.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers.
    gain : float
        Currents are ``1 + gain * u`` for predictions u, in whose units layers learn; activities are
        1 at u = 1.
    learning_rate : float
        Of hidden layers, per second. With a minibatch, which learns from the mean of its items,
        times its size: so much for each image.
    output_factor : float
        The output's learning rate over that of hidden layers.
    decay : float
        Of weights, relative to the learning rate.
    consolidation : float
        Time constant in s with which changes reach the weights.
    update_interval : float
        Time in s between changes of the weights, as a clock says; 0: in every step.
    mean_time : float
        Time constant in s of the running means that presynaptic traces are freed of; 0: not.
    trace_lag : float
        Time constant in s of a further low-pass of presynaptic traces, which so wait for errors.
    values : {"spikes", "rates"}
    errors : {"spikes", "graded"}
    target : {"spikes", "graded"}
    clamping : {"target", "given"}
        Whether the target itself holds the output, or a switch from outside.
    encoder : {"lif", "poisson", "constant"}
    feedback : {"kolen-pollack", "transpose", "random"}
    derivative : {"step", "box", "exact", "none"}
    margin : float
        Errors of the output up to which an answer counts as right, see
        `nengo_pc.networks.error_nodes.OutputError`.
    synapse : float
        Time constant in s of all synapses but those of error neurons.
    error_gain : float
        Of error neurons, see `nengo_pc.networks.lif_error_neurons`.
    error_time : float
        Time constant in s of the synapses of error neurons.
    tau_value : float
        Time constant in s with which errors relax.
    precision_time : float
        Time constant in s of the errors' running mean square.
    """

    hidden: tuple = (600,)
    gain: float = 10.0
    learning_rate: float = 0.05
    output_factor: float = 3.0
    decay: float = 0.01
    consolidation: float = 0.1
    update_interval: float = 0.0
    mean_time: float = 2.0
    trace_lag: float = 0.006
    values: str = "spikes"
    errors: str = "spikes"
    target: str = "spikes"
    clamping: str = "target"
    encoder: str = "lif"
    feedback: str = "kolen-pollack"
    derivative: str = "step"
    margin: float = 0.4
    synapse: float = 0.003
    error_gain: float = 10.0
    error_time: float = 0.002
    tau_value: float = 0.001
    precision_time: float = 2.0

    def __post_init__(self):
        choices = {
            "values": ("spikes", "rates"),
            "errors": ("spikes", "graded"),
            "target": ("spikes", "graded"),
            "clamping": ("target", "given"),
        }
        for name, wanted in choices.items():
            if getattr(self, name) not in wanted:
                raise ValidationError(
                    f"must be one of {', '.join(wanted)}, got {getattr(self, name)!r}", name, self
                )
        for name in ("gain", "learning_rate", "output_factor", "synapse"):
            if not is_positive(getattr(self, name)):
                raise ValidationError(
                    f"must be a positive number, got {getattr(self, name)!r}", name, self
                )

    def to_dict(self):
        """As a dict that JSON has."""
        return asdict(self)

    @property
    def neuron(self):
        """Constants of the value neurons: an activity of 1 at a current of ``1 + gain``."""
        rate = lif_rate(1.0 + self.gain, TAU_RC, TAU_REF)
        return LIFConstants(TAU_RC, TAU_REF, 1 / rate)

    def start(self, image_shape, n_classes, seed=0):
        """Initial parameters: He-normal in units of predictions."""
        layers = [*map(Dense, self.hidden), Dense(n_classes)]
        drawn = Parameters.random(image_shape, layers, self.neuron, seed)
        scales = self._scales()
        weights = [scale * w for scale, w in zip(scales, drawn.weights)]
        return Parameters(image_shape, layers, weights, drawn.biases, self.neuron)

    def _scales(self):
        """Current per unit of prediction, by layer of weights; the output has no neurons."""
        return [self.gain] * len(self.hidden) + [1.0]

    def rules(self, minibatch_size=1, duration=None):
        """A learning rule for each layer of weights.

        Parameters
        ----------
        minibatch_size : int
        duration : float, optional
            Simulated time in s in which rates fall to 0; None: they stay.
        """
        if self.mean_time:
            trace = covariance_trace(self.synapse, self.mean_time, self.trace_lag)
        else:
            trace = nengo.LinearFilter([1], np.polymul([self.synapse, 1], [self.trace_lag, 1]))
        rules = []
        for scale in self._scales():
            factor = self.output_factor if scale == 1 else scale
            rate = self.learning_rate * minibatch_size * factor
            if duration is not None:
                rate = FallingRate(rate, duration)
            # In units of predictions all layers decay alike.
            rules.append(
                ErrorHebbian(
                    rate,
                    trace,
                    self.decay / factor,
                    consolidation=self.consolidation,
                    update_interval=self.update_interval,
                )
            )
        return rules

    def build(self, start, seed=0, minibatch_size=1, duration=None):
        """The network.

        Parameters
        ----------
        start : Parameters
        seed : int
        minibatch_size : int
        duration : float, optional
            See `rules`.

        Returns
        -------
        nengo_pc.networks.PredictiveCoding
        """
        return self._network(
            start,
            feedback=self.feedback,
            feedback_weights=self._feedback(start, seed),
            derivative=self.derivative,
            precision=AdaptivePrecision(self.precision_time),
            learning_rule=self.rules(minibatch_size, duration),
            seed=seed,
        )

    def build_without_learning(self, parameters):
        """The network as it runs, its errors divided by what `build` divides them by at first.

        Feedback is transposed, since it teaches nothing.
        """
        return self._network(
            parameters,
            feedback="transpose",
            derivative="step",
            precision=1 / np.sqrt(AdaptivePrecision().initial),
        )

    def _network(self, parameters, **learning):
        rates = self.values == "rates"
        return PredictiveCoding(
            parameters,
            neuron_type=nengo.LIFRate(**vars(self.neuron)) if rates else self.neuron.spiking(),
            error_neuron_type=lif_error_neurons(self.error_gain)
            if self.errors == "spikes"
            else nengo.RectifiedLinear(),
            drive="prediction",
            loss="rectified",
            margin=self.margin,
            tau_value=self.tau_value,
            tau_output=self.tau_value,
            synapse=nengo.Lowpass(self.synapse),
            error_synapse=nengo.Lowpass(self.error_time),
            encoder=self.encoder,
            target_encoder="lif" if self.target == "spikes" else "constant",
            clamping=self.clamping,
            **learning,
        )

    def _feedback(self, start, seed):
        """Initial feedback weights, drawn as the forward weights were."""
        if self.feedback != "kolen-pollack":
            return None
        other = self.start(
            start.input_shape, int(np.prod(start.shapes[-1])), int(seed) + FEEDBACK_SEED
        )
        return other.weights[1:]


FEEDBACKS = ("kolen-pollack", "transpose", "random")  # those that go layer by layer
FEEDBACK_SEED = 1_000_003  # far from the seeds of runs
IN_RATES = {
    "values": "rates",
    "errors": "graded",
    "target": "graded",
    "clamping": "given",
    "encoder": "constant",
    "feedback": "transpose",
    "derivative": "exact",
    "consolidation": 0.0,
}
"""What predictive coding in rates, with exact errors and slopes, changes of `SpikingPC`."""
