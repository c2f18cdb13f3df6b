"""What if: an instance is solved again with other values of its keys, and each change is compared with today."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeopt.certificates import check
from edgeopt.errors import UsageError
from edgeopt.instance import Instance, as_instance
from edgeopt.layout import aligned, facts_html
from edgeopt.method import find_method
from edgeopt.problems import Problem
from edgeopt.quantities import NOTHING, Number, amount, number, quantity, unit_of
from edgeopt.run import Outcome
from edgeopt.solution import Solution, Stopped, status_text
from edgeopt.solving import MethodChoice, solve
from edgeopt.variations import Changes, Value, Variation, axes_of, varied

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TODAY = "today"


@dataclass(frozen=True)
class WhatIfRow:
    """An instance with some changes, solved.

    Attributes
    ----------
    values : dict of str to number or str
        What is changed, by path; empty for today.
    solution : Solution
    """

    values: dict[str, Value]
    solution: Solution


@dataclass(repr=False)
class WhatIf:
    """An instance and its changed copies, solved; the first row is today.

    Attributes
    ----------
    instance : Instance
    paths : list of str
        The keys that are varied.
    conventions : Problem
        What the objectives count: weights, where the instance or a changed copy has some.
    rows : list of WhatIfRow
    interrupted : bool
        Ctrl-C ended it; rows may be missing.
    """

    instance: Instance
    paths: list[str]
    conventions: Problem
    rows: list[WhatIfRow] = field(default_factory=list)
    interrupted: bool = False

    def difference(self, row: WhatIfRow) -> Number | None:
        """Return by how much a row's objective exceeds today's; None where one is missing."""
        new, old = row.solution.objective, self.rows[0].solution.objective
        return None if new is None or old is None else new - old

    def range(self, row: WhatIfRow) -> tuple[Number | None, Number | None]:
        """Return between what the difference of the optima lies, as far as bounds prove it."""
        new, old = row.solution, self.rows[0].solution
        below, above = _difference(new.objective, old.bound), _difference(new.bound, old.objective)
        return (below, above) if self.conventions.maximize else (above, below)

    def gain(self, row: WhatIfRow) -> float:
        """Return how much better than today a row is; infinite where only the row has a plan."""
        new, old = row.solution.objective, self.rows[0].solution.objective
        if new is None or old is None:
            return 0.0 if new is old else inf if old is None else -inf
        return float(new - old if self.conventions.maximize else old - new)

    def records(self) -> list[dict[str, Any]]:
        """Return a plain record for each row: values, objective, bound, difference to today and its proven range."""
        records = []
        for row in self.rows:
            least, most = self.range(row)
            solution = row.solution
            records.append(
                {
                    **{path: row.values.get(path, TODAY) for path in self.paths},
                    "objective": solution.objective,
                    "bound": solution.bound,
                    "difference": self.difference(row),
                    "least_difference": least,
                    "most_difference": most,
                    "status": str(solution.status),
                    "stopped": str(solution.stopped),
                    "method": solution.method,
                    "runtime_s": solution.runtime_s,
                }
            )
        return records

    def to_frame(self) -> pd.DataFrame:
        """Return the records as a table."""
        import pandas as pd

        return pd.DataFrame(self.records())

    @property
    def verdict(self) -> str:
        """One line that says what pays most, of the changes of one key each, and what several bring together."""
        alone = [self._best(path) for path in self.paths]
        told = sorted((row for row in alone if row is not None), key=self.gain, reverse=True)
        parts = [f"{self._change(row)}: {self._effect(row)}" for row in told]
        joint = max((row for row in self.rows if len(row.values) > 1), key=self.gain, default=None)
        if joint is not None and self.gain(joint) > max(map(self.gain, told), default=0.0):
            parts.append(f"together {self._change(joint)}: {self._effect(joint)}")
        return "what pays most: " + "; ".join(parts) if parts else "nothing was changed"

    def _best(self, path: str) -> WhatIfRow | None:
        """Return the best row in which only this key is changed, the first of equals."""
        return max((row for row in self.rows if list(row.values) == [path]), key=self.gain, default=None)

    def _change(self, row: WhatIfRow) -> str:
        return " and ".join(f"{path} {self._step(path, value)}" for path, value in row.values.items())

    def _step(self, path: str, value: Value) -> str:
        """Write a number as its difference to today's, anything else as it was asked for."""
        today = self._today(path)
        if isinstance(value, str | bool) or today is None:
            return value_text(path, value)
        step = value_text(path, value - today)
        return step if value < today else f"+{step}"

    def _effect(self, row: WhatIfRow) -> str:
        gain, problem = self.gain(row), self.conventions
        if gain == inf:
            return f"a plan, with {amount(row.solution.objective, problem.unit)}"
        if gain == -inf:
            return "no plan"
        least, most = self.range(row)
        proof = "" if least is not None and least == most else " (not proved)"
        if not gain:
            return f"none{proof}"
        size = abs(self.difference(row) or 0)
        better = (gain > 0) == problem.maximize
        more = "more" if better else "fewer" if problem.integral else "less"
        unit = problem.unit or problem.objective
        if problem.integral and size == 1:
            unit = unit.removesuffix("s")
        return f"{number(size)} {more} {unit}{proof}" if problem.integral else f"{number(size)} {unit} {more}{proof}"

    def _today(self, path: str) -> Number | None:
        """Return today's value of a key, None where a path names several, or no number."""
        value = None if "*" in path else next(iter(self.instance.paths(path).values()))
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def plot(self, ax: Any = None) -> Figure:
        """Draw objective and bound against the first key, a line for each combination of the others."""
        from edgeopt.drawing.variations import plot_variations

        first = self.paths[0]
        today = self._today(first)
        records = [
            {**record, first: today} if record[first] == TODAY and today is not None else record
            for record in self.records()
        ]
        return plot_variations(records, self.paths, self.conventions.heading, ax)

    def __str__(self) -> str:
        headings = [*self.paths, self.conventions.objective, "bound", "difference", "status"]
        cells = []
        for row in self.rows:
            difference = self.difference(row)
            sign = "+" if difference and difference > 0 else ""
            shown = NOTHING if difference is None or row is self.rows[0] else f"{sign}{number(difference)}"
            solution = row.solution
            cells.append(
                [
                    *(value_text(path, row.values.get(path, TODAY)) for path in self.paths),
                    number(solution.objective),
                    number(solution.bound),
                    shown,
                    status_text(solution.status, solution.stopped),
                ]
            )
        title = f"{self.instance.problem} {self.instance.name}"
        numeric = range(len(self.paths), len(self.paths) + 3)
        return "\n".join([title, *aligned(headings, cells, numeric), self.verdict])

    def __repr__(self) -> str:
        return f"WhatIf(instance={self.instance.name!r}, paths={self.paths!r}, rows=<{len(self.rows)}>)"

    def _repr_html_(self) -> str:
        frame: Any = self.to_frame()
        return facts_html(f"{self.instance.name}: what if", {"verdict": self.verdict}) + str(frame._repr_html_())


