"""An error-modulated Hebbian learning rule: its type, its operator, its builder."""

import sys

import numpy as np
from nengo.builder import Builder, Operator, Signal
from nengo.builder.connection import slice_signal
from nengo.builder.operator import Copy, Reset, SimPyFunc
from nengo.connection import LearningRule
from nengo.ensemble import Ensemble, Neurons
from nengo.exceptions import BuildError, ValidationError
from nengo.learning_rules import LearningRuleType
from nengo.params import BoolParam, Default, NumberParam
from nengo.synapses import Lowpass, SynapseParam


class _FiniteParam(NumberParam):
    """A number that is neither infinite nor NaN."""

    def coerce(self, instance, num):
        if isinstance(num, (float, np.floating)) and not np.isfinite(num):
            raise ValidationError(f"must be a finite number, got {num}", self.name, instance)
        return super().coerce(instance, num)


class _RateParam(_FiniteParam):
    """Such a number, or a function from the time in s to one."""

    def coerce(self, instance, num):
        if not callable(num):
            return super().coerce(instance, num)
        super().coerce(instance, num(0.0))
        return num


class ErrorHebbian(LearningRuleType):
    """Weights move along the product of an error and presynaptic activity.

    In every time step of length ``dt``, weights W change by::

        learning_rate * dt * (e s^T - decay * W)

    ``s`` is the presynaptic neurons' output filtered by ``pre_synapse``. ``e`` is what is connected
    to the connection's ``learning_rule``, one error per row of W. As in predictive coding, **the
    error is value minus prediction, the opposite sign of** `nengo.PES`, whose error is prediction
    minus value. Nothing is divided by the number of neurons: PES with n presynaptic neurons and
    the error -e does what this rule does with a learning rate n times smaller.

    Parameters
    ----------
    learning_rate : float or callable
        Per second, for e and s in units of their own. At least 0. A function from the simulation
        time in s to the rate makes it change, such as `FallingRate`.
    pre_synapse : nengo.synapses.Synapse, optional
        Filters the presynaptic activities, 5 ms low-pass by default, and delays them by one step as
        the synapse of a connection does (that of `nengo.PES` does not). None: neither.
    decay : float
        Strength of weight decay, at least 0. Without error or activity, each step multiplies the
        weights by ``1 - learning_rate * dt * decay``.
    on_off : bool
        The presynaptic neurons are pairs: n on-neurons, then their n off-neurons, which together
        stand for ``on - off``. The weights are ``[B, -B]`` and stay so: s is ``on - off`` for the
        first half and ``off - on`` for the second.
    consolidation : float
        Time constant in s with which changes reach the weights, by a low-pass trace at each
        synapse (momentum); 0, the default: at once. An error that is corrected while it lasts
        teaches nothing to the weights that other inputs use, and oscillates once learning is as
        fast as the synapses of the loop; a trace that outlasts an input is above both.
    update_interval : float
        Time in s between changes of the weights: what they are due is gathered at each synapse and
        added every so often, as a clock says. 0, the default: no clock, in every step. Rounded to
        whole steps. Not together with ``consolidation``, which serves the same end.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is not as described.
    nengo.exceptions.BuildError
        When the simulator is built: if nothing is connected to ``learning_rule``; if the weights
        are not a matrix with one row per error (a scalar or diagonal transform, a solver with
        ``weights=True``); if they are not ``[B, -B]`` although ``on_off`` says so; if
        ``learning_rate * dt * decay`` is above 1.

    See Also
    --------
    nengo.PES

    Notes
    -----
    It works where PES does: from neurons or an ensemble, whole or sliced, to neurons, an ensemble
    or a Node, with a `nengo.Dense` transform; Nengo refuses all other transforms. From an ensemble,
    W are the decoders, transform included. A postsynaptic neuron's gain comes after W.

    ``error``, ``activities`` (filtered, before pairs are subtracted) and ``delta`` can be probed.
    All three belong to the same step; the next step adds ``delta`` to the weights.

    On NengoDL, each item of a minibatch learns weights of its own, from the same start: a minibatch
    is many networks that learn apart, not one that learns from a mean. The native simulator does
    either, see ``minibatch_learning`` of `nengo_pc.backends.native.Simulator`.

    With constant s and a linear prediction, the error falls as
    ``exp(-learning_rate * sum(s**2) * t)``. That must be slow against all synapses of the loop, or
    the loop oscillates: 20 neurons at 100 Hz, amplitude 1, have ``sum(s**2)`` of 200,000.

    Examples
    --------
    >>> import nengo
    >>> import numpy as np
    >>> from nengo_pc.learning import ErrorHebbian
    >>> with nengo.Network(seed=0) as network:
    ...     population = nengo.Ensemble(20, 1)
    ...     value = nengo.Node([0.5])
    ...     prediction = nengo.Node(size_in=1)
    ...     error = nengo.Node(size_in=1)
    ...     learned = nengo.Connection(
    ...         population.neurons,
    ...         prediction,
    ...         transform=np.zeros((1, 20)),
    ...         learning_rule_type=ErrorHebbian(learning_rate=1e-4),
    ...     )
    ...     _ = nengo.Connection(value, error)
    ...     _ = nengo.Connection(prediction, error, transform=-1)
    ...     _ = nengo.Connection(error, learned.learning_rule)
    ...     probe = nengo.Probe(prediction, synapse=0.02)
    >>> with nengo.Simulator(network, progress_bar=False) as simulator:
    ...     simulator.run(0.5, progress_bar=False)
    >>> print(f"{simulator.data[probe][-1, 0]:.2f}")
    0.50
    """

    # Nengo lets such a rule end at neurons, ensembles and Nodes, "weights" at neurons alone.
    modifies = "decoders"
    probeable = ("error", "activities", "delta")

    learning_rate = _RateParam("learning_rate", low=0, readonly=True, default=1e-3)
    pre_synapse = SynapseParam("pre_synapse", default=Lowpass(tau=0.005), readonly=True)
    decay = _FiniteParam("decay", low=0, readonly=True, default=0.0)
    on_off = BoolParam("on_off", default=False, readonly=True)
    consolidation = _FiniteParam("consolidation", low=0, readonly=True, default=0.0)
    update_interval = _FiniteParam("update_interval", low=0, readonly=True, default=0.0)

    def __init__(
        self,
        learning_rate=Default,
        pre_synapse=Default,
        decay=Default,
        on_off=Default,
        consolidation=Default,
        update_interval=Default,
    ):
        super().__init__(learning_rate, size_in="post")
        self.pre_synapse = pre_synapse
        self.decay = decay
        self.on_off = on_off
        self.consolidation = consolidation
        self.update_interval = update_interval
        if self.consolidation and self.update_interval:
            raise ValidationError(
                f"must be 0 where changes have a trace (consolidation={self.consolidation:g}), got "
                f"{self.update_interval:g}",
                "update_interval",
                self,
            )

    def mirror(self, error_synapse=Default, on_off=False):
        """The rule for feedback weights that are to become the transpose of these weights.

        Kolen-Pollack learning (Kolen & Pollack 1994; Akrout et al. 2019,
        https://arxiv.org/abs/1904.05391): feedback weights B carry the error e down to the neurons
        whose activity s the forward weights W read. Their own product is ``s e^T``, so presynaptic
        activity and error change roles, and rate and decay are the same. Then ``W - B^T`` is
        multiplied by exactly ``1 - learning_rate * dt * decay`` in each step, whatever e and s are.

        Both rules must see the same e and s in the same step, so each signal passes the same
        synapse on its two ways. With ``rule`` for the forward, ``rule.mirror(synapse)`` for the
        backward connection:

        ======  ============================================  ====================================
        signal  to the forward rule                           to the backward rule
        ======  ============================================  ====================================
        e       a connection from the error neurons, with     its own presynaptic neurons, filtered
                ``synapse``, to ``forward.learning_rule``     by ``synapse``
        s       its own presynaptic neurons, filtered by      a connection from those neurons, with
                ``rule.pre_synapse``                          ``rule.pre_synapse``, to
                                                              ``backward.learning_rule``
        ======  ============================================  ====================================

        The default of all four is 5 ms low-pass. A factor belongs into the neurons' ``amplitude``,
        which both ways share, not into the transform of one of them.

        Parameters
        ----------
        error_synapse : nengo.synapses.Synapse, optional
            Of the connection from the error neurons to the forward rule; 5 ms low-pass by default.
        on_off : bool
            The error neurons are n on-neurons, then n off-neurons, and feedback is ``[B, -B]``.

        Returns
        -------
        ErrorHebbian

        Notes
        -----
        With on/off pairs the two synapses of a pair share one change, ``s (on - off)^T``. If each
        learned from its own neuron alone, ``C += s on^T`` and ``D += s off^T`` in feedback
        ``C on - D off``, then C - D would track W^T, but the feedback would be
        ``((C - D)(on - off) + (C + D)(on + off)) / 2``: at half strength, and with a term that
        grows with the errors' size, whatever their sign.

        Examples
        --------
        >>> import nengo
        >>> import numpy as np
        >>> from nengo_pc.learning import ErrorHebbian
        >>> rng = np.random.default_rng(0)
        >>> W, B = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))
        >>> rule = ErrorHebbian(learning_rate=1e-3, decay=5e3)
        >>> with nengo.Network(seed=0) as network:
        ...     values, errors = nengo.Ensemble(3, 1), nengo.Ensemble(4, 1)
        ...     prediction, feedback = nengo.Node(size_in=2), nengo.Node(size_in=3)
        ...     forward = nengo.Connection(
        ...         values.neurons, prediction, transform=W, learning_rule_type=rule
        ...     )
        ...     backward = nengo.Connection(
        ...         errors.neurons,
        ...         feedback,
        ...         transform=np.hstack([B, -B]),
        ...         learning_rule_type=rule.mirror(on_off=True),
        ...     )
        ...     on_minus_off = np.hstack([np.eye(2), -np.eye(2)])
        ...     _ = nengo.Connection(errors.neurons, forward.learning_rule, transform=on_minus_off)
        ...     _ = nengo.Connection(values.neurons, backward.learning_rule)
        ...     probes = [nengo.Probe(c, "weights") for c in (forward, backward)]
        >>> with nengo.Simulator(network, progress_bar=False) as simulator:
        ...     simulator.run_steps(101, progress_bar=False)
        >>> w, b = (simulator.data[probe][-1] for probe in probes)
        >>> bool(np.allclose(w - b[:, :2].T, (W - B.T) * (1 - 1e-3 * 0.001 * 5e3) ** 100))
        True
        """
        return ErrorHebbian(
            self.learning_rate,
            error_synapse,
            self.decay,
            on_off,
            self.consolidation,
            self.update_interval,
        )


