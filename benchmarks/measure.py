"""What all benchmarks share: a quiet machine, runs in a fresh process, results as Markdown."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgeopt.experiments.machine import cpu_seconds, machine, peak_bytes
from edgeopt.experiments.running import SETUP_S
from edgeopt.files import write_text
from edgeopt.instance import Instance

PACKAGES = ("edgeopt", "pyomo", "highspy", "ortools", "numpy", "numba")
MOST_LOAD = 0.5  # busy processes per core
LOOK_S = 3.0
GRACE_S = 60.0  # after this much beyond its time limit a run is ended from outside


@dataclass(frozen=True)
class Run:
    """One measured call.

    Attributes
    ----------
    result : object
        What the function returned; None when it failed.
    cpu_s, wall_s : float
        Of the call alone, without starting the process; CPU time counts all threads and child processes.
    peak_bytes : int
        Largest resident memory of the process.
    failure : str
        Why there is no result; empty when there is one.
    """

    result: Any
    cpu_s: float = float("nan")
    wall_s: float = float("nan")
    peak_bytes: int = 0
    failure: str = ""


@dataclass(frozen=True)
class Clock:
    """CPU seconds of the whole machine and of this benchmark, and wall seconds, since some moment."""

    machine_s: float
    own_s: float
    wall_s: float

    @staticmethod
    def now() -> Clock | None:
        """Read the clocks; None where the system does not tell what all processes use."""
        try:
            with open("/proc/stat") as file:
                user, nice, system, _, _, *rest = map(int, file.readline().split()[1:])  # without idle times
        except (OSError, ValueError):
            return None
        ticks = user + nice + system + sum(rest[:2])
        return Clock(ticks / os.sysconf("SC_CLK_TCK"), cpu_seconds(), time.monotonic())

    def others(self, later: Clock) -> float:
        """How many cores other processes have kept busy from this moment to a later one."""
        used = later.machine_s - self.machine_s - (later.own_s - self.own_s)
        return max(0.0, used / max(later.wall_s - self.wall_s, 1e-9))


_began: Clock | None = None
_busy_at_start = ""


def arguments_on_a_quiet_machine(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read a benchmark's command line, and refuse to start while other processes keep the machine busy.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Gets the option ``--on-a-busy-machine``, which measures all the same; the page's first line then says so.
    """
    global _began, _busy_at_start
    parser.add_argument("--on-a-busy-machine", action="store_true", help="measure although other processes run")
    arguments = parser.parse_args()
    first = Clock.now()
    if first is not None:
        time.sleep(LOOK_S)
        _began = Clock.now()
        assert _began is not None
        load, cores = first.others(_began), os.cpu_count() or 1
        if load > MOST_LOAD * cores:
            load_text = f"other processes keep {load:.1f} of {cores} cores busy"
            if not arguments.on_a_busy_machine:
                parser.exit(2, f"{parser.prog}: {load_text}; wait, or use --on-a-busy-machine, which the page states\n")
            _busy_at_start = f"Measured on a busy machine, so that times mean little: at the start {load_text}."
    return arguments


def fresh(function: Callable[..., Any], *arguments: Any, limit_s: float | None = None) -> Run:
    """Call a function of a module in a new process, and measure the call.

    Parameters
    ----------
    function : callable
        At the top level of a module, so that the new process finds it.
    limit_s : float, optional
        The process is ended this long, and a minute, after its start.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        if not receiver.poll(None if limit_s is None else limit_s + GRACE_S):
            return Run(None, failure=f"still running {GRACE_S:g} s after its limit")
        run = receiver.recv()
        process.join(GRACE_S)
        return run
    except EOFError:
        process.join()
        return Run(None, failure=f"the process ended with code {process.exitcode}")
    finally:
        process.kill()
        process.join()


def _measured(sender: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    cpu, wall = cpu_seconds(), time.perf_counter()
    try:
        result, failure = function(*arguments), ""
    except Exception as error:
        result, failure = None, f"{type(error).__name__}: {error}"
    sender.send(Run(result, cpu_seconds() - cpu, time.perf_counter() - wall, peak_bytes() or 0, failure))


def solved(instance: Instance, method: str, **options: Any) -> Run:
    """Solve an instance in a fresh process; the result is the `Solution`, its objective the checker's.

    What `edgeopt.solving.prepare` does (importing the method, compiling or loading its kernels) is not measured: wall
    seconds are the solution's `runtime_s`, CPU seconds those of the solving process after it was prepared.
    """
    limit = options.get("time_limit")
    run = fresh(_solve, instance, method, options, limit_s=None if limit is None else SETUP_S + limit)
    if run.failure:
        return run
    solution, cpu_s = run.result
    return replace(run, result=solution, cpu_s=cpu_s, wall_s=solution.runtime_s)


def _solve(instance: Instance, method: str, options: dict[str, Any]) -> tuple[Any, float]:
    from edgeopt.solving import prepare, solve

    prepare(instance, method, **options)
    began_s = cpu_seconds()
    solution = solve(instance, method, **options)
    return solution, cpu_seconds() - began_s


def versions() -> str:
    """Versions of the packages that matter for the results."""
    stated = []
    for package in PACKAGES:
        try:
            stated.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            stated.append(f"{package} absent")
    return ", ".join(stated)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Lay out a Markdown table; floats get three significant digits, None a dash."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(shown, line)) + " |" for line in lines)


def shown(value: Any) -> str:
    """One cell of a table."""
    if value is None or value != value:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


def _others() -> str:
    now = Clock.now()
    return "" if _began is None or now is None else f" Other processes used {_began.others(now):.2f} cores meanwhile."


def write_results(script: str, title: str, sections: Sequence[str]) -> Path:
    """Write a page of results beside the benchmark that made it, under the benchmark's name.

    Parameters
    ----------
    script : str
        The benchmark's ``__file__``.
    sections : sequence of str
        Paragraphs and tables.
    """
    source = Path(script)
    folder = source.parent / "results"
    folder.mkdir(exist_ok=True)
    module = f"benchmarks.{source.parent.name}.{source.stem}"
    head = [
        f"# {title}",
        *([_busy_at_start] if _busy_at_start else []),
        f"`python -m {module}`, {date.today().isoformat()}. {machine()}. {versions()}.",
        "CPU seconds count all threads; times are of one run each unless stated." + _others(),
    ]
    path = folder / f"{source.stem}.md"
    write_text(path, "\n\n".join([*head, *sections]) + "\n")
    print(f"written to {path}")
    return path
