"""The clock of a run, which stands still while the process compiles or loads code."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Pauses:
    """Seconds that this process has spent on what no clock counts; what happens at the same time counts once."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._depth = 0
        self._began = 0.0
        self._ended_s = 0.0

    def seconds(self) -> float:
        with self._lock:
            return self._ended_s + (self._now() - self._began if self._depth else 0.0)

    @contextmanager
    def pause(self) -> Iterator[None]:
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._began = self._now()
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if not self._depth:
                    self._ended_s += self._now() - self._began


_pauses = {now: _Pauses(now) for now in (time.monotonic, time.process_time)}


@contextmanager
def uncounted() -> Iterator[None]:
    """Let all clocks stand still."""
    with _pauses[time.monotonic].pause(), _pauses[time.process_time].pause():
        yield


class Clock:
    """Seconds since it was made, without those inside `uncounted`.

    Parameters
    ----------
    now : callable
        What it counts: `time.monotonic`, or `time.process_time` for the processor's seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._began, self._pauses_s = now(), _pauses[now].seconds()

    def elapsed_s(self) -> float:
        """Return the seconds that count."""
        return self.now() - self._began - self.paused_s()

    def paused_s(self) -> float:
        """Return the seconds that do not."""
        return _pauses[self.now].seconds() - self._pauses_s


compiled = 0  # kernels that this process has compiled, not loaded
_compiling_for = ""


@contextmanager
def compiling_for(what: str) -> Iterator[None]:
    """Tell once on standard error what kernels are compiled for, if any are."""
    global _compiling_for
    outer, _compiling_for = _compiling_for, what
    try:
        yield
    finally:
        _compiling_for = outer


def tell_compiling() -> None:
    """Note that a kernel is compiled now, not loaded."""
    global compiled, _compiling_for
    compiled += 1
    if _compiling_for:
        print(f"compiling {_compiling_for}, once ...", file=sys.stderr, flush=True)
        _compiling_for = ""