class SimErrorHebbian(Operator):
    """Work out the weight change of `ErrorHebbian`.

    Parameters
    ----------
    activities : Signal
        Filtered presynaptic activities s, shape ``(n_pre,)``.
    error : Signal
        Errors e, shape ``(n_post,)``.
    weights : Signal
        W, shape ``(n_post, n_pre)``.
    delta : Signal
        The change, of the shape of ``weights``; the next step adds it.
    rate : Signal
        The learning rate, shape ``(1,)``.
    decay : float
    on_off : bool
    consolidation : float
        As in `ErrorHebbian`.
    every : int
        Steps between changes of the weights.
    gathered : Signal, optional
        If ``every`` is above 1: what the weights are due so far, of their shape.
    step : Signal, optional
        If ``every`` is above 1: the number of the step, from 1.
    tag : str, optional

    Notes
    -----
    1. sets ``[]``
    2. incs ``[]``
    3. reads ``[activities, error, weights, rate]``, and ``step``
    4. updates ``[delta]``, and ``gathered``
    """

    xla_module = "nengo_pc.learning.compiled"
    native_module = "nengo_pc.learning.native"

    def __init__(
        self,
        activities,
        error,
        weights,
        delta,
        rate,
        decay,
        on_off,
        consolidation=0.0,
        every=1,
        gathered=None,
        step=None,
        tag=None,
    ):
        super().__init__(tag=tag)
        self.consolidation = consolidation
        self.decay = decay
        self.on_off = on_off
        self.every = every
        self.sets = []
        self.incs = []
        self.reads = [activities, error, weights, rate, *([step] if every > 1 else [])]
        self.updates = [delta, *([gathered] if every > 1 else [])]

    @property
    def activities(self):
        """Filtered presynaptic activities."""
        return self.reads[0]

    @property
    def error(self):
        """Errors, one per row of the weights."""
        return self.reads[1]

    @property
    def weights(self):
        """Weights, as they are in this step."""
        return self.reads[2]

    @property
    def rate(self):
        """Learning rate, as it is in this step."""
        return self.reads[3]

    def kept(self, dt):
        """The part of a step's change that is left in the next."""
        return np.exp(-dt / self.consolidation) if self.consolidation else 0.0

    @property
    def delta(self):
        """What the next step adds to the weights."""
        return self.updates[0]

    @property
    def gathered(self):
        """What the weights are due so far; if ``every`` is above 1."""
        return self.updates[1]

    @property
    def step(self):
        """The number of the step; if ``every`` is above 1."""
        return self.reads[4]

    @property
    def _descstr(self):
        return f"activities={self.activities}, error={self.error} -> {self.delta}"

    def make_step(self, signals, dt, rng):
        """The function that does one step."""
        activities = signals[self.activities]
        error = signals[self.error]
        weights = signals[self.weights]
        delta = signals[self.delta]
        rate, decay = signals[self.rate], self.decay
        kept = self.kept(dt)
        on_off, half = self.on_off, activities.size // 2

        def change(start):
            """Add this step's change to what ``start`` leaves of earlier ones."""
            s = activities
            if on_off:
                difference = s[:half] - s[half:]
                s = np.concatenate([difference, -difference])
            step_size = (1 - kept) * rate * dt
            start += np.outer(step_size * error, s)
            if decay:
                start -= step_size * decay * weights

        def step_error_hebbian():
            delta[...] *= kept
            change(delta)

        if self.every == 1:
            return step_error_hebbian
        every, gathered, n = self.every, signals[self.gathered], signals[self.step]

        def step_gathering():
            if (n - 1) % every == 0:
                gathered[...] = 0
            change(gathered)
            delta[...] = gathered if n % every == 0 else 0

        return step_gathering


