"""Ctrl-C at a moment when nothing is half done."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def interrupts_wait():
    """Let Ctrl-C wait until the block is done."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came = []
    signal.signal(signal.SIGINT, lambda *arguments: came.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        before(*came[0])
