"""The settings of cells by study: the full one, and the quick one on the embedded digits."""

from dataclasses import dataclass, fields

from nengo_pc.experiments.spiking_pc_network import SpikingPC
from nengo_pc.learning import TrainingOptions
from nengo_pc.learning.online import Stream
from nengo_pc.learning.rule_options import RELAXING
from nengo_pc.networks.classifier import SYNAPSE

from .cells import NO_OPTIMIZER, ONLINE, Cell

# Start of the learning rate, by optimizer and batch norm: SGD's (Nesterov momentum 0.9) by
# accuracy on validation images (docs/comparison.md); the others take Adam's.
LEARNING_RATES = {("sgd", True): 0.1, ("sgd", False): 0.03}
LEARNING_RATE = 3e-3
# Steps of the values, in time constants, without batch norm: at the usual 0.1 and 0.2 they
# overshoot where SoftLIF is steep (docs/results.md).
INFERENCE_RATES = {"il": 0.02, "ipc": 0.05}
AXES = ("method", "feedback", "derivative", "optimizer", "batch_norm", "activation", "seed")


@dataclass(frozen=True)
class Study:
    """What all cells share.

    Parameters
    ----------
    dataset : str
    n_train, n_test : int
        Training images, and test images that are scored.
    hidden, online_hidden : tuple of int
        Units of the hidden layers, off line and on line.
    epochs, batch_size : int
        Off line.
    dropout, input_dropout : float
        Off line.
    passes : float
        On line: how often each training image is shown.
    minibatch : int
        On line: images side by side.
    encoder : str
        Of pixels, for networks trained off line. Those that learn on line keep their own.
    presentation_time, online_time, dt : float
        Of the scoring, in s; ``online_time`` for what was learned on line.
    """

    dataset: str
    n_train: int
    n_test: int
    hidden: tuple = (300, 300)
    online_hidden: tuple = (600,)
    epochs: int = 40
    batch_size: int = 250
    dropout: float = 0.2
    input_dropout: float = 0.2
    passes: float = 3.0
    minibatch: int = 20
    encoder: str = "constant"
    presentation_time: float = 0.2
    online_time: float = 0.06
    dt: float = 0.001

    def cell(self, method, feedback, derivative, optimizer, batch_norm, activation, seed, backends):
        """The cell of a combination; feedback and derivative None: those of the method.

        Raises
        ------
        nengo.exceptions.ValidationError
            If it makes no sense.
        """
        common = {"dataset": self.dataset, "seed": seed, "dt": self.dt, "n_test": self.n_test}
        if method in ONLINE:
            network = SpikingPC(**ONLINE[method])
            settings = network.to_dict()
            for name in ("hidden", "feedback", "derivative"):
                del settings[name]
            return Cell(
                method=method,
                hidden=self.online_hidden,
                feedback=feedback or network.feedback,
                derivative=derivative or network.derivative,
                optimizer=optimizer or NO_OPTIMIZER,
                batch_norm=bool(batch_norm),
                activation=activation or "lif",
                settings={
                    "network": settings,
                    "stream": Stream().to_dict(),
                    "n_images": round(self.passes * self.n_train),
                    "minibatch": self.minibatch,
                },
                backends=backends,
                encoder=network.encoder,
                presentation_time=self.online_time,
                synapse=network.synapse,
                **common,
            )
        return Cell(
            method=method,
            hidden=self.hidden,
            feedback=feedback or "transpose",
            derivative=derivative or "exact",
            optimizer=optimizer,
            batch_norm=batch_norm,
            activation=activation,
            settings=self._training(method, optimizer, batch_norm),
            backends=backends,
            encoder=self.encoder,
            presentation_time=self.presentation_time,
            synapse=SYNAPSE.tau,
            **common,
        )

    def _training(self, method, optimizer, batch_norm):
        """All of `TrainingOptions` that is not an axis of the grid."""
        chosen = TrainingOptions(
            method=method,
            epochs=self.epochs,
            batch_size=self.batch_size,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            learning_rate=LEARNING_RATES.get((optimizer, batch_norm), LEARNING_RATE),
            inference_rate=INFERENCE_RATES[method]
            if method in RELAXING and not batch_norm
            else None,
        )
        names = {field.name for field in fields(TrainingOptions)} - set(AXES)
        return {name: value for name, value in chosen.to_dict().items() if name in names}


QUICK = {
    "hidden": (100, 50),
    "online_hidden": (100,),
    "epochs": 20,
    "batch_size": 50,
    "dropout": 0.1,
    "input_dropout": 0.0,
    "passes": 10.0,
    "presentation_time": 0.1,
}
"""What the quick study has otherwise."""
