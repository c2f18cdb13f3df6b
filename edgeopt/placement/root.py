"""The root of the proof: the linear relaxation, and rounds of the rows that its solution breaks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import LinearProgram
from edgeopt.placement.cuts import Cut, rows_of
from edgeopt.placement.hit_hulls import HitHulls
from edgeopt.placement.node_cuts import NodeCuts
from edgeopt.placement.program import Placement, Program
from edgeopt.run import Run

MOST_ROUNDS = 100  # of each kind
PATIENCE = 2  # rounds in a row that may close little
LEAST_PROGRESS = 0.01  # of what all rounds have closed, whatever placement is known; less is little
LEAST_RISE = 1e-7  # of the bound; less is nothing

Vector = NDArray[np.float64]


class Root:
    """The relaxation of a program, which rows make smaller.

    Parameters
    ----------
    program : Program
    start : numpy.ndarray of bool, shape (nodes, models)
        A feasible placement; the rounds end where the bound meets its value.
    run : Run

    Attributes
    ----------
    bound : float or None
        Proven by the multipliers of a solved relaxation; None before the first.
    """

    def __init__(self, program: Program, start: Placement, run: Run) -> None:
        self.program = program
        self.bound: float | None = None
        self._first_bound = 0.0
        self._run, self._value = run, program.arrays.value(start)
        self._solver = HighsSolver(program.linear, run)
        self._cuts: list[Cut] = []
        self._values: Vector | None = None
        self._duals = np.zeros(0)

    def relax(self) -> bool:
        """Solve the relaxation as it stands, and say whether that was done before a limit."""
        result = self._solver.solve(relaxed=True)
        if result.values is None or result.row_duals is None:
            return False
        self._values, self._duals = result.values, result.row_duals
        proven = self._solver.program.proven_bound(result.row_duals)
        if proven is not None:
            self.bound = min(proven, self.program.arrays.all_weight if self.bound is None else self.bound)
            self._first_bound = max(self._first_bound, self.bound)
            self._run.report(bound=self.bound)
        return True

    def strengthen(self) -> None:
        """Add rows in rounds: those of single models, then those of single nodes with them where there are several.

        With one node its row would be the problem itself; that is left to the method made of such trees.
        """
        hulls = HitHulls(self.program, self._run)
        self._repeat(hulls.violated)
        if len(self.program.arrays.node_names) > 1:
            nodes = NodeCuts(self.program, self._run)
            self._repeat(lambda values: hulls.violated(values) + nodes.violated(values, self._reduced_costs()))

    def strong_program(self) -> LinearProgram:
        """Return the program with the rows on which the bound depends."""
        own = len(self.program.linear.row_upper)
        carrying = [cut for cut, dual in zip(self._cuts, self._duals[own:], strict=False) if dual]
        rows, most = rows_of(carrying, len(self.program.linear.cost))
        return self.program.linear.with_rows(rows, np.full(len(most), -np.inf), most)

    def _repeat(self, find: Callable[[Vector], list[Cut]]) -> None:
        """Repeat rounds as long as they close enough."""
        idle = 0
        for _ in range(MOST_ROUNDS):
            before = self.bound
            if before is None or self._values is None or self._run.stop_reason() is not None:
                return
            closed = before - self._value <= self._run.options.gap * abs(self._value)
            cuts = [] if closed else find(self._values)
            if not cuts:
                return
            rows, most = rows_of(cuts, len(self.program.linear.cost))
            self._solver.add_rows(rows, np.full(len(most), -np.inf), most)
            self._cuts += cuts
            if not self.relax() or self.bound is None:
                return
            little = max(LEAST_PROGRESS * (self._first_bound - self.bound), LEAST_RISE * self.bound)
            idle = idle + 1 if before - self.bound < little else 0
            if idle > PATIENCE:
                return

    def _reduced_costs(self) -> Vector:
        """Return the reduced costs of all columns, shape (columns,)."""
        costs: Vector = self.program.linear.cost - self._duals @ self._solver.program.rows
        return costs
