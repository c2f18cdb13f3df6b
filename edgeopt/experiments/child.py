"""The process of one run: reads the task on standard input, solves, answers on standard output.

Whatever the method does to its process (crash, hang, print) happens here, and to nobody else. The process ends with
the one that started it: standard input is then closed.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

READY = b"ready\n"


def main() -> None:
    """Make one run."""
    answer = _own_output()
    content, line = sys.stdin.buffer.readline(), sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    task = json.loads(line)
    faulthandler.dump_traceback_later(task["setup_limit_s"], exit=True)  # ends compiled code that hangs, too

    def begin() -> None:
        """Start the run's clock; the watchdog now minds the run, no longer its set-up."""
        faulthandler.dump_traceback_later(task["hard_limit_s"], exit=True)
        answer.write(READY)
        answer.flush()

    answer.write(json.dumps(_record(content, task, begin), ensure_ascii=False, default=_plain).encode())
    answer.flush()
    os._exit(0)  # threads that the method left behind do not hold the process


def _own_output() -> BinaryIO:
    """Keep standard output for the answer; what solvers print goes to standard error."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answer


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _record(content: bytes, task: dict[str, Any], begin: Callable[[], None]) -> dict[str, Any]:
    """Solve, and return the result under the names of `RunRecord`, history and plan unpacked.

    `begin` is called when all is ready for the method.
    """
    import time

    from edgeopt.errors import MethodRefusal, MissingExtra
    from edgeopt.experiments.machine import cpu_seconds, peak_bytes
    from edgeopt.experiments.plugins import Plugin
    from edgeopt.instance import instance_from_dict
    from edgeopt.solving import prepare, solve

    wall, cpu = time.perf_counter(), cpu_seconds()
    try:
        for plugin in task["plugins"]:
            Plugin(**plugin).load()
        instance = instance_from_dict(json.loads(content))
        setup_s = prepare(instance, task["method"], **task["limits"])
        begin()
        wall, cpu = time.perf_counter(), cpu_seconds()
        solution = solve(instance, task["method"], seed=task["seed"], **task["limits"])
        outcome = {**_solved(solution), "setup_s": solution.setup_s + setup_s}
    except (MethodRefusal, MissingExtra) as error:
        outcome = {"status": "refused", "error": str(error)}
    except BaseException as error:
        outcome = {"status": "failed", "error": _fault(error)}
    used = {"wall_s": time.perf_counter() - wall, "cpu_s": cpu_seconds() - cpu}
    return {**used, "peak_bytes": peak_bytes(), **outcome}


def _solved(solution: Any) -> dict[str, Any]:
    return {
        "status": str(solution.status),
        "stopped": str(solution.stopped),
        "method_used": solution.method,
        "objective": solution.objective,
        "bound": solution.bound,
        "wall_s": solution.runtime_s,
        "versions": solution.versions,
        "message": solution.message,
        "metrics": solution.metrics,
        "history": solution.history,
        "plan": solution.plan,
    }


def _fault(error: BaseException) -> str:
    """Say what went wrong; of errors that nobody foresaw also where."""
    import traceback

    from edgeopt.errors import EdgeoptError

    if isinstance(error, EdgeoptError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({os.path.basename(last.filename)}, line {last.lineno})"


def _plain(value: Any) -> Any:
    """Write numpy's numbers and arrays as Python's."""
    return value.tolist()


if __name__ == "__main__":
    main()
