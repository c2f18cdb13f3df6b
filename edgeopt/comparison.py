"""Several methods on one instance, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeopt.solution import PROVED_GAP, Number, Solution, Status, crosses, relative_gap

if TYPE_CHECKING:
    import pandas as pd

    from edgeopt.instance import Instance


@dataclass(frozen=True)
class Row:
    """One method's result: its solution, or why there is none.

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
    rows : list of Row
    interrupted : bool
        Ctrl-C ended the comparison; methods may be missing.
    limits : mapping of str to number
        The limits of each run, named as in `solve`: ``time_limit``, ``iteration_limit``, ``gap``.
    """

    instance: Instance
    rows: list[Row]
    interrupted: bool = False
    limits: Mapping[str, Number] = field(default_factory=dict)

    @property
    def best_objective(self) -> Number | None:
        """Best checked objective of all methods."""
        pick = max if self.instance.problem_facts.maximize else min
        found = [row.solution.objective for row in self.rows if row.solution and row.solution.objective is not None]
        return pick(found) if found else None

    @property
    def best_bound(self) -> Number | None:
        """Tightest proven bound of all methods."""
        pick = min if self.instance.problem_facts.maximize else max
        found = [row.solution.bound for row in self.rows if row.solution and row.solution.bound is not None]
        return pick(found) if found else None

    @property
    def optimum(self) -> Number | None:
        """The optimum, when a method proved it or one's objective meets another's bound, and no method disproves it."""
        if self.contradiction is not None:
            return None
        proved = [row.solution.objective for row in self.rows if row.solution and row.solution.status == Status.OPTIMAL]
        if proved:
            return proved[0]
        gap = relative_gap(self.best_objective, self.best_bound)
        return self.best_objective if gap is not None and gap <= PROVED_GAP else None

    @property
    def contradiction(self) -> str | None:
        """Which method's statement disproves which method's plan, or None; if so, one of them is at fault."""
        objective, bound = self.best_objective, self.best_bound
        if objective is None:
            return None
        found = next(row.method for row in self.rows if row.solution and row.solution.objective == objective)
        for row in self.rows:
            if row.solution is not None and row.solution.status == Status.INFEASIBLE:
                return f"{row.method!r} states that there is no plan, but {found!r} has one"
        maximize = self.instance.problem_facts.maximize
        if not crosses(objective, bound, maximize=maximize, integral=self.instance.integral):
            return None
        proved = next(row.method for row in self.rows if row.solution and row.solution.bound == bound)
        return f"the bound {bound} of {proved!r} crosses the checked objective {objective} of {found!r}"

    def records(self) -> list[dict[str, Any]]:
        """Return a plain record for each method: objective, bound, three gaps, times and status."""
        return [self._record(row) for row in self.rows]

    def _record(self, row: Row) -> dict[str, Any]:
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

    def write_report(self, path: str | Path) -> None:
        """Write the comparison as one HTML page with tables and figures, whole or not at all."""
        from edgeopt.experiments.machine import machine
        from edgeopt.reporting.report import write_comparison_report

        write_comparison_report(path, [self], {"machine": machine()})

    def __repr__(self) -> str:
        return (
            f"Comparison(instance={self.instance.name!r}, problem={self.instance.problem!r}, rows=<{len(self.rows)}>)"
        )

    def __str__(self) -> str:
        from edgeopt.reporting.display import comparison_text

        return comparison_text(self)

    def _repr_html_(self) -> str:
        from edgeopt.reporting.display import comparison_html

        return comparison_html(self)