@Builder.register(ErrorHebbian)
def build_error_hebbian(model, error_hebbian, rule):
    """Build an `ErrorHebbian` rule into a model.

    Parameters
    ----------
    model : nengo.builder.Model
    error_hebbian : ErrorHebbian
    rule : nengo.connection.LearningRule
        Of the connection that learns.

    Raises
    ------
    nengo.exceptions.BuildError
        See `ErrorHebbian`.
    """
    if "nengo_dl" in sys.modules:
        # NengoDL builds rules with this function and then looks for its own builder of the
        # operator: registered here, it is there whoever imported NengoDL, and whenever.
        from . import error_hebbian_dl  # noqa: F401
    connection = rule.connection
    weights = model.sig[connection]["weights"]
    signal = model.sig[connection.pre_obj]["out"]
    if isinstance(connection.pre_obj, Neurons):
        signal = slice_signal(model, signal, connection.pre_slice)
    _check(model, error_hebbian, rule, weights)

    error = Signal(shape=(rule.size_in,), name="ErrorHebbian:error")
    model.add_op(Reset(error))
    activities = signal
    if error_hebbian.pre_synapse is not None:
        # "update" as in connections, where a synapse delays by one step; PES filters without.
        filtered = model.build(error_hebbian.pre_synapse, signal, mode="update")
        # Probes see a signal after its update: the copy is what the rule used in that step.
        activities = Signal(shape=filtered.shape, name="ErrorHebbian:activities")
        model.add_op(Copy(filtered, activities))
    model.add_op(
        SimErrorHebbian(
            activities,
            error,
            weights,
            model.sig[rule]["delta"],
            _rate(model, error_hebbian.learning_rate),
            error_hebbian.decay,
            error_hebbian.on_off,
            error_hebbian.consolidation,
            **_gathering(model, error_hebbian, weights.shape),
        )
    )
    model.sig[rule]["in"] = error  # connections to the rule end here
    model.sig[rule]["error"] = error
    model.sig[rule]["activities"] = activities


