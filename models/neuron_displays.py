"""Displays for Nengo GUI of single neurons and spike trains."""

from collections import deque

import numpy as np

from nengo_pc.networks.populations import lif_rate

from .displays import Redraw
from .svg import BLUE, GREEN, GREY, drawing, text

# Of the curve's box in its drawing.
LEFT, RIGHT, TOP, BOTTOM = 26, 146, 14, 84


class RateCurve:
    """A Node's output and display: a neuron's rate, counted and in theory.

    The Node's input is the current and the neuron's output. Spikes are counted since the current
    last changed, but at most for ``window``.

    Parameters
    ----------
    neuron : nengo_pc.networks.LIFConstants
    currents : (float, float)
        The range of the curve.
    window : float
        In s.
    dt : float
        Of the simulation, in s.
    """

    def __init__(self, neuron, currents, window=1.0, dt=0.001):
        self.neuron, self.currents, self.dt = neuron, currents, dt
        self.n_most = round(window / dt)
        self.highest = 50 * np.ceil(self.theory(currents[1]) / 50)
        self._background = self._axes()
        self._begin()

    def theory(self, current):
        """The rate in Hz under a constant current."""
        return lif_rate(current, self.neuron.tau_rc, self.neuron.tau_ref)

    def _begin(self):
        self.steps, self.current, self.last_t = deque(maxlen=self.n_most), None, 0.0
        self.redraw, self._nengo_html_ = Redraw(), ""

    def __call__(self, t, x):
        """Counted and theoretical rate at time t in s, ``(2,)``, in Hz."""
        current, spike = x
        if t < self.last_t:  # the simulator was started anew
            self._begin()
        self.last_t = t
        if current != self.current:
            self.current, self.expected = current, self.theory(current)
            self.steps.clear()
        self.steps.append(spike > 0)
        n, seconds = sum(self.steps), len(self.steps) * self.dt
        if self.redraw(t):
            self._nengo_html_ = self._draw(n, seconds)
        return n / seconds, self.expected

    def _place(self, current, rate):
        low, high = self.currents
        across = np.clip((current - low) / (high - low), 0, 1)
        up = np.clip(rate / self.highest, 0, 1)
        return LEFT + (RIGHT - LEFT) * across, BOTTOM - (BOTTOM - TOP) * up

    def _axes(self):
        """The curve and its axes."""
        low, high = self.currents
        # Close together where the curve is steep, above the threshold.
        above = 1 + (high - 1) * np.linspace(0, 1, 30) ** 3
        points = [self._place(j, self.theory(j)) for j in (low, *above)]
        curve = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        result = [
            f'<polyline points="{LEFT},{TOP} {LEFT},{BOTTOM} {RIGHT},{BOTTOM}" fill="none" '
            f'stroke="#000"/><polyline points="{curve}" fill="none" stroke="{GREY}" '
            'stroke-width="2"/>',
            text((LEFT + RIGHT) / 2, BOTTOM + 13, "current j", 7),
            text(LEFT - 3, TOP + 3, f"{self.highest:g} Hz", 6, anchor="end"),
            text(LEFT - 3, BOTTOM + 2, "0", 6, anchor="end"),
        ]
        for j in range(int(np.ceil(low)), int(high) + 1):
            result.append(text(self._place(j, 0)[0], BOTTOM + 7, j, 6))
        return "".join(result)

    def _draw(self, n, seconds):
        x, y = self._place(self.current, n / seconds)
        words = (
            text(42, TOP + 2, f"r({self.current:.2f}) = {self.expected:.1f} Hz", 7, anchor="start"),
            text(
                42,
                TOP + 11,
                f"counted: {n} in {seconds:.2f} s, {n / seconds:.1f} Hz",
                7,
                BLUE,
                anchor="start",
            ),
        )
        dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{BLUE}"/>'
        return drawing(self._background + "".join(words) + dot, 150, 100)


