"""The multiple-choice knapsack on HiGHS, after prices have ruled out most candidates; storage verified to the byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.caching.lagrangian import Dual
from edgeopt.caching.tables import DelayTables, Menu
from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import compile_formulation
from edgeopt.models.caching import formulate
from edgeopt.run import Run
from edgeopt.solution import Status, Stopped

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MARGIN = 1e-9  # relative; candidates are ruled out, and bounds stated, with this margin for rounding


@dataclass(frozen=True)
class MenuSolution:
    """The solution of the program over a menu.

    Attributes
    ----------
    choice : numpy.ndarray of int64 or None, shape (blocks,)
    bound : float or None
        On the expected delay over the menu.
    stopped : Stopped
    infeasible : bool
        No choice from the menu fits and is finite.
    """

    choice: Integers | None
    bound: float | None
    stopped: Stopped
    infeasible: bool = False


def promising(menu: Menu, dual: Dual) -> NDArray[np.bool_]:
    """Return the candidates that could belong to a better choice than the best one known, shape (blocks, candidates).

    Taking a candidate whose cost plus prices exceeds the least of its block by more than the gap costs more than the
    best choice known.
    """
    priced = menu.costs + menu.members @ dual.prices
    extra = menu.sizes[:, None] * (priced - priced.min(axis=1, keepdims=True))[menu.group]
    room: float = dual.objective - dual.bound + MARGIN * abs(dual.objective)
    return extra <= room if np.isfinite(room) else np.isfinite(extra)


def solve_menu(
    tables: DelayTables,
    menu: Menu,
    dual: Dual,
    run: Run,
    node_limit: int | None = None,
    found: Callable[[Integers], object] = lambda choice: None,
) -> MenuSolution:
    """Minimise the expected delay over a menu.

    HiGHS keeps rows to a tolerance, bytes count exactly: a choice that overfills a node is cut off and the program is
    solved again; what is cut is infeasible, so the bounds stay valid. Bounds are reported, delays are not: those of
    a menu may be bounds too. Who knows the delay of a plan is told each better choice that fits, by `found`.
    """
    best, objective = dual.choice, dual.objective
    run.report(None, dual.bound)
    if best is not None and objective - dual.bound <= run.options.gap * abs(objective):
        return MenuSolution(best, dual.bound, Stopped.FINISHED)
    formulation = formulate(tables, menu, promising(menu, dual))
    linear = compile_formulation(formulation)
    columns, stored = linear.columns(formulation.x), linear.columns(formulation.z)
    solver, bound = HighsSolver(linear, run), dual.bound

    def offer(values: Floats) -> None:
        choice = _choice(columns, values, len(menu.sizes))
        if (menu.free(choice) >= 0).all():
            found(choice)

    while True:
        result = solver.solve(
            gap=run.options.gap,
            absolute_gap=0.0,
            node_limit=node_limit,
            start=None if best is None else _start(menu, columns, stored, best, len(linear.cost)),
            report=lambda _, proven: run.report(None, None if proven is None else min(proven, dual.objective)),
            found=offer,
        )
        if result.status == Status.INFEASIBLE:
            # What prices ruled out is no better than the best known.
            return MenuSolution(best, None if best is None else objective, Stopped.PROVED, infeasible=best is None)
        if result.bound is not None:
            bound = max(bound, result.bound)
        if result.values is None:
            return MenuSolution(best, min(bound, objective), result.stopped)
        choice = _choice(columns, result.values, len(menu.sizes))
        over = np.flatnonzero(menu.free(choice) < 0)
        if len(over) == 0:
            if menu.cost(choice) < objective:
                best, objective = choice, menu.cost(choice)
            return MenuSolution(best, min(bound, objective), result.stopped)
        if result.stopped != Stopped.PROVED:
            return MenuSolution(best, min(bound, objective), result.stopped)
        cuts, most = _cover_cuts(menu, stored, choice, over, len(linear.cost))
        solver.add_rows(cuts, np.full(len(over), -np.inf), most)


Columns = dict[tuple[int, int], int]


def _start(menu: Menu, columns: Columns, stored: Columns, choice: Integers, count: int) -> Floats:
    values = np.zeros(count)
    for block, candidate in enumerate(choice.tolist()):
        if (block, candidate) in columns:
            values[columns[block, candidate]] = 1.0
    masks = menu.masks[menu.group, choice]
    for (block, node), column in stored.items():
        values[column] = masks[block] >> node & 1
    return values


def _choice(columns: Columns, values: Floats, blocks: int) -> Integers:
    choice = np.zeros(blocks, np.int64)
    for (block, candidate), column in columns.items():
        if values[column] > 0.5:
            choice[block] = candidate
    return choice


def _cover_cuts(
    menu: Menu, stored: Columns, choice: Integers, over: Integers, count: int
) -> tuple[sparse.csr_array, Floats]:
    """Return rows ``row @ x <= most``: of the blocks that overfill a node, at least one is not cached there."""
    masks = menu.masks[menu.group, choice]
    rows = sparse.lil_array((len(over), count))
    for row, node in enumerate(over.tolist()):
        for block in np.flatnonzero(masks >> node & 1).tolist():
            rows[row, stored[block, node]] = 1.0
    cuts = sparse.csr_array(rows)
    return cuts, cuts.sum(axis=1) - 1