def _gathering(model, error_hebbian, shape):
    """What an operator needs whose changes wait for a clock."""
    every = int(round(error_hebbian.update_interval / model.dt))
    if every <= 1:
        return {}
    gathered = Signal(np.zeros(shape), name="ErrorHebbian:gathered")
    return {"every": every, "gathered": gathered, "step": model.step}


def _rate(model, learning_rate):
    """The signal that holds the learning rate."""
    if not callable(learning_rate):
        return Signal(np.array([float(learning_rate)]), name="ErrorHebbian:rate", readonly=True)
    rate = Signal(np.array([float(learning_rate(0.0))]), name="ErrorHebbian:rate")
    # NengoDL takes a function of time alone for an input from outside, and drops it.
    unused = Signal(np.zeros(1), name="ErrorHebbian:unused", readonly=True)
    model.add_op(SimPyFunc(rate, RateAt(learning_rate), model.time, unused))
    return rate


class RateAt:
    """Give the learning rate at a time, whatever the input.

    Parameters
    ----------
    learning_rate : callable
        From the time in s to the rate.
    """

    native_module = "nengo_pc.learning.native"

    def __init__(self, learning_rate):
        self.learning_rate = learning_rate

    def __call__(self, t, x):
        """Return the rate."""
        return self.learning_rate(t)


