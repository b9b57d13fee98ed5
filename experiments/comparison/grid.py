"""Which cells a comparison has, and which combinations it leaves out, and why."""

import itertools
from dataclasses import dataclass

from nengo.exceptions import ValidationError

from nengo_pc.learning.options import LIF_ACTIVATIONS

from .cells import ALL_METHODS, NO_OPTIMIZER, ONLINE

BASELINE = "backprop"
DESIGN = "departs from the first setting in more than one respect, or is not varied for this method"
ON_LINE = "learning on line has its own feedback and LIF neurons, no optimizer and no batch norm"


@dataclass(frozen=True)
class Grid:
    """The axes of a comparison. The first entry of each is the setting that others depart from.

    Every method has a row with all first settings; then one respect at a time is varied:
    optimizer and batch norm together, for the methods in ``vary``; feedback and derivative, and
    the activation, for those in ``vary_rule``.

    Parameters
    ----------
    methods : tuple of str
    feedbacks : tuple of str
        Feedback alone, with the exact derivative, or with another after a slash:
        ``"kolen-pollack/box"``.
    optimizers : tuple of str
    batch_norms : tuple of bool
    activations : tuple of str
    seeds : tuple of int
    backends : tuple of str
        On which all networks run in spikes.
    more_backends : tuple of str
        On which those of the baseline's first row run too.
    vary, vary_rule : tuple of str
        Methods.
    baseline : str
        The method that others are compared with.
    """

    methods: tuple = ALL_METHODS
    feedbacks: tuple = (
        "transpose",
        "random",
        "direct",
        "kolen-pollack",
        "transpose/step",
        "transpose/box",
        "transpose/none",
        "kolen-pollack/step",
        "kolen-pollack/box",
    )
    optimizers: tuple = ("adam", "sgd")
    batch_norms: tuple = (True, False)
    activations: tuple = ("softlif", "relu")
    seeds: tuple = (0, 1, 2)
    backends: tuple = ("native",)
    more_backends: tuple = ("reference", "dl", "loihi", "xla")
    vary: tuple = ALL_METHODS
    vary_rule: tuple = ("zil",)
    baseline: str = BASELINE

    def __post_init__(self):
        for name in ("methods", "feedbacks", "optimizers", "batch_norms", "activations", "seeds"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise ValidationError(
                    f"must be one or more, each once, got {', '.join(map(str, given))}", name, self
                )
        if not self.backends:
            raise ValidationError("must be one or more", "backends", self)

    def varied(self):
        """All combinations, each as `Study.cell` takes it, without seed and backends."""
        for method, feedback, optimizer, batch_norm, activation in itertools.product(
            self.methods, self.feedbacks, self.optimizers, self.batch_norms, self.activations
        ):
            yield method, *_pair(feedback), optimizer, batch_norm, activation

    def is_in(self, method, feedback, derivative, optimizer, batch_norm, activation):
        """Whether the design has the combination."""
        departs = {
            "vary": (optimizer, batch_norm) != (self.optimizers[0], self.batch_norms[0]),
            "rule": (feedback, derivative) != _pair(self.feedbacks[0]),
            "activation": activation != self.activations[0],
        }
        departures = [name for name, does in departs.items() if does]
        if not departures:
            return True
        allowed = self.vary if departures == ["vary"] else self.vary_rule
        return len(departures) == 1 and method in allowed

    def runs_on(self, combination):
        """The backends on which a combination runs in spikes."""
        more = self.more_backends if combination == (self.baseline, *self.first) else ()
        return tuple(dict.fromkeys([*self.backends, *more]))

    @property
    def first(self):
        """The first settings: feedback, derivative, optimizer, batch norm and activation."""
        return (
            *_pair(self.feedbacks[0]),
            self.optimizers[0],
            self.batch_norms[0],
            self.activations[0],
        )


@dataclass(frozen=True)
class Plan:
    """The cells of a comparison.

    Attributes
    ----------
    cells : tuple of Cell
        Rows in the order of the grid, each with its seeds one after another.
    left_out : dict of str to list of str
        Combinations that are not in it, by the reason.
    """

    cells: tuple
    left_out: dict


def plan(grid, study):
    """The cells of a grid under a study.

    Parameters
    ----------
    grid : Grid
    study : Study

    Returns
    -------
    Plan

    Raises
    ------
    nengo.exceptions.ValidationError
        If no combination makes sense.
    """
    cells, left_out = [], {}
    for combination in grid.varied():
        method = combination[0]
        if method in ONLINE:
            if combination[1:] != grid.first:
                left_out.setdefault(ON_LINE, []).append(_words(combination))
                continue
            described, backends = (method, None, None, NO_OPTIMIZER, False, "lif"), grid.backends
        else:
            described, backends = combination, grid.runs_on(combination)
            if combination[-1] not in LIF_ACTIVATIONS:
                backends = ()
        try:
            row = study.cell(*described, seed=grid.seeds[0], backends=backends)
        except ValidationError as error:
            reason = str(error).split(": ", 1)[-1].split(", got")[0]
            left_out.setdefault(f"{error.attr} {reason}", []).append(_words(combination))
            continue
        if method not in ONLINE and not grid.is_in(*combination):
            left_out.setdefault(DESIGN, []).append(_words(combination))
            continue
        cells += [row.with_seed(seed) for seed in grid.seeds]
    if not cells:
        raise ValidationError("have no combination that makes sense", "methods", grid)
    return Plan(tuple(cells), left_out)


def _pair(feedback):
    """Feedback and derivative of an entry such as ``"kolen-pollack/box"``."""
    name, _, derivative = feedback.partition("/")
    return name, derivative or "exact"


def _words(combination):
    method, feedback, derivative, optimizer, batch_norm, activation = combination
    norm = "batch norm" if batch_norm else "no batch norm"
    return f"{method}, {feedback}/{derivative}, {optimizer}, {norm}, {activation}"


QUICK_GRID = {
    "feedbacks": ("transpose", "random", "direct", "kolen-pollack", "kolen-pollack/box"),
    "vary": ("backprop", "zil", "il"),
}
"""What the quick comparison has otherwise."""
