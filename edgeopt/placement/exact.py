"""The strong formulation on HiGHS, with storage verified to the byte."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import LinearProgram, compile_formulation
from edgeopt.models.placement import formulate
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.nothing import unless_nothing_fits, why_nothing
from edgeopt.placement.starts import searched_start
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped
from edgeopt.tolerances import HIGHS_BOUND_ERROR

INTEGRAL_GAP = 0.999  # two different values of an integral objective differ by 1

Placement = NDArray[np.bool_]


class Program:
    """The compiled formulation of `arrays`, and how its columns read as placements."""

    def __init__(self, arrays: DemandArrays) -> None:
        self.arrays = arrays
        self.formulation = formulate(arrays)
        self.linear: LinearProgram = compile_formulation(self.formulation)
        self.model_columns = self.linear.columns(self.formulation.x)
        self.block_columns = self.linear.columns(self.formulation.z)

    def placement(self, values: NDArray[np.float64]) -> Placement:
        """Return the models placed by a solution, shape (nodes, models)."""
        placed = self.arrays.empty()
        for key, column in self.model_columns.items():
            placed[key] = values[column] > 0.5
        return placed

    def start(self, placed: Placement) -> NDArray[np.float64]:
        """Return the values of all columns for a placement, shape (columns,)."""
        values = np.zeros(len(self.linear.cost))
        for key, column in self.model_columns.items():
            values[column] = placed[key]
        for (node, model, block), _ in self.formulation.needs.items():
            if placed[node, model]:
                values[self.block_columns[node, block]] = 1.0
        covered = self.arrays.covered(placed) > 0
        for group, column in self.linear.columns(self.formulation.h).items():
            values[column] = covered[group]
        return values

    def cover_cuts(self, placed: Placement) -> sparse.csr_array:
        """Return rows ``row @ x <= (entries of row) - 1`` that forbid what overfills a node, one for each such node."""
        over = np.flatnonzero(self.arrays.stored_bytes(placed) > self.arrays.storage)
        rows = sparse.lil_array((len(over), len(self.linear.cost)))
        for row, node in enumerate(over):
            for model in np.flatnonzero(placed[node]):
                rows[row, self.model_columns[int(node), int(model)]] = 1.0
        return sparse.csr_array(rows)


def solve_program(arrays: DemandArrays, start: Placement, run: Run, node_limit: int | None = None) -> Outcome:
    """Maximise the hit weight on HiGHS.

    HiGHS keeps rows to a tolerance, bytes count exactly: a solution that overfills a node is cut off and the program
    is solved again; what is cut is infeasible, so the bounds stay valid.
    """
    best = start
    if not len(arrays.group_model):
        return Outcome(plan=arrays.plan(best), bound=0)
    program = Program(arrays)
    solver = HighsSolver(program.linear, run)
    bound = arrays.all_weight
    absolute_gap = INTEGRAL_GAP - 2 * HIGHS_BOUND_ERROR * bound if arrays.integral else 0.0
    while True:
        result = solver.solve(
            gap=run.options.gap,
            absolute_gap=max(0.0, absolute_gap),
            node_limit=run.options.iteration_limit if node_limit is None else node_limit,
            start=program.start(best),
            report=lambda _, proven: run.report(None, None if proven is None else _loosened(proven)),
        )
        if result.bound is not None:
            bound = min(bound, _loosened(result.bound))
        if result.values is None:
            return Outcome(plan=arrays.plan(best), bound=bound, stopped=result.stopped)
        placed = program.placement(result.values)
        cuts = program.cover_cuts(placed)
        if cuts.shape[0] == 0:
            best = max(best, placed, key=arrays.value)
            return Outcome(plan=arrays.plan(best), bound=bound, stopped=result.stopped)
        if result.stopped != Stopped.PROVED:
            return Outcome(plan=arrays.plan(best), bound=bound, stopped=result.stopped)
        solver.add_rows(cuts, np.full(cuts.shape[0], -np.inf), cuts.sum(axis=1) - 1)


def _loosened(bound: float) -> float:
    """Raise a bound by what the tolerances of HiGHS may have taken off it; they do not tell 1e12 from 1e12 + 1."""
    return bound + HIGHS_BOUND_ERROR * abs(bound)


def relaxation(arrays: DemandArrays, run: Run) -> Outcome:
    """Return the linear relaxation as a bound, proven by its multipliers; none when it was not solved in time."""
    linear = compile_formulation(formulate(arrays))
    result = HighsSolver(linear, run).solve(relaxed=True)
    stopped = Stopped.FINISHED if result.stopped == Stopped.PROVED else result.stopped
    proven = None if result.row_duals is None else linear.proven_bound(result.row_duals)
    return Outcome(bound=None if proven is None else min(proven, arrays.all_weight), stopped=stopped)


@unless_nothing_fits
def solve(arrays: DemandArrays, run: Run) -> Outcome:
    """Solve the strong mixed-integer formulation on HiGHS."""
    return solve_program(arrays, searched_start(arrays, run), run)


def solve_bound(instance: PlacementInstance, run: Run) -> Outcome:
    """Bound the hit weight by the linear relaxation of the strong formulation."""
    arrays = DemandArrays(instance)
    return relaxation(arrays, run) if arrays.model_names else Outcome(bound=0, message=why_nothing(instance))