def whatif(
    instance: Instance | str | Path,
    changes: Changes,
    method: MethodChoice = "auto",
    *,
    on_row: Callable[[WhatIfRow], None] | None = None,
    **options: Any,
) -> WhatIf:
    """Solve an instance as it is, with each change alone, and with every combination of the changes.

    Parameters
    ----------
    instance : Instance or path
    changes : mapping of str to list
        Values by the paths of keys, as in `edgeopt.varied`: ``{"server.memory_bytes": ["8GB", "16GB"],
        "users.*.deadline_s": ["x0.5", "x2"]}``.
    method : str or callable
    on_row : callable, optional
        Called with each `WhatIfRow` as soon as it is there.
    **options
        See `solve`; the limits hold for each run. Each run starts from the best feasible plan of those with one
        other value, and ends with that plan where a method other than a baseline finds no better one.

    Returns
    -------
    WhatIf

    Raises
    ------
    InputError, UsageError
        A path names nothing, or a value is not what it should be: before anything is solved.
    """
    instance = as_instance(instance)
    if "start" in options:
        raise UsageError("each run starts from the plans of those before; solve today's instance with a start instead")
    wanted = list(_wanted(instance, changes))
    usual = instance.conventions
    counted = (each.instance.conventions for each in wanted)
    conventions = next((other for other in counted if other.objective != usual.objective), usual)
    result = WhatIf(instance, list(axes_of(changes)), conventions)
    for variation in wanted:
        start = _best_start(variation, result.rows)
        solution = solve(variation.instance, method, start=start, **options)
        if start is not None and isinstance(method, str) and _searches(solution):
            solution = _no_worse(variation.instance, solution, start)
        row = WhatIfRow(variation.values, solution)
        result.rows.append(row)
        if on_row is not None:
            on_row(row)
        if row.solution.stopped == Stopped.INTERRUPTED:
            result.interrupted = True
            break
    return result


