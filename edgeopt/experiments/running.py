"""One run in a process of its own: started, watched, ended when it ignores its limits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import IO, Any

from edgeopt.experiments.child import READY
from edgeopt.experiments.machine import machine
from edgeopt.experiments.plugins import Plugin
from edgeopt.experiments.store import RunRecord, packed

Process = subprocess.Popen[bytes]

COMMAND = (sys.executable, "-X", "faulthandler", "-m", "edgeopt.experiments.child")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SETUP_S = 180.0  # for importing and compiling, before the run
KILL_S = 5.0  # the process ends itself at either limit; this much later it is killed
KEPT_BYTES = 2000  # of what the process last printed, for the error
MOST_INTEGER = 2**63


class StartError(RuntimeError):
    """The process of a run cannot start here: the fault is the machine's, not the method's."""


@dataclass(frozen=True)
class Task:
    """All that a run needs, on whatever machine.

    Attributes
    ----------
    run : int
        Its number in the results file.
    instance : bytes
        Packed.
    method : str
    seed : int
    options : dict
        Limits, as in the results file.
    grace_s : float
        Seconds after the time limit at which the run is ended from outside.
    plugins : tuple of Plugin
    """

    run: int
    instance: bytes
    method: str
    seed: int
    options: dict[str, Any]
    grace_s: float
    plugins: tuple[Plugin, ...] = ()

    @property
    def hard_limit_s(self) -> float:
        """Seconds after which the process is ended from outside."""
        return float(self.options["time_limit_s"]) + self.grace_s

    def lines(self) -> bytes:
        """Return what the process reads: the instance, and what to do with it."""
        limits = {
            "time_limit": self.options["time_limit_s"],
            "iteration_limit": self.options["iteration_limit"],
            "gap": self.options["gap_limit"],
            "threads": self.options["threads"],
        }
        task = {
            "method": self.method,
            "seed": self.seed,
            "limits": limits,
            "setup_limit_s": SETUP_S,
            "hard_limit_s": self.hard_limit_s,
            "plugins": [asdict(plugin) for plugin in self.plugins],
        }
        return b"%s\n%s\n" % (zlib.decompress(self.instance), json.dumps(task).encode())


def run_task(task: Task, on_start: Callable[[Process], None] = lambda process: None) -> RunRecord:
    """Make a run in a fresh process; whatever happens to the process stands in the record.

    Parameters
    ----------
    task : Task
    on_start : callable
        Called with the process when it has started.

    Raises
    ------
    StartError
        The process did not get as far as taking the task.
    """
    begun_at = datetime.now(UTC).isoformat(timespec="seconds")
    process = subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(task.options["threads"]))},
    )
    on_start(process)
    try:
        answer, printed, wall_s = _conversation(process, task)
    finally:
        kill(process)
    record = _record(task, answer, printed, process.returncode, wall_s)
    return replace(record, begun_at=begun_at, machine=machine())


def _conversation(process: Process, task: Task) -> tuple[bytes, str, float]:
    """Hand over the task and wait for the end of the process.

    Returns its answer, what it printed last, and the seconds since it was ready, or since its start if it never was.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr, ThreadPoolExecutor(3) as pipes:
        ready, printed = pipes.submit(process.stdout.readline), pipes.submit(_last, process.stderr)
        pipes.submit(_write, process.stdin, task.lines())
        began = time.monotonic()
        with suppress(TimeoutError):
            if ready.result(SETUP_S + KILL_S):
                began = time.monotonic()
        answer = pipes.submit(process.stdout.read)
        with suppress(subprocess.TimeoutExpired):
            process.wait(task.hard_limit_s + KILL_S if ready.done() else 0)
        wall_s = time.monotonic() - began
        kill(process)
        with suppress(OSError):
            process.stdin.close()
        return ready.result() + answer.result(), printed.result(), wall_s


def _write(stream: IO[bytes], content: bytes) -> None:
    """Write the task; the pipe stays open, for its end is the sign that nobody waits for the process any more."""
    with suppress(OSError, ValueError):  # the process died before it had read all
        stream.write(content)
        stream.flush()


def _last(stream: IO[bytes]) -> str:
    """Read to the end, and keep the last part."""
    kept = b""
    while chunk := stream.read1(65536):  # type: ignore[attr-defined]  # buffered
        kept = (kept + chunk)[-KEPT_BYTES:]
    return kept.decode(errors="replace").strip()


def kill(process: Process) -> None:
    """End the process, and those that it has started."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _record(task: Task, answer: bytes, printed: str, code: int, wall_s: float) -> RunRecord:
    if not answer.startswith(READY) and code > 0 and wall_s < SETUP_S:
        raise StartError(f"the process of a run cannot start (exit code {code}): {printed}")
    try:
        answered = json.loads(answer.removeprefix(READY))
    except ValueError:  # it died before its answer was complete
        return _death(task, answer.startswith(READY), printed, code, wall_s)
    for key in ("history", "plan"):
        answered[key] = packed(answered[key]) if answered.get(key) is not None else None
    for key in ("metrics", "versions"):
        answered[key] = json.dumps(answered[key]) if answered.get(key) is not None else None
    for key in ("objective", "bound"):
        answered[key] = _storable(answered.get(key))
    return RunRecord(**answered)


def _storable(value: int | float | None) -> int | float | None:
    """Return the number as SQLite can hold it."""
    return float(value) if isinstance(value, int) and abs(value) >= MOST_INTEGER else value


def _death(task: Task, ready: bool, printed: str, code: int, wall_s: float) -> RunRecord:
    """Say how a process ended that gave no answer, with the last of what it printed."""
    printing = f"; it last printed: {printed}" if printed else ""
    if not ready and wall_s >= SETUP_S:
        error = f"it was not ready within {SETUP_S:g} s and was ended{printing}"
        return RunRecord("failed", "hard_limit", error=error)
    if ready and wall_s >= task.hard_limit_s:
        limit = f"{task.options['time_limit_s']:g} s"
        error = f"it ignored its time limit of {limit} and was ended {task.grace_s:g} s after it{printing}"
        return RunRecord("failed", "hard_limit", error=error, wall_s=wall_s)
    how = f"was ended by {_signal(code)}" if code < 0 else f"ended itself with exit code {code}"
    return RunRecord("failed", error=f"the process {how}{printing}", wall_s=wall_s)


def _signal(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
