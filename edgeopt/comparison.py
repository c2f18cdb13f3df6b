"""Several methods on one instance, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from edgeopt.instance import Instance
from edgeopt.layout import aligned
from edgeopt.quantities import NOTHING, Number, amount, number, percent, quantity
from edgeopt.solution import Solution, Status, crosses, proved, relative_gap, status_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NUMERIC_COLUMNS = range(1, 7)


@dataclass(frozen=True)
class ComparisonRow:
    """The result of one method: its solution, or why there is none.

    Attributes
    ----------
    method : str
    solution : Solution or None
    reason : str
        Why there is no solution.
    failed : bool
        The method did not refuse the instance, but is at fault itself.
    """

    method: str
    solution: Solution | None
    reason: str = ""
    failed: bool = False


@dataclass(repr=False)
class Comparison:
    """Results of several methods on one instance.

    Attributes
    ----------
    instance : Instance
    rows : list of ComparisonRow
    interrupted : bool
        Ctrl-C ended the comparison; methods may be missing.
    limits : mapping of str to number
        The limits of each run, named as in `solve`: ``time_limit``, ``iteration_limit``, ``gap``.
    """

    instance: Instance
    rows: list[ComparisonRow]
    interrupted: bool = False
    limits: Mapping[str, Number] = field(default_factory=dict)

    @property
    def best_objective(self) -> Number | None:
        """Best checked objective of all methods."""
        pick = max if self.instance.conventions.maximize else min
        objectives = [
            row.solution.objective for row in self.rows if row.solution and row.solution.objective is not None
        ]
        return pick(objectives) if objectives else None

    @property
    def best_bound(self) -> Number | None:
        """Tightest proven bound of all methods."""
        pick = min if self.instance.conventions.maximize else max
        bounds = [row.solution.bound for row in self.rows if row.solution and row.solution.bound is not None]
        return pick(bounds) if bounds else None

    @property
    def optimum(self) -> Number | None:
        """The optimum, when a method proved it or one's objective meets another's bound, and no method disproves it."""
        if self.contradiction is not None:
            return None
        optima = [row.solution.objective for row in self.rows if row.solution and row.solution.status == Status.OPTIMAL]
        if optima:
            return optima[0]
        return self.best_objective if proved(self.best_objective, self.best_bound) else None

    @property
    def contradiction(self) -> str | None:
        """Which method's statement disproves which method's plan, or None; if so, one of them is at fault."""
        objective, bound = self.best_objective, self.best_bound
        if objective is None:
            return None
        solver = next(row.method for row in self.rows if row.solution and row.solution.objective == objective)
        for row in self.rows:
            if row.solution is not None and row.solution.status == Status.INFEASIBLE:
                return f"{row.method!r} states that there is no plan, but {solver!r} has one"
        maximize = self.instance.conventions.maximize
        if not crosses(objective, bound, maximize=maximize, integral=self.instance.integral):
            return None
        disproof = next(row.method for row in self.rows if row.solution and row.solution.bound == bound)
        return f"the bound {bound} of {disproof!r} crosses the checked objective {objective} of {solver!r}"

    def records(self) -> list[dict[str, Any]]:
        """Return a plain record for each method: objective, bound, three gaps, times and status."""
        return [self._record(row) for row in self.rows]

    def _record(self, row: ComparisonRow) -> dict[str, Any]:
        solution = row.solution
        if solution is None:
            empty = dict.fromkeys(
                ("objective", "bound", "gap", "gap_to_best_bound", "gap_to_optimum", "runtime_s", "setup_s")
            )
            status = "failed" if row.failed else "refused"
            return {"method": row.method, **empty, "status": status, "stopped": None, "reason": row.reason}
        return {
            "method": row.method if row.method != "auto" else f"auto ({solution.method})",
            "objective": solution.objective,
            "bound": solution.bound,
            "gap": solution.gap,
            "gap_to_best_bound": relative_gap(solution.objective, self.best_bound),
            "gap_to_optimum": relative_gap(self.optimum, solution.objective),
            "runtime_s": solution.runtime_s,
            "setup_s": solution.setup_s,
            "status": str(solution.status),
            "stopped": str(solution.stopped),
            "reason": solution.message,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the records as a table, one row for each method."""
        import pandas as pd

        return pd.DataFrame(self.records()).set_index("method")

    def plot(self, ax: Any = None) -> Figure:
        """Draw the objective of each method, its bound and the optimum, in a new figure or in given axes."""
        from edgeopt.drawing.comparisons import plot_objectives

        return plot_objectives(self.records(), self.optimum, self.instance.conventions.heading, ax)

    def __repr__(self) -> str:
        return (
            f"Comparison(instance={self.instance.name!r}, problem={self.instance.problem!r}, rows=<{len(self.rows)}>)"
        )

    def __str__(self) -> str:
        return comparison_text(self)

    def _repr_html_(self) -> str:
        return comparison_html(self)


def comparison_headings(comparison: Comparison) -> list[str]:
    """Return the column headings of a comparison, the objective's named by what it counts."""
    return [
        "method",
        comparison.instance.conventions.objective,
        "bound",
        "gap",
        "to optimum",
        "time",
        "set-up",
        "status",
    ]


def comparison_cells(comparison: Comparison) -> list[list[str]]:
    """Return one row of texts for each method of a comparison, under `comparison_headings`."""
    return [
        [
            record["method"],
            number(record["objective"]),
            number(record["bound"]),
            percent(record["gap"]),
            percent(record["gap_to_optimum"]),
            *(NOTHING if record[key] is None else quantity(record[key], "s") for key in ("runtime_s", "setup_s")),
            status_text(record["status"], record["stopped"]),
        ]
        for record in comparison.records()
    ]


def comparison_summary(comparison: Comparison) -> str:
    """Return one line that says what all methods together know of the optimum."""
    if comparison.contradiction is not None:
        return f"contradiction: {comparison.contradiction}"
    unit = comparison.instance.conventions.unit
    if comparison.optimum is not None:
        return f"optimum: {amount(comparison.optimum, unit)}, proven"
    best, bound = amount(comparison.best_objective, unit), amount(comparison.best_bound, unit)
    return f"optimum: not proven; best found {best}, best bound {bound}"


def comparison_reasons(comparison: Comparison) -> list[str]:
    """Return why methods gave no solution, one line each."""
    return [f"{row.method}: {row.reason}" for row in comparison.rows if _without_solution(row)]


def _without_solution(row: ComparisonRow) -> bool:
    return row.solution is None and bool(row.reason)


def comparison_text(comparison: Comparison) -> str:
    """Lay out a comparison as plain text: the table, the optimum, and why methods gave nothing."""
    title = f"{comparison.instance.problem} {comparison.instance.name}"
    table = aligned(comparison_headings(comparison), comparison_cells(comparison), NUMERIC_COLUMNS)
    return "\n".join([title, *table, comparison_summary(comparison), *comparison_reasons(comparison)])


def comparison_html(comparison: Comparison) -> str:
    """Lay out a comparison as an HTML table."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in comparison_headings(comparison))
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in comparison_cells(comparison)
    )
    notes = "<br>".join(escape(line) for line in [comparison_summary(comparison), *comparison_reasons(comparison)])
    title = escape(f"{comparison.instance.problem} {comparison.instance.name}")
    return (
        f"<div><strong>{title}</strong><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}</div>"
    )
