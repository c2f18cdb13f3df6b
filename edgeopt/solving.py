"""solve and compare: pick a method, prepare it, run it within its limits, and certify what it gives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeopt.certificates import certified
from edgeopt.comparison import Comparison, ComparisonRow
from edgeopt.errors import MethodRefusal, MissingExtra, ProgramError, UsageError
from edgeopt.instance import Instance, as_instance
from edgeopt.interrupts import Overdue, at_work, interruptible
from edgeopt.method import Method, as_method, find_method, methods
from edgeopt.progress_bar import shown
from edgeopt.rehearsal import rehearse
from edgeopt.run import LOGGER, Options, Progress, Run
from edgeopt.run_options import Start, checked_options
from edgeopt.solution import Solution
from edgeopt.stopping import StopRule

LIMITS = ("time_limit", "iteration_limit", "gap")

MethodChoice = str | Callable[..., Any]


def solve(
    instance: Instance | str | Path,
    method: MethodChoice = "auto",
    *,
    time_limit: float | None = None,
    seed: int = 0,
    threads: int | None = None,
    gap: float = 0.0,
    iteration_limit: int | None = None,
    start: Start = None,
    stop: StopRule | Sequence[StopRule] = (),
    progress: Callable[[Progress], bool | None] | bool | None = None,
) -> Solution:
    """Solve an instance with one method and certify the result.

    Parameters
    ----------
    instance : Instance or path
        An instance, or its file.
    method : str or callable
        Name of a registered method, ``"auto"`` for the best that fits, or a function that takes the instance (and
        `Run`) and returns a plan or an `Outcome`.
    time_limit : float, optional
        Seconds.
    seed : int
        Same seed and threads, same result (unless a time limit ends the run).
    threads : int, optional
        Default: the cores this process may use.
    gap : float
        Relative gap at which a proof may stop, at most 1.
    iteration_limit : int, optional
        Iterations or nodes.
    start : Solution, dict, path or DataFrame, optional
        To start from: a solution of the same instance or its file, a plan, or a table as `Solution.to_frame` gives it
        or its CSV file.
    stop : callable or list of callable, optional
        Stop rules: `FirstFeasible()`, `TargetObjective(value)`, `NoImprovement(seconds, iterations)`, or a function of
        what a rule sees. The run ends when one says so, as far as its method tells its incumbents.
    progress : callable or bool, optional
        Called with a `Progress` (objective, bound, and ``plan``) whenever incumbent or bound improves, and about twice
        a second between; if it returns True, the run ends. True shows a line that changes, on a terminal or in a
        notebook.

    Returns
    -------
    Solution
        Its objective is the checker's. After Ctrl-C or the time limit it is the best plan so far.

    Raises
    ------
    UsageError
        The method, an option or the start is not valid.
    MethodRefusal, MissingExtra
        The method does not apply here.
    ProgramError
        The method returned a plan that breaks a constraint, or a bound that crosses a checked objective.
    """
    instance = as_instance(instance)
    options = checked_options(
        instance,
        time_limit=time_limit,
        seed=seed,
        threads=threads,
        gap=gap,
        iteration_limit=iteration_limit,
        start=start,
        stop=stop,
    )
    if progress is True:
        with shown(instance.name, time_limit) as show:
            return _timed(instance, method, options, show)
    return _timed(instance, method, options, progress or None)


def _timed(
    instance: Instance,
    method: MethodChoice,
    options: Options,
    progress: Callable[[Progress], bool | None] | None,
) -> Solution:
    began = time.monotonic()
    chosen, reason = _prepared(instance, method, options)
    setup_s = time.monotonic() - began
    run = Run(options, maximize=instance.conventions.maximize, progress=progress)
    with interruptible(run.interrupt):
        return _solved(instance, chosen, run, reason, setup_s)


def prepare(instance: Instance, method: MethodChoice = "auto", **options: Any) -> float:
    """Do what comes before a run's clock starts: import, compile and rehearse the method; return the seconds it took.

    `solve` does it itself; once done in a process, it takes no time there.

    Parameters
    ----------
    instance : Instance
    method : str or callable
    **options
        See `solve`.

    Raises
    ------
    UsageError, MethodRefusal, MissingExtra
        As `solve`.
    """
    began = time.monotonic()
    options.pop("progress", None)
    _prepared(instance, method, checked_options(instance, **options))
    return time.monotonic() - began


def _prepared(instance: Instance, choice: MethodChoice, options: Options) -> tuple[Method, str]:
    chosen, reason = _resolve(instance, choice, options)
    chosen.require(instance)
    rehearse(chosen, instance)
    return chosen, reason


def _solved(instance: Instance, method: Method, run: Run, reason: str, setup_s: float) -> Solution:
    LOGGER.info("%s %s: %s begins%s", instance.problem, instance.name, method.name, f" ({reason})" if reason else "")
    try:
        with at_work():
            outcome = method.function(instance, run)
    except Overdue:
        outcome = run.known()
    solution = certified(instance, method, outcome, run, reason, setup_s)
    LOGGER.info("%s", solution)
    return solution


def compare_one(
    instance: Instance | str | Path,
    methods: Iterable[MethodChoice] | None = None,
    *,
    on_row: Callable[[ComparisonRow], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> Comparison:
    """Run several methods on one instance, each within the same limits, and compare them with the proven optimum.

    Parameters
    ----------
    instance : Instance or path
        An instance, or its file.
    methods : iterable of str or callable, optional
        Default: every registered method that fits the instance.
    on_row : callable, optional
        Called with each `ComparisonRow` as soon as it is there.
    progress : callable, optional
        See `solve`.
    **options
        See `solve`; the limits hold for each method.

    Returns
    -------
    Comparison
        A row for each method; one that refuses or fails has the reason in its row.
    """
    instance = as_instance(instance)
    if isinstance(methods, str):
        raise UsageError(f"methods is a list of names: [{methods!r}]")
    chosen = list(methods) if methods is not None else fitting_methods(instance)
    for choice in chosen:
        if isinstance(choice, str) and choice != "auto":
            find_method(instance.problem, choice)
    limits = {name: options[name] for name in LIMITS if options.get(name) is not None}
    comparison = Comparison(instance, [], limits=limits)
    interrupt = threading.Event()
    setup_s = warm_up(instance, chosen, options)
    with interruptible(interrupt):
        for choice, seconds in zip(chosen, setup_s, strict=True):
            checked = checked_options(instance, known_bound=comparison.best_bound, **options)
            row = _row(instance, choice, checked, seconds, progress, interrupt)
            comparison.rows.append(row)
            if on_row is not None:
                on_row(row)
            if interrupt.is_set():
                comparison.interrupted = True
                break
    return comparison


def warm_up(instance: Instance, methods: Iterable[MethodChoice], options: Mapping[str, Any]) -> list[float]:
    """Prepare methods for an instance, so that nothing is compiled beside a run; return the seconds of each."""
    return [_setup_s(instance, choice, options) for choice in methods]


def _setup_s(instance: Instance, choice: MethodChoice, options: Mapping[str, Any]) -> float:
    try:
        return prepare(instance, choice, **options)
    except (MethodRefusal, MissingExtra):
        return 0.0  # its row will say why


def _row(
    instance: Instance,
    choice: MethodChoice,
    options: Options,
    setup_s: float,
    progress: Callable[[Progress], None] | None,
    interrupt: threading.Event,
) -> ComparisonRow:
    """Run one method of a comparison; whatever it does wrong must not cost the results of the others."""
    name = choice if isinstance(choice, str) else getattr(choice, "__name__", type(choice).__name__)
    try:
        chosen, reason = _prepared(instance, choice, options)
        if chosen.kind != "heuristic":
            options = replace(options, known_bound=None)  # it proves, or stands for a figure, by itself
        run = Run(options, maximize=instance.conventions.maximize, progress=progress, interrupt=interrupt)
        return ComparisonRow(name, _solved(instance, chosen, run, reason, setup_s))
    except (MethodRefusal, MissingExtra) as error:
        return ComparisonRow(name, None, str(error))
    except ProgramError as error:
        return ComparisonRow(name, None, str(error), failed=True)
    except KeyboardInterrupt:
        return ComparisonRow(name, None, "ended by a second Ctrl-C before it gave back a plan")
    except Exception as error:
        return ComparisonRow(name, None, f"{type(error).__name__}: {error}", failed=True)


def fitting_methods(instance: Instance | str | Path) -> list[str]:
    """Return the names of the registered methods that apply to the instance here."""
    instance = as_instance(instance)
    return [name for name, method in methods(instance.problem).items() if method.refusal(instance) is None]


def _resolve(instance: Instance, choice: MethodChoice, options: Options) -> tuple[Method, str]:
    if not isinstance(choice, str):
        return as_method(instance.problem, choice), ""
    if choice != "auto":
        return find_method(instance.problem, choice), ""
    name, reason = instance.conventions.part("auto").choose(instance, options)
    return find_method(instance.problem, name), f"auto chose {name}: {reason}"
