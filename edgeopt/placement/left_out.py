"""Local search over what one node leaves out: elements leave and come back, and items follow."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from edgeopt.placement import left_out_kernel
from edgeopt.placement.knapsack import Knapsack

EASY_ELEMENTS = 200  # up to so many, an iteration costs no more than one over items

Chosen = NDArray[np.bool_]


class LeftOutSearch:
    """A tabu search over the left-out elements of a set-union knapsack, which can be run on and on.

    A few left-out elements decide a solution where the knapsack is nearly large enough for all; then good solutions
    differ in most of them, and exchanges of items hardly lead from one to another.

    Parameters
    ----------
    knapsack : Knapsack
    seed : int
    """

    def __init__(self, knapsack: Knapsack, seed: int) -> None:
        self._all = knapsack
        self.knapsack, self._items = knapsack.reduced()
        total = int(self.knapsack.weight.sum())
        self.union = left_out_kernel.Union(
            *self.knapsack.elements_of,
            *self.knapsack.items_of,
            self.knapsack.profit,
            self.knapsack.weight,
            max(0, total - self.knapsack.capacity),
            0.5 if knapsack.integral else 1e-9 * float(self.knapsack.profit.sum()),
        )
        self.state = left_out_kernel.make_state(self.union, seed)

    def adopt(self, chosen: Chosen) -> None:
        """Go on from a feasible choice of items, shape (items,)."""
        items, state = self.knapsack, self.state
        state.out[:] = ~items.incidence[chosen[self._items]].any(axis=0)
        state.out_weight[0] = items.weight[state.out].sum()
        state.missing[:] = items.incidence[:, state.out].sum(axis=1)
        state.missing_sum[:] = items.incidence @ np.where(state.out, np.arange(len(state.out)), 0)
        lost, won = ((items.profit * (state.missing == count)) @ items.incidence for count in (0, 1))
        state.change[:] = np.where(state.out, won, lost)
        value = items.profit[state.missing == 0].sum()
        state.values[[left_out_kernel.VALUE, left_out_kernel.LOCAL_BEST]] = value
        state.local_best[:] = state.out
        state.clock[left_out_kernel.LAST_GAIN] = state.clock[left_out_kernel.ITERATION]
        if value >= state.values[left_out_kernel.BEST]:
            state.values[left_out_kernel.BEST] = value
            state.best[:] = state.out

    @property
    def value(self) -> float:
        """Profit of the best choice found."""
        return float(self.state.values[left_out_kernel.BEST])

    def run(self, iterations: int, target: float = np.inf) -> Chosen:
        """Search beside so many iterations over items, or until the target is reached.

        An iteration costs the square of the elements; beyond `EASY_ELEMENTS` fewer of them stand beside those others.

        Returns
        -------
        numpy.ndarray of bool, shape (items,)
            The best choice so far.
        """
        share = min(1.0, (EASY_ELEMENTS / max(1, len(self.union.weight))) ** 2)
        left_out_kernel.run(self.union, self.state, ceil(share * iterations), target)
        chosen = np.zeros(len(self._all.profit), np.bool_)
        chosen[self._items] = self.knapsack.without(self.state.best)
        return chosen
