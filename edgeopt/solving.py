"""solve, compare and check: pick a method, run it, let the checker score it, certify the gap."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import isclose, isinf, isnan
from numbers import Integral, Real
from operator import ge
from pathlib import Path
from typing import Any

from edgeopt.comparison import Comparison, ComparisonRow
from edgeopt.errors import MethodRefusal, MissingExtra, ProgramError, UsageError
from edgeopt.instance import Instance, as_instance
from edgeopt.layout import read_plan_table
from edgeopt.method import Method, as_method, find_method, methods
from edgeopt.problems import find_problem
from edgeopt.progress_bar import shown
from edgeopt.rehearsal import rehearse
from edgeopt.run import LOGGER, Options, Outcome, Progress, Run
from edgeopt.solution import (
    CheckReport,
    Number,
    Plan,
    Solution,
    Status,
    Stopped,
    Violation,
    crosses,
    proved,
    relative_gap,
)
from edgeopt.stopping import StopRule
from edgeopt.tolerances import PROVED_GAP, SAME, WHOLE
from edgeopt.versions import reported_versions

MOST_THREADS = 1024
LIMITS = ("time_limit", "iteration_limit", "gap")

MethodChoice = str | Callable[..., Any]
Start = Any  # Solution | Plan | str | Path | pandas.DataFrame | None


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


def checked_options(
    instance: Instance,
    *,
    threads: int | None = None,
    start: Start = None,
    stop: StopRule | Sequence[StopRule] = (),
    **given: Any,
) -> Options:
    options = Options(
        stop=_checked_rules(stop),
        threads=threads if threads is not None else available_cores(),
        start=_checked_start(instance, start),
        **given,
    )
    _validate(options)
    return options


def _solved(instance: Instance, method: Method, run: Run, reason: str, setup_s: float) -> Solution:
    LOGGER.info("%s %s: %s begins%s", instance.problem, instance.name, method.name, f" ({reason})" if reason else "")
    solution = _certified(instance, method, method.function(instance, run), run, reason)
    solution = solution.model_copy(update={"setup_s": round(setup_s + run.clock.paused_s(), 6)})
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


def check(instance: Instance | str | Path, plan: Plan | Solution | None) -> CheckReport:
    """Score a plan and list every violated constraint; knows no method and no solver.

    For a `Solution` it also checks what is stated beside the plan: the instance's content, objective, bound, gap and
    status.
    """
    instance = as_instance(instance)
    if isinstance(plan, Solution):
        return _check_solution(instance, plan)
    if plan is None:
        raise UsageError("there is no plan to check")
    return _scored(instance, plan)


def _scored(instance: Instance, plan: Plan) -> CheckReport:
    report: CheckReport = instance.conventions.part("checker").check(instance, plan)
    return report


def _check_solution(instance: Instance, solution: Solution) -> CheckReport:
    if solution.problem != instance.problem:
        raise UsageError(f"the solution is of problem {solution.problem!r}, the instance of {instance.problem!r}")
    report = CheckReport(None) if solution.plan is None else _scored(instance, solution.plan)
    return replace(report, violations=[*report.violations, *_false_statements(instance, solution, report)])


def _false_statements(instance: Instance, solution: Solution, report: CheckReport) -> Iterator[Violation]:
    unit = instance.conventions.unit
    stated, bound = solution.objective, solution.bound
    if solution.instance_sha256 != instance.sha256:
        yield Violation("same instance", f"the solution is of {solution.instance!r} with other content", 1, "instance")
    if stated != report.objective and not _close(stated, report.objective):
        where = f"the plan is worth {report.objective}, not {stated}"
        yield Violation("stated objective", where, abs((stated or 0) - (report.objective or 0)), unit)
    if stated is not None and bound is not None and _crosses(instance, stated, bound):
        yield Violation("stated bound", f"the bound {bound} crosses the objective {stated}", abs(stated - bound), unit)
    gap = relative_gap(stated, bound)
    if gap != solution.gap and not _close(gap, solution.gap):
        yield Violation("stated gap", f"it is {gap}, not {solution.gap}", abs((gap or 0) - (solution.gap or 0)))
    if solution.status != _status(stated, gap, solution.status == Status.INFEASIBLE):
        yield Violation("stated status", f"{str(solution.status)!r} does not follow from objective and bound", 1)


def _close(first: Number | None, second: Number | None) -> bool:
    return first is not None and second is not None and isclose(first, second, rel_tol=SAME)


def _crosses(instance: Instance, objective: Number, bound: Number) -> bool:
    return crosses(objective, bound, maximize=instance.conventions.maximize, integral=instance.integral)


def _status(objective: Number | None, gap: float | None, infeasible: bool) -> Status:
    if objective is None:
        return Status.INFEASIBLE if infeasible else Status.UNKNOWN
    return Status.OPTIMAL if gap is not None and gap <= PROVED_GAP else Status.FEASIBLE


def fitting_methods(instance: Instance | str | Path) -> list[str]:
    """Return the names of the registered methods that apply to the instance here."""
    instance = as_instance(instance)
    return [name for name, method in methods(instance.problem).items() if method.refusal(instance) is None]


def available_cores() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _resolve(instance: Instance, choice: MethodChoice, options: Options) -> tuple[Method, str]:
    if not isinstance(choice, str):
        return as_method(instance.problem, choice), ""
    if choice != "auto":
        return find_method(instance.problem, choice), ""
    name, reason = instance.conventions.part("auto").choose(instance, options)
    return find_method(instance.problem, name), f"auto chose {name}: {reason}"


def _validate(options: Options) -> None:
    for name, least, kind, what in (
        ("time_limit", 0, Real, "a number"),
        ("threads", 1, Integral, "a whole number"),
        ("gap", 0, Real, "a number"),
        ("iteration_limit", 0, Integral, "a whole number"),
        ("seed", 0, Integral, "a whole number"),
    ):
        value = getattr(options, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kind) or not ge(value, least)):
            raise UsageError(f"{name} must be {what} of at least {least}, not {value!r}")
    if options.threads > MOST_THREADS:
        raise UsageError(
            f"threads must be at most {MOST_THREADS:,}, not {options.threads!r}: one for each core will do"
        )
    if options.gap > 1:
        raise UsageError(f"gap must be at most 1, not {options.gap!r}: 5 % is 0.05")


def _checked_rules(stop: StopRule | Sequence[StopRule]) -> tuple[StopRule, ...]:
    rules = (stop,) if callable(stop) else tuple(stop)
    wrong = next((rule for rule in rules if isinstance(rule, type) or not callable(rule)), None)
    if wrong is not None:
        raise UsageError(f"a stop rule is a value such as FirstFeasible() or NoImprovement(10), not {wrong!r}")
    return rules


def _checked_start(instance: Instance, start: Start) -> Solution | None:
    if isinstance(start, str | Path):
        start = read_plan_table(start) if Path(start).suffix.lower() == ".csv" else Solution.read(start)
    if hasattr(start, "itertuples"):
        start = _plan_of_frame(instance, start)
    if start is not None and not isinstance(start, Solution | dict):
        kinds = "a Solution or its file, a plan, or a table of a plan or its CSV file"
        raise UsageError(f"the start is {kinds}, not a {type(start).__name__}")
    plan = start.plan if isinstance(start, Solution) else start
    if plan is None:
        return None
    report = check(instance, plan)
    if not report.feasible:
        raise UsageError(f"the start is not feasible for {instance.name!r}: {report.violations[0]}")
    return start if isinstance(start, Solution) else _given_plan(instance, plan, report.objective)


def _plan_of_frame(instance: Instance, frame: Any) -> Plan:
    """Return the plan that a table says."""
    try:
        plan: Plan = instance.conventions.part("figures").plan_of_frame(instance, frame)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"the table is no plan of {instance.problem} as to_frame() gives it: {error}") from None
    return plan


def _given_plan(instance: Instance, plan: Plan, objective: Number | None) -> Solution:
    return Solution(
        problem=instance.problem,
        instance=instance.name,
        instance_sha256=instance.sha256,
        unit=unusual_unit(instance),
        method="given",
        status=Status.FEASIBLE,
        stopped=Stopped.FINISHED,
        objective=objective,
        bound=None,
        gap=None,
        runtime_s=0.0,
        seed=0,
        threads=1,
        plan=plan,
    )


@contextmanager
def interruptible(interrupt: threading.Event) -> Iterator[None]:
    """Turn the first Ctrl-C into a request to end with the best plan so far; a second one ends at once.

    Other signals are left to the program that calls edgeopt.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def request(signum: int, frame: object) -> None:
        if interrupt.is_set():
            raise KeyboardInterrupt
        interrupt.set()

    previous = signal.signal(signal.SIGINT, request)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if previous is None else previous)


