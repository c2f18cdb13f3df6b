"""Ctrl-C as a request to end with the best plan so far."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

GRACE_S = 0.5  # after the request, until work that goes on is left


class Overdue(BaseException):
    """The end was requested, and the work did not heed it in time."""


class _Watch:
    """Whether work is at hand that may be left, and whether that is due; both belong to the main thread."""

    at_work = False
    due = False


@contextmanager
def interruptible(interrupt: threading.Event) -> Iterator[None]:
    """Turn the first Ctrl-C into a request to end with the best plan so far; a second one ends at once.

    Other signals are left to the program that calls edgeopt.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def lose_patience() -> None:
        if _Watch.at_work:
            _Watch.due = True
            _thread.interrupt_main()

    timer = threading.Timer(GRACE_S, lose_patience)
    timer.daemon = True

    def request(signum: int, frame: object) -> None:
        if _Watch.due:
            _Watch.due = False
            if _Watch.at_work:
                raise Overdue
            return
        if interrupt.is_set():
            raise KeyboardInterrupt
        interrupt.set()
        timer.start()

    previous = signal.signal(signal.SIGINT, request)
    try:
        yield
    finally:
        timer.cancel()
        _Watch.due = False
        signal.signal(signal.SIGINT, signal.SIG_DFL if previous is None else previous)


@contextmanager
def at_work() -> Iterator[None]:
    """Let a request that is not heeded in time raise `Overdue` here, wherever the work is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, _Watch.at_work = _Watch.at_work, True
    try:
        yield
    finally:
        _Watch.at_work = before
