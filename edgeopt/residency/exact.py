"""The interval packing on HiGHS, with memory verified to the byte."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import compile_formulation
from edgeopt.engines.running import Result
from edgeopt.models.residency import formulate
from edgeopt.residency.arrays import Floats, Intervals, Kept
from edgeopt.residency.greedy import given_start
from edgeopt.residency.nothing import if_all_models_fit
from edgeopt.residency.windows import searched
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Status, Stopped
from edgeopt.tolerances import HIGHS_BOUND_ERROR, HIGHS_PRECISION


class Program:
    """The compiled formulation, and how its columns read as intervals."""

    def __init__(self, intervals: Intervals) -> None:
        self.intervals = intervals
        self.formulation = formulate(intervals)
        self.linear = compile_formulation(self.formulation)
        self.kept_columns = self.linear.columns(self.formulation.x)

    def kept(self, values: Floats) -> Kept:
        """Return the intervals kept by a solution, shape (intervals,)."""
        kept = self.intervals.none()
        for interval, column in self.kept_columns.items():
            kept[interval] = values[column] > 0.5
        return kept

    def start(self, kept: Kept) -> Floats:
        """Return the values of all columns, shape (columns,)."""
        values = np.zeros(len(self.linear.cost))
        for interval, column in self.kept_columns.items():
            values[column] = kept[interval]
        for visit, column in self.linear.columns(self.formulation.z).items():
            values[column] = kept[self.intervals.joint[visit]].all()
        return values

    def cover_cuts(self, kept: Kept) -> sparse.csr_array:
        """Return rows ``row @ x <= (entries of row) - 1`` that forbid what overfills a visit, one each."""
        over = np.flatnonzero(self.intervals.free_bytes(kept) < 0)
        rows = sparse.lil_array((len(over), len(self.linear.cost)))
        for row, visit in enumerate(over):
            spanning = kept & (self.intervals.first <= visit) & (visit < self.intervals.end)
            for interval in np.flatnonzero(spanning).tolist():
                rows[row, self.kept_columns[interval]] = 1.0
        return sparse.csr_array(rows)


def solve_program(intervals: Intervals, start: Kept, run: Run) -> Outcome:
    """Minimise the seconds of loading on HiGHS.

    HiGHS keeps rows to a tolerance, bytes count exactly: a solution that overfills a visit is cut off and the program
    is solved again; what is cut is infeasible, so the bounds stay valid.
    """
    known: Incumbent[Kept] = Incumbent(run, plan=intervals.plan)
    known.offer(start, intervals.seconds(start))
    known.tighten(intervals.least_s)
    ended = run.stop_reason()  # a large program takes long to state
    stopped = ended or Stopped.FINISHED
    if len(intervals.block) and ended is None:
        program = Program(intervals)
        solver = HighsSolver(program.linear, run)

        def found(values: Floats) -> None:
            kept = program.kept(values)
            if program.cover_cuts(kept).shape[0] == 0:
                known.offer(kept, intervals.seconds(kept))

        while True:
            result = solver.solve(
                gap=run.options.gap,
                node_limit=run.options.iteration_limit,
                start=program.start(start if known.best is None else known.best),
                report=lambda _, bound: run.report(bound=None if bound is None else _loosened(bound, intervals)),
                found=found,
            )
            if result.bound is not None:
                known.tighten(_loosened(result.bound, intervals))
            stopped = result.stopped
            if result.values is None:
                break
            found(result.values)
            cuts = program.cover_cuts(program.kept(result.values))
            if cuts.shape[0] == 0:
                _close(known, result)
                break
            if stopped != Stopped.PROVED:
                break
            solver.add_rows(cuts, np.full(cuts.shape[0], -np.inf), cuts.sum(axis=1) - 1)
    return Outcome(intervals.plan(start if known.best is None else known.best), known.bound, stopped)


def _close(known: Incumbent[Kept], result: Result) -> None:
    """Take the plan's value for the bound where the solver's precision tells no difference.

    No saving is larger than the value, for each block is loaded at least once: so precision is relative to it.
    """
    value, bound = known.value, result.bound
    if value is None or bound is None or result.status != Status.OPTIMAL:
        return
    if abs(value - bound) <= HIGHS_PRECISION * value:
        known.tighten(value)


def _loosened(bound: float, intervals: Intervals) -> float:
    """Lower a bound by what the tolerances of HiGHS may have added to it; they are relative to all savings."""
    return intervals.floor_s(intervals.all_loaded_s - bound, HIGHS_BOUND_ERROR * intervals.savings_at_most)


@if_all_models_fit
def solve(intervals: Intervals, run: Run) -> Outcome:
    """Solve the interval packing on HiGHS, from the greedy plan.

    At an iteration limit the search over windows comes first, with as many passes, so that no other method does better.
    """
    start, limit = given_start(intervals, run), run.options.iteration_limit
    if limit is not None:
        start = searched(intervals, start, run.part(iterations=limit, reports="all"))
    return solve_program(intervals, start, run)
