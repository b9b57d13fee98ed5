"""What a cell of the comparison is: one network trained once, and where it is scored."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version

from nengo.exceptions import ValidationError

from nengo_pc.analysis.results import plain
from nengo_pc.backends import BACKENDS
from nengo_pc.experiments.spiking_pc_network import FEEDBACKS as ONLINE_FEEDBACKS
from nengo_pc.experiments.spiking_pc_network import IN_RATES, SpikingPC
from nengo_pc.learning import TrainingOptions
from nengo_pc.learning.online import Stream
from nengo_pc.learning.options import LIF_ACTIVATIONS
from nengo_pc.learning.rule_options import METHODS
from nengo_pc.networks import Dense
from nengo_pc.networks.encoders import ENCODERS

ONLINE = {"online-rates": IN_RATES, "online-spikes": {}}
"""Predictive coding that learns on line, and what it changes of `SpikingPC`'s settings."""

ALL_METHODS = (*METHODS, *ONLINE)
NO_OPTIMIZER = "none"  # learning on line: weights change at every time step
KEY_LENGTH = 16  # hexadecimal digits, 64 bits: two of a million cells meet with chance 3e-8


@dataclass(frozen=True)
class Cell:
    """One training and the scoring of what it learned. All of it is JSON-able.

    Parameters
    ----------
    dataset : str
    hidden : tuple of int
        Units of the hidden layers.
    method : str
        One of `ALL_METHODS`.
    feedback, derivative : str
        Of `nengo_pc.networks`.
    optimizer : str
        `NO_OPTIMIZER` for methods that learn on line.
    batch_norm : bool
    activation : str
        The rate curve that is trained; "lif" for methods that learn on line.
    seed : int
        Of the start, the order of images, and all that is random in training and in spikes.
    settings : dict
        Off line: all other options of `TrainingOptions`. On line: ``network`` (of `SpikingPC`),
        ``stream`` (of `Stream`), ``n_images`` and ``minibatch``.
    backends : tuple of str
        Where it runs in spikes; none for an activation that LIF neurons do not have.
    encoder : str
        Of pixels, in spikes.
    presentation_time, dt, synapse : float
        In s, of the scoring. The synapse is alpha, or low-pass for methods that learn on line.
    n_test : int
        Test images scored: the first so many.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the combination makes no sense; the message says why.
    """

    dataset: str
    hidden: tuple
    method: str
    feedback: str
    derivative: str
    optimizer: str
    batch_norm: bool
    activation: str
    seed: int
    settings: dict
    backends: tuple
    encoder: str
    presentation_time: float
    dt: float
    synapse: float
    n_test: int

    def __post_init__(self):
        object.__setattr__(self, "hidden", tuple(self.hidden))
        object.__setattr__(self, "backends", tuple(self.backends))
        object.__setattr__(self, "settings", plain(dict(self.settings), "settings"))
        if self.method not in ALL_METHODS:
            raise ValidationError(
                f"must be one of {', '.join(ALL_METHODS)}, got {self.method!r}", "method", self
            )
        for name, given, known in (
            ("backends", self.backends, BACKENDS),
            ("encoder", (self.encoder,), ENCODERS),
        ):
            for value in given:
                if value not in known:
                    raise ValidationError(
                        f"must be of {', '.join(known)}, got {value!r}", name, self
                    )
        if self.is_online:
            self._check_online()
        else:
            self.options()
            if self.backends and self.activation not in LIF_ACTIVATIONS:
                raise ValidationError(
                    f"LIF neurons do not have the activation {self.activation}: it is scored in "
                    "rates only",
                    "backends",
                    self,
                )

    def _check_online(self):
        if (self.optimizer, self.batch_norm, self.activation) != (NO_OPTIMIZER, False, "lif"):
            raise ValidationError(
                "learning on line has neither optimizer nor batch norm, and its neurons are LIF",
                "method",
                self,
            )
        if self.feedback not in ONLINE_FEEDBACKS:
            raise ValidationError(
                f"learning on line has feedback {', '.join(ONLINE_FEEDBACKS)}", "feedback", self
            )
        self.spiking_pc()

    def __hash__(self):
        return hash(self.key)

    @property
    def is_online(self):
        """Whether it learns on line, image by image, in a running network."""
        return self.method in ONLINE

    @property
    def layers(self):
        """Dense layers, without the read-out."""
        return [Dense(units) for units in self.hidden]

    def options(self):
        """The `TrainingOptions` of a method that trains off line."""
        return TrainingOptions(
            **self.settings,
            method=self.method,
            feedback=self.feedback,
            derivative=self.derivative,
            optimizer=self.optimizer,
            batch_norm=self.batch_norm,
            activation=self.activation,
            seed=self.seed,
        )

    def spiking_pc(self):
        """The `SpikingPC` and `Stream` of a method that learns on line."""
        settings = SpikingPC(
            **self.settings["network"],
            hidden=self.hidden,
            feedback=self.feedback,
            derivative=self.derivative,
        )
        return settings, Stream(**self.settings["stream"])

    def to_dict(self):
        """As a dict that JSON has; `from_dict` takes it back."""
        return plain(asdict(self), "cell")

    @classmethod
    def from_dict(cls, description):
        """The cell of a `to_dict`."""
        return cls(**{field.name: description[field.name] for field in fields(cls)})

    @property
    def key(self):
        """Equal for equal cells of this version of the package, whatever the order of settings."""
        return _digest(self.to_dict())

    @property
    def training_key(self):
        """The same for cells that differ only in how they are scored."""
        return _digest({k: v for k, v in self.to_dict().items() if k not in SCORING})

    @property
    def row_key(self):
        """The same for cells that differ only in their seed."""
        return _digest(self.to_dict() | {"seed": None})

    def with_seed(self, seed):
        """The same cell with another seed."""
        return replace(self, seed=seed)


SCORING = ("backends", "encoder", "presentation_time", "dt", "synapse", "n_test")


def _digest(description):
    text = json.dumps([version("nengo-pc"), description], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def name_of(cell):
    """How tables and figures call what a cell compares, without seed and scoring."""
    words = [cell.method]
    if cell.feedback != "transpose" and not cell.is_online:
        words.append(f"{cell.feedback} feedback")
    if cell.derivative != "exact" and not cell.is_online:
        words.append(f"{cell.derivative} derivative")
    if cell.activation not in ("softlif", "lif"):
        words.append(cell.activation)
    return ", ".join(words)


def conditions_of(cell):
    """Optimizer and batch norm in words."""
    if cell.is_online:
        return "on line"
    return f"{cell.optimizer}, {'batch norm' if cell.batch_norm else 'no batch norm'}"
