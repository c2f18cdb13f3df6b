"""What all benchmarks share: runs in a fresh process, the machine in neutral words, results as Markdown."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgeopt.experiments.machine import cpu_seconds, machine, peak_bytes
from edgeopt.files import write_text
from edgeopt.instance import Instance

PACKAGES = ("edgeopt", "pyomo", "highspy", "ortools", "numpy", "numba")
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

    The call includes importing the method and loading its compiled kernels.
    """
    return fresh(_solve, instance, method, options, limit_s=options.get("time_limit"))


def _solve(instance: Instance, method: str, options: dict[str, Any]) -> Any:
    from edgeopt.solving import solve

    return solve(instance, method, **options)


def versions() -> str:
    """Versions of the packages that matter for the results."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} absent")
    return ", ".join(found)


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
        f"`python -m {module}`, {date.today().isoformat()}. {machine()}. {versions()}.",
        "CPU seconds count all threads; times are of one run each unless stated.",
    ]
    path = folder / f"{source.stem}.md"
    write_text(path, "\n\n".join([*head, *sections]) + "\n")
    print(f"written to {path}")
    return path
