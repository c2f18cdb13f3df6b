"""The charts of a comparison: gaps, times, and incumbent and bound over time."""

from __future__ import annotations

from collections.abc import Callable

from edgeopt.comparison import Comparison, ComparisonRow
from edgeopt.problems import find_problem
from edgeopt.quantities import amount, percent, quantity
from edgeopt.reporting.curves import Course, Event, panels
from edgeopt.reporting.markup import Markup, tag
from edgeopt.reporting.page import card
from edgeopt.reporting.rows_chart import ChartRow, rows_chart
from edgeopt.reporting.scales import linear_scale, time_scale
from edgeopt.solution import Number, Solution, relative_gap

VISIBLE = 1e-6  # relative; smaller improvements do not show in six digits
CROSS, DOT, BAR = (
    Markup('<svg width="3" height="12" aria-hidden="true"><rect width="3" height="12" class="mark tick"></rect></svg>'),
    Markup('<svg width="10" height="10" aria-hidden="true"><circle cx="5" cy="5" r="5" class="found"></circle></svg>'),
    Markup('<svg width="18" height="9" aria-hidden="true"><rect width="18" height="9" class="bar"></rect></svg>'),
)


def objectives_and_bounds(comparison: Comparison, identifier: str) -> Markup | None:
    """Draw where the objective and the bound of each method stand; the bar between them is its gap."""
    problem = comparison.instance.conventions
    ranked = [(row, row.solution) for row in _ranked(comparison) if row.solution is not None]
    values = [value for _, each in ranked for value in (each.objective, each.bound) if value is not None]
    if not values:
        return None
    anchor = comparison.best_objective if comparison.best_objective is not None else comparison.best_bound
    rows = [
        ChartRow(
            row.method,
            _gap_description(row.method, solution, problem.unit),
            dot=solution.objective,
            tick=solution.bound,
            bar=None if solution.objective is None or solution.bound is None else (solution.objective, solution.bound),
            kind=solution.status,
        )
        for row, solution in ranked
        if solution.objective is not None or solution.bound is not None
    ]
    best = comparison.best_bound
    rule = None if best is None else (best, f"best bound {amount(best, problem.unit)}")
    title = f"Objective and bound of each method on {comparison.instance.name}"
    better = "right" if problem.maximize else "left"
    return card(
        "Objectives and bounds",
        _key([(DOT, "objective"), (CROSS, "bound"), (BAR, "gap"), (_dashes("rule"), "best bound")]),
        rows_chart(identifier, title, linear_scale(values, anchor), problem.heading, rows, rule),
        note=f"Best plans first; better is to the {better}. An arrow points to what is beyond the axis.",
    )


def times(comparison: Comparison, identifier: str) -> Markup:
    """Draw how long each method took, on a logarithmic axis."""
    ranked = [(row, row.solution) for row in _ranked(comparison) if row.solution is not None]
    limit = comparison.limits.get("time_limit")
    rows = [
        ChartRow(
            row.method,
            f"{row.method}: {quantity(solution.runtime_s, 's')}, {solution.status}",
            dot=solution.runtime_s,
            kind=solution.status,
        )
        for row, solution in ranked
    ]
    seconds = [solution.runtime_s for _, solution in ranked]
    rule = (float(limit), f"time limit {quantity(limit, 's')}") if limit else None
    statuses = dict.fromkeys(str(solution.status) for _, solution in ranked)
    key = [(Markup(DOT.replace("found", status)), status) for status in statuses]
    return card(
        "Times",
        _key(key + ([(_dashes("rule"), "time limit")] if limit else [])),
        rows_chart(
            identifier,
            f"Time of each method on {comparison.instance.name}",
            time_scale([*seconds, limit] if limit else seconds),
            "time, on a logarithmic axis",
            rows,
            rule,
        ),
        note="Each step to the right is ten times as long.",
    )


def courses(comparison: Comparison, identifier: str) -> Markup | None:
    """Draw incumbent and bound over time of the methods that improved theirs on the way; nothing when none did."""
    unit = comparison.instance.conventions.unit
    drawn = [
        Course(
            row.method,
            _gap_description(row.method, row.solution, unit),
            certified(row.solution),
            row.solution.runtime_s,
        )
        for row in _ranked(comparison)
        if row.solution is not None and row.solution.history
    ]
    improving = [course for course in drawn if _improves(course)]
    if not improving:
        return None
    seconds = [float(event[0] or 0) for course in improving for event in course.history]
    values = {value for course in improving for event in course.history for value in event[1:] if value is not None}
    anchor = comparison.best_objective if comparison.best_objective is not None else comparison.best_bound
    return card(
        "Incumbent and bound over time",
        _key([(_dashes("incumbent"), "incumbent"), (_dashes("bound"), "bound"), (_dashes("context"), "other methods")]),
        panels(
            identifier,
            improving,
            [course for course in drawn if course not in improving],
            time_scale([*seconds, *(course.end_s for course in improving)], most=4),
            linear_scale(values, anchor, ticks=3, lopsided=10),
        ),
        note="On common axes; time is logarithmic, and what is far off is cut.",
    )


def certified(solution: Solution) -> list[Event]:
    """Return a solution's history with no incumbent better than its checked plan, and no bound tighter than certified.

    While a method runs it reports by itself; the checker sees its last plan only.
    """
    worse, weaker = (min, max) if find_problem(solution.problem).maximize else (max, min)

    def held(value: Number | None, last: Number | None, pick: Callable[[Number, Number], Number]) -> Number | None:
        return None if value is None or last is None else pick(value, last)

    return [
        (time, held(objective, solution.objective, worse), held(bound, solution.bound, weaker))
        for time, objective, bound in solution.history
    ]


def _improves(course: Course) -> bool:
    """Say whether the incumbent or the bound became visibly better after it was first known."""
    columns = [[event[column] for event in course.history if event[column] is not None] for column in (1, 2)]
    return any((relative_gap(values[-1], values[0]) or 0) > VISIBLE for values in columns if values)


def _ranked(comparison: Comparison) -> list[ComparisonRow]:
    """Return the best plan first, the quickest first among equals; those without a plan last."""
    sign = -1 if comparison.instance.conventions.maximize else 1

    def rank(row: ComparisonRow) -> tuple[bool, float, float]:
        if row.solution is None:
            return True, 0.0, float("inf")
        value = row.solution.objective
        return value is None, 0.0 if value is None else sign * float(f"{value:.9g}"), row.solution.runtime_s

    return sorted(comparison.rows, key=rank)


def _gap_description(method: str, solution: Solution, unit: str) -> str:
    objective, bound = amount(solution.objective, unit), amount(solution.bound, unit)
    gap = percent(relative_gap(solution.objective, solution.bound))
    values = {"objective": objective, "bound": bound, "gap": gap, "time": quantity(solution.runtime_s, "s")}
    return f"{method}: " + ", ".join(f"{name} {value}" for name, value in values.items() if value != "-")


def _key(entries: list[tuple[Markup, str]]) -> Markup:
    return tag("ul", *(tag("li", mark, name) for mark, name in entries), class_="key")


def _dashes(kind: str) -> Markup:
    line = tag("line", x1=0, x2=18, y1=5, y2=5, class_=kind)
    return tag("svg", line, width=18, height=10, aria_hidden="true")
