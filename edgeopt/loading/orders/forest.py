"""The formulation of loading inside HiGHS, with the rows against cycles that were found so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.running import Result
from edgeopt.loading.orders.subtours import Cut, cycles, violated_cuts
from edgeopt.loading.overlaps import heaviest_paths, order_of_paths, overlapping_pairs
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.programs import first_columns, forest_program
from edgeopt.loading.relaxations import LARGE_TERMS, terms
from edgeopt.run import Run

CUT_MARGIN = 1e-4  # violation from which a row is worth adding
# In units of the deadline; its row is looser than what the solver tolerates, so that all it cuts off is too late.
DEADLINE_MARGIN = 2e-6


@dataclass(frozen=True)
class Point:
    """Values of the formulation by meaning.

    Attributes
    ----------
    pairs : numpy.ndarray, shape (pairs,)
        How far each pair are neighbours.
    visited : numpy.ndarray, shape (models,)
        How far each model is visited.
    served : numpy.ndarray, shape (models,)
        Users of each model.
    """

    pairs: NDArray[np.float64]
    visited: NDArray[np.float64]
    served: NDArray[np.float64]


class Forest:
    """The formulation as a program that grows.

    First it maximises the users before the deadline; after `ask` it minimises the time in which so many are served.

    Parameters
    ----------
    prefixes : Prefixes
        With at least one model.
    run : Run
        Limits of the solver.
    """

    def __init__(self, prefixes: Prefixes, run: Run) -> None:
        self.prefixes = prefixes
        self.pairs = overlapping_pairs(prefixes)
        program, first = forest_program(prefixes, self.pairs), first_columns(prefixes)
        self._pair_columns = first[-1] + np.arange(len(self.pairs))
        self._user_columns = [np.arange(start, end) for start, end in pairwise(first)]
        self._visit_columns = first[:-1]
        self._pairs_at: dict[int, dict[int, int]] = {i: {} for i in range(len(prefixes.model_names))}
        for column, (i, k) in zip(self._pair_columns.tolist(), self.pairs.tolist(), strict=True):
            self._pairs_at[i][k] = self._pairs_at[k][i] = column
        self._deadline_row = 0
        self._large = terms(prefixes) > LARGE_TERMS
        self._users_row: int | None = None
        self.solver = HighsSolver(program, run)

    def relax(self) -> tuple[Result, float | None]:
        """Solve the linear relaxation as it stands; return its result and the bound that its multipliers prove."""
        result = self.solver.solve(relaxed=True, interior_point=self._large)
        self._large = False  # from now on the last basis is a start
        proven = None if result.row_duals is None else self.solver.program.proven_bound(result.row_duals)
        return result, proven

    def ask(self, number: int) -> None:
        """Ask from now on for the least time in which exactly so many users are served."""
        program = self.solver.program
        if self._users_row is None:
            row = program.rows[[self._deadline_row], :]
            users = sparse.csr_array(program.cost[None, :])
            self.solver.change_row_bounds(self._deadline_row, -np.inf, 1 + DEADLINE_MARGIN)
            self.solver.change_costs(row.toarray().ravel(), maximize=False)
            self._users_row = program.rows.shape[0]
            self.solver.add_rows(users, np.array([float(number)]), np.array([float(number)]))
        self.solver.change_row_bounds(self._users_row, number, number)

    def point(self, values: NDArray[np.float64]) -> Point:
        """Read values by meaning."""
        served = np.array([values[columns].sum() for columns in self._user_columns])
        return Point(values[self._pair_columns], values[self._visit_columns], served)

    def separate(self, point: Point) -> int:
        """Add rows against cycles that a fractional point breaks; return how many."""
        return self._cut(violated_cuts(self.pairs, point.pairs, point.visited, CUT_MARGIN))

    def separate_cycles(self, point: Point) -> int:
        """Add a row against each cycle of an integral point; return how many."""
        return self._cut(cycles(self.pairs[point.pairs > 0.5]))

    def exclude(self, point: Point) -> None:
        """Add the row that cuts off one integral point, for one that is too late by less than the margin."""
        served = np.round(point.served).astype(np.int64)
        last = np.array([self._user_columns[i][served[i] - 1] for i in np.flatnonzero(served)], dtype=np.int64)
        joined = point.pairs > 0.5
        columns = np.concatenate([last, self._pair_columns])
        signs = np.concatenate([np.ones(len(last)), np.where(joined, 1.0, -1.0)])
        self._add([columns], [signs], float(len(last) + joined.sum() - 1))

    def order(self, point: Point) -> list[int]:
        """Lay all models in an order that follows the chosen pairs, largest first, then the largest overlaps."""
        overlap = self.prefixes.overlap_s[self.pairs[:, 0], self.pairs[:, 1]]
        weight = point.pairs + 1e-3 * overlap / max(overlap.max(initial=0.0), 1e-300)
        models = len(self.prefixes.model_names)
        return order_of_paths(range(models), heaviest_paths(self.pairs, weight, models))

    def _cut(self, cuts: Sequence[Cut]) -> int:
        """Add the row z(E(S)) <= y(S) - y_k of each cut."""
        columns, signs = [], []
        for models, k in cuts:
            inside = [column for i in models for other, column in self._pairs_at[i].items() if i < other in models]
            visits = [int(self._visit_columns[i]) for i in models if i != k]
            columns.append(np.array(inside + visits, dtype=np.int64))
            signs.append(np.concatenate([np.ones(len(inside)), -np.ones(len(visits))]))
        if cuts:
            self._add(columns, signs, 0.0)
        return len(cuts)

    def _add(self, columns: list[NDArray[np.int64]], signs: list[NDArray[np.float64]], upper: float) -> None:
        start = np.cumsum([0, *map(len, columns)])
        shape = (len(columns), len(self.solver.program.cost))
        rows = sparse.csr_array((np.concatenate(signs), np.concatenate(columns), start), shape=shape)
        self.solver.add_rows(rows, np.full(len(columns), -np.inf), np.full(len(columns), upper))
