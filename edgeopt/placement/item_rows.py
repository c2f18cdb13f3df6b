r"""Rows of the semidefinite bound for each item: what is left out beside a chosen item weighs as much as at all.

With z_e = 1 where element e is left out and x_i = 1 where item i is chosen, and Y_ie in place of x_i z_e, they say

    D x_i <= sum_e w_e Y_ie <= (D + o) x_i.

The nearest diagonal entry and entries of the item that keep them have a price t each: the entries rise by t w / 2, and
the diagonal entry falls by t D / q, where it counts q times. A negative price is that of the second row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS = 5  # of Newton's method for the prices

Single = NDArray[np.float32]
Vector = NDArray[np.float64]


class ItemRows:
    """Both rows of each item, and their prices.

    Parameters
    ----------
    together : numpy.ndarray of float32, shape (items, elements)
        1 where the item does not need the element, else 0.
    weight : numpy.ndarray, shape (elements,)
    need, excess : float
        D and o.
    count : float
        How often the diagonal entry counts in the distance: q.

    Attributes
    ----------
    prices : numpy.ndarray of float32, shape (items,)
    """

    def __init__(self, together: Single, weight: Vector, need: float, excess: float, count: float) -> None:
        self._weight, self._need, self._most = weight, need, need + excess
        self._together, self._count = together, np.float32(count)
        self._heavy = weight.astype(np.float32)
        self._half: Single = together * (self._heavy * np.float32(0.5))
        self.prices = np.zeros(len(together), np.float32)

    def nearest(self, diagonal: Single, entries: Single) -> tuple[Single, Single]:
        """Return the nearest diagonal entries, shape (items,), and others, shape (items, elements), that keep the rows.

        Prices that Newton's method has not found to the end leave rows broken a little; that does no harm.
        """
        entries = entries * self._together
        chosen, beside = np.maximum(diagonal, 0), np.maximum(entries, 0)
        left_out = beside @ self._heavy
        light, heavy = left_out < self._need * chosen, left_out > self._most * chosen
        sign = light.astype(np.float32) - heavy
        side = np.where(heavy, self._most, self._need).astype(np.float32)
        self.prices = np.zeros_like(self.prices)
        for _ in range(STEPS):
            slope = (beside > 0) * self._half @ self._heavy + np.where(chosen > 0, side**2 / self._count, 0)
            lacks = side * chosen - left_out
            self.prices += np.divide(lacks, slope, out=np.zeros_like(lacks), where=slope > 0) * np.abs(sign)
            self.prices = sign * np.maximum(sign * self.prices, 0)
            chosen = np.maximum(diagonal - self.prices * side / self._count, 0)
            beside = np.maximum(entries + self.prices[:, None] * self._half, 0)
            left_out = beside @ self._heavy
        return chosen, beside

    def priced(self) -> tuple[Vector, NDArray[np.float64]]:
        """Return the sum of the rows times their prices: on the diagonal, and elsewhere."""
        prices = self.prices.astype(np.float64)
        side = np.where(prices < 0, self._most, self._need)
        return prices * side, -prices[:, None] / 2 * self._weight * self._together
