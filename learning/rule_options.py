"""Which learning rule trains a network, and the settings that only rules have."""

import math
import numbers
from dataclasses import dataclass

from nengo.exceptions import ValidationError

from nengo_pc.networks.feedback import FEEDBACKS
from nengo_pc.networks.gates import BOX_WIDTH, DERIVATIVES
from nengo_pc.networks.parameters import is_at_least_0

METHODS = ("nengodl", "backprop", "zil", "fixed-prediction", "il", "ipc")
LOSSES = ("cross-entropy", "squared-error")
INTEGRATORS = ("euler", "heun", "adaptive")
NUDGINGS = ("clamp", "positive", "negative", "centred")
DTYPES = ("float32", "float64")
# Methods whose values move, so that step, integrator and nudging mean something.
RELAXING = ("il", "ipc")


@dataclass(frozen=True)
class RuleOptions:
    """What decides how errors become changes of weights.

    Parameters
    ----------
    method : {"nengodl", "backprop", "zil", "fixed-prediction", "il", "ipc"}
        ``nengodl`` is backprop through the Nengo network by NengoDL; the others are the rules of
        `nengo_pc.learning.rules`, where each has its equations.
    loss : {"cross-entropy", "squared-error"}
        At the output: of a softmax, or half the squared distance to the one-hot label.
    feedback : {"transpose", "random", "direct", "kolen-pollack"}
        The weights that carry errors down (`nengo_pc.networks.feedback_weights`).
    feedback_decay : float
        Of ``kolen-pollack``: forward and feedback weights shrink by ``1 - learning rate x decay``
        at every update, and their difference with them.
    derivative : {"exact", "step", "box", "none"}
        By what feedback is multiplied in a neuron (`nengo_pc.networks.Gate`).
    box_width : float
        Of ``box``, in units of the current (`nengo_pc.networks.gates.box_range`).
    inference_steps : int, optional
        Steps that the values take (T). By default 20 for ``il``, 8 for ``ipc`` and the number of
        layers for ``fixed-prediction``; ``zil`` has just those that change anything.
    inference_rate : float, optional
        Size of a step, in time constants of a value; of the first one if ``adaptive``. By default
        0.1 for ``il``, 0.2 for ``ipc``, 1 for ``fixed-prediction``. Without batch norm, SoftLIF is
        steep against its weights and needs smaller ones: 0.02 (docs/results.md).
    integrator : {"euler", "heun", "adaptive"}
        Of the values: Euler's, Heun's, or Heun's with a step that keeps its local error, estimated
        from Euler's, below 1 % of the values.
    tolerance : float, optional
        Stop before T once no layer's values change faster than this (root mean square, per time
        constant): equilibrium.
    nudging : {"clamp", "positive", "negative", "centred"}
        The output is held at the target, drawn towards it, pushed from it, or both one after the
        other (Scellier et al. 2023, https://arxiv.org/abs/2312.15103).
    beta : float
        Strength of the nudging.
    precision : sequence of float, optional
        One per layer of weights, inverse variance of its values; 1 by default.
    dtype : {"float32", "float64"}
    """

    method: str = "nengodl"
    loss: str = "cross-entropy"
    feedback: str = "transpose"
    feedback_decay: float = 0.1
    derivative: str = "exact"
    box_width: float = BOX_WIDTH
    inference_steps: int | None = None
    inference_rate: float | None = None
    integrator: str = "euler"
    tolerance: float | None = None
    nudging: str = "clamp"
    beta: float = 0.1
    precision: tuple | None = None
    dtype: str = "float32"

    def __post_init__(self):
        self._check_choices(
            method=METHODS,
            loss=LOSSES,
            feedback=FEEDBACKS,
            derivative=DERIVATIVES,
            integrator=INTEGRATORS,
            nudging=NUDGINGS,
            dtype=DTYPES,
        )
        if self.inference_steps is not None:
            self._check_int("inference_steps", 1)
        for name in ("box_width", "beta"):
            self._check(name, self._is_number(name) and getattr(self, name) > 0, "positive")
        for name in ("inference_rate", "tolerance"):
            if getattr(self, name) is not None:
                self._check(name, self._is_number(name) and getattr(self, name) > 0, "positive")
        self._check("feedback_decay", self._is_number("feedback_decay"), "a number from 0 on")
        if self.precision is not None:
            object.__setattr__(self, "precision", tuple(self.precision))
            real = all(isinstance(p, numbers.Real) and 0 < p < math.inf for p in self.precision)
            self._check("precision", real, "one positive number per layer of weights")
        self._check_method()

    def _check_method(self):
        """Refuse what the chosen method would ignore."""
        only = {}
        if self.method == "nengodl":
            only = {
                "loss": "cross-entropy",
                "feedback": "transpose",
                "derivative": "exact",
                "dtype": "float32",
            }
        if self.method in ("nengodl", "backprop"):
            only |= {"precision": None, "inference_steps": None, "inference_rate": None}
        if self.method == "zil":
            only |= {"inference_steps": None, "inference_rate": None}
        if self.method not in RELAXING:
            only |= {"integrator": "euler", "tolerance": None, "nudging": "clamp"}
        if self.method == "ipc":
            # Weights change while values move: there is one trajectory, and no equilibrium.
            only |= {"integrator": "euler", "tolerance": None}
        for name, value in only.items():
            self._check(name, getattr(self, name) == value, f"{value!r} with method {self.method}")
        if self.method == "ipc":
            self._check("nudging", self.nudging != "centred", "of one sign with method ipc")

    def _is_number(self, name):
        """Whether the option is a finite real number, not below 0."""
        return is_at_least_0(getattr(self, name))

    def _check_int(self, name, low):
        value = getattr(self, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        self._check(name, whole and low <= value < 2**21, f"an int from {low} to {2**21 - 1}")

    def _check_choices(self, **choices):
        for name, allowed in choices.items():
            self._check(name, getattr(self, name) in allowed, f"one of {', '.join(allowed)}")

    def _check(self, name, fits, wanted):
        if not fits:
            raise ValidationError(f"must be {wanted}, got {getattr(self, name)!r}", name, self)
