"""The strong formulation on HiGHS, with storage verified to the byte."""

from __future__ import annotations

import numpy as np

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import LinearProgram, Vector
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.greedy import greedy_placement
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.nothing import unless_nothing_fits, why_nothing
from edgeopt.placement.program import Placement, Program
from edgeopt.placement.root import Root
from edgeopt.placement.starts import searched_start
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Stopped
from edgeopt.tolerances import HIGHS_BOUND_ERROR

INTEGRAL_GAP = 0.999  # two different values of an integral objective differ by 1
ROOT_PART = 0.5  # of the time left


def solve_program(arrays: DemandArrays, start: Placement, run: Run, node_limit: int | None = None) -> Outcome:
    """Maximise the hit weight on HiGHS, by the formulation as it is."""
    if not len(arrays.group_model):
        return Outcome(plan=arrays.plan(start), bound=0)
    program = Program(arrays)
    return _branch(program, program.linear, start, arrays.all_weight, run, node_limit)


def prove_program(arrays: DemandArrays, start: Placement, run: Run) -> Outcome:
    """Maximise the hit weight on HiGHS, by the formulation with the rows of its root."""
    if not len(arrays.group_model):
        return Outcome(plan=arrays.plan(start), bound=0)
    stopped = run.stop_reason()
    if stopped is not None:  # a large program takes long to state
        return Outcome(arrays.plan(start), arrays.all_weight, stopped)
    program = Program(arrays)
    root = Root(program, start, run.part(ROOT_PART * run.remaining_s(), reports="bound"))
    if root.relax():
        root.strengthen()
    bound = arrays.all_weight if root.bound is None else root.bound
    return _branch(program, root.strong_program(), start, bound, run, None)


def _branch(
    program: Program, linear: LinearProgram, start: Placement, bound: float, run: Run, node_limit: int | None
) -> Outcome:
    """Solve the linear program with integers, from a start and a bound.

    HiGHS keeps rows to a tolerance, bytes count exactly: a solution that overfills a node is cut off and the program
    is solved again; what is cut is infeasible, so the bounds stay valid.
    """
    arrays, solver = program.arrays, HighsSolver(linear, run)
    known: Incumbent[Placement] = Incumbent(run, plan=arrays.plan)
    known.offer(start, arrays.value(start))

    def found(values: Vector) -> None:
        placed = program.placement(values)
        if program.cover_cuts(placed).shape[0] == 0:
            known.offer(placed, arrays.value(placed))

    def outcome(stopped: Stopped) -> Outcome:
        return Outcome(arrays.plan(start if known.best is None else known.best), bound, stopped)

    absolute_gap = INTEGRAL_GAP - 2 * HIGHS_BOUND_ERROR * bound if arrays.integral else 0.0
    while True:
        result = solver.solve(
            gap=run.options.gap,
            absolute_gap=max(0.0, absolute_gap),
            node_limit=run.options.iteration_limit if node_limit is None else node_limit,
            start=program.start(start if known.best is None else known.best),
            report=lambda _, proven: run.report(None, None if proven is None else _loosened(proven)),
            found=found,
        )
        if result.bound is not None:
            bound = min(bound, _loosened(result.bound))
        if result.values is None:
            return outcome(result.stopped)
        found(result.values)
        cuts = program.cover_cuts(program.placement(result.values))
        if cuts.shape[0] == 0 or result.stopped != Stopped.PROVED:
            return outcome(result.stopped)
        solver.add_rows(cuts, np.full(cuts.shape[0], -np.inf), cuts.sum(axis=1) - 1)


def _loosened(bound: float) -> float:
    """Raise a bound by what the tolerances of HiGHS may have taken off it; they do not tell 1e12 from 1e12 + 1."""
    return bound + HIGHS_BOUND_ERROR * abs(bound)


def relaxation(arrays: DemandArrays, run: Run) -> Outcome:
    """Return the bound of the root, proven by multipliers; none when its first relaxation was not solved in time."""
    start, stopped = greedy_placement(arrays), run.stop_reason()
    if stopped is not None:
        return Outcome(bound=arrays.all_weight, stopped=stopped)
    root = Root(Program(arrays), start, run)
    if root.relax():
        root.strengthen()
    return Outcome(bound=root.bound, stopped=run.stop_reason() or Stopped.FINISHED)


@unless_nothing_fits
def solve(arrays: DemandArrays, run: Run) -> Outcome:
    """Solve the strong mixed-integer formulation with the rows of its root on HiGHS."""
    return prove_program(arrays, searched_start(arrays, run), run)


def solve_bound(instance: PlacementInstance, run: Run) -> Outcome:
    """Bound the hit weight by the linear relaxation of the strong formulation and rows that its solutions break."""
    arrays = DemandArrays(instance)
    return relaxation(arrays, run) if arrays.model_names else Outcome(bound=0, message=why_nothing(instance))
