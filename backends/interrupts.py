"""Ctrl-C at a moment when nothing is half done."""

import signal
import threading


class Interrupts:
    """Let Ctrl-C wait until the block is done, or until `let_in`.

    In another thread than the main one, where Ctrl-C does not come, it does nothing.

    Attributes
    ----------
    wait : bool
        Whether Ctrl-C waits now. Users' code is to run with False.
    """

    def __init__(self):
        self.wait = True
        self._came = self._before = None

    def __enter__(self):
        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(before):
            self._before = before
            signal.signal(signal.SIGINT, self._on_signal)
        return self

    def _on_signal(self, *arguments):
        if self.wait:
            self._came = arguments
        else:
            self._before(*arguments)

    def let_in(self):
        """Raise what a Ctrl-C that has waited raises, and let the next ones come at once."""
        self.wait = False
        if self._came:
            came, self._came = self._came, None
            self._before(*came)

    def __exit__(self, kind, *_):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            if self._came and kind is None:
                self._before(*self._came)
