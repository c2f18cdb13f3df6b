r"""Cuts from single nodes: at any prices of models a node stores no more than the best of its own knapsack.

For prices p >= 0 of the models let v be a bound on the set-union knapsack problem of node n with profits p. Then

    sum_i p_i x_ni <= v

holds for every placement. Which p cut off a solution of the relaxation is told by its multipliers: p_i is what a unit
more of x_ni would add to the objective by the demand that it hits. The sum over all nodes is then the Lagrangian bound
that separates the nodes from each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.placement.branch_and_bound import BranchAndBound
from edgeopt.placement.cuts import SMALLEST, Cut, to_one
from edgeopt.placement.knapsack import Knapsack
from edgeopt.placement.program import Placement, Program
from edgeopt.run import Run
from edgeopt.solution import Stopped

MOST_TREE_NODES, LEAST_TREE_NODES = 500, 50  # of the branch and bound on a node; a tree of fewer is not begun
TREE_ENTRIES = 250_000  # nodes times pairs of a model and its blocks
TREE_GAP = 1e-5
VIOLATED = 1e-5  # relative; less is not worth a row
STEPS = 6  # of prices for a row
FIRST_STEP, SHRINKING = 0.3, 0.8  # of the mean price; from step to step

Vector = NDArray[np.float64]
Choice = NDArray[np.bool_]


class NodeCuts:
    """Finds the rows that a solution of the relaxation breaks.

    Parameters
    ----------
    program : Program
    start : numpy.ndarray of bool, shape (nodes, models)
        A feasible placement, from which the trees start.
    run : Run
    """

    def __init__(self, program: Program, start: Placement, run: Run) -> None:
        arrays = program.arrays
        self._arrays, self._run, self._best = arrays, run, start.copy()
        self._models = [np.flatnonzero(useful) for useful in arrays.useful]
        self._columns = [
            np.array([program.model_columns[node, int(model)] for model in models], dtype=np.int64)
            for node, models in enumerate(self._models)
        ]
        entries = 1 + arrays.sharing.incidence.nnz
        self._tree_nodes = min(MOST_TREE_NODES, TREE_ENTRIES // entries)
        self._left = list(range(len(self._models))) if self._tree_nodes >= LEAST_TREE_NODES else []

    def violated(self, values: Vector, gains: Vector) -> list[Cut]:
        """Return the rows that a solution breaks, at most one for each node.

        A node whose tree ended at a limit without a row is not tried again.

        Parameters
        ----------
        values, gains : numpy.ndarray, shape (columns,)
            The solution, and what a unit more of each column would add by the demand that it hits.
        """
        cuts = []
        for node in list(self._left):
            columns = self._columns[node]
            if self._run.stop_reason() is not None or not (gains[columns] > 0).any():
                continue
            scale = to_one(gains[columns].max())
            prices = np.where(scale * gains[columns] > SMALLEST, scale * gains[columns], 0.0)
            cut = self._separated(node, prices, values[columns])
            if cut is not None:
                cuts.append(cut)
        return cuts

    def _separated(self, node: int, prices: Vector, stored: Vector) -> Cut | None:
        """Look for prices at which a node seems to store more than it can, by steps of a subgradient method.

        The excess p x - v(p) is concave in p; where the knapsack's best choice at p is y, x - y is a subgradient. The
        search ends where a row is not followed by one that is broken further.
        """
        step = FIRST_STEP * float(prices[prices > 0].mean())
        broken, cut = VIOLATED, None
        for _ in range(STEPS):
            stopped, most, chosen = self.most(node, prices)
            if prices @ stored > most * (1 + broken):
                broken = float(prices @ stored) / most - 1
                cut = Cut(self._columns[node], prices, most, of_demand=False)
            elif cut is not None:
                break
            if stopped != Stopped.PROVED:
                if cut is None:
                    self._left.remove(node)
                break
            prices = np.maximum(prices + step * (stored - chosen), 0.0)
            prices[prices <= SMALLEST] = 0.0
            step *= SHRINKING
            if not prices.any():
                break
        return cut

    def most(self, node: int, prices: Vector) -> tuple[Stopped, float, Choice]:
        """Bound what a node can store at prices of its useful models; say how the tree ended, and its best choice."""
        arrays, models = self._arrays, self._models[node]
        profit = np.zeros(len(arrays.model_names))
        profit[models] = prices
        storage = int(arrays.storage[node])
        knapsack = Knapsack(profit, arrays.incidence, arrays.sharing.atom_bytes, storage, integral=False)
        tree = BranchAndBound(knapsack, self._best[node])
        stopped = tree.run(self._run.part(gap=TREE_GAP), self._tree_nodes)
        self._best[node] = tree.best
        return stopped, tree.bound, tree.best[models]
