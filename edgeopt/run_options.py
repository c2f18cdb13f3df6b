"""The options of a run as they are given, checked: limits, rules, and where to start from."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from numbers import Integral, Real
from operator import ge
from pathlib import Path
from typing import Any

from edgeopt.certificates import check, unusual_unit
from edgeopt.errors import UsageError
from edgeopt.instance import Instance
from edgeopt.layout import read_plan_table
from edgeopt.run import Options
from edgeopt.solution import Number, Plan, Solution, Status, Stopped
from edgeopt.stopping import StopRule

MOST_THREADS = 1024

Start = Any  # Solution | Plan | str | Path | pandas.DataFrame | None


def checked_options(
    instance: Instance,
    *,
    threads: int | None = None,
    start: Start = None,
    stop: StopRule | Sequence[StopRule] = (),
    **given: Any,
) -> Options:
    """Return the options of a run, checked; see `edgeopt.solve`.

    Raises
    ------
    UsageError
        An option or the start is not valid.
    """
    options = Options(
        stop=_checked_rules(stop),
        threads=threads if threads is not None else available_cores(),
        start=_checked_start(instance, start),
        **given,
    )
    _validate(options)
    return options


def available_cores() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


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