def _certified(instance: Instance, method: Method, outcome: Outcome, run: Run, reason: str) -> Solution:
    problem = instance.conventions
    objective, metrics = None, {}
    _require_no_plan(instance, method, outcome, run)
    if outcome.plan is not None:
        report = _scored(instance, outcome.plan)
        if report.violations:
            listed = "; ".join(str(violation) for violation in report.violations[:5])
            raise ProgramError(f"the plan of {method.name!r} for {instance.name!r} fails the check: {listed}")
        objective, metrics = report.objective, report.metrics
    bound = _certified_bound(instance, method, objective, outcome.bound)
    run.report(objective, bound, lambda: outcome.plan)
    gap = relative_gap(objective, bound)
    status = _status(objective, gap, outcome.infeasible)
    remark = "it meets the bound that another method proved" if proved(objective, run.options.known_bound) else ""
    solution = Solution(
        problem=problem.name,
        instance=instance.name,
        instance_sha256=instance.sha256,
        unit=unusual_unit(instance),
        method=method.name,
        status=status,
        stopped=_stopped(status, outcome.stopped, run),
        objective=objective,
        bound=bound,
        gap=gap,
        runtime_s=round(run.elapsed_s(), 6),
        seed=int(run.options.seed),
        threads=int(run.options.threads),
        message=". ".join(part for part in (reason, outcome.message, remark) if part),
        metrics={**outcome.metrics, **metrics},
        history=run.history,
        versions=dict(reported_versions()),
        plan=outcome.plan,
    )
    solution._instance = instance
    return solution


