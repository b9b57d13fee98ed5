"""Displays for Nengo GUI: Nodes' outputs that draw what they see in ``_nengo_html_``."""

import numpy as np

from nengo_pc.networks.error_nodes import softmax

from .stimuli import presentation, within
from .svg import BLUE, GREEN, GREY, VERMILLION, bars, drawing, text


class Redraw:
    """Tells when to draw anew: so often, and when the simulator was started anew.

    Parameters
    ----------
    every : float
        In s of simulated time.
    """

    def __init__(self, every=0.02):
        self.every, self.last = every, -np.inf

    def __call__(self, t):
        """Whether to draw at time t in s."""
        due = t < self.last or t >= self.last + self.every
        if due:
            self.last = t
        return due


class Answer:
    """A Node's output and display: what a classifier answers, and whether that is right.

    The answer is the largest entry of the output, averaged over the presentation or a part of it.
    The Node's input is the classifier's output, and then the right class, one-hot.

    Parameters
    ----------
    presentation_time : float
        Of an image, in s.
    since, until : float, optional
        The part, in s from the start of the image.
    lengths : callable
        From the mean output ``(n_classes,)`` to what the bars show, in [0, 1].
    n_classes : int

    Attributes
    ----------
    size_in, size_out : int
        The Node gives out the answer so far.
    verdicts : list of bool
        Of each presentation that is over: whether its answer was right.
    """

    size_out = 1

    def __init__(self, presentation_time, since=0.0, until=None, lengths=softmax, n_classes=10):
        self.presentation_time, self.since, self.lengths = presentation_time, since, lengths
        self.until = presentation_time if until is None else until
        self.size_in = 2 * n_classes
        self._begin()

    def _begin(self):
        self.verdicts, self.now, self.last_t = [], 0, 0.0
        self.sum, self.n_steps = np.zeros(self.size_in // 2), 0
        self.answer, self.right = 0, None
        self.redraw, self._nengo_html_ = Redraw(), ""

    def __call__(self, t, x):
        """The answer at time t in s."""
        if t < self.last_t:  # the simulator was started anew
            self._begin()
        self.last_t = t
        output, right = np.split(x, 2)
        if self.now != presentation(t, self.presentation_time):
            self.now = presentation(t, self.presentation_time)
            self.verdicts.append(self.answer == self.right)
            self.sum, self.n_steps = np.zeros_like(output), 0
        self.right = int(np.argmax(right))
        if self.since < within(t, self.presentation_time) <= self.until + 1e-9:
            self.sum, self.n_steps = self.sum + output, self.n_steps + 1
            self.answer = int(np.argmax(self.sum))
        if self.redraw(t):
            self._nengo_html_ = self._draw()
        return self.answer

    def _draw(self):
        if self.n_steps:
            is_right = self.answer == self.right
            color, word = (GREEN, "right") if is_right else (VERMILLION, "wrong")
            content = text(24, 55, self.answer, 48) + text(24, 72, word, 13, color)
            lengths = self.lengths(self.sum / self.n_steps)
        else:  # too early to say
            content, lengths = text(24, 55, "?", 48), np.zeros_like(self.sum)
        if self.verdicts:
            content += text(24, 90, f"{sum(self.verdicts)} of {len(self.verdicts)} right", 7)
        content += bars(lengths, 62, 12, 55, 86, self.right)
        return drawing(content, 120, 100)


class Prediction:
    """A Node's output and display: what a network predicts, and what it is told.

    The Node's input is the network's output, the target, one-hot, and whether the target is on.

    Parameters
    ----------
    n_classes : int

    Attributes
    ----------
    size_in, size_out : int
        The Node gives out the class that is predicted.
    """

    size_out = 1

    def __init__(self, n_classes=10):
        self.n_classes = n_classes
        self.size_in = 2 * n_classes + 1
        self.redraw = Redraw()
        self._nengo_html_ = ""

    def __call__(self, t, x):
        """The class that is predicted."""
        output, target, (clamp,) = np.split(x, [self.n_classes, 2 * self.n_classes])
        answer = int(np.argmax(output))
        if self.redraw(t):
            told = int(np.argmax(target)) if clamp > 0 else None
            words = "no target" if told is None else f"told: {told}"
            color = GREY if told is None else GREEN if told == answer else VERMILLION
            content = text(24, 34, "predicted", 9) + text(24, 68, answer, 38)
            content += text(24, 84, words, 10, color)
            content += bars(softmax(output), 62, 12, 55, 86, told)
            self._nengo_html_ = drawing(content, 120, 100)
        return answer


class LearningCurve:
    """A Node's output and display: the accuracy of an `Answer` so far.

    Parameters
    ----------
    answers : Answer
    n_last : int
        The accuracy is that of so many answers, or of as many as there are.
    n_points : int
        The curve then is drawn from that many.
    """

    LEFT, RIGHT, TOP, BOTTOM = 26, 156, 20, 82

    def __init__(self, answers, n_last=50, n_points=100):
        self.answers, self.n_last, self.n_points = answers, n_last, n_points
        self.n_drawn, self._nengo_html_ = None, ""

    def accuracies(self):
        """Of the last answers, after each answer, ``(n,)``."""
        right = np.concatenate([[0], np.cumsum(self.answers.verdicts)])
        ends = np.arange(1, len(right))
        firsts = np.maximum(ends - self.n_last, 0)
        return (right[ends] - right[firsts]) / (ends - firsts)

    def __call__(self, t, x):
        """The accuracy at time t in s."""
        if self.n_drawn != len(self.answers.verdicts):
            self.n_drawn = len(self.answers.verdicts)
            so_far = self.accuracies()
            self.now = so_far[-1] if self.n_drawn else 0.0
            self._nengo_html_ = self._draw(so_far)
        return self.now

    def _draw(self, so_far):
        n = len(so_far)
        shown = np.unique(np.linspace(0, n - 1, min(n, self.n_points)).astype(int)) if n else []
        points = " ".join(
            f"{self._x(i, n):.0f},{self.BOTTOM - (self.BOTTOM - self.TOP) * so_far[i]:.0f}"
            for i in shown
        )
        chance = self.BOTTOM - 0.1 * (self.BOTTOM - self.TOP)
        content = (
            f'<polyline points="{self.LEFT},{self.TOP} {self.LEFT},{self.BOTTOM} '
            f'{self.RIGHT},{self.BOTTOM}" fill="none" stroke="#000"/>'
            f'<path d="M{self.LEFT} {chance:.0f}H{self.RIGHT}" stroke="{GREY}" '
            f'stroke-dasharray="3"/><polyline points="{points}" fill="none" stroke="{BLUE}" '
            'stroke-width="2"/>'
        )
        content += text(self.LEFT - 3, self.TOP + 3, "100 %", 7, anchor="end")
        content += text(self.LEFT - 3, self.BOTTOM + 3, "0", 7, anchor="end")
        content += text(self.RIGHT, chance - 2, "chance", 7, GREY, anchor="end")
        content += text(self.LEFT, self.BOTTOM + 9, "0", 7) + text(
            self.RIGHT, self.BOTTOM + 9, n, 7
        )
        content += text((self.LEFT + self.RIGHT) / 2, self.BOTTOM + 9, "digits seen", 7)
        words = f"right of the last {min(n, self.n_last)}: {100 * self.now:.0f} %" if n else ""
        return drawing(content + text(80, 12, words, 9), 162, 96)

    def _x(self, i, n):
        return self.LEFT + (self.RIGHT - self.LEFT) * (i + 1) / n
