"""Relaxations of loading with one deadline, and which of them are in reach."""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from typing import TYPE_CHECKING

from edgeopt.loading.objective import WHOLE_GAP
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.programs import union_program
from edgeopt.run import Run
from edgeopt.solution import Number, Status
from edgeopt.tolerances import WHOLE

if TYPE_CHECKING:
    from edgeopt.engines.linear import LinearProgram

LARGE_TERMS = 50_000  # of the rows that count runs; beyond, the relaxation takes seconds
MOST_TERMS = 1_000_000  # beyond, it takes too long


def floor_bound(bound: float) -> int:
    """Round a bound on a number of users down, allowing for rounding errors."""
    return floor(bound + WHOLE)


def union_bound(prefixes: Prefixes, run: Run) -> int:
    """Bound the users by the plan that loads each block once, whatever the order.

    Solved as a mixed-integer program; when it is stopped early its own bound holds, and without one the users that
    could be served without any loading.
    """
    bound = prefixes.users_without_loading()
    run.report(bound=bound)
    if not prefixes.model_names or run.stop_reason() is not None:
        return bound
    return program_bound(union_program(prefixes), bound, run)


def program_bound(program: LinearProgram, bound: int, run: Run) -> int:
    """Tighten a bound on the users by a program that relaxes the problem, see `value_bound`."""
    return int(value_bound(program, bound, floor_bound, WHOLE_GAP, run))


def value_bound(
    program: LinearProgram, bound: Number, rounded: Callable[[float], Number], gap: float, run: Run
) -> Number:
    """Tighten a bound by a program that relaxes the problem: first by its linear relaxation.

    Stopped early, the branch and bound's own bound holds.

    Parameters
    ----------
    program : LinearProgram
    bound : int or float
    rounded : callable
        Rounds a bound of the solver, see `Objective.floor`.
    gap : float
        Gap at which the branch and bound may stop.
    run : Run
    """
    from edgeopt.engines.highs import HighsSolver

    solver = HighsSolver(program, run)
    relaxed = solver.solve(relaxed=True)
    if relaxed.row_duals is not None:
        proven = solver.program.proven_bound(relaxed.row_duals)
        bound = bound if proven is None else min(bound, rounded(proven))
        run.report(bound=bound)
    result = solver.solve(absolute_gap=gap, report=lambda _, value: run.report(None, value and rounded(value)))
    if result.status == Status.INFEASIBLE or result.bound is None:
        return bound
    return min(bound, rounded(result.bound))


def terms(prefixes: Prefixes) -> int:
    """Size of the rows that count the runs of each block: its pairs of holders."""
    return sum(len(models) * (len(models) - 1) // 2 for models in prefixes.sharing.holders)


def too_large(prefixes: Prefixes) -> str | None:
    """Say why the forest of overlaps is out of reach, or return None."""
    number = terms(prefixes)
    return f"the blocks join {number} pairs of models, {MOST_TERMS} are in reach" if number > MOST_TERMS else None
