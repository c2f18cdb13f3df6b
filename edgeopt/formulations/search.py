"""The rounds in which a changed formulation is solved: solve, look for what the solution breaks, add it, repeat."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.certificates import check
from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import LinearProgram
from edgeopt.engines.running import Result
from edgeopt.errors import ProgramError
from edgeopt.instance import Instance
from edgeopt.run import Incumbent, Run
from edgeopt.solution import CheckReport, Number, Plan, Status, Stopped, crosses, relative_gap, status_text
from edgeopt.tolerances import HIGHS_BOUND_ERROR, HIGHS_PRECISION, PROVED_GAP, WHOLE

INTEGRAL_GAP = 0.999  # two different values of an integral objective differ by 1
MOST_ROUNDS = 200  # of rows for the linear relaxation
FIRST_NODES = 500  # of the branch and bound that looks for a first plan

Row = tuple[list[tuple[Any, float]], float]  # variables with coefficients, and what their sum is at most


@dataclass(frozen=True)
class FormulationSolution:
    """What was found for a formulation. Unlike a `Solution`'s, its figures are those of the formulation as it stood.

    Attributes
    ----------
    status : Status
        OPTIMAL, FEASIBLE, INFEASIBLE (the formulation has no plan) or UNKNOWN.
    stopped : Stopped
    objective : int or float or None
        Value of the formulation's objective at the plan; None without a plan.
    bound : int or float or None
        Proven bound on the formulation's optimum: with constraints of the user, no bound for the instance.
    gap : float or None
        As of `edgeopt.solution.relative_gap`.
    plan : dict or None
    report : CheckReport or None
        What the checker says of the plan: it breaks nothing, and is worth so much for the instance.
    runtime_s : float
        Seconds of the solver and the checks, without building and compiling.
    """

    status: Status
    stopped: Stopped
    objective: Number | None
    bound: Number | None
    gap: float | None
    plan: Plan | None = field(repr=False)
    report: CheckReport | None = field(repr=False)
    runtime_s: float

    def __str__(self) -> str:
        found = f"{status_text(self.status, self.stopped)}: objective {self.objective}, bound {self.bound}"
        return f"{found}, in {self.runtime_s:.3g} s"


@dataclass
class _Found:
    """A plan that passes the check, and the program's values."""

    plan: Plan
    report: CheckReport
    values: NDArray[np.float64]


def home_of(instance: Instance, formulation: Any) -> Any:
    """Return the module of a formulation: that of the instance's problem, unless it names another one."""
    return import_module(f"edgeopt.models.{getattr(formulation, 'home', instance.problem)}")


