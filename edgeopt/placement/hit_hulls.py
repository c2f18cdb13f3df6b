r"""Cuts from single models: the least concave function above what the model's sets of nodes hit.

If model i is stored on the nodes S, its groups that several nodes reach hit f(S). For any prices pi >= 0

    sum_g w_g h_g <= c + sum_n pi_n x_ni    with    c = max_S f(S) - sum_{n in S} pi_n

holds for every placement. The rows of all prices describe the concave hull of f. Prices that cut off a point x are the
multipliers of the best way to mix sets of nodes,

    maximise sum_S f(S) m_S    subject to    sum_{S with n} m_S <= x_n,  sum_S m_S = 1,  m >= 0.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import UNIT_ROUNDOFF, LinearProgram
from edgeopt.placement.cuts import SMALLEST, Cut, to_one
from edgeopt.placement.program import Program
from edgeopt.run import Run

MOST_NODES = 10  # 1,024 sets; a model that is useful on more keeps the rows of the formulation only
VIOLATED = 1e-6  # of what is hit; less is not worth a row
FRACTION = 1e-6  # closer to 0 or 1 is whole

Vector = NDArray[np.float64]


class HitHull:
    """The sets of nodes of one model, and what each hits.

    Parameters
    ----------
    reach : numpy.ndarray of bool, shape (groups, nodes)
        Groups of the model that several nodes reach, and the nodes that reach any of them.
    weight : numpy.ndarray, shape (groups,)
    run : Run
        What ends it ends the search for prices.
    """

    def __init__(self, reach: NDArray[np.bool_], weight: Vector, run: Run) -> None:
        self.reach, self.weight, self._run = reach, weight, run
        self.scale = to_one(weight.sum())

    @cached_property
    def sets(self) -> NDArray[np.bool_]:
        """All sets of nodes, shape (sets, nodes)."""
        nodes = self.reach.shape[1]
        return (np.arange(2**nodes)[:, None] >> np.arange(nodes) & 1).astype(np.bool_)

    @cached_property
    def hit(self) -> Vector:
        """Scaled weight that each set hits, shape (sets,)."""
        hits: Vector = (self.sets.astype(np.int64) @ self.reach.T.astype(np.int64) > 0) @ (self.scale * self.weight)
        return hits

    @cached_property
    def _mixture(self) -> HighsSolver:
        """The program of the best mixture of sets."""
        sets, nodes = self.sets.shape
        rows = sparse.csr_array(np.vstack([self.sets.T, np.ones(sets)]), dtype=np.float64)
        least, most = np.append(np.full(nodes, -np.inf), 1.0), np.ones(nodes + 1)
        free = np.zeros(sets, np.bool_)
        program = LinearProgram(self.hit, np.zeros(sets), np.full(sets, np.inf), free, rows, least, most, maximize=True)
        return HighsSolver(program, self._run)

    def prices(self, stored: Vector) -> Vector | None:
        """Return the multipliers of the nodes in the best mixture at a point, shape (nodes,); None: out of time."""
        for node, part in enumerate(stored):
            self._mixture.change_row_bounds(node, -np.inf, max(float(part), FRACTION))
        duals = self._mixture.solve(relaxed=True).row_duals
        return None if duals is None else np.where(duals[:-1] > SMALLEST, duals[:-1], 0.0)

    def most(self, prices: Vector) -> float:
        """Return c for the prices, raised by what its sums may have lost to rounding."""
        terms = self.hit.max() + prices.sum()
        error = 2 * (len(self.weight) + len(prices) + 2) * UNIT_ROUNDOFF * terms
        return float((self.hit - self.sets @ prices).max() + error)


class HitHulls:
    """Finds the rows that a point breaks.

    Parameters
    ----------
    program : Program
    run : Run
    """

    def __init__(self, program: Program, run: Run) -> None:
        arrays = program.arrays
        self._hulls: list[tuple[HitHull, NDArray[np.int64], NDArray[np.int64]]] = []
        for model in range(len(arrays.model_names)):
            rows = range(arrays.groups_of[model], arrays.groups_of[model + 1])
            groups = np.array([group for group in rows if group in program.hit_columns], dtype=np.int64)
            nodes = np.flatnonzero(arrays.reach[groups].any(axis=0))
            if len(groups) > 1 and len(nodes) <= MOST_NODES:
                hull = HitHull(arrays.reach[np.ix_(groups, nodes)], arrays.group_weight[groups], run)
                stored = np.array([program.model_columns[int(node), model] for node in nodes])
                self._hulls.append((hull, stored, np.array([program.hit_columns[int(group)] for group in groups])))

    def violated(self, values: Vector) -> list[Cut]:
        """Return the rows that the values of the program's columns break, at most one for each model."""
        cuts = []
        for hull, stored, hits in self._hulls:
            point, hit = values[stored], hull.scale * hull.weight @ values[hits]
            fractional = (point > FRACTION) & (point < 1 - FRACTION)
            prices = hull.prices(point) if fractional.sum() > 1 else None
            if prices is None:
                continue
            most = hull.most(prices)
            if hit - prices @ point > most + VIOLATED * hit:
                coefficients = np.concatenate([hull.scale * hull.weight, -prices])
                cuts.append(Cut(np.concatenate([hits, stored]), coefficients, most))
        return cuts
