"""Pairs of models with blocks in common, and the orders that paths of such pairs make."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.loading.prefixes import Prefixes


def overlapping_pairs(prefixes: Prefixes) -> NDArray[np.int64]:
    """Return the pairs i < k of models with blocks in common, shape (pairs, 2)."""
    above = sparse.triu(sparse.coo_array(prefixes.overlap_s), k=1).tocoo()
    return np.stack([above.row, above.col], axis=1).astype(np.int64)


def heaviest_paths(pairs: NDArray[np.int64], weight: NDArray[np.float64], models: int) -> list[tuple[int, int]]:
    """Choose pairs that form paths, the heaviest first.

    Parameters
    ----------
    pairs : numpy.ndarray of int64, shape (pairs, 2)
    weight : numpy.ndarray, shape (pairs,)
    models : int
        Their number.
    """
    neighbours, path = [0] * models, list(range(models))

    def end(model: int) -> int:
        while path[model] != model:
            path[model] = path[path[model]]
            model = path[model]
        return model

    chosen = []
    for i, k in pairs[np.argsort(-weight, kind="stable")].tolist():
        if neighbours[i] < 2 and neighbours[k] < 2 and end(i) != end(k):
            path[end(i)] = end(k)
            neighbours[i] += 1
            neighbours[k] += 1
            chosen.append((i, k))
    return chosen


def order_of_paths(visited: Iterable[int], pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Lay the paths that the pairs form one after another."""
    neighbours: dict[int, list[int]] = {i: [] for i in visited}
    for i, k in pairs:
        neighbours[i].append(k)
        neighbours[k].append(i)
    order: list[int] = []
    placed: set[int] = set()
    for first in sorted(neighbours, key=lambda i: (len(neighbours[i]), i)):
        current: int | None = first
        while current is not None and current not in placed:
            placed.add(current)
            order.append(current)
            current = next((k for k in neighbours[current] if k not in placed), None)
    return order