def _check(model, error_hebbian, rule, weights):
    """Raise a BuildError for what the rule cannot do."""
    connection = rule.connection
    if model.toplevel is not None and not any(
        isinstance(c.post_obj, LearningRule) and c.post_obj == rule
        for c in model.toplevel.all_connections
    ):
        raise BuildError(
            f"{error_hebbian} on {connection} has no error: connect the error, value minus "
            "prediction, to `connection.learning_rule`"
        )
    if connection.solver.weights and isinstance(connection.post_obj, Ensemble):
        raise BuildError(
            f"{error_hebbian} on {connection} learns decoders or a transform, not the weights of "
            "a solver with `weights=True`: leave that out, or connect neurons to neurons"
        )
    if weights.ndim != 2:
        raise BuildError(
            f"{error_hebbian} on {connection} needs a matrix of weights of shape "
            f"{(connection.size_out, connection.size_mid)}, got a transform of shape "
            f"{weights.shape}"
        )
    rate = error_hebbian.learning_rate
    shrinkage = (rate(0.0) if callable(rate) else rate) * model.dt * error_hebbian.decay
    if shrinkage > 1:
        raise BuildError(
            f"{error_hebbian} on {connection}: learning_rate * dt * decay must be at most 1, got "
            f"{shrinkage:g}; above, decay turns the weights' signs around"
        )
    if error_hebbian.on_off:
        half = weights.shape[1] // 2
        on, off = weights.initial_value[:, :half], weights.initial_value[:, half:]
        if not np.array_equal(on, -off):
            raise BuildError(
                f"{error_hebbian} on {connection} has on/off pairs, so its weights must be "
                "[B, -B], the second half of the columns minus the first"
            )
