"""The settings of one training run."""

from dataclasses import asdict, dataclass, fields

from .rule_options import RuleOptions

OPTIMIZERS = ("adam", "adamw", "sgd", "adagrad", "adamax", "nadam", "rmsprop")
SCHEDULES = ("cosine", "constant")
LIF_ACTIVATIONS = ("softlif", "loihi", "lif")
ACTIVATIONS = (*LIF_ACTIVATIONS, "relu", "sigmoid", "tanh", "identity")


@dataclass(frozen=True)
class TrainingOptions(RuleOptions):
    """How a network is trained.

    Parameters
    ----------
    method, loss, feedback and others
        Which learning rule: see `RuleOptions`.
    epochs : int
    batch_size : int
    optimizer : {"adam", "adamw", "sgd", "adagrad", "adamax", "nadam", "rmsprop"}
        Of Keras, with its settings. SGD has Nesterov momentum 0.9; AdamW decays weights by
        ``weight_decay``.
    learning_rate : float
        At the start.
    schedule : {"cosine", "constant"}
        Cosine: falls to 0 over the run (Loshchilov & Hutter 2017, without restarts).
    weight_decay : float
        Of AdamW.
    batch_norm : bool
        Before every hidden activation; fused into the parameters that come out.
    current_scale : float
        Standard deviation of hidden currents around the threshold at the start, in units of the
        threshold (batch norm's first scale). The higher, the higher are rates, and the smaller is
        what a spike count misses of them.
    dropout, input_dropout : float
        Fraction of hidden activities and of pixels dropped.
    noise : float
        Standard deviation in Hz of Gaussian noise on hidden rates while training
        (Hunsberger & Eliasmith 2016, section 2.2).
    target_rate : float or None
        Rate in Hz that a hidden neuron's mean over the batch is pressed not to exceed; with
        method ``nengodl`` only.
    rate_weight : float
        Weight of the penalty, ``mean_i max(0, r_i / target_rate - 1)²`` summed over layers.
    label_smoothing : float
        Probability mass taken from the label and spread over all classes.
    shift : int
        Training images are moved by up to so many pixels both ways (0: not at all, which keeps
        the task permutation-invariant).
    smoothing : float
        Gamma of SoftLIF, in units of the threshold current; the smaller, the closer to LIF.
    activation : {"softlif", "loihi", "lif", "relu", "sigmoid", "tanh", "identity"}
        The rate curve that is trained: SoftLIF, that of Loihi's discretised LIF neurons, or LIF's
        own with its infinite slope at threshold; or one that LIF neurons do not have.
    seed : int
        Of the initial weights, the order of the images, dropout and noise.
    """

    epochs: int = 40
    batch_size: int = 250
    optimizer: str = "adam"
    learning_rate: float = 3e-3
    schedule: str = "cosine"
    weight_decay: float = 0.0
    batch_norm: bool = True
    current_scale: float = 2.0
    dropout: float = 0.2
    input_dropout: float = 0.2
    noise: float = 0.0
    target_rate: float | None = None
    rate_weight: float = 0.1
    label_smoothing: float = 0.0
    shift: int = 0
    smoothing: float = 0.02
    activation: str = "softlif"
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        self._check_choices(optimizer=OPTIMIZERS, schedule=SCHEDULES, activation=ACTIVATIONS)
        for name, low in {"epochs": 1, "batch_size": 1, "shift": 0, "seed": 0}.items():
            self._check_int(name, low)
        for name in ("dropout", "input_dropout", "label_smoothing"):
            self._check(name, self._is_number(name) and getattr(self, name) < 1, "in [0, 1)")
        for name in ("noise", "rate_weight", "weight_decay"):
            self._check(name, self._is_number(name), "a number from 0 on")
        for name in ("learning_rate", "smoothing", "current_scale", "target_rate"):
            if name != "target_rate" or self.target_rate is not None:
                fits = self._is_number(name) and getattr(self, name) > 0
                self._check(name, fits, "a positive number")
        self._check("batch_norm", isinstance(self.batch_norm, bool), "True or False")
        if self.method != "nengodl":
            self._check("target_rate", self.target_rate is None, "None unless method is nengodl")

    def to_dict(self):
        """As a JSON-able dict."""
        options = asdict(self)
        if self.precision is not None:
            options["precision"] = list(self.precision)
        return options

    def differences(self, other):
        """Names of the options in which ``other`` differs."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]