def unusual_unit(instance: Instance) -> str | None:
    """Return the unit of an instance's objective where it is not the usual one of its problem."""
    unit = instance.conventions.unit
    return None if unit == find_problem(instance.problem).unit else unit


def _require_no_plan(instance: Instance, method: Method, outcome: Outcome, run: Run) -> None:
    """Refuse the claim that there is no plan where one is at hand."""
    if outcome.infeasible and (outcome.plan is not None or run.options.start is not None):
        known = "its own plan" if outcome.plan is not None else "the start"
        raise ProgramError(f"{method.name!r} calls {instance.name!r} infeasible, but {known} is a plan")


def _stopped(status: Status, stated: Stopped, run: Run) -> Stopped:
    if status in (Status.OPTIMAL, Status.INFEASIBLE):
        return Stopped.PROVED
    return Stopped.INTERRUPTED if stated == Stopped.FINISHED and run.interrupt.is_set() else stated


def _certified_bound(
    instance: Instance, method: Method, objective: Number | None, bound: Number | None
) -> Number | None:
    """Round a bound where the objective is integral, and refuse one that crosses the checked objective."""
    if bound is None or isinf(bound):
        return None
    if isnan(bound):
        raise ProgramError(f"the bound {bound} of {method.name!r} is not a number")
    sign = 1 if instance.conventions.maximize else -1
    if instance.integral and not isinstance(bound, int):
        bound = sign * int((sign * bound + WHOLE) // 1)
    if objective is not None and sign * (objective - bound) > 0:
        if _crosses(instance, objective, bound):
            raise ProgramError(f"the bound {bound} of {method.name!r} crosses its checked objective {objective}")
        return objective
    return bound
