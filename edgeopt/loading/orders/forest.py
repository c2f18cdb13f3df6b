"""The formulation of loading inside HiGHS, with the rows against cycles and the blossom rows that were found so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.running import Result
from edgeopt.loading.orders.blossoms import WHOLE, violated_blossoms
from edgeopt.loading.orders.subtours import Cut, violated_cuts
from edgeopt.loading.overlaps import heaviest_paths, order_of_paths, overlapping_pairs
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.programs import Floats, Integers, first_columns, forest_program
from edgeopt.loading.relaxations import LARGE_TERMS, terms
from edgeopt.run import Run

CUT_MARGIN = 1e-4  # violation from which a row is worth adding
DEADLINE_MARGIN = 2e-6  # in units of the deadline: what takes longer than this beyond it is refuted


@dataclass(frozen=True)
class Point:
    """Values of the formulation by meaning.

    Attributes
    ----------
    values : numpy.ndarray, shape (columns,)
        The values themselves.
    pairs : numpy.ndarray, shape (pairs,)
        How far each pair are neighbours.
    visited : numpy.ndarray, shape (models,)
        How far each model is visited.
    served : numpy.ndarray, shape (models,)
        Users of each model.
    """

    values: NDArray[np.float64]
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
        self._fixed: set[int] = set()
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
            self.solver.change_row_bounds(self._deadline_row, -np.inf, np.inf)  # it is the objective now
            self.solver.change_costs(row.toarray().ravel(), maximize=False)
            self._users_row = program.rows.shape[0]
            self.solver.add_rows(users, np.array([float(number)]), np.array([float(number)]))
        self.solver.change_row_bounds(self._users_row, number, number)

    def fix(self, fixed: Mapping[int, float]) -> None:
        """Give these columns these values, and free those fixed before."""
        columns = sorted(self._fixed | fixed.keys())
        lower = np.array([fixed.get(column, 0.0) for column in columns])
        upper = np.array([fixed.get(column, 1.0) for column in columns])
        if columns:
            self.solver.change_bounds(columns, lower, upper)
        self._fixed = set(fixed)

    def fractional(self, point: Point) -> int | None:
        """Return the column to branch on: of visits, then of users, then of pairs, the one nearest to a half."""
        for columns in (self._visit_columns, np.concatenate(self._user_columns), self._pair_columns):
            values = point.values[columns]
            away = np.minimum(values, 1 - values)
            if away.max(initial=0.0) > WHOLE:
                return int(columns[away.argmax()])
        return None

    def point(self, values: NDArray[np.float64]) -> Point:
        """Read values by meaning."""
        served = np.array([values[columns].sum() for columns in self._user_columns])
        return Point(values, values[self._pair_columns], values[self._visit_columns], served)

    def separate(self, point: Point) -> int:
        """Add rows against cycles, and blossom rows, that a point breaks; return how many."""
        cuts = violated_cuts(self.pairs, point.pairs, point.visited, CUT_MARGIN)
        blossoms = violated_blossoms(self.pairs, point.pairs, point.visited, CUT_MARGIN)
        columns = [np.concatenate([self._pair_columns[row.pairs], self._visit_columns[row.models]]) for row in blossoms]
        signs = [np.repeat([1.0, -1.0], [len(row.pairs), len(row.models)]) for row in blossoms]
        if blossoms:
            self._add(columns, signs, np.array([float(row.upper) for row in blossoms]))
        return self._cut(cuts) + len(blossoms)

    def exclude(self, point: Point) -> None:
        """Add the row that cuts off one integral point, for one that is too late by less than the margin."""
        served = np.round(point.served).astype(np.int64)
        last = np.array([self._user_columns[i][served[i] - 1] for i in np.flatnonzero(served)], dtype=np.int64)
        joined = point.pairs > 0.5
        columns = np.concatenate([last, self._pair_columns])
        signs = np.concatenate([np.ones(len(last)), np.where(joined, 1.0, -1.0)])
        self._add([columns], [signs], np.array([len(last) + joined.sum() - 1.0]))

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
            self._add(columns, signs, np.zeros(len(cuts)))
        return len(cuts)

    def _add(self, columns: list[Integers], signs: list[Floats], upper: Floats) -> None:
        start = np.cumsum([0, *map(len, columns)])
        shape = (len(columns), len(self.solver.program.cost))
        rows = sparse.csr_array((np.concatenate(signs), np.concatenate(columns), start), shape=shape)
        self.solver.add_rows(rows, np.full(len(columns), -np.inf), upper)
