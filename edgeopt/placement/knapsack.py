"""The set-union knapsack problem in arrays: the problem of one node, or of one among many when the others stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Knapsack:
    """Items with profits, elements with weights; an item needs all its elements, an element counts once.

    Attributes
    ----------
    profit : numpy.ndarray of float64, shape (items,)
    incidence : numpy.ndarray of bool, shape (items, elements)
    weight : numpy.ndarray of int64, shape (elements,)
    capacity : int
    integral : bool
        Whether all profits are whole numbers.
    """

    profit: NDArray[np.float64]
    incidence: NDArray[np.bool_]
    weight: NDArray[np.int64]
    capacity: int
    integral: bool

    @cached_property
    def elements_of(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Elements of each item: starts, shape (items + 1,), and the elements one item after another."""
        return _rows(self.incidence)

    @cached_property
    def items_of(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Items of each element: starts, shape (elements + 1,), and the items one element after another."""
        return _rows(self.incidence.T)

    @cached_property
    def places(self) -> NDArray[np.int32]:
        """Where each entry of `items_of` stands in `elements_of`."""
        elements = self.elements_of[1]
        return np.argsort(elements, kind="stable").astype(np.int32)

    def weight_of(self, chosen: NDArray[np.bool_]) -> int:
        """Return the weight of the elements that the chosen items need."""
        return int(self.weight[self.incidence[chosen].any(axis=0)].sum())

    def value(self, chosen: NDArray[np.bool_]) -> float:
        """Return the profit of the chosen items."""
        return float(self.profit[chosen].sum())

    def without(self, excluded: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the items that need none of the excluded elements."""
        return np.asarray(~self.incidence[:, excluded].any(axis=1))

    def reduced(self) -> tuple[Knapsack, NDArray[np.int64]]:
        """Drop items without profit or too heavy, and merge elements that the same items need.

        Returns
        -------
        Knapsack
        numpy.ndarray of int64
            The items that are left, by their number here.
        """
        kept = np.flatnonzero((self.profit > 0) & (self.incidence @ self.weight <= self.capacity))
        columns = self.incidence[kept][:, self.weight > 0]
        patterns, group = np.unique(columns, axis=1, return_inverse=True)
        weight = np.zeros(patterns.shape[1], np.int64)
        np.add.at(weight, group.ravel(), self.weight[self.weight > 0])
        needed = patterns.any(axis=0)
        return Knapsack(self.profit[kept], patterns[:, needed], weight[needed], self.capacity, self.integral), kept


def _rows(matrix: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    starts = np.zeros(len(matrix) + 1, np.int32)
    np.cumsum(matrix.sum(axis=1), out=starts[1:])
    columns: NDArray[Any] = np.nonzero(matrix)[1]
    return starts, columns.astype(np.int32)