class CodeTable:
    """A display: rates, intervals and errors of Poisson spikes and of regular ones, and theory.

    A Node's input is the value x, and of both codes, Poisson first, the trains and the trains
    through each alpha synapse. All is counted since x last changed; errors from when the slowest
    synapse has settled.

    Parameters
    ----------
    n_trains : int
    maximum_rate : float
        In Hz, at x = 1; a spike carries ``1 / maximum_rate``.
    taus : sequence of float
        Time constants of the alpha synapses in s.
    dt : float
        Of the simulation, in s.

    Attributes
    ----------
    size_in : int
    spikes : list of slice
        Where the trains of each code are in the input.
    filtered : list of list of slice
        Where those through each synapse are.
    """

    def __init__(self, n_trains, maximum_rate, taus, dt=0.001):
        self.n_trains, self.maximum_rate, self.taus, self.dt = n_trains, maximum_rate, taus, dt
        first = 1 + n_trains * np.arange(2 * (1 + len(taus)) + 1)
        parts = [slice(a, b) for a, b in zip(first, first[1:])]
        self.size_in = int(first[-1])
        self.spikes = parts[:: 1 + len(taus)]
        self.filtered = [parts[1 : 1 + len(taus)], parts[2 + len(taus) :]]
        self._begin(None)

    def _begin(self, x):
        self.x, self.t, self.start = x, 0.0, None
        self.counts = np.zeros(2)
        self.last = np.full((2, self.n_trains), np.nan)
        self.intervals = np.zeros((2, 3))  # how many, their sum, the sum of their squares
        self.squares, self.n_squares = np.zeros((2, len(self.taus))), 0
        self.redraw, self._nengo_html_ = Redraw(0.1), ""

    def __call__(self, t, x):
        """Count a step; gives out nothing."""
        if x[0] != self.x or t < self.t:
            self._begin(x[0])
        self.start = t - self.dt if self.start is None else self.start
        self.t = t
        settled = t - self.start > 10 * max(self.taus)
        self.n_squares += settled
        for code in range(2):
            self._count(code, np.round(x[self.spikes[code]] * self.maximum_rate * self.dt))
            if settled:
                for i, part in enumerate(self.filtered[code]):
                    self.squares[code, i] += np.mean((x[part] - self.x) ** 2)
        if self.redraw(t):
            self._nengo_html_ = self._draw()

    def _count(self, code, n_spikes):
        fired = n_spikes > 0
        if not fired.any():
            return
        self.counts[code] += n_spikes.sum()
        between = (self.t - self.last[code])[fired & ~np.isnan(self.last[code])]
        # Spikes in the same step are no time apart.
        n = len(between) + np.sum(n_spikes[fired] - 1)
        self.intervals[code] += n, between.sum(), np.sum(between**2)
        self.last[code, fired] = self.t

    @property
    def rates(self):
        """Mean rate of each code in Hz, ``(2,)``."""
        return self.counts / self.n_trains / (self.t - self.start)

    @property
    def variations(self):
        """Coefficient of variation of each code's intervals, ``(2,)``; NaN without intervals."""
        n, total, squares = np.where(self.intervals[:, :1] > 0, self.intervals, np.nan).T
        return np.sqrt(np.maximum(squares / n - (total / n) ** 2, 0)) / (total / n)

    @property
    def errors(self):
        """Root mean square of filtered minus x, ``(2, n_taus)``; NaN before they have settled."""
        return np.sqrt(self.squares / (self.n_squares or np.nan))

    @property
    def theory(self):
        """What `errors` of Poisson spikes are by Campbell's theorem, ``(n_taus,)``."""
        return np.sqrt(self.x / (4 * np.array(self.taus) * self.maximum_rate))

    def _draw(self):
        rows = [
            ("rate (Hz)", *self.rates, self.maximum_rate * self.x, ".1f"),
            ("CV of intervals", *self.variations, 1.0, ".2f"),
        ]
        for tau, errors, theory in zip(self.taus, self.errors.T, self.theory):
            rows.append((f"error, {1000 * tau:g} ms", *errors, theory, ".3f"))
        columns = (78, 112, 146)
        result = [text(x, 12, words, 8) for x, words in zip(columns, ("Poisson", "regular", ""))]
        result.append(
            text(columns[2], 8, "theory,", 7, GREY) + text(columns[2], 15, "Poisson", 7, GREY)
        )
        for i, (name, *values, form) in enumerate(rows):
            y = 29 + 16 * i
            result.append(text(2, y, name, 8, anchor="start"))
            for x, value, color in zip(columns, values, (BLUE, GREEN, GREY)):
                words = "–" if np.isnan(value) else format(value, form)
                result.append(text(x, y, words, 9, color))
        return drawing("".join(result), 165, 85)
