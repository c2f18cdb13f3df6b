"""Methods that behave badly in every way, as a plug-in; each run leaves a line in the log."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from edgeopt.method import method
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

FOLDER = Path(os.environ.get("EDGEOPT_TEST_FOLDER", "."))
NOTHING: dict[str, Any] = {"batches": [], "bandwidth_hz": {}}


def log(instance: Any, name: str, seed: int) -> None:
    with open(FOLDER / "log", "a") as stream:
        stream.write(f"{instance.name} {name} {seed}\n")


def own(name: str, **fields: Any) -> Any:
    """Register a method of `loading` that logs that it runs."""

    def register(function: Any) -> Any:
        def run(instance: Any, run: Run) -> Outcome:
            log(instance, name, run.options.seed)
            result = function(instance, run)
            return result if isinstance(result, Outcome) else Outcome(NOTHING)

        return method("loading", name, kind="heuristic", guarantee="none", **fields)(run)

    return register


@own("quick")
def quick(instance: Any, run: Run) -> Outcome:
    run.report(objective=0)
    run.report(bound=9)
    return Outcome(NOTHING, bound=5)


@own("exits")
def exits(instance: Any, run: Run) -> None:
    os._exit(3)


@own("segfaults")
def segfaults(instance: Any, run: Run) -> None:
    print("about to read address 0", flush=True)
    ctypes.string_at(0)


@own("raises")
def raises(instance: Any, run: Run) -> None:
    raise ZeroDivisionError("as planned")


@own("leaves")
def leaves(instance: Any, run: Run) -> None:
    sys.exit(5)


@own("lies")
def lies(instance: Any, run: Run) -> Outcome:
    return Outcome({"batches": [{"model": "nobody", "users": []}], "bandwidth_hz": {}})


@own("refuses", fits=lambda instance: "it never does; 'quick' works")
def refuses(instance: Any, run: Run) -> None:
    raise AssertionError


@own("prints")
def prints(instance: Any, run: Run) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.write("noise\n" * 100_000)
    os.write(1, b"ready\n{}")


@own("sleeps")
def sleeps(instance: Any, run: Run) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (FOLDER / "sleeper").write_text(str(os.getpid()))
    while True:
        time.sleep(60)


@own("stops")
def stops(instance: Any, run: Run) -> None:
    """Stop the whole process: even its own watchdog does not end it."""
    os.kill(os.getpid(), signal.SIGSTOP)


@own("waits")
def waits(instance: Any, run: Run) -> Outcome:
    while run.stop_reason() is None:
        time.sleep(0.01)
    return Outcome(NOTHING, stopped=Stopped.TIME_LIMIT)


@own("kills-parent")
def kills_parent(instance: Any, run: Run) -> None:
    """Kill who started the run, driver or worker, the first time that seed 1 runs."""
    mark = FOLDER / "killed"
    if run.options.seed == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)


@own("fails-once")
def fails_once(instance: Any, run: Run) -> None:
    mark = FOLDER / "failed"
    if not mark.exists():
        mark.touch()
        raise RuntimeError("the first time")
