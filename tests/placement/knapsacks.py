"""Seeded small set-union knapsack problems, and their optimum by enumeration."""

from __future__ import annotations

import numpy as np

from edgeopt.placement.knapsack import Knapsack


def random_knapsack(seed: int, items: int = 11) -> Knapsack:
    """Draw a problem with ties, items without elements, elements without items or weight, and any capacity."""
    rng = np.random.default_rng([seed, 9])
    items = int(rng.integers(1, items + 1))
    elements = int(rng.integers(1, 13))
    weight = rng.integers(0, 12, elements)
    integral = bool(rng.random() < 0.7)
    profit = rng.integers(0, 15, items).astype(float)
    return Knapsack(
        profit if integral else profit / 7,
        rng.random((items, elements)) < rng.uniform(0.05, 0.4),
        weight,
        int(weight.sum() * rng.uniform(0, 1.05)),
        integral,
    )


def optimum(knapsack: Knapsack) -> float:
    """Return the largest profit of a set of items whose elements fit; all sets are tried."""
    items = len(knapsack.profit)
    chosen = (np.arange(1 << items)[:, None] >> np.arange(items)) & 1
    needed = chosen @ knapsack.incidence.astype(np.int64) > 0
    fits = (needed * knapsack.weight).sum(axis=1) <= knapsack.capacity
    return float((chosen[fits] @ knapsack.profit).max())
