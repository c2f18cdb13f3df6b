r"""Cuts from single nodes: what a solution of the relaxation stores there is no mixture of sets that fit.

Only the models that the solution stores in part tell whether it is one. So prices p of these models are found first,
at which the solution stores more than the dearest set that fits beside the models that are stored whole,

    maximise sum_i p_i x_i - v    subject to    sum_{i in S} p_i <= v for each set S that fits,  0 <= p <= 1,

by a program that takes up sets where they are missed. Then the other models get prices one after another, each the best
for which the row still holds (lifting): it is a knapsack problem of its own for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import LinearProgram
from edgeopt.placement import union_kernel
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.cuts import Cut, to_one
from edgeopt.placement.node_blocks import NodeBlocks
from edgeopt.placement.program import Program
from edgeopt.placement.union_kernel import FREE, LEFT_OUT, STORED
from edgeopt.run import Run

FRACTION = 1e-6  # closer to 0 or 1 is whole
VIOLATED = 1e-3  # of the largest coefficient; less is not worth a row
MIXED = 1e-4  # prices below 1 at which a solution exceeds all sets by less are no row
LARGEST_PRICE = 40  # of a model stored in part; prices are whole, so that bounds may be rounded
WHOLE = 1e-3  # prices so close to whole are whole
ROUNDING = 1e-6  # more than sums of prices lose
STEPS = 2_000_000  # of a search, divided by what one looks at
MOST_SETS = 200  # of a row, and remembered for the next ones

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]


class NodeCuts:
    """Finds the rows of nodes that a solution of the relaxation breaks.

    Parameters
    ----------
    program : Program
    run : Run
    """

    def __init__(self, program: Program, run: Run) -> None:
        arrays, blocks = program.arrays, NodeBlocks(program.arrays)
        self._columns, self._nodes = [], []
        for node, useful in enumerate(arrays.useful):
            models = np.flatnonzero(useful)
            columns = [program.model_columns[node, int(model)] for model in models]
            self._columns.append(np.array(columns, dtype=np.int64))
            self._nodes.append(NodeCut(make_union(arrays, blocks, node), run))
        self._run = run

    def violated(self, values: Vector, reduced_costs: Vector) -> list[Cut]:
        """Return the rows that a solution breaks, at most one for each node.

        Parameters
        ----------
        values, reduced_costs : numpy.ndarray, shape (columns,)
            The solution; models of small reduced costs are priced first.
        """
        cuts = []
        for columns, node in zip(self._columns, self._nodes, strict=True):
            row = node.broken(values[columns], reduced_costs[columns])
            if row is not None:
                prices, most = row
                priced = np.flatnonzero(prices)
                scale = to_one(prices.max())
                cuts.append(Cut(columns[priced], scale * prices[priced], scale * most))
        return cuts


class NodeCut:
    """The models of one node, and rows that hold for all sets of them that fit.

    Parameters
    ----------
    union : union_kernel.Union
    run : Run
        What ends it ends the search for rows.

    Attributes
    ----------
    steps : int
        After so many a search for the dearest set ends.
    """

    def __init__(self, union: union_kernel.Union, run: Run) -> None:
        self._union, self._run = union, run
        self._search = union_kernel.make_search(union)
        self._held = np.zeros((len(union.own), len(union.size)), np.bool_)
        self._held[np.repeat(np.arange(len(union.own)), np.diff(union.block_start)), union.blocks] = True
        self._bytes = union.own + self._held @ (union.size / np.maximum(1, self._held.sum(axis=0)))
        self._sets = np.zeros((0, len(union.own)), np.bool_)
        self.steps = STEPS // (1 + len(union.own) + len(union.blocks))

    def broken(self, stored: Vector, reduced_costs: Vector) -> tuple[Vector, float] | None:
        """Return whole prices of models and the most that they are worth together, which a solution exceeds; or none.

        Parameters
        ----------
        stored, reduced_costs : numpy.ndarray, shape (models,)
        """
        fate = np.where(stored >= 1 - FRACTION, STORED, np.where(stored <= FRACTION, LEFT_OUT, FREE))
        if self._run.stop_reason() is not None or not (fate == FREE).any():
            return None
        found = self._separated(fate, stored)
        if found is None:
            return None
        prices = _whole(found)
        most = self.most(prices, fate)
        if prices @ stored - most < VIOLATED * prices.max():
            return None
        most = self._lift(prices, most, fate, np.argsort(np.abs(reduced_costs)))
        broken = prices @ stored - most >= VIOLATED * prices.max()
        return (prices, most) if broken and self._run.stop_reason() is None else None

    def most(self, prices: Vector, fate: NDArray[np.int64]) -> float:
        """Bound what a set that fits is worth at whole prices; -1 where what is stored does not fit."""
        return float(np.floor(self._dearest(prices, fate, 1 - ROUNDING) + ROUNDING))

    def _dearest(self, prices: Vector, fate: NDArray[np.int64], rise: float) -> float:
        """Search for the dearest set, which stays in the arrays of the search."""
        search = self._search
        search.fate[:] = np.where((fate == FREE) & (prices <= 0), LEFT_OUT, fate)
        worth = np.where(search.fate == FREE, -prices / np.maximum(self._bytes, 1.0), np.inf)
        search.order[:-1] = np.argsort(worth, kind="stable")
        return float(union_kernel.dearest(self._union, search, prices, rise, self.steps))

    def _separated(self, fate: NDArray[np.int64], stored: Vector) -> Vector | None:
        """Return prices at which the models stored in part exceed all sets that fit beside the stored ones."""
        free = np.flatnonzero(fate == FREE)
        count = len(free)
        program = LinearProgram(
            np.append(stored[free], -1.0),
            np.zeros(count + 1),
            np.append(np.ones(count), count),
            np.zeros(count + 1, np.bool_),
            sparse.csr_array((0, count + 1)),
            np.empty(0),
            np.empty(0),
            maximize=True,
        )
        solver, sets = HighsSolver(program, self._run), self._known(fate)
        for _ in range(MOST_SETS):
            rows = np.column_stack([sets[:, free], np.full(len(sets), -1)]).astype(np.float64)
            solver.add_rows(sparse.csr_array(rows), np.full(len(sets), -np.inf), np.zeros(len(sets)))
            result = solver.solve(relaxed=True)
            if result.values is None or result.objective is None or result.objective < MIXED:
                return None
            prices = np.zeros(len(stored))
            prices[free] = np.where(result.values[:-1] > FRACTION, result.values[:-1], 0.0)
            if self._dearest(prices, fate, FRACTION) <= result.values[-1] + FRACTION:
                break
            sets = self._grown(self._search.best, free[np.argsort(-stored[free])])[None]
            self._sets = np.vstack([self._sets, sets])[-MOST_SETS:]
        return prices

    def _known(self, fate: NDArray[np.int64]) -> Flags:
        """Return the remembered sets that still fit, of the models stored in part and the stored ones."""
        sets = self._sets & (fate == FREE) | (fate == STORED)
        return sets[self._fits(sets)]

    def _grown(self, chosen: Flags, models: Iterable[int]) -> Flags:
        """Return a set that fits with each of the models that still fits beside it."""
        grown = chosen.copy()
        for model in models:
            if not grown[model]:
                grown[model] = True
                grown[model] = self._fits(grown[None])[0]
        return grown

    def _fits(self, sets: Flags) -> Flags:
        needed = sets.astype(np.int64) @ self._held > 0
        fits: Flags = sets @ self._union.own + needed @ self._union.size <= self._union.storage
        return fits

    def _lift(self, prices: Vector, most: float, fate: NDArray[np.int64], order: Iterable[int]) -> float:
        """Price the models that the row takes for stored or left out; return what all are worth at most.

        Without a stored model others may be worth more than before: its price is what they gain, and all of them
        together are worth as much more. With one left out, others are worth less, and its price is what they lose.
        """
        ordered = list(order)
        for model in [*(m for m in ordered if fate[m] == STORED), *(m for m in ordered if fate[m] == LEFT_OUT)]:
            if self._run.stop_reason() is not None:
                break
            stored = fate[model] == STORED
            fate[model] = LEFT_OUT if stored else STORED
            other = self.most(prices, fate)
            prices[model] = max(0.0, other - most if stored else most - other)
            most += prices[model] if stored else 0.0
            fate[model] = FREE
        return most


def make_union(arrays: DemandArrays, blocks: NodeBlocks, node: int) -> union_kernel.Union:
    """Return the models that are useful on a node, and the blocks that they share there, in arrays."""
    models = np.flatnonzero(arrays.useful[node])
    number = {int(model): index for index, model in enumerate(models)}
    own = np.array([blocks.own.get((node, int(model)), 0) for model in models], dtype=np.int64)
    holders: dict[int, list[int]] = {}
    for other, model, block in blocks.needs:
        if other == node:
            holders.setdefault(block, []).append(number[model])
    shared = sorted(holders, key=lambda block: len(holders[block]))
    held = np.zeros((len(models), len(shared)), np.bool_)
    for column, block in enumerate(shared):
        held[holders[block], column] = True
    size = np.array([blocks.shared[node, block] for block in shared], dtype=np.int64)
    return union_kernel.Union(own, *_entries(held), *_entries(held.T), size, int(arrays.storage[node]))


def _entries(matrix: Flags) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    starts = np.append(0, np.cumsum(matrix.sum(axis=1))).astype(np.int64)
    return starts, np.nonzero(matrix)[1].astype(np.int64)


def _whole(prices: Vector) -> Vector:
    """Return whole numbers in the proportion of the prices, or near it where none of up to `LARGEST_PRICE` is."""
    scaled = prices / prices.max()
    for largest in range(1, LARGEST_PRICE + 1):
        whole: Vector = np.round(largest * scaled)
        if np.abs(largest * scaled - whole).max() < WHOLE:
            break
    return whole
