"""What vouches for a solution: the checker scores its plan, and bound, gap and status follow from that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isclose, isinf, isnan
from pathlib import Path

from edgeopt.errors import ProgramError, UsageError
from edgeopt.instance import Instance, as_instance
from edgeopt.method import Method
from edgeopt.problems import find_problem
from edgeopt.run import Outcome, Run
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
from edgeopt.tolerances import PROVED_GAP, SAME, WHOLE
from edgeopt.versions import reported_versions


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


def certified(instance: Instance, method: Method, outcome: Outcome, run: Run, reason: str, setup_s: float) -> Solution:
    """Make the solution of an outcome: the checker scores its plan, and its bound has to agree.

    Raises
    ------
    ProgramError
        The plan breaks a constraint, or the bound or the claim that there is no plan contradicts a plan.
    """
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
        setup_s=round(setup_s + run.clock.paused_s(), 6),
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
