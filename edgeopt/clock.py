"""The clock of a run, which stands still while the process compiles or loads code."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Pauses:
    """Seconds that this process has spent on what no clock counts; what happens at the same time counts once."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._began = 0.0
        self._ended_s = 0.0

    def seconds(self) -> float:
        with self._lock:
            return self._ended_s + (time.monotonic() - self._began if self._depth else 0.0)

    @contextmanager
    def pause(self) -> Iterator[None]:
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._began = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if not self._depth:
                    self._ended_s += time.monotonic() - self._began


_pauses = _Pauses()
uncounted = _pauses.pause


class Clock:
    """Seconds since it was made, without those inside `uncounted`."""

    def __init__(self) -> None:
        self._began, self._pauses_s = time.monotonic(), _pauses.seconds()

    def elapsed_s(self) -> float:
        """Return the seconds that count."""
        return time.monotonic() - self._began - self.paused_s()

    def paused_s(self) -> float:
        """Return the seconds that do not."""
        return _pauses.seconds() - self._pauses_s


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
