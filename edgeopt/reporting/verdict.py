"""The verdict of a comparison, in a sentence or two."""

from __future__ import annotations

from math import isclose

from edgeopt.comparison import Comparison, ComparisonRow
from edgeopt.quantities import amount, percent, quantity
from edgeopt.solution import Number, Status, relative_gap
from edgeopt.tolerances import SAME


def best_row(comparison: Comparison) -> ComparisonRow | None:
    """Return the row of the best plan: a proven one before others, then the quickest."""
    best = comparison.best_objective
    rows = [row for row in comparison.rows if row.solution and best is not None and row.solution.objective == best]
    return min(rows, key=_slowness, default=None)


def bound_row(comparison: Comparison) -> ComparisonRow | None:
    """Return the row of the best bound, the quickest among equals."""
    best = comparison.best_bound
    rows = [row for row in comparison.rows if row.solution and best is not None and row.solution.bound == best]
    return min(rows, key=lambda row: _slowness(row)[1], default=None)


def _slowness(row: ComparisonRow) -> tuple[bool, float]:
    assert row.solution is not None
    return row.solution.status != Status.OPTIMAL, row.solution.runtime_s


def verdict(comparison: Comparison) -> str:
    """Say what all methods together know of the optimum."""
    best, bound = best_row(comparison), comparison.best_bound
    unit = comparison.instance.conventions.unit
    if comparison.contradiction is not None:
        return "The results contradict each other: a method is at fault."
    if best is None or best.solution is None:
        return _no_plan(comparison)
    worth = amount(best.solution.objective, unit)
    if best.solution.status == Status.OPTIMAL:
        count = sum(isclose(value, best.solution.objective or 0, rel_tol=SAME) for value in _objectives(comparison))
        others = f" {count} of {len(comparison.rows)} methods found it." if count > 1 else ""
        return f"The optimum is {worth}, proven by {best.method} in {quantity(best.solution.runtime_s, 's')}.{others}"
    prover = bound_row(comparison)
    if prover is None:
        return f"The best plan found is worth {worth}, by {best.method}; no method gave a bound."
    if comparison.optimum is not None:
        return f"The optimum is {worth}: found by {best.method}, proven by the bound of {prover.method}."
    gap = percent(relative_gap(best.solution.objective, bound))
    limit = amount(bound, unit)
    return (
        f"The best plan found is worth {worth}, by {best.method}; {prover.method} proves that none is better than "
        f"{limit}. What is left between them is {gap}."
    )


def _objectives(comparison: Comparison) -> list[Number]:
    return [row.solution.objective for row in comparison.rows if row.solution and row.solution.objective is not None]


def _no_plan(comparison: Comparison) -> str:
    proved = [row.method for row in comparison.rows if row.solution and row.solution.status == Status.INFEASIBLE]
    if proved:
        return f"There is no feasible plan: proven by {proved[0]}."
    return "No method found a plan."