def number_of_runs(changes: Changes) -> int:
    """Return the most runs that `whatif` makes of changes: today's, each alone, and the grid."""
    sizes = [len(values) for values in axes_of(changes).values()]
    grid = 1
    for size in sizes:
        grid *= size
    return 1 + sum(sizes) + (grid if len(sizes) > 1 else 0)


def value_text(path: str, value: Value) -> str:
    """Write the value of a key, with its unit where it has one."""
    unit = unit_of(path)
    if isinstance(value, bool | str) or not unit:
        return value if isinstance(value, str) else str(value)
    return quantity(value, unit)


def _wanted(instance: Instance, changes: Changes) -> Iterator[Variation]:
    """Yield today's instance, each change alone, and the grid of several keys; equal instances once."""
    yield Variation({}, instance)
    seen = {instance.sha256}
    axes = axes_of(changes)
    points: list[Mapping[str, Any]] = [{path: values} for path, values in axes.items()]
    for point in [*points, *([axes] if len(axes) > 1 else [])]:
        for variation in varied(instance, point):
            if variation.instance.sha256 not in seen:
                seen.add(variation.instance.sha256)
                yield variation


def _best_start(variation: Variation, rows: list[WhatIfRow]) -> dict[str, Any] | None:
    """Return the plan that is best here, of today, of the last run, and of those with one other value; None of none."""
    best, value, instance = None, None, variation.instance
    near = [row for row in rows if _differences(row.values, variation.values) <= 1]
    for solution in {id(row): row.solution for row in [*rows[:1], *near, *rows[-1:]]}.values():
        if solution.plan is None:
            continue
        report = check(instance, solution.plan)
        better = value is None or (report.objective or 0) * _sign(instance) > value * _sign(instance)
        if report.feasible and better:
            best, value = solution.plan, report.objective
    return best


def _differences(first: Mapping[str, Value], second: Mapping[str, Value]) -> int:
    """Count the keys that have other values; today's are those that are not named."""
    return sum(first.get(path) != second.get(path) for path in {*first, *second})


def _searches(solution: Solution) -> bool:
    """Say whether the method looks for good plans: a baseline stands for a figure of its own."""
    return find_method(solution.problem, solution.method).kind in ("exact", "heuristic")


def _no_worse(instance: Instance, solution: Solution, start: dict[str, Any]) -> Solution:
    """Return the solution, or where its start is better the start, certified with the same bound."""
    worth, found = check(instance, start).objective, solution.objective
    if worth is None or (found is not None and _sign(instance) * worth <= _sign(instance) * found):
        return solution

    def keep(instance: Instance) -> Outcome:
        message = f"{solution.method} finds nothing better than an earlier plan, which is kept"
        return Outcome(start, solution.bound, solution.stopped, message=message)

    kept = solve(instance, keep, seed=solution.seed, threads=solution.threads)
    return kept.model_copy(
        update={"method": solution.method, "runtime_s": solution.runtime_s, "setup_s": solution.setup_s}
    )


def _sign(instance: Instance) -> int:
    return 1 if instance.conventions.maximize else -1


def _difference(new: Number | None, old: Number | None) -> Number | None:
    return None if new is None or old is None else new - old
