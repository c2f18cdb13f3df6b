"""The report of comparisons: verdict, methods, gaps and times, courses, the best plan, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose
from typing import Any

from edgeopt.comparison import Comparison, ComparisonRow
from edgeopt.errors import UsageError
from edgeopt.method import find_method
from edgeopt.quantities import NOTHING, amount, metric, number, percent, quantity
from edgeopt.reporting.charts import courses, objectives_and_bounds, times
from edgeopt.reporting.markup import Markup, join, tag
from edgeopt.reporting.page import card, facts_list, page, tile
from edgeopt.reporting.plan_figure import inline_svg
from edgeopt.reporting.provenance import instance_facts, run_facts
from edgeopt.reporting.tables import Cell, Column, TableRow, scroll_hint, table, without_empty
from edgeopt.reporting.verdict import best_row, bound_row, verdict
from edgeopt.solution import Number, Solution, relative_gap, status_text
from edgeopt.tolerances import SAME

PICTURES = {
    "loading": "The schedule",
    "pulling": "The network",
    "caching": "Caches, delays and cooperation",
    "placement": "The nodes' storage",
    "residency": "The GPU's memory over time",
}


def comparison_page(comparisons: Sequence[Comparison], facts: Mapping[str, str]) -> str:
    """Return the report as one HTML page.

    Parameters
    ----------
    comparisons : sequence of Comparison
    facts : mapping of str to str
        What else is known of how they were made: command, machine.
    """
    if len(comparisons) == 1:
        title = f"{comparisons[0].instance.name}: methods compared"
        return page(title, comparison_part(comparisons[0], "c1", facts, level="h1"))
    title = f"{len(comparisons)} instances: methods compared"
    parts = [comparison_part(each, f"c{index}", {}) for index, each in enumerate(comparisons, 1)]
    made = card("How it was made", facts_list(facts)) if facts else None
    return page(title, join([tag("h1", title), _overview(comparisons), *parts, made]))


def comparison_part(comparison: Comparison, identifier: str, facts: Mapping[str, str], level: str = "h2") -> Markup:
    """Return everything about one comparison; `identifier` begins every id in it."""
    instance = comparison.instance
    problem = instance.conventions
    parts = [
        tag("p", f"{problem.name}: {problem.title}", class_="eyebrow"),
        tag(level, instance.name, id=identifier),
        tag("p", verdict(comparison), class_="verdict"),
        _alert(comparison),
        _tiles(comparison),
        _methods(comparison, identifier),
        _charts(comparison, identifier),
        courses(comparison, f"{identifier}-course"),
        _plan(comparison, identifier),
        tag(
            "div",
            card("The instance", facts_list(instance_facts(comparison))),
            card("The runs", facts_list({**run_facts(comparison), **facts})),
            class_="pair",
        ),
    ]
    return tag("article", *parts, class_="instance")


def _overview(comparisons: Sequence[Comparison]) -> Markup:
    """Return one row for each instance, which leads to its part of the page."""
    columns = [
        Column("instance"),
        Column("problem"),
        Column("best objective", numeric=True),
        Column("best bound", numeric=True),
        Column("gap", numeric=True),
        Column("found by"),
        Column("optimum"),
    ]
    rows = []
    for index, comparison in enumerate(comparisons, 1):
        unit, best = comparison.instance.conventions.unit, best_row(comparison)
        gap = relative_gap(comparison.best_objective, comparison.best_bound)
        known = "not proven" if comparison.optimum is None else "proven"
        cells = [
            Cell(tag("a", comparison.instance.name, href=f"#c{index}"), comparison.instance.name),
            Cell(comparison.instance.problem),
            Cell(amount(comparison.best_objective, unit), comparison.best_objective),
            Cell(amount(comparison.best_bound, unit), comparison.best_bound),
            Cell(percent(gap), gap),
            Cell(best.method if best else NOTHING),
            Cell(known),
        ]
        rows.append(TableRow(cells, known))
    return card("Instances", table("overview", "The instances and what is known of their optima", columns, rows))


def _alert(comparison: Comparison) -> Markup | None:
    failed = [f"{row.method}: {row.reason}" for row in comparison.rows if row.failed]
    problems = [comparison.contradiction] if comparison.contradiction else []
    if comparison.interrupted:
        problems.append("The comparison was interrupted; methods may be missing.")
    lines = [tag("p", line) for line in [*problems, *failed]]
    return tag("section", *lines, class_="card alert") if lines else None


def _tiles(comparison: Comparison) -> Markup:
    unit, best = comparison.instance.conventions.unit, best_row(comparison)
    solutions = [row.solution for row in comparison.rows if row.solution is not None]
    bounding = bound_row(comparison)
    proved = sum(solution.status == "optimal" for solution in solutions)
    counts = [f"{proved or 'none'} proved the optimum"]
    counts += [f"{count} {name}" for name, count in _without_solution(comparison).items() if count]
    tiles = [
        tile("best objective", amount(comparison.best_objective, unit), f"by {best.method}" if best else ""),
        tile(
            "best bound",
            amount(comparison.best_bound, unit),
            f"by {bounding.method}" if bounding else "",
        ),
        tile("gap between them", percent(relative_gap(comparison.best_objective, comparison.best_bound))),
        tile("methods", str(len(comparison.rows)), ", ".join(counts)),
    ]
    return tag("dl", *tiles, class_="tiles")


def _without_solution(comparison: Comparison) -> dict[str, int]:
    failed = sum(row.failed for row in comparison.rows)
    return {"failed": failed, "refused": sum(row.solution is None for row in comparison.rows) - failed}


def _methods(comparison: Comparison, identifier: str) -> Markup:
    problem = comparison.instance.conventions
    columns = [
        Column("method"),
        Column(problem.heading, "the checker's value of the plan", True),
        Column("bound", "proven: no plan is better", True),
        Column("gap", "between objective and the method's own bound", True),
        Column("to best bound", "between objective and the best bound of all methods", True),
        Column("to optimum", "between objective and the proven optimum", True),
        Column("time", "wall-clock time of the run", True),
        Column("set-up", "importing, compiling and loading the method: no part of its time", True),
        Column("status", "what was found and, unless the method simply ended, why it stopped"),
        Column("kind", "exact, heuristic, bound or baseline"),
    ]
    rows = [
        _method_row(comparison, row, record) for row, record in zip(comparison.rows, comparison.records(), strict=True)
    ]
    messages = {row.method: row.solution.message if row.solution else row.reason for row in comparison.rows}
    notes = {method: message for method, message in messages.items() if message}
    nothing = comparison.best_objective is None
    details = tag("details", tag("summary", "What the methods say"), facts_list(notes), open=nothing) if notes else None
    caption = f"Methods on {comparison.instance.name}"
    return card("Methods", table(f"{identifier}-methods", caption, *without_empty(columns, rows)), details)


def _method_row(comparison: Comparison, row: ComparisonRow, record: Mapping[str, Any]) -> TableRow:
    status = record["status"]
    shown = tag("span", status_text(status, record["stopped"]), class_=f"status {status}")
    cells = [
        Cell(record["method"]),
        _value_cell(record["objective"], comparison.best_objective),
        _value_cell(record["bound"], comparison.best_bound),
        *(Cell(percent(record[key]), record[key]) for key in ("gap", "gap_to_best_bound", "gap_to_optimum")),
        *(
            Cell(NOTHING if record[key] is None else quantity(record[key], "s"), record[key])
            for key in ("runtime_s", "setup_s")
        ),
        Cell(shown, status),
        Cell(_kind(comparison.instance.problem, row.solution.method if row.solution else row.method)),
    ]
    return TableRow(cells, status)


def _kind(problem: str, method: str) -> str:
    try:
        return find_method(problem, method).kind
    except UsageError:
        return "own function"


def _value_cell(value: Number | None, best: Number | None) -> Cell:
    """Return a value, emphasised when it is the best."""
    equal = value is not None and best is not None and isclose(value, best, rel_tol=SAME)
    return Cell(tag("strong", number(value)) if equal else number(value), value)


def _charts(comparison: Comparison, identifier: str) -> Markup | None:
    if not any(row.solution is not None for row in comparison.rows):
        return None
    return tag(
        "div",
        objectives_and_bounds(comparison, f"{identifier}-gaps"),
        times(comparison, f"{identifier}-times"),
        class_="pair",
    )


def _plan(comparison: Comparison, identifier: str) -> Markup | None:
    best = best_row(comparison)
    if best is None or best.solution is None:
        return None
    solution: Solution = best.solution.of(comparison.instance)
    problem = comparison.instance.conventions
    metrics = dict(metric(key, value) for key, value in solution.metrics.items())
    described = ", ".join(f"{name} {value}" for name, value in metrics.items())
    heading = PICTURES.get(problem.name, "The plan")
    worth = amount(solution.objective, problem.unit)
    picture = inline_svg(solution.plot, f"{identifier}-plan", f"{heading} of the best plan", f"{worth}; {described}")
    box = tag("figure", picture, class_="scroll", tabindex="0", role="group", aria_label=heading)
    note = f"The best plan, worth {worth}, by {best.method}."
    details = tag("details", tag("summary", "The plan in figures"), facts_list(metrics))
    return card(heading, scroll_hint("picture"), box, details, note=note)