class Search:
    """One run on one formulation.

    Parameters
    ----------
    instance : Instance
    formulation : pyomo.environ.ConcreteModel
    program : LinearProgram
        The compiled formulation.
    lazy : Cycles or None
        What finds the rows that the formulation leaves to its method.
    run : Run
    """

    def __init__(self, instance: Instance, formulation: Any, program: LinearProgram, lazy: Any, run: Run) -> None:
        self.instance, self.formulation, self.lazy = instance, formulation, lazy
        self.solver = HighsSolver(program, run)
        self.known: Incumbent[_Found] = Incumbent(run, plan=lambda found: found.plan)
        self.infeasible = False
        used = program.cost != 0
        whole = program.integer[used].all() and (program.cost[used] % 1 == 0).all()
        self.integral = bool(whole and program.offset % 1 == 0)
        self._run, self._sign = run, 1 if program.maximize else -1

    def run(self) -> None:
        """Solve the formulation as well as the limits allow."""
        if self.lazy is not None:
            self._relax()
        while not self.known.closed():
            result = self._solve(
                start=self.known.best.values if self.known.best else None,
                report=lambda _, bound: self._tighten(bound),
            )
            if result.status == Status.INFEASIBLE:
                self.infeasible = self._confirmed_infeasible()
                return
            self._tighten(result.bound)
            rows = [] if result.values is None else self._judge(result.values)
            if result.stopped != Stopped.PROVED:
                self.known.stopped = result.stopped
                return
            if not rows:
                self._close(result)
                return
            self._add(rows)
            self._look()

    def _relax(self) -> None:
        """Add the rows that the linear relaxation breaks, take its bound, and look for a plan near it."""
        for _ in range(MOST_ROUNDS):
            result = self.solver.solve(relaxed=True)
            if result.row_duals is not None:
                self._tighten(self.solver.program.proven_bound(result.row_duals))
            if result.values is None:
                return
            self.solver.program.load(self.formulation, result.values)
            rows = self.lazy.broken(whole=False)
            if not rows:
                break
            self._add(rows)
        self._look()

    def _solve(self, **more: Any) -> Result:
        gap = INTEGRAL_GAP if self.integral else 0.0
        return self.solver.solve(gap=self._run.options.gap, absolute_gap=gap, **more)

    def _look(self) -> None:
        """Look briefly for a plan among those without cycles that are near the formulation's values."""
        if self.lazy is None or self.known.closed():
            return
        found = (self.solver.program.column(variable) for variable in self.lazy.unlikely())
        held = np.array([column for column in found if column is not None], np.int64)
        lower, upper = self.solver.program.column_lower[held].copy(), self.solver.program.column_upper[held].copy()
        self.solver.change_bounds(held, lower, np.maximum(lower, 0.0))
        result = self._solve(node_limit=FIRST_NODES, time_limit=self._run.remaining_s() / 4)
        self.solver.change_bounds(held, lower, upper)
        if result.values is not None:
            self._add(self._judge(result.values))

    def _judge(self, values: NDArray[np.float64]) -> list[Row]:
        """Keep a solution that is a plan of the instance; otherwise return rows that cut it off."""
        program = self.solver.program
        exact = np.where(program.integer, np.round(values), values)
        program.load(self.formulation, exact)
        rows: list[Row] = self.lazy.broken(whole=True) if self.lazy is not None else []
        if rows:
            return rows
        plan = home_of(self.instance, self.formulation).read_plan(self.formulation)
        report = check(self.instance, plan)
        if report.violations:
            return [self._exclusion(exact)]
        objective = program.objective(exact)
        self.known.offer(_Found(plan, report, exact), round(objective) if self.integral else objective)
        return []

    def _exclusion(self, values: NDArray[np.float64]) -> Row:
        """Return the row that cuts off one solution, which only the solver's tolerances let pass."""
        program = self.solver.program
        binary = program.integer & (program.column_lower >= 0) & (program.column_upper <= 1)
        terms = [(program.variables[c], 1.0 if values[c] > 0.5 else -1.0) for c in np.flatnonzero(binary).tolist()]
        return terms, float((values[binary] > 0.5).sum() - 1)

    def _add(self, rows: list[Row]) -> None:
        """Add rows; what is fixed in the formulation goes to their right sides."""
        program, entries, most = self.solver.program, [], []
        for row, (terms, limit) in enumerate(rows):
            found = [(program.column(variable), variable, factor) for variable, factor in terms]
            entries += [(factor, row, column) for column, _, factor in found if column is not None]
            most.append(limit - sum(factor * variable.value for column, variable, factor in found if column is None))
        if rows:
            values, places, columns = zip(*entries, strict=True) if entries else ((), (), ())
            matrix = sparse.csr_array((values, (places, columns)), shape=(len(rows), len(program.cost)))
            self.solver.add_rows(matrix, np.full(len(rows), -np.inf), np.array(most))

    def _tighten(self, bound: float | None) -> None:
        """Take a bound of the solver, widened by what its tolerances may have taken off."""
        if bound is None:
            return
        widened = bound + self._sign * HIGHS_BOUND_ERROR * abs(bound)
        self.known.tighten(self._sign * -ceil(-self._sign * widened - WHOLE) if self.integral else widened)

    def _close(self, result: Result) -> None:
        """Take the plan's value for the bound where the solver's precision tells no difference."""
        value, bound = self.known.value, result.bound
        if value is None or bound is None or result.status != Status.OPTIMAL:
            return
        if abs(value - bound) <= HIGHS_PRECISION * abs(value):
            self.known.tighten(value)

    def _confirmed_infeasible(self) -> bool:
        """Ask again without the solver's presolve, whose word alone is no proof."""
        if self.known.best is not None:
            raise ProgramError("HiGHS finds no plan where one is known")
        again = HighsSolver(self.solver.program, self._run, {"presolve": "off"}).solve()
        self.known.stopped = None if again.status == Status.INFEASIBLE else again.stopped
        return again.status == Status.INFEASIBLE

    def solution(self) -> FormulationSolution:
        """Return plan and bound, and leave the plan's values in the formulation."""
        best, objective, bound = self.known.best, self.known.value, self.known.bound
        if best is not None:
            self.solver.program.load(self.formulation, best.values)
        if objective is not None and bound is not None and self._sign * (objective - bound) > 0:
            if crosses(objective, bound, maximize=self._sign > 0, integral=self.integral):
                raise ProgramError(f"the bound {bound} of HiGHS crosses the objective {objective} of a checked plan")
            bound = objective
        gap = relative_gap(objective, bound)
        if best is None:
            status = Status.INFEASIBLE if self.infeasible else Status.UNKNOWN
        else:
            status = Status.OPTIMAL if gap is not None and gap <= PROVED_GAP else Status.FEASIBLE
        proved = status in (Status.OPTIMAL, Status.INFEASIBLE)
        return FormulationSolution(
            status=status,
            stopped=Stopped.PROVED if proved else self.known.stopped or Stopped.FINISHED,
            objective=objective,
            bound=bound,
            gap=gap,
            plan=None if best is None else best.plan,
            report=None if best is None else best.report,
            runtime_s=round(self._run.elapsed_s(), 6),
        )
