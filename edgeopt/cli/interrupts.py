"""Ctrl-C and SIGTERM end the program at once, except where work is at hand."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from edgeopt.files import remove_unfinished

CURSOR = "\x1b[?25h"  # progress bars hide it


def leave(signum: int, frame: object) -> None:
    """End the process at once and without a traceback, wherever it is."""
    remove_unfinished()
    if sys.stderr is not None and sys.stderr.isatty():
        os.write(2, CURSOR.encode())
    os.write(2, b"edgeopt: interrupted\n")
    os._exit(1)


def _as_interrupt(signum: int, frame: object) -> None:
    signal.raise_signal(signal.SIGINT)


@contextmanager
def _handler(number: int, handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL if previous is None else previous)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process at once; SIGTERM does what Ctrl-C does, here and in what follows."""
    with _handler(signal.SIGINT, leave), _handler(signal.SIGTERM, _as_interrupt):
        yield


def end_at_once_below_solvers(end: SystemExit) -> None:
    """End the process where a solver that did not heed Ctrl-C still runs; everything is written by now."""
    running = sys.modules.get("edgeopt.engines.running")
    if running is None or not running.left_running():
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(end.code if isinstance(end.code, int) else 1)


@contextmanager
def keeping_work() -> Iterator[None]:
    """Let Ctrl-C raise `KeyboardInterrupt`, where there is work that a verb wants to keep."""
    with _handler(signal.SIGINT, signal.default_int_handler):
        yield


@contextmanager
def postponed() -> Iterator[None]:
    """Do not listen to Ctrl-C for a moment, in which finished work is written."""
    with _handler(signal.SIGINT, signal.SIG_IGN):
        yield
